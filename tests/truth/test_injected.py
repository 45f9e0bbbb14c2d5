"""Another program's injector: what it makes of two balls, and the truth that is taken from its own field."""

import nibabel as nib
import numpy as np
import pytest

from thalutils.truth import injected


@pytest.fixture
def start(tmp_path):
    """Two bright balls of 10 mm in a darker brain, 16 mm apart, on a grid of 1 mm."""
    x, y, z = np.ogrid[-40:41, -30:31, -30:31]
    labels = np.zeros((81, 61, 61), np.uint8)
    for side, label in ((-1, 10), (1, 49)):
        labels[np.sqrt((x - side * 18) ** 2 + y**2 + z**2) < 10] = label
    scan = np.where(labels > 0, 800.0, 400.0).astype(np.float32)
    affine = np.eye(4)
    paths = [tmp_path / "t1w.nii.gz", tmp_path / "brain.nii.gz"]
    nib.save(nib.Nifti1Image(scan, affine), paths[0])
    nib.save(nib.Nifti1Image(np.ones(labels.shape, np.uint8), affine), paths[1])
    return injected.Start(*paths, nib.Nifti1Image(labels, affine))


@pytest.mark.parametrize("loss", [2.0, 5.0])
def test_both_sides_lose_what_was_asked_for_and_the_image_shows_it(start, tmp_path, loss):
    true_percent, t1w, brain = injected.shrunk(start, loss, tmp_path / "injected")
    assert true_percent == pytest.approx(-loss, abs=0.1 * loss + 0.1)
    bright = [float(np.clip(nib.load(path).get_fdata() - 400, 0, None).sum()) for path in (start.t1w, t1w)]
    assert 100 * (bright[1] / bright[0] - 1) == pytest.approx(true_percent, abs=0.2)
    assert brain == start.brain
    after = nib.load(t1w).get_fdata()
    for half in (slice(0, 40), slice(41, None)):
        assert (nib.load(start.t1w).get_fdata()[half] - after[half]).sum() > 0, "each side has shrunk"
