"""Augmentations: by loops over images, by identities, and by what stays together."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from bench.recipe import AUGMENTATIONS, augmentation_problems
from bench.recipe.batch import augmented
from bench.tasks import task_of
from blocks.spec import SpecError

B, C, H, W = 64, 2, 9, 9


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(h: int = H, w: int = W) -> torch.Tensor:
    return torch.randn(B, C, h, w, generator=generator(1))


def dots(h: int, w: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images with one bright pixel away from the border, and its (x, y)."""
    rows, columns = (torch.randint(2, side - 2, (B,), generator=generator(side + 100)) for side in (h, w))
    x = torch.zeros(B, 1, h, w)
    x[torch.arange(B), 0, rows, columns] = 1
    return x, torch.stack((columns, rows), 1).float()


def specs(augment: dict) -> list[dict]:
    """A spec of each, from name → options."""
    return [{"name": name, **options} for name, options in augment.items()]


def apply(x, y, task="classification", seed=0, **augment):
    return augmented(x, y, specs(augment), generator(seed), task=task_of(task), classes=4)


ALL = {
    "flip": {"axes": "both"}, "rotate": {"degrees": 20.0}, "rotate90": {}, "shift": {"pixels": 2}, "crop": {"pixels": 2},
    "cutout": {"side": 3}, "noise": {"sd": 0.1}, "intensity": {"amount": 0.2}, "mixup": {"alpha": 0.4},
}  # fmt: skip
MOVES = {name: ALL[name] for name in ("flip", "rotate", "rotate90", "shift", "crop")}


def test_every_augmentation_is_tested():
    assert set(AUGMENTATIONS) == set(ALL)


def test_augmentations_are_applied_in_the_order_of_the_list():
    x, y = images(), torch.zeros(B).long()
    one, other = (
        apply(x, y, **{name: ALL[name] for name in names}) for names in (("noise", "cutout"), ("cutout", "noise"))
    )
    assert (one[0] == 0).any(), "what is cut out last is zero"
    assert not (other[0] == 0).any(), "what is cut out first is noise"


def test_nothing_asked_for_is_nothing_done():
    x, y = images(), torch.zeros(B).long()
    assert apply(x, y)[0] is x


@pytest.mark.parametrize("name", ALL)
def test_the_same_generator_gives_the_same_and_another_gives_another(name):
    x, y = images(), torch.randint(4, (B,), generator=generator())
    first, again, other = (apply(x, y, seed=seed, **{name: ALL[name]}) for seed in (0, 0, 1))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[0], x)
    assert torch.equal(x, images()), "the data set itself must not change"


@pytest.mark.parametrize("name", MOVES)
def test_masks_move_with_the_image(name):
    x = (images()[:, :1] > 0.5).float()
    x[:, :, :3], x[:, :, -3:], x[..., :3], x[..., -3:] = 0, 0, 0, 0  # reflection and borders aside
    moved, mask = apply(x, x, "segmentation", **{name: MOVES[name]})
    if name == "rotate":
        assert set(mask.unique().tolist()) <= {0.0, 1.0}
        overlap = ((moved > 0.5) == (mask > 0.5)).float().mean()
        assert overlap > 0.93  # bilinear against nearest
    else:
        assert torch.equal(moved, mask)


@pytest.mark.parametrize(("h", "w"), [(11, 11), (12, 12), (11, 14)])
@pytest.mark.parametrize("name", MOVES)
def test_positions_move_with_the_image(name, h, w):
    if name == "rotate90" and h != w:
        return
    x, position = dots(h, w)
    moved, there = apply(x, position, "localisation", **{name: MOVES[name]})
    assert not torch.equal(there, position)
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    weight = moved[:, 0] / moved[:, 0].sum((1, 2), keepdim=True)
    centroid = torch.stack(((weight * columns).sum((1, 2)), (weight * rows).sum((1, 2))), 1)
    once = moved[:, 0].sum((1, 2)).sub(1).abs() < (0.4 if name == "rotate" else 1e-6)  # not mirrored in, not moved out
    inside = ((there > 1) & (there < torch.tensor([w - 2, h - 2]))).all(1) & once
    assert inside.sum() > B / 3
    torch.testing.assert_close(centroid[inside], there[inside], atol=0.35 if name == "rotate" else 1e-4, rtol=0)


