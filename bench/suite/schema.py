"""The JSON Schema of a suite file, for editors: everything registered with its options, every setting with what it means."""

import ast
import inspect
import textwrap
import types
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from bench.data import DATASETS
from bench.plots.registry import PLOTS
from bench.recipe import AUGMENTATIONS, OPTIMIZERS, SCHEDULES
from bench.runs import Run
from bench.suite import Suite
from bench.suite.changes import PARTS
from bench.tasks.base import LOSSES
from blocks.head import HEAD_OPTIONS
from blocks.spec import BLOCKS, Entry, Options, Registry
from blocks.spec.options import describe

Json = dict[str, Any]

_NETWORK: Json = {"$ref": "#/$defs/Network"}
_WRITTEN = {"type": "object", "propertyNames": {"pattern": rf"^({'|'.join(PARTS)})(\..+)?$"}}
"""Changes: dotted path → value."""


def schema() -> Json:
    """The JSON Schema of a suite file, for all that is registered now."""
    whole, run = Suite.model_json_schema(), Run.model_json_schema()
    definitions = whole["$defs"] | run["$defs"]
    homes = {"Suite": whole, "Run": run} | definitions
    for model in _models(Suite, Run):
        if model.__name__ in homes:  # one that is read from a short form has a schema of its own
            _describe(homes[model.__name__], model)
    parts = {part: run["properties"][part] for part in PARTS}
    references = {"data": "Data", "network": "Network", "head": "Head"}
    parts |= {part: _reference(name, parts[part]) for part, name in references.items()}
    base = {"type": "object", "properties": parts, "additionalProperties": False}
    changes = _with_keys(_WRITTEN, "from")
    points = {"type": "object", "minProperties": 1, "additionalProperties": _with_keys(_WRITTEN, "match")}
    axis = {"anyOf": [{"type": "array", "minItems": 1}, points]}
    written: Json = {
        "base": base,
        "variants": {"type": "object", "minProperties": 1, "additionalProperties": changes},
        "grid": {"type": "object", "additionalProperties": axis},
        "sweep": {**_WRITTEN, "additionalProperties": {"type": "array", "minItems": 1}},
        "match": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Match"}, {"type": "null"}]},
        "plots": {"anyOf": [{"type": "array", "items": _specs(PLOTS)}, {"type": "null"}]},
    }
    properties = whole["properties"] | {
        name: found | {"description": whole["properties"][name]["description"]} for name, found in written.items()
    }
    required = [name for name in whole["required"] if name != "name"]  # the file's name stands in for it
    definitions |= {"Data": _specs(DATASETS), "Network": _network(), "Head": _head()}
    definitions["Recipe"]["properties"] |= _recipe(definitions["Recipe"]["properties"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **whole,
        "properties": properties,
        "required": required,
        "$defs": {name: definition for name, definition in definitions.items() if name != "Run"},
    }


def _models(*roots: type[BaseModel]) -> list[type[BaseModel]]:
    """The models that these are made of, themselves first."""
    found: dict[type[BaseModel], None] = {}
    todo: list[Any] = list(roots)
    while todo:
        annotation = todo.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation not in found:
                found[annotation] = None
                todo += [field.annotation for field in annotation.model_fields.values()]
        else:
            todo += get_args(annotation)
    return list(found)


def _describe(definition: Json, model: type[BaseModel]) -> None:
    """Adds what stands below each field in the source of its class."""
    meanings: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if issubclass(cls, BaseModel) and cls is not BaseModel:
            meanings |= field_docs(cls)
    for name, found in definition["properties"].items():
        if name in meanings:
            found["description"] = meanings[name]


def field_docs(cls: type) -> dict[str, str]:
    """Field → the string that stands below it in the source of a class, on one line."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    return {
        field.target.id: " ".join(below.value.value.split())
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }


def _reference(name: str, field: Json) -> Json:
    return {"$ref": f"#/$defs/{name}", "description": field["description"]}


def _recipe(fields: Json) -> Json:
    """The fields of a recipe that name what is registered."""
    weight = {"type": "number", "minimum": 0, "description": "What the loss is multiplied by; default 1."}
    terms = {
        entry.name: {
            "anyOf": [{"type": "number", "minimum": 0}, _object({"weight": weight} | _options(entry.options), [])],
            "description": entry.summary,
        }
        for entry in LOSSES.values()
    }
    weighted = _object(terms, [])
    found = {
        "optimizer": _specs(OPTIMIZERS),
        "schedule": _specs(SCHEDULES),
        "augment": {"type": "array", "items": _specs(AUGMENTATIONS)},
        "loss": {"anyOf": [{"enum": list(LOSSES)}, weighted]},
    }
    return {name: found[name] | {"description": fields[name]["description"]} for name in found}


def _with_keys(written: Json, key: str) -> Json:
    pattern = written["propertyNames"]["pattern"]
    properties = {
        "from": {
            "type": ["string", "number", "null"],
            "description": "The variant that this one changes; null: the base.",
        },
        "match": {"$ref": "#/properties/match", "description": "What the networks of this point are made equal in."},
    }
    names = {"propertyNames": {"anyOf": [{"const": key}, {"pattern": pattern}]}}
    return {"type": ["object", "null"], "properties": {key: properties[key]}, **names}


def _network() -> Json:
    chain = _object(
        {"chain": {"type": "array", "items": _NETWORK, "minItems": 1, "description": "One after the other."}}, ["chain"]
    )
    return {"anyOf": [chain, *_specs(BLOCKS)["anyOf"]]}


def _specs(registry: Registry[Any]) -> Json:
    """NAME, or an object for each entry: its name beside its options."""
    return {"anyOf": [{"enum": list(registry)}, *(_entry(registry.key, entry) for entry in registry.values())]}


def _entry(key: str, entry: Entry[Any]) -> Json:
    name = {"const": entry.name, "description": f"The {entry.kind}."}
    return _object({key: name} | _options(entry.options), [key]) | {"description": entry.summary}


def _options(options: Options) -> Json:
    return {name: _type(option.annotation) | {"description": _meaning(option)} for name, option in options.items()}


def _meaning(option: inspect.Parameter) -> str:
    """``a whole number at least 1; default 3``."""
    needed = option.default is option.empty
    return f"{describe(option.annotation)}; {'must be given' if needed else f'default {option.default!r}'}"


def _object(properties: Json, required: list[str]) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _head() -> Json:
    return {
        "type": ["object", "null"],
        "properties": {key: {"description": _meaning(option)} for key, option in HEAD_OPTIONS.items()},
        "additionalProperties": False,
    }


def _type(annotation: Any) -> Json:
    """The schema of an option; one that takes a block is a network or a list of them."""
    if get_origin(annotation) in (Union, types.UnionType):
        return {"anyOf": [_type(member) for member in get_args(annotation)]}
    try:
        found: Mapping[str, Any] = TypeAdapter(annotation).json_schema()
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        return {"anyOf": [_NETWORK, {"type": "array", "items": _NETWORK}]}
    return dict(found)
