"""Latency, memory and energy that bench profile recorded, among the costs of a suite's scores."""

import math
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fake_records import scored
from markupsafe import Markup
from profile_records import whole_record

from bench.plots import PLOTS
from bench.plots.costs import costs_of
from bench.plots.drawn import draw
from bench.plots.style import styled
from bench.profile import Profiled
from bench.profile import report as profile_report
from bench.report import leave, report
from bench.report.html import UNQUOTED, Section
from bench.runs import RunRecord, Setting
from bench.store import Store
from bench.tables.frames import costs, scores_frame
from bench.tables.profiled import latency_setting, memory_setting
from bench.tables.scores import Scores

PLAN, TRAINED = scored({"small": [0.8, 0.81, 0.79], "large": [0.9, 0.91, 0.92]})
SECONDS = {"small": 0.02, "large": 0.04}
INFER, TRAIN = Setting(mode="inference", batch=4), Setting(mode="train", batch=16)
ON_GPU = Setting(mode="inference", batch=4, device="cuda")


def profile(variant: str, setting: Setting, peak: int = 10**7, joules: float | None = None) -> RunRecord:
    """Of the variant's first seed, as bench profile has it; ten rounds."""
    made, _ = whole_record(variant, [SECONDS[variant] * (1 + i / 100) for i in range(-4, 5)], setting)
    run = next(one.run for one in TRAINED if one.run.network["named"] == variant)
    energy: dict[str, Any] = {"missing": "a CPU"} if joules is None else {"joules_per_image": joules}
    measured = made.measured | {"memory": made.measured["memory"] | {"peak_bytes": peak}, "energy": energy}
    return made.model_copy(update={"id": setting.id(run), "run": run, "measured": measured})


BOTH = [
    profile(variant, setting, peak)
    for variant, peak in (("small", 10**7), ("large", 3 * 10**7))
    for setting in (INFER, TRAIN)
]


def scores_of(*profiles: RunRecord) -> Scores:
    return Scores(PLAN, [*TRAINED, *profiles])


def test_costs_are_of_one_image_and_of_a_training_step() -> None:
    scores = scores_of(*BOTH)
    (column,) = scores.columns
    found = costs(scores, column.cells["small"])
    assert found["latency_s"] == pytest.approx(0.02 / 4)
    assert found["latency_low_s"] < found["latency_s"] < found["latency_high_s"]
    assert found["step_memory_bytes"] == 10**7
    assert math.isnan(found["energy_j"]), "a CPU has no counter: a blank, no estimate"
    assert "latency_s" in scores_frame(scores)
    assert "latency_s" not in scores_frame(scores_of()), "a suite that was never profiled has no such column"


def test_profiles_are_no_runs_and_failed_ones_no_measurement() -> None:
    scores = scores_of(*BOTH)
    assert scores.records.keys() == scores_of().records.keys()
    failed = [one.model_copy(update={"status": "failed"}) for one in BOTH]
    assert scores_of(*failed).profiles == []
    stranger = BOTH[0].model_copy(update={"run": BOTH[0].run.model_copy(update={"head": {"pool": "flatten"}})})
    assert scores_of(stranger).profiles == []


@pytest.mark.parametrize(
    ("settings", "latency", "memory"),
    [
        ([INFER, TRAIN], INFER, TRAIN),
        ([TRAIN], TRAIN, TRAIN),  # nothing else was measured
        ([INFER, Setting(mode="inference")], Setting(mode="inference"), INFER),
        ([INFER, INFER.model_copy(update={"precision": "bf16", "batch": 1})], INFER, INFER),
        ([TRAIN, TRAIN.model_copy(update={"batch": 64})], TRAIN, TRAIN.model_copy(update={"batch": 64})),
        ([INFER, ON_GPU], ON_GPU, ON_GPU),
        ([], None, None),
    ],
)
def test_of_several_settings_one_counts(
    settings: list[Setting], latency: Setting | None, memory: Setting | None
) -> None:
    scores = scores_of(*(profile(variant, setting) for variant in SECONDS for setting in settings))
    assert (latency_setting(scores), memory_setting(scores)) == (latency, memory)


def test_the_setting_that_most_variants_have_comes_before_the_plainest() -> None:
    rare, common = Setting(mode="inference"), INFER.model_copy(update={"precision": "bf16"})
    scores = scores_of(profile("small", rare), profile("small", common), profile("large", common))
    assert latency_setting(scores) == common


