"""The largest batch that fits: doubled until one does not, then halving what is left; each try in a process of its own."""

from collections.abc import Callable
from functools import partial
from typing import Any

from bench.profile.isolated import alone
from bench.profile.work import fits
from bench.runs import Run, RunRecord, Setting
from bench.schedule import Limits, Slot

MOST = 2**20
SHARE = 32
"""The answer is known to one part in so many."""
FULL = ("out_of_memory", "memory_limit", "killed")


def search(fits: Callable[[int], bool], most: int = MOST) -> tuple[int, int | None]:
    """The largest batch that was seen to fit (0: none), and the smallest that was seen not to (None: ``most`` fits)."""
    good, bad, size = 0, None, 1
    while bad is None and size <= most:
        if fits(size):
            good, size = size, 2 * size
        else:
            bad = size
    while bad is not None and bad - good > max(1, good // SHARE):
        middle = (good + bad) // 2
        if fits(middle):
            good = middle
        else:
            bad = middle
    return good, bad


def largest_batch(
    run: Run, setting: Setting, slot: Slot, limits: Limits, initialise: Callable[[], None]
) -> dict[str, Any]:
    """``fits``, the largest batch that does; ``fails``, the smallest that does not; ``limit_bytes`` of a limit that was set.

    Another failure than for want of memory ends the search: ``error`` says what happened.
    """
    tries: dict[int, RunRecord] = {}

    def try_(batch: int) -> bool:
        wanted = setting.model_copy(update={"batch": batch})
        tries[batch] = alone(run, partial(fits, setting=wanted), slot, limits, initialise)
        return tries[batch].status == "done"

    good, bad = search(try_)
    error = tries[bad].error if bad else None
    found: dict[str, Any] = {"fits": good, "fails": bad, "tries": len(tries), "limit_bytes": limits.memory_bytes}
    return found | ({"error": error.message} if error and error.reason not in FULL else {})
