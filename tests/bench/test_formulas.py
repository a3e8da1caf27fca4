"""Checks of formulas: each holds for the right one and refutes a wrong one; totals of documents found a second way."""

import itertools
import json
import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from bench.claims import sparsity
from bench.claims.checks import sparse
from bench.claims.formulas import (
    convolution,
    counts,
    fourier,
    gradients,
    law,
    layers,
    receptive,
    residuals,
    sizes,
    symmetry,
    wavelets,
    wavpool,
)
from bench.claims.networks import network
from bench.claims.registry import Finding
from bench.errors import UserError

CASES = {
    "plain size": (sizes.conv_size, ("(H + 2*p - k)//s + 1",), ("(H + p - k)//s + 1",)),
    "rounded up": (sizes.conv_size, ("(H + 2*p - k)//s + 1",), ("-(-(H + 2*p - k)//s) + 1",)),
    "dilated size": (
        partial(sizes.conv_size, dilations=(1, 2, 3)),
        ("(H + 2*p - d*(k - 1) - 1)//s + 1",),
        ("(H + 2*p - d*k)//s + 1",),
    ),
    "valid size": (partial(sizes.conv_size, strides=(1,), padding="0"), ("H - k + 1",), ("H - k",)),
    "same size": (
        partial(sizes.conv_size, strides=(1,), padding="k // 2"),
        ("H + 1 - k % 2",),
        ("H",),
    ),
    "about half": (
        partial(sizes.conv_size, strides=(2,), padding="k // 2", within=1),
        ("H/2",),
        ("H/3",),
    ),
    "transposed size": (sizes.transposed_size, ("s*(H - 1) + k - 2*p",), ("s*H + k - 2*p",)),
    "transposed inverts": (partial(sizes.transposed_size, inverts=True), ("s*(H - 1) + k - 2*p",), ("H*s",)),
    "pooled size": (sizes.pool_size, ("(H + 2*p - k)//s + 1",), ("(H - p)//s + 1",)),
    "pooled channels": (sizes.pool_channels, ("C",), ("C + 1",)),
    "channels": (sizes.conv_channels, ("filters",), ("C",)),
    "parameters": (counts.conv_params, ("(kh*kw*Cin + 1)*Cout",), ("kh*kw*Cin*Cout + 1",)),
    "stacked parameters": (counts.stack_params, ("27*C**2", 3, 3), ("81*C**2", 3, 3)),
    "norm parameters": (counts.norm_params, ("2*C", ("weight", "bias")), ("2*C", ("running_mean", "running_var"))),
    "norm count": (counts.norm_params, ("2*C", ("weight", "bias")), ("4*C", ("weight", "bias"))),
    "MACs": (counts.conv_macs, ("Hout*Wout*Cout*kh*kw*Cin",), ("Hout*Wout*Cout*(kh*kw*Cin + 1)",)),
    "adds nothing": (counts.adds_nothing, ("dilation",), ("kernel_size",)),
    "sharing": (counts.sharing, (100,), (10**9,)),
    "separable": (counts.separable_ratio, ("1/Cout + 1/k**2",), ("1/Cin + 1/k**2",)),
    "stacked field": (receptive.stack_field, ("1 + L*(k - 1)",), ("L*k",)),
    "effective kernel": (receptive.effective_kernel, ("d*(k - 1) + 1",), ("d*k",)),
    "field recurrence": (receptive.field_recurrence, ("R + (k - 1)*d*j", "j*s"), ("R + (k - 1)*d*j*s", "j*s")),
    "field closed form": (receptive.field_closed_form, ("(k - 1)*d*S",), ("(k - 1)*d",)),
    "cross-correlation": (convolution.correlation, ("i + m", "j + n"), ("i + kh - 1 - m", "j + kw - 1 - n")),
    "channels summed": (
        partial(convolution.correlation, channels=(1, 2), bias=True),
        ("i + m", "j + n"),
        ("i + m", "j"),
    ),
    "max window": (convolution.max_window, ("s*i + m", "s*j + n"), ("i + m", "j + n")),
    "pixelwise": (convolution.pixelwise, (1,), (3,)),
    "im2col": (convolution.patch_matrix, ("Hout*Wout", "C*kh*kw"), ("Hout*Wout", "kh*kw")),
    "algebra": (convolution.algebra, (False,), (True,)),
    "FFT product": (fourier.fft_product, (True,), (False,)),
    "direct cost": (fourier.direct_cost, ("H**2 * k**2",), ("H**2 * k",)),
    "FFT cost": (fourier.fft_cost, ("H**2 * log(H)",), ("H**2",)),
    "low pass": (fourier.low_pass, ("average",), ("max",)),
    "translation on a torus": (symmetry.translation, ("circular", 1), ("zeros", 1)),
    "translation strided": (symmetry.translation, ("circular", 1), ("circular", 2)),
    "rotation": (symmetry.rotation_breaks, (False,), (True,)),
    "pooled shift": (symmetry.pool_shift, ("0",), ("k - 1",)),
    "pooling's reach": (symmetry.pool_invariance, ("local",), ("full",)),
    "max gradient": (gradients.pool_gradient, ("max", "largest"), ("max", "1/k**2")),
    "average gradient": (gradients.pool_gradient, ("average", "1/k**2"), ("average", "largest")),
    "skip gradient": (gradients.skip_gradient, ("none",), ("relu",)),
    "skip gradient's order": (gradients.skip_gradient, ("none", False), ("none", True)),
    "Euler's order": (gradients.euler_limit, (1,), (2,)),
    "lossless": (wavelets.lossless, (True,), (False,)),
    "Haar filters": (wavelets.haar_filters, ((1, 1), (1, -1)), ((1, 1), (-1, 1))),
    "Haar levels": (wavelets.level_formula, ((1, 1, 1, 1),), ((1, 1, -1, -1),)),
    "wavelet-dense MACs": (
        partial(wavpool.block_cost, counted="16*n**2 + 3*n**3", kind="wavelet", size="n"),
        ("16*n**2 + 3*n**3",),
        ("n + 3*n**3",),
    ),
    "convolution's MACs": (
        partial(wavpool.block_cost, counted="9*m_in*m_out*n**2", kind="conv", size="3"),
        ("9*m_in*m_out*n**2",),
        ("m_in*m_out*n**4",),
    ),
}


