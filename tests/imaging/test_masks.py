"""Masks: cubes and spheres by hand, identities and nestings, and brute force as the oracle."""

import math

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.distance import cdist

from thalutils.errors import ImageError
from thalutils.imaging.masks import (
    Overlap,
    containment,
    containment_matrix,
    ensemble,
    overlap,
    sides_ml,
    split_sides,
    staple,
    volume_ml,
)

MM = (1.0, 1.0, 1.0)
LAS = np.array([[-0.8, 0, 0, 40.0], [0, 0.8, 0, -20.0], [0, 0, 0.8, -20.0], [0, 0, 0, 1]])
DIGITS = 1e-12


def boxed(*slices, shape=(24, 20, 20)):
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(*s) for s in slices)] = True
    return mask


def ball(centre_mm, radius_mm, voxel_mm, shape):
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    pieces = zip(axes, centre_mm, voxel_mm, strict=True)
    return sum((a * mm - c) ** 2 for a, c, mm in pieces) <= radius_mm**2


def blobs(seed, count, shape=(16, 13, 11)):
    rng = np.random.default_rng(seed)
    base = rng.random(shape)
    return [base + 0.4 * rng.random(shape) > 0.8 for _ in range(count)]


def brute_distances_mm(a, b, voxel_mm):
    points = []
    for mask in (a, b):
        padded = np.pad(mask, 1)
        inner = np.ones_like(mask)
        for axis in range(3):
            for step in (-1, 1):
                inner &= np.roll(padded, step, axis)[1:-1, 1:-1, 1:-1]
        points.append(np.argwhere(mask & ~inner) * voxel_mm)
    between = cdist(*points)
    return between.min(axis=1), between.min(axis=0)


CUBE = boxed((5, 15), (5, 15), (5, 15))


# A shell has 488 voxels. After 2 voxels along x: the face left behind lies 2 voxels away (36 on its rim
# and 64 inside), the next rim 1 voxel (36), and the 64 inside the other face, now within the shifted
# cube, lie 1 mm (28), 2 mm (20), 3 mm (12) and 4 mm (4) from its sides, but 2 voxels from its end.
@pytest.mark.parametrize(
    ("voxel_mm", "hd95_mm", "mean_mm"),
    [(MM, 2.0, (100 * 2 + 36 * 1 + 28 * 1 + 36 * 2) / 488), ((2.0, 1.0, 1.0), 4.0, 592 / 488)],
)
def test_a_shifted_cube_has_the_overlap_computed_by_hand(voxel_mm, hd95_mm, mean_mm):
    found = overlap(np.roll(CUBE, 2, axis=0), CUBE, voxel_mm)
    assert found == pytest.approx(Overlap(0.8, 0.8, 0.8, hd95_mm, mean_mm), rel=DIGITS)


def test_distances_take_the_worse_direction_and_pool_the_surfaces():
    """From a line of 21 voxels to its first: 0, 1, ... 20 mm one way, 0 the other."""
    line, end = boxed((0, 21), (3, 4), (3, 4)), boxed((0, 1), (3, 4), (3, 4))
    for mask, reference, precision in ((line, end, 1 / 21), (end, line, 1.0)):
        found = overlap(mask, reference, MM)
        assert found.hd95_mm == pytest.approx(19.0, rel=DIGITS)
        assert found.mean_surface_mm == pytest.approx(210 / 22, rel=DIGITS)
        assert found.precision == pytest.approx(precision, rel=DIGITS)


@pytest.mark.parametrize("voxel_mm", [MM, (0.8, 0.8, 0.8), (0.5, 1.2, 3.0)])
@pytest.mark.parametrize("seed", range(3))
def test_distances_agree_with_brute_force_at_the_grids_edge_too(voxel_mm, seed):
    """The blobs reach the edge: the border there is a surface, as everywhere."""
    a, b = blobs(seed, 2)
    forth, back = brute_distances_mm(a, b, voxel_mm)
    found = overlap(a, b, voxel_mm)
    worse = max(np.percentile(forth, 95), np.percentile(back, 95))
    assert found.hd95_mm == pytest.approx(worse, rel=1e-9)
    assert found.mean_surface_mm == pytest.approx(np.concatenate([forth, back]).mean(), rel=1e-9)


def test_distances_between_masks_far_apart_agree_with_brute_force():
    a, b = boxed((1, 4), (2, 6), (1, 3)), boxed((15, 20), (12, 19), (9, 12))
    forth, back = brute_distances_mm(a, b, (0.7, 1.0, 1.3))
    found = overlap(a, b, (0.7, 1.0, 1.3))
    assert found.hd95_mm == pytest.approx(max(np.percentile(forth, 95), np.percentile(back, 95)), rel=1e-9)
    assert found[:3] == (0.0, 0.0, 0.0)


