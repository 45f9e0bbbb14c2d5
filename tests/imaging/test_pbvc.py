"""Brain volume change of heads whose volumes are formulas, by edges and by Jacobians."""

import nibabel as nib
import numpy as np
import pytest
from analytic_heads import AIR, OUTER_SKULL, pose, scan, volume_mm3

from thalutils.errors import ImageError
from thalutils.imaging import edges, halfway, jacobian, pbvc
from thalutils.imaging.edges import Edges, Scan

MOVED = pose((2.0, -3.0, 1.5), (2.3, -1.4, 1.1))
LOSS = {"brain": 0.997, "ventricle": 1.08}
TRUE_PERCENT = 100 * (volume_mm3(**LOSS) / volume_mm3() - 1)
# In percent of brain volume. The heads are small and their voxels 1.5 mm: a hundredth of a millimetre
# of edge is 0.12 % of them.
PBVC_TOLERANCE, JACOBIAN_TOLERANCE = 0.3, 0.5


def pair_of(first, second, **options) -> halfway.Halfway:
    return halfway.bring_halfway(first[0], second[0], (first[1], second[1]), **options)


@pytest.fixture(scope="module")
def shrunk() -> halfway.Halfway:
    """A head, and the same one moved and shrunken within its skull, under another bias field."""
    return pair_of(scan(bias=0.05), scan(**LOSS, place=MOVED, seed=1, bias=-0.05))


def test_a_known_loss_is_found(shrunk):
    assert -1.8 < TRUE_PERCENT < -1.2
    found = pbvc.of_pair(shrunk)
    assert found.engine == "edge-displacement (SIENA method)"
    assert found.percent == pytest.approx(TRUE_PERCENT, abs=PBVC_TOLERANCE)
    backward = pbvc.of_first(found.backward.percent)
    assert found.percent == pytest.approx((found.forward.percent + backward) / 2)
    assert found.forward.percent == pytest.approx(backward, abs=0.3)
    assert found.forward.found > 0.95


def test_the_deformation_finds_most_of_it(shrunk):
    found = jacobian.brain_change(shrunk)
    assert found.engine == "Jacobian integration"
    assert found.percent == pytest.approx(TRUE_PERCENT, abs=JACOBIAN_TOLERANCE)


def test_the_scans_move_as_the_head_did(shrunk):
    """Turning an ellipsoid that is nearly a ball says little; its middle and its size are what is measured by."""
    assert shrunk.skull_points > 1000
    np.testing.assert_allclose(shrunk.transform[:3, 3], MOVED[:3, 3], atol=0.05)
    assert np.linalg.det(shrunk.transform) == pytest.approx(1.0, abs=0.003)


def test_swapped_visits_change_the_sign():
    first, second = scan(), scan(**LOSS, place=MOVED, seed=1)
    there, back = pair_of(first, second), pair_of(second, first)
    np.testing.assert_allclose(back.transform, np.linalg.inv(there.transform), atol=1e-6)
    found = pbvc.of_pair(there).percent, pbvc.of_pair(back).percent
    assert pbvc.of_first(found[1]) == pytest.approx(found[0], abs=0.01)


def test_no_change_is_none_though_all_else_is_new():
    pair = pair_of(scan(), scan(place=MOVED, seed=3, bias=0.08))
    assert pbvc.of_pair(pair).percent == pytest.approx(0.0, abs=PBVC_TOLERANCE)
    assert jacobian.brain_change(pair).percent == pytest.approx(0.0, abs=JACOBIAN_TOLERANCE)


def test_the_skull_takes_out_what_the_scanner_stretched():
    """A scanner that makes the head 0.5 % longer adds 1.5 % of brain unless the skull fixes the size."""
    first, second = scan(), scan(place=pose(shift_mm=(1.0, 0.5, -0.7), scale=1.005), seed=4)
    assert pbvc.of_pair(pair_of(first, second)).percent == pytest.approx(0.0, abs=1.3 * PBVC_TOLERANCE)
    rigid = pbvc.of_pair(pair_of(first, second, skull=False))
    assert rigid.engine == "edge-displacement (SIENA method), rigid"
    assert rigid.percent == pytest.approx(100 * (1.005**3 - 1), abs=PBVC_TOLERANCE)


