"""The registry: a thing's name is its function's name, its options are its keyword arguments.

Whatever a user may vary is a *spec*: ``NAME`` or ``{name: NAME, option: value, …}`` (``block`` in place of ``name`` for a block),
with specs nested where an option takes a block. One registry a kind (block, data set, optimizer, …) holds the functions;
``resolve`` checks a spec and fills in every default, ``bind`` gives the function with its options, ``minimal`` leaves out what
equals its default. Nothing here needs torch.
"""

import functools
import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar, cast, get_args

from blocks.spec.errors import Path, Problem, SpecError, nearest, show
from blocks.spec.options import canonical, describe, fits, suggestion, takes_block, takes_blocks, takes_stage

Spec = Mapping[str, Any]
Options = Mapping[str, inspect.Parameter]
Promises = Mapping[tuple[str, str, str], Any]
"""(kind, name, option) → the value that its absence stands for in an id, where that is not the default of today."""
BOUND = 256
"""How many bound functions a registry remembers."""
F = TypeVar("F", bound=Callable[..., Any])
G = TypeVar("G", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry(Generic[F]):
    """What is registered under a name: its function, its options, and what its decorator says about it."""

    kind: str
    name: str
    build: F
    options: dict[str, inspect.Parameter]
    about: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.build) or "").partition("\n")[0]

    @property
    def example(self) -> dict[str, Any] | None:
        """Options that the contract test builds it with."""
        return self.about.get("example")

    @property
    def is_stage(self) -> bool:
        """Whether it is a block that takes a width and a stride, and so can be part of a skeleton."""
        return {"width", "stride"} <= self.options.keys()


