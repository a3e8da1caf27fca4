"""``bench upgrade FILE``: a suite that was written for an earlier version, rewritten in place; comments and layout stay.

Only the spans of the file that are spelt otherwise now are replaced: fields of a recipe that became options of its optimizer,
schedule or loss, and the augmentations, which are a list.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bench.errors import UserError
from bench.runs.migration import AUGMENTATIONS, MOVED, USED
from bench.store import write_if_changed
from bench.suite.recipes import DEFAULT_OF
from bench.suite.source import Source, read


@dataclass(frozen=True)
class Edit:
    """A span of the text and what replaces it."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Entry:
    """A key of a mapping with its value, as nodes."""

    key: ScalarNode
    value: Node

    @property
    def name(self) -> str:
        """The key as it is written."""
        return str(self.key.value)


def upgrade(file: Path) -> list[str]:
    """Rewrites a suite file where it has to be, and says what was rewritten: one line a place. Raises ``UserError``."""
    source = read(file)
    text, places = upgraded(source)
    if places:
        write_if_changed(file, text)
    return places


def upgraded(source: Source) -> tuple[str, list[str]]:
    """The text of a suite file as it is written now, and one line for each place that was rewritten."""
    if not isinstance(source.root, MappingNode) or not isinstance(source.value, Mapping):
        raise UserError(f"{source.file}: expected a suite, a mapping with 'base' and 'variants'")
    writer = _Writer(source)
    edits = sorted(writer.edits(source.root), key=lambda edit: edit.start)
    text = source.text
    for edit in reversed(edits):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text, writer.places


