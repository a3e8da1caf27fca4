"""Scikit-learn's handwritten digits: bundled with it, so there is nothing to download."""

import numpy as np

from bench.data.base import Data, Info, Loaded, Split, dataset
from bench.data.cache import Arrays, cached
from bench.data.parts import normalisation

TEST_SHARE = 0.25
BRIGHTEST = 16

INFO = Info(
    title="Optical recognition of handwritten digits",
    version="the 1,797 digits bundled with scikit-learn (the test file of the UCI release of 1998)",
    licence="CC BY 4.0",
    source="E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, https://doi.org/10.24432/C50P49",
)


@dataset
def digits() -> Data:
    """Handwritten digits, 8×8 grey, 10 classes: 1,797 images bundled with scikit-learn.

    Test is a fixed quarter of each class, drawn with seed 0; images are normalised by the mean and deviation of the rest.
    """
    classes = tuple(map(str, range(10)))
    return Data("digits", "classification", (1, 8, 8), (10,), INFO, _load, classes)


def _load() -> Loaded:
    key = {"name": "digits", "version": 1}
    arrays = cached(key, _read)
    train, test = (Split(arrays[f"{part}_x"], arrays[f"{part}_y"]) for part in ("train", "test"))
    scale, shift = normalisation(key, train.x, normalise=True)
    return Loaded(train, test, scale, shift)


def _read() -> Arrays:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = (bunch.images * (255 / BRIGHTEST)).round().astype(np.uint8)[:, None]
    y = bunch.target.astype(np.int64)
    random = np.random.RandomState(0)  # the stream of NumPy's legacy generator never changes between its versions
    test = np.zeros(len(y), bool)
    for digit in range(10):
        members = np.flatnonzero(y == digit)
        test[random.permutation(members)[: round(TEST_SHARE * len(members))]] = True
    return {"train_x": x[~test], "train_y": y[~test], "test_x": x[test], "test_y": y[test]}
