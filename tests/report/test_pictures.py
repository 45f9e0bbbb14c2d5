import nibabel as nib
import numpy as np
import pytest
from matplotlib.colors import to_hex

from thalutils.errors import ImageError
from thalutils.imaging.views import EDGE_COLOUR, slices
from thalutils.report.pictures import map_sheet, outline_sheet, review_sheet, scan_sheet

SHAPE = (40, 48, 36)
EDGE_TOLERANCE_MM = 0.6


def box(low, high, mm=1.0, value=100.0, axes="RAS"):
    """Return an image of a box between two voxels, its axes pointing as asked."""
    values = np.zeros(SHAPE, np.float32)
    values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = value
    image = nib.Nifti1Image(values, np.diag([mm, mm, mm, 1]))
    wanted = nib.orientations.axcodes2ornt(axes)
    return image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(image.affine), wanted))


def head(axes="RAS"):
    """Return a head that is brighter on its left."""
    image = box((5, 5, 5), (35, 43, 31), value=50.0)
    values = image.get_fdata(dtype=np.float32)
    values[5:20] *= 2
    whole = nib.Nifti1Image(values, image.affine)
    wanted = nib.orientations.axcodes2ornt(axes)
    return whole.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(whole.affine), wanted))


def contours(ax):
    """Return the vertices of all lines drawn on a panel, in mm."""
    paths = [path.vertices for lines in ax.collections for path in lines.get_paths()]
    return np.concatenate(paths) if paths else np.empty((0, 2))


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_slices_are_even_and_inside_the_mask():
    mask = box((10, 10, 4), (20, 20, 21), value=1)
    assert slices(mask, count=3, mask=mask) == [8, 12, 16]
    assert slices(mask, count=1, mask=mask, axis=1) == [14]


def test_slices_count_in_the_oriented_image():
    mask = box((10, 10, 4), (20, 20, 11), value=1, axes="LPI")
    assert slices(mask, count=1, mask=mask, axis=2) == [7]


@pytest.mark.parametrize("axes", ["RAS", "LAS", "LPI", "ASR"])
def test_left_of_the_person_is_left_whatever_the_storage(axes):
    fig = scan_sheet({"T1w": head(axes)})
    for ax in fig.axes[:2]:
        drawn = ax.images[0].get_array()
        assert drawn[:, :20].mean() > 1.5 * drawn[:, 20:].mean()
        assert texts(ax)[:2] == ["L", "R"]
    assert texts(fig.axes[2])[:2] == ["P", "A"]


def test_a_sheet_has_a_row_for_each_image_and_its_title():
    fig = scan_sheet({"T1w": head(), "FLAIR": head()}, title="sub-01")
    assert len(fig.axes) == 6
    assert "T1w" in texts(fig.axes[0])
    assert "FLAIR" in texts(fig.axes[3])
    assert fig.get_suptitle() == "sub-01"


def test_a_picture_is_true_to_millimetres():
    image = nib.Nifti1Image(np.ones((10, 20, 30), np.float32), np.diag([3.0, 2, 1, 1]))
    sagittal = scan_sheet({"a": image}).axes[2]
    assert sagittal.images[0].get_extent() == [0, 40, 0, 30]
    assert sagittal.get_aspect() == 1


def test_an_image_of_four_dimensions_is_refused():
    with pytest.raises(ImageError, match=r"\(4, 4, 4, 2\)"):
        scan_sheet({"a": nib.Nifti1Image(np.zeros((4, 4, 4, 2), np.float32), np.eye(4))})


def test_edges_of_the_fixed_image_lie_where_it_changes():
    fixed = box((10, 12, 9), (30, 36, 27))
    axial = review_sheet(fixed, head(), count=1).axes[0]
    drawn = contours(axial)
    assert to_hex(axial.collections[0].get_edgecolor()[0]) == EDGE_COLOUR
    low, high = drawn.min(axis=0), drawn.max(axis=0)
    assert low == pytest.approx([10, 12], abs=EDGE_TOLERANCE_MM)
    assert high == pytest.approx([30, 36], abs=EDGE_TOLERANCE_MM)


