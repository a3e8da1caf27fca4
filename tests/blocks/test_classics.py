"""Well-known networks that no suite has, from blocks alone, with their published parameter counts."""

import pytest
import torch

from blocks import network

BN = {"norm": "batch"}
STEM = [
    {"block": "conv", "width": 64, "depth": 1, "kernel": 7, "stride": 2, **BN},
    {"block": "max_pool", "kernel": 3, "stride": 2, "padding": 1},
]


@pytest.mark.parametrize(
    ("stage", "widths", "expected"),
    [("residual", [64, 128, 256, 512], 21_797_672), ("bottleneck", [256, 512, 1024, 2048], 25_557_032)],
    ids=["ResNet-34", "ResNet-50"],
)
def test_known_counts(stage, widths, expected):
    stages = {"block": "encoder", "stage": {"block": stage, **BN}, "widths": widths, "blocks": [3, 4, 6, 3]}
    with torch.device("meta"):
        net = network({"chain": [*STEM, stages]}, (3, 224, 224), (1000,))
    assert sum(param.numel() for param in net.parameters()) == expected
