"""The way to a Ray cluster: Ray imported only here, every wrong address said in one message, Ray's own talk kept quiet."""

import contextlib
import importlib
import json
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.errors import UserError

REACH_S = 3.0
"""How long a machine may take to answer at all."""
REHEARSAL_S = 14.0
"""How long Ray may take to let a first process in; Ray itself would try for minutes."""
REHEARSAL = """
import json, logging, sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)
    print(json.dumps(""))
except Exception as error:
    print(json.dumps(f"{type(error).__name__}: {error}"))
"""
JOIN = "run 'ray start --address={address}' on this machine first (with --num-cpus 0 if nothing is to run here)"


class ClusterError(UserError):
    """The cluster cannot be used; the message says why, and what to do."""


@dataclass(frozen=True)
class Connection:
    """A driver's connection to a cluster."""

    ray: Any
    address: str
    """Of its head, as host:port."""
    logs: str
    """Where each node keeps Ray's logs."""


def library() -> Any:
    """Ray. Raises ``ClusterError`` where the extra is not installed."""
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise ClusterError("--cluster needs Ray: pip install 'ablation-bench[ray]', here and on every node") from error


@contextlib.contextmanager
def connection(address: str) -> Iterator[Connection]:
    """Connects to the cluster at ``host:port``, or to the one that this machine is part of (``auto``).

    A connection that the program already has is used and left open. Raises ``ClusterError`` within 30 s.
    """
    ray = library()
    if ours := not ray.is_initialized():
        _rehearse(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    try:
        where = ray.get_runtime_context().gcs_address
        if not ours and address not in ("auto", where):
            raise ClusterError(f"--cluster {address}: this program is connected to another cluster, {where}")
        with _quiet():
            yield Connection(ray, where, f"{_session()}/logs")
    finally:
        if ours:
            ray.shutdown()


def _rehearse(address: str) -> None:
    """Connects in a process of its own first, for a failed attempt of Ray's is long, loud, and ends its process.

    Raises ``ClusterError``.
    """
    if address != "auto":
        _reach(address)
    try:
        command = [sys.executable, "-c", REHEARSAL, address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=REHEARSAL_S, check=False)
        refusal = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        refusal = (
            f"no Ray node of that cluster runs on this machine, or none answers there within {REHEARSAL_S:g} s; "
            f"{JOIN.format(address=address)}"
        )
    except (IndexError, ValueError):
        refusal = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    if refusal:
        raise ClusterError(f"--cluster {address}: {_in_words(refusal)}")


def _in_words(refusal: str) -> str:
    """What Ray says, on one line; where nothing runs, what to do."""
    if "Could not find any running Ray instance" in refusal:
        return (
            "no Ray cluster runs on this machine; start one with 'ray start --head', or join one with "
            "'ray start --address=HOST:PORT'"
        )
    return " ".join(refusal.split())


def _reach(address: str) -> None:
    """Raises ``ClusterError`` where nothing listens at the address."""
    host, colon, port = address.rpartition(":")
    if "://" in address:
        raise ClusterError(f"--cluster {address}: expected HOST:PORT or auto; {JOIN.format(address='HOST:PORT')}")
    if not (colon and host and port.isdecimal()):
        raise ClusterError(f"--cluster {address}: expected HOST:PORT, as 'ray start --head' prints it, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_S).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"--cluster {address}: cannot be reached ({error}); is 'ray start --head' running there, and no firewall between?"
        ) from error


def _session() -> str:
    """The folder of this node's Ray session; the other nodes have one of the same name."""
    node = importlib.import_module("ray._private.worker").global_worker.node
    return str(node.get_session_dir_path())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what Ray says of its nodes off standard output, where a table or JSON goes; its log files have it all."""
    worker: Any = importlib.import_module("ray._private.worker")
    before = worker._worker_logs_enabled
    worker._worker_logs_enabled = False
    try:
        yield
    finally:
        worker._worker_logs_enabled = before
