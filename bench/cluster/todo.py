"""What is left to do on a cluster, and which of it suits a seat best."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.cluster.cargo import canonical
from bench.cluster.nodes import Node
from bench.cluster.seats import Loss, Seat
from bench.cluster.stock import Stock
from bench.runs import Run, RunError, RunRecord
from bench.schedule import Source

REPEATS = 2
"""How often a run that was lost is done again."""


@dataclass(frozen=True)
class Waiting:
    """A run that no seat has, with what decides where it suits."""

    run: Run
    data: str
    network: str
    """Of runs that share a built, or compiled, network."""
    shunned: frozenset[Node] = frozenset()
    """Where it was lost."""

    @classmethod
    def of(cls, run: Run, shunned: Iterable[Node] = ()) -> "Waiting":
        """The run, with its keys."""
        return cls(run, canonical(run.data), run.model_dump_json(exclude={"seed"}), frozenset(shunned))


@dataclass
class Todo:
    """The runs of a source, those that were lost among them, until each has its record."""

    source: Source
    stock: Stock
    waiting: list[Waiting] = field(default_factory=list)
    losses: dict[str, list[tuple[Node, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, runs: Iterable[Run] | Source, stock: Stock) -> "Todo":
        """Runs that are all known, or a source of them."""
        if isinstance(runs, Source):
            return cls(runs, stock)
        return cls(_Nothing(), stock, [Waiting.of(run) for run in runs])

    @property
    def left(self) -> int:
        """How many runs may still come, at most."""
        return self.source.left + len(self.waiting)

    def take(self, seat: Seat, nodes: set[Node]) -> Run | None:
        """The run that suits the seat best, once its data are on the node; until then they are asked for.

        Best is one whose data are there, or come; then one of the network that the seat has built; then the first. A lost
        run goes to another node than before, where there is one.
        """
        if (best := self._best(seat, nodes)) is None and self.source.left and (run := self.source.take()):
            best = Waiting.of(run)
            self.waiting.append(best)
        if best is None or self.stock.distance(seat.node, best.data):
            self._want(seat.node, best)
            return None
        self.waiting.remove(best)
        return best.run

    def foresee(self, seat: Seat, nodes: set[Node]) -> None:
        """Asks for the data that the seat will need first, while it starts."""
        self._want(seat.node, self._best(seat, nodes))

    def lost(self, loss: Loss, seat: Seat) -> RunRecord | None:
        """Puts the run back; after ``REPEATS`` times it has failed, and this is its record."""
        if loss.run is None:
            return None
        losses = self.losses.setdefault(loss.run.id, [])
        losses.append((seat.node, loss.reason))
        if len(losses) <= REPEATS:
            self.waiting.insert(0, Waiting.of(loss.run, (node for node, _ in losses)))
            return None
        where = "; ".join(f"on {node.name}: {reason}" for node, reason in losses)
        error = RunError(reason="killed", message=f"lost {len(losses)} times: {where}", traceback=loss.traceback)
        return RunRecord(id=loss.run.id, run=loss.run, status="failed", environment=seat.environment, error=error)

    def _want(self, node: Node, one: Waiting | None) -> None:
        if one is not None:
            self.stock.want(node, one.data)

    def _best(self, seat: Seat, nodes: set[Node]) -> Waiting | None:
        able = [one for one in self.waiting if not one.shunned or seat.node not in one.shunned or nodes <= one.shunned]
        built = None if seat.last is None else seat.last.model_dump_json(exclude={"seed"})
        far = {key: self.stock.distance(seat.node, key) for key in {one.data for one in able}}
        held = {key: self.stock.holders(key) if far[key] else 0 for key in far}
        return min(able, key=lambda one: (far[one.data], held[one.data], one.network != built), default=None)


class _Nothing:
    """A source that is empty: all runs are known."""

    left = 0

    def take(self) -> Run | None:
        """Never asked."""
        return None
