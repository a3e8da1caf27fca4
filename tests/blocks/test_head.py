import pytest
import torch
from torch.nn import functional as F

from blocks import BlockError, SpecError, out_shape, resolve_head
from blocks.head import head


def names(module):
    return [name for name, _ in module.named_children()]


@pytest.mark.parametrize("target", [(10,), (1, 16, 16), (3, 9, 7)])
@pytest.mark.parametrize("features", [(6, 16, 16), (6, 5, 4), (6, 1, 1), (20,)])
@pytest.mark.parametrize("hidden", [[], [7, 5]])
def test_every_shape_of_features_gives_every_target(features, target, hidden):
    net = head(features, target_shape=target, hidden=hidden)
    assert net(torch.randn(2, *features)).shape == (2, *target)


def test_map_to_vector():
    x = torch.randn(4, 6, 5, 4)
    average, flat = (head((6, 5, 4), target_shape=(3,), pool=pool) for pool in ("average", "flatten"))
    torch.testing.assert_close(average(x), average.read(x.mean((2, 3))))
    torch.testing.assert_close(flat(x), flat.read(x.flatten(1)))
    assert names(average) == names(flat) == ["pool", "read"]


def test_hidden_layers_in_order():
    options = {"hidden": [8, 4], "norm": "batch", "act": "gelu", "dropout": [0.2, 0.1]}
    net = head((6, 5, 4), target_shape=(2,), **options, output={"act": "sigmoid", "scale": 127})
    expected = [
        "pool",
        "hidden1",
        "norm1",
        "act1",
        "dropout1",
        "hidden2",
        "norm2",
        "act2",
        "dropout2",
        "read",
        "output",
    ]
    assert names(net) == expected
    assert (net.dropout1.p, net.dropout2.p) == (0.2, 0.1)
    net.eval()
    x = torch.randn(4, 6, 5, 4)
    y = F.gelu(net.norm1(net.hidden1(x.mean((2, 3)))))
    y = F.gelu(net.norm2(net.hidden2(y)))
    torch.testing.assert_close(net(x), 127 * torch.sigmoid(net.read(y)))


def test_map_to_map_is_a_1x1_convolution_and_bilinear():
    x = torch.randn(2, 6, 5, 4)
    net = head((6, 5, 4), target_shape=(1, 16, 12))
    read = torch.einsum("bchw,c->bhw", x, net.read.weight[0, :, 0, 0])[:, None] + net.read.bias
    torch.testing.assert_close(net(x), F.interpolate(read, (16, 12), mode="bilinear"), atol=1e-5, rtol=1e-5)
    assert names(head((6, 16, 12), target_shape=(1, 16, 12), hidden=[4])) == ["hidden1", "act1", "read"]


@pytest.mark.parametrize(("grid", "parameters"), [(None, 20 * 3 * 64 + 3 * 64), ([2, 4], 20 * 3 * 8 + 3 * 8)])
def test_vector_to_map_through_a_grid(grid, parameters):
    net = head((20,), target_shape=(3, 8, 8), grid=grid)
    assert sum(p.numel() for p in net.parameters()) == parameters
    x = torch.randn(2, 20)
    y = net.read(x).reshape(2, 3, *(grid or (8, 8)))
    torch.testing.assert_close(net(x), F.interpolate(y, (8, 8), mode="bilinear"))


@pytest.mark.parametrize(
    ("output", "transform"),
    [
        (None, lambda x: x),
        ({}, lambda x: x),
        ({"act": "tanh"}, torch.tanh),
        ({"scale": 2.5}, lambda x: 2.5 * x),
        ({"norm": "batch", "act": "sigmoid"}, lambda x: torch.sigmoid(F.batch_norm(x, None, None, training=True))),
    ],
)
def test_output(output, transform):
    x = torch.randn(8, 6)
    net = head((6,), target_shape=(2,), output=output)
    torch.testing.assert_close(net(x), transform(net.read(x)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": 0.5}, "norm and dropout belong to its hidden layers, and this head has none"),
        ({"norm": "batch"}, "norm and dropout belong to its hidden layers"),
        ({"hidden": [4, 4], "dropout": [0.1]}, "one for each hidden layer: [0.1] for [4, 4]"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(BlockError) as caught:
        head((6,), target_shape=(2,), **options)
    assert message in str(caught.value)


DEFAULTS = {
    "pool": "average",
    "hidden": [],
    "norm": "none",
    "act": "relu",
    "dropout": 0.0,
    "output": None,
    "grid": None,
}


def test_resolve_fills_in_defaults():
    assert resolve_head() == resolve_head({}) == resolve_head(resolve_head()) == DEFAULTS
    full = resolve_head({"hidden": (4, 2), "dropout": (0.1, 0), "output": {"act": "sigmoid"}, "grid": [2, 2]})
    output = {"norm": "none", "act": "sigmoid", "scale": 1.0}
    assert full == DEFAULTS | {"hidden": [4, 2], "dropout": [0.1, 0], "output": output, "grid": [2, 2]}
    assert resolve_head(full) == full
    assert out_shape(head((5,), target_shape=(1, 4, 4), **full), (5,)) == (1, 4, 4)


@pytest.mark.parametrize(
    ("spec", "messages"),
    [
        ("average", ["head: expected a head {option: value, …}, got 'average'"]),
        ({"pol": "flatten"}, ["head.pol: 'pol' is not an option of 'head'; did you mean 'pool'?"]),
        ({"target_shape": [2]}, ["head.target_shape: 'target_shape' is not an option of 'head'; known are "]),
        ({"pool": "flaten"}, ["head.pool: expected average | flatten, got 'flaten'; did you mean 'flatten'?"]),
        ({"output": {"akt": "tanh"}}, ["head.output.akt: 'akt' is not an option of 'output'; did you mean 'act'?"]),
        ({"output": {"act": "tahn"}}, ["head.output.act: expected none | relu | "]),
        ({"output": "sigmoid"}, ["head.output: expected "]),
        (
            {"grid": [2]},
            ["head.grid: expected [a whole number at least 1, a whole number at least 1] or null, got [2]"],
        ),
        (
            {"hidden": 4, "dropout": 2},
            ["head.hidden: expected a list", "head.dropout: expected a number at least 0 and less than 1 or"],
        ),
    ],
)
def test_resolve_says_everything_that_is_wrong(spec, messages):
    with pytest.raises(SpecError) as caught:
        resolve_head(spec)
    found = str(caught.value).splitlines()
    assert len(found) == len(messages)
    assert all(text.startswith(message) for text, message in zip(found, messages, strict=True))


def test_resolve_puts_the_path_first():
    with pytest.raises(SpecError) as caught:
        resolve_head({"output": {"akt": 1}}, ("head",))
    assert caught.value.problems[0].path == ("head", "output", "akt")
