"""From a scan to a mask with the weights that ship, on the average head that nilearn packages."""

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
    back = segmenting.Thalami(found.labels, np.linalg.inv(turn) @ found.affine, 0, 0, 0, 0, ())
    assert dice(upright, back) > SAME


def test_slices_of_three_millimetres_and_shading_change_little(head, upright, networks):
    shape = (head.shape[0], head.shape[1], head.shape[2] // 3)
    affine = head.affine @ np.diag([1, 1, 3, 1])
    affine[:3, 3] += head.affine[:3, 2]
    values = head.get_fdata(dtype=np.float32)[..., : 3 * shape[2]].reshape(*shape, 3).mean(-1)
    shade = 1 + 0.2 * np.linspace(-1, 1, shape[0])[:, None, None]
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


def test_contrasts_that_the_joint_network_does_not_know_are_refused(head, networks):
    with pytest.raises(ToolError, match="takes T1, FLAIR, R1; given: T1, T2"):
        segmenting.segment_together({"T1": head, "T2": head}, networks)
    with pytest.raises(ToolError, match="given: none"):
        segmenting.segment_together({}, networks)
