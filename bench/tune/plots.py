"""Figures of a search: how it went, what mattered, where the good settings lie, and how far luck goes."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plots.style import facets, legend, looks, rendered, styled
from bench.stats import Array
from bench.tune import Tuned
from bench.tune.owner import GONE
from bench.tune.search import SETTINGS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from optuna import Study
    from optuna.trial import FrozenTrial

DRAWS = 2000
IMPORTANCE_FROM = 5  # finished trials; below, a forest of trees says nothing

SHOWN = (
    0.75  # the better part of finished scores that has the axis to itself: a few hopeless ones would squeeze it flat
)

WIDE = 50  # a setting whose values span more is drawn by its logarithm

CAPTIONS = {
    "best_so_far": "Best validation score after each trial, in the order in which they ended; pruned and failed trials only "
    "count. The axis begins near the worse quarter of all finished trials.",
    "expected_best": "Expected best score of k finished trials drawn at random from all of a search, with the 95 % range over "
    "draws: how much of a difference between searches is luck. The axis begins near the worse quarter of all finished trials.",
    "importances": "Share of the score's variance over finished trials that each setting explains (fANOVA).",
    "slices": "Score of every finished trial over each setting; pruned ones as crosses at the score they had. What lies below "
    "the axis, near the worse quarter of all finished trials, stands on its edge.",
    "contours": "Finished trials by the two most important settings; darker is better.",
    "parallel_coordinates": "Every finished trial as a line through its settings; darker is better.",
    "pareto": "Finished trials by the first two metrics; those that no other beats in both are joined.",
}


def draw(tuned: Tuned) -> dict[str, dict[str, bytes]]:
    """Name of each figure with something to show → ``svg`` and ``png`` → the file's bytes."""
    with styled():
        figures = {name: plot(tuned) for name, plot in PLOTS.items()}
        return {f"search_{name}": rendered(figure) for name, figure in figures.items() if figure}


def finished(study: "Study") -> "list[FrozenTrial]":
    """The trials that were trained to their end, in the order in which they were."""
    done = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    return sorted(done, key=lambda trial: (trial.datetime_complete, trial.number))


def upwards(tuned: Tuned) -> bool:
    """Whether more of the first metric is better."""
    study = next(iter(tuned.studies.values()))
    return study.directions[0].name == "MAXIMIZE"


def best_so_far(tuned: Tuned) -> "Figure | None":
    """A step line a variant over the trials that have ended."""
    figure, (ax,) = facets(["Best so far"])
    for variant, study in tuned.studies.items():
        ended = [t for t in study.get_trials(deepcopy=False) if t.state.is_finished() and GONE not in t.user_attrs]
        ended.sort(key=lambda trial: (trial.datetime_complete, trial.number))
        values = [trial.values[0] if trial.state.name == "COMPLETE" else math.nan for trial in ended]
        if np.isfinite(values).any():
            best = np.fmax.accumulate(values) if upwards(tuned) else np.fmin.accumulate(values)
            _line(ax, tuned, variant, np.arange(1, len(values) + 1), best, drawstyle="steps-post")
    ax.set_ylim(*_limits(tuned))
    ax.set_xlabel("trials ended")
    ax.set_ylabel(f"best {tuned.metrics[0]}")
    legend(figure, list(tuned.studies))
    return figure


def expected_best(tuned: Tuned) -> "Figure | None":
    """The best of k trials drawn without replacement: mean and 95 % range."""
    shown = {variant: [t.values[0] for t in finished(study)] for variant, study in tuned.studies.items()}
    shown = {variant: values for variant, values in shown.items() if len(values) > 1}
    if not shown:
        return None
    figure, (ax,) = facets(["Expected best of k trials"])
    for variant, values in shown.items():
        mean, low, high = best_of(np.array(values), upwards(tuned))
        ks = np.arange(1, len(values) + 1)
        _line(ax, tuned, variant, ks, mean)
        ax.fill_between(ks, low, high, color=looks(list(tuned.studies))[variant].colour, alpha=0.13, linewidth=0)
    ax.set_ylim(*_limits(tuned))
    ax.set_xlabel("finished trials k")
    ax.set_ylabel(tuned.metrics[0])
    legend(figure, list(tuned.studies))
    return figure


def best_of(values: Array, maximise: bool) -> tuple[Array, Array, Array]:
    """(n,) each: mean, 2.5 % and 97.5 % quantile of the best of k = 1 … n of the values, drawn without replacement."""
    generator = np.random.default_rng(0)
    drawn = generator.permuted(np.tile(values, (DRAWS, 1)), axis=1)
    best = np.maximum.accumulate(drawn, axis=1) if maximise else np.minimum.accumulate(drawn, axis=1)
    low, high = np.quantile(best, (0.025, 0.975), axis=0)
    return best.mean(axis=0), low, high


