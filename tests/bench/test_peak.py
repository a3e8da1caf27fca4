import time

import pytest
import torch

from bench.train import peak
from bench.train.peak import PeakMemory

MIB = 2**20


@pytest.mark.parametrize("sampled", [False, True])
def test_the_peak_is_of_what_runs_inside_even_where_it_ran_before(sampled, monkeypatch):
    if sampled:
        monkeypatch.setattr(peak, "_reset_peak", lambda: False)
    torch.ones(512 * MIB // 4)  # more, but before
    for mib in (128, 64):
        with PeakMemory(torch.device("cpu")) as memory:
            held = torch.ones(mib * MIB // 4)
            time.sleep(5 * peak.SAMPLE_S if sampled else 0)
            del held
            measured = memory.measured()["peak_memory_bytes"]
        assert 0.9 * mib * MIB < measured < 1.5 * mib * MIB


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_peak_on_cuda_is_what_was_allocated():
    with PeakMemory(torch.device("cuda")) as memory:
        torch.ones(64 * MIB // 4, device="cuda")
        assert 64 * MIB <= memory.measured()["peak_memory_bytes"] <= memory.measured()["peak_memory_reserved_bytes"]
