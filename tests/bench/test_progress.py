"""What a person sees while a suite runs."""

import io

import pytest
from fake_records import failed, record_of, run_of
from rich.console import Console

from bench.progress import Lines, Terminal, View, outcome
from bench.runs import Progress

DONE = record_of(run_of("conv", "digits", 0), {"accuracy": 0.9812})
FAILED = failed(record_of(run_of("[bold]odd[/bold]", "digits", 1), {}))
LABELS = {DONE.id: "conv, seed 0", FAILED.id: "[bold]odd[/bold], seed 1"}


def watch(view: View) -> None:
    with view:
        view.message("data: digits")
        view.start(2, LABELS)
        view.progress("cpu#1", Progress(FAILED.id, 0, 20, {}))
        view.progress("cpu#1", Progress(FAILED.id, 3, 20, {"train/loss": 0.5, "validation/accuracy": 0.75}))
        view.record(DONE)
        view.record(FAILED)


def test_lines_say_how_each_run_ended(capsys: pytest.CaptureFixture[str]) -> None:
    watch(Lines())
    first, total, done, bad = capsys.readouterr().err.splitlines()
    assert (first, total) == ("data: digits", "2 runs to do")
    assert done.startswith("[1/2]")
    assert done.endswith("conv, seed 0: done in 0.0 s, test accuracy 0.9812")
    assert bad.endswith("[bold]odd[/bold], seed 1: failed (diverged): the loss is NaN in epoch 3")


def test_the_terminal_shows_every_worker_and_names_are_never_markup() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, _environ={})
    watch(Terminal(console))
    shown = console.file.getvalue()
    for text in ("cpu#1", "epoch 3/20", "train/loss 0.5", "2/2", "[bold]odd[/bold], seed 1", "failed (diverged)"):
        assert text in shown


def test_a_silent_view_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    watch(View())
    assert capsys.readouterr() == ("", "")


def test_an_outcome_in_a_few_words() -> None:
    assert outcome(DONE) == "done in 0.0 s, test accuracy 0.9812"
    assert outcome(FAILED) == "failed (diverged): the loss is NaN in epoch 3"
