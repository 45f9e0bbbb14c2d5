"""The frame: the mean of people who lie anyhow, symmetric about its middle."""

import numpy as np
import pytest
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


@pytest.mark.parametrize("change", ["order", "labels"])
def test_a_prepared_map_is_one_of_the_structures_that_it_was_prepared_for(tmp_path, monkeypatch, change):
    made = []

    def prepare(path, folder):
        made.append(dict(label_maps.STRUCTURES))
        (folder / "map.npz").write_bytes(b"")

    monkeypatch.setattr(label_maps.fetch, "label_map", lambda name: tmp_path / name)
    monkeypatch.setattr(label_maps, "_prepare", prepare)
    first = label_maps._prepared(tmp_path, "01")
    assert label_maps._prepared(tmp_path, "01") == first and len(made) == 1
    if change == "order":
        other = dict(reversed(label_maps.STRUCTURES.items()))
    else:
        other = label_maps.STRUCTURES | {"brainstem": (16, 28)}
    monkeypatch.setattr(label_maps, "STRUCTURES", other)
    assert label_maps._prepared(tmp_path, "01") != first and len(made) == 2