class Registry(MutableMapping[str, Entry[F]]):
    """Name → entry of one kind of thing.

    The module ``home``, or the modules of that package, are imported when an entry is first looked up, and register theirs.
    """

    def __init__(
        self, kind: str, *, key: str = "name", home: str = "", takes: int = 0, has_defaults: bool = True
    ) -> None:
        """``takes``: how many arguments a function has before its options; ``has_defaults``: whether these must have defaults."""
        self.kind, self.key, self._home, self._takes, self._has_defaults = kind, key, home, takes, has_defaults
        self._entries: dict[str, Entry[F]] = {}
        self._bound = functools.lru_cache(maxsize=BOUND)(lambda key: self._bind(self.resolve(json.loads(key))))

    def register(
        self, build: G, *, name: str = "", takes: int | None = None, shares: type | None = None, **about: Any
    ) -> G:
        """Registers a function under its own name (or ``name``).

        Its options are its keyword-only arguments after the first ``takes`` (by default as many as all of this kind have), and
        the fields of the dataclass ``shares``, which it takes as ``**options``.
        Raises ``ValueError`` where the name is taken, or an option is not keyword-only, not annotated or, where all options of
        this kind have defaults, has none.
        """
        name = name or build.__name__
        takes = self._takes if takes is None else takes
        options = options_of(build, f"{self.kind} {name!r}", takes, has_defaults=self._has_defaults, shares=shares)
        known = self._entries.get(name)
        if known and _place(known.build) != _place(build):
            raise ValueError(f"{self.kind} {name!r} is already registered by {known.build.__module__}")
        self[name] = Entry(self.kind, name, cast(F, build), options, about)
        return build

    def __getitem__(self, name: str) -> Entry[F]:
        """The entry. Raises ``KeyError``."""
        return self._found()[name]

    def __setitem__(self, name: str, entry: Entry[F]) -> None:
        self._entries[name] = entry
        self._bound.cache_clear()

    def __delitem__(self, name: str) -> None:
        del self._entries[name]
        self._bound.cache_clear()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._found()))

    def __len__(self) -> int:
        return len(self._found())

    def get_entry(self, name: Any, path: Path = (), root: str = "") -> Entry[F]:
        """The entry. Raises ``SpecError`` with the nearest name where there is none."""
        if not isinstance(name, str) or name not in self:
            raise SpecError([Problem(path, self.unknown(name))], root or self.kind)
        return self[name]

    def unknown(self, name: Any) -> str:
        """The message for a name that nobody registered."""
        return f"{show(name)} is not {_article(self.kind)}{nearest(name, self)}"

    def resolve(self, spec: Any, path: Path = (), *, root: str = "") -> dict[str, Any]:
        """The spec with every default filled in, as JSON has it. Raises ``SpecError`` with all its problems and their paths."""
        problems: list[Problem] = []
        resolved = self._resolve(spec, path, problems)
        if problems:
            raise SpecError(problems, root or self.kind)
        return resolved

    def bind(self, spec: Any) -> Callable[..., Any]:
        """The function that a spec names, with its options bound; lists become tuples. Raises ``SpecError``.

        Bound functions are remembered: losses and schedules are asked for at every step.
        """
        return self._bound(json.dumps(spec))

    def knows(self, spec: Any) -> bool:
        """Whether every name in a spec is registered."""
        name = self._mapping(spec).get(self.key) if isinstance(spec, str | Mapping) else None
        return isinstance(name, str) and name in self

    def minimal(self, spec: Any, promises: Promises) -> dict[str, Any]:
        """The spec without the options that stand at their default. Raises ``SpecError``."""
        spec = self._mapping(spec)
        entry = self.get_entry(spec.get(self.key))
        return {self.key: entry.name} | minimal_options(
            {key: value for key, value in spec.items() if key != self.key},
            entry.options,
            (self.kind, entry.name),
            promises,
        )

    def _found(self) -> dict[str, Entry[F]]:
        if self._home:
            home, self._home = self._home, ""  # at once: the modules that register look names up too
            try:
                module = importlib.import_module(home)
                for part in pkgutil.iter_modules(getattr(module, "__path__", ())):
                    importlib.import_module(f"{home}.{part.name}")
            except BaseException:  # whatever stops it, Ctrl-C too: half a registry must not pass for the whole
                self._home = home
                raise
        return self._entries

    def _mapping(self, spec: Any) -> dict[str, Any]:
        return {self.key: spec} if isinstance(spec, str) else dict(spec)

    def _expected(self, spec: Any) -> str:
        return f"expected NAME or {{{self.key}: NAME, …}}, got {show(spec)}"

    def _resolve(self, spec: Any, path: Path, problems: list[Problem]) -> dict[str, Any]:
        if not isinstance(spec, str | Mapping) or self.key not in self._mapping(spec):
            problems.append(Problem(path, self._expected(spec)))
            return {}
        given = self._mapping(spec)
        name = given.pop(self.key)
        if not isinstance(name, str) or name not in self:
            problems.append(Problem(path if isinstance(spec, str) else (*path, self.key), self.unknown(name)))
            return {}
        return {self.key: name} | resolve_options(given, self[name].options, name, path, problems)

    def _bind(self, spec: Spec) -> Callable[..., Any]:
        entry = self[spec[self.key]]
        return partial(entry.build, **{
            name: _bind_option(value, entry.options[name].annotation) for name, value in spec.items() if name != self.key
        })  # fmt: skip


