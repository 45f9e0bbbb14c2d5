"""The fit that says how a head lies: known movements are recovered, whatever is missing."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from thalutils.segmenters.thalnet import pose

THALAMI = (0, 1)


@pytest.fixture
def frame():
    rng = np.random.default_rng(1)
    points = rng.normal(0, 30, (15, 3))
    points[0], points[1] = [-12, 0, 0], [12, 0, 0]
    return points


def moved(frame, turn_deg, shift_mm):
    turn = Rotation.from_rotvec(turn_deg, degrees=True).as_matrix()
    return frame @ turn.T + shift_mm


@pytest.mark.parametrize("turn", [[0, 0, 0], [30, 0, 0], [0, -45, 20], [0, 0, 180]])
def test_a_known_movement_is_undone(frame, turn):
    there = moved(frame, turn, [5, -40, 12])
    back = pose.fit_rigid(there, frame, THALAMI)
    np.testing.assert_allclose(there @ back[:3, :3].T + back[:3, 3], frame, atol=1e-9)
    assert np.linalg.det(back[:3, :3]) == pytest.approx(1), "a head is turned, never mirrored"


def test_structures_that_were_not_found_do_not_matter(frame):
    there = moved(frame, [10, 20, -5], [1, 2, 3])
    there[[4, 9]] = np.nan
    back = pose.fit_rigid(there, frame, THALAMI)
    found = [0, 1, 2, 3, 14]
    np.testing.assert_allclose((there @ back[:3, :3].T + back[:3, 3])[found], frame[found], atol=1e-9)


def test_the_middle_of_the_thalami_is_met_even_where_the_rest_lies_otherwise(frame):
    there = moved(frame, [0, 0, 0], [0, 0, 0])
    there[5:] *= 1.15
    back = pose.fit_rigid(there, frame, THALAMI)
    np.testing.assert_allclose((there @ back[:3, :3].T + back[:3, 3])[:2].mean(0), [0, 0, 0], atol=1e-9)


def test_a_box_is_centred_on_the_frames_origin():
    affine = pose.box_affine((4, 6, 8), 2.0)
    np.testing.assert_allclose(affine @ [1.5, 2.5, 3.5, 1], [0, 0, 0, 1])
