"""Curves for TensorBoard."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Write = Callable[[int, dict[str, float]], None]


@contextmanager
def board(folder: Path | None, epochs_done: int) -> Iterator[Write]:
    """A function (epoch, values) that writes scalars into ``folder``; of a training that goes on, after ``epochs_done``."""
    if folder is None:
        yield lambda _epoch, _values: None
        return
    from torch.utils.tensorboard import SummaryWriter  # a second to import, and few runs need it

    with SummaryWriter(str(folder), purge_step=epochs_done + 1) as writer:

        def write(epoch: int, values: dict[str, float]) -> None:
            for name, value in values.items():
                writer.add_scalar(name, value, epoch)

        yield write
