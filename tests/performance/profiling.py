"""How far profiles repeat: ``python tests/performance/profiling.py [repetitions]`` on a machine that does nothing else.

Profiles one network twice, one process after the other, so many times; the 95 % intervals of its latency should agree (have a
point in common) in at least 36 of 40 repetitions. Then the peak memory of a training step of three networks, measured and
foreseen.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path

from bench.api import prepare
from bench.profile import Options, Stopping
from bench.profile.measure import Wanted, group
from bench.runs import RunRecord
from bench.schedule import Limits, Slot
from bench.suite import load_dict

SUITE = {
    "base": {
        "data": {"name": "noise", "shape": [3, 32, 32], "target": 10},
        "network": {"block": "encoder", "widths": [16, 32, 64], "stage": {"block": "residual", "norm": "batch"}},
        "budget": {"epochs": 1},
    },
    "variants": {
        "residual encoder": {},
        "U-Net": {"network": {"block": "unet", "widths": [16, 32, 64], "stage": {"block": "conv", "norm": "batch"}}},
        "WavPool": {"network": {"block": "wavpool", "width": 64, "taper": False, "kernel": [2, 1, 1]}},
    },
}


def profiled(wanted: list[Wanted]) -> list[RunRecord]:
    initialise = partial(prepare, (), Path(tempfile.gettempdir()))
    return list(group(wanted, Slot("cpu#1", "cpu", 1), Limits(), initialise, Stopping()))


def main(repetitions: int) -> None:
    runs, agreed = list(load_dict(SUITE, "repeat").runs()), 0
    setting = Options("16", "train").settings("cpu", 1)[0]
    for number in range(1, repetitions + 1):
        one, two = (profiled([Wanted(runs[0], setting)])[0].measured for _ in range(2))
        agrees = one["step_s"]["low"] <= two["step_s"]["high"] and two["step_s"]["low"] <= one["step_s"]["high"]
        agreed += agrees
        shown = "; ".join(
            f"{1000 * part['step_s']['median']:.3f} "
            f"[{1000 * part['step_s']['low']:.3f}, {1000 * part['step_s']['high']:.3f}] ms, "
            f"{part['rounds']} rounds"
            for part in (one, two)
        )
        print(f"{number:3}: {shown}{'' if agrees else '  APART'}", flush=True)
    print(f"the intervals agree in {agreed} of {repetitions}")
    for variant, record in zip(SUITE["variants"], profiled([Wanted(run, setting) for run in runs]), strict=True):
        used = record.measured["memory"]
        print(
            f"{variant}: peak {used['peak_bytes'] / 1e6:.2f} MB, foreseen {used['predicted_bytes'] / 1e6:.2f} MB "
            f"(×{used['predicted_bytes'] / used['peak_bytes']:.3f}), process +{used['process_bytes'] / 1e6:.1f} MB"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
