"""A definition's fingerprint: tables of sources that must share it, and of sources that must not, the same on every Python."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import UserError
from bench.plugins.canonical import canonical
from bench.plugins.fingerprint import fingerprint, fingerprint_source, installed_packages

ROOT = Path(__file__).parents[2]
NOWHERE = Path("/nowhere/plugins")


def digest(source: str, folder: Path = NOWHERE, name: str = "f") -> str:
    return fingerprint_source(textwrap.dedent(source), name, folder)


# the canonical form

SAME_CODE = {
    "comments and blank lines": ("x = f(1)", "# one\n\nx = f(1)  # two\n"),
    "line breaks and parentheses": ("x = a + b * c", "x = (\n    a\n    + (b * c)\n)"),
    "quotes": ("x = 'it'", 'x = "it"'),
    "prefix u": ("x = 'it'", "x = u'it'"),
    "neighbouring texts": ("x = 'it is'", "x = 'it ' 'is'"),
    "escapes": ("x = '\\x41é'", "x = 'A\\u00e9'"),
    "numbers' spelling": ("x = 255, 1000, 0.5", "x = 0xFF, 1_000, .5"),
    "a trailing comma": ("f(a, b)", "f(\n    a,\n    b,\n)"),
    "docstring of a function": ("def f():\n    return 1", "def f():\n    '''Doc.'''\n    return 1"),
    "docstring of a class": ("class A:\n    x = 1", "class A:\n    '''Doc.'''\n    x = 1\n    '''Of x.'''"),
    "docstring of a module": ("x = 1", "'''Doc.'''\nx = 1"),
    "a docstring instead of pass": ("class A(B):\n    pass", "class A(B):\n    '''Doc.'''"),
    "a type comment": ("x = 1", "x = 1  # type: int"),
    "semicolons": ("x = 1\ny = 2", "x = 1; y = 2"),
    "del in parentheses": ("del a, b", "del (a, b)"),
    "elif": ("if a:\n  b\nelif c:\n  d", "if a:\n  b\nelse:\n  if c:\n    d"),
    "an f-string in pieces": ("x = f'a{b}cd'", "x = 'a' f'{b}' 'c' f'd'"),
    "an f-string without a value": ("x = 'ab'", "x = f'a' 'b'"),
    "an f-string's braces": ("x = '{}'", "x = f'{{}}'"),
    "an f-string's empty format": ("x = f'{a}'", "x = f'{a:}'"),
    "a shown expression": ("x = f'{a=}'", "x = f'a={a!r}'"),
}
DIFFERENT_CODE = {
    "int and float": ("x = 1", "x = 1.0"),
    "int and bool": ("x = 1", "x = True"),
    "int and complex": ("x = 1", "x = 1j"),
    "text and bytes": ("x = 'a'", "x = b'a'"),
    "None and its name": ("x = None", "x = 'None'"),
    "... and its name": ("x = ...", "x = Ellipsis"),
    "0.0 and -0.0": ("x = 0.0", "x = -0.0"),
    "a tuple and a list": ("x = (1, 2)", "x = [1, 2]"),
    "one in a tuple": ("x = (1)", "x = (1,)"),
    "precedence": ("x = a + b * c", "x = (a + b) * c"),
    "operators": ("x = a + b", "x = a - b"),
    "comparisons": ("x = a < b", "x = a <= b"),
    "order of arguments": ("f(a, b)", "f(b, a)"),
    "a keyword": ("f(a, b=1)", "f(a, c=1)"),
    "a default": ("def f(a=1): pass", "def f(a=2): pass"),
    "keyword only": ("def f(a): pass", "def f(*, a): pass"),
    "positional only": ("def f(a): pass", "def f(a, /): pass"),
    "async": ("def f(): pass", "async def f(): pass"),
    "conversion": ("x = f'{a}'", "x = f'{a!r}'"),
    "format": ("x = f'{a:.1f}'", "x = f'{a:.2f}'"),
    "text in an f-string": ("x = f'{a} '", "x = f'{a}'"),
    "a value and its text": ("x = f'{a}'", "x = 'a'"),
    "a dict's unpacked part": ("x = {**a, 'b': c}", "x = {None: a, 'b': c}"),
    "a slice": ("x[1:]", "x[:1]"),
    "level of an import": ("from a import b", "from .a import b"),
    "a name in an import": ("from a import b", "from a import c as b"),
    "else of a loop": ("for a in b: c()\nelse: d()", "for a in b: c()\nd()"),
    "a huge int": (f"x = 0x{'f' * 5000}", f"x = 0x{'f' * 4999}e"),
}


@pytest.mark.parametrize(("one", "other"), SAME_CODE.values(), ids=SAME_CODE)
def test_the_same_code_has_one_canonical_form(one: str, other: str) -> None:
    assert canonical(ast.parse(one)) == canonical(ast.parse(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT_CODE.values(), ids=DIFFERENT_CODE)
def test_different_code_has_different_canonical_forms(one: str, other: str) -> None:
    assert canonical(ast.parse(one)) != canonical(ast.parse(other))


def test_the_canonical_form_reads_as_a_tree() -> None:
    tree = ast.parse("def f(x: int = 1) -> str:\n    'doc'\n    return x.y")
    assert canonical(tree) == (
        "(Module body=[(FunctionDef args=(arguments args=[(arg annotation=(Name id='int') arg='x')] "
        "defaults=[(int 0x1)]) body=[(Return value=(Attribute attr='y' value=(Name id='x')))] name='f' "
        "returns=(Name id='str'))])"
    )


def test_a_class_of_nodes_that_is_not_known_yet() -> None:
    class Later(ast.expr):
        _fields = ("zone", "ahead", "absent", "none")

    assert canonical(Later(zone=ast.Name("x"), ahead=2, none=[])) == "(Later ahead=2 zone=(Name id='x'))"


def test_an_empty_piece_of_a_format_is_none() -> None:
    value = ast.FormattedValue(ast.Name("a"), -1, ast.JoinedStr([ast.Constant("")]))
    assert canonical(ast.JoinedStr([value])) == canonical(ast.parse("f'{a}'", mode="eval").body)


# what belongs to a definition

PLUGIN = """
import math
from torch import nn
from blocks import block

