import pytest
from fake_records import cell_of, plan_of, record_of, run_of

from bench.claims.trained import verdicts
from bench.stats import interval
from bench.suite import load_dict
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


def in_grid(claims: list[dict[str, object]], sweep: dict[str, list[object]], best: dict[str, float]) -> Scores:
    """A real suite of two sizes, small and large, with a sweep around each: ``best`` says at which rate each size is good."""
    network = {"block": "encoder", "stage": {"block": "conv"}}
    suite = load_dict({
        "base": {"data": {"name": "tumour_phantom"}, "network": network, "recipe": {"lr": 0.1}, "budget": {"epochs": 1}},
        "variants": {"net": {}},
        "grid": {"size": {"small": {"network.widths": [4]}, "large": {"network.widths": [8]}}},
        "sweep": sweep,
        "seeds": 6,
        "claims": [{"variant": "net", "metric": "dice", "data": "d", "source": "s", **claim} for claim in claims],
    })  # fmt: skip
    records = []
    for run in suite.runs():
        size = "small" if run.network["widths"] == [4] else "large"
        base, seed = {"small": 0.5, "large": 0.65}[size], run.seed.init
        shortfall = abs(run.recipe.lr - best[size]) + abs(run.data["noise"] - 0.3)
        records.append(record_of(run, {"dice": base - shortfall + 0.002 * (-1) ** seed + 1e-4 * run.recipe.lr * seed}))
    return Scores(suite.plan(), records)


RATES = {"recipe.lr": [0.1, 0.2]}
ALIKE = {"small": 0.1, "large": 0.1}


@pytest.mark.parametrize("size", ["small", "large"])
def test_an_optimum_is_judged_where_the_claim_has_it(size: str) -> None:
    """The best rate is 0.1 at both sizes; the large one is better at every rate, which is no place of this axis."""
    scores = in_grid([{"id": "X", "optimum": {"recipe.lr": 0.1}, "grid": {"size": size}}], RATES, ALIKE)
    (optimum,) = optima(scores)
    assert (optimum.verdict, optimum.where) == ("confirmed", f"tumour_phantom, {size}")
    assert [(place.value, place.pairs) for place in optimum.places] == [(0.1, 0), (0.2, 6)]
    assert optimum.places[1].difference == pytest.approx(-0.1, abs=1e-3)


def test_a_claim_without_a_grid_is_judged_at_each_point_of_it() -> None:
    scores = in_grid([{"id": "X", "optimum": {"recipe.lr": 0.1}}], RATES, {"small": 0.2, "large": 0.1})
    found = list(optima(scores))
    assert [(optimum.where, optimum.verdict, optimum.found) for optimum in found] == [
        ("tumour_phantom, small", "contradicted", 0.2),
        ("tumour_phantom, large", "confirmed", 0.1),
    ]
    assert [row[0].lines for row in optima_table(found).rows] == [
        ("recipe.lr", "on tumour_phantom, small", "X"),
        ("recipe.lr", "on tumour_phantom, large", "X"),
    ]
    assert [[place.value for place in optimum.better] for optimum in found] == [[0.2], []]
    note = verdicts(scores)["X"].note
    assert note.startswith(
        "on tumour_phantom, small: the best mean of 0.1, 0.2; shown to be better than the documented place: 0.2 (+0.1"
    )
    confirmed = in_grid([{"id": "X", "optimum": {"recipe.lr": 0.1}}], RATES, ALIKE)
    assert verdicts(confirmed)["X"].note.endswith("shown to be better than the documented place: none")


def test_claims_of_one_statement_at_two_points_are_judged_together() -> None:
    claims = [{"id": f"X/{size}", "optimum": {"recipe.lr": 0.1}, "grid": {"size": size}} for size in ("small", "large")]
    assert verdicts(in_grid(claims, RATES, ALIKE))["X"].verdict == "confirmed (other data)"


def test_options_of_the_data_are_an_axis_like_any_other() -> None:
    claim = {"id": "X", "optimum": {"data.noise": 0.3}, "grid": {"size": "large"}}
    (optimum,) = optima(in_grid([claim], {"data.noise": [0.2, 0.3, 0.4], **RATES}, ALIKE))
    assert [place.value for place in optimum.places] == [0.06, 0.2, 0.3, 0.4]  # the first is the data set's default
    assert (optimum.verdict, optimum.found) == ("confirmed", 0.3)


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
