"""From a scan to a mask with the weights that ship, on the average head that nilearn packages."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from nibabel.processing import resample_from_to
from nilearn.datasets import load_mni152_template
from scipy.spatial.transform import Rotation

from thalutils.errors import ImageError, ToolError
from thalutils.segmenters.thalnet import network, segmenting

# Centres of the thalami in MNI space (Harvard-Oxford), in mm.
CENTRE_MM = np.array([11.0, -19.0, 7.0])
SAME = 0.93


@pytest.fixture(scope="module")
def networks():
    return network.load()


@pytest.fixture(scope="module")
def head():
    template = load_mni152_template(resolution=1)
    return nib.Nifti1Image(template.get_fdata(dtype=np.float32), template.affine)


@pytest.fixture(scope="module")
def upright(head, networks):
    return segmenting.segment(head, networks)


def centre_mm(found, label):
    return nib.affines.apply_affine(found.affine, np.argwhere(found.labels == label)).mean(0)


def dice(one, other):
    """Return the Dice of two masks by side, the second brought to the first's grid by nearest neighbour."""
    moved = resample_from_to(other.image(), (one.labels.shape, one.affine), order=0)
    there = np.asarray(moved.dataobj)
    both = sum(int(((one.labels == side) & (there == side)).sum()) for side in (10, 49))
    return 2 * both / int((one.labels > 0).sum() + (there > 0).sum())


def test_the_thalami_lie_where_they_are_known_to(upright):
    for label, side in ((10, -1), (49, 1)):
        np.testing.assert_allclose(centre_mm(upright, label), CENTRE_MM * [side, 1, 1], atol=2.5)
    assert 6 < upright.left_ml < 12 and 6 < upright.right_ml < 12
    assert set(np.unique(upright.labels)) == {0, 10, 49}
    assert upright.warnings == ()


def test_the_volumes_are_those_of_the_mask(upright):
    assert upright.left_ml == pytest.approx((upright.labels == 10).sum() / 1000, abs=1e-6)
    assert upright.volume_ml == pytest.approx((upright.labels > 0).sum() / 1000, abs=1e-6)


@pytest.mark.parametrize("axes", ["LAS", "LPS", "PIR", "SAL"])
def test_how_an_image_is_stored_does_not_matter(head, upright, networks, axes):
    order = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(head.affine), nib.orientations.axcodes2ornt(axes)
    )
    stored = head.as_reoriented(order)
    found = segmenting.segment(stored, networks)
    assert found.labels.shape == stored.shape
    assert dice(upright, found) > 0.985
    assert centre_mm(found, 10)[0] < centre_mm(found, 49)[0]


@pytest.mark.parametrize("turn_deg", [(30, 0, 0), (0, 30, 0), (0, 0, 30), (-17, 17, 17)])
def test_a_tilted_head_is_drawn_as_an_upright_one(head, upright, networks, turn_deg):
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec(turn_deg, degrees=True).as_matrix()
    tilted = nib.Nifti1Image(head.get_fdata(dtype=np.float32), turn @ head.affine)
    grid = nib.Nifti1Image(np.zeros((220, 250, 220), np.uint8), head.affine)
    grid.affine[:3, 3] -= 12
    found = segmenting.segment(resample_from_to(tilted, (grid.shape, grid.affine), order=1), networks)
    back = replace(found, affine=np.linalg.inv(turn) @ found.affine)
    assert dice(upright, back) > SAME


def test_a_grid_that_is_oblique_to_the_head_does_not_matter(head, upright, networks):
    """As a scanner's slices along the corpus callosum are: neither axis of the grid is one of the head's."""
    grid = np.eye(4)
    grid[:3, :3] = Rotation.from_euler("xyz", (-22, 12, 9), degrees=True).as_matrix() @ np.diag(
        [1.1, 0.9, 1.2]
    )
    shape = (200, 250, 190)
    middle = nib.affines.apply_affine(head.affine, (np.array(head.shape) - 1) / 2)
    grid[:3, 3] = middle - grid[:3, :3] @ ((np.array(shape) - 1) / 2)
    found = segmenting.segment(resample_from_to(head, (shape, grid), order=1), networks)
    assert dice(upright, found) > SAME
    assert found.volume_ml == pytest.approx(upright.volume_ml, rel=0.05)


