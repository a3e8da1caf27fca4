import pytest
import torch

from bench.data.base import Data, DataError, Info, Loaded, Split
from bench.data.splits import splits


def split(count, group=None, start=0):
    x = torch.arange(start, start + count, dtype=torch.float32).reshape(-1, 1, 1, 1)
    return Split(x, torch.arange(start, start + count), None if group is None else torch.tensor(group))


def data(train, *, validation=None, share=0.2):
    loads = []

    def load():
        loads.append(1)
        scale, shift = torch.full((1, 1, 1), 2.0), torch.full((1, 1, 1), 3.0)
        return Loaded(train, split(5, start=1000), scale, shift, validation, share)

    info = Info("t", "1", "MIT", "here")
    return Data("thing", "classification", (1, 1, 1), (2,), info, load), loads


@pytest.mark.parametrize(
    ("count", "share", "held_out"), [(10, 0.2, 2), (100, 0.25, 25), (2, 0.01, 1), (3, 0.99, 2), (7, 0.5, 4)]
)
def test_validation_is_split_off_train(count, share, held_out):
    thing, _ = data(split(count), share=share)
    parts = splits(thing, 0)
    assert len(parts.validation) == held_out
    assert sorted([*parts.train.y.tolist(), *parts.validation.y.tolist()]) == list(range(count))
    for part in (parts.train, parts.validation):
        assert part.y.tolist() == sorted(part.y.tolist()) == part.x.flatten().tolist()
    assert parts.test.y.tolist() == [1000, 1001, 1002, 1003, 1004]
    assert (parts.scale, parts.shift) == (torch.full((1, 1, 1), 2.0), torch.full((1, 1, 1), 3.0))


def test_the_seed_alone_decides():
    one, loads = data(split(50))
    other, _ = data(split(50))
    chosen = [splits(one, seed).validation.y.tolist() for seed in range(5)]
    assert chosen == [splits(other, seed).validation.y.tolist() for seed in range(5)]
    assert len({tuple(part) for part in chosen}) == 5
    assert loads == [1]  # loaded once for all seeds
    assert all(torch.equal(splits(one, seed).test.y, splits(one, 0).test.y) for seed in range(5))


def test_the_split_of_a_seed_stays_what_it_is():
    assert splits(data(split(20))[0], 0).validation.y.tolist() == [4, 5, 13, 19]


def test_the_callers_generator_is_left_alone():
    state = torch.get_rng_state()
    splits(data(split(20))[0], 1)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(("share", "groups"), [(0.2, 1), (0.5, 2), (0.01, 1), (0.99, 4)])
def test_groups_are_never_shared(share, groups):
    of = [7, 7, 3, 3, 3, 9, 1, 1, 4, 9, 9]
    for seed in range(8):
        parts = splits(data(split(len(of), of), share=share)[0], seed)
        train, validation = parts.train.group.unique(), parts.validation.group.unique()
        assert len(validation) == groups
        assert sorted([*train.tolist(), *validation.tolist()]) == [1, 3, 4, 7, 9]
        assert [of[i] for i in parts.validation.y] == parts.validation.group.tolist()


def test_a_validation_split_of_its_own_is_kept():
    thing, _ = data(split(10), validation=split(3, start=50))
    parts = splits(thing, 4)
    assert parts.train.y.tolist() == list(range(10))
    assert parts.validation.y.tolist() == [50, 51, 52]


@pytest.mark.parametrize(("train", "what"), [(split(1), "2 examples"), (split(4, [5, 5, 5, 5]), "2 groups")])
def test_too_little_to_split_is_an_error(train, what):
    with pytest.raises(DataError, match=f"thing: a validation split needs at least {what} to train on, got 1"):
        splits(data(train)[0], 0)
