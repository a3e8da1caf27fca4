"""Which names of its module a statement refers to, binds and changes, by Python's rules of scopes.

``symtable`` would not do: its scopes differ between Python 3.11 and 3.14 (comprehensions, annotations, type parameters).
Where the rules leave a choice (a name in a class that may be the class's or the module's), a name counts as the module's.
"""

import ast
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bench.plugins.scopes import Scope, bound_after, bound_by, defaults, function_scope, inside, parameters, parse

MUTATORS = frozenset({
    "add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "extendleft", "insert",
    "intersection_update", "move_to_end", "pop", "popitem", "popleft", "remove", "reverse", "rotate", "setdefault", "sort",
    "subtract", "symmetric_difference_update", "update",
})  # fmt: skip
"""Methods that change a list, set, dict, deque, Counter or OrderedDict."""

DYNAMIC_BUILTINS = frozenset({"globals", "exec", "eval", "__import__"})
DYNAMIC_IN_MODULE = frozenset({"locals", "vars"})
DYNAMIC_ATTRIBUTES = frozenset(
    {"__globals__", "f_globals", "f_locals", "import_module", "exec_module", "load_module", "run_module", "run_path"}
)


@dataclass
class Names:
    """The module's names that a statement deals with, local names left out, by what the statement does with them."""

    loads: set[str] = field(default_factory=set)
    """Referred to, anywhere in the statement, bodies of functions included."""
    binds: set[str] = field(default_factory=set)
    """Bound, deleted or changed in place as the module is imported."""
    later: set[str] = field(default_factory=set)
    """The same in the body of a function: when it is called."""
    exposed: set[str] = field(default_factory=set)
    """Handed to code that may change it as the module is imported: ``register(x)``, ``x.freeze()``, ``y = x``, ``for y in x``."""
    exposed_later: set[str] = field(default_factory=set)
    """Handed so to code, by a statement that is an expression, in the body of a function."""
    calls: set[str] = field(default_factory=set)
    """Called by their bare name as the module is imported, decorators left out."""
    dynamic: set[str] = field(default_factory=set)
    """By which the statement may reach names that it does not spell: ``globals``, ``exec`` … (a module may bind these itself)."""


def names_of(statement: ast.stmt, imported: Iterable[str]) -> Names:
    """The Names of a statement of a module; ``imported`` are those that the module imports (``np.append`` changes no ``np``)."""
    visitor = _Visitor(frozenset(imported))
    visitor.visit(statement)
    return visitor.names


def _root(node: ast.AST) -> str | None:
    """``x`` of ``x.a[0].b``, ``x`` of ``x.get(1).b``; None where it starts with no name."""
    while not isinstance(node, ast.Name):
        match node:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Starred(value=inner):
                node = inner
            case ast.Call(func=inner):
                node = inner
            case _:
                return None
    return node.id


