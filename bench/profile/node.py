"""What stands on a node of a cluster while that measures: an actor that has the whole node, and measures as any machine does."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.api import prepare
from bench.cluster import cargo
from bench.cluster.cargo import Files, Luggage
from bench.cluster.shipping import provide
from bench.cluster.supervisor import nameless_main
from bench.environment import Environment
from bench.profile.pieces import LocalDevice, Outcome, Piece, Terms
from bench.profile.usable import usable_threads
from bench.schedule import Machine

Words = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A data spec, and the data set in words: no profile reads more of it."""


@dataclass(frozen=True)
class Opened:
    """A node is ready to measure."""

    environment: Environment
    remarks: list[str]
    """What there shows in times."""


@dataclass(frozen=True)
class Ended:
    """What came of a piece, with the traces that it wrote."""

    outcomes: list[Outcome]
    files: Files


class Station:
    """A Ray actor, made with all that its node has: its class is passed to ``ray.remote``."""

    def __init__(self, luggage: Luggage, data: Iterable[Words], terms: Terms, asked: Machine) -> None:
        self.luggage, self.data, self.terms, self.asked = luggage, data, terms, asked
        self.device: LocalDevice

    def open(self) -> Opened:
        """Makes ready. Raises ``UserError`` where nothing can be measured here."""
        threads, remarks = usable_threads(self.asked.threads)
        folder = cargo.own_folder()
        initialise = partial(_initialise, self.luggage.unpacked(prepare, folder), tuple(self.data))
        initialise()
        (slot, *_), _ = Machine(self.asked.device, threads=threads).places()
        self.device = LocalDevice(slot, initialise, cargo.written(folder), self.terms)
        return Opened(self.device.environment, remarks)

    def do(self, piece: Piece) -> Iterator[str | Ended]:
        """Does the piece: what it has to say as it goes on, and at last all that came of it, so that none of it comes twice."""
        outcomes = list[Outcome]()
        with nameless_main():
            for outcome in piece.done(self.device):
                if isinstance(outcome, str):
                    yield outcome
                else:
                    outcomes.append(outcome)
        yield Ended(outcomes, cargo.taken(self.device.folder))


def _initialise(plugins: Callable[[], None], data: Iterable[Words]) -> None:
    """Makes a process know the plug-ins, and the data sets without their files."""
    plugins()
    for spec, words in data:
        provide(spec, words)