@pytest.mark.parametrize(
    ("axes", "allowed"), [("horizontal", [(), (3,)]), ("vertical", [(), (2,)]), ("both", [(), (2,), (3,), (2, 3)])]
)
def test_flip_mirrors_about_half_of_the_images(axes, allowed):
    x = images(9, 7)
    moved, _ = apply(x, torch.zeros(B), flip={"axes": axes})
    found = [sum(torch.equal(m, i) for m, i in zip(moved, x.flip(a), strict=True)) for a in allowed]
    assert sum(found) == B
    assert all(abs(count - B / len(allowed)) < B / 4 for count in found)


def test_rotation_is_scipys():
    x = images(9, 12)
    moved, _ = apply(x, torch.zeros(B), rotate={"degrees": 30.0})
    angles = (2 * torch.rand(B, generator=generator()) - 1) * 30  # the same draws
    expected = [
        ndimage.rotate(channel, -angle, reshape=False, order=1, mode="constant", prefilter=False)
        for image, angle in zip(x.numpy(), angles.tolist(), strict=True)
        for channel in image
    ]
    inner = (..., slice(2, -2), slice(3, -3))  # scipy cuts off at the border, where we blend with zero
    np.testing.assert_allclose(moved.reshape(-1, 9, 12).numpy()[inner], np.stack(expected)[inner], atol=1e-4)


def test_rotate90_is_rot90():
    x = images()
    moved, _ = apply(x, torch.zeros(B), rotate90={})
    turned = [[torch.equal(m, i.rot90(k, (1, 2))) for k in range(4)] for m, i in zip(moved, x, strict=True)]
    assert all(sum(row) == 1 for row in turned)
    assert all(count > B / 10 for count in np.sum(turned, 0))


@pytest.mark.parametrize(("name", "mode"), [("shift", "constant"), ("crop", "reflect")])
def test_shift_and_crop_are_windows_of_the_padded_image(name, mode):
    x = images(9, 7)
    moved, _ = apply(x, torch.zeros(B), **{name: {"pixels": 3}})
    for one, image in zip(moved.numpy(), x.numpy(), strict=True):
        padded = np.pad(image, ((0, 0), (3, 3), (3, 3)), mode=mode)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (9, 7), (1, 2))  # (C, 7, 7, 9, 7)
        assert (windows == one[:, None, None]).all((0, 3, 4)).any()


def test_cutout_sets_one_square_of_every_channel_to_zero():
    moved, _ = apply(torch.ones(B, C, H, W), torch.zeros(B), cutout={"side": 4})
    zero = moved == 0
    assert torch.equal(zero[:, 0], zero[:, 1])
    counts = zero[:, 0].sum((1, 2))
    assert counts.max() == 16
    assert counts.min() >= 4
    for rows, columns in zip(zero[:, 0].any(2).sum(1), zero[:, 0].any(1).sum(1), strict=True):
        assert int(rows * columns) in counts


def test_noise_has_its_standard_deviation_and_intensity_its_range():
    x = torch.zeros(B, C, 32, 32)
    noisy, _ = apply(x, torch.zeros(B), noise={"sd": 0.3})
    assert noisy.std().item() == pytest.approx(0.3, rel=0.02)
    bright, _ = apply(x, torch.zeros(B), intensity={"amount": 0.2})
    assert torch.equal(bright, bright[:, :1, :1, :1].expand_as(bright))
    assert 0.15 < bright.abs().max() <= 0.2
    strong, _ = apply(x + 1, torch.zeros(B), intensity={"amount": 0.2})
    assert ((strong - bright - 1).abs() <= 0.2 + 1e-6).all()