class BlockRegistry(Registry[F]):
    """Blocks, which are also written in a row: ``{chain: [spec, …]}`` is one block after the other."""

    def __init__(self, kind: str, *, home: str) -> None:
        super().__init__(kind, key="block", home=home, takes=1, has_defaults=False)

    def resolve(self, spec: Any, path: Path = (), *, root: str = "network") -> dict[str, Any]:
        """As of any registry."""
        return super().resolve(spec, path, root=root)

    def minimal(self, spec: Any, promises: Promises) -> dict[str, Any]:
        """As of any registry, at any depth of chains."""
        if isinstance(spec, Mapping) and "chain" in spec:
            return {"chain": [self.minimal(part, promises) for part in spec["chain"]]}
        return super().minimal(spec, promises)

    def knows(self, spec: Any) -> bool:
        """As of any registry, at any depth."""
        names = [*self.names(spec)]
        return bool(names) and all(isinstance(name, str) and name in self for name in names)

    def names(self, spec: Any) -> Iterator[Any]:
        """Every name of a block that a resolved spec holds, at any depth."""
        if isinstance(spec, Mapping):
            if "block" in spec:
                yield spec["block"]
            for value in spec.values():
                yield from self.names(value)
        elif isinstance(spec, list | tuple):
            for part in spec:
                yield from self.names(part)

    def _expected(self, spec: Any) -> str:
        return f"expected NAME, {{block: NAME, …}} or {{chain: [ … ]}}, got {show(spec)}"

    def _resolve(self, spec: Any, path: Path, problems: list[Problem], *, as_stage: bool = False) -> dict[str, Any]:
        if isinstance(spec, Mapping) and "chain" in spec:
            return self._resolve_chain(spec, path, as_stage, problems)
        name = self._mapping(spec).get("block") if isinstance(spec, str | Mapping) else None
        if not as_stage or not isinstance(name, str) or name not in self:
            return super()._resolve(spec, path, problems)
        if not self[name].is_stage:
            problems.append(Problem((*path, "block"), self._no_stage(name)))
            return {}
        given, options = self._mapping(spec), dict(self[name].options)
        del given["block"]
        for key in ("width", "stride"):
            options.pop(key)
            if given.pop(key, None) is not None:
                problems.append(Problem((*path, key), f"{key!r} of a stage is set by the block it is part of"))
        return {"block": name} | resolve_options(given, options, name, path, problems)

    def _no_stage(self, name: str) -> str:
        missing = " and no ".join(word for word in ("width", "stride") if word not in self[name].options)
        stages = [other.name for other in self.values() if other.is_stage]
        return f"{name!r} cannot be a stage: it has no {missing}; stages are {', '.join(stages)}"

    def _resolve_chain(self, spec: Spec, path: Path, as_stage: bool, problems: list[Problem]) -> dict[str, Any]:
        if "block" in spec:
            problems.append(Problem(path, self._expected(dict(spec))))
            return {}
        if as_stage:
            problems.append(Problem(path, "a chain cannot be a stage: it has no width and no stride"))
        if extra := spec.keys() - {"chain"}:
            problems.append(Problem(path, f"a chain has no options, got {', '.join(sorted(map(str, extra)))}"))
        parts = spec["chain"]
        if not isinstance(parts, list | tuple) or not parts:
            problems.append(Problem((*path, "chain"), f"expected a list of blocks, got {show(parts)}"))
            return {}
        return {"chain": [self._resolve(part, (*path, "chain", i), problems) for i, part in enumerate(parts)]}

    def _bind(self, spec: Spec) -> Callable[..., Any]:
        if "chain" not in spec:
            return super()._bind(spec)
        from blocks.shape import chain  # runs modules, so it needs torch

        blocks = [self._bind(part) for part in spec["chain"]]
        return lambda in_shape: chain(in_shape, *blocks)


BLOCKS: BlockRegistry[Callable[..., Any]] = BlockRegistry("block", home="blocks")


