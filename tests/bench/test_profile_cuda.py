"""bench profile on a CUDA device: events, graphs, the allocator's peak, ceilings, energy."""

import pytest
import torch

from bench.environment import environment
from bench.profile import energy, machine, memory, roofline
from bench.profile.clock import sampled, timed
from bench.profile.graphs import captured
from bench.profile.subject import Subject, backends
from bench.runs import Setting
from bench.suite import load_dict
from bench.train import build

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
SUITE = {
    "base": {
        "data": {"name": "noise", "shape": [3, 64, 64], "target": [1, 64, 64]},
        "network": {"block": "unet", "widths": [16, 32, 64], "stage": {"block": "residual", "norm": "batch"}},
        "budget": {"epochs": 1},
    },
    "variants": {"unet": {}},
}


def subject(**setting: object) -> Subject:
    made = Setting(device="cuda", batch=8, **setting)
    with backends(made):
        return Subject(next(load_dict(SUITE, "cuda").runs()), made, torch.device("cuda:0"))


@pytest.mark.parametrize("mode", ["train", "inference"])
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
@pytest.mark.parametrize("execution", ["eager", "graph", "compiled"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_every_setting_is_timed(mode: str, precision: str, execution: str, layout: str) -> None:
    made = subject(mode=mode, precision=precision, execution=execution, layout=layout)
    with backends(made.setting):
        made.step()
        phases = captured(made) if execution == "graph" else made.phases
        samples = sampled(phases, made.device, warm_up=2, samples=5)
    assert list(samples) == list(made.phases)
    assert all(0 < second < 1 for seconds in samples.values() for second in seconds)


def test_events_time_the_device_and_not_the_launch() -> None:
    a = torch.randn(8192, 8192, device="cuda")
    once, ten = (
        min(timed({"x": lambda n=n: [a @ a for _ in range(n)]}, a.device)[0] for _ in range(5)) for n in (1, 10)
    )
    assert ten == pytest.approx(10 * once, rel=0.3)


def test_a_graph_computes_what_the_network_does() -> None:
    plain, graphed = subject(mode="train"), subject(mode="train")
    for made in (plain, graphed):
        for part in made.state.model.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.eval()  # the steps before a capture move the statistics
    phases = captured(graphed)
    graphed.state.model.load_state_dict(plain.state.model.state_dict())
    for phase in ("forward", "backward"):
        plain.phases[phase]()
        phases[phase]()
    torch.cuda.synchronize()
    for ours, theirs in zip(graphed.state.model.parameters(), plain.state.model.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-4)


def test_the_peak_is_the_allocators() -> None:
    made, used = memory.built(lambda: subject(mode="train"), torch.device("cuda:0"))
    torch.cuda.reset_peak_memory_stats()
    made.step()
    torch.cuda.synchronize()
    assert used["peak_bytes"] == pytest.approx(torch.cuda.max_memory_allocated(), rel=0.05)
    assert used["reserved_bytes"] >= used["peak_bytes"]
    assert memory.predicted(made).peak > 0.5 * used["peak_bytes"]


def test_layers_are_timed_and_the_ceilings_are_above_them() -> None:
    made = subject(mode="inference")
    roofs = machine.measured(environment("cuda:0"), made.device)
    assert {"fp32", "tf32", "bf16", "fp16"} == roofs.flops_per_s.keys()
    rows = roofline.layers(made, build.cost(made.run, made.data), memory.predicted(made), memory.activations(made))
    assert rows
    assert all(row["flops"] / row["time_s"] < roofs.flops_per_s["fp32"] for row in rows)


def test_energy_or_a_reason() -> None:
    made = subject(mode="train")
    found = energy.measured(made.step, 8, made.device)
    assert found.get("missing") or (found["window_s"] >= 1 and found["joules_per_step"] > 0)
