"""LaTeX that is well formed whatever a name is made of (that it compiles is found by hand)."""

import re

import pytest
from fake_records import realistic, scored
from hypothesis import given
from hypothesis import strategies as st

from bench.tables import LEGEND, Entry, Table, comparison_tables
from bench.tables.latex import COLUMN, LINES, latex, tex
from bench.tables.scores import Scores

CASES = {
    "plain words, 0.5": "plain words, 0.5",
    "a_b & 5 % #1 $x$": r"a\_b \& 5 \% \#1 \$x\$",
    r"\end{document}": r"\textbackslash{}end\{document\}",
    "~^|<>": r"\textasciitilde{}\textasciicircum{}\textbar{}\textless{}\textgreater{}",
    "0.98 ± 0.01 ★ ≈ Δ": r"0.98 $\pm$ 0.01 $\star$ $\approx$ $\Delta$",
    "−0.5 → ↑": r"$-$0.5 $\rightarrow$ $\uparrow$",
    "a--b": "a-{}-b",
    "Ångström é ộ": r"\r{A}ngstr\"{o}m \'{e} \^{\d{o}}",
    "e\u0301": r"\'{e}",
    "中 🎉": "[U+4E2D] [U+1F389]",
    "two\nlines\t\u200b": "two lines  ",
    "“a” ‘b’": r"\textquotedblleft{}a\textquotedblright{} \textquoteleft{}b\textquoteright{}",
    "'c' \"d\" `e`": r"'c' ''d'' \textasciigrave{}e\textasciigrave{}",
    "1–2": r"1\textendash{}2",
}


@pytest.mark.parametrize(("text", "shown"), CASES.items())
def test_text_is_shown_as_it_is(text: str, shown: str) -> None:
    assert tex(text) == shown


@given(st.text())
def test_no_text_can_break_a_table(text: str) -> None:
    shown = tex(text)
    assert shown.isascii()
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[&%#_]", shown)
    assert len(re.findall(r"(?<!\\)\$", shown)) % 2 == 0
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", shown):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0


def rows_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.endswith(r"\\")]


def test_the_flagships_tables() -> None:
    plan, records = realistic()
    text = latex(comparison_tables(Scores(plan, records)), "flagship. Metrics are of the test split.", LEGEND)
    assert {line.count(" & ") for line in rows_of(text)} == {3}
    assert rows_of(text)[:2] == [
        r"{variant} & {digits} & {wave\_source} & {tumour\_phantom} \\",
        r" & {accuracy $\uparrow$} & {distance (px) $\downarrow$} & {dice $\uparrow$} \\",
    ]
    assert r"\textbf{0.8" in text
    for part in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{document}", r"\documentclass[a4paper]{article}"):
        assert text.count(part) == 1
    assert r"\caption{flagship. Metrics are of the test split.}" in text
    assert "p 0.039, better" in text
    assert text.isascii()


def test_a_long_table_goes_on_in_the_next_and_no_row_is_cut() -> None:
    table = Table(
        (Entry(("name",)), Entry(("score",))), tuple((Entry((f"v{i}",)), Entry(("1", "2", "3"))) for i in range(40))
    )
    text = latex([table], "long.", LEGEND)
    parts = text.split(r"\begin{table}")[1:]
    assert len(parts) == -(-40 // int(LINES / 3.5))
    assert [len(rows_of(part)) for part in parts[:-1]] == [1 + 3 * int(LINES / 3.5)] * (len(parts) - 1)
    assert sum(len(rows_of(part)) - 1 for part in parts) == 3 * 40
    assert [r"\caption{long.}" in part for part in parts] == [True] + [False] * (len(parts) - 1)
    assert all(r"\caption{long. (continued)}" in part for part in parts[1:])


def test_long_lines_go_on_in_the_next_and_notes_stand_below() -> None:
    words = " ".join(["word"] * 30)
    table = Table((Entry(("name",)),), ((Entry((words, "short")),),), title="One", notes=("first", "second"))
    text = latex([table], "x.", "Legend.")
    lines = [line.strip("{} \\") for line in rows_of(text)[1:]]
    assert " ".join(lines) == f"{words} short"
    assert len(lines) == 3
    assert all(len(line) <= COLUMN for line in lines)
    assert "Legend. One: first; second." in text


def test_no_rows_and_no_tables() -> None:
    plan, _ = scored({"conv": [0.5]})
    assert r"{\textendash{}, n 0 of 1}" in latex(comparison_tables(Scores(plan, [])), "x.", LEGEND)
    text = latex([], "no_runs.", LEGEND)
    assert r"no\_runs." in text
    assert "tabular" not in text
    assert text.endswith("\\endofcomparison\n")
