"""Which data sets each node has: looked for there, and sent once where they are missing. Runs go where theirs already is."""

import json
from dataclasses import dataclass
from typing import Any

from bench.cluster.cargo import canonical
from bench.cluster.nodes import Node
from bench.runs import Run
from bench.schedule import WorkerError


@dataclass
class Stock:
    """Which data sets each node has; what is asked of a node about them, and sent to it."""

    ray: Any
    packed: Any
    shipped: bool
    """Whether there are data sets at all; else every run can begin anywhere."""

    def __post_init__(self) -> None:
        self._sets: dict[str, tuple[dict[str, Any], Any, Any]] = {}
        self._asked: dict[tuple[str, str], Any] = {}
        self._known: dict[tuple[str, str], str] = {}

    @property
    def awaited(self) -> list[Any]:
        """The references of what nodes do about data now."""
        return list(self._asked.values())

    def distance(self, node: Node, key: str) -> int:
        """0 where the data set is on the node, 1 where it is on its way, else 2."""
        if not self.shipped or (node.id, key) in self._known:
            return 0
        return 1 if (node.id, key) in self._asked else 2

    def holders(self, key: str) -> int:
        """On how many nodes the data set is, or will be."""
        return sum(k == key for _, k in (*self._known, *self._asked))

    def words_of(self, node: Node, run: Run) -> dict[str, Any] | None:
        """What a worker needs to know of a run's data set that was sent; None where the node has it of itself."""
        key = canonical(run.data)
        return self._sets[key][0] if self._known.get((node.id, key)) == "kept" else None

    def want(self, node: Node, key: str) -> None:
        """Asks the node whether it has the data set."""
        if self.distance(node, key) < 2:
            return
        from bench.cluster.shipping import look, packed_data

        if key not in self._sets:
            words, arrays = packed_data(json.loads(key))
            self._sets[key] = words, arrays, None
        self._ask(node.id, key, look, self.packed, json.loads(key), self._sets[key][0]["digest"])

    def collect(self, done: set[Any]) -> None:
        """Takes the nodes' answers; what is missing is sent. A node that is gone is forgotten."""
        from bench.cluster.shipping import receive

        for (id, key), reference in list(self._asked.items()):
            if reference not in done:
                continue
            del self._asked[id, key]
            try:
                answer = self.ray.get(reference)
            except self.ray.exceptions.RayTaskError as error:
                raise WorkerError(f"data for a node: {error.cause}") from error
            except self.ray.exceptions.RayError:
                continue
            if answer != "missing":
                self._known[id, key] = answer
                continue
            words, arrays, sent = self._sets[key]
            if sent is None:
                self._sets[key] = words, arrays, (sent := self.ray.put(arrays))
            self._ask(id, key, receive, words["digest"], sent)

    def _ask(self, id: str, key: str, task: Any, *arguments: Any) -> None:
        strategy = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(id, soft=False)
        remote = self.ray.remote(task).options(num_cpus=0, max_retries=0, scheduling_strategy=strategy)
        self._asked[id, key] = remote.remote(*arguments)
