"""The first paragraph of a report: what a reader may conclude from all comparisons together."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from fake_records import plan_of, scored

from bench.report import report
from bench.tables.conclusion import MOST, conclusion
from bench.tables.scores import Scores

HIGH, SAME, LOW = ([base + 0.001 * (i % 3) for i in range(8)] for base in (0.9, 0.8, 0.7))
NOISY = [0.8 + sign * 0.01 for sign in (1, -1) * 4]
FEW = [0.9, 0.91]
RULE = "Better and worse mean p ≤ 0.05 (paired by seed, adjusted by Holm within a column) over"


def told(*columns: Mapping[str, Sequence[float]]) -> str:
    made = [scored(scores, data) for scores, data in zip(columns, ("digits", "wave_source"), strict=False)]
    plan = plan_of([cell for plan, _ in made for cell in plan.cells])
    return conclusion(Scores(plan, [record for _, records in made for record in records]))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([{"A": SAME, "B": HIGH, "C": LOW, "D": NOISY}],
         f"Against **A**: **B** better; **C** worse; **D** no difference shown. {RULE} 8 pairs"),
        ([{"A": SAME, "B": HIGH}, {"A": SAME, "B": HIGH}],  # a distance: more of it is worse
         "Against **A**: **B** better in 1 of 2 columns, worse in 1. "),
        ([{"A": SAME, "B": HIGH}, {"A": SAME, "B": LOW}], "Against **A**: **B** better in all 2 columns. "),
        ([{"A": FEW, "B_1": FEW}], f"Against **A**: **B\\_1** too few runs. {RULE} 2 pairs"),
        ([{"A": SAME, "B": HIGH}, {"A": FEW, "B": FEW}],
         f"Against **A**: **B** better in 1 of 2 columns, too few runs in 1. {RULE} 2 to 8 pairs of runs each; it holds for "
         "digits, wave\\_source and 20 epochs, and says nothing beyond."),
        ([{"A": SAME}], ""),
        ([{"A": SAME * 2} | {f"V{i}": HIGH * 2 if i else LOW * 2 for i in range(MOST + 1)}],
         f"Of 13 comparisons of a variant with the one it is made from: 12 better, 1 worse. {RULE} 16 pairs"),
    ],
    ids=["a column", "a score and a distance", "all", "too few", "few in one", "one variant", "many"],
)  # fmt: skip
def test_what_may_be_concluded(columns: list[Mapping[str, Sequence[float]]], expected: str) -> None:
    found = told(*columns)
    assert found.startswith(expected) if expected else found == ""


def test_it_is_the_first_paragraph_of_both_reports(tmp_path: Path) -> None:
    plan, records = scored({"A": SAME, "B<": HIGH})
    report(plan, records, tmp_path)
    readme, page = (tmp_path / "README.md").read_text(), (tmp_path / "report.html").read_text()
    assert readme.startswith(
        "# fake\n\nWhat does each part add?\n\nAgainst **A**: **B\\<** better. Better and worse mean p ≤ 0.05"
    )
    assert "<p>Against <strong>A</strong>: <strong>B&lt;</strong> better. Better and worse mean" in page
    report(plan, [], tmp_path)
    assert "Against" not in (tmp_path / "README.md").read_text()
