import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from blocks.pool import adaptive_pool, avg_pool, global_pool, max_pool
from blocks.resize import Resample, Upsample, resized, upsample
from blocks.spec import build

SIDE = st.integers(1, 12)


@settings(max_examples=60)
@given(st.tuples(SIDE, SIDE), st.tuples(SIDE, SIDE))
def test_resized_is_torchs_bilinear(old, new):
    x = torch.randn(2, 3, *old, dtype=torch.float64, requires_grad=True)
    ours = resized((3, *old), size=new).double()(x)
    theirs = F.interpolate(x, new, mode="bilinear", align_corners=False)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    weight = torch.randn_like(ours)
    torch.testing.assert_close(
        *(torch.autograd.grad((y * weight).sum(), x)[0] for y in (ours, theirs)), atol=1e-5, rtol=0
    )


@settings(max_examples=60)
@given(st.tuples(SIDE, SIDE), st.tuples(SIDE, SIDE))
def test_adaptive_pool_is_torchs(old, new):
    x = torch.randn(2, 3, *old)
    torch.testing.assert_close(adaptive_pool((3, *old), size=new)(x), F.adaptive_avg_pool2d(x, new), atol=1e-5, rtol=0)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_upsample_is_torchs(factor, mode):
    x = torch.randn(2, 3, 5, 1)
    corners = {"align_corners": False} if mode == "bilinear" else {}
    expected = F.interpolate(x, scale_factor=factor, mode=mode, **corners)
    torch.testing.assert_close(upsample((3, 5, 1), factor=factor, mode=mode)(x), expected)


def test_whole_factors_take_no_matrix():
    assert isinstance(resized((1, 4, 6), size=(8, 6)), Upsample)
    assert isinstance(resized((1, 4, 6), size=(9, 12)), Resample)
    assert isinstance(resized((1, 4, 6), size=(2, 6)), Resample)


def test_resampling_weights_are_no_parameters_and_not_saved():
    assert not list(resized((1, 4, 4), size=(5, 5)).parameters())
    assert not resized((1, 4, 4), size=(5, 5)).state_dict()


@pytest.mark.parametrize(("kind", "oracle"), [("average", F.adaptive_avg_pool2d), ("max", F.adaptive_max_pool2d)])
def test_global_pool(kind, oracle):
    x = torch.randn(2, 3, 7, 5)
    torch.testing.assert_close(global_pool((3, 7, 5), kind=kind)(x), oracle(x, 1)[:, :, 0, 0])


@pytest.mark.parametrize(
    ("options", "side"),
    [({}, 3), ({"ceil": True}, 4), ({"kernel": 3, "stride": 2, "padding": 1}, 4), ({"kernel": 3, "stride": 1}, 5)],
)
@pytest.mark.parametrize(("pool", "oracle"), [(max_pool, F.max_pool2d), (avg_pool, F.avg_pool2d)])
def test_windows(pool, oracle, options, side):
    x = torch.randn(1, 2, 7, 7)
    y = pool((2, 7, 7), **options)(x)
    arguments = {"ceil_mode" if key == "ceil" else key: value for key, value in options.items() if key != "kernel"}
    torch.testing.assert_close(y, oracle(x, options.get("kernel", 2), **arguments))
    assert y.shape[2:] == (side, side)


@pytest.mark.parametrize("name", ["max_pool", "avg_pool", "global_pool", "adaptive_pool", "upsample"])
def test_maps_only(name):
    with pytest.raises(ValueError, match=f"'{name}' takes a map"):
        build({"block": name} | ({"size": [2, 2]} if name == "adaptive_pool" else {}), (8,))
