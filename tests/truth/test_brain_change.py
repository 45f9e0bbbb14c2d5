"""A loss that is put into a scan is in the scan: as much, and in that direction."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import ToolError
from thalutils.simulate import tissues
from thalutils.simulate.anatomy import Anatomy
from thalutils.simulate.deformation import Field
from thalutils.simulate.head import Head, anatomy_grid, changed
from thalutils.truth import brain_change

VALUES = np.array([0, 2, 4, 10, 49, 24, 3, 165])
SIGNAL = np.array([0, 1000, 150, 800, 800, 150, 700, 60], dtype=np.float32)
SIZE = 121


@pytest.fixture(scope="module")
def head() -> Head:
    """Nested balls: white matter about a ventricle and two thalami, cortex, fluid and a skull; 1 mm voxels."""
    x, y, z = np.ogrid[-60:61, -60:61, -60:61]
    radius = np.sqrt(x**2 + y**2 + z**2)
    structure = np.zeros((SIZE,) * 3, dtype=np.uint8)
    for index, edge in ((7, 54), (5, 50), (6, 44), (1, 38), (2, 10)):
        structure[radius < edge] = index
    for side, index in ((-1, 3), (1, 4)):
        structure[np.sqrt((x - side * 20) ** 2 + y**2 + z**2) < 8] = index
    affine = np.eye(4)
    affine[:3, 3] = -60
    shape = Anatomy(structure, VALUES, affine, "a test")
    grid = anatomy_grid(shape, 2.5)
    still = np.zeros((*grid.shape, 3), dtype=np.float32)
    return Head(shape, Field(grid, still), still[..., :1], grid)


def scanned(head: Head, loss: float, seed: int = 3) -> tuple[float, float]:
    """Return the brain's volume in the scan, by its brightness, and by what is counted."""
    scan = nib.Nifti1Image(SIGNAL[head.anatomy.structure], head.anatomy.affine)
    one = changed(head, sum(head.thalamus_ml()), -loss * head.brain_ml()) if loss else head
    again = brain_change._scanned_again(scan, one, np.random.default_rng(seed))
    return float((again.get_fdata() > 430).sum()) / 1000, one.brain_ml()


def test_the_scan_loses_what_is_counted(head):
    (before, counted), (after, left) = scanned(head, 0.0), scanned(head, 0.05)
    assert left / counted < 0.98
    assert after / before - 1 == pytest.approx(left / counted - 1, abs=0.004)


def test_without_loss_only_place_field_and_noise_are_new(head):
    one, other = (scanned(head, 0.0, seed) for seed in (3, 4))
    assert one[1] == other[1]
    assert one[0] == pytest.approx(other[0], rel=0.004) and one[0] != other[0]


def test_losses_come_round_and_a_third_of_the_pairs_are_unchanged():
    losses = [brain_change.Case(Path(), brain_change.PHANTOM, number).loss_percent for number in range(1, 13)]
    assert losses[:6] == losses[6:] == list(brain_change.LOSSES)
    assert losses.count(0.0) == 4


def test_a_head_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ToolError, match="away.nii.gz: not there"):
        brain_change.run(tmp_path, 0, tmp_path / "away.nii.gz")


def test_the_brain_is_all_that_is_neither_fluid_nor_outside(head):
    inside = np.isin(VALUES, [2, 10, 49, 3])[head.anatomy.structure]
    assert head.brain_ml() == pytest.approx(inside.sum() / 1000, rel=0.003)
    assert 165 in tissues.OUTSIDE_BRAIN
