import pytest
import torch
from sklearn.datasets import load_digits

from bench.data import data_from

pytestmark = pytest.mark.usefixtures("data_folder")


def test_every_digit_is_in_one_split_and_classes_are_kept_in_proportion() -> None:
    data = data_from({"name": "digits"})
    loaded = data.load()
    assert (data.in_shape, data.target_shape, data.task) == ((1, 8, 8), (10,), "classification")
    counts = torch.bincount(loaded.train.y), torch.bincount(loaded.test.y)
    total = torch.bincount(torch.from_numpy(load_digits().target))
    assert torch.equal(counts[0] + counts[1], total)
    assert torch.equal(counts[1], (total / 4).round().long())
    both = torch.cat([loaded.train.x, loaded.test.x]).flatten(1)
    assert len(torch.unique(both, dim=0)) == len(torch.unique(torch.from_numpy(load_digits().data), dim=0))


def test_the_test_split_never_changes() -> None:
    first = data_from({"name": "digits"}).load().test
    assert first.y[:12].tolist() == [3, 7, 3, 6, 9, 2, 6, 0, 8, 7, 1, 0]
    assert int(first.x.long().sum()) == 2_220_943


def test_what_a_network_sees_is_normalised() -> None:
    loaded = data_from({"name": "digits"}).load()
    seen = loaded.train.x.float() * loaded.scale + loaded.shift
    assert abs(seen.mean()) < 1e-5
    assert seen.std(correction=0) == pytest.approx(1, abs=1e-5)
