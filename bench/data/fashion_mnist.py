"""Fashion-MNIST, from its four official files."""

from typing import Literal

from bench.data.base import Data, Info, dataset
from bench.data.idx import Family, idx_data
from bench.data.parts import Parts

FAMILY = Family(
    name="fashion_mnist",
    folders=("fashion-mnist", "FashionMNIST/raw"),
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
    ),
    files={
        "train-images-idx3-ubyte.gz": (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        "train-labels-idx1-ubyte.gz": (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        "t10k-images-idx3-ubyte.gz": (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        "t10k-labels-idx1-ubyte.gz": (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    },
    info=Info(
        title="Fashion-MNIST",
        version="the four official files of 2017",
        licence="MIT, © 2017 Zalando SE",
        source="H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747; https://github.com/zalandoresearch/fashion-mnist",
    ),
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
)


@dataset
def fashion_mnist(
    *,
    size: int | None = None,
    train: int | None = None,
    validation: int | None = None,
    test: int | Literal["official"] = "official",
    normalise: bool = True,
) -> Data:
    """Pictures of clothes, 28×28 grey, 10 classes: 60,000 images to learn from and 10,000 to test (Xiao et al., 2017).

    The options are those of ``mnist``: ``train``, ``validation`` and a whole-numbered ``test`` are the first, next and next
    images of the training file, ``size`` pads with black, and without ``normalise`` pixels are in [0, 1].
    """
    return idx_data(FAMILY, size, Parts(train, validation, test), normalise)
