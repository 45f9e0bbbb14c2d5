"""The frame: the mean of people who lie anyhow, symmetric about its middle."""

import numpy as np
from scipy.spatial.transform import Rotation

from tests.training.conftest import CENTRES_MM
from thalutils.training import label_maps


def test_people_who_differ_by_their_position_have_one_mean():
    rng = np.random.default_rng(2)
    people = []
    for _ in range(6):
        turn = Rotation.from_rotvec(rng.normal(0, 0.3, 3)).as_matrix()
        people.append(CENTRES_MM @ turn.T + rng.normal(0, 20, 3))
    frame = label_maps.mean_frame(np.stack(people))
    away = lambda points: np.linalg.norm(points[:, None] - points[None], axis=-1)  # noqa: E731
    np.testing.assert_allclose(away(frame), away(CENTRES_MM), atol=1e-6)
    np.testing.assert_allclose(frame[[4, 5]].mean(0), 0, atol=1e-9)


def test_the_frame_is_symmetric_though_people_are_not():
    rng = np.random.default_rng(3)
    people = np.stack([CENTRES_MM + rng.normal(0, 2, CENTRES_MM.shape) for _ in range(5)])
    frame = label_maps.mean_frame(people)
    np.testing.assert_allclose(frame[0:14:2] * [-1, 1, 1], frame[1:14:2], atol=1e-9)
    assert abs(frame[14, 0]) < 1e-9
