"""The driver's end of a station on some node: gives it pieces of a profile, and hears what becomes of them."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.cluster.nodes import Node, on
from bench.cluster.seats import in_short
from bench.errors import UserError
from bench.profile.node import Ended, Opened, Station
from bench.profile.pieces import Piece
from bench.schedule import WorkerError
from bench.schedule.pool import POLL_S


@dataclass(frozen=True)
class Trial:
    """A piece, and where and why it was lost."""

    piece: Piece
    losses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loss:
    """A station is gone."""

    reason: str


class Post:
    """The driver's end of a station: opening, free, or with one piece under way."""

    def __init__(self, ray: Any, node: Node, arguments: Sequence[Any]) -> None:
        self.ray, self.node = ray, node
        whole = {"num_cpus": node.cpus, "num_gpus": node.gpus, "max_restarts": 0, "max_task_retries": 0}
        self.actor = ray.remote(Station).options(**whole, **on(ray, node)).remote(*arguments)
        self.awaited = self.actor.open.remote()
        self.opened: Opened | None = None
        self.trial: Trial | None = None

    def give(self, trial: Trial) -> None:
        """Hands over a piece."""
        self.trial = trial
        self.awaited = self.actor.do.options(num_returns="streaming").remote(trial.piece)

    def hear(self) -> Opened | str | Ended | Loss:
        """What there is to know once ``awaited`` is there. Raises ``WorkerError`` where nothing can be measured there."""
        try:
            heard: Opened | str | Ended = self.ray.get(next(self.awaited) if self.trial else self.awaited)
        except self.ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise WorkerError(f"{self.node.name}: {error.cause}") from error
            return Loss(str(error.cause))  # the node's disk is full, say: as good as gone
        except self.ray.exceptions.RayError as error:
            return Loss(in_short(error))
        if isinstance(heard, Opened):
            self.opened, self.awaited = heard, None
        elif isinstance(heard, Ended):
            self.trial, self.awaited = None, None
        return heard

    def end(self) -> None:
        """Ends the actor, and with it what it measures, at once."""
        self.ray.kill(self.actor, no_restart=True)


def spoken(ray: Any, posts: Iterable[Post]) -> list[Post]:
    """Those that there is something to hear of, once there is any, or after a moment."""
    awaited = {post.awaited: post for post in posts if post.awaited is not None}
    if not awaited:
        time.sleep(POLL_S)
        return []
    ready, _ = ray.wait(list(awaited), num_returns=1, timeout=POLL_S)
    return [awaited[reference] for reference in ready]
