"""The foreseen peak of a step, by hand and by what the allocator does; and what its operations move."""

import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

import blocks
from blocks.step_memory import step_memory

ENCODER = {"block": "encoder", "widths": [16, 32], "stage": {"block": "conv", "norm": "batch"}}
RESIDUAL = {"block": "encoder", "widths": [8, 16], "stage": {"block": "residual", "norm": "batch"}}
UNET = {"block": "unet", "widths": [8, 16, 32], "stage": {"block": "residual", "norm": "batch", "dropout": 0.2}}
WAVPOOL = {"block": "wavpool", "width": 32, "taper": False, "kernel": [2, 1, 1]}
MLP = {"block": "mlp", "widths": [64, 64]}
NETWORKS = {"encoder": ENCODER, "residual": RESIDUAL, "unet": UNET, "wavpool": WAVPOOL, "mlp": MLP}
SHAPE = (3, 32, 32)


def train(forward, x):
    forward(x).square().mean().backward()


def test_a_linear_layer_by_hand() -> None:
    """A sum needs nothing of the output, and its gradient is one number, expanded: the peak is at the weight's gradient."""
    layer, batch = nn.Linear(100, 50, bias=False), 20
    found = step_memory(layer, (100,), lambda forward, x: forward(x).sum().backward(), batch=batch, copies=2)
    weight, x, out = 4 * 100 * 50, 4 * batch * 100, 4 * batch * 50
    assert found.held == 3 * weight
    assert found.peak == found.held + x + weight + 2 * 4
    forward = x + weight + out
    assert found.moved_total > 2 * forward, (
        "the backward pass reads the gradient and the input, and writes the weight's"
    )


def test_without_gradients_only_two_maps_live_at_a_time() -> None:
    net = nn.Sequential(*(nn.Tanh() for _ in range(5)))
    found = step_memory(net, (4, 8, 8), lambda forward, x: forward(x), batch=2, training=False)
    assert found.peak == 3 * 2 * 4 * 4 * 8 * 8  # x stays with the caller, one map comes in and one goes out
    assert found.moved_total == 5 * 2 * 2 * 4 * 4 * 8 * 8
    assert set(found.moved) == {"0", "1", "2", "3", "4"}


@pytest.fixture
def without_onednn() -> Iterator[None]:
    before = torch.backends.mkldnn.set_flags(False)[0]
    yield
    torch.backends.mkldnn.set_flags(before)


@pytest.mark.parametrize("mode", ["train", "inference"])
@pytest.mark.parametrize("name", sorted(NETWORKS))
class TestTheAllocatorAgrees:
    @pytest.mark.skipif(not torch.backends.nnpack.is_available(), reason="plain convolutions take columns of their own")
    @pytest.mark.usefixtures("without_onednn")
    def test_on_what_torch_itself_takes(self, name: str, mode: str) -> None:
        """Without oneDNN, on any processor: nothing but tensors, and in one case the columns of a strided convolution."""
        tolerance = 0.06 if (name, mode) == ("residual", "train") else 0.001
        assert foreseen(name, mode, scratch=False) == pytest.approx(allocated(name, mode), rel=tolerance)

    @pytest.mark.skipif(
        "AVX" not in torch.backends.cpu.get_cpu_capability(), reason="oneDNN's layout here is not known"
    )
    def test_on_what_onednn_takes_beside(self, name: str, mode: str) -> None:
        taken = allocated(name, mode)
        assert foreseen(name, mode, scratch=True) == pytest.approx(taken, rel=0.15)
        assert taken >= foreseen(name, mode, scratch=False)


def network(name: str, mode: str) -> nn.Module:
    return blocks.network(NETWORKS[name], SHAPE, (10,), seed=0).train(mode == "train")


def foreseen(name: str, mode: str, *, scratch: bool) -> int:
    work, training = (train, True) if mode == "train" else (lambda forward, x: forward(x), False)
    return step_memory(network(name, mode), SHAPE, work, batch=16, training=training, scratch=scratch).peak


def allocated(name: str, mode: str) -> int:
    """Bytes of parameters and buffers, and the most that the profiler sees taken beside them in two steps."""
    net = network(name, mode)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as trace:
        x = torch.randn(16, *SHAPE)
        for _ in range(2):
            net.zero_grad(set_to_none=True)
            if mode == "train":
                train(net, x)
            else:
                with torch.no_grad():
                    net(x)
    held = sum(tensor.numel() * tensor.element_size() for tensor in (*net.parameters(), *net.buffers()))
    events = [event for event in trace.profiler.kineto_results.events() if event.name() == "[memory]"]
    sizes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    return held + max(itertools.accumulate(sizes))


def test_the_module_is_left_as_it_was() -> None:
    net = blocks.network(ENCODER, SHAPE, (10,), seed=0).eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    step_memory(net, SHAPE, train, batch=4)
    assert not net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_scratch_and_copies_are_on_top() -> None:
    net = blocks.network(ENCODER, SHAPE, (10,), seed=0)
    params = 4 * sum(parameter.numel() for parameter in net.parameters())
    plain, scratch, adam = (
        step_memory(net, SHAPE, train, batch=16, **options).peak for options in ({"scratch": False}, {}, {"copies": 2})
    )
    assert plain < scratch
    assert adam == scratch + 2 * params
    last = step_memory(net.to(memory_format=torch.channels_last), SHAPE, train, batch=16, channels_last=True).peak
    assert last == pytest.approx(plain, rel=0.02), "with the channels last nothing is put in another order"