def test_mixup_mixes_images_and_classes_with_the_same_share():
    y = torch.arange(B) % 4
    x = y.float()[:, None, None, None].expand(B, C, H, W)
    mixed, soft = apply(x, y, mixup={"alpha": 1.0})
    torch.testing.assert_close(soft.sum(1), torch.ones(B))
    torch.testing.assert_close(mixed[:, 0, 0, 0], soft @ torch.arange(4.0))
    assert soft.max(1).values.sub(1).abs().gt(1e-3).float().mean() > 0.2


@pytest.mark.parametrize("alpha", [0.05, 0.4, 2.0])
def test_mixup_shares_are_beta_distributed(alpha):
    n = 4000
    y = torch.cat((torch.zeros(n), torch.ones(n)))[:, None, None, None]
    shares = apply(torch.zeros(2 * n, 1, 1, 1), y, "segmentation", mixup={"alpha": alpha})[1].flatten()
    assert not shares.isnan().any()
    # a pair of unlike masks gives a share; its variance is that of Beta(α, α), 1 / (4 (2α + 1)), like pairs give 0 or 1
    assert shares.var().item() == pytest.approx(0.5 * 0.25 + 0.5 / (4 * (2 * alpha + 1)), rel=0.05)


@pytest.mark.parametrize(
    ("augment", "task", "shape", "says"),
    [
        (
            {"mixup": {"alpha": 0.2}},
            "localisation",
            (1, 8, 8),
            "mixup: the mean of two positions is the position of nothing",
        ),
        ({"rotate90": {}}, "classification", (1, 8, 9), "rotate90: needs square images, got 8×9"),
        ({"rotate": {"degrees": 181.0}}, "classification", (1, 8, 9), "rotate: expected at most 180 degrees"),
        ({"shift": {"pixels": 8}}, "classification", (1, 8, 9), "shift: expected at most 7 pixels"),
        ({"crop": {"pixels": 8}}, "classification", (1, 9, 8), "crop: expected at most 7 pixels"),
        ({"cutout": {"side": 9}}, "classification", (1, 8, 8), "cutout: expected at most 8 pixels"),
    ],
)
def test_augmentations_that_make_no_sense_are_refused(augment, task, shape, says):
    ((which, message),) = augmentation_problems(specs({"flip": {}} | augment), shape, task_of(task))
    assert which == 1
    assert message.startswith(says)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"name": "shift", "pixels": 0}, "expected a whole number at least 1, got 0"),
        ({"name": "noise", "sd": 0}, "expected a number above 0, got 0"),
        ({"name": "crop"}, "'crop' needs 'pixels'"),
        ({"name": "flip", "axes": "horizontl"}, "did you mean 'horizontal'"),
        ("flipp", "'flipp' is not an augmentation; did you mean 'flip'?"),
    ],
)
def test_options_that_cannot_be_are_refused(spec, says):
    with pytest.raises(SpecError) as refused:
        AUGMENTATIONS.resolve(spec)
    assert says in str(refused.value)


def test_numbers_are_mixed_as_images_are():
    y = torch.randn(B, 3, generator=generator(2))
    x = y[:, :1, None, None].expand(B, C, H, W)
    mixed, targets = apply(x, y, "regression", mixup={"alpha": 1.0})
    assert not torch.equal(targets, y)
    torch.testing.assert_close(mixed[:, 0, 0, 0], targets[:, 0])


@pytest.mark.parametrize("name", MOVES)
def test_numbers_and_classes_stay_where_images_move(name):
    for task, y in (("regression", torch.randn(B, 2)), ("classification", torch.zeros(B).long())):
        assert apply(images(), y, task, **{name: MOVES[name]})[1] is y


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_all_at_once_keep_their_shapes(task):
    assert not [*augmentation_problems(specs(ALL), (C, H, W), task_of(task))]
    y = torch.zeros(B).long() if task == "classification" else torch.zeros(B, 3, H, W)
    x, y = apply(images(), y, task, **ALL)
    assert x.shape == (B, C, H, W)
    assert y.shape == ((B, 4) if task == "classification" else (B, 3, H, W))
    assert x.isfinite().all()