def importance(study: "Study", metric: int = 0) -> dict[str, float]:
    """Setting → the share of the score's variance that it explains (fANOVA, Hutter et al., 2014).

    {} of too few trials, and of one setting, which explains all there is.
    """
    import optuna

    trials = finished(study)
    settings = {path for trial in trials for path in trial.params}
    if len(trials) < IMPORTANCE_FROM or len(settings) < 2 or len({trial.values[metric] for trial in trials}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    target: Callable[[FrozenTrial], float] = lambda trial: trial.values[metric]  # noqa: E731
    return optuna.importance.get_param_importances(study, evaluator=evaluator, target=target)


def importances(tuned: Tuned) -> "Figure | None":
    """A panel a variant, a bar a setting."""
    shares = {variant: importance(study) for variant, study in tuned.studies.items()}
    shares = {variant: share for variant, share in shares.items() if share}
    if not shares:
        return None
    figure, axes = facets(list(shares), 0.8 + 0.32 * max(map(len, shares.values())))
    for ax, (variant, share) in zip(axes, shares.items(), strict=True):
        names = list(share)[::-1]
        ax.barh(names, [share[name] for name in names], color=looks(list(tuned.studies))[variant].colour)
        ax.set_xlim(0, 1)
        ax.set_xlabel("share of the variance")
    return figure


def slices(tuned: Tuned) -> "Figure | None":
    """A panel a setting, the variants together."""
    paths = list(dict.fromkeys(path for study in tuned.studies.values() for t in finished(study) for path in t.params))
    if not paths:
        return None
    figure, axes = facets(paths)
    limits = _limits(tuned)
    inside = partial(np.clip, a_min=min(limits), a_max=max(limits))
    for ax, path in zip(axes, paths, strict=True):
        values = [_setting(t, path) for study in tuned.studies.values() for t in study.trials if path in t.params]
        place = _axis(ax, values)
        for variant, study in tuned.studies.items():
            look = looks(list(tuned.studies))[variant]
            done = [t for t in finished(study) if path in t.params]
            ax.plot(
                [place(_setting(t, path)) for t in done], inside([t.values[0] for t in done]),
                look.marker, color=look.colour, markersize=0.8 * look.size, alpha=0.75,
            )  # fmt: skip
            cut = [t for t in study.trials if t.state.name == "PRUNED" and path in t.params and t.intermediate_values]
            ends = [t.intermediate_values[max(t.intermediate_values)] for t in cut]
            ax.plot(
                [place(_setting(t, path)) for t in cut], inside(ends), "x", color=look.colour, markersize=3.5, alpha=0.4
            )
        ax.set_ylim(*limits)
        ax.set_ylabel(tuned.metrics[0])
    legend(figure, list(tuned.studies), lines=False)
    return figure


def contours(tuned: Tuned) -> "Figure | None":
    """A panel a variant: trials by its two most important settings, and the score between them where it can be drawn."""
    pairs = {variant: list(importance(study))[:2] for variant, study in tuned.studies.items()}
    pairs = {variant: pair for variant, pair in pairs.items() if len(pair) == 2}
    if not pairs:
        return None
    figure, axes = facets(list(pairs), 3.1)
    for ax, (variant, (across, up)) in zip(axes, pairs.items(), strict=True):
        trials = finished(tuned.studies[variant])
        x = np.array([*map(_axis(ax, [_setting(t, across) for t in trials]), [_setting(t, across) for t in trials])])
        y = np.array([*map(_axis(ax, [_setting(t, up) for t in trials], "y"), [_setting(t, up) for t in trials])])
        ax.set_xlabel(across)
        ax.set_ylabel(up)
        scores = np.array([t.values[0] for t in trials])
        if len(set(zip(x, y, strict=True))) > 3 and len(set(x)) > 1 and len(set(y)) > 1 and not _collinear(x, y):
            ax.tricontourf(x, y, scores, levels=8, cmap="Blues" if upwards(tuned) else "Blues_r", alpha=0.6)
        points = ax.scatter(
            x,
            y,
            c=scores,
            cmap="Blues" if upwards(tuned) else "Blues_r",
            edgecolor="#333333",
            linewidth=0.6,
            clip_on=False,
            zorder=3,
        )
        figure.colorbar(points, ax=ax, shrink=0.85)
    return figure


def _collinear(x: Array, y: Array) -> bool:
    return bool(np.linalg.matrix_rank(np.stack([x - x[0], y - y[0]])) < 2)


def parallel_coordinates(tuned: Tuned) -> "Figure | None":
    """A panel a variant: its settings, where they are several, side by side, each scaled to its own range, the score last."""
    import matplotlib

    shown = {variant: finished(study) for variant, study in tuned.studies.items()}
    shown = {variant: trials for variant, trials in shown.items() if len(trials) > 1 and len(trials[0].params) > 1}
    if not shown:
        return None
    figure, axes = facets(list(shown), 3.0)
    for ax, trials in zip(axes, shown.values(), strict=True):
        paths = list(trials[0].params)
        columns = [_scaled([_setting(t, path) for t in trials]) for path in paths]
        scores = _scaled([t.values[0] for t in trials])
        goodness = scores if upwards(tuned) else 1 - scores
        for i in np.argsort(goodness):
            colour = matplotlib.colormaps["Blues"](0.2 + 0.8 * goodness[i])
            ax.plot([*(column[i] for column in columns), scores[i]], color=colour, linewidth=1.1)
        names = [*(path.rpartition(".")[2] for path in paths), tuned.metrics[0].rpartition("/")[2]]
        ax.set_xticks(range(len(names)), names, rotation=25, ha="right")
        ax.set_yticks([0, 1], ["lowest", "highest"])
    return figure


def pareto(tuned: Tuned) -> "Figure | None":
    """Two metrics of every finished trial, with each search's front."""
    if len(tuned.metrics) < 2:
        return None
    figure, (ax,) = facets(["Pareto fronts"])
    for variant, study in tuned.studies.items():
        look = looks(list(tuned.studies))[variant]
        done = finished(study)
        ax.plot(
            [t.values[1] for t in done], [t.values[0] for t in done], look.marker, color=look.colour, alpha=0.4,
            markersize=0.8 * look.size,
        )  # fmt: skip
        front = sorted((t.values[1], t.values[0]) for t in study.best_trials)
        if front:
            _line(ax, tuned, variant, [x for x, _ in front], [y for _, y in front])
    ax.set_xlabel(tuned.metrics[1])
    ax.set_ylabel(tuned.metrics[0])
    legend(figure, list(tuned.studies))
    return figure


def _limits(tuned: Tuned) -> tuple[float, float]:
    """The ends of the score's axis, lower first: the better part of all finished trials, with some room."""
    scores = np.array([trial.values[0] for study in tuned.studies.values() for trial in finished(study)] or [0.0, 1.0])
    low, high = (
        (np.quantile(scores, 1 - SHOWN), scores.max()) if upwards(tuned) else (scores.min(), np.quantile(scores, SHOWN))
    )
    room = 0.1 * (high - low) or 0.1
    return float(low - 2 * room), float(high + room)


def _line(ax: "Axes", tuned: Tuned, variant: str, x: Any, y: Any, drawstyle: str = "default") -> None:
    look = looks(list(tuned.studies))[variant]
    every = max(1, len(x) // 5)
    ax.plot(
        x,
        y,
        color=look.colour,
        linestyle=look.dashes,
        marker=look.marker,
        markersize=0.8 * look.size,
        markevery=every,
        drawstyle=drawstyle,
    )


def _setting(trial: "FrozenTrial", path: str) -> Any:
    """The value itself, where Optuna knows its number only."""
    return trial.user_attrs.get(SETTINGS, trial.params).get(path, trial.params.get(path))


def _axis(ax: "Axes", values: Sequence[Any], which: str = "x") -> Callable[[Any], float]:
    """Where on the axis a value goes: numbers by size, or power of ten over a factor of ``WIDE``; all else by place in a list.

    The axis itself stays linear, so that what is drawn between points is drawn between their powers.
    """
    from matplotlib.ticker import MaxNLocator

    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if numbers and len(set(values)) > 4:
        if min(values) <= 0 or max(values) / min(values) <= WIDE:
            return float
        axis = ax.xaxis if which == "x" else ax.yaxis
        axis.set_major_locator(MaxNLocator(5, integer=True))
        axis.set_major_formatter(lambda power, _place: f"{10.0**power:g}")
        return math.log10
    listed = sorted(dict.fromkeys(map(str, values)), key=lambda text: (float(text) if numbers else 0.0, text))
    (ax.set_xticks if which == "x" else ax.set_yticks)(range(len(listed)), listed)
    return lambda value: float(listed.index(str(value)))


def _scaled(values: Sequence[Any]) -> Array:
    """0 for the lowest, 1 for the highest; on a log scale over a factor of ``WIDE``; what is no number by its place in a list."""
    if not all(isinstance(value, int | float) for value in values):
        listed = sorted(set(map(str, values)))
        values = [listed.index(str(value)) for value in values]
    numbers = np.array(values, dtype=np.float64)
    if numbers.min() > 0 and numbers.max() / numbers.min() > WIDE:
        numbers = np.log(numbers)
    spread = np.ptp(numbers)
    return (numbers - numbers.min()) / spread if spread else np.full(len(numbers), 0.5)


PLOTS: dict[str, Callable[[Tuned], "Figure | None"]] = {
    "best_so_far": best_so_far,
    "expected_best": expected_best,
    "importances": importances,
    "slices": slices,
    "contours": contours,
    "parallel_coordinates": parallel_coordinates,
    "pareto": pareto,
}
