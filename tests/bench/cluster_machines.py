"""A Ray cluster of two nodes on this machine, for tests."""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.cluster import cargo

ROOT = Path(__file__).parents[2]
PATHS = {"PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{ROOT}"}
CACHES = {"BENCH_CACHE": "far-cache", "BENCH_DATA": "far-data"}


@contextlib.contextmanager
def two_machines(apart: Path, **variables: str) -> Iterator[Any]:
    """Two nodes of one slot each; the second has a cache and data of its own, below ``apart``. This process is connected."""
    import ray
    from ray.cluster_utils import Cluster

    (apart / "tmp").mkdir()
    common = PATHS | {"TMPDIR": str(apart / "tmp")} | variables
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "env_vars": common})
    made.far, made.common = apart, common
    made.add_node(num_cpus=1, env_vars=common | {name: str(apart / folder) for name, folder in CACHES.items()})
    ray.init(address=made.address, log_to_driver=False, logging_level=logging.CRITICAL)
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def as_before(machines: Any) -> None:
    """Waits until the two nodes that stay have their slots, and nothing of ours on their disks."""
    import ray

    wait_for(lambda: ray.available_resources().get("CPU", 0) >= 2)
    wait_for(lambda: not list((machines.far / "tmp").glob(f"{cargo.PREFIX}*")))


def wait_for(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    """Returns once the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
