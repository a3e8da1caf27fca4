"""Haar against pytorch-wavelets' DWTForward: five levels of 640 images 1×32×32, eager, one thread. Exits 1 if under 4×.

    python tests/performance/haar.py [REPEATS]

Both run in turn, so that whatever else the machine does meets both; the ratio is of medians, with a bootstrap 95 % interval.
"""

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from blocks.haar import haar_levels

warnings.filterwarnings("ignore", "pkg_resources is deprecated as an API", UserWarning)
from pytorch_wavelets import DWTForward  # noqa: E402

BATCH, SIDE, LEVELS, REQUIRED = 640, 32, 5, 4.0

Transform = Callable[[Tensor], tuple[Tensor, list[Tensor]]]


def forward(transform: Transform, x: Tensor) -> None:
    with torch.no_grad():
        transform(x)


def forward_backward(transform: Transform, x: Tensor) -> None:
    x = x.detach().requires_grad_()
    approximation, details = transform(x)
    bands = [approximation, *details]
    torch.autograd.grad(bands, x, [torch.ones_like(band) for band in bands])


def seconds(work: Callable[[Transform, Tensor], None], transform: Transform, x: Tensor) -> float:
    start = time.perf_counter()
    work(transform, x)
    return time.perf_counter() - start


def compare(work: Callable[[Transform, Tensor], None], theirs: Transform, repeats: int) -> float:
    """Prints medians and their ratio, and returns the ratio."""
    x = torch.randn(BATCH, 1, SIDE, SIDE)
    for transform in (ours, theirs):
        work(transform, x)
    times = np.array([[seconds(work, transform, x) for transform in (theirs, ours)] for _ in range(repeats)])
    draws = np.random.default_rng(0).integers(repeats, size=(2000, repeats))
    medians = np.median(times[draws], axis=1)
    low, high = np.quantile(medians[:, 0] / medians[:, 1], [0.025, 0.975])
    slow, fast = np.median(times, axis=0)
    ratio = float(slow / fast)
    print(
        f"{work.__name__.replace('_', ' + '):18} DWTForward {slow * 1e3:6.2f} ms, haar {fast * 1e3:6.2f} ms: "
        f"{ratio:.1f}× faster (95 % interval {low:.1f}–{high:.1f}, {repeats} repeats)"
    )
    return ratio


def ours(x: Tensor) -> tuple[Tensor, list[Tensor]]:
    return haar_levels(x, LEVELS)


def main() -> int:
    torch.set_num_threads(1)
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    theirs = DWTForward(J=LEVELS, wave="haar", mode="symmetric")
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} thread, batch {BATCH}×1×{SIDE}×{SIDE}, {LEVELS} levels"
    )
    ratio = compare(forward, theirs, repeats)
    compare(forward_backward, theirs, repeats)
    return 0 if ratio >= REQUIRED else 1


if __name__ == "__main__":
    sys.exit(main())