WIDTH = 8

def helper(x):
    return x * 2

def unrelated(x):
    return x + {unrelated}

class Base(nn.Module):
    pass

class Maths(Base):
    def forward(self, x):
        return helper(x) * {maths}

@block
def f(in_shape, *, width: int = WIDTH):
    return Maths()

@block
def other_block(in_shape):
    return Base({other})
"""


def test_the_class_that_holds_the_mathematics_belongs_to_the_block() -> None:
    before = digest(PLUGIN.format(unrelated=1, maths=1, other=1))
    assert digest(PLUGIN.format(unrelated=2, maths=1, other=1)) == before
    assert digest(PLUGIN.format(unrelated=1, maths=1, other=2)) == before
    assert digest(PLUGIN.format(unrelated=1, maths=2, other=1)) != before


F = "\ndef f():\n    return X\n"
USED = {
    "assignment": "X = {}" + F,
    "tuple": "(Y, [X, *Z]) = 1, [{}, 2]" + F,
    "chained": "Y = X = {}" + F,
    "annotated": "X: int = {}" + F,
    "its annotation": "X: Wide = 1\nclass Wide: x = {}" + F,
    "augmented": "X = 0\nX += {}" + F,
    "walrus": "print(X := {})" + F,
    "walrus in a comprehension": "Y = [X := i for i in [{}]]" + F,
    "function": "def X(): return {}" + F,
    "async function": "async def X(): return {}" + F,
    "class": "class X: x = {}" + F,
    "defined twice": "def X(): return 1\nX = g(X)\ndef X(): return {}\ndef g(x): return x" + F,
    "defined twice, the first": "def X(): return {}\nX = g(X)\ndef X(): return 1\ndef g(x): return x" + F,
    "import": "import a{} as X" + F,
    "name of an import": "from a import a{} as X" + F,
    "for": "for X in range({}): pass" + F,
    "with": "with open({}) as X: pass" + F,
    "while": "while g():\n    X = {}" + F,
    "if": "if a:\n    X = {}\nelse:\n    X = 0" + F,
    "its condition": "if {}:\n    X = 1\nelse:\n    X = 0" + F,
    "try": "try:\n    import X\nexcept ImportError:\n    X = {}" + F,
    "except": "try: pass\nexcept Exception as X: g({})" + F,
    "match": "match {}:\n    case [X]: pass" + F,
    "match, rest": "match {}:\n    case {{'a': 1, **X}}: pass" + F,
    "match, star": "match {}:\n    case [_, *X]: pass" + F,
    "del": "X = 1\nif {}: del X" + F,
    "append": "X = []\nX.append({})" + F,
    "append whose value is used": "X = []\n_ = X.pop({})" + F,
    "item": "X = dict()\nX['a'] = {}" + F,
    "deep item": "X = dict()\nX['a'].b[1] = {}" + F,
    "del item": "X = [1, 2]\ndel X[{}]" + F,
    "attribute": "X = g()\nX.a = {}" + F,
    "augmented attribute": "X = g()\nX.a.b += {}" + F,
    "setattr": "X = g()\n_ = setattr(X, 'a', {})" + F,
    "argument of a call": "X = g()\nregister(X, {})" + F,
    "keyword argument": "X = g()\nregister(x=X, y={})" + F,
    "receiver of a call": "X = g()\nX.freeze({})" + F,
    "part of a receiver": "X = g()\nX.a.freeze({})" + F,
    "in a loop over it": "X = [g()]\nfor x in X:\n    x.a = {}" + F,
    "calls in a comprehension": "X = g()\n[h(y, {}) for y in (X, 1)]" + F,
    "by another name": "X = g()\ny = X\ny.a = {}" + F,
    "a part by another name": "X = g()\ny: list = X.a[0]\ny.append({})" + F,
    "a function that sets it": "X = 1\ndef g():\n    global X\n    X = {}" + F,
    "a function that fills it": "X = []\ndef g(): X.append({})" + F,
    "a method that sets a part": "X = h()\nclass A:\n    def g(self): X.a = {}" + F,
    "the call of one that sets it": "X = 1\ndef g(x):\n    global X\n    X = x\ng({})" + F,
    "the call of one that calls one": "X = 1\ndef g(x):\n    global X\n    X = x\ndef h(x): g(x)\nh({})" + F,
    "the call of one that sets up a package": "import torch as X\ndef g(): X.set_up({})\ng()" + F,
    "lambda": "X = lambda x: x + {}" + F,
    "what a needed name refers to": "Y = {}\nX = Y + 1" + F,
    "decorator": "def d(f): return {}\n@d\ndef f(): return 1",
    "decorator's argument": "Y = {}\n@block(example=Y)\ndef f(): return 1",
    "default": "Y = {}\ndef f(*, a=Y): return 1",
    "annotation": "class Y: x = {}\ndef f(a: Y): return 1",
    "annotation of *args": "class Y: x = {}\ndef f(*a: Y): return 1",
    "result's annotation": "class Y: x = {}\ndef f() -> list[Y] | None: return 1",
    "annotation as text": "class Y: x = {}\ndef f(a: 'Y | None'): return 1",
    "text in an annotation": "class Y: x = {}\ndef f(a: 'list[\"Y\"]' = 1): return 1",
    "annotation of a local": "class Y: x = {}\ndef f():\n    a: 'Y' = 1",
    "annotation with a note": "class Y: x = {}\ndef f(a: Annotated['Y', 'unit']): return 1",
    "base class": "class B: x = {}\nclass f(B): pass",
    "base class of a base class": "class A: x = {}\nclass B(A): pass\nclass f(B): pass",
    "metaclass": "class M(type): x = {}\nclass f(metaclass=M): pass",
    "method": "def h(): return {}\nclass f:\n    def g(self): return h()",
    "attribute of a class before it is bound": "x = {}\nclass f:\n    x = x",
    "after del in a class": "x = {}\nclass f:\n    x = 1\n    del x\n    y = x",
    "annotated only in a class": "x = {}\nclass f:\n    x: int\n    y = x",
    "in a method, by a class attribute's name": "x = {}\nclass f:\n    x = 1\n    def g(self): return x",
    "in a nested function": "x = {}\ndef f():\n    def g(): return lambda: x\n    return g",
    "global in a nested function": "x = {}\ndef f():\n    x = 1\n    def g():\n        global x\n        return x\n    return g",
    "in a comprehension": "x = {}\ndef f(): return [x for y in range(3)]",
    "a comprehension's first loop": "x = [{}]\ndef f(): return [x for x in x]",
    "in an f-string": "x = {}\ndef f(): return f'{{x:>{{x}}}}'",
    "pattern": "class X: x = {}\ndef f(a):\n    match a:\n        case X(): return 1",
    "value of a pattern": "class X: x = {}\ndef f(a):\n    match a:\n        case X.x: return 1",
    "dataclass field": "class C: x = {}\n@dataclass\nclass f:\n    c: 'C'",
    "the definition's own": "def f(): return {}",
    "the definition in if": "if a:\n    def f(): return {}",
    "the definition in a loop": "for a in b:\n    @block\n    def f(): return {}",
    "the definition as an assignment": "f = block(partial(g, {}))",
    "main with else": "if __name__ == '__main__':\n    f = 1\nelse:\n    def f(): return {}",
}


@pytest.mark.parametrize("source", USED.values(), ids=USED)
def test_a_definition_changes_with_what_it_refers_to(source: str) -> None:
    assert digest(source.format(3)) == digest(source.format(3))
    assert digest(source.format(3)) != digest(source.format(4))


UNUSED = {
    "another function": "def g(): return {}\ndef f(): return 1",
    "another block": "from blocks import block\n@block\ndef g(): return {}\n@block\ndef f(): return 1",
    "another block with the decorator's arguments": "@block(example={})\ndef g(): return 1\n@block(example=1)\ndef f(): return 1",
    "another block registered by a call": "def g(): return {}\nblock(g)\n@block\ndef f(): return 1",
    "another one that a local decorator registers": (
        "ALL = dict()\ndef d(f):\n    ALL[f.__name__] = f\n    return f\n@d\ndef g(): return {}\n@d\ndef f(): return 1"
    ),
    "another one that uses the same": "X = [1]\ndef g(): return h(X.index({}))\ndef h(x): return x\ndef f(): return h(X)",
    "another one that calls the same package": "import numpy as np\ndef g(): return np.append({}, 1)\ndef f(): return np",
    "another one that a local decorator with arguments registers": (
        "ALL = dict()\ndef d(k):\n    ALL[k] = 1\n    return lambda f: f\n@d('g')\ndef g(): return {}\n@d('f')\ndef f(): return 1"
    ),
    "another function that calls one that sets a name": (
        "X = 1\ndef g(x):\n    global X\n    X = x\ndef h(): g({})\ndef f(): return X"
    ),
    "another name for a part of the same package": "from torch import nn\nAct = nn.a{}\ndef f(): return nn",
    "another class's attribute of the name": "X = 1\nclass A:\n    X = {}\ndef f(): return X",
    "one that uses the definition": "def f(): return 1\ndef g(): return f() + {}",
    "a subclass": "class f: pass\nclass g(f): x = {}",
    "another constant": "X = {}\ndef f(): return 1",
    "another constant from the same package": "import torch\nX = torch.ones({})\ndef f(): return torch.ones(1)",
    "another constant whose class uses the same package": (
        "from torch import nn\nclass A:\n    def __init__(self): nn.init.ones_({})\na = A()\ndef f(): return nn"
    ),
    "a parameter's name": "def x(): return {}\ndef f(x): return x",
    "a keyword parameter's name": "def x(): return {}\ndef f(*, x): return x",
    "the name of *args": "def x(): return {}\ndef f(*x): return x",
    "a local variable's name": "def x(): return {}\ndef f():\n    x = 1\n    return x",
    "the name of a local that comes later": "def x(): return {}\ndef f():\n    y(x)\n    x = 1",
    "the name of a local function": "def x(): return {}\ndef f():\n    def x(): return 1\n    return x()",
    "a local of the function around": "def x(): return {}\ndef f():\n    x = 1\n    def g(): return x\n    return g",
    "a nonlocal name": "def x(): return {}\ndef f():\n    x = 1\n    def g():\n        nonlocal x\n        x += 1\n    return g",
    "a local import": "def x(): return {}\ndef f():\n    from a import x\n    return x",
    "a loop variable": "def x(): return {}\ndef f():\n    for x in y: z(x)",
    "a comprehension's variable": "def x(): return {}\ndef f(): return [x for x in y if x for z in x]",
    "a lambda's parameter": "def x(): return {}\ndef f(): return lambda x: x",
    "a walrus": "def x(): return {}\ndef f(): return (x := 1) + x",
    "a walrus in a comprehension": "def x(): return {}\ndef f():\n    y = [x := i for i in z]\n    return x",
    "with": "def x(): return {}\ndef f():\n    with y as x: return x",
    "except": "def x(): return {}\ndef f():\n    try: pass\n    except y as x: return x",
    "a pattern": "def x(): return {}\ndef f(y):\n    match y:\n        case [x, *_]: return x",
    "an attribute": "def x(): return {}\ndef f(y): return y.x.x",
    "a keyword": "def x(): return {}\ndef f(y): return y(x=1)",
    "a method's name": "def x(): return {}\nclass f:\n    def x(self): return self.x",
    "a bound attribute of a class": "def x(): return {}\nclass f:\n    x = 1\n    y = x",
    "a choice": "def conv(): return {}\ndef f(a: Literal['conv', 'pool']): return a",
    "a choice of typing's": "def conv(): return {}\ndef f(a: 'typing.Literal[\"conv\"]'): return a",
    "a note on a type": "def conv(): return {}\ndef f(a: Annotated[int, 'conv']): return a",
    "a text": "def conv(): return {}\ndef f(): return 'conv'",
    "a text that is no annotation": "def conv(): return {}\ndef f(a: 'the conv of it, see {{') : return a",
    "a local of the name of a dangerous built-in": "def g(): return {}\ndef f(eval, *, vars): return eval(vars)",
    "a method of the name of one": "def g(): return {}\ndef f(model): return model.eval()",
    "the file's own function of the name of one": "def g(): return {}\ndef eval(x): return x\ndef f(x): return eval(x)",
    "locals of a function": "def g(): return {}\ndef f(x): return locals(), vars()",
    "what runs only as a script": "def f(): return 1\nif __name__ == '__main__':\n    print(f, {})",
    "a name of an import line": "from a import b, c{}\ndef f(): return b",
    "another import": "import a, b{}\ndef f(): return a",
    "order of imports": "import a{}\nimport b3, b4\nfrom c import d, e\ndef f(): return b3, b4, d, e, a3, a4\nimport a3, a4",
}


@pytest.mark.parametrize("source", UNUSED.values(), ids=UNUSED)
def test_a_definition_does_not_change_with_the_rest_of_its_file(source: str) -> None:
    changed = source.format(4)
    assert changed != source.format(3)
    assert digest(source.format(3)) == digest(changed)


def test_order_of_imports_and_of_definitions() -> None:
    one = "import b\nimport a\nfrom c import e, d\ndef f(): return a, b, d, e"
    assert digest(one) == digest("import a, b\nfrom c import d\nfrom c import e\nimport b\ndef f(): return a, b, d, e")
    assert digest("X = 1\nX = 2" + F) != digest("X = 2\nX = 1" + F)
    assert digest("from a import X\nfrom b import X" + F) != digest("from b import X\nfrom a import X" + F)
    assert digest("from a import X\nX = g(X)" + F) != digest("X = g(X)\nfrom a import X" + F)


WHOLE = {
    "import *": "from math import *",
    "globals": "def h(): return globals()['g']",
    "exec": "exec('g')",
    "eval": "def h(x): return eval(x)",
    "__import__": "h = __import__('h')",
    "vars of the module": "h = vars()['g']",
    "locals of the module": "h = [locals() for _ in [1]]",
    "sys.modules": "import sys\nh = getattr(sys.modules[__name__], 'g')",
    "sys.modules by another name": "import sys as s\nh = getattr(s.modules[__name__], 'g')",
    "modules": "from sys import modules",
    "import_module": "import importlib\ndef h(): return importlib.import_module(__name__)",
    "import_module by another name": "from importlib import import_module as h",
    "builtins": "import builtins",
    "a function's globals": "def h(x): return h.__globals__[x]",
    "a frame's globals": "import inspect\ndef h(x): return inspect.currentframe().f_globals[x]",
}


@pytest.mark.parametrize("dynamic", WHOLE.values(), ids=WHOLE)
def test_the_whole_file_where_names_are_not_spelled(dynamic: str) -> None:
    source = "{dynamic}\ndef g(): return {n}\ndef f(): return 1"
    assert digest(source.format(n=3, dynamic=dynamic)) != digest(source.format(n=4, dynamic=dynamic))
    assert digest(source.format(n=3, dynamic=dynamic)) == digest(
        "'''Doc.'''\n" + source.format(n=3, dynamic=dynamic) + "  #"
    )


def test_a_definition_inside_another_one_takes_the_whole_file() -> None:
    source = "def make(k):\n    @block\n    def f(): return k\nfor k in 3, 5: make(k)\nX = {}"
    assert digest(source.format(1)) != digest(source.format(2))


# local modules

LOCAL = {
    "import": ("import helper\ndef f(): return helper.g()", "helper.py"),
    "import as": ("import helper as h\ndef f(): return h.g()", "helper.py"),
    "from": ("from helper import g\ndef f(): return g()", "helper.py"),
    "relative": ("from . import helper\ndef f(): return helper.g()", "helper.py"),
    "relative from": ("from .helper import g\ndef f(): return g()", "helper.py"),
    "relative, the folder above": ("from ..above import g\ndef f(): return g()", "../above.py"),
    "in the function": ("def f():\n    from helper import g\n    return g()", "helper.py"),
    "by getattr": ("import helper\ndef f(x): return getattr(helper, x)", "helper.py"),
    "by import_module": ("from importlib import import_module\ndef f(x): return import_module('helper')", "helper.py"),
    "in try": ("try:\n    import helper\nexcept ImportError:\n    helper = None\ndef f(): return helper", "helper.py"),
    "in if": ("if TYPE_CHECKING:\n    from helper import g\ndef f(x: 'g'): return 1", "helper.py"),
    "for what it does": ("import helper\ndef f(): return 1", "helper.py"),
    "a package": ("import pkg\ndef f(): return pkg.g()", "pkg/__init__.py"),
    "a module of a package": ("import pkg.mod\ndef f(): return pkg.mod.g()", "pkg/mod.py"),
    "the package of a module": ("import pkg.mod as m\ndef f(): return m.g()", "pkg/__init__.py"),
    "a module of a package by from": ("from pkg import mod\ndef f(): return mod.g()", "pkg/mod.py"),
    "a name of a module of a package": ("from pkg.mod import g\ndef f(): return g()", "pkg/mod.py"),
    "a module of a folder": ("from folder.mod import g\ndef f(): return g()", "folder/mod.py"),
    "star": ("from helper import *\ndef f(): return g()", "helper.py"),
    "what it imports": ("import first\ndef f(): return first.g()", "helper.py"),
    "what a package imports": ("import pkg.mod\ndef f(): return pkg.mod.g()", "pkg/inner.py"),
    "around a circle": ("import round_a\ndef f(): return round_a.g()", "round_b.py"),
    "of the name of a standard module": ("import calendar\ndef f(): return calendar.g()", "calendar.py"),
}
FILES = {
    "helper.py": "def g(): return 1\n",
    "first.py": "import torch\ndef late():\n    import helper\n",
    "round_a.py": "import round_b\n",
    "round_b.py": "from round_a import x\n",
    "pkg/__init__.py": "",
    "pkg/mod.py": "from .inner import x\nfrom .. import nothing\n",
    "pkg/inner.py": "x = 1\n",
    "folder/mod.py": "",
    "calendar.py": "",
    "../above.py": "",
    "unused.py": "",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / "plugins" / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(text)
    return tmp_path / "plugins"


@pytest.mark.parametrize(("source", "changed"), LOCAL.values(), ids=LOCAL)
def test_a_local_module_belongs_to_the_definition_whole(folder: Path, source: str, changed: str) -> None:
    before, text = digest(source, folder), FILES[changed]
    (folder / "unused.py").write_text("y = 2\n")
    (folder / changed).write_text("'''Doc.'''\n\n" + text + "# a comment\n")
    assert digest(source, folder) == before
    (folder / changed).write_text(text + "y = 2\n")
    assert digest(source, folder) != before


def test_which_module_holds_which_code_matters(folder: Path) -> None:
    source = "import helper, unused\ndef f(): return helper, unused"
    before = digest(source, folder)
    (folder / "helper.py").write_text(FILES["unused.py"])
    (folder / "unused.py").write_text(FILES["helper.py"])
    assert digest(source, folder) != before


def test_the_folder_itself_does_not_matter(folder: Path, tmp_path: Path) -> None:
    source = "import pkg.mod, helper\nfrom ..above import g\ndef f(): return pkg, helper, g"
    before = digest(source, folder)
    shutil.copytree(folder, tmp_path / "elsewhere" / "deeper")
    shutil.copy(tmp_path / "above.py", tmp_path / "elsewhere" / "above.py")
    assert digest(source, tmp_path / "elsewhere" / "deeper") == before


def test_an_import_of_another_function_does_not_matter(folder: Path) -> None:
    source = "from helper import g\ndef f(): return 1\ndef h(): return g()"
    before = digest(source, folder)
    (folder / "helper.py").write_text("def g(): return 2\n")
    assert digest(source, folder) == before


def test_a_local_module_on_the_path(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from on_the_path.mod import g\nimport spread.mod\ndef f(): return g(), spread"
    package, spread = tmp_path / "source" / "on_the_path", tmp_path / "source" / "spread"
    for made in (package, spread):
        made.mkdir(parents=True)
        (made / "mod.py").write_text("from . import other\n")
        (made / "other.py").write_text("x = 1\n")
    (package / "__init__.py").write_text("")
    absent = digest(source, folder)
    monkeypatch.syspath_prepend(tmp_path / "source")
    seen = [absent, digest(source, folder)]
    for made in (package, spread):
        (made / "other.py").write_text("x = 2\n")
        seen.append(digest(source, folder))
    assert len(set(seen)) == 4
    assert installed_packages_of(folder, source) == {}


def test_the_file_itself_imported_by_its_helper_counts_whole(tmp_path: Path) -> None:
    plugin, helper = tmp_path / "mine.py", tmp_path / "helper.py"
    helper.write_text("from mine import X\n")
    source = "import helper\nX = {}\ndef f(): return helper\n"
    plugin.write_text(source.format(1))
    before = fingerprint("f", plugin)
    plugin.write_text(source.format(2))
    assert fingerprint("f", plugin) != before


def test_a_package_as_a_plugin_takes_only_what_the_block_uses(folder: Path) -> None:
    package = folder / "pkg" / "__init__.py"
    source = "from .mod import x\ndef f(): return x\ndef g(): return {}\n"
    package.write_text(source.format(1))
    before = fingerprint("f", package)
    package.write_text(source.format(2))
    assert fingerprint("f", package) == before
    (folder / "pkg" / "inner.py").write_text("x = 2\n")
    assert fingerprint("f", package) != before


def test_installed_packages_are_not_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "lib" / "site-packages"
    (site / "made_up").mkdir(parents=True)
    (site / "made_up" / "__init__.py").write_text("x = 1\n")
    (site / "plugin.py").write_text("from made_up import x\nfrom . import made_up\ndef f(): return x, made_up\n")
    monkeypatch.syspath_prepend(site)
    one, other = digest("import made_up\ndef f(): return made_up", tmp_path), fingerprint("f", site / "plugin.py")
    (site / "made_up" / "__init__.py").write_text("x = 2\n")
    assert digest("import made_up\ndef f(): return made_up", tmp_path) == one
    assert fingerprint("f", site / "plugin.py") == other


def test_the_projects_own_packages_are_not_hashed(tmp_path: Path) -> None:
    source = "from blocks import block\nimport bench.data\n@block\ndef f(): return bench.data"
    before = digest(source, tmp_path)
    for name in ("blocks", "bench"):
        (tmp_path / f"{name}.py").write_text("x = 1\n")
    assert digest(source, tmp_path) == before


def test_a_local_extension_module_counts_by_its_bytes(tmp_path: Path) -> None:
    from importlib.machinery import EXTENSION_SUFFIXES

    compiled = tmp_path / f"fast{EXTENSION_SUFFIXES[0]}"
    compiled.write_bytes(b"\x7fELF1")
    before = digest("import fast\ndef f(): return fast", tmp_path)
    compiled.write_bytes(b"\x7fELF2")
    assert digest("import fast\ndef f(): return fast", tmp_path) != before
    assert installed_packages_of(tmp_path, "import fast") == {}


def installed_packages_of(folder: Path, source: str) -> dict[str, str]:
    (folder / "asked.py").write_text(source)
    return installed_packages(folder / "asked.py")


def test_versions_of_the_installed_packages_that_a_plugin_imports(folder: Path) -> None:
    (folder / "helper.py").write_text("def late():\n    from PIL import Image\n")
    source = """
