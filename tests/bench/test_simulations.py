import importlib.util
import sys
from pathlib import Path

import pytest

from bench import stats

SCRIPT = Path(__file__).parent.parent / "performance" / "simulations.py"


@pytest.fixture(scope="module")
def simulations():
    spec = importlib.util.spec_from_file_location("simulations", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("part", ["identical_variants", "intervals", "crossed_seeds", "equivalence"])
def test_promises_hold_in_a_quick_simulation(simulations, part: str) -> None:
    """A twentieth of the script's suites, so four and a half times its error; the seeds are fixed."""
    rates = list(getattr(simulations, part)(100))
    assert [rate for rate in rates if not rate.low - 0.05 <= rate.rate <= rate.high + 0.05] == []
    assert sum(rate.promised for rate in rates) >= 3


def test_a_wrong_estimator_breaks_its_promise(simulations, monkeypatch, capsys) -> None:
    monkeypatch.setattr(stats, "interval", lambda scores, level=0.95, *, seeds=None: stats.t_interval(scores, level))
    monkeypatch.setattr(simulations, "PARTS", [simulations.crossed_seeds])
    monkeypatch.setattr(sys, "argv", ["simulations.py", "--suites", "100"])
    assert simulations.main() == 1
    assert "BROKEN" in capsys.readouterr().out
