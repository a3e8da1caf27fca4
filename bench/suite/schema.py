"""The JSON Schema of a suite file, for editors: every block and data set with its options, every setting of a run."""

import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from bench.data import DATASETS
from bench.runs import Run
from bench.suite import Suite
from bench.suite.changes import PARTS
from blocks.head import resolve_head
from blocks.spec import BLOCKS

Json = dict[str, Any]

_NETWORK: Json = {"$ref": "#/$defs/Network"}
_WRITTEN = {"type": "object", "propertyNames": {"pattern": rf"^({'|'.join(PARTS)})(\..+)?$"}}
"""Changes: dotted path → value."""


def schema() -> Json:
    """The JSON Schema of a suite file, for the blocks and data sets that are registered now."""
    whole, run = Suite.model_json_schema(), Run.model_json_schema()
    parts = {part: run["properties"][part] for part in PARTS}
    parts |= {"data": {"$ref": "#/$defs/Data"}, "network": _NETWORK, "head": {"$ref": "#/$defs/Head"}}
    base = {"type": "object", "properties": parts, "additionalProperties": False}
    changes = _with_keys(_WRITTEN, "from")
    points = {"type": "object", "minProperties": 1, "additionalProperties": _with_keys(_WRITTEN, "match")}
    axis = {"anyOf": [{"type": "array", "minItems": 1}, points]}
    properties = whole["properties"] | {
        "base": base,
        "variants": {"type": "object", "minProperties": 1, "additionalProperties": changes},
        "grid": {"type": "object", "additionalProperties": axis},
        "sweep": {**_WRITTEN, "additionalProperties": {"type": "array", "minItems": 1}},
        "match": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Match"}, {"type": "null"}]},
    }
    required = [name for name in whole["required"] if name != "name"]  # the file's name stands in for it
    definitions = whole["$defs"] | run["$defs"] | {"Data": _data(), "Network": _network(), "Head": _head()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **whole,
        "properties": properties,
        "required": required,
        "$defs": {name: definition for name, definition in definitions.items() if name != "Run"},
    }


def _with_keys(written: Json, key: str) -> Json:
    pattern = written["propertyNames"]["pattern"]
    properties = {"from": {"type": ["string", "number", "null"]}, "match": {"$ref": "#/properties/match"}}
    names = {"propertyNames": {"anyOf": [{"const": key}, {"pattern": pattern}]}}
    return {"type": ["object", "null"], "properties": {key: properties[key]}, **names}


def _network() -> Json:
    chain = {
        "type": "object",
        "properties": {"chain": {"type": "array", "items": _NETWORK, "minItems": 1}},
        "required": ["chain"],
        "additionalProperties": False,
    }
    return {"anyOf": [chain, *(_entry("block", entry) for entry in BLOCKS.values())]}


def _data() -> Json:
    return {"anyOf": [_entry("name", entry) for entry in DATASETS.values()]}


def _entry(key: str, entry: Any) -> Json:
    """A registered block or data set: its name under ``key``, beside its options."""
    options = {name: _type(option.annotation) for name, option in entry.options.items()}
    return {
        "type": "object",
        "description": entry.summary,
        "properties": {key: {"const": entry.name}, **options},
        "required": [key],
        "additionalProperties": False,
    }


def _head() -> Json:
    return {
        "type": ["object", "null"],
        "properties": {key: {} for key in resolve_head()},
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
