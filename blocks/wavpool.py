"""WavPool and its parts (arXiv 2306.08734): small linear layers on the bands of a Haar decomposition, pooled together."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from blocks.haar import haar_levels, max_levels
from blocks.shape import map_shape, show
from blocks.spec import BlockError, Positive, Shape, block


@block(example={"level": 1, "width": 6})
def microwav(in_shape: Shape, *, level: Positive, width: Positive) -> nn.Module:
    """(W_H·cH, W_V·cV, W_D·cD): one linear layer for each direction of one level's details, without activation.

    (C, H, W) → (3·width,): (width, 3) flattened, the direction running fastest, as in the authors' stack. ``level`` counts
    from 1 at the coarsest of the ⌊log2 min(H, W)⌋ levels; a band is flattened over its channels. Source: arXiv
    2306.08734, section 3 (MicroWav). Raises ``BlockError`` where the image has no such level.
    """
    levels = _levels(in_shape, "microwav")
    if not 1 <= level <= levels:
        raise BlockError(f"microwav: level {level} of a {show(in_shape)}; it has levels 1 to {levels}")
    return SingleLevel(in_shape, depth=levels - level + 1, width=width)


@block(example={"width": 8, "levels": 2, "pool": "average"})  # of a maximum some entries win in no batch, by chance
def wavpool(
    in_shape: Shape,
    *,
    width: Positive,
    taper: bool = True,
    pool: Literal["max", "average"] = "max",
    kernel: Positive | tuple[Positive, Positive, Positive] = 2,
    levels: Positive | None = None,
) -> nn.Module:
    """pool3d([MicroWav_1(x), …, MicroWav_L(x)]), each zero-padded at the front to the largest width.

    (C, H, W) → a vector. The L = ⌊log2 min(H, W)⌋ levels, or the finest ``levels`` of them, come from one decomposition,
    coarse to fine. ``taper``: the i-th level from the finest has ⌊width / i⌋ hidden values. The stack (width, 3, L) is
    pooled with ``kernel`` as size and stride along (width, bands, levels), what does not fill a window being cut off.
    Defaults are the published form (arXiv 2306.08734 and the authors' code): a kernel of 2 cuts the diagonal band off,
    and whole levels where L is odd, whose parameters then never get a gradient. ``kernel: [k, 1, 1]`` keeps all alive.
    A maximum shared by several entries (the padding's zeros) shares its gradient among them equally.
    Raises ``BlockError`` where the image has too few levels, or a window is larger than the stack.
    """
    available = _levels(in_shape, "wavpool")
    levels = available if levels is None else levels
    if not 1 <= levels <= available:
        raise BlockError(f"wavpool: {levels} levels of a {show(in_shape)}; it has {available}")
    window = (kernel,) * 3 if isinstance(kernel, int) else tuple(kernel)
    stack = (width, 3, levels)
    if not all(1 <= size <= length for size, length in zip(window, stack, strict=True)):
        raise BlockError(
            f"wavpool: kernel {list(window)} does not fit the stack (width, bands, levels) = {list(stack)}"
        )
    widths = [width // i if taper else width for i in range(levels, 0, -1)]
    if not all(widths):
        raise BlockError(
            f"wavpool: width {width} leaves nothing for the coarsest of {levels} levels; give at least {levels}"
        )
    return WavPool(in_shape, widths=widths, pool=pool, window=window)


def _levels(in_shape: Shape, name: str) -> int:
    map_shape(in_shape, name)
    if not (levels := max_levels(in_shape)):
        raise BlockError(f"{name}: expected an image of at least 2×2, got a {show(in_shape)}")
    return levels


class MicroWav(nn.Module):
    """(B, C, 3, h, w) → (B, width, 3): a linear layer for each direction of the details of one level."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.horizontal = nn.Linear(features, width)
        self.vertical = nn.Linear(features, width)
        self.diagonal = nn.Linear(features, width)

    def forward(self, details: Tensor) -> Tensor:
        """(B, C, 3, h, w) → (B, width, 3)."""
        horizontal, vertical, diagonal = (band.flatten(1) for band in details.unbind(2))
        return torch.stack((self.horizontal(horizontal), self.vertical(vertical), self.diagonal(diagonal)), dim=-1)


class SingleLevel(nn.Module):
    """MicroWav on the details at ``depth`` (1 is the finest)."""

    def __init__(self, in_shape: Shape, *, depth: int, width: int) -> None:
        super().__init__()
        self.depth = depth
        self.directions = MicroWav(_band_features(in_shape, depth), width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, 3·width)."""
        _, details = haar_levels(x, self.depth)
        out: Tensor = self.directions(details[0])
        return out.flatten(1)


class WavPool(nn.Module):
    """MicroWavs of widths ``widths``, coarse to fine, stacked and pooled; see ``wavpool``."""

    def __init__(self, in_shape: Shape, *, widths: list[int], pool: str, window: tuple[int, ...]) -> None:
        super().__init__()
        self.width = max(widths)
        self.pool = pool
        self.window = window
        features = [_band_features(in_shape, depth) for depth in range(len(widths), 0, -1)]
        self.levels = nn.ModuleList(map(MicroWav, features, widths))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, features)."""
        _, details = haar_levels(x, len(self.levels))
        outputs = [level(detail) for level, detail in zip(self.levels, details, strict=True)]
        padded = [F.pad(output, (0, 0, self.width - output.shape[1], 0)) for output in outputs]
        return self._pooled(torch.stack(padded, dim=-1)).flatten(1)  # (B, width, 3, levels) → (B, features)

    def _pooled(self, stack: Tensor) -> Tensor:
        """Pools by reshaping: the gradient of 3-D max-pooling is not deterministic on CUDA."""
        windows = [length // size for length, size in zip(stack.shape[1:], self.window, strict=True)]
        widths, bands, levels = (count * size for count, size in zip(windows, self.window, strict=True))
        pairs = [side for pair in zip(windows, self.window, strict=True) for side in pair]
        split = stack[:, :widths, :bands, :levels].reshape(len(stack), *pairs)
        return split.amax((2, 4, 6)) if self.pool == "max" else split.mean((2, 4, 6))


def _band_features(in_shape: Shape, depth: int) -> int:
    """The size of one band, flattened over its channels, ``depth`` levels down; odd sides round up at each level."""
    channels, height, width = in_shape
    return channels * -(-height >> depth) * -(-width >> depth)
