import pytest
from torch import nn

from blocks import BLOCKS, BlockError, Shape, SpecError, block, out_shape
from blocks.spec import bind, build, resolve

CONV = {"block": "conv", "width": 4}


def test_defaults_are_filled_in_at_every_depth():
    spec = {"chain": [{"block": "unet", "widths": [2, 4], "stage": {"block": "se", "stage": {"block": "conv"}}}]}
    unet = resolve(spec)["chain"][0]
    assert unet["skip"] == "concat"
    assert unet["stage"]["reduction"] == 16
    assert unet["stage"]["stage"]["kernel"] == 3
    assert "width" not in unet["stage"]
    assert "stride" not in unet["stage"]["stage"]
    assert resolve(resolve(spec)) == resolve(spec)


SKELETON = {"block": "encoder", "widths": [4]}
WRONG = [
    (3, "network: expected NAME, {block: NAME, …} or {chain: [ … ]}, got 3"),
    ("conv", "network: 'conv' needs 'width'"),
    ("cnov", "network: 'cnov' is not a block; did you mean 'conv'?"),
    ({"block": "conv", "chain": []}, "network: expected NAME, {block: NAME, …} or {chain: [ … ]}, got {'block': 'conv', "),
    ({"block": "cnov", "width": 4}, "block: 'cnov' is not a block; did you mean 'conv'?"),
    ({"block": ["conv"]}, "block: ['conv'] is not a block"),
    ({"block": "conv"}, "network: 'conv' needs 'width'"),
    (CONV | {"droput": 0.1}, "droput: 'droput' is not an option of 'conv'; did you mean 'dropout'?"),
    (CONV | {"dropout": 1.5}, "dropout: expected a number at least 0 and less than 1, got 1.5"),
    (CONV | {"width": 0}, "width: expected a whole number at least 1, got 0"),
    (CONV | {"norm": "bathc"}, "norm: expected none | batch | layer | group | instance, got 'bathc'; did you mean 'batch'?"),
    (CONV | {"padding": "smae"}, "padding: expected same | valid or a whole number at least 0, got 'smae'; did you mean 'same'?"),
    ({"chain": []}, "chain: expected a list of blocks, got []"),
    ({"chain": [CONV], "width": 3}, "network: a chain has no options, got width"),
    ({"chain": [CONV, {"block": "linaer", "width": 3}]}, "chain.1.block: 'linaer' is not a block; did you mean 'linear'?"),
    (
        SKELETON | {"stage": {"block": "wavpool", "width": 8}},
        "stage.block: 'wavpool' cannot be a stage: it has no stride; stages are ",
    ),
    (SKELETON | {"stage": {"block": "mlp"}}, "stage.block: 'mlp' cannot be a stage: it has no width and no stride"),
    (SKELETON | {"stage": {"chain": [CONV]}}, "stage: a chain cannot be a stage: it has no width and no stride"),
    (
        SKELETON | {"stage": {"block": "conv", "width": 4}},
        "stage.width: 'width' of a stage is set by the block it is part of",
    ),
    (SKELETON | {"widths": "4", "stage": {"block": "conv"}}, "widths: expected a list [a whole number at least 1, …], got '4'"),
    ({"block": "parallel", "branches": [CONV, {"block": "x"}]}, "branches.1.block: 'x' is not a block"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_is_said(spec, message):
    with pytest.raises(SpecError) as caught:
        resolve(spec)
    assert str(caught.value).startswith(message if message.startswith("network:") else f"network.{message}")
    assert len(caught.value.problems) == 1


def test_all_problems_at_once_in_order():
    spec = {"chain": [CONV | {"zzz": 1, "act": "rleu"}, {"block": "nothing"}, {"block": "linear"}]}
    with pytest.raises(SpecError) as caught:
        bind(spec)
    paths = [problem.path for problem in caught.value.problems]
    assert paths == [("chain", 0, "zzz"), ("chain", 0, "act"), ("chain", 1, "block"), ("chain", 2)]


def test_a_plugin_block_is_an_option_of_every_skeleton():
    @block(example={"width": 4})
    def shout(in_shape: Shape, *, width: int, stride: int = 1, loud: bool = False) -> nn.Module:
        """A stage of one's own."""
        return nn.Conv2d(in_shape[0], width, 1, stride)

    try:
        assert BLOCKS["shout"].summary == "A stage of one's own."
        net = build({"block": "encoder", "widths": [4, 8], "stage": {"block": "shout", "loud": True}}, (3, 8, 8))
        assert out_shape(net, (3, 8, 8)) == (8, 4, 4)
    finally:
        del BLOCKS["shout"]


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match=r"block 'conv' is already registered by blocks\.conv"):

        @block
        def conv(in_shape: Shape, *, width: int) -> nn.Module:
            raise AssertionError


def test_options_are_keyword_only_and_annotated():
    with pytest.raises(ValueError, match="option 'width' must be keyword-only and annotated"):

        @block
        def positional(in_shape: Shape, width: int) -> nn.Module:
            raise AssertionError

    with pytest.raises(ValueError, match="option 'width' must be keyword-only and annotated"):

        @block
        def unannotated(in_shape: Shape, *, width) -> nn.Module:
            raise AssertionError


def test_what_cannot_be_built_names_the_part():
    with pytest.raises(
        BlockError, match=r"^1: 'linear' takes a vector, got a 4×8×8 map; put 'flatten' or 'global_pool' before it"
    ):
        build({"chain": [CONV, {"block": "linear", "width": 2}]}, (1, 8, 8))
