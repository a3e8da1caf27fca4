"""MNIST, from its four official files."""

from typing import Literal

from bench.data.base import Data, Info, dataset
from bench.data.idx import Family, idx_data
from bench.data.parts import Parts

FAMILY = Family(
    name="mnist",
    folders=("mnist", "MNIST/raw"),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    files={
        "train-images-idx3-ubyte.gz": (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        "train-labels-idx1-ubyte.gz": (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        "t10k-images-idx3-ubyte.gz": (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        "t10k-labels-idx1-ubyte.gz": (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    },
    info=Info(
        title="MNIST handwritten digits",
        version="the four official files of 1998",
        licence="CC BY-SA 3.0, as it is usually given",
        source="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Proc. IEEE 86 (1998) 2278; data by Y. LeCun and C. Cortes",
    ),
    classes=tuple(map(str, range(10))),
)


@dataset
def mnist(
    *,
    size: int | None = None,
    train: int | None = None,
    validation: int | None = None,
    test: int | Literal["official"] = "official",
    normalise: bool = True,
) -> Data:
    """Handwritten digits, 28×28 grey, 10 classes: 60,000 images to learn from and 10,000 to test (LeCun et al., 1998).

    ``train``, ``validation`` and a whole-numbered ``test`` are the first, next and next images of the training file;
    ``train=None`` is all the rest, ``validation=None`` a fifth of train by the run's data seed. ``size`` pads with black (32 for
    LeNet-5). ``normalise`` gives the training images zero mean and unit deviation; without it pixels are in [0, 1].
    """
    return idx_data(FAMILY, size, Parts(train, validation, test), normalise)
