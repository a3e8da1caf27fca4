"""The seats that a job has on a cluster: made where there is room, on nodes that join too, and again where one is lost."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.cluster import cargo, nodes
from bench.cluster.connect import ClusterError
from bench.cluster.nodes import ANSWER_S, Node, Room
from bench.cluster.seats import Loss, Seat
from bench.schedule import Limits, WorkerError

LOOK_S = 3.0
"""Seconds between two looks for nodes that have joined or left."""
STARTS = 3
"""How many seats of a node may be lost before they begin a run, with no run's end between, before the node is left out."""
PATIENCE_S = 15.0
"""How long no slot may be free before that is said."""
SWEEP_S = 3.0


@dataclass
class Crew:
    """The seats of one call of ``execute``."""

    ray: Any
    room: Room
    most: int | None
    """The most runs at a time."""
    members: Sequence[Node]
    say: Callable[[str], None]
    packed: Any
    limits: Limits
    seats: list[Seat] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._members = {node.id: node for node in self.members}
        self._asked: dict[Any, Node] = {}
        self._left_out: set[str] = set()
        self._losses: Counter[str] = Counter()
        self._looked_s = self._idle_s = time.monotonic()
        self._said = False
        self._last = ""

    @property
    def nodes(self) -> set[Node]:
        """The nodes that have seats which work, or will."""
        return {seat.node for seat in self.seats}

    def fill(self, wanted: int) -> None:
        """Makes seats, evenly over the nodes, until there are as many as are wanted or there is room for."""
        wanted = min(wanted, wanted if self.most is None else self.most)
        while len(self.seats) < wanted:
            taken = Counter(seat.node.id for seat in self.seats)
            free = [node for node in self._members.values() if taken[node.id] < self.room.places(node)]
            if not free:
                return
            node = min(free, key=lambda node: taken[node.id])
            numbers = {int(seat.slot.name.rpartition("#")[2]) for seat in self.seats if seat.node == node}
            number = next(k for k in range(len(numbers) + 1) if k + 1 not in numbers)
            slot = self.room.slot(node, number)
            share = self.room.places(node) if self.room.gpus is None else self.room.share
            share = min(share, self.most or share)
            self.seats.append(Seat(self.ray, node, slot, self.room, self.packed, self.limits, share))

    def wait(self, others: Sequence[Any], longest_s: float) -> set[Any]:
        """The references that are there, once any is; none after ``longest_s``."""
        references = [*others, *self._asked, *(seat.awaited for seat in self.seats if seat.awaited is not None)]
        if not references:
            time.sleep(longest_s)
            return set()
        self.ray.wait(references, num_returns=1, timeout=longest_s)
        there, _ = self.ray.wait(references, num_returns=len(references), timeout=0)
        return set(there)

    def lose(self, seat: Seat, loss: Loss) -> None:
        """The seat is gone. A node that loses seats again and again before they begin a run has no more of them."""
        self.seats.remove(seat)
        self._losses[seat.node.id] += seat.last is None
        self._last = f"{seat.slot.name} is lost: {loss.reason}"
        self.say(self._last)
        if self._losses[seat.node.id] >= STARTS:
            self._leave_out(seat.node, f"node {seat.node.name} is left out: {STARTS} seats did not start there")

    def ended(self, seat: Seat) -> None:
        """A run has ended there."""
        self._losses[seat.node.id] = 0

    def look(self, done: set[Any]) -> None:
        """Looks for nodes that have joined or left, now and then. Raises ``WorkerError`` where none is left."""
        for reference in done & self._asked.keys():
            self._join(self._asked.pop(reference), reference)
        if time.monotonic() - self._looked_s < LOOK_S:
            return
        self._looked_s = time.monotonic()
        there = {node.id: node for node in nodes.alive(self.ray)}
        for id in self._members.keys() - there.keys():
            self.say(f"node {self._members.pop(id).name} has left the cluster")
        known = self._members.keys() | self._left_out | {node.id for node in self._asked.values()}
        for id in there.keys() - known:
            self._asked[nodes.asked(self.ray, there[id])] = there[id]
        if not self._members and not self._asked:
            raise WorkerError(
                f"no node of the cluster is left that can run anything; at last {self._last or 'all left'}"
            )
        self._complain()

    def _join(self, node: Node, reference: Any) -> None:
        try:
            apart = nodes.different(node, self.ray.get(reference))
        except self.ray.exceptions.RayError:  # gone again
            return
        if apart:
            self._leave_out(node, f"{apart}; it is left out")
            return
        self._members[node.id] = node
        self.say(f"node {node.name} has joined the cluster")

    def _leave_out(self, node: Node, why: str) -> None:
        self._left_out.add(node.id)
        self._members.pop(node.id, None)
        self.say(why)

    def _complain(self) -> None:
        """Says once that all slots are in use by others."""
        if not self.seats or any(seat.ready or seat.run for seat in self.seats):
            self._idle_s = time.monotonic()
        elif not self._said and time.monotonic() - self._idle_s > PATIENCE_S:
            self._said = True
            free = self.ray.available_resources()
            has = f"{free.get('CPU', 0):g} CPUs and {free.get('GPU', 0):g} GPUs"
            self.say(f"no slot is free yet: {has} of the cluster are not in use by others; waiting")

    def close(self) -> None:
        """Ends all seats, and removes what they left on the nodes' disks."""
        for seat in self.seats:
            seat.end()
        used = {seat.node for seat in self.seats} & set(self._members.values())
        self.seats.clear()
        sweep(self.ray, used)


def sweep(ray: Any, used: Iterable[Node]) -> None:
    """Removes what actors that were ended left on the nodes' disks."""
    swept = [
        ray.remote(cargo.sweep).options(num_cpus=0, max_retries=0, **nodes.on(ray, node)).remote(1.0) for node in used
    ]
    if swept:
        ray.wait(swept, num_returns=len(swept), timeout=SWEEP_S)


def members(ray: Any, say: Callable[[str], None]) -> list[Node]:
    """The nodes that answer and have this machine's versions of everything.

    One that does not answer is left out, and said. Raises ``ClusterError`` for other versions, or where none answers.
    """
    asked = {nodes.asked(ray, node): node for node in nodes.alive(ray)}
    answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_S)
    if not answered:  # all are slow; those that come later still will join
        answered, silent = ray.wait(silent, num_returns=1, timeout=ANSWER_S)
    found, apart, lost = [], [], [asked[reference].name for reference in silent]
    for reference in answered:
        try:
            difference = nodes.different(asked[reference], ray.get(reference))
        except ray.exceptions.RayError:
            lost.append(asked[reference].name)
            continue
        apart += [difference] if difference else []
        found.append(asked[reference])
    if apart:
        raise ClusterError("\n".join(apart))
    for reference in silent:
        ray.cancel(reference, force=True)
    left = (
        f"no answer from {', '.join(lost)} within {ANSWER_S:g} s; is there a firewall between, or is the machine off?"
    )
    if not found:
        raise ClusterError(left)
    if lost:
        say(f"{left} Going on without")
    return found
