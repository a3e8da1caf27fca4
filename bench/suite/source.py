"""A YAML file and where in it each value stands: read once, safely, by the rules of YAML 1.2."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bench.errors import Problem, SuiteError, UserError, show

FilePath = tuple[str | int, ...]
"""Keys and item numbers from the root of the file to a value."""

_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null")}
_GROUPS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_TEXT = {f"tag:yaml.org,2002:{name}" for name in ("str", "timestamp", "value", "merge")}
_MOST_VALUES = 200_000
"""More than any suite holds; aliases of aliases would otherwise grow without end."""


@dataclass(frozen=True)
class Source:
    """The text of a file, its value (dicts with string keys, lists, strings, finite numbers, booleans, None) and its places."""

    file: str
    text: str
    value: Any
    root: Node | None = field(repr=False)

    def problem(self, path: FilePath, message: str) -> Problem:
        """A problem at ``path``, or at the nearest place above it that is written in the file."""
        line, column = self.place(path)
        return Problem(line, column, ".".join(map(str, path)), message)

    def place(self, path: FilePath) -> tuple[int, int]:
        """Line and column, from 1, of the key (or list item) at ``path``; (0, 0) where there is no file."""
        if self.root is None:
            return 0, 0
        node, mark = self.root, self.root.start_mark
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            mark, node = found
        return mark.line + 1, mark.column + 1


def read(path: Path) -> Source:
    """Reads a YAML file. Raises ``UserError`` where there is none, ``SuiteError`` with all that is wrong with its YAML."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        message = f"expected UTF-8 text, got the byte 0x{data[error.start]:02x}"
        raise SuiteError(str(path), [Problem(line, column, "", message)]) from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Source:
    """Parses YAML. Raises ``SuiteError`` with one syntax error, or with every duplicate key, tag and number that cannot be."""
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
    except (YAMLError, RecursionError) as error:
        raise SuiteError(file, [_syntax_problem(error, text)]) from error
    if root is None:
        raise SuiteError(file, [Problem(1, 1, "", "the file is empty; a suite has at least 'base' and 'variants'")])
    reader = _Reader(yaml, Source(file, text, None, root))
    value = reader.value(root, (), ())
    if reader.problems:
        raise SuiteError(file, reader.problems)
    return Source(file, text, value, root)


def from_value(value: Any, file: str) -> Source:
    """A Source of a Python value, as JSON (which is YAML); its problems have no line. Raises ``SuiteError``."""
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SuiteError(file, [Problem(0, 0, "", f"expected only what JSON can hold: {error}")]) from error
    return Source(file, text, json.loads(text), None)


class _Reader:
    """Makes values of nodes; a problem does not stop it."""

    def __init__(self, yaml: YAML, source: Source) -> None:
        self._yaml = yaml
        self._source = source
        self._count = 0
        self.problems: list[Problem] = []

    def value(self, node: Node, path: FilePath, above: tuple[Node, ...]) -> Any:
        self._count += 1
        if self._count > _MOST_VALUES:
            if self._count == _MOST_VALUES + 1:
                self._add((), f"expected a suite, got more than {_MOST_VALUES:,} values")
            return None
        if any(node is other for other in above):
            self._add(path, "an alias cannot hold itself")
            return None
        if node.tag not in _PLAIN | _TEXT | _GROUPS:
            self._add(path, f"expected plain YAML, got the tag {_short(node)}")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path, (*above, node))
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, i), (*above, node)) for i, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: FilePath, above: tuple[Node, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, item in node.value:
            line, column = key.start_mark.line + 1, key.start_mark.column + 1
            name = key.value if isinstance(key, ScalarNode) else None
            where = ".".join(map(str, (*path, name or "?")))
            if name is None:
                self.problems.append(Problem(line, column, where, "expected a word as key, got a list or a mapping"))
            elif name in lines:
                self.problems.append(Problem(line, column, where, f"{name!r} is already set in line {lines[name]}"))
            else:
                lines[name] = line
                result[name] = self.value(item, (*path, name), above)
        return result

    def _scalar(self, node: Node, path: FilePath) -> Any:
        if node.tag in _TEXT:
            return node.value
        try:
            value = self._yaml.constructor.construct_object(node)
        except (YAMLError, ValueError, KeyError):
            self._add(path, f"expected {_short(node)}, got {show(node.value)}")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._add(path, f"expected a finite number, got {node.value}")
            return None
        return value

    def _add(self, path: FilePath, message: str) -> None:
        self.problems.append(self._source.problem(path, message))


def _short(node: Node) -> str:
    return str(node.tag).replace("tag:yaml.org,2002:", "!!")


def _child(node: Node, step: str | int) -> tuple[Any, Node] | None:
    """Where the key or item ``step`` of a node stands, and its value."""
    if isinstance(node, MappingNode):
        return next(((key.start_mark, item) for key, item in node.value if key.value == step), None)
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark, node.value[step]
    return None


def _syntax_problem(error: Exception, text: str) -> Problem:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        hint = "; YAML is indented with spaces, not with tabs" if "\\t" in str(error.problem) else ""
        context = f"{error.context}: " if error.context else ""
        return Problem(mark.line + 1, mark.column + 1, "", f"not YAML: {context}{error.problem}{hint}")
    position = getattr(error, "position", None)
    if isinstance(position, int):  # a character that YAML does not allow
        line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
        return Problem(line, column, "", f"not YAML: the character U+{ord(text[position]):04X} is not allowed")
    return Problem(1, 1, "", f"not YAML: {'nested too deeply' if isinstance(error, RecursionError) else error}")