def test_voxel_counts_agree_with_simpleitk_and_their_identities():
    mask, reference = blobs(7, 1)[0], blobs(8, 1)[0] & (np.arange(16) > 3)[:, None, None]
    measures = sitk.LabelOverlapMeasuresImageFilter()
    measures.Execute(*(sitk.GetImageFromArray(m.astype(np.uint8)) for m in (reference, mask)))
    dice, precision, sensitivity = overlap(mask, reference, MM)[:3]
    assert dice == pytest.approx(measures.GetDiceCoefficient(), rel=DIGITS)
    assert dice == pytest.approx(2 * precision * sensitivity / (precision + sensitivity), rel=DIGITS)
    ratio = volume_ml(mask, MM) / volume_ml(reference, MM)
    assert ratio == pytest.approx(sensitivity / precision, rel=DIGITS)
    assert ratio > 1.2
    assert sensitivity == containment(reference, mask)
    assert precision == containment(mask, reference)


def test_a_mask_held_against_itself_is_perfect():
    assert overlap(CUBE, CUBE.astype(float), MM) == Overlap(1.0, 1.0, 1.0, 0.0, 0.0)


def test_an_empty_mask_has_no_precision_and_no_distance_and_two_have_nothing():
    empty = np.zeros_like(CUBE)
    nan = math.nan
    assert overlap(empty, CUBE, MM) == pytest.approx(Overlap(0, nan, 0, nan, nan), nan_ok=True)
    assert overlap(CUBE, empty, MM) == pytest.approx(Overlap(0, 0, nan, nan, nan), nan_ok=True)
    with pytest.raises(ImageError, match="both empty"):
        overlap(empty, empty, MM)


def test_what_is_no_pair_of_masks_is_refused_by_name():
    with pytest.raises(ImageError, match=r"'mask': \(24, 20, 20\), 'reference': \(23, 20, 20\)"):
        overlap(CUBE, CUBE[:-1], MM)
    with pytest.raises(ImageError, match="reference holds values beside 0 and 1"):
        overlap(CUBE, CUBE * 10, MM)
    with pytest.raises(ImageError, match=r"mask has shape \(20, 20\)"):
        volume_ml(CUBE[0], MM)
    with pytest.raises(ImageError, match="three positive edges"):
        volume_ml(CUBE, (1.0, 1.0, 0.0))
    with pytest.raises(ImageError, match="no mask was given"):
        containment_matrix({})


def test_a_cube_of_10_mm_is_1_ml():
    assert volume_ml(CUBE, MM) == 1.0
    assert volume_ml(boxed((2, 4), (1, 11), (0, 5)), (5.0, 1.0, 2.0)) == 1.0


def test_concentric_balls_have_their_volume_and_the_difference_of_their_radii():
    voxel_mm, shape = (0.5, 0.4, 0.8), (60, 75, 38)
    # The centres of border voxels lie up to a voxel within the true surface.
    small, large = (ball((15.1, 15.0, 15.2), r, voxel_mm, shape) for r in (10.0, 13.0))
    assert volume_ml(small, voxel_mm) == pytest.approx(4 / 3 * math.pi, rel=0.005)
    found = overlap(large, small, voxel_mm)
    assert found.mean_surface_mm == pytest.approx(3.0, abs=0.25)
    assert found.hd95_mm == pytest.approx(3.0, abs=0.5)
    assert found.precision == pytest.approx((10 / 13) ** 3, rel=0.01)


def test_containment_is_directed_and_the_matrix_holds_every_pair():
    half = boxed((5, 10), (5, 15), (5, 15))
    assert (containment(half, CUBE), containment(CUBE, half)) == (1.0, 0.5)
    masks = {"half": half, "cube": CUBE, "empty": np.zeros_like(CUBE)}
    table = containment_matrix(masks)
    assert list(table.columns) == ["method_i", "method_j", "containment"]
    assert list(zip(table.method_i, table.method_j, strict=True)) == [(i, j) for i in masks for j in masks]
    np.testing.assert_array_equal(table.containment, [1, 1, 0, 0.5, 1, 0, *[math.nan] * 3])