def options_of(
    build: Callable[..., Any], who: str, takes: int = 1, *, has_defaults: bool = False, shares: type | None = None
) -> dict[str, inspect.Parameter]:
    """The arguments of a function after its first ``takes``, and those of ``shares`` that are not its own.

    Raises ``ValueError`` as ``Registry.register`` does.
    """
    options = {}
    parameters = [*inspect.signature(build).parameters.values()][takes:]
    if shares is not None:
        own = [parameter for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
        names = {parameter.name for parameter in own}
        shared = inspect.signature(shares).parameters.values()
        parameters = [*own, *(parameter for parameter in shared if parameter.name not in names)]
    for parameter in parameters:
        is_option = parameter.kind is parameter.KEYWORD_ONLY and parameter.annotation is not parameter.empty
        if not is_option or (has_defaults and parameter.default is parameter.empty):
            default = ", with a default" if has_defaults else ""
            raise ValueError(f"{who}: option {parameter.name!r} must be keyword-only and annotated{default}")
        annotation = parameter.annotation
        if isinstance(annotation, str):  # as under ``from __future__ import annotations``
            annotation = eval(annotation, getattr(inspect.unwrap(build), "__globals__", {}))
        options[parameter.name] = parameter.replace(annotation=annotation)
    return options


def resolve_options(
    given: Mapping[str, Any], options: Options, who: str, path: Path, problems: list[Problem]
) -> dict[str, Any]:
    """The options of ``who`` with every default filled in; what is wrong with the given ones is added to ``problems``."""
    resolved: dict[str, Any] = {}
    found: list[Problem] = []
    for key in given:
        if key not in options:
            hint = nearest(key, options) if options else ", which has none"
            found.append(Problem((*path, str(key)), f"{show(key)} is not an option of {who!r}{hint}"))
    for key, option in options.items():
        if key in given:
            resolved[key] = _resolve_option(given[key], option.annotation, (*path, key), found)
        elif option.default is option.empty:
            found.append(Problem(path, f"{who!r} needs {key!r}"))
        elif isinstance(option.default, Mapping) and takes_block(option.annotation):
            resolved[key] = _resolve_option(option.default, option.annotation, (*path, key), found)
        else:
            resolved[key] = canonical(option.default, option.annotation)
    order = {(*path, str(key)): i for i, key in enumerate(given)}
    problems += sorted(found, key=lambda problem: order.get(problem.path[: len(path) + 1], len(order)))
    return resolved


def minimal_options(
    given: Mapping[str, Any], options: Options, who: tuple[str, str], promises: Promises
) -> dict[str, Any]:
    """The given options of ``who`` (kind and name) without those at their default, or at what ``promises`` has in its place.

    An option that is not known is left as it is.
    """
    found = {}
    for key, value in given.items():
        if key in options:
            annotation = options[key].annotation
            default = promises.get((*who, key), options[key].default)
            value = _minimal_option(value, annotation, promises)
            if default is not inspect.Parameter.empty and value == _minimal_option(default, annotation, promises):
                continue
        found[key] = value
    return found


def _minimal_option(value: Any, annotation: Any, promises: Promises) -> Any:
    if takes_block(annotation) and isinstance(value, str | Mapping):
        return BLOCKS.minimal(value, promises)
    if takes_blocks(annotation) and isinstance(value, list | tuple):
        return [BLOCKS.minimal(part, promises) for part in value]
    return canonical(value, annotation)


def _resolve_option(value: Any, annotation: Any, path: Path, problems: list[Problem]) -> Any:
    if takes_block(annotation) and not (value is None and type(None) in get_args(annotation)):
        return BLOCKS._resolve(value, path, problems, as_stage=takes_stage(annotation))
    if takes_blocks(annotation) and isinstance(value, list | tuple):
        return [BLOCKS._resolve(part, (*path, i), problems) for i, part in enumerate(value)]
    if not fits(value, annotation):
        message = f"expected {describe(annotation)}, got {show(value)}{suggestion(value, annotation)}"
        problems.append(Problem(path, message))
        return value
    return canonical(value, annotation)


def _bind_option(value: Any, annotation: Any) -> Any:
    if takes_block(annotation) and isinstance(value, Mapping):
        return BLOCKS._bind(value)
    if takes_blocks(annotation) and isinstance(value, list | tuple):
        return [BLOCKS._bind(part) for part in value]
    return _frozen(value)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _place(build: Callable[..., Any]) -> tuple[str, str]:
    return build.__module__, build.__qualname__


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