import os.path, helper, round_a, nowhere_to_be_found
import sklearn.svm as svm
from blocks import block
from bench.data import dataset
from .numpy import x
def f():
    import torch.nn.functional
"""
    (folder / "numpy.py").write_text("")
    assert installed_packages_of(folder, source) == {
        name: metadata.version(name) for name in ("pillow", "scikit-learn", "torch")
    }


# errors


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "def conv_one(): pass\nimport conv_two",
            r"plugin\.py defines no 'f'; expected a function of the file; known are conv_one",
        ),
        ("def ff(): pass", r"plugin\.py defines no 'f'; expected a function of the file; did you mean 'ff'\?"),
        ("", r"plugin\.py defines no 'f'; the file defines nothing"),
        ("x = 1\ny = = 2", r"plugin\.py:2: invalid syntax; expected a file of Python 3\.\d+"),
        ("x = '\0'", r"plugin\.py.*: source code.* cannot contain null bytes; expected a file of Python 3\.\d+"),
        ("# coding: nothing", r"plugin\.py.*: .*nothing; expected a file of Python 3"),
        ("import broken\ndef f(): return broken", r"broken\.py:1: .*; expected a file of Python 3"),
        (None, r"plugin\.py does not exist"),
        ("def f(): return " + "+".join("x" * 2000), r"plugin\.py nests code too deeply to be read"),
    ],
)
def test_what_has_no_fingerprint(tmp_path: Path, source: str | None, message: str) -> None:
    (tmp_path / "broken.py").write_text("def\n")
    if source is not None:
        (tmp_path / "plugin.py").write_text(source)
    with pytest.raises(UserError, match=message):
        fingerprint("f", tmp_path / "plugin.py")


def test_a_file_and_its_text_have_one_fingerprint(tmp_path: Path) -> None:
    source = "def f():\n    return '''a\nb é'''\n"
    for content in (source.encode(), source.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + source.encode()):
        (tmp_path / "plugin.py").write_bytes(content)
        assert fingerprint("f", tmp_path / "plugin.py") == fingerprint_source(source, "f", tmp_path)
    (tmp_path / "plugin.py").write_bytes(b"# coding: latin-1\n" + source.encode("latin-1"))
    assert fingerprint("f", tmp_path / "plugin.py") == fingerprint_source(source, "f", tmp_path)


# any change of layout, any change of code

REAL = '''
"""A plug-in."""
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from blocks import Shape, block

SCALE = {"one": 1.5, "two": [2, 3]}
SCALE["three"] = -1
NAME = f"a{math.pi:.3f}b" "c"


@dataclass(frozen=True)
class Part:
    """A part."""

    width: int = 3
    names: "tuple[str, ...]" = ("a", 'b"')


def ratio(x: float) -> float:
    return x // 2 if x > 1 and not x == 7 else -x


class Mix(nn.Module):
    def __init__(self, part: Part, *, gain=0.5):
        super().__init__()
        self.part, self.gain = part, gain
        self.values = [ratio(v) ** 2 for v in range(part.width) if v % 2 != 1]

    def forward(self, x: Tensor) -> Tensor:
        total = x
        for index, value in enumerate(self.values):
            total += (x @ x) * value - index
        with torch.no_grad():
            try:
                return total[..., 1:-1] * SCALE["one"]
            except (ValueError, KeyError) as error:
                raise RuntimeError(f"{error!r} in {NAME}") from None


@block(example={"width": 4})
def f(in_shape: Shape, *, width: int = 8, kind: "str" = "plain"):
    """The block."""
    return Mix(Part(width), gain=0.25 if kind == "plain" else 1 << 3)
'''
OPERATORS = (ast.operator, ast.unaryop, ast.cmpop, ast.boolop)


def reformatted(source: str) -> str:
    """As ``ast`` writes it: other quotes, parentheses and lines, no comments."""
    return ast.unparse(ast.parse(source))


def with_comments(source: str) -> str:
    return "\n".join(f"{line}\n{' ' * (len(line) % 3)}# x = 1" for line in source.splitlines())


def with_other_docstrings(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            node.body = [ast.Expr(ast.Constant("Another one.")), *node.body[bool(ast.get_docstring(node)) :]]
    return ast.unparse(ast.fix_missing_locations(tree))


def with_other_functions(source: str) -> str:
    other = "def other(x, total=SCALE):\n    error = index = Mix(x)\n    return f(error), total\n"
    after = other.replace("other", "part") + "class error(Mix):\n    gain = 3\nindex = block(ratio)\n"
    return f"{other}{source}\n{after}"


@settings(deadline=None)
@given(st.lists(st.sampled_from([reformatted, with_comments, with_other_docstrings, with_other_functions])))
def test_layout_comments_docstrings_and_other_functions_change_nothing(changes: list[Callable[[str], str]]) -> None:
    source = REAL
    for change in changes:
        source = change(source)
    assert digest(source) == digest(REAL)


def changed_constant(value: object) -> object:
    match value:
        case bool() | None:
            return 17
        case int() | float():
            return value + 1
        case str():
            return value + "x"
        case _:
            return None


def mutants(source: str) -> dict[str, str]:
    """Place → the source with another constant or operator there, docstrings left as they are."""
    found = {}
    for number, node in enumerate(ast.walk(ast.parse(source))):
        tree = ast.parse(source)
        documented = [
            inner for inner in ast.walk(tree) if isinstance(inner, ast.Module | ast.ClassDef | ast.FunctionDef)
        ]
        docstrings = [inner.body[0].value for inner in documented if ast.get_docstring(inner)]  # type: ignore[attr-defined]
        twin = list(ast.walk(tree))[number]
        if isinstance(twin, ast.Constant) and twin not in docstrings:
            twin.value = changed_constant(twin.value)  # type: ignore[assignment]
            found[f"{number}: {twin.value!r}"] = ast.unparse(tree)
        for name, value in ast.iter_fields(node):
            if isinstance(value, OPERATORS):
                setattr(twin, name, other_operator(value))
                found[f"{number}: {type(value).__name__}"] = ast.unparse(tree)
            elif isinstance(node, ast.Compare) and name == "ops":
                twin.ops = [other_operator(op) for op in value]  # type: ignore[attr-defined]
                found[f"{number}: {type(value[0]).__name__}"] = ast.unparse(tree)
    return found


def other_operator(operator: ast.AST) -> ast.AST:
    kind = next(kind for kind in OPERATORS if isinstance(operator, kind))
    return next(other for other in kind.__subclasses__() if not isinstance(operator, other))()


MUTANTS = mutants(REAL)


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_another_constant_or_operator_changes_the_fingerprint(mutant: str) -> None:
    assert digest(mutant) != digest(REAL)


def test_so_many_places_were_changed() -> None:
    kinds = {place.partition(": ")[2] for place in MUTANTS}
    assert len(MUTANTS) > 50
    assert {"FloorDiv", "Pow", "Mod", "Eq", "Gt", "And", "Not", "USub", "LShift", "Add", "MatMult"} <= kinds


# golden values

GOLDEN_SOURCES = {
    "a plug-in": REAL,
    "layers": PLUGIN.format(unrelated=1, maths=1, other=1),
    "texts": (
        "def f(a, b):\n"
        "    return (f'{a}' 'x' f\"{b!r:>{a}} {{}} {a=} { b = :.2f}\" '' f'{a:}', rf'\\d{a}\\n', '\\ud800é\\U0001fae8\\n', f'',\n"
        '            f"""{\n    a + b  \n}""", f\'{a["x"]}{a:%H:%M}{a!s:{b}{b}}\', f"\\N{BULLET}{a}\\x41{{{a}}}", b"\\xff\\x00")'
    ),
    "numbers": "def f():\n    return 1, -1.0, 1e400, 1e-7, 0.1, 2j, 0x" + "f" * 80 + ", True, None, ..., 10**3",
    "statements": """
        async def g(*a, b: int = 1, **c) -> None:
            async with a as x, b as (y, z): await x
            async for _ in a: yield
            return
        def f(p, /, q=1, *, r=2):
            global G
            x: int
            def inner():
                nonlocal x
                x, *_ = y = p
            while (n := p - 1) > 0 <= 1 != 2 is not 3 in []:
                if q: continue
                elif r: break
                else: assert q, 'no'
            else: del x, p[0], p.a
            match q:
                case {'a': 1, **rest} | [1, _, *others] if r: pass
                case G(1, k=None) | -1 | 'a' as whole: pass
            try: x = lambda *a, k=1, **b: (yield from a)
            except* (ValueError, G) as e: raise
            else: import os.path as p, sys
            finally: from ... import q as _q
            return {**q, 1: {2}, **{a: b for a, b in g}}, [*a[1:2, ..., ::3]], {x for x in y}, (x async for x in y), g(*a, **b)
        """,
    "whole file": "from torch.nn import *\nX = 1\ndef f(): return X",
    "imports": "import b.c, a\nfrom .. import x as y, z\nfrom .q import w as v\ndef f(): return a, b, y, z, v",
    "class": (
        "class M(type): pass\nclass f(B, metaclass=M, k=1):\n    a: int = 1\n    b: 'M'\n"
        "    @property\n    def c(self): return self.a"
    ),
    "changed in place": "X = []\nX.append(1)\ndef g(): X[0] = 2\nregister(X)\ny = X\nfor z in X: z.a = 1\ndef f(): return X",
}
GOLDEN = {
    "a plug-in": "56ff81c1c88ce5df4b6c4d7648090141659d68fabb42e57c25e605a6e89f9e0b",
    "layers": "b39dba6d8d20965ed1bd67998a4aaaddd2895bdcd855440235f10f8c2eebc085",
    "texts": "18bc1ac1c5494d0c971d002e4dcd15818a184795b1dd458c0fb5df424dd762b4",
    "numbers": "47bf9a3e920e274fb09cc88c6edda0193596a1b244aa28a54fea50ceb9b9deac",
    "statements": "a2f4438be918052bd2a87b7486d72b73dc5315ed11b1adffece4797b6258ce6f",
    "whole file": "a00125df1b7c41880b29e206fb4f775b8a1acaeaf353cb5e08f871ee84afffcb",
    "imports": "34a74cf99498e318ae30bcf33b4a79666fdac4906ea8bb353c548e3b7d0844d9",
    "class": "be6d043829dcc24d2e23c5b0421a183f66d8e51a772b6191eba34e28d77c44c0",
    "changed in place": "b01506804a6599540940072ebd48e53395448641b2082904648503d01cb95b36",
}


@pytest.mark.parametrize("name", GOLDEN_SOURCES)
def test_golden_values(name: str) -> None:
    """Recorded runs of plug-ins have these hashes in their names: a change here renames them all."""
    assert digest(GOLDEN_SOURCES[name]) == GOLDEN[name]


NEWER_SAME = {
    "a type parameter is no name of the module": ("def T(): return {}\ndef f[T](x: T) -> T: return x", 12),
    "nor is a class's": ("def T(): return {}\nclass f[T]:\n    def g(self) -> T: return self", 12),
    "nor a type alias's": ("def T(): return {}\ndef f():\n    type A[T] = list[T]", 12),
}
NEWER_DIFFERENT = {
    "a type parameter's bound": ("class B: x = {}\ndef f[T: B](x: T): return x", 12),
    "a type alias": ("type A = list[B]\nclass B: x = {}\ndef f(x: A): return x", 12),
    "a type parameter's default": ("class B: x = {}\ndef f[T = B](x: T): return x", 13),
    "a template": ("X = {}\ndef f(x): return t'a{{x}}b{{X!r}}'", 14),
}


def interpreter(minor: int) -> str:
    """A Python 3.``minor`` that runs, on PATH or of pyenv's; skips where there is none."""
    found = shutil.which(f"python3.{minor}")
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in [*([found] if found else []), *map(str, versions.glob(f"3.{minor}.*/bin/python"))]:
        asked = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        if asked.returncode == 0 and re.match(rf"Python 3\.{minor}\.", asked.stdout):
            return candidate
    pytest.skip(f"there is no python3.{minor} on PATH or among pyenv's versions")