class _Writer:
    """Finds what is to be rewritten in one file."""

    def __init__(self, source: Source) -> None:
        self._text, self._file = source.text, source.file
        self._base = _mapping(_mapping(source.value.get("base")).get("recipe"))
        self._variants = _mapping(source.value.get("variants"))
        self.places: list[str] = []

    def edits(self, root: MappingNode) -> Iterator[Edit]:
        """The edits of every part of a suite that holds a recipe or paths into one."""
        for entry in _entries(root):
            match entry.name:
                case "base":
                    for inner in _entries(entry.value):
                        if inner.name == "recipe":
                            yield from self._recipe(inner.value, {}, "base.recipe")
                case "variants":
                    for inner in _entries(entry.value):
                        yield from self._changes(inner.value, self._inherited(inner.name), f"variants.{inner.name}")
                case "grid" | "sweep":
                    yield from self._axes(entry.value, entry.name)
                case "tune":
                    yield from self._tune(entry.value)
                case "claims":
                    for item in entry.value.value if isinstance(entry.value, SequenceNode) else ():
                        for inner in _entries(item):
                            if inner.name in ("optimum", "grid"):
                                yield from self._axes(inner.value, "claims")

    def _tune(self, node: Node) -> Iterator[Edit]:
        for entry in _entries(node):
            if entry.name == "space":
                yield from self._axes(entry.value, "tune.space")
            elif entry.name == "space_for":
                for inner in _entries(entry.value):
                    yield from self._axes(inner.value, f"tune.space_for.{inner.name}")

    def _axes(self, node: Node, place: str) -> Iterator[Edit]:
        """Axes by path, whose keys are renamed, and named axes, whose points are changes."""
        for entry in _entries(node):
            path = entry.name.split(".")
            if path[0] != "recipe" or len(path) < 2:
                for point in _entries(entry.value):
                    yield from self._changes(point.value, self._base, f"{place}.{entry.name}.{point.name}")
            elif path[1] in MOVED:
                yield self._edit(entry.key, f"recipe.{'.'.join(MOVED[path[1]])}", f"{place}.{entry.name}")
            elif path[1] == "label_smoothing":
                yield self._edit(entry.key, "recipe.loss.cross_entropy.label_smoothing", f"{place}.{entry.name}")
            elif path[1] == "augment" and len(path) == 3 and isinstance(entry.value, SequenceNode):
                yield self._edit(entry.key, "recipe.augment", f"{place}.{entry.name}")
                for item in entry.value.value:
                    listed = _augment_list({**_mapping(self._base.get("augment")), path[2]: self._source(item)})
                    yield Edit(item.start_mark.index, _end(item), listed)

    def _changes(self, node: Node, inherited: Mapping[str, Any], place: str) -> Iterator[Edit]:
        """A mapping from dotted paths to values."""
        entries = _entries(node)
        for entry in entries:
            if entry.name == "recipe":
                yield from self._recipe(entry.value, {}, f"{place}.recipe")
        fields = {entry.name.removeprefix("recipe."): entry for entry in entries if entry.name.startswith("recipe.")}
        yield from self._fields(node, fields, inherited, place, "recipe.")

    def _recipe(self, node: Node, inherited: Mapping[str, Any], place: str) -> Iterator[Edit]:
        """A recipe written as a mapping."""
        yield from self._fields(node, {entry.name: entry for entry in _entries(node)}, inherited, place, "")

    def _fields(
        self, node: Node, fields: Mapping[str, Entry], inherited: Mapping[str, Any], place: str, prefix: str
    ) -> Iterator[Edit]:
        new: dict[str, tuple[list[str], str]] = {}  # new key → the earlier fields that it stands for, its text
        for spec in DEFAULT_OF:
            used = [name for name in fields if name in MOVED and MOVED[name][0] == spec]
            carried = self._carried(spec, fields, inherited) if prefix and spec in fields else {}
            if prefix and used and spec not in fields:  # paths into what was set above
                new |= {f"{prefix}{'.'.join(MOVED[name])}": ([name], self._source(fields[name].value)) for name in used}
            elif used or carried:
                new[f"{prefix}{spec}"] = ([spec, *used], self._spec(spec, used, fields, carried))
        if "label_smoothing" in fields:
            smoothing = self._source(fields["label_smoothing"].value)
            new[f"{prefix}loss"] = (["label_smoothing"], f"{{cross_entropy: {{label_smoothing: {smoothing}}}}}")
        augments = {name: entry for name, entry in fields.items() if name.split(".")[0] == "augment"}
        if augments and (text := self._augment(augments, _mapping(inherited.get("augment")))):
            new[f"{prefix}augment"] = ([*augments], text)
        if new:
            yield from self._replaced(node, fields, new)
            self.places.append(f"{self._file}:{node.start_mark.line + 1}: {place}: {', '.join(new)}")

    def _spec(self, spec: str, used: Iterable[str], fields: Mapping[str, Entry], carried: Mapping[str, str]) -> str:
        name = self._source(fields[spec].value) if spec in fields else DEFAULT_OF[spec]
        options = {MOVED[field][1]: self._source(fields[field].value) for field in used} | dict(carried)
        return f"{{name: {name}{''.join(f', {key}: {value}' for key, value in options.items())}}}"

    def _carried(self, spec: str, fields: Mapping[str, Entry], inherited: Mapping[str, Any]) -> dict[str, str]:
        """Options that a variant had from what it is made of, and that a new name alone would now put back to their default."""
        name = self._source(fields[spec].value)
        return {
            MOVED[field][1]: str(value)
            for field, value in inherited.items()
            if field in MOVED and field in USED.get(name, ()) and field not in fields
        }

    def _augment(self, augments: Mapping[str, Entry], inherited: Mapping[str, Any]) -> str:
        """The list of augmentations; nothing where it is a list already."""
        whole = augments.get("augment")
        if whole is not None:
            if not isinstance(whole.value, MappingNode):
                return ""
            return _augment_list({entry.name: self._source(entry.value) for entry in _entries(whole.value)})
        own = {name.partition(".")[2]: self._source(entry.value) for name, entry in augments.items()}
        return _augment_list({**inherited, **own})

    def _replaced(
        self, node: Node, fields: Mapping[str, Entry], new: Mapping[str, tuple[list[str], str]]
    ) -> Iterator[Edit]:
        """Each new key in the place of the first field that it stands for; the others go."""
        entries = _entries(node)
        gone: set[str] = set()
        for key, (names, text) in new.items():
            present = sorted(
                (fields[name] for name in names if name in fields), key=lambda entry: entry.key.start_mark.index
            )
            first, *others = present
            yield Edit(first.key.start_mark.index, _end(first.value), f"{key}: {text}")
            gone |= {other.name for other in others}
        for i, entry in enumerate(entries):
            if entry.name in gone:
                yield self._without(entry, entries[i - 1], flow=isinstance(node, MappingNode) and bool(node.flow_style))

    def _without(self, entry: Entry, before: Entry, *, flow: bool) -> Edit:
        """An entry that is not the first goes, in a flow mapping with the comma before it, else with its lines."""
        if flow:
            return Edit(_end(before.value), _end(entry.value), "")
        start = self._text.rfind("\n", 0, entry.key.start_mark.index) + 1
        end = self._text.find("\n", _end(entry.value))
        return Edit(start, len(self._text) if end < 0 else end + 1, "")

    def _inherited(self, name: str) -> dict[str, Any]:
        """The fields of the recipe that a variant is made from."""
        above, chain = _mapping(self._variants.get(name)).get("from"), []
        while above is not None and str(above) in self._variants and above not in chain:
            chain.append(str(above))
            above = _mapping(self._variants[str(above)]).get("from")
        recipe = dict(self._base)
        for variant in reversed(chain):
            for path, value in _mapping(self._variants[variant]).items():
                if path == "recipe":
                    recipe = dict(_mapping(value))
                elif path.startswith("recipe.") and path.count(".") == 1:
                    recipe[path.removeprefix("recipe.")] = value
        return recipe

    def _edit(self, key: Node, text: str, place: str) -> Edit:
        self.places.append(f"{self._file}:{key.start_mark.line + 1}: {place}: {text}")
        return Edit(key.start_mark.index, key.end_mark.index, text)

    def _source(self, node: Node) -> str:
        return self._text[node.start_mark.index : _end(node)]


def _augment_list(fields: Mapping[str, Any]) -> str:
    """The list that earlier fields of ``augment`` stand for, in the order in which they were applied."""
    on = {
        name: fields[name]
        for name in AUGMENTATIONS
        if str(fields.get(name, 0)).lower() not in ("0", "0.0", "none", "false")
    }
    specs = (f"{{name: {name}{f', {option}: {on[name]}' if (option := AUGMENTATIONS[name]) else ''}}}" for name in on)
    return f"[{', '.join(specs)}]"


def _entries(node: Node) -> list[Entry]:
    if not isinstance(node, MappingNode):
        return []
    return [Entry(key, value) for key, value in node.value if isinstance(key, ScalarNode)]


def _end(node: Node) -> int:
    """Where the text of a node ends; that of a block collection with its last scalar."""
    if isinstance(node, MappingNode) and not node.flow_style and node.value:
        return _end(node.value[-1][1])
    if isinstance(node, SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1])
    return int(node.end_mark.index)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
