"""Which names a scope of Python code binds: a function, a class, a comprehension."""

import ast
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal


def parse(code: str | bytes, mode: Literal["exec", "eval"] = "exec") -> Any:
    """``ast.parse`` without warnings, of ``"\\d"`` and the like: whoever imports the code reads them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(code, mode=mode)


def bound_by(node: ast.AST) -> set[str]:
    """The names that this node itself binds or deletes, without those of the nodes in it."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return {name}
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return {alias.asname or alias.name.partition(".")[0] for alias in aliases}
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return {name}
        case ast.MatchMapping(rest=str(name)):
            return {name}
    return set()


@dataclass
class Scope:
    """What one scope binds, so that a name in it is not the module's."""

    kind: Literal["function", "class", "expression"]
    """``expression``: a comprehension's, or that of type parameters; ``:=`` in it binds outside it."""
    bound: set[str]
    declared_global: set[str] = field(default_factory=set)
    """By ``global``, which makes a bound name the module's all the same."""


def inside(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes that lie in the same scope of a function as these."""
    for node in nodes:
        yield node
        match node:
            case ast.FunctionDef(args=args) | ast.AsyncFunctionDef(args=args):
                yield from inside([*node.decorator_list, *defaults(args)])
            case ast.ClassDef():
                yield from inside([*node.decorator_list, *node.bases, *node.keywords])
            case ast.Lambda(args=args):
                yield from inside(defaults(args))
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                yield from (inner.target for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
            case _:
                yield from inside(ast.iter_child_nodes(node))


def function_scope(args: ast.arguments, body: Iterable[ast.AST]) -> Scope:
    """The scope of a function: a name bound anywhere in the body is local in all of it."""
    nodes = list(inside(body))
    bound = {arg.arg for arg in parameters(args)}.union(*map(bound_by, nodes))
    declared = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    return Scope("function", bound, declared)


def parameters(args: ast.arguments) -> list[ast.arg]:
    """All parameters, ``*args`` and ``**kwargs`` included."""
    starred = [arg for arg in (args.vararg, args.kwarg) if arg]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *starred]


def defaults(args: ast.arguments) -> list[ast.expr]:
    """The expressions of all defaults, which the scope around the function evaluates."""
    return [*args.defaults, *(default for default in args.kw_defaults if default)]


def bound_after(statement: ast.stmt, bound: set[str]) -> set[str]:
    """The names that are surely bound in a class after one more of its statements."""
    match statement:
        case ast.Delete():
            return bound - set().union(*map(bound_by, inside([statement])))
        case (
            ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom() | ast.Assign()
        ):
            return bound.union(*map(bound_by, inside([statement])))
        case ast.AnnAssign(value=value) if value is not None:
            return bound.union(*map(bound_by, inside([statement])))
    return bound
