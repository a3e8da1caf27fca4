"""The nodes of a cluster: what each has room for, and whether it has the same code and versions as the driver."""

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from bench.environment import PACKAGES, code_version
from bench.errors import UserError
from bench.schedule import Machine, Slot

ANSWER_S = 12.0
"""How long a node may take to say what is installed there."""
DISTRIBUTION = "ablation-bench"


@dataclass(frozen=True)
class Node:
    """A machine of the cluster."""

    id: str
    name: str
    """Its host's name where that is unique, else its address, else with the first digits of its id."""
    cpus: int
    gpus: int


@dataclass(frozen=True)
class Room:
    """What a run asks of a node: CPU threads, or a share of a GPU."""

    threads: int = 1
    gpus: float | None = None
    """None: it runs on the CPU."""

    @property
    def request(self) -> dict[str, float]:
        """The same in Ray's words."""
        return {"num_cpus": self.threads} if self.gpus is None else {"num_cpus": 0, "num_gpus": self.gpus}

    def places(self, node: Node) -> int:
        """How many runs a node has room for at a time."""
        return node.cpus // self.threads if self.gpus is None else node.gpus * self.share

    @property
    def share(self) -> int:
        """How many runs share one GPU."""
        return int(1 / self.gpus + 1e-9) if self.gpus else 1

    def slot(self, node: Node, number: int) -> Slot:
        """The slot of that number on a node. Each process sees only the GPU that Ray gave it, as its first."""
        device = "cpu" if self.gpus is None else "cuda:0"
        return Slot(f"{node.name} {device.partition(':')[0]}#{number + 1}", device, self.threads)


def room(machine: Machine, nodes: Sequence[Node]) -> Room:
    """What a run asks for: ``auto`` is a GPU where any node has one. Raises ``UserError`` where a GPU is wanted and none is."""
    there = any(node.gpus for node in nodes)
    if not there and (machine.device == "cuda" or machine.gpus_per_run is not None):
        raise UserError("no node of the cluster has a GPU; leave --device and --gpus-per-run out to run on its CPUs")
    return Room(machine.threads, (machine.gpus_per_run or 1.0) if there and machine.device != "cpu" else None)


def alive(ray: Any) -> list[Node]:
    """The nodes that Ray counts as alive, in the order of their names."""
    found = [each for each in ray.nodes() if each["Alive"]]
    hosts = Counter(each["NodeManagerHostname"] for each in found)
    addresses = Counter(each["NodeManagerAddress"] for each in found)
    nodes = []
    for each in found:
        host, address, id = each["NodeManagerHostname"], each["NodeManagerAddress"], each["NodeID"]
        name = host if hosts[host] == 1 else address if addresses[address] == 1 else f"{host}-{id[:4]}"
        has = each["Resources"]
        nodes.append(Node(id, name, int(has.get("CPU", 0)), int(has.get("GPU", 0))))
    return sorted(nodes, key=lambda node: node.name)


def on(ray: Any, node: Node) -> dict[str, Any]:
    """The options of what is to be on this node and on no other."""
    strategies = ray.util.scheduling_strategies
    return {"scheduling_strategy": strategies.NodeAffinitySchedulingStrategy(node.id, soft=False)}


def asked(ray: Any, node: Node) -> Any:
    """The reference of what the node will say is installed there."""

    # Sent by value, being a local function: a node without this project can still say so.
    def installed(packages: tuple[str, ...]) -> dict[str, str]:
        import importlib
        import platform
        from importlib import metadata

        def version(name: str) -> str:
            try:
                return metadata.version(name)
            except metadata.PackageNotFoundError:
                return "not installed"

        found = {name: version(name) for name in packages} | {"python": platform.python_version()}
        try:
            return found | {"ablation-bench": importlib.import_module("bench.environment").code_version()}
        except ImportError as error:
            return found | {"ablation-bench": f"not installed ({error})"}

    task = ray.remote(installed).options(num_cpus=0, max_retries=0, **on(ray, node))
    return task.remote(PACKAGES)


def here() -> dict[str, str]:
    """What is installed on this machine."""
    found = {name: metadata.version(name) for name in PACKAGES}
    return found | {"python": platform.python_version(), DISTRIBUTION: code_version()}


def different(node: Node, there: Mapping[str, str]) -> str | None:
    """What a node has otherwise than this machine; None where all that results depend on is the same.

    Builds of one version for CPU and CUDA (``2.13.0+cpu``, ``2.13.0+cu130``) count as the same.
    """
    mine = here()
    apart = [
        f"{name} {there[name]} there and {mine[name]} here"
        for name in mine
        if _public(name, there) != _public(name, mine)
    ]
    if not apart:
        return None
    return f"node {node.name} has other versions than this machine: {', '.join(apart)}; install the same on both"


def _public(name: str, versions: Mapping[str, str]) -> str:
    return versions[name] if name == DISTRIBUTION else versions[name].partition("+")[0]
