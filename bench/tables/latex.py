r"""Tables as LaTeX with booktabs, and text as LaTeX that any engine compiles, whatever a name is made of."""

import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.tables.formats import table_format
from bench.tables.layout import Entry, Table
from bench.text import plain

COLUMN = 80  # letters of a line in a cell, whose table is scaled to the page
LINES = 34  # of a page (the space between rows counted as half of one), before a table goes on in the next one

COMMANDS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    '"': "''", "`": r"\textasciigrave{}", "\u2018": r"\textquoteleft{}", "\u2019": r"\textquoteright{}",
    "\u201c": r"\textquotedblleft{}", "\u201d": r"\textquotedblright{}", "\u2013": r"\textendash{}", "\u2014": r"\textemdash{}",
    "\u2026": r"\ldots{}", "\u00a0": "~", "\u2022": r"\textbullet{}", "\u00df": r"\ss{}", "\u00e6": r"\ae{}",
    "\u00c6": r"\AE{}", "\u00f8": r"\o{}", "\u00d8": r"\O{}", "\u0142": r"\l{}", "\u0141": r"\L{}", "\u0131": r"\i{}",
}  # fmt: skip
MATHS = {
    "±": r"\pm", "\u2212": "-", "★": r"\star", "≈": r"\approx", "↑": r"\uparrow", "↓": r"\downarrow", "→": r"\rightarrow",
    "←": r"\leftarrow", "↔": r"\leftrightarrow", "⇒": r"\Rightarrow", "⇐": r"\Leftarrow", "⇔": r"\Leftrightarrow",
    "×": r"\times", "·": r"\cdot", "÷": r"\div", "≤": r"\leq", "≥": r"\geq", "≠": r"\neq", "∞": r"\infty", "√": r"\surd",
    "∈": r"\in", "∑": r"\sum", "∏": r"\prod", "∂": r"\partial", "∇": r"\nabla", "⊕": r"\oplus", "⊗": r"\otimes", "∘": r"\circ",
    "°": r"^\circ", "⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil", "⋆": r"\star", "⊙": r"\odot",
    "∫": r"\int", "′": "'", "‖": r"\Vert", "⁰": "^0", "⁴": "^4",
    "²": "^2", "³": "^3", "¹": "^1", "½": r"\frac{1}{2}", "µ": r"\mu",
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\epsilon", "ζ": r"\zeta", "η": r"\eta",
    "θ": r"\theta", "ι": r"\iota", "κ": r"\kappa", "λ": r"\lambda", "μ": r"\mu", "ν": r"\nu", "ξ": r"\xi",
    "π": r"\pi", "ρ": r"\rho", "σ": r"\sigma", "τ": r"\tau", "υ": r"\upsilon", "φ": r"\phi", "χ": r"\chi",
    "ψ": r"\psi", "ω": r"\omega", "Γ": r"\Gamma", "Δ": r"\Delta", "Θ": r"\Theta", "Λ": r"\Lambda", "Ξ": r"\Xi",
    "Π": r"\Pi", "Σ": r"\Sigma", "Υ": r"\Upsilon", "Φ": r"\Phi", "Ψ": r"\Psi", "Ω": r"\Omega",
}  # fmt: skip
ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".", "\u0308": '"',
    "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d", "\u0327": "c", "\u0331": "b",
}  # fmt: skip

DOCUMENT = r"""% Compiles as it is; \input into a document with \usepackage{booktabs,graphicx}, it gives the tables only.
\makeatletter
\let\endofcomparison\relax
\ifx\documentclass\@notprerr\else
  \documentclass[a4paper]{article}
  \usepackage[T1]{fontenc}
  \usepackage[landscape,margin=15mm]{geometry}
  \usepackage{booktabs,graphicx}
  \begin{document}
  \def\endofcomparison{\end{document}}
\fi
\makeatother
"""