@pytest.mark.parametrize(("quantity", "right", "wrong"), CASES.values(), ids=CASES)
def test_the_right_formula_holds_and_a_wrong_one_is_refuted(quantity, right, wrong):
    assert quantity(*right).holds, quantity(*right).note
    finding = quantity(*wrong)
    assert not finding.holds, finding.note


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (lambda: sizes.conv_size("H", (1,), "k // 2"), "H = 1, k = 2, s = 1, p = 1, d = 1: stated 1, found 2"),
        (lambda: sizes.transposed_size("H*s", True), "H = 1, k = 1, s = 2, p = 0: stated 2, found 1"),
        (lambda: sizes.conv_channels("C"), "C = 1, filters = 2: stated 1, found 2"),
        (lambda: wavelets.coefficients("n*n"), "n = 3: stated 9, found 16"),
        (lambda: receptive.field_closed_form("(k - 1)*d"), "(k, s, d) = ((1, 2, 1), (2, 1, 1)): stated 2, found 3"),
    ],
)
def test_smallest_counterexamples(finding, expected):
    assert law.counterexample(finding()) == expected


def test_a_formula_that_is_said_to_be_true_must_hold():
    cases = [({"n": n}, n * n) for n in range(4)]
    assert law.check("n*n", cases, "squares").holds
    assert law.check("2*n", cases, "squares", true="n**2") == Finding(
        False, "n**2", "squares; smallest counterexample n = 1: stated 2, found 1"
    )
    with pytest.raises(AssertionError, match="does not hold either: n = 3: stated 27, found 9"):
        law.check("2*n", [({"n": n}, n * n) for n in (0, 1, 3)], "squares", true="n**3")
    with pytest.raises(AssertionError, match="nothing to check"):
        law.check("n", [], "nothing")


def test_several_checks_hold_where_all_do():
    good, bad = Finding(True, "yes", "one"), Finding(False, "no", "two")
    assert law.every(good, good) == Finding(True, "yes", "one; one")
    assert law.every(good, bad) == Finding(False, "no", "two")


@pytest.mark.parametrize(("kernel", "depth", "expected"), [(3, 1, 3), (3, 2, 5), (3, 3, 7), (3, 4, 9), (9, 1, 9)])
def test_stacked_fields(kernel, depth, expected):
    assert receptive.stacked_field(kernel, depth) == expected


def test_numbers():
    assert receptive.dilated_kernel(3, 2) == 5
    assert receptive.field_growth(3) == 2
    assert counts.separable_reduction(64, 3) == pytest.approx(576 / 73)
    assert wavelets.detail_signs() == 3
    assert wavelets.coefficient_count(28) == 3 * (14**2 + 7**2 + 4**2 + 2**2) + 2**2
    assert wavelets.less_detail().holds
    assert wavpool.tails() == 3
    assert symmetry.translation_inside().holds
    growths = [wavpool.wavelet_growth("264"), wavpool.wavelet_growth("n"), wavpool.transform_growth()]
    assert [*growths, wavpool.conv_growth("3"), wavpool.conv_growth("n")] == pytest.approx([2, 3, 2, 2, 4], abs=0.01)


