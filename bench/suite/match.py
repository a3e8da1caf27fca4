"""Matching: the widths of a network are scaled by one factor until a count (of live parameters, or MACs) fits."""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.suite.widths import widths_of, with_widths

Count = Callable[[dict[str, Any]], int | None]
"""What is counted of the network that a spec describes; None where it cannot be built."""

_WIDEST = 100_000
_CLOSE = 0.1
"""The share of the tolerance within which nothing nearer is looked for."""
_MOST_COUNTS = 60
_MOST_MOVED = 6
_LEAPS = 8
"""How many roundings further to look for a network that can be built, or for a better fit where counts fall."""


@dataclass(frozen=True)
class Fit:
    """A network with scaled widths, what it counts, and how far that is from the target: (count − target) / target."""

    network: dict[str, Any]
    widths: tuple[int, ...]
    count: int
    mismatch: float


def fit(network: Mapping[str, Any], count: Count, target: int, tolerance: float) -> Fit | None:
    """The network whose count is nearest to ``target`` among all factors that its widths can be scaled by, each then rounded.

    Found by interpolation in log space between networks below and above the target, until one is within a tenth of ``tolerance``
    or no factor between them rounds to other widths: the best of all where the count never falls as the factor rises. Where that
    is not within ``tolerance``, networks with single widths one up or down are tried too, and, where the count does fall (pooling
    that cuts off what does not fill a window), the roundings around. None where the network as given cannot be built.
    """
    search = _Search(dict(network), count, target)
    if search.at(1.0) is None:
        return None
    search.close_in(tolerance * _CLOSE)
    if abs(search.best().mismatch) > tolerance:
        search.look_around(tolerance)
        search.round_otherwise(tolerance)
    return search.best()


class _Search:
    """Counts at factors, each set of widths once."""

    def __init__(self, network: dict[str, Any], count: Count, target: int) -> None:
        self._widths = tuple(widths_of(network))
        self._network, self._count, self._target = network, count, target
        self._seen: dict[tuple[int, ...], tuple[float, int | None]] = {}

    def at(self, factor: float) -> int | None:
        """The count at a factor."""
        return self._counted(self._scaled(factor), factor)

    def _counted(self, widths: tuple[int, ...], factor: float) -> int | None:
        if widths not in self._seen:
            self._seen[widths] = factor, self._count(with_widths(self._network, iter(widths)))
        return self._seen[widths][1]

    def best(self) -> Fit:
        """The nearest of what was counted; of two equally near, the smaller."""
        _, n, widths = min((abs(n - self._target), n, widths) for widths, (_, n) in self._seen.items() if n is not None)
        return Fit(with_widths(self._network, iter(widths)), widths, n, (n - self._target) / self._target)

    def close_in(self, enough: float) -> None:
        """Counts until one is near enough, or two neighbouring roundings lie on either side of the target."""
        low: float | None = None
        high: float | None = None
        factor: float | None = None
        proposal: float | None = 1.0
        for turn in range(_MOST_COUNTS):
            last, factor = factor, self._buildable(proposal, low, high)
            if factor is None or abs(self._log(factor)) <= enough:
                return
            low, high = (factor, high) if self._log(factor) <= 0 else (low, factor)
            if low is None or high is None:
                proposal = self._beyond(factor, last)
            elif low < high:
                proposal = self._between(low, high, turn)
            else:  # the count falls somewhere in between: look_around's matter
                return

    def look_around(self, tolerance: float) -> None:
        """Counts the roundings around the best one, where the count was seen to fall, until one is within ``tolerance``."""
        counts = [n for _, n in sorted(self._seen.values()) if n is not None]
        if counts == sorted(counts):
            return
        for up in (True, False):
            factor: float | None = self._seen[self.best().widths][0]
            for _ in range(_LEAPS):
                factor = None if factor is None else self._step(factor, up)
                if factor is None or abs(self.best().mismatch) <= tolerance:
                    break
                self.at(factor)

    def round_otherwise(self, tolerance: float) -> None:
        """Counts the best network with widths one up or down, in the combinations that promise most, until one fits."""
        best = self.best()
        factor = self._seen[best.widths][0]

        def count(moves: Iterable[int]) -> int | None:
            return self._counted(tuple(max(1, w + move) for w, move in zip(best.widths, moves, strict=True)), factor)

        length = len(best.widths)
        single = {(i, move): count(move * (i == j) for j in range(length)) for i in range(length) for move in (1, -1)}
        gain = {key: 0 if n is None else n - best.count for key, n in single.items()}

        def promise(moves: tuple[int, ...]) -> tuple[int, int]:
            sum_ = sum(gain[i, move] for i, move in enumerate(moves) if move)
            return abs(best.count + sum_ - self._target), sum(map(abs, moves))

        free = [(0, 1, -1)] * min(length, _MOST_MOVED) + [(0,)] * (length - _MOST_MOVED)
        for moves in sorted(itertools.product(*free), key=promise)[:_LEAPS]:
            if abs(self.best().mismatch) <= tolerance:
                return
            count(moves)

    def _scaled(self, factor: float) -> tuple[int, ...]:
        return tuple(max(1, min(_WIDEST, math.floor(width * factor + 0.5))) for width in self._widths)

    def _log(self, factor: float) -> float:
        """log(count / target) at a factor that was counted."""
        return math.log(max(self.at(factor) or 0, 1) / self._target)

    def _step(self, factor: float, up: bool) -> float | None:
        """The next factor at which some width rounds differently; None where all widths are at their end."""
        pairs = [*zip(self._scaled(factor), self._widths, strict=True)]
        if up:
            return min(((n + 0.5) / width * (1 + 1e-12) for n, width in pairs if n < _WIDEST), default=None)
        return max(((n - 0.5) / width * (1 - 1e-12) for n, width in pairs if n > 1), default=None)

    def _beyond(self, factor: float, last: float | None) -> float | None:
        """A factor nearer to the target, by the slope of the last two counts; two is that of most networks."""
        gap, slope = self._log(factor), 2.0
        if last is not None and last != factor:
            slope = (gap - self._log(last)) / math.log(factor / last)
        guess = factor * math.exp(min(-gap / min(max(slope, 0.5), 4.0), 20.0))
        return guess if self._scaled(guess) != self._scaled(factor) else self._step(factor, up=gap <= 0)

    def _between(self, low: float, high: float, turn: int) -> float | None:
        """A factor between two that rounds to other widths than both; None where there is none."""
        below, above = self._log(low), self._log(high)
        share = (0.5, -below / (above - below), 0.0 if -below < above else 1.0)[turn % 3]
        guess = low * (high / low) ** share
        if self._scaled(guess) == self._scaled(low):
            guess = self._step(low, up=True) or high
        if self._scaled(guess) == self._scaled(high):
            guess = self._step(high, up=False) or low
        return None if self._scaled(guess) == self._scaled(low) else guess

    def _buildable(self, factor: float | None, low: float | None, high: float | None) -> float | None:
        """``factor``, or the nearest rounding (strictly between ``low`` and ``high``) whose network can be built."""
        for up in (True, False):
            near = factor
            for _ in range(_LEAPS):
                if near is None or (low is not None and near <= low) or (high is not None and near >= high):
                    break
                if self.at(near) is not None:
                    return near
                near = self._step(near, up)
        return None
