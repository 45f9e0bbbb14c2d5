"""The simulated rater keeps the protocol: no fluid, and away from the lateral border."""

import numpy as np
import pytest

from thalutils.simulate.rater import Protocol, draw

EXACT = Protocol(wobble_mm=0.0, habit_mm=0.0)


@pytest.fixture
def shares():
    """A slab of left thalamus 20 mm wide, fluid on its right, white matter elsewhere; 1 mm voxels."""
    left, right, fluid = (np.zeros((40, 20, 20), dtype=np.float32) for _ in range(3))
    left[10:30] = 1.0
    fluid[30:] = 1.0
    left[29], fluid[29] = 0.7, 0.3
    return left, right, fluid


def test_every_voxel_with_fluid_is_left_out(shares):
    drawn = draw(*shares, 1.0, np.random.default_rng(0), EXACT)
    assert (shares[0][29] >= 0.5).all()
    assert not drawn[29:].any()
    assert drawn[28].all()


def test_lateral_border_keeps_its_margin(shares):
    margin = Protocol(lateral_margin_mm=3.0, wobble_mm=0.0, habit_mm=0.0)
    drawn = draw(*shares, 1.0, np.random.default_rng(0), margin)
    assert np.flatnonzero(drawn.any(axis=(1, 2)))[0] == 13


def test_sides_are_labelled(shares):
    left, right, fluid = shares
    drawn = draw(right, left, fluid, 1.0, np.random.default_rng(0), EXACT)
    assert set(np.unique(drawn)) == {0, 49}


def test_two_drawings_differ_and_one_seed_does_not(shares):
    first, again, other = (draw(*shares, 1.0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
