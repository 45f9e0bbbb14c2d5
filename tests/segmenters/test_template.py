"""The template's labels: centred on the template that they are laid on."""

import nibabel as nib
import numpy as np

from thalutils.segmenters import template


def centre_mm(image: nib.Nifti1Image) -> np.ndarray:
    weights = image.get_fdata()
    voxels = np.indices(weights.shape).reshape(3, -1)
    return nib.affines.apply_affine(image.affine, voxels @ weights.ravel() / weights.sum())


def test_labels_mirror_each_other_about_the_template_s_midline():
    head, left, right = template._template()
    assert np.array_equal(head.get_fdata(), head.get_fdata()[::-1])
    assert np.allclose(centre_mm(left) * [-1, 1, 1], centre_mm(right), atol=1e-4)
    assert centre_mm(left)[0] < -8  # left is negative in RAS
    assert np.isclose(left.get_fdata().sum(), right.get_fdata().sum())


def test_average_with_the_mirror_moves_an_off_centre_blob_to_the_middle():
    affine = np.diag([-1.0, 1, 1, 1])
    affine[0, 3] = 10  # x from 10 down to -10
    left, right = np.zeros((2, 21, 3, 3), np.float32)
    left[14, 1, 1] = right[5, 1, 1] = 1  # x = -4 and +5: the pair stands at +0.5
    pair = [nib.Nifti1Image(one, affine) for one in (left, right)]
    assert np.isclose(centre_mm(template._mirror_average(*pair))[0], -4.5)
    assert np.isclose(centre_mm(template._mirror_average(*reversed(pair)))[0], 4.5)


def test_ants_registers_the_same_pair_to_the_same_bits_twice():
    """ITK reads how many threads to use from a variable; under another name it took all, and sums differed."""
    import ants

    head = ants.from_numpy(template._template()[0].get_fdata(dtype=np.float32)[::4, ::4, ::4].copy())
    moved = ants.from_numpy(np.roll(head.numpy(), 2, axis=0) ** 1.1)
    found = []
    for _ in range(2):
        warp = ants.registration(head, moved, "Affine", random_seed=1, aff_random_sampling_rate=0.5)
        found.append(np.array(ants.read_transform(warp["fwdtransforms"][0]).parameters))
    assert np.array_equal(*found)