def test_macs_are_the_products_of_the_patches():
    """Each number of the matrix of patches meets one weight of each filter."""
    for stride, padding, dilation in ((1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 0, 2)):
        conv = nn.Conv2d(3, 5, (3, 2), stride, padding, dilation, device="meta")
        patches = F.unfold(torch.empty(1, 3, 9, 11), (3, 2), dilation, padding, stride).numel()
        assert counts.cost(conv, (3, 9, 11)).macs == 5 * patches


def conv(cin, cout, k, bias=True):
    return cout * (cin * k * k + bias)


def dense(*widths):
    return sum(a * b + b for a, b in itertools.pairwise(widths))


def test_homework_by_plain_torch():
    """The network written down once more with torch's own modules, counted by torch's own counter."""
    relu = nn.ReLU
    net = nn.Sequential(
        nn.Conv2d(3, 32, 7, padding=3), nn.BatchNorm2d(32), relu(),
        nn.Conv2d(32, 64, 5, 2), nn.BatchNorm2d(64), relu(), nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, dilation=2), nn.BatchNorm2d(128), relu(),
        nn.Conv2d(128, 128, 3), nn.BatchNorm2d(128), relu(), nn.MaxPool2d(2),
        nn.Conv2d(128, 256, 3), nn.BatchNorm2d(256), relu(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(43264, 1024), relu(), nn.Linear(1024, 1024), relu(), nn.Linear(1024, 10),
    ).to("meta").eval()  # fmt: skip
    counter = FlopCounterMode(display=False)
    with counter:
        assert net(torch.empty(1, 3, 256, 256, device="meta")).shape == (1, 10)
    ours = network("homework_cnn", "HomeworkCNN")
    assert ours.macs == counter.get_total_flops() // 2
    assert ours.params == sum(param.numel() for param in net.parameters())


def test_homework_by_hand():
    ours = network("homework_cnn", "HomeworkCNN")
    convs = [(3, 32, 7, 256), (32, 64, 5, 126), (64, 128, 3, 59), (128, 128, 3, 57), (128, 256, 3, 26)]
    linear = (13 * 13 * 256, 1024, 1024, 10)
    params = sum(conv(cin, cout, k) + 2 * cout for cin, cout, k, _ in convs) + dense(*linear)
    macs = sum(side**2 * conv(cin, cout, k, bias=False) for cin, cout, k, side in convs)
    macs += sum(a * b for a, b in itertools.pairwise(linear))
    windows = [(7, 1, 1), (5, 2, 1), (2, 2, 1), (3, 1, 2), (3, 1, 1), (2, 2, 1), (3, 1, 1), (2, 2, 1)]
    jumps = [math.prod(s for _, s, _ in windows[:i]) for i in range(len(windows))]
    field = 1 + sum((k - 1) * d * jump for (k, _, d), jump in zip(windows, jumps, strict=True))
    assert (ours.params, ours.macs, ours.layer("body.7").field) == (params, macs, field)


def vgg(depths):
    widths, params = (64, 128, 256, 512, 512), 0
    channels = 3
    for width, depth in zip(widths, depths, strict=True):
        for _ in range(depth):
            params, channels = params + conv(channels, width, 3), width
    return params + dense(7 * 7 * 512, 4096, 4096, 1000)


def resnet_18():
    params, channels = conv(3, 64, 7, bias=False) + 2 * 64, 64
    for width in (64, 128, 256, 512):
        for block in range(2):
            params += conv(channels, width, 3, False) + conv(width, width, 3, False) + 4 * width
            if block == 0 and channels != width:
                params += conv(channels, width, 1, False) + 2 * width
            channels = width
    return params + dense(512, 1000)


@pytest.mark.parametrize(
    ("variant", "by_hand"),
    [
        ("LeNet-5", conv(1, 6, 5) + conv(6, 16, 5) + dense(16 * 5 * 5, 120, 84, 10)),
        ("VGG-16", vgg((2, 2, 3, 3, 3))),
        ("VGG-19", vgg((2, 2, 4, 4, 4))),
        ("ResNet-18", resnet_18()),
    ],
)
def test_classics_by_hand(variant, by_hand):
    assert network("classics", variant).params == by_hand


