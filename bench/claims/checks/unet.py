"""Levels of a U-Net and its residual blocks, in what the document on ResUpNet says of them."""

from dataclasses import dataclass

from torch import nn

from bench.claims.checks.layout import residual_skips
from bench.claims.networks import Network, Part
from bench.claims.registry import Finding, Readable, quantity
from blocks.spec import Shape


@dataclass(frozen=True)
class Level(Readable):
    """One level of a U-Net: its stages on the way down and up, and the way back to it from below."""

    encode: Part
    decode: Part | None
    up: Part | None
    joined: Shape
    """What the stages on the way up are given."""


@quantity
def level(network: Network, depth: int) -> Level:
    """A level, 0 at full resolution; the deepest has no way up."""
    at = "body." + "skip.inner.below." * depth
    known = dict(network.module.named_modules())
    if f"{at}decode" not in known:
        return Level(network.part(f"{at}encode"), None, None, ())
    decode = network.part(f"{at}decode")
    return Level(network.part(f"{at}encode"), decode, network.part(f"{at}skip.inner.up"), decode.in_shape)


@quantity
def encoder_params(network: Network, levels: int) -> int:
    """Keras' total of the stages on the way down, of the first so many levels."""
    return sum(level(network, depth).encode.params_total for depth in range(levels))


@quantity
def decoder_params(network: Network, levels: int) -> int:
    """Keras' total of the way up, of the first so many levels."""
    return sum(
        part.params_total
        for depth in range(levels)
        for part in (level(network, depth).up, level(network, depth).decode)
        if part is not None
    )


@quantity
def halves(network: Network, levels: int) -> Finding:
    """Whether each stage on the way down gives maps of half the side that comes in."""
    sides = [level(network, depth).encode for depth in range(levels)]
    kept = [str(i) for i, part in enumerate(sides, 1) if 2 * part.out_shape[1] != part.in_shape[1]]
    told = " → ".join(map(str, (sides[0].in_shape[1], *(part.out_shape[1] for part in sides))))
    where = f"; stage {', '.join(kept)} keeps its side" if kept else ""
    return Finding(not kept, f"{levels - len(kept)} of {levels} stages", f"sides {told}{where}")


@quantity
def unprojected(network: Network) -> tuple[str, ...]:
    """Residual blocks that change the number of channels at stride 1: by a rule of strides alone nothing projects them."""
    names = []
    for name, skip in residual_skips(network):
        first = next(part for part in skip.inner.modules() if isinstance(part, nn.Conv2d))
        if first.stride == (1, 1) and first.in_channels != first.out_channels:
            names.append(f"{name} ({first.in_channels} → {first.out_channels})")
    return tuple(names)


@quantity
def runs_without_projection(network: Network) -> Finding:
    """Whether every residual block could add its two paths if only a stride were projected."""
    stuck, count = unprojected(network), len(residual_skips(network))
    first = f"; the first is {stuck[0]}" if stuck else ""
    note = f"channels of what comes in and goes out of the {count} blocks at stride 1{first}: maps of other depth do not add"
    return Finding(not stuck, f"{count - len(stuck)} of {count} blocks run", note)


@quantity
def listed_without_projection(network: Network) -> Finding:
    """Whether the blocks at stride 1, listed without a projection, have none."""
    strided = [name for name, skip in residual_skips(network) if skip.project and _projection(skip.project) != (1, 1)]
    projected = [name for name, skip in residual_skips(network) if skip.project and name not in strided]
    note = f"{len(projected)} blocks at stride 1, each with a 1×1 projection because the number of channels changes"
    return Finding(not projected, f"{len(projected)} projections", note)


def _projection(project: nn.Module) -> object:
    return next(part.stride for part in project.modules() if isinstance(part, nn.Conv2d))


@quantity
def output_norm(network: Network) -> Finding:
    """Whether a batch normalisation stands between the last convolution and the output."""
    last = max(i for i, layer in enumerate(network.layers) if layer.type == "Conv2d")
    after = [layer.type for layer in network.layers[last + 1 :]]
    there = "BatchNorm2d" in after
    return Finding(
        there, "BN before sigmoid" if there else "no BN before sigmoid", f"after the last convolution: {after}"
    )


@quantity
def sees_all(network: Network, name: str) -> Finding:
    """Whether one pixel of a part's output depends on the whole image."""
    field, side = network.field(name), min(network.in_shape[1:])
    share = (field / side) ** 2
    return Finding(
        field >= side,
        f"{field} of {side} px, {100 * share:.3g} % of the area",
        "receptive field against the image's side",
    )