def test_sides_have_the_affines_volume_however_the_grid_lies():
    labels = boxed((0, 10), (0, 10), (0, 10)) * 10 + boxed((12, 22), (0, 10), (0, 5)) * 49
    labels[23] = 11
    turned = np.array([[0.6, -1.6, 0, 5.0], [0.8, 1.2, 0, 5.0], [0, 0, -0.5, 5.0], [0, 0, 0, 1]])
    assert sides_ml(labels, turned) == pytest.approx((1.0, 0.5), rel=DIGITS)
    assert sides_ml(np.zeros_like(labels), turned) == (0.0, 0.0)
    with pytest.raises(ImageError, match="neither label 10 nor 49"):
        sides_ml(CUBE, turned)
    with pytest.raises(ImageError, match="regular 4x4"):
        sides_ml(labels, np.diag([1.0, 1.0, 0.0, 1.0]))


# Two boxes in world x, 2 mm apart about x = 3 mm; the left one is lower and thinner than the right.
LEFT_BOX = boxed((48, 54), (9, 30), (9, 20), shape=(100, 50, 50))
RIGHT_BOX = boxed((38, 45), (9, 30), (9, 35), shape=(100, 50, 50))


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("with_brain", [False, True])
def test_sides_split_by_world_x_whatever_the_voxel_order(flip, with_brain):
    """In an LAS array the left thalamus has the higher indices."""
    truth = (LEFT_BOX * 10 + RIGHT_BOX * 49).astype(np.uint8)
    brain = boxed((10, 83), (2, 48), (2, 48), shape=truth.shape)
    affine = LAS
    if flip:
        truth, brain = truth[::-1], brain[::-1]
        affine = LAS @ np.array([[-1, 0, 0, 99], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    found = split_sides(truth > 0, affine, brain if with_brain else None)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, truth)


def test_the_midline_is_the_brains_even_where_one_thalamus_is_missing():
    brain = boxed((10, 83), (2, 48), (2, 48), shape=LEFT_BOX.shape)
    np.testing.assert_array_equal(split_sides(LEFT_BOX, LAS, brain), LEFT_BOX * 10)


@pytest.mark.parametrize(
    ("left_x", "right_x", "left_edge"), [((51, 59), (34, 46), 15), ((51, 57), (32, 46), 30)]
)
def test_a_smaller_or_narrower_side_does_not_pull_the_midline(left_x, right_x, left_edge):
    """The mean x of the mask, and in the second case its middle, lie within the larger side here."""
    left = boxed(left_x, (9, 9 + left_edge), (9, 9 + left_edge), shape=(100, 50, 50))
    right = boxed(right_x, (9, 39), (9, 39), shape=left.shape)
    assert np.argwhere(left | right)[:, 0].mean() < 45
    np.testing.assert_array_equal(split_sides(left | right, LAS), left * 10 + right * 49)


def test_stray_voxels_far_to_one_side_do_not_pull_the_midline():
    """Halfway between the mask's ends would lie within the left thalamus here."""
    left, right = LEFT_BOX.copy(), RIGHT_BOX
    left[95, 20, 10] = True
    np.testing.assert_array_equal(split_sides(left | right, LAS), left * 10 + right * 49)


def test_a_split_without_a_midline_is_refused():
    with pytest.raises(ImageError, match="one plane"):
        split_sides(boxed((3, 4), (2, 9), (2, 9)), LAS)
    with pytest.raises(ImageError, match="brain mask is empty"):
        split_sides(CUBE, LAS, np.zeros_like(CUBE))
    with pytest.raises(ImageError, match="'brain mask': "):
        split_sides(CUBE, LAS, CUBE[1:])
    assert not split_sides(np.zeros_like(CUBE), LAS).any()


def row(*values):
    return np.array(values).reshape(-1, 1, 1)


def test_two_masks_give_their_union_and_three_their_majority():
    a, b, c = row(1, 1, 1, 0, 0), row(1, 1, 0, 1, 0), row(1, 0, 0, 0, 0).astype(float)
    for masks, threshold, expected in (
        ((a, b), 0.5, row(1, 1, 1, 1, 0)),
        ((a, b, c), 0.5, row(1, 1, 0, 0, 0)),
        ((a, b, c), 2 / 3, row(1, 1, 0, 0, 0)),
        ((a, b, c), 1 / 3, row(1, 1, 1, 1, 0)),
        ((a, b, c), 1.0, row(1, 0, 0, 0, 0)),
        ((c,), 0.5, c),
    ):
        fused = ensemble(masks, threshold)
        assert fused.dtype == bool
        np.testing.assert_array_equal(fused, expected)


def test_label_maps_vote_by_side_and_the_larger_vote_wins():
    maps = row(10, 10, 49, 49, 10, 0, 0), row(10, 49, 49, 10, 0, 49, 0), row(10, 49, 0, 0, 0, 49, 0)
    fused = ensemble(maps)
    assert fused.dtype == np.uint8
    np.testing.assert_array_equal(fused, row(10, 49, 49, 0, 0, 49, 0))
    np.testing.assert_array_equal(ensemble(maps[:2]), row(10, 10, 49, 10, 10, 49, 0))
    np.testing.assert_array_equal(ensemble(maps, 1 / 3), row(10, 49, 49, 10, 10, 49, 0))


def test_ensembles_nest_members_and_majority_in_unions():
    a, b, c = blobs(3, 3)
    majority = ensemble([a, b, c])
    unions = ensemble([a, b]), ensemble([a, c]), ensemble([b, c])
    assert all(containment(member, unions[0]) == 1.0 for member in (a, b))
    assert all(containment(majority, union) == 1.0 for union in unions)
    np.testing.assert_array_equal(majority, unions[0] & unions[1] & unions[2])
    assert (a & b & c).sum() < majority.sum() < min(union.sum() for union in unions)


def test_label_maps_fuse_as_their_sides_would_as_masks():
    sides = np.where(np.arange(16) < 8, 10, 49)[:, None, None]
    members = blobs(4, 3)
    np.testing.assert_array_equal(ensemble([m * sides for m in members]), ensemble(members) * sides)


def test_an_ensemble_of_nothing_or_of_unlike_maps_is_refused():
    with pytest.raises(ImageError, match="mask 2 of 2 has values beside 0, 10, 49"):
        ensemble([row(10, 0), row(1, 0)])
    with pytest.raises(ImageError, match="'mask 2 of 2': "):
        ensemble([row(10, 0), row(10, 0, 0)])
    with pytest.raises(ImageError, match="no mask was given"):
        ensemble([])
    for threshold in (0.0, 1.1):
        with pytest.raises(ImageError, match="not in"):
            ensemble([row(1, 0)], threshold)


def reference_staple(masks, margin, steps=500):
    """Warfield's expectation maximisation in the plain, on the box around the masks with a margin."""
    held = np.argwhere(np.any(masks, axis=0))
    box = tuple(map(slice, held.min(axis=0), held.max(axis=0) + 1))
    votes = np.stack([np.pad(m[box], margin) for m in masks]).astype(float)
    prior, raters = votes.mean(), (len(masks), 1, 1, 1)
    sensitivity = specificity = np.full(raters, 0.99999)
    for _ in range(steps):
        inside = prior * np.prod(np.where(votes == 1, sensitivity, 1 - sensitivity), axis=0)
        outside = (1 - prior) * np.prod(np.where(votes == 0, specificity, 1 - specificity), axis=0)
        truth = inside / (inside + outside)
        sensitivity = ((votes * truth).sum(axis=(1, 2, 3)) / truth.sum()).reshape(raters)
        specificity = (((1 - votes) * (1 - truth)).sum(axis=(1, 2, 3)) / (1 - truth).sum()).reshape(raters)
    fused = np.zeros_like(masks[0])
    fused[box] = truth[(slice(margin, -margin),) * 3] >= 0.5
    return fused


def staple_inputs():
    """One steady rater and three who err in 10 % of the voxels; margin and cut-off change their fusion."""
    rng = np.random.default_rng(0)
    truth = ball((6, 6, 6), 4, MM, (13, 13, 13))
    return [truth ^ (rng.random(truth.shape) < errors) for errors in (0.02, 0.1, 0.1, 0.1)]


def test_staple_is_warfields_on_the_box_with_ten_voxels_around():
    masks = staple_inputs()
    fused = staple(masks)
    assert fused.dtype == bool
    np.testing.assert_array_equal(fused, reference_staple(masks, 10))
    assert fused.sum() > reference_staple(masks, 1).sum()


def test_staple_depends_neither_on_the_field_of_view_nor_on_threads():
    masks = staple_inputs()
    fused = staple(masks)
    wide = staple([np.pad(m, ((30, 5), (0, 12), (9, 0))) for m in masks])
    np.testing.assert_array_equal(wide[30:-5, :-12, 9:], fused)
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(2 if before == 1 else 1)
        np.testing.assert_array_equal(staple(masks), fused)
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def test_staple_of_one_opinion_is_that_opinion_even_if_it_fills_the_grid():
    full = np.ones((3, 4, 5), dtype=bool)
    assert staple([full, full]).all()
    np.testing.assert_array_equal(staple([CUBE, CUBE, CUBE]), CUBE)
    with pytest.raises(ImageError, match="all masks are empty"):
        staple([~full, ~full])