def test_scans_without_a_skull_are_matched_rigidly_and_say_so():
    pair = pair_of(scan(skull=False), scan(**LOSS, place=MOVED, seed=1, skull=False))
    found = pbvc.of_pair(pair)
    assert pair.skull_points == 0
    assert found.engine == "edge-displacement (SIENA method), rigid"
    assert found.percent == pytest.approx(TRUE_PERCENT, abs=PBVC_TOLERANCE)


def test_the_map_shows_where_the_edges_went(shrunk):
    first, _ = scan()
    motion = np.asarray(pbvc.motion_map(pbvc.of_pair(shrunk), first).dataobj)
    middle = np.array(first.shape) // 2
    near = motion[
        middle[0] - 8 : middle[0] + 8, middle[1] - 10 : middle[1] + 6, middle[2] - 5 : middle[2] + 8
    ]
    assert near[near != 0].mean() < -0.2  # the ventricle's wall went into the tissue
    top = motion[:, :, -20:]
    assert -0.15 < top[top != 0].mean() < 0.0  # the outer edge came in by 0.3 % of its radius


@pytest.mark.parametrize("shift_mm", [-3.9, -1.3, -0.37, 0.0, 0.62, 2.1, 3.8])
def test_an_edge_is_followed_below_the_voxel(shift_mm):
    x = np.arange(40.0)[:, None, None] * np.ones((1, 6, 6))
    before, after = (
        Scan((1000 / (1 + np.exp(2 * (x - 20.3 - shift)))).astype(np.float32), x > 0, np.eye(4))
        for shift in (0.0, shift_mm)
    )
    points = np.array([[20.0, 2.5, 2.5], [20.9, 3.0, 3.0]])  # neither lies in the middle of the edge
    some = Edges(points, np.tile([1.0, 0, 0], (2, 1)), np.ones(2))
    [moved] = edges.displacement(some, before, [after])
    np.testing.assert_allclose(moved, shift_mm, atol=0.02)


def test_the_skull_is_found_between_bone_and_scalp():
    image, mask = scan()
    head = Scan(image.get_fdata(dtype=np.float32), np.asarray(mask.dataobj) > 0, image.affine)
    found, share = edges.skull_edges(head)
    where = np.linalg.norm(found.points_mm / OUTER_SKULL, axis=1)
    assert share > 0.95
    np.testing.assert_allclose(where, 1.0, atol=0.03)


def test_an_edge_that_is_gone_is_not_found():
    x = np.arange(40.0)[:, None, None] * np.ones((1, 6, 6))
    before = Scan((1000 / (1 + np.exp(2 * (x - 20)))).astype(np.float32), x > 0, np.eye(4))
    after = Scan(np.full(x.shape, 500, np.float32), x > 0, np.eye(4))
    some = Edges(np.array([[20.0, 2.5, 2.5]]), np.array([[1.0, 0, 0]]), np.ones(1))
    assert np.isnan(edges.displacement(some, before, [after])[0]).all()


def test_what_cannot_be_measured_is_refused():
    image, mask = scan(noise=0.0)
    empty = nib.Nifti1Image(np.zeros(mask.shape, np.uint8), mask.affine)
    shifted = nib.Nifti1Image(mask.dataobj, mask.affine @ np.diag([1, 1, 1.1, 1]))
    for wrong, words in ((empty, "mask is empty"), (shifted, "not on the scan's grid")):
        with pytest.raises(ImageError, match=words):
            pbvc.brain_change(image, image, (mask, wrong))
    dark = nib.Nifti1Image(np.full(image.shape, AIR, np.float32), image.affine)
    with pytest.raises(ImageError):
        pbvc.brain_change(dark, dark, (mask, mask))


def test_a_skull_that_is_asked_for_must_be_there():
    image, mask = scan(skull=False)
    with pytest.raises(ImageError, match="of the rays from the brain meet a skull"):
        pair_of((image, mask), (image, mask), skull=True)
