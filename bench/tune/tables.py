"""What a search came to, as rows: trials, and the best of them confirmed; in the terminal, and for any table format."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from bench import stats
from bench.runs import RunRecord
from bench.store import write_if_changed
from bench.tables.formats import Document
from bench.tables.layout import Entry, Table, entries
from bench.text import estimate
from bench.tune import Tuned
from bench.tune.confirm import Confirmed
from bench.tune.owner import GONE
from bench.tune.search import FAILED, SETTINGS
from bench.tune.storage import without_password
from bench.tune.work import RUNS

if TYPE_CHECKING:
    import pandas as pd
    from optuna.trial import FrozenTrial
    from rich.console import Console

STATES = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}


def trials_frame(tuned: Tuned) -> "pd.DataFrame":
    """One row a trial that counts: variant, number, state, metrics, epochs trained, why it failed, settings, its runs' ids."""
    import pandas as pd

    records = {record.id: record for record in tuned.records}
    rows = [
        _trial_row(variant, trial, tuned, records)
        for variant, study in tuned.studies.items()
        for trial in study.get_trials(deepcopy=False)
        if GONE not in trial.user_attrs
    ]
    return pd.DataFrame(rows, columns=None if rows else ["variant", "trial", "state"])


def _trial_row(variant: str, trial: "FrozenTrial", tuned: Tuned, records: Mapping[str, RunRecord]) -> dict[str, Any]:
    ids = trial.user_attrs.get(RUNS, [])
    values = trial.values if trial.state.name == "COMPLETE" else [math.nan] * len(tuned.metrics)
    return {
        "variant": variant, "trial": trial.number, "state": STATES[trial.state.name],
        **dict(zip(tuned.metrics, values, strict=True)),
        "epochs": sum(records[id].measured.get("epochs", 0) for id in ids if id in records),
        "failed": trial.user_attrs.get(FAILED, ""),
        **{path: _plain(value) for path, value in trial.user_attrs.get(SETTINGS, {}).items()},
        "runs": " ".join(ids),
    }  # fmt: skip


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else json.dumps(value)


def confirmed_frame(tuned: Tuned) -> "pd.DataFrame":
    """One row a confirmed trial: what the search found, its mean on fresh seeds with interval, and test of the winner."""
    import pandas as pd

    rows = [_confirmed_row(each) for each in tuned.confirmed]
    return pd.DataFrame(rows, columns=None if rows else ["variant", "trial"])


def _confirmed_row(each: Confirmed) -> dict[str, Any]:
    low, high = stats.interval(each.scores)
    test_low, test_high = stats.interval(each.test)
    return {
        "variant": each.variant, "trial": each.trial, "winner": each.winner, "found": each.found,
        "n": len(each.scores), "of": len(each.runs), "mean": stats.mean(each.scores), "low": low, "high": high,
        "test_n": len(each.test), "test_mean": stats.mean(each.test), "test_low": test_low, "test_high": test_high,
        **{path: _plain(value) for path, value in each.settings.items()},
    }  # fmt: skip


def as_json(tuned: Tuned) -> dict[str, Any]:
    """``{"trials": [...], "confirmed": [...]}``; NaN is null."""
    frames = {"trials": trials_frame(tuned), "confirmed": confirmed_frame(tuned)}
    return {name: json.loads(frame.to_json(orient="records")) for name, frame in frames.items()}


def document(tuned: Tuned) -> Document:
    """The search in every form: a table with a row a variant, or rows of its trials."""
    return Document(
        title=f"{tuned.suite.name}: a search for each variant, by {tuned.metrics[0].replace('/', ' ')}.",
        legend=SEARCH_LEGEND,
        tables=lambda: [summary_table(tuned)],
        rows=lambda: trials_frame(tuned),
        values=lambda: as_json(tuned),
        screen=partial(show, tuned),
    )


def summary_table(tuned: Tuned) -> Table:
    """A row a variant, as ``summary`` has it."""
    header, rows = summary(tuned)
    return Table(entries(*header), tuple(tuple(Entry(tuple(text.split("\n"))) for text in row) for row in rows))


