"""The figures and tables of profiles, from records with known times."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from fake_records import plan_of
from profile_records import whole_record

from bench.plots import bars
from bench.plots.style import styled
from bench.profile import Profiled, panels
from bench.profile.comparisons import crossover_table
from bench.profile.panels import axis_panels, depths, roofs, throughput
from bench.profile.report import figures
from bench.profile.tables import costs_table, frame
from bench.runs import RunRecord, Setting

COSTS = {"direct": lambda kernel: kernel * kernel / 1000, "FFT": lambda _kernel: 49 / 1000}
KERNELS, BATCHES = (1, 3, 5, 9), (1, 16)


@pytest.fixture(scope="module")
def profiled() -> Profiled:
    """direct costs k² ms, FFT 49: they cross at 7; a batch takes as long as its images one by one."""
    made = []
    for (variant, cost), kernel, batch in itertools.product(COSTS.items(), KERNELS, BATCHES):
        seconds = [cost(kernel) * batch * (1 + i / 1000) for i in range(8)]
        made.append(whole_record(variant, seconds, Setting(batch=batch), kernel=kernel, image="32"))
    cells = {record.run.id: cell for record, cell in made}
    return Profiled(plan_of(list(cells.values())), cells, [record for record, _ in made], [], (), Path())


def test_panels_hold_what_was_measured(profiled: Profiled) -> None:
    by_batch = {panel.title: panel for panel in throughput(profiled)}
    assert set(by_batch) == {f"kernel {kernel}, image 32: train" for kernel in KERNELS}
    (one, low, high), (sixteen, *_) = (point[1:] for point in by_batch["kernel 3, image 32: train"].lines["direct"])
    assert one == pytest.approx(sixteen)
    assert low < one < high
    assert one == pytest.approx(1000 / 9, rel=0.01)
    (first, _) = axis_panels(profiled, "kernel")
    assert first.title == "image 32, train, batch 1"
    assert [point[0] for point in first.lines["FFT"]] == list(KERNELS)
    ((variant, at, low, high),) = first.marks
    assert variant == "FFT"
    assert at == pytest.approx(7.3, abs=0.1), "between 5 and 9, on the line between the logarithms"
    assert low <= at <= high
    titles = [roof.title for roof in roofs(profiled)]
    assert titles[0].startswith("direct, kernel 1")
    assert titles[1].startswith("FFT, kernel 1"), "each variant in turn, the largest batches first"
    assert titles[0].endswith("batch 16")
    assert all(depth.training for depth in depths(profiled))


def test_every_figure_is_drawn_and_the_same_each_time(profiled: Profiled) -> None:
    some = [
        r
        for r in profiled.records
        if profiled.cells[r.run.id].variant == "direct" and r.measured["step_s"]["median"] < 1
    ]
    drawn = figures(replace(profiled, records=some))
    assert set(drawn) == {"profile_throughput", "profile_roofline", "profile_memory", "profile_axis"}
    assert all(kinds["png"].startswith(b"\x89PNG") and b"<svg" in kinds["svg"] for kinds in drawn.values())
    few = replace(profiled, records=profiled.records[:2])
    assert figures(few) == figures(few)


def test_the_tables_say_who_takes_over_where(profiled: Profiled) -> None:
    table = crossover_table(profiled)
    assert table
    assert {(row[3].lines[0], row[4].lines[0]) for row in table.rows} == {("FFT", "direct")}
    assert all(row[5].lines[0].startswith("7.") for row in table.rows)
    rows = costs_table(profiled).rows
    assert len(rows) == len(frame(profiled)) == 16
    assert rows[0][1].lines == ("train, batch 1",)
    assert rows[0][2].lines[0] == "1 ms"
    assert rows[0][7].lines[-1] == "bound by memory"


def test_phases_stand_end_to_end_and_the_largest_batch_has_its_number(profiled: Profiled) -> None:
    def also(record: RunRecord) -> RunRecord:
        step = record.measured["step_s"]
        phases = {"forward": {"median": 1.0}, "backward": {"median": 2.0}, "optimizer": {"median": 0.5}}
        found = {"fits": 4096, "fails": 4224, "limit_bytes": 2 * 10**9}
        return record.model_copy(
            update={
                "measured": record.measured | {"phases": phases, "largest_batch": found, "step_s": step | {"low": 3.4}}
            }
        )

    some = replace(profiled, records=[also(record) for record in profiled.records])
    assert panels.phases(profiled) == [], "a forward pass alone has no phases"
    assert panels.largest(profiled) == [], "it was not sought"
    assert panels.phases(some)[0].title == "kernel 1, image 32: train, batch 1"
    assert panels.phases(some)[0].rows["FFT"] == {"forward": 1.0, "backward": 2.0, "optimizer": 0.5}
    assert panels.largest(some)[0].title == "kernel 1, image 32: train in 2 GB"
    with styled():
        bars_of, batches = bars.phases(panels.phases(some)), bars.largest_batches(panels.largest(some))
    assert bars_of
    assert batches
    widths = [(patch.get_x(), patch.get_width()) for patch in bars_of.axes[0].patches[:3]]
    assert widths == [(0.0, 1.0), (1.0, 2.0), (3.0, 0.5)]
    assert {text.get_text() for text in batches.axes[0].texts} == {"4,096"}
    hatches = {patch.get_hatch() for patch in bars_of.axes[0].patches}
    assert len(hatches) == 3, "phases differ without colour too"


def test_without_records_there_is_nothing_to_draw(profiled: Profiled) -> None:
    empty = Profiled(profiled.plan, profiled.cells, [], [], (), Path())
    assert figures(empty) == {}
    assert crossover_table(empty) is None
    assert costs_table(empty).rows == ()
