"""Processes for tests that begin as copies of one which has imported torch: a new one takes four seconds of a processor.

``workers`` lets bench.schedule start its workers so. How it starts them itself, as new interpreters, is tested where that is
the matter: test_schedule, and whatever runs the command ``bench`` as a process.
"""

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

LOADED = ["torch", "torch._dynamo", "torch.profiler", "bench.api", "bench.train", "bench.profile", "bench.tune"]
"""What any worker imports; torch's optimizers import _dynamo."""


@contextlib.contextmanager
def workers() -> Iterator[None]:
    """Within this the workers of bench.schedule are forked."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        yield
        return
    from bench.schedule import pool

    with pytest.MonkeyPatch.context() as patch:
        made = SimpleNamespace(Pipe=_context().Pipe, Process=_process)
        patch.setattr(pool, "multiprocessing", SimpleNamespace(get_context=lambda _method: made))
        yield


def started(function: Callable[..., Any], *arguments: Any) -> Any:
    """A process that calls a module-level function; its ``exitcode`` is 1 where that raises."""
    process = _process(function, arguments)
    process.start()
    return process


def result_of(function: Callable[..., Any], *arguments: Any, **environment: str) -> Any:
    """What a module-level function returns, in a process of its own with these environment variables."""
    ours, theirs = _context().Pipe(duplex=False)
    process = started(_answer, theirs, environment, function, arguments)
    theirs.close()
    try:
        return ours.recv()
    finally:
        process.join()


def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)  # heeded by the first process alone
    return context


def _process(target: Callable[..., None], args: tuple[Any, ...], **options: Any) -> Any:
    return _context().Process(target=_as_here, args=(dict(os.environ), target, args), **options)


def _as_here(environment: Mapping[str, str], target: Callable[..., None], args: tuple[Any, ...]) -> None:
    """The server's environment is that of its own start; a new interpreter has its parent's."""
    os.environ.clear()
    os.environ.update(environment)
    target(*args)


def _answer(
    pipe: Any, environment: Mapping[str, str], function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    os.environ.update(environment)
    pipe.send(function(*arguments))
