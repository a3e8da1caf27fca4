"""The threads that a machine has cores for, and what else of its state shows in times."""

import os

from bench.schedule.resources import cores

BUSY = 0.5
"""The load for each core from which on a machine is called busy."""


def usable_threads(wanted: int) -> tuple[int, list[str]]:
    """As many threads as there are cores for; and what that, one core, or a busy machine does to the times."""
    usable, remarks = cores(), list[str]()
    if wanted > usable:
        remarks.append(
            f"{wanted} threads were asked for and {usable} core{'s' * (usable > 1)} may be used: measuring with {usable}"
        )
    if usable == 1:
        remarks.append("one core: whatever else runs here is part of the times; intervals will be wider")
    if hasattr(os, "getloadavg") and (load := os.getloadavg()[0]) > BUSY * usable:
        remarks.append(f"this machine is busy (load {load:.1f} on {usable} cores): times are those of a busy machine")
    return min(wanted, usable), remarks
