"""Whose trial it is, and whether that process still lives: a journal has no heartbeat of its own."""

import functools
import json
import os
import platform
import time
from collections.abc import Mapping
from typing import Any

import psutil

BEAT_S = 15.0
"""Seconds between two heartbeats."""
SILENT_S = 120.0
"""After so long without one, a process on another machine counts as dead."""

OWNER, BEAT, GONE = "owner", "heartbeat", "gone"
"""Attributes of trials; one that is gone does not count: its process died, or it was one too many."""


@functools.cache
def me() -> str:
    """This process: machine, process id, and when it started (process ids come again)."""
    return json.dumps([platform.node(), os.getpid(), round(psutil.Process().create_time(), 1)])


def marks() -> dict[str, Any]:
    """The attributes that a trial of this process carries."""
    return {OWNER: me(), BEAT: time.time()}


def alive(attributes: Mapping[str, Any]) -> bool:
    """Whether the owner of a trial with these attributes still runs; on another machine, by its last heartbeat."""
    if OWNER not in attributes:
        return False
    machine, pid, started = json.loads(attributes[OWNER])
    if machine != platform.node():
        return bool(time.time() - attributes.get(BEAT, 0.0) < SILENT_S)
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
