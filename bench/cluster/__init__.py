"""Runs on a Ray cluster, behind the same seam as the local pool: machines are added, not code.

Each slot of each node has an actor that keeps a worker process, the same one as on a single machine; so results are the
same to the bit. Records, files and checkpoints come back to the driver, which alone writes.
"""

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cluster import nodes
from bench.cluster.cargo import Cargo, checkpoint
from bench.cluster.connect import ClusterError, Connection, connection
from bench.cluster.crew import Crew, members
from bench.cluster.nodes import Node, Room
from bench.cluster.seats import Loss
from bench.cluster.stock import Stock
from bench.cluster.todo import Todo
from bench.environment import Environment
from bench.environment import environment as environment_here
from bench.runs import Run, RunRecord
from bench.schedule import NO_LIMITS, Limits, Machine, Source, Work, interrupt
from bench.schedule.pool import POLL_S, OnProgress

__all__ = ["Cargo", "Cluster", "ClusterError", "cluster", "once_with_logs"]


@dataclass(frozen=True)
class Cluster:
    """A cluster that this machine is part of, and how runs are to be placed on it."""

    connection: Connection
    room: Room
    workers: int | None
    """The most runs at a time; None: as many as there is room for."""
    members: Sequence[Node]
    say: Callable[[str], None]

    def execute(
        self,
        runs: Iterable[Run] | Source,
        work: Work,
        *,
        cargo: Cargo,
        limits: Limits = NO_LIMITS,
        on_progress: OnProgress | None = None,
        environment: Callable[[str], Environment] = environment_here,
    ) -> Generator[RunRecord, None, None]:
        """The record of each run, as they end: like ``bench.schedule.execute``, on the slots of all nodes.

        ``cargo`` travels with the work: plug-ins, data sets that a node does not have, checkpoints of runs that were under way;
        what the work writes comes back. A run whose worker, actor or node dies is done again, elsewhere if possible, at most
        twice. Raises ``WorkerError`` where workers do not start, or no node is left.
        """
        ray = self.connection.ray
        packed = ray.put(cargo.packed(work, environment))
        stock = Stock(ray, packed, shipped=cargo.prepare is not None)
        todo = Todo.of(runs, stock)
        with contextlib.ExitStack() as stack:
            made = Crew(ray, self.room, self.workers, self.members, self.say, packed, limits)
            seats = stack.enter_context(contextlib.closing(made))
            interrupted = stack.enter_context(interrupt.first_noted())
            while todo.left or any(seat.run for seat in seats.seats):
                seats.fill(todo.left + sum(seat.run is not None for seat in seats.seats))
                _hand_out(todo, seats, stock, cargo.folder)
                done = seats.wait(stock.awaited, POLL_S)
                seats.look(done)
                stock.collect(done)
                for record in _collected(seats, todo, done, on_progress, cargo.folder):
                    yield record
                    if cargo.folder is not None and not record.may_go_on:
                        checkpoint(cargo.folder, record.id).unlink(missing_ok=True)
                if interrupted():
                    raise KeyboardInterrupt


@contextlib.contextmanager
def cluster(machine: Machine, say: Callable[[str], None] = lambda _text: None) -> Iterator[Cluster]:
    """The Ray cluster of a ``Machine``: a run has its CPU threads there, or a GPU or a share of one.

    Raises ``UserError`` where it cannot be reached, or a node has other versions than this machine.
    """
    assert machine.cluster is not None, "the machine has a cluster"
    with connection(machine.cluster) as connected:
        found = members(connected.ray, say)
        room = nodes.room(machine, found)
        places = {node.name: room.places(node) for node in found}
        if not sum(places.values()):
            raise ClusterError(f"no node of the cluster has room for a run that asks for {room.request}")
        kind = "cpu" if room.gpus is None else "cuda"
        slots = ", ".join(f"{name} {count} × {kind}" for name, count in places.items())
        say(f"cluster {connected.address}: {slots}")
        yield Cluster(connected, room, machine.workers, found, once_with_logs(say, connected.logs))


def _hand_out(todo: Todo, seats: Crew, stock: Stock, folder: Path | None) -> None:
    """A run to every seat that is ready for one, and its data to where one starts."""
    for seat in seats.seats:
        if not seat.ready and not seat.run:
            todo.foresee(seat, seats.nodes)
        if seat.ready and (run := todo.take(seat, seats.nodes)):
            seat.give(run, stock.words_of(seat.node, run), folder)


def _collected(
    seats: Crew, todo: Todo, done: set[object], on_progress: OnProgress | None, folder: Path | None
) -> list[RunRecord]:
    """The records of runs that have ended; a run that died is put back, if it has not died too often."""
    records: list[RunRecord | None] = []
    for seat in [seat for seat in seats.seats if seat.awaited in done]:
        match seat.collect(on_progress, folder):
            case Loss() as loss:
                seats.lose(seat, loss)
                records.append(todo.lost(loss, seat))
            case RunRecord(error=error) as record if error is not None and error.reason == "killed":
                records.append(todo.lost(Loss(record.run, error.message, error.traceback), seat))
            case RunRecord() as record:
                seats.ended(seat)
                records.append(record)
    return [record for record in records if record is not None]


def once_with_logs(say: Callable[[str], None], logs: str) -> Callable[[str], None]:
    """Says where Ray's logs are after the first thing that is lost."""
    said: list[str] = []

    def tell(text: str) -> None:
        say(text)
        if "lost" in text and not said:
            said.append(text)
            say(f"Ray's logs: {logs} on each node")

    return tell