def write(tuned: Tuned) -> None:
    """tables/trials.csv and tables/confirmed.csv in the suite's folder."""
    for name, frame in (("trials", trials_frame(tuned)), ("confirmed", confirmed_frame(tuned))):
        write_if_changed(tuned.folder / "tables" / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"))


SEARCH_LEGEND = (
    "The best score of a search is too good on average: it was picked for that. The winner has the best mean on seeds that the "
    "search has not seen (mean ± half-width of its 95 % interval, n runs); test was looked at for it alone."
)


def show(tuned: Tuned, console: "Console") -> None:
    """Prints, for each variant, how its search went and what became of its best trials, and where the rest is."""
    from rich.table import Table
    from rich.text import Text

    header, rows = summary(tuned)
    table = Table(
        *header,
        title=f"{tuned.suite.name}: a search for each variant, by {tuned.metrics[0].replace('/', ' ')}",
        title_justify="left",
        show_lines=True,
    )
    table.columns[-1].min_width = max((len(line) for row in rows for line in row[-1].splitlines()), default=0)
    for row in rows:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    console.print(table)
    console.print(Text(SEARCH_LEGEND, style="dim"))
    console.print(f"tables, plots and report: {tuned.folder / 'report.html'}", markup=False)
    console.print(f"to look around: optuna-dashboard {without_password(tuned.place)}", markup=False, soft_wrap=True)


def summary(tuned: Tuned) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The header and a row a variant: trials and epochs, the best score, the winner on fresh seeds and on test, its settings."""
    trials, metric = trials_frame(tuned), tuned.metrics[0]
    rows: list[tuple[str, ...]] = []
    for variant, study in tuned.studies.items():
        mine = trials[trials["variant"] == variant]
        found = mine[metric].dropna() if metric in mine else mine["epochs"].head(0)
        upwards = study.directions[0].name == "MAXIMIZE"
        best = "–" if not len(found) else f"{(found.max() if upwards else found.min()):.4g}"
        rows.append(
            (
                variant,
                "\n".join([*_states(mine), f"{mine['epochs'].sum()} epochs"]),
                best,
                *_of_winner(tuned.winners.get(variant)),
            )
        )
    header = ("variant", "trials", "best found", "fresh seeds", "test", "winner's settings")
    return tuple(header), rows


def _states(trials: "pd.DataFrame") -> list[str]:
    return [f"{n} {state}" for state, n in trials["state"].value_counts().items()]


def undecided(tuned: Tuned) -> list[str]:
    """A line for each variant that was to have a winner and has none: why, and what to do next."""
    return [f"no winner for {variant!r}: {_hindrance(tuned, variant)}" for variant in tuned.undecided]


def _hindrance(tuned: Tuned, variant: str) -> str:
    runs = {run.id for each in tuned.confirmed if each.variant == variant for run in each.runs}
    if not runs:
        trials = trials_frame(tuned)
        came_to = ", ".join(_states(trials[trials["variant"] == variant])) or "0 trials"
        return (
            f"no trial came to a score ({came_to}; {tuned.folder / 'tables' / 'trials.csv'} says why each failed); give the "
            "suite's 'tune' more trials and run the same command again, or search a space that can be trained, in a suite of "
            "another name"
        )
    reasons = sorted({record.error.reason for record in tuned.records if record.id in runs and record.error})
    best = len([each for each in tuned.confirmed if each.variant == variant])
    return (
        f"none of its best trials ({best}) trained to the end on every fresh seed ({', '.join(reasons) or 'no score'}); "
        "raise 'top' of 'confirm' in the suite's 'tune', or its trials, and run the same command again, which tries the next best"
    )


def _of_winner(winner: Confirmed | None) -> tuple[str, str, str]:
    if winner is None:
        return "–", "–", "–"
    settings = "\n".join(
        f"{name} {_short(winner.settings[path])}" for path, name in short_paths(winner.settings).items()
    )
    return _mean(winner.scores), _mean(winner.test), settings


def short_paths(paths: Iterable[str]) -> dict[str, str]:
    """Path → its last part, or the whole where two would look the same."""
    last = Counter(path.rpartition(".")[2] for path in paths)
    return {path: name if last[name := path.rpartition(".")[2]] == 1 else path for path in paths}


def _mean(scores: tuple[float, ...]) -> str:
    low, high = stats.interval(scores)
    return f"{estimate(stats.mean(scores), (high - low) / 2)}\nn {len(scores)}" if scores else "–"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(_plain(value))
