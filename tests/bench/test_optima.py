import pytest
from fake_records import cell_of, plan_of, record_of, run_of

from bench.stats import interval
from bench.suite.plan import Claim, Plan
from bench.tables.optima import optima, optima_table
from bench.tables.scores import Scores

BASE = [0.80, 0.82, 0.81, 0.83, 0.79, 0.81]


def swept(points: dict[float, list[float]], base: float, documented: float, data: str = "BraTS") -> Scores:
    """A sweep over one path, all else as it was; the base comes first, as a plan has it."""
    cells, records = [], []
    for value in sorted(points, key=lambda value: value != base):
        runs = [run_of(f"at {value}", "digits", seed) for seed in range(len(BASE))]
        grid = {} if value == base else {"recipe.lr": value}
        cells.append(cell_of("net", None, runs, grid=grid, sweep={"recipe.lr": value}))
        records += [record_of(run, {"accuracy": score}) for run, score in zip(runs, points[value], strict=False)]
    claim = Claim(
        id="X-1", variant="net", metric="accuracy", optimum={"recipe.lr": documented}, data=data, source="section 1"
    )
    plan: Plan = plan_of(cells, claims=(claim,))
    return Scores(plan, records)


def shifted(by: float, wobble: float = 0.002) -> list[float]:
    return [score + by + wobble * (-1) ** i for i, score in enumerate(BASE)]


@pytest.mark.parametrize(
    ("points", "documented", "verdict", "found"),
    [
        ({0.1: BASE, 0.2: shifted(-0.1), 0.3: shifted(-0.2)}, 0.1, "confirmed", 0.1),
        ({0.1: BASE, 0.2: shifted(-0.1), 0.3: shifted(-0.2)}, 0.2, "contradicted", 0.1),
        ({0.1: BASE, 0.2: shifted(-0.1), 0.3: shifted(0.0)}, 0.1, "undecided", 0.1),
        ({0.1: BASE, 0.2: shifted(0.01, 0.05)}, 0.1, "undecided", 0.2),
        ({0.1: BASE, 0.2: []}, 0.1, "undecided", 0.1),
    ],
)
def test_a_documented_optimum_is_judged_by_paired_differences(points, documented, verdict, found) -> None:
    (optimum,) = optima(swept(points, 0.1, documented))
    assert (optimum.verdict, optimum.found) == (verdict, found)
    assert [place.value for place in optimum.places] == sorted(points)


def test_the_intervals_hold_for_all_places_together() -> None:
    points = {0.1: BASE, 0.2: shifted(0.1), 0.3: shifted(0.2)}
    (optimum,) = optima(swept(points, 0.1, 0.1))
    place = next(place for place in optimum.places if place.value == 0.2)
    differences = [a - b for a, b in zip(points[0.2], BASE, strict=True)]
    assert place.interval == interval(differences, 1 - 0.05 / 2)
    assert place.difference == pytest.approx(0.1)


@pytest.mark.parametrize(("data", "note"), [("BraTS", "(other data: digits)"), ("digits", "")])
def test_the_table_says_where_the_document_measured_on_other_data(data: str, note: str) -> None:
    text = optima_table(list(optima(swept({0.1: BASE, 0.2: shifted(-0.1)}, 0.1, 0.1, data)))).markdown()
    assert f"confirmed{' ' + note if note else ''}**" in text


WRONG = [
    {"variant": "net"},
    {"optimum": {"a": 1}},
    {"variant": "net", "optimum": {"a": 1}, "value": 2.0},
    {"variant": "net", "optimum": {}},
]


@pytest.mark.parametrize("fields", WRONG)
def test_a_claim_states_one_thing(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"expected 'variant' and 'value'|at least 1 item"):
        Claim(id="X", metric="accuracy", data="d", source="s", **fields)