@pytest.mark.parametrize("axis", [0, 1, 2], ids=["sagittal", "coronal", "axial"])
def test_slices_of_three_millimetres_and_shading_change_little(head, upright, networks, axis):
    affine = head.affine.copy()
    affine[:3, 3] += head.affine[:3, axis]  # the middle of the first three
    affine[:3, axis] *= 3
    thin = np.moveaxis(head.get_fdata(dtype=np.float32), axis, -1)
    thick = thin[..., : 3 * (thin.shape[-1] // 3)].reshape(*thin.shape[:2], -1, 3).mean(-1)
    values = np.moveaxis(thick, -1, axis)
    shade = 1 + 0.2 * np.linspace(-1, 1, values.shape[0])[:, None, None]
    found = segmenting.segment(nib.Nifti1Image(values * shade, affine), networks)
    assert dice(found, upright) > SAME
    assert found.volume_ml == pytest.approx(upright.volume_ml, rel=0.08)


@pytest.mark.parametrize(("gain", "offset"), [(1000.0, 0.0), (1.0, -0.5), (300.0, 5000.0)])
def test_the_units_of_a_scan_do_not_matter(head, upright, networks, gain, offset):
    values = gain * head.get_fdata(dtype=np.float32) + offset
    found = segmenting.segment(nib.Nifti1Image(values, head.affine), networks)
    assert dice(upright, found) > 0.995


def test_thalami_that_the_scans_edge_cuts_are_warned_of(head, upright, networks):
    cut = round((CENTRE_MM[2] + 2 - head.affine[2, 3]) / head.affine[2, 2])
    found = segmenting.segment(head.slicer[:, :, :cut], networks)
    assert found.volume_ml < 0.9 * upright.volume_ml
    assert any("reaches the scan's edge" in words for words in found.warnings)


def test_images_in_memory_are_checked_too(head, networks):
    values = head.get_fdata(dtype=np.float32)
    with pytest.raises(ImageError, match="has 4 dimensions"):
        segmenting.segment(nib.Nifti1Image(np.stack([values, values], -1), head.affine), networks)
    holed = values.copy()
    holed[3, 3, 3] = np.nan
    with pytest.raises(ImageError, match="1 voxels are NaN"):
        segmenting.segment(nib.Nifti1Image(holed, head.affine), networks)


def test_a_map_may_have_holes_where_it_could_not_be_computed(head, upright, networks):
    values = head.get_fdata(dtype=np.float32)
    holed = nib.Nifti1Image(np.where(values > 0, values, np.nan), head.affine)
    found = segmenting.segment(holed, networks, holes=True)
    assert np.array_equal(found.labels, upright.labels)
    assert np.isnan(np.asarray(holed.dataobj)).any(), "the caller's image stays as it was"
    filled = segmenting.segment_together({"T1": head, "R1": head}, networks)
    together = segmenting.segment_together({"T1": head, "R1": holed}, networks)
    assert np.array_equal(together.labels, filled.labels)
    with pytest.raises(ImageError, match="NaN"):
        segmenting.segment_together({"T1": head, "FLAIR": holed}, networks)


def test_a_scan_of_zeros_is_one_without_a_thalamus(head, networks):
    empty = nib.Nifti1Image(np.zeros(head.shape, np.float32), head.affine)
    with pytest.raises(ImageError, match=r"no thalamus found.*every voxel is 0"):
        segmenting.segment(empty, networks)


def test_the_probability_is_what_the_mask_is_drawn_from(upright):
    chance = upright.probability
    assert chance.shape == upright.labels.shape and chance.dtype == np.float32
    assert chance.min() == 0 and 0.9 < chance.max() <= 1
    inside, likely = upright.labels > 0, chance >= network.CUT["draw"]
    # small pieces are left out of the mask, and holes in it are filled
    assert (inside != likely).sum() < 0.01 * inside.sum()
    assert upright.certainty == pytest.approx(chance[inside & (chance >= 0.5)].mean(), abs=0.02)
    assert ((chance > 0.1) & (chance < 0.4)).sum() > 0.05 * inside.sum(), "shares, not the mask again"
    stored = upright.probability_image()
    assert stored.get_data_dtype() == np.float32 and np.array_equal(stored.affine, upright.affine)


@pytest.mark.parametrize("kind", ["noise", "ball", "neck", "top"])
def test_where_there_are_no_thalami_there_is_no_mask(head, networks, kind):
    rng = np.random.default_rng(0)
    if kind == "noise":
        scan = nib.Nifti1Image(rng.random((120, 140, 120), dtype=np.float32), np.diag([1.5, 1.5, 1.5, 1]))
    elif kind == "ball":
        away = np.linalg.norm(np.moveaxis(np.indices((100, 100, 100)), 0, -1) - 50, axis=-1)
        scan = nib.Nifti1Image((away < 35).astype(np.float32), np.diag([2.0, 2.0, 2.0, 1]))
    else:  # the part of the head that lies below or above the thalami
        values = head.get_fdata(dtype=np.float32).copy()
        below, above = (round(z - head.affine[2, 3]) for z in (-13, 30))
        values[:, :, slice(below, None) if kind == "neck" else slice(None, above)] = 0
        scan = nib.Nifti1Image(values, head.affine)
    with pytest.raises(ToolError, match="no thalamus found"):
        segmenting.segment(scan, networks)


def test_the_same_scan_gives_the_same_mask(head, upright, networks):
    again = segmenting.segment(head, networks)
    assert np.array_equal(again.labels, upright.labels) and again.certainty == upright.certainty


def test_scans_together_give_one_mask_on_the_grid_of_the_first(head, upright, networks):
    """A FLAIR-like image (dark where T1w is bright), coarser and on a grid of its own, lies in the same space."""
    values = head.get_fdata(dtype=np.float32)
    dark = np.where(values > 0, 1.2 * values.max() - values, 0)
    coarse = nib.Nifti1Image(dark[::2, ::2, ::2].copy(), head.affine @ np.diag([2, 2, 2, 1]))
    both = segmenting.segment_together({"T1": head, "FLAIR": coarse}, networks)
    assert both.labels.shape == head.shape
    assert dice(both, upright) > 0.9
    alone = segmenting.segment_together({"T1": head}, networks)
    assert dice(alone, upright) > 0.9
    assert (alone.labels != both.labels).any(), "the second scan is looked at"
    assert both.warnings == ()
    far = nib.affines.from_matvec(np.eye(3), [400, 0, 0])
    away = nib.Nifti1Image(np.asarray(coarse.dataobj), far @ coarse.affine)
    missed = segmenting.segment_together({"T1": head, "FLAIR": away}, networks)
    assert np.array_equal(missed.labels, alone.labels)
    assert any("FLAIR covers 0 % of the box" in words for words in missed.warnings)


def test_contrasts_that_the_joint_network_does_not_know_are_refused(head, networks):
    with pytest.raises(ToolError, match="takes T1, FLAIR, R1; given: T1, T2"):
        segmenting.segment_together({"T1": head, "T2": head}, networks)
    with pytest.raises(ToolError, match="given: none"):
        segmenting.segment_together({}, networks)