def test_scores_stand_against_what_was_measured() -> None:
    scores = scores_of(*(profile(one.run.network["named"], one.setting, joules=0.5) for one in BOTH if one.setting))
    named = costs_of(scores)
    assert named["score_against_memory"].label == "peak memory"
    assert named["score_against_memory"].about == "train, batch 16"
    with styled():
        (ax,) = PLOTS["score_against_latency"].build(scores).axes
        energy = PLOTS["score_against_energy"].build(scores)
    xs = [float(bar.lines[0].get_xdata()[0]) for bar in ax.containers]
    assert xs == pytest.approx([0.005, 0.01])
    assert ax.get_xlim()[0] < 0.005 * 0.96
    assert ax.get_xlabel() == "latency of one image (inference, batch 4; log scale)"
    assert all(bar.has_xerr for bar in ax.containers), "a latency has its interval"
    assert energy
    views = {name: picture.views for name, picture in draw(scores).pictures.items()}
    assert {"score_against_latency", "score_against_energy"} <= views.keys()
    (view,) = views["score_against_latency"]
    assert view.layout["xaxis"]["title"]["text"] == "latency of one image (inference, batch 4), s"
    assert [trace["x"][0] for trace in view.data[1:]] == pytest.approx([0.005, 0.01])
    assert all(trace["error_x"]["array"][0] > 0 for trace in view.data[1:])
    assert not any("error_x" in trace for trace in views["score_against_memory"][0].data)


def test_without_profiles_there_is_no_such_figure() -> None:
    scores = scores_of()
    assert PLOTS["score_against_latency"].build(scores) is None
    assert PLOTS["score_against_energy"].build(scores_of(*BOTH)) is None, "joules were not measured"
    assert costs_of(scores)["score_against_memory"].label == "peak memory of a training"
    assert not {"score_against_latency", "score_against_energy"} & draw(scores).pictures.keys()


def test_readme_and_page_have_the_profiles_and_a_later_report_keeps_them(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.lock(print):
        for one in [*TRAINED, *BOTH]:
            store.append(one)
    cells = {one.run.id: next(cell for cell in PLAN.cells if one.run.id in cell.ids) for one in BOTH}
    profile_report.report(Profiled(PLAN, cells, BOTH, TRAINED, (), tmp_path))
    before = {
        path: path.read_bytes() for path in tmp_path.rglob("*") if path.suffix in (".md", ".html", ".csv", ".svg")
    }
    readme, page = (tmp_path / "README.md").read_text(), (tmp_path / "report.html").read_text()
    for text in ("## Time, memory and energy", "| latency", "| peak memory", "| energy", "plots/profile_roofline.svg",
                 "plots/score_against_latency.svg", "energy: a CPU"):  # fmt: skip
        assert text in readme
    assert ">Time, memory and energy</h2>" in page
    assert not list(tmp_path.glob("plots/*pareto*")), "scores against costs have one home"
    report(PLAN, TRAINED, tmp_path)
    assert {path: path.read_bytes() for path in before} == before


def test_a_section_is_left_with_its_figures_once(tmp_path: Path) -> None:
    """The page has the drawings, README.md their files, what is left only their names; a repository may hold no PNG files."""
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    figures = {"search_b": {"svg": svg}, "search_a": {"svg": svg}}
    captions = {"search_a": "First, best.", "search_b": "Then.", "search_c": "Not drawn."}
    leave(Section("A search", Markup("<p>found</p>"), "*found*"), figures, captions, tmp_path)
    (file,) = (tmp_path / "sections").glob("*.json")
    assert "svg" not in file.read_text()
    report(PLAN, TRAINED, tmp_path)
    readme, page = (tmp_path / "README.md").read_text(), (tmp_path / "report.html").read_text()
    assert "*found*\n\n![First, best.](plots/search_a.svg)\n\nFirst, best.\n\n![Then.](plots/search_b.svg)" in readme
    assert page.count(f"src='data:image/svg+xml,{quote(svg, safe=UNQUOTED)}'") == 2
    assert 0 < page.index("<figcaption>First, best.") < page.index("<figcaption>Then.")
    assert "Not drawn" not in readme + page

    (tmp_path / "plots" / "search_a.svg").unlink()
    report(PLAN, TRAINED, tmp_path)
    assert "A search" not in (tmp_path / "README.md").read_text(), "a damaged section is left out until it is made anew"
