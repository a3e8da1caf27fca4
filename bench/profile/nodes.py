"""Profiles on a Ray cluster: each piece is done whole on one node, which does nothing else of the cluster's meanwhile.

Numbers of one table must be comparable: of several kinds of nodes, those of the commonest measure, and the others are left out.
"""

import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.api import Job
from bench.cluster import ClusterError, nodes, once_with_logs
from bench.cluster.cargo import Luggage, canonical, store
from bench.cluster.connect import connection
from bench.cluster.crew import LOOK_S, STARTS, members, sweep
from bench.cluster.nodes import Node
from bench.cluster.shipping import in_words
from bench.cluster.todo import REPEATS
from bench.data import data_from
from bench.environment import Environment
from bench.profile.node import Ended, Words
from bench.profile.pieces import Outcome, Piece, Terms
from bench.profile.post import Loss, Post, Trial, spoken
from bench.runs import Run
from bench.schedule import Machine, WorkerError, interrupt

OPEN_S = 30.0
"""How long a node may take until it is free and ready, where another is."""


@dataclass
class Nodes:
    """The nodes that measure: a site whose pieces are done side by side, no two on one node."""

    ray: Any
    post: Callable[[Node], Post]
    folder: Path
    """The suite's, which traces come back to."""
    say: Callable[[str], None]
    posts: list[Post] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.environment: Environment
        self._used = set[Node]()
        self._starts = Counter[Node]()  # that failed
        self._lost_s: dict[Node, float] = {}
        self._last = ""

    def open(self, able: Iterable[Node]) -> None:
        """Has stations on nodes: on those that are free, of one kind; at least one. Raises ``ClusterError`` where none starts."""
        self.posts = [self.post(node) for node in able]
        self._used = {post.node for post in self.posts}
        until_s, patient = time.monotonic() + OPEN_S, True
        while opening := [post for post in self.posts if not post.opened]:
            for post in spoken(self.ray, opening):
                if isinstance(loss := post.hear(), Loss):
                    self._leave_out(post, f"it was lost: {loss.reason}")
            if not self.posts:
                raise ClusterError("no node of the cluster can measure")
            if patient and time.monotonic() > until_s:
                patient = False
                self.say("not all nodes are free: a measurement needs a whole one")
            if not patient and len(opening) < len(self.posts):
                break
        self._choose()

    def _choose(self) -> None:
        """Keeps the nodes that are ready, and of the commonest kind."""
        kinds = Counter(kind(post.opened.environment) for post in self.posts if post.opened)
        chosen, _ = kinds.most_common(1)[0]
        for post in list(self.posts):
            if not post.opened:
                self._leave_out(post, "it is not free")
            elif (its := kind(post.opened.environment)) != chosen:
                self._leave_out(post, f"it has {its}, and numbers of one table must be comparable")
            else:
                self.environment = post.opened.environment
        for post in self.posts:
            for remark in post.opened.remarks if post.opened else ():
                self.say(f"{post.node.name}: {remark}")
        self.say(f"measuring on {', '.join(post.node.name for post in self.posts)}: {chosen}")

    def _leave_out(self, post: Post, why: str) -> None:
        self.posts.remove(post)
        post.end()
        self.say(f"node {post.node.name} is left out: {why}")

    def outcomes(self, pieces: Iterable[Piece]) -> Iterator[Outcome]:
        """What comes of each. One whose station or node dies is done again, elsewhere if possible, at most twice.

        Raises ``WorkerError`` where no node is left.
        """
        waiting = deque(map(Trial, pieces))
        with interrupt.first_noted() as interrupted:
            while waiting or any(post.trial for post in self.posts):
                self._return()
                for post in self.posts:
                    if waiting and post.opened and not post.trial:
                        post.give(waiting.popleft())
                for post in spoken(self.ray, self.posts):
                    yield from self._heard(post, waiting)
                if interrupted():
                    raise KeyboardInterrupt

    def _heard(self, post: Post, waiting: deque[Trial]) -> Iterator[Outcome]:
        match post.hear():
            case str() as text:
                yield f"{post.node.name}: {text}"
            case Ended(outcomes, files):
                store(self.folder, files)
                yield from outcomes
            case Loss(reason):
                self._lose(post, reason)
                if not post.trial:
                    return
                losses = (*post.trial.losses, f"on {post.node.name}: {reason}")
                if len(losses) <= REPEATS:
                    waiting.appendleft(Trial(post.trial.piece, losses))
                else:
                    why = f"lost {len(losses)} times: {'; '.join(losses)}"
                    yield from post.trial.piece.lost(why, self.environment)

    def _lose(self, post: Post, reason: str) -> None:
        post.end()  # it may be unreachable only for now: what it does then must not count twice
        self.posts.remove(post)
        self._starts[post.node] += post.opened is None
        self._lost_s[post.node] = time.monotonic()
        self._last = f"{post.node.name} is lost: {reason}"
        self.say(self._last)

    def _return(self) -> None:
        """Has another station on nodes whose station was lost a while ago, unless they are gone too, or none starts there."""
        over = [node for node, lost_s in self._lost_s.items() if time.monotonic() - lost_s >= LOOK_S]
        for node in over:
            del self._lost_s[node]
            if self._starts[node] < STARTS and node in nodes.alive(self.ray):
                self.posts.append(self.post(node))
        if not self.posts and not self._lost_s:
            raise WorkerError(f"no node of the cluster is left that can measure; at last {self._last}")

    def close(self) -> None:
        """Ends all stations, and removes what they left on the nodes' disks."""
        for post in self.posts:
            post.end()
        sweep(self.ray, self._used.intersection(nodes.alive(self.ray)))


def kind(where: Environment) -> str:
    """What must be the same for times to be comparable: the device, its threads, the build of torch."""
    return f"{where.device_name}, {where.threads} thread{'s' * (where.threads > 1)}, torch {where.versions['torch']}"


@contextlib.contextmanager
def nodes_of(machine: Machine, job: Job, terms: Terms, runs: Iterable[Run]) -> Iterator[Nodes]:
    """The nodes that measure for a job, of the machine's Ray cluster.

    Raises ``UserError`` where it cannot be reached, a node has other versions than this machine, or none has room.
    """
    assert machine.cluster is not None, "the machine has a cluster"
    with connection(machine.cluster) as connected:
        ray, say = connected.ray, once_with_logs(job.view.message, connected.logs)
        found = members(ray, say)
        room = nodes.room(machine, found)
        able = [node for node in found if room.places(node)]
        if not able:
            raise ClusterError(f"no node of the cluster has room for a measurement that asks for {room.request}")
        luggage = Luggage.of(job.plugins, job.data)
        arguments = (luggage, _in_words(runs), terms, replace(machine, device="cpu" if room.gpus is None else "cuda"))
        with contextlib.closing(Nodes(ray, lambda node: Post(ray, node, arguments), job.folder, say)) as made:
            made.open(able)
            yield made


def _in_words(runs: Iterable[Run]) -> list[Words]:
    """The data sets of the runs, as nodes need them."""
    specs = {canonical(run.data): run.data for run in runs}.values()
    return [(spec, in_words(data_from(spec))) for spec in specs]
