"""Equivariance and invariance: what moving or turning an image does to what convolutions and poolings give for it."""

import itertools
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.claims.formulas.convolution import whole
from bench.claims.formulas.law import check, verdict
from bench.claims.registry import Finding, quantity

Bits = tuple[int, ...]


@quantity
def translation(padding: Literal["circular", "zeros"] = "circular", stride: int = 1) -> Finding:
    """Whether (T_a I) ⋆ K = T_a(I ⋆ K) for every shift a of a torus, sides 1–6, k 1, 3, 5; ``padding`` of nn.Conv2d."""
    refuted, count = [], 0
    for side, kernel in sorted(itertools.product(range(1, 7), (1, 3, 5)), key=sum):
        if kernel // 2 > side:  # no image wraps around twice
            continue
        conv = nn.Conv2d(1, 1, kernel, stride, kernel // 2, padding_mode=padding, dtype=torch.float64, bias=False)
        conv.weight.data = whole(1, 1, kernel, kernel, seed=1)
        image = whole(1, 1, side, side)
        for shift in itertools.product(range(side), repeat=2):
            count += 1
            moved, out = conv(image.roll(shift, (2, 3))), conv(image)
            if not torch.equal(moved, out.roll(shift, (2, 3))):
                at = f"{side}×{side} image, k = {kernel}, s = {stride}, {padding} padding, shift {shift}"
                refuted.append(f"{at}: {moved.flatten().tolist()}, not {out.roll(shift, (2, 3)).flatten().tolist()}")
    return verdict(count, refuted, "all shifts of a torus, sides 1–6, k 1, 3, 5, whole numbers")


@quantity
def translation_inside(kernel: int = 3) -> Finding:
    """The same on the plane: an object of 3×3 that stays off the borders by more than the kernel; zero padding."""
    conv = nn.Conv2d(1, 1, kernel, padding=kernel // 2, bias=False, dtype=torch.float64)
    conv.weight.data = whole(1, 1, kernel, kernel, seed=1)
    image = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    image[..., 6:9, 6:9] = whole(3, 3)
    shifts = list(itertools.product(range(-3, 4), repeat=2))
    refuted = [
        f"shift {shift}"
        for shift in shifts
        if not torch.equal(conv(image.roll(shift, (2, 3))), conv(image).roll(shift, (2, 3)))
    ]
    return verdict(len(shifts), refuted, f"an object inside a 16×16 image, zero padding, k = {kernel}, shifts up to 3")


@quantity
def rotation_breaks(symmetric: bool = False) -> Finding:
    """Whether turning the image by 90° does not just turn the map: kernels 2–5; ``symmetric``: kernels that turning keeps."""
    kept = []
    for kernel in range(2, 6):
        weight = whole(1, 1, kernel, kernel, seed=1)
        if symmetric:
            weight = torch.stack([weight.rot90(turns, (2, 3)) for turns in range(4)]).sum(0)
        image = whole(1, 1, 7, 7)
        if torch.equal(F.conv2d(_turned(image), weight), _turned(F.conv2d(image, weight))):
            kept.append(f"k = {kernel}: turning the image turns the map")
    edge = torch.zeros(1, 1, 6, 6, dtype=torch.float64)
    edge[..., :3, :] = 1
    filters = torch.tensor([[[[1, 1], [-1, -1]]]]).double()
    upright, turned = (F.conv2d(x, filters).abs().max().item() for x in (edge, _turned(edge)))
    answers = f"a filter of horizontal edges gives {upright:.0f} on one, {turned:.0f} on one that was turned"
    return verdict(4, kept, f"kernels 2–5 on a 7×7 image of whole numbers; {answers}")


@quantity
def pool_shift(stated: str, true: str = "") -> Finding:
    """The largest shift that max-pooling gives the same after, whatever the image: a formula of k and s, k 2–3, s 1 to k.

    All rows of up to 6 pixels 0 or 1 are tried, moved by 0 to k − 1 so that no 1 leaves the row.
    """
    cases = []
    for k, stride in ((2, 1), (2, 2), (3, 1), (3, 2), (3, 3)):
        safe, example = _safe_shift(k, stride)
        cases.append(({"k": k, "s": stride, "row": example}, safe))
    how = "nn.functional.max_pool1d on all rows of 0 and 1 up to 6 long, k 2–3, s 1 to k"
    return check(stated, cases, how, true=true)


@quantity
def pool_invariance(reach: str = "local") -> Finding:
    """Whether max-pooling at stride k is invariant to "local" shifts of one pixel in part, or to "full" shifts of all sizes.

    One bright pixel at every place of 12, k 2–4; local: some places give the same after one pixel and none after k or more.
    """
    refuted, shares = [], []
    for k in (2, 3, 4):
        kept = {shift: _kept(k, shift) for shift in range(1, 2 * k)}
        shares.append(f"k = {k}: " + ", ".join(f"{share:.0%} at {shift} px" for shift, share in kept.items()))
        local = kept[1] > 0 and all(share == 0 for shift, share in kept.items() if shift >= k)
        full = all(share == 1 for share in kept.values())
        if not (local if reach == "local" else full):
            refuted.append(shares[-1])
    how = f"one bright pixel at every place, how often the pooled row stays the same: {'; '.join(shares)}"
    return verdict(3, refuted, how)


def _turned(image: Tensor) -> Tensor:
    return image.rot90(1, (2, 3))


def _kept(k: int, shift: int) -> float:
    """How many of the places of one bright pixel give the same after the shift."""
    places = range(12 - shift)
    rows = [tuple(int(i == place) for i in range(12)) for place in range(12)]
    return sum(_max_pool(rows[place], k, k) == _max_pool(rows[place + shift], k, k) for place in places) / len(places)


def _safe_shift(k: int, stride: int) -> tuple[int, str]:
    """The largest shift below k up to which nothing changes, and a shortest row that the next one changes."""
    for shift in range(1, k):
        for length in range(k, 7):
            for row in itertools.product((0, 1), repeat=length - shift):
                before, after = row + (0,) * shift, (0,) * shift + row
                if (old := _max_pool(before, k, stride)) != (new := _max_pool(after, k, stride)):
                    return shift - 1, f"{before} → {old}, moved by {shift} {after} → {new}"
    return k - 1, "none"


def _max_pool(row: Bits, k: int, stride: int) -> Bits:
    pooled: Tensor = F.max_pool1d(torch.tensor([[row]], dtype=torch.float64), k, stride)
    return tuple(int(value) for value in pooled.flatten())
