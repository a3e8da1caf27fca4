"""What runs execute on, as one frozen value: device, workers, threads, cluster, limits; and the slots that it has for them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from bench.errors import UserError, nearest, show
from bench.schedule.resources import cores, cuda_devices
from bench.suite.quantities import seconds, size_bytes

KINDS = ("cpu", "cuda")
"""The kinds of device that are supported; to torch AMD's GPUs are ``cuda`` too."""
REFUSED = {
    "mps": "mps is not supported: torch has no float64 there, and time and memory are measured on cpu and cuda alone; "
    "use cpu",
    "gpu": "GPUs are called cuda; use cuda, or cuda:0 for the first",
}
"""What else people call a device, and what is said to them."""


@dataclass(frozen=True)
class Slot:
    """A place for one run at a time: a device (``cpu``, ``cuda:0`` …), and how many CPU threads a run may use there."""

    name: str
    device: str
    threads: int = 1


def _quantity(option: str, read: Callable[[Any], Any], value: Any) -> Any:
    """What ``read`` makes of the value; None of None. Raises ``UserError``, which names the option."""
    try:
        return None if value is None else read(value)
    except ValueError as error:
        raise UserError(f"{option}: {error}") from error


_time_s = partial(_quantity, "--time-limit", seconds)
_memory_bytes = partial(_quantity, "--memory-limit", size_bytes)


@dataclass(frozen=True)
class Limits:
    """What one run may take. ``memory_bytes`` of None: an equal part of what there is, for each worker that shares it.

    Raises ``UserError`` for what is no time or no size.
    """

    time_s: float | None = None
    memory_bytes: int | None = None

    def __post_init__(self) -> None:
        _time_s(self.time_s)
        _memory_bytes(self.memory_bytes)

    @classmethod
    def of(cls, time: str | float | None, memory: str | int | None) -> Self:
        """As people write them, such as ``"10m"`` and ``"4GB"``. Raises ``UserError``."""
        return cls(_time_s(time), _memory_bytes(memory))

    def over(self, other: "Limits") -> "Limits":
        """These, and those of ``other`` where these are not given."""
        time_s = other.time_s if self.time_s is None else self.time_s
        return Limits(time_s, other.memory_bytes if self.memory_bytes is None else self.memory_bytes)


@dataclass(frozen=True)
class Machine:
    """What runs execute on, and what each may take there. Raises ``UserError`` for what cannot be; it needs no torch.

    Whether a CUDA device exists is known only where slots are asked for.
    """

    device: str = "auto"
    """``auto`` (every CUDA device, else the CPU), ``cpu``, ``cuda``, or ``cuda:0,1``. To measure on several: ``cpu,cuda:0``."""
    workers: int | None = None
    """Runs at a time. None: one a CUDA device, or as many as the cores have room for; on a cluster all that it has room for."""
    threads: int = 1
    """CPU threads of one run; recorded, since they change bits."""
    cluster: str | None = None
    """The address of a Ray cluster, or ``auto`` for the one that this machine is part of; None: this machine alone."""
    gpus_per_run: float | None = None
    """On a cluster: the share of a GPU that one run has. None: one GPU."""
    limits: Limits = Limits()
    """In the place of the suite's, where given."""

    def __post_init__(self) -> None:
        for name in self._names:
            _check_device(name)
        for option, count in (("--threads", self.threads), ("--workers", 1 if self.workers is None else self.workers)):
            _check_count(option, count, here=self.cluster is None)
        if self.cluster is not None:
            self._check_on_a_cluster()
        elif self.gpus_per_run is not None:
            raise UserError(
                "--gpus-per-run needs --cluster; on one machine --workers says how many runs share its GPUs"
            )

    def slots(self) -> list[Slot]:
        """The slots that runs of a suite share on this machine, spread evenly over the devices, all of one kind.

        Raises ``UserError`` where the device does not exist.
        """
        if len(self._names) > 1:
            raise UserError(
                f"--device: the runs of a suite go to one kind of device, got {self.device!r}; bench profile takes several"
            )
        devices = _existing(self.device)
        default = max(1, cores() // self.threads) if devices == ["cpu"] else len(devices)
        places = [divmod(k, len(devices)) for k in range(self.workers or default)]
        return [Slot(f"{devices[i]}#{turn + 1}", devices[i], self.threads) for turn, i in places]

    def places(self) -> tuple[list[Slot], list[str]]:
        """For measurements: one slot for each name in ``device``, on the first of its devices; and why others are not there.

        Raises ``UserError`` where none is.
        """
        found, missing = dict[Slot, None](), list[str]()
        for name in self._names:
            try:
                device = _existing(name)[0]
                found[Slot(f"{device}#1", device, self.threads)] = None
            except UserError as error:
                missing.append(str(error))
        if not found:
            raise UserError("; ".join(missing))
        return list(found), missing

    @property
    def _names(self) -> list[str]:
        return re.split(r",\s*(?=[a-z])", self.device)

    def _check_on_a_cluster(self) -> None:
        if self.device not in ("auto", *KINDS):
            raise UserError(
                f"--device: on a cluster Ray says which GPU a run has; expected auto, cpu or cuda, got {self.device!r}"
            )
        if self.gpus_per_run is not None and not 0 < self.gpus_per_run <= 1:
            raise UserError(
                f"--gpus-per-run: expected one GPU or a share of it, such as 0.25, got {self.gpus_per_run:g}"
            )
        if self.device == "cpu" and self.gpus_per_run is not None:
            raise UserError("--gpus-per-run asks for GPUs and --device cpu for none; leave one of them out")


def _check_device(name: str) -> None:
    kind = name.partition(":")[0]
    if kind in REFUSED:
        raise UserError(f"--device: {REFUSED[kind]}")
    if not re.fullmatch(r"auto|cpu|cuda(:\d+(,\d+)*)?", name):
        hint = nearest(kind, ("auto", *KINDS))
        raise UserError(
            f"--device: expected auto, cpu, cuda, or cuda with numbers such as cuda:0,1, got {name!r}{hint}"
        )


def _check_count(option: str, value: Any, *, here: bool) -> None:
    """Whether it is a count, and ``here`` (on a cluster that is each node's matter) no more than there are cores."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UserError(f"{option}: expected a whole number from 1, got {show(value)}")
    if here and value > 1 and value > (most := cores()):  # 1 is always there: a default need not look
        raise UserError(f"{option}: expected at most {most}, the cores of this machine, got {value}")


def _existing(name: str) -> list[str]:
    """The devices that a name stands for here. Raises ``UserError`` where one does not exist."""
    there = 0 if name == "cpu" else cuda_devices()
    if name == "cpu" or (name == "auto" and not there):
        return ["cpu"]
    numbers = name.partition(":")[2]
    wanted = [int(number) for number in numbers.split(",")] if numbers else range(there)
    if not there or max(wanted) >= there:
        names = ", ".join(["cpu", *(f"cuda:{k}" for k in range(there))])
        raise UserError(f"there is no device {name!r} for torch on this machine; there are {names}")
    return [f"cuda:{number}" for number in dict.fromkeys(wanted)]
