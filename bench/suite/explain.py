"""What pydantic found wrong, in our words: one message a place, with what came, what was expected and the nearest name."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from bench.errors import nearest, show

Path = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

_WORDS = {
    "a valid number": "a number",
    "a valid integer": "a whole number",
    "a valid string": "a string",
    "a valid boolean": "true or false",
    "a valid array": "a list",
    "a valid dictionary": "a mapping",
    "an object": "a mapping",
}


def checked(model: type[M], value: Any) -> tuple[M | None, list[tuple[Path, str]]]:
    """The ``model`` that a value from YAML describes, or None and everything that is wrong with it: (path, message).

    Strict: a number in quotes is no number, and true is not 1.
    """
    try:
        return model.model_validate_json(json.dumps(value), strict=True), []
    except ValidationError as error:
        return None, _explain(error, model, value)


def _explain(error: ValidationError, model: type[BaseModel], value: Any) -> list[tuple[Path, str]]:
    """One message a place; the members of a union give one together."""
    found: dict[Path, list[Any]] = {}
    for detail in error.errors(include_url=False):
        found.setdefault(_real_path(detail, value), []).append(detail)
    return [(path, _message(details, model, path)) for path, details in found.items()]


def _real_path(detail: Any, value: Any) -> Path:
    """The error's location less what names a member of a union; where a key is missing, of what should have it."""
    path: list[str | int] = []
    for step in detail["loc"]:
        is_item = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if is_item or (isinstance(value, Mapping) and step in value):
            value = value[step]
            path.append(step)
    return tuple(path)


def _message(details: list[Any], model: type[BaseModel], path: Path) -> str:
    missing = [detail["loc"][-1] for detail in details if detail["type"] == "missing"]
    if missing:
        is_item = isinstance(missing[-1], int)
        return f"expected {missing[-1] + 1} items" if is_item else f"needs {' and '.join(map(repr, missing))}"
    first = details[0]
    if first["type"] == "extra_forbidden":
        owner = ".".join(map(str, path[:-1])) or "a suite"
        return f"{path[-1]!r} is not a key of {owner}{nearest(path[-1], _fields(model, path[:-1]))}"
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    expected = " or ".join(dict.fromkeys(_expected(detail) for detail in details))
    words = [word for detail in details for word in _literals(detail)]
    hint = nearest(first["input"], words) if words else ""
    return f"expected {expected}, got {show(first['input'])}{hint if 'did you' in hint else ''}"


def _expected(detail: Any) -> str:
    text = str(detail["msg"]).removeprefix("Input should be ")
    for theirs, ours in _WORDS.items():
        if text.startswith(theirs):
            return ours
    if text.startswith(("greater", "less")):
        return f"a number {text}"
    if detail["type"] in ("too_short", "too_long"):
        bound = "least" if detail["type"] == "too_short" else "most"
        length = detail["ctx"].get("min_length", detail["ctx"].get("max_length"))
        return f"at {bound} {length} item{'s' if length != 1 else ''}"
    return text


def _literals(detail: Any) -> Iterator[str]:
    if detail["type"] == "literal_error":
        yield from (word.strip("'") for word in str(detail["ctx"]["expected"]).replace(" or ", ", ").split(", "))


def _fields(model: type[BaseModel], path: Path) -> Iterable[str]:
    """The names that the model at ``path`` inside ``model`` knows."""
    inner = [model]
    for step in path:
        found = [_models(member.model_fields[step].annotation) for member in inner if step in member.model_fields]
        inner = [other for others in found for other in others] or inner
    return {name for member in inner for name in member.model_fields}


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