def test_a_shift_of_the_moving_image_moves_grey_but_no_line():
    fixed = box((10, 12, 9), (30, 36, 27))
    shifted = nib.Nifti1Image(fixed.get_fdata(), nib.affines.from_matvec(np.eye(3), [2, 0, 0]))
    still, moved = (review_sheet(fixed, image, count=1).axes[0] for image in (fixed, shifted))
    assert np.array_equal(contours(still), contours(moved))
    across = [np.flatnonzero(ax.images[0].get_array()[24] > 50).mean() for ax in (still, moved)]
    assert across[1] - across[0] == pytest.approx(2)


def test_edges_outside_the_brain_are_left_out_and_its_rim_is_not():
    values = box((4, 4, 4), (36, 44, 32)).get_fdata() + box((12, 14, 10), (28, 34, 26)).get_fdata()
    mask = box((12, 14, 10), (28, 34, 26), value=1)
    axial = review_sheet(nib.Nifti1Image(values, np.eye(4)), head(), mask=mask, count=1).axes[0]
    drawn = contours(axial)
    assert drawn.min(axis=0) == pytest.approx([12, 14], abs=EDGE_TOLERANCE_MM)


def test_a_review_has_nine_panels_and_tells_no_number():
    fig = review_sheet(head(), head())
    assert len(fig.axes) == 9
    assert {text for ax in fig.axes for text in texts(ax)} == {"L", "R", "P", "A"}


def test_maps_are_shown_in_their_range_with_units():
    maps = {"R1map": head(), "PDmap": head()}
    fig = map_sheet(maps, {"R1map": "1/s", "PDmap": "percent"}, {"R1map": (0, 2), "PDmap": (50, 100)})
    assert fig.axes[0].images[0].get_clim() == (0, 2)
    assert fig.axes[1].images[0].get_clim() == (50, 100)
    assert [ax.get_xlabel() for ax in fig.axes[6:]] == ["1/s", "percent"]


def test_outlines_lie_on_the_rim_of_their_masks_on_any_grid():
    coarse = np.zeros((20, 24, 18), np.uint8)
    coarse[5:15, 6:18, 5:13] = 10
    affine = nib.affines.from_matvec(np.diag([2.0, 2, 2]), [0.5, 0.5, 0.5])
    fig = outline_sheet(head(), {"FIRST": nib.Nifti1Image(coarse, affine)})
    drawn = contours(fig.axes[0])
    assert drawn.min(axis=0) == pytest.approx([10, 12], abs=EDGE_TOLERANCE_MM)
    assert drawn.max(axis=0) == pytest.approx([30, 36], abs=EDGE_TOLERANCE_MM)
    left, right = fig.axes[0].get_xlim()
    assert (left, right) == pytest.approx((1, 39), abs=1.5)  # 9 mm around


def test_every_method_is_in_the_legend_and_told_from_its_family():
    mask = box((10, 12, 9), (30, 36, 27), value=1)
    fig = outline_sheet(head(), dict.fromkeys(("SAMSEG-T1", "SAMSEG-R1", "truth"), mask))
    lines = fig.legends[0].get_lines()
    assert [line.get_label() for line in lines] == ["SAMSEG-T1", "SAMSEG-R1", "truth"]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 3
    drawn = [to_hex(one.get_edgecolor()[0]) for one in fig.axes[0].collections]
    assert drawn == [line.get_color() for line in lines]


def test_planes_run_through_the_mask_asked_for():
    low, high = box((10, 10, 6), (14, 14, 10), value=1), box((10, 10, 24), (14, 14, 28), value=1)
    both = {"A": low, "B": high}
    assert len(contours(outline_sheet(head(), both, centre_on="A").axes[0]))
    axial = outline_sheet(head(), both, centre_on="B").axes[0]
    assert len(axial.collections) == 1


@pytest.mark.parametrize(("masks", "centre", "words"), [
    ({}, None, "nothing to outline"),
    ({"A": box((0, 0, 0), (0, 0, 0))}, None, "nothing to outline"),
    ({"A": box((9, 9, 9), (12, 12, 12))}, "B", "there is A"),
])  # fmt: skip
def test_what_cannot_be_outlined_is_said(masks, centre, words):
    with pytest.raises(ImageError, match=words):
        outline_sheet(head(), masks, centre_on=centre)
