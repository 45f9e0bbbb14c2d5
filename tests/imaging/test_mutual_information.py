"""Mutual information against its closed forms."""

import numpy as np
import pytest

from thalutils.errors import ImageError
from thalutils.imaging.mutual_information import mutual_information


@pytest.mark.parametrize("bins", [16, 64])
def test_mutual_information_of_a_uniform_with_itself_is_log_bins(bins):
    uniform = np.random.default_rng(0).uniform(size=(60, 60, 60))
    mask = np.ones(uniform.shape)
    assert mutual_information(uniform, -3 * uniform, mask, bins=bins) == pytest.approx(np.log(bins), abs=0.01)


@pytest.mark.parametrize("rho", [0.0, 0.5, -0.9])
def test_mutual_information_of_gaussians_is_that_of_their_correlation(rho):
    """In nats: -0.5 ln(1 - rho^2); in bits these would be 1.44 times as much."""
    a, b = np.random.default_rng(1).normal(size=(2, 100, 100, 100))
    b = rho * a + np.sqrt(1 - rho**2) * b
    found = mutual_information(a, b, np.ones(a.shape))
    assert found == pytest.approx(-0.5 * np.log(1 - rho**2), abs=0.02)


def test_mutual_information_counts_the_mask_only_and_bears_outliers():
    rng = np.random.default_rng(2)
    a = rng.uniform(size=(50, 50, 50))
    b = a.copy()
    mask = np.zeros(a.shape, bool)
    mask[:25] = True
    b[25:] = rng.uniform(size=(25, 50, 50))
    inside = mutual_information(a, b, mask)
    a[0, 0, :5] = 1e6
    assert inside == pytest.approx(np.log(64), abs=0.02)
    assert mutual_information(a, b, mask) == pytest.approx(inside, abs=0.1)
    assert mutual_information(a, b, ~mask) < 0.1


def test_mutual_information_of_a_constant_is_nothing():
    a = np.random.default_rng(0).normal(size=(10, 10, 10))
    assert mutual_information(a, np.ones_like(a), np.ones_like(a)) == pytest.approx(0)


def test_mutual_information_refuses_what_it_cannot_count():
    a = np.zeros((3, 3, 3))
    with pytest.raises(ImageError, match="shapes differ"):
        mutual_information(a, a[:2], a)
    with pytest.raises(ImageError, match="mask is empty"):
        mutual_information(a, a, a)
    with pytest.raises(ImageError, match="NaN"):
        mutual_information(a, a * np.nan, a + 1)
