"""Sheets for review: lines lie where they should, sides are named, files stay small."""

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from thalutils.imaging import sheets
from thalutils.imaging.views import EDGE_COLOUR

SHAPE, VOXEL_MM = (60, 70, 50), 2.0
LOW, HIGH = np.array([12, 14, 10]), np.array([48, 58, 40])  # a box, from and below these voxels
PIXELS = VOXEL_MM / sheets.PIXEL_MM


def box(value: float, low=LOW, high=HIGH, axes: str = "RAS") -> nib.Nifti1Image:
    values = np.full(SHAPE, 10, np.float32) if value > 1 else np.zeros(SHAPE, np.float32)
    values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = value
    if value > 1:
        values[low[0] : SHAPE[0] // 2, low[1] : high[1], low[2] : high[2]] *= 2  # the left is brighter
    image = nib.Nifti1Image(values, np.diag([VOXEL_MM] * 3 + [1]))
    wanted = nib.orientations.axcodes2ornt(axes)
    return image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(image.affine), wanted))


def orange(sheet: Image.Image) -> np.ndarray:
    colour = tuple(int(EDGE_COLOUR[place : place + 2], 16) for place in (1, 3, 5))
    return (np.asarray(sheet) == colour).all(axis=2)


def first_panel(sheet: Image.Image, margin: int) -> np.ndarray:
    """Return the lines of the first axial slice."""
    width, height = (round((HIGH - LOW + 2 * margin)[axis] * PIXELS) for axis in (0, 1))
    widest = round(max(HIGH[0] - LOW[0], HIGH[1] - LOW[1]) * PIXELS + 2 * margin * PIXELS)
    left = (widest - width) // 2
    return orange(sheet)[:height, left : left + width]


@pytest.mark.parametrize("axes", ["RAS", "LPI", "ASR"])
def test_the_outline_of_a_mask_is_its_border(axes):
    lines = first_panel(sheets.brain(box(100, axes=axes), box(1, axes=axes)), sheets.EDGE_MARGIN)
    rows, columns = np.nonzero(lines)
    for found, axis in ((columns, 0), (rows, 1)):
        size = (HIGH - LOW)[axis]
        margin = min(sheets.EDGE_MARGIN, LOW[axis])
        assert found.min() == pytest.approx(margin * PIXELS, abs=1)
        assert found.max() == pytest.approx((margin + size) * PIXELS, abs=1)
    assert lines.sum() < 3 * (lines.shape[0] + lines.shape[1])  # a line, not an area


def test_the_edges_are_the_t1w_s_wherever_the_image_lies():
    t1w, mask = box(100), box(1)
    shifted = box(100, LOW + 6, HIGH + 6)
    same, moved = sheets.registrations(t1w, mask, [t1w, shifted])
    assert orange(same).any()
    assert (orange(same) == orange(moved)).all()
    assert not np.array_equal(np.asarray(same), np.asarray(moved))


@pytest.mark.parametrize("axes", ["RAS", "LAS", "PIR"])
def test_left_is_left_whatever_the_storage(axes):
    images = [box(value, axes=axes) for value in (100, 1)]
    (sheet,) = sheets.registrations(images[0], images[1], images[:1])
    grey = np.asarray(sheet.convert("L"), float)[: round((HIGH - LOW)[1] * PIXELS)]
    row = grey[grey.shape[0] // 2, : sheet.width // 3]
    bright = np.nonzero(row > 0.6 * row.max())[0]
    assert bright.mean() < sheet.width / 6


def test_a_sheet_of_noise_stays_small(tmp_path):
    noise = np.random.default_rng(0).normal(100, 30, (180, 220, 180)).astype(np.float32)
    image = nib.Nifti1Image(noise, np.eye(4))
    mask = np.zeros(noise.shape, np.uint8)
    mask[20:160, 20:200, 20:160] = 1
    sheets.save(sheets.brain(image, nib.Nifti1Image(mask, np.eye(4))), tmp_path / "sheet.jpg")
    assert (tmp_path / "sheet.jpg").stat().st_size <= sheets.LARGEST_BYTES
