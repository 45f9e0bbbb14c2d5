"""A structure whose mask is followed from one scan to the next: how much of its change is found."""

import nibabel as nib
import numpy as np
import pytest
from analytic_heads import MIDDLE, VENTRICLE, pose, scan
from nibabel.affines import apply_affine

from thalutils.errors import ImageError
from thalutils.imaging import follow_up, halfway

MOVED = pose((2.0, -3.0, 1.5), (2.3, -1.4, 1.1))
# A ventricle of 2 mL in voxels of 1.5 mm: a tenth of a voxel all around is 5 % of it.
TOLERANCE_PERCENT = 2.0


def ventricle_of(image: nib.Nifti1Image) -> nib.Nifti1Image:
    world = apply_affine(image.affine, np.stack(np.indices(image.shape), axis=-1))
    inside = (((world - MIDDLE) / VENTRICLE) ** 2).sum(axis=-1) <= 1
    return nib.Nifti1Image(inside.astype(np.uint8), image.affine)


def pair_of(first, second):
    return halfway.bring_halfway(first[0], second[0], (first[1], second[1]), skull=False)


@pytest.mark.parametrize("scale", [1.0, 0.96, 1.04])
def test_the_change_of_a_ventricle_is_found_though_the_head_moved(scale):
    first, second = scan(), scan(ventricle=scale, place=MOVED, seed=1, bias=0.05)
    found = follow_up.structure_change(pair_of(first, second), ventricle_of(first[0]))
    assert found == pytest.approx(100 * (scale**3 - 1), abs=TOLERANCE_PERCENT)


def test_an_empty_mask_cannot_be_followed():
    first = scan()
    nothing = nib.Nifti1Image(np.zeros(first[0].shape, np.uint8), first[0].affine)
    with pytest.raises(ImageError, match="mask to follow is empty"):
        follow_up.structure_change(pair_of(first, first), nothing)


def test_scans_resampled_halfway_lie_on_each_other():
    """Both are interpolated: swapped scans give swapped images."""
    first, second = scan(noise=0.0), scan(place=MOVED, noise=0.0)
    halves = halfway.halves(MOVED)
    there = [
        halfway.resampled(one[0], half).get_fdata() for one, half in zip((first, second), halves, strict=True)
    ]
    inside = first[1].get_fdata() > 0
    apart = np.abs(there[0] - there[1])[inside].mean()
    assert apart < 0.15 * np.abs(first[0].get_fdata() - second[0].get_fdata())[inside].mean()
    back = [halfway.resampled(one[0], half).get_fdata() for one, half in zip((second, first), halfway.halves(np.linalg.inv(MOVED)), strict=True)]  # fmt: skip
    np.testing.assert_allclose(back[0], there[1], atol=0.5)
    np.testing.assert_allclose(back[1], there[0], atol=0.5)
