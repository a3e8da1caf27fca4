import pytest

from bench.runs import EarlyStopping
from bench.train.stopping import stopped

WAVPOOL = EarlyStopping(rule="cumulative", patience=3, from_epoch=6)


def first_stop(losses: list[float], rule: EarlyStopping) -> int | None:
    """The epoch after which training ends, if it does."""
    return next((epoch for epoch in range(1, len(losses) + 1) if stopped(losses[:epoch], rule)), None)


@pytest.mark.parametrize(
    ("losses", "rule", "epoch"),
    [
        ([5, 4, 3, 2, 1], EarlyStopping(patience=1), None),
        ([5, 4, 4, 3], EarlyStopping(patience=1), 3),  # as good is no new best
        ([5, 6, 7, 4, 5, 6, 7, 8], EarlyStopping(patience=3), 7),  # counted anew at each best
        ([5, 6, 4, 6, 3, 6, 2], EarlyStopping(patience=2), None),
        ([5, 6, 7, 8, 9, 9, 9], EarlyStopping(patience=2, from_epoch=5), 6),  # earlier epochs do not count as waiting
        ([1, 2, 3, 0.5, 2, 3], EarlyStopping(patience=2, from_epoch=4), 6),
        ([5, 4.95, 4.9, 4.85], EarlyStopping(patience=3, min_delta=0.2), 4),
        ([5, 4.95, 4.7, 4.65], EarlyStopping(patience=3, min_delta=0.2), None),
        ([1, 2, 3, 4, 5, 6, 7, 8], WAVPOOL, 8),  # increases at 6, 7, 8: before the 6th epoch none counts
        ([9, 8, 7, 6, 5, 6, 5, 6, 5, 6, 5], WAVPOOL, 10),  # never reset: at 6, 8 and 10
        ([9, 8, 7, 6, 5, 5, 5, 5, 5, 5, 5], WAVPOOL, None),  # as large is no increase
        ([9, 9, 9, 9, 1, 2, 1, 2, 0.5, 0.6], WAVPOOL, 10),  # against the epoch before, not against the best
        ([1, 2, 3, 4, 5], EarlyStopping(rule="cumulative", patience=2), 3),
    ],
)
def test_when_to_stop(losses, rule, epoch):
    assert first_stop(losses, rule) == epoch


def test_without_a_rule_never():
    assert not stopped([1.0, 2.0, 3.0], None)