_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class _Visitor(ast.NodeVisitor):
    def __init__(self, imported: frozenset[str]) -> None:
        self.names = Names()
        self._imported = imported
        self._scopes: list[Scope] = []
        self._decorating = False
        self._exposing: set[str] | None = None  # where names go that are handed to other code

    def visit(self, node: ast.AST) -> None:
        for name in bound_by(node):
            if self._is_global(name, binding=True):
                self._change(name)
        super().visit(node)

    # scopes

    def visit_FunctionDef(self, node: _Function) -> None:
        self._decorators(node.decorator_list)
        self._all(defaults(node.args))
        self._scopes.append(self._type_parameters(node))
        for arg in parameters(node.args):
            self._annotation(arg.annotation)
        self._annotation(node.returns)
        self._within(function_scope(node.args, node.body), node.body)
        self._scopes.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815  the names are ast.NodeVisitor's

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._all(defaults(node.args))
        self._within(function_scope(node.args, [node.body]), [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._decorators(node.decorator_list)
        self._scopes.append(self._type_parameters(node))
        self._all([*node.bases, *node.keywords])
        declared = {name for inner in inside(node.body) if isinstance(inner, ast.Global) for name in inner.names}
        scope = Scope("class", set(), declared)
        self._scopes.append(scope)
        for statement in node.body:
            self.visit(statement)
            scope.bound = bound_after(statement, scope.bound)
        self._scopes.pop()
        self._scopes.pop()

    def visit_TypeAlias(self, node: Any) -> None:  # Python 3.12 and later
        self.visit(node.name)
        self._within(self._type_parameters(node), [node.value])

    def visit_ListComp(self, node: _Comprehension) -> None:
        first, *others = node.generators
        self.visit(first.iter)  # outside the comprehension's scope, as Python does
        targets = {name for part in node.generators for inner in ast.walk(part.target) for name in bound_by(inner)}
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        inner = [*first.ifs, *(child for part in others for child in (part.iter, *part.ifs)), *results]
        self._within(Scope("expression", targets), [part.target for part in node.generators] + inner)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp  # noqa: N815

    def _within(self, scope: Scope, nodes: Iterable[ast.AST]) -> None:
        self._scopes.append(scope)
        self._all(nodes)
        self._scopes.pop()

    def _type_parameters(self, node: ast.AST) -> Scope:
        """A scope with the type parameters of ``def f[T]``, empty before Python 3.12."""
        parameters = getattr(node, "type_params", [])
        scope = Scope("expression", {parameter.name for parameter in parameters})
        self._within(scope, parameters)
        return scope

    def _is_global(self, name: str, *, binding: bool = False) -> bool:
        """Whether the name, read or (``binding``) bound at this place, is the module's."""
        for depth, scope in enumerate(reversed(self._scopes)):
            if name in scope.declared_global:
                return True
            if name in scope.bound and (depth == 0 or scope.kind != "class"):
                return False
            if binding and scope.kind == "class":
                return False
        return True

    def _deferred(self) -> bool:
        return any(scope.kind == "function" for scope in self._scopes)

    # what is done with a name

    def _all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _change(self, name: str) -> None:
        (self.names.later if self._deferred() else self.names.binds).add(name)

    def _change_root(self, node: ast.AST) -> None:
        if (name := _root(node)) and self._is_global(name):
            self._change(name)

    def _decorators(self, nodes: Iterable[ast.AST]) -> None:
        self._decorating, before = True, self._decorating
        self._all(nodes)
        self._decorating = before

    def _expose(self, node: ast.AST, into: set[str] | None) -> None:
        self._exposing, before = into, self._exposing
        self.visit(node)
        self._exposing = before

    def _expose_now(self, node: ast.AST) -> None:
        self._expose(node, None if self._deferred() else self.names.exposed)

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load) or not self._is_global(node.id):
            return
        self.names.loads.add(node.id)
        if self._exposing is not None:
            self._exposing.add(node.id)
        in_module = all(scope.kind == "expression" for scope in self._scopes)
        if node.id in DYNAMIC_BUILTINS or (node.id in DYNAMIC_IN_MODULE and in_module):
            self.names.dynamic.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._change_root(node)
        modules = node.attr == "modules" and isinstance(node.value, ast.Name) and node.value.id == "sys"
        if modules or node.attr in DYNAMIC_ATTRIBUTES:
            self.names.dynamic.add(f".{node.attr}")
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._change_root(node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Name(id="setattr" | "delattr") if node.args:
                self._change_root(node.args[0])
            case ast.Attribute(value=receiver, attr=method) if method in MUTATORS:
                if _root(receiver) not in self._imported:
                    self._change_root(receiver)
        if isinstance(node.func, ast.Name):
            if self._is_global(node.func.id) and not self._deferred() and not self._decorating:
                self.names.calls.add(node.func.id)
            self._expose(node.func, None)  # print(x) exposes x, not print
        else:
            self.visit(node.func)
        self._all([*node.args, *node.keywords])

    def visit_Expr(self, node: ast.Expr) -> None:
        self._expose(node.value, self.names.exposed_later if self._deferred() else self.names.exposed)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._assigned(node.value)
        self._all(node.targets)

    def _assigned(self, value: ast.expr | None) -> None:
        """``y = x.a`` gives a part of x another name, through which it may be changed."""
        if value and isinstance(value, ast.Name | ast.Attribute | ast.Subscript) and _root(value) not in self._imported:
            self._expose_now(value)
        elif value:
            self.visit(value)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._expose_now(node.iter)
        self._all([node.target, *node.body, *node.orelse])

    visit_AsyncFor = visit_For  # noqa: N815

    def visit_withitem(self, node: ast.withitem) -> None:
        self._expose_now(node.context_expr)
        self._all([node.optional_vars] if node.optional_vars else [])

    def visit_Match(self, node: ast.Match) -> None:
        self._expose_now(node.subject)
        self._all(node.cases)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name in ("builtins", "runpy") or (alias.name == "sys" and alias.asname):
                self.names.dynamic.add(f"import {alias.name}")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            reached = alias.name in DYNAMIC_ATTRIBUTES | DYNAMIC_BUILTINS | {"*"}
            if reached or (node.module, alias.name) == ("sys", "modules"):
                self.names.dynamic.add(f"from {node.module} import {alias.name}")

    # annotations

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._annotation(node.annotation)
        self._assigned(node.value)
        self.visit(node.target)

    def _annotation(self, node: ast.AST | None) -> None:
        """As ``visit``, and texts are code (``"Config"``), less those of ``Literal`` and what ``Annotated`` adds."""
        match node:
            case None:
                pass
            case ast.Constant(value=str(text)):
                with contextlib.suppress(SyntaxError, ValueError):  # a text for readers; ValueError: a null byte
                    self._annotation(parse(text, "eval").body)
            case ast.Subscript(value=value) if _last(value) == "Literal":
                self.visit(value)
            case ast.Subscript(value=value, slice=ast.Tuple(elts=[first, *others])) if _last(value) == "Annotated":
                self._annotation(first)
                self._all([value, *others])
            case ast.Subscript() | ast.Tuple() | ast.List() | ast.BinOp() | ast.Starred():
                for child in ast.iter_child_nodes(node):
                    self._annotation(child)
            case _:
                self.visit(node)


def _last(node: ast.AST) -> str | None:
    """``Literal`` of ``Literal`` and of ``typing.Literal``."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