ELSEWHERE = """
import json, pathlib, sys
sys.path.insert(0, sys.argv[1])
from bench.plugins.fingerprint import fingerprint_source
sources = json.load(sys.stdin)
print(json.dumps([fingerprint_source(source, "f", pathlib.Path(sys.argv[2])) for source in sources]))
"""


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_golden_values_of_other_pythons(minor: int) -> None:
    """Also a proof that a fingerprint needs nothing but Python: these interpreters have no packages."""
    same = [source.format(n) for source, since in NEWER_SAME.values() if minor >= since for n in (3, 4)]
    different = [source.format(n) for source, since in NEWER_DIFFERENT.values() if minor >= since for n in (3, 4)]
    sources = [*map(textwrap.dedent, GOLDEN_SOURCES.values()), *same, *different]
    ran = subprocess.run(
        [interpreter(minor), "-I", "-B", "-c", ELSEWHERE, str(ROOT), str(NOWHERE)],
        input=json.dumps(sources), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    digests = json.loads(ran.stdout)
    assert dict(zip(GOLDEN_SOURCES, digests, strict=False)) == GOLDEN
    newer = digests[len(GOLDEN) :]
    pairs = list(zip(newer[::2], newer[1::2], strict=True))
    assert [one == other for one, other in pairs] == [True] * (len(same) // 2) + [False] * (len(different) // 2)


def test_a_fingerprint_needs_no_package() -> None:
    code = "import sys, bench.plugins.fingerprint; assert not {'torch', 'numpy', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
