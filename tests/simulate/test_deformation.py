"""Deformations are invertible, and curl-free flows grow and shrink what they are told to."""

import numpy as np
import pytest

from thalutils.simulate.deformation import (
    Field,
    Grid,
    compose,
    exponential,
    flow_from_sources,
    jacobian_determinant,
    random_velocity,
    sample,
)  # fmt: skip

GRID = Grid((40, 42, 38), np.array([-50.0, -52.0, -47.0]), 2.5)
INNER = (slice(8, -8),) * 3


def test_sampling_is_exact_on_a_linear_field():
    nodes = GRID.points()
    values = (2 * nodes[..., :1] - nodes[..., 1:2] + 3).astype(np.float32)
    points = np.array([[0.3, -1.7, 4.4], [10.1, 3.3, -8.2]], dtype=np.float32)
    expected = 2 * points[:, :1] - points[:, 1:2] + 3
    np.testing.assert_allclose(sample(values, GRID, points), expected, atol=1e-3)


def test_exponential_of_minus_the_velocity_undoes_it():
    velocity = random_velocity(GRID, np.random.default_rng(3), [(20.0, 2.0)])
    there, back = exponential(velocity), exponential(Field(GRID, -velocity.vectors))
    left = np.abs(compose(there, back).vectors[INNER]).max()
    assert np.abs(there.vectors[INNER]).max() > 2
    assert left < 0.1


def test_deformations_do_not_fold():
    velocity = random_velocity(GRID, np.random.default_rng(4), [(20.0, 2.0), (10.0, 0.4)])
    assert jacobian_determinant(exponential(velocity))[INNER].min() > 0.2


def test_flow_has_the_divergence_of_its_sources():
    sources = np.zeros(GRID.shape)
    sources[10:16, 18:24, 16:22], sources[24:30, 18:24, 16:22] = -1.0, 1.0
    flow = flow_from_sources(GRID, sources, np.ones(GRID.shape, bool), smoothing_mm=2.5)
    divergence = sum(np.gradient(flow.vectors[..., k], GRID.spacing_mm, axis=k) for k in range(3))
    assert divergence[13, 21, 19] == pytest.approx(-1, abs=0.25)
    assert divergence[27, 21, 19] == pytest.approx(1, abs=0.25)
    assert abs(divergence[20, 6, 6]) < 0.02


def test_flow_in_a_tube_is_what_one_dimension_says_and_stays_inside():
    tube = np.zeros(GRID.shape, dtype=bool)
    tube[5:35, 20:24, 16:20] = True
    tube[38, 2, 2] = True  # a part of its own, in which nothing can flow
    sources = np.zeros(GRID.shape)
    sources[5, 20:24, 16:20], sources[34, 20:24, 16:20] = 1.0, -1.0
    flow = flow_from_sources(GRID, sources, tube, smoothing_mm=0.0).vectors
    np.testing.assert_allclose(flow[7:33, 20:24, 16:20, 0], GRID.spacing_mm, rtol=1e-4)
    np.testing.assert_allclose(flow[..., 1:], 0, atol=1e-4)
    assert not flow[~tube].any()
    assert not flow[38, 2, 2].any()