def wavpool_params(side, width):
    """Per level i from the finest: three dense layers from ⌈side/2^i⌉² to ⌊width/i⌋ values."""
    levels = range(1, int(math.log2(side)) + 1)
    return sum(3 * dense(math.ceil(side / 2**i) ** 2, width // i) for i in levels)


@pytest.mark.parametrize(
    ("variant", "by_hand"),
    [
        ("WavPool, MNIST, naive", wavpool_params(28, 264) + dense(264 // 3 * 1 * 1, 10)),
        ("WavPool, CIFAR-10, naive", wavpool_params(32, 264) + dense(264 // 3 * 1 * 1, 10)),
        ("WavPool, CIFAR-10, optimised", wavpool_params(32, 224) + dense(224 // 2 * 1 * 2, 10)),
        ("MLP, Fashion-MNIST, optimised", dense(784, 273, 10)),
        ("WavMLP, MNIST, naive", 3 * dense(4 * 4, 264) + dense(3 * 264, 10)),
        ("CNN, CIFAR-10, optimised", 9 * 19 + 9 * 19 * 12 + 2 * (19 + 12) + dense(12 * 32 * 32, 10)),
    ],
)
def test_wavpool_networks_by_hand(variant, by_hand):
    assert network("wavpool_documented", variant).params == by_hand


def test_what_is_checked_on_networks_refutes_what_is_wrong():
    resnet, lenet = network("classics", "ResNet-18"), network("classics", "LeNet-5")
    assert residuals.residual_update(resnet, "act(h + F)").holds
    assert not residuals.residual_update(resnet, "h + act(F)").holds
    assert residuals.branch_layers(resnet, 2, 2, 1).holds
    assert residuals.branch_layers(resnet, 2, 2, 2).computed == "2 convolutions, 2 normalisations, 1 activation"
    stated = ("conv 6 5", "pool 2", "conv 16 5", "pool 2", "fc 120", "fc 84", "fc 10")
    assert layers.layer_list(lenet, stated).computed == "7 layers"
    assert law.counterexample(layers.layer_list(lenet, stated[:-1])) == "layer 7: stated none, found fc 10"
    assert not layers.layer_list(lenet, (*stated[:2], "conv 16 3", *stated[3:])).holds
    assert not layers.layer_list(lenet, (*stated, "fc 2")).holds


def test_counts_compared_between_networks():
    lenet, resnet = network("classics", "LeNet-5"), network("classics", "ResNet-18")
    assert wavpool.fewer((lenet,), (resnet,), "params").holds
    assert not wavpool.fewer((resnet,), (lenet,), "macs").holds
    assert wavpool.comparable((lenet,), (lenet,)).holds
    assert not wavpool.comparable((lenet,), (resnet,)).holds
    assert wavpool.equal_counts((lenet, resnet), (61_706, 11_689_512)).holds
    assert wavpool.equal_counts((lenet, resnet), (61_706, 11_689_513)).computed == "1 of 2 values agree"
    assert wavpool.trainable(network("wavpool_documented", "WavPool, CIFAR-10, naive")) == 6100
    nodes = {
        kind: wavpool.dense_nodes(network("wavpool_documented", f"{kind}, MNIST, naive")) for kind in ("WavPool", "MLP")
    }
    assert nodes == {"WavPool": 3 * (66 + 88 + 132 + 264), "MLP": 264}


def test_which_normalisation_stands_where():
    net = network("homework_cnn", "HomeworkCNN")
    assert [layers.norm_label(net, nth) for nth in range(1, 6)] == [1, 2, 4, 5, 7]
    with pytest.raises(AssertionError, match="there are 5"):
        layers.norm_label(net, 6)


def test_share_of_the_energy():
    values = torch.tensor([[10.0, 0, 0, 0], [1.0, 1, 1, 1]])
    assert sparsity.share(values) == (0.25 + 1) / 2
    pixels, details = sparsity.sparsity(torch.ones(2, 1, 8, 8).cumsum(3))
    assert details < pixels


def test_sparsity_of_data_sets(capsys, tmp_path):
    assert sparsity.main(["digits"]) == 0
    assert "digits: 95% of the energy in" in capsys.readouterr().out
    assert sparsity.main(["digits", "--out", str(tmp_path / "shares.json")]) == 0
    shares = json.loads((tmp_path / "shares.json").read_text())["digits"]
    assert 0 < shares["details"] < shares["pixels"] < 1
    capsys.readouterr()
    assert sparsity.main(["digitz"]) == 2
    assert "did you mean 'digits'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shares", "holds"),
    [
        ({"pixels": 0.6, "details": 0.1}, True),
        ({"pixels": 0.6, "details": 0.3}, False),
        ({"pixels": 0.05, "details": 0.1}, False),
    ],
)
def test_sparse_is_few_details_and_fewer_than_pixels(tmp_path, monkeypatch, shares, holds):
    monkeypatch.setattr(sparse, "MEASURED", tmp_path / "shares.json")
    with pytest.raises(UserError, match=r"bench\.claims\.sparsity a b --out"):
        sparse.sparse_details(("a", "b"))
    (tmp_path / "shares.json").write_text(json.dumps({"a": {"pixels": 0.7, "details": 0.1}, "b": shares}))
    found = sparse.sparse_details(("a", "b"))
    assert found.holds == holds
    assert "a 10.0% (70.0%)" in found.note
    with pytest.raises(UserError, match="has no shares of c"):
        sparse.sparse_details(("a", "c"))
