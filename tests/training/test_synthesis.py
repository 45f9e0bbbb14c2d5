"""Training images: the same from the same seed, with targets that fit them."""

import numpy as np
import pytest
import torch

from thalutils.segmenters.thalnet.network import BOX_SHAPE, HEAD_SHAPE, STRUCTURES, THALAMI
from thalutils.training import contrasts, synthesis
from thalutils.training.synthesis import Draw


@pytest.mark.parametrize("kind", ["T1", "FLAIR", "T2", "PD", "random"])
def test_a_box_has_an_image_in_range_and_shares_that_sum_to_one(toy_person, kind):
    image, target = synthesis.box_sample(toy_person, Draw(1, 2), kind)
    assert image.shape == (1, *BOX_SHAPE) and target.shape == (3, *BOX_SHAPE)
    assert image.min() == 0 and image.max() == 1 and torch.isfinite(image).all()
    torch.testing.assert_close(target.sum(0), torch.ones(BOX_SHAPE))
    assert 3000 < target[1:].sum() < 25000, "mm3 of both thalami"


def test_joint_images_share_a_target_and_some_are_absent_but_never_all(toy_person):
    there = []
    for number in range(12):
        image, target = synthesis.joint_sample(toy_person, Draw(4, number))
        assert image.shape == (3, *BOX_SHAPE) and target.shape == (3, *BOX_SHAPE)
        torch.testing.assert_close(target.sum(0), torch.ones(BOX_SHAPE))
        present = image.amax((1, 2, 3)) > 0
        assert present.any() and (image[present].amax((1, 2, 3)) == 1).all()
        there.append(present)
    share = torch.stack(there).float().mean(0)
    assert (share > 0.2).all() and (share < 1).any()


def test_the_left_thalamus_lies_on_the_left_whether_mirrored_or_not(toy_person):
    for number in range(12):
        _, target = synthesis.box_sample(toy_person, Draw(number), "T1")
        x = torch.arange(BOX_SHAPE[0]).float()
        left, right = ((one.sum((1, 2)) * x).sum() / one.sum() for one in target[1:])
        assert left < right


def test_a_draw_is_decided_by_its_seed(toy_person):
    one, again = (synthesis.box_sample(toy_person, Draw(3, 5)) for _ in range(2))
    other = synthesis.box_sample(toy_person, Draw(3, 6))
    assert torch.equal(one[0], again[0]) and torch.equal(one[1], again[1])
    assert not torch.equal(one[0], other[0])


def test_a_head_has_one_class_a_voxel_and_thalami_where_it_is_whole(toy_person):
    sizes = []
    for number in range(20):
        image, target = synthesis.head_sample(toy_person, Draw(8, number))
        assert target.shape == (len(STRUCTURES) + 1, *HEAD_SHAPE)
        assert (target.sum(0) == 1).all()
        assert torch.isfinite(image).all() and image.min() >= 0 and image.max() <= 1
        sizes.append(float(target[list(THALAMI)].sum()))
    assert np.median(sizes) > 20 and min(sizes) == 0, "at times there is no head, or no thalamus in the scan"


def test_atrophy_shrinks_most_thalami_and_widens_what_lies_between_them(toy_person, monkeypatch):
    """Pairs of one seed, with and without: all else, such as the size of the head, is the same in both."""

    def drawn():
        found = []
        for number in range(30):
            _, _, target = synthesis._box(toy_person, Draw(9, number))
            x = torch.arange(BOX_SHAPE[0]).float()
            middles = [float((one.sum((1, 2)) * x).sum() / one.sum()) for one in target[1:]]
            found.append((float(target[1:].sum()), middles[1] - middles[0]))
        return np.array(found).T

    (volumes, apart), real = drawn(), synthesis._atrophy
    # the same random numbers are drawn, so that what comes after is the same
    monkeypatch.setattr(synthesis, "_atrophy", lambda placed, rng: (real(placed, rng), placed)[1])
    whole, near = drawn()
    kept = volumes / whole
    assert np.median(kept) < 0.98 and kept.min() < 0.8 and kept.max() > 1.02
    assert (apart - near).max() > 1.5, "in voxels of 1 mm"


@pytest.mark.parametrize("kind", ["T1", "FLAIR", "T2", "PD"])
def test_contrasts_have_the_order_of_their_kind(kind):
    for seed in range(50):
        drawn = contrasts.brightness(kind, np.random.default_rng(seed))
        assert set(drawn) == set(contrasts.TISSUES)
        if kind == "T1":
            assert drawn["csf"] < drawn["cortex"] < drawn["white"]
        else:
            assert drawn["cortex"] > drawn["white"]
        assert (drawn["csf"] > drawn["cortex"]) == (kind == "T2") or kind == "PD"


def test_each_label_gets_the_brightness_of_its_tissue_and_the_scalp_some():
    drawn = {name: place / 10 for place, name in enumerate(contrasts.TISSUES)}
    values = np.array([0, 10, 49, 2, 507])
    found = contrasts.table(values, drawn, np.random.default_rng(0))
    assert found[1] == found[2] == pytest.approx(drawn["thalamus"])
    assert found[3] == pytest.approx(drawn["white"])
    assert 0 <= found[4] <= 1.1 * max(drawn.values())
