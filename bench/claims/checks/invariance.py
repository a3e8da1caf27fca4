"""What a moved image does to a network's features."""

import torch
from torch import Tensor

import blocks
from bench.claims.networks import Network
from bench.claims.registry import Finding, quantity

SHIFTS = (1, 4, 16, 32)
SAME = 1e-3


@quantity
def moved_features(network: Network) -> Finding:
    """Whether the globally pooled features stay the same when a patch of noise moves on an empty image, away from its borders.

    Eight patches of an eighth of the side, the initial weights of seed 0; a change is relative to what the patch changes.
    """
    run, side = network.run, min(network.in_shape[1:])
    module = blocks.network(run.network, network.in_shape, network.target_shape, run.head, seed=0).eval()
    body, pool = module.get_submodule("body"), module.get_submodule("head.pool")
    patch = torch.rand(8, network.in_shape[0], side // 8, side // 8, generator=torch.Generator().manual_seed(0))

    def maps(at: int) -> Tensor:
        image = torch.zeros(8, *network.in_shape)
        image[..., at : at + side // 8, at : at + side // 8] = patch
        found: Tensor = body(image)
        return found

    with torch.no_grad():
        here = maps(side // 4)
        features = pool(here)
        usual = (features - pool(body(torch.zeros(1, *network.in_shape)))).norm()
        changes = [float((pool(maps(side // 4 + shift)) - features).norm() / usual) for shift in SHIFTS]
        alone = float((pool(here.roll((1, 1), (2, 3))) - features).norm() / usual)
    told = ", ".join(f"{change:.2g} at {shift} px" for change, shift in zip(changes, SHIFTS, strict=True))
    return Finding(
        max(changes) < SAME,
        f"changes by up to {max(changes):.2g}",
        "features of a moved patch of noise, as a share of what the patch changes at all (initial weights): "
        f"{told}; the pooling alone, its map moved by a pixel: {alone:.1g}",
    )