@table_format(suffix="tex")
def latex(tables: Sequence[Table], title: str, legend: str) -> str:
    """Tables in LaTeX with booktabs, for a paper: a whole document that, taken in by another, is only its tables."""
    parts = [part for table in map(_narrow, tables) for part in _parts(table)]
    floats = [_float(part, tex(f"{title}{' (continued)' * (i > 0)}")) for i, part in enumerate(parts)]
    below = " ".join([*([legend] if legend else []), *(_notes(table) for table in tables if table.notes)])
    shown = [*floats, rf"\noindent{{\footnotesize {tex(below)}\par}}"] if floats else [tex(title)]
    return "\n\n".join([DOCUMENT, *shown, "\\endofcomparison\n"])


def _notes(table: Table) -> str:
    return f"{table.title}: {'; '.join(table.notes)}." if table.title else f"{'; '.join(table.notes)}."


def tex(text: str) -> str:
    """The text on one line, shown as it is: what TeX would act on is escaped, what its fonts may lack is spelled out.

    A letter that neither a command nor an accent gives is shown by its number: ``[U+4E2D]``.
    """
    joined = "".join(_letter(letter) for letter in unicodedata.normalize("NFC", plain(text)))
    return re.sub(r"(?<=-)(?=-)|(?<=,)(?=,)", "{}", joined)  # two hyphens are not a dash


def _letter(letter: str) -> str:
    if letter in COMMANDS:
        return COMMANDS[letter]
    if letter in MATHS:
        return f"${MATHS[letter]}$"
    if letter.isascii():
        return letter
    parts = unicodedata.normalize("NFD", letter)
    base, marks = parts[0], parts[1:]
    if base.isascii() and base.isalpha() and all(mark in ACCENTS for mark in marks):
        for mark in marks:
            base = f"\\{ACCENTS[mark]}{{{base}}}"
        return base
    return f"[U+{ord(letter):04X}]"


def _narrow(table: Table) -> Table:
    """The table with lines longer than ``COLUMN`` in several."""

    def narrow(entry: Entry) -> Entry:
        lines = (
            part for line in entry.lines for part in (textwrap.wrap(line, COLUMN) if len(line) > COLUMN else [line])
        )
        return replace(entry, lines=tuple(lines))

    return replace(table, rows=tuple(tuple(map(narrow, row)) for row in table.rows))


def _parts(table: Table) -> Iterator[Table]:
    """The table in pieces that fit a page, none of them cut within a row."""
    rows: list[tuple[Entry, ...]] = []
    for row in table.rows:
        if rows and sum(_height(each) + 0.5 for each in [*rows, row]) > LINES:
            yield Table(table.header, tuple(rows))
            rows = []
        rows.append(row)
    yield Table(table.header, tuple(rows))


def _height(row: Sequence[Entry]) -> int:
    """In lines."""
    return max(len(entry.lines) for entry in row)


def _float(table: Table, caption: str) -> str:
    body = "\n\\addlinespace\n".join(_row(row) for row in table.rows)
    return "\n".join([
        r"\begin{table}[tbp]", r"\centering\footnotesize", rf"\caption{{{caption}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{'l' * len(table.header)}}}", r"\toprule", _row(table.header), r"\midrule", body, r"\bottomrule",
        r"\end{tabular}}", r"\end{table}",
    ])  # fmt: skip


def _row(entries: Sequence[Entry]) -> str:
    """A line of the table for each line of its tallest entry."""
    lines = [" & ".join(_line(entry, i) for entry in entries) for i in range(_height(entries))]
    return "\n".join(f"{line} \\\\" for line in lines)


def _line(entry: Entry, i: int) -> str:
    if i >= len(entry.lines):
        return ""
    text = tex(entry.lines[i])
    # in braces: a [ at the start of a row would be an option of the \\ before it
    return rf"\textbf{{{text}}}" if entry.strong and i == 0 else f"{{{text}}}"
