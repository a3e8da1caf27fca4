"""Where things stand in a network: residual blocks and their shortcuts, normalisations, activations, dropout."""

import torch
from torch import nn

from bench.claims.networks import Network
from bench.claims.registry import Finding, quantity
from blocks.skip import Skip

CONVOLUTIONS = ("Conv2d", "ConvTranspose2d")


def residual_skips(network: Network) -> list[tuple[str, Skip]]:
    """The skip connections that add, by name, in the order in which they finish."""
    return [
        (layer.name, layer.module)
        for layer in network.layers
        if isinstance(layer.module, Skip) and layer.module.join == "add"
    ]


@quantity
def residual_blocks(network: Network, convolutions: int, kernel: int) -> int:
    """Residual blocks whose inner path is so many convolutions of this kernel, each normalised."""
    return sum(_is_block(skip, convolutions, kernel) for _, skip in residual_skips(network))


def _is_block(skip: Skip, convolutions: int, kernel: int) -> bool:
    parts = list(skip.inner.modules())
    kernels = [part.kernel_size for part in parts if isinstance(part, nn.Conv2d)]
    norms = sum(isinstance(part, nn.BatchNorm2d) for part in parts)
    return kernels == [(kernel, kernel)] * convolutions and norms == convolutions


@quantity
def shortcuts(network: Network) -> tuple[int, int]:
    """Residual blocks whose shortcut is the identity, and those with a projection."""
    projected = [skip.project is not None for _, skip in residual_skips(network)]
    return projected.count(False), projected.count(True)


@quantity
def identity_shortcuts(network: Network) -> Finding:
    """Whether any residual block adds its input as it is."""
    identity, projected = shortcuts(network)
    return Finding(
        identity > 0,
        f"{identity} identity, {projected} projected",
        f"the modules that add, of {identity + projected}: each has a projection or none",
    )


@quantity
def first_blocks_change(network: Network, per_stage: int) -> Finding:
    """Whether the first residual block of each stage, and no other, changes the shape."""
    changes = [skip.project is not None for _, skip in residual_skips(network)]
    firsts, others = changes[::per_stage], [flag for i, flag in enumerate(changes) if i % per_stage]
    stages = [str(i) for i, flag in enumerate(firsts, 1) if not flag]
    note = f"in and out shapes of {len(changes)} blocks; {sum(others)} of the {len(others)} later blocks change one"
    where = f"; the first block of stage {', '.join(stages)} does not" if stages else ""
    return Finding(all(firsts) and not any(others), f"{sum(firsts)} of {len(firsts)} stages", note + where)


def unnormalised(network: Network) -> list[str]:
    """Names of the convolutions that no batch normalisation follows."""
    names = [layer.name for layer in network.layers if layer.type in CONVOLUTIONS]
    followed = {
        before.name
        for before, after in zip(network.layers, network.layers[1:], strict=False)
        if isinstance(after.module, nn.BatchNorm2d) and after.in_shape == before.out_shape
    }
    return [name for name in names if name not in followed]


@quantity
def normalised(network: Network, but: tuple[str, ...] = ()) -> Finding:
    """Whether a batch normalisation follows every convolution, those named ``but`` left out."""
    names = [layer.name for layer in network.layers if layer.type in CONVOLUTIONS]
    without = unnormalised(network)
    left_out = f", {', '.join(but)} left out" if but else ""
    without_it = f"; without one: {', '.join(without)}" if without else ""
    return Finding(
        set(without) == set(but),
        f"{len(names) - len(without)} of {len(names)} convolutions",
        f"what follows each convolution, in order{left_out}{without_it}",
    )


@quantity
def activation_after_norm(network: Network, but: tuple[str, ...] = ()) -> Finding:
    """Whether no convolution's output reaches an activation before it is normalised, those named ``but`` left out."""
    sums = {f"{name.rpartition('.skip')[0]}.act" for name, _ in residual_skips(network)}
    pairs = list(zip(network.layers, network.layers[1:], strict=False))
    direct = sum(
        isinstance(b.module, nn.ReLU) and isinstance(a.module, nn.modules.batchnorm._BatchNorm) for a, b in pairs
    )
    activations = len(network.of_type("ReLU"))
    bare = [a.name for a, b in pairs if a.type in (*CONVOLUTIONS, "Linear") and isinstance(b.module, nn.ReLU)]
    bare += [name for name in unnormalised(network) if name not in but]
    summed = len(sums & {layer.name for layer in network.of_type("ReLU")})
    note = f"what stands before each ReLU: {direct} take a normalised map, {summed} the sum of a block's two normalised paths"
    return Finding(not bare and direct + summed == activations, f"{direct + summed} of {activations} ReLUs", note)


@quantity
def dropouts(network: Network) -> tuple[float, ...]:
    """The rates of all dropout layers, in order."""
    return tuple(layer.module.p for layer in network.of_type("Dropout"))


@quantity
def block_dropout(network: Network) -> float | Finding:
    """The rate of the dropout that stands after every residual block's activation; a Finding where they differ."""
    parts = dict(network.module.named_modules())
    rates = [getattr(parts.get(f"{name.removesuffix('skip')}dropout"), "p", 0.0) for name, _ in residual_skips(network)]
    if len(set(rates)) != 1:
        return Finding(False, ", ".join(map(str, rates)), "dropout behind each residual block, in order")
    return float(rates[0])


@quantity
def filters(network: Network, *, projections: bool = True) -> int:
    """Output channels of all convolutions together."""
    layers = [layer for layer in network.of_type("Conv2d") if projections or ".project." not in layer.name]
    return sum(layer.module.out_channels for layer in layers)


@quantity
def output_range(network: Network) -> tuple[float, float]:
    """What the head's last transform gives for numbers far below and far above nought."""
    ends = torch.tensor([-1e4, 1e4])
    low, high = network.module.get_submodule("head.output")(ends).tolist()
    return low, high
