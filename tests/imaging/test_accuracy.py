"""Bias and precision against numbers by hand."""

import numpy as np
import pytest

from thalutils.errors import ImageError
from thalutils.imaging.accuracy import bias_and_precision


def test_bias_and_precision_by_hand():
    """White: errors 0.1, 0.3 around a truth of 1 and 3, so mean 0.2 / 2 and SD 0.1414 / 2."""
    table = bias_and_precision(
        np.array([1.1, 3.3, 9.0, 7.0]),
        np.array([1.0, 3.0, 10.0, 1.0]),
        np.ones(4),
        np.array([1, 1, 2, 0]),
        {1: "white", 2: "csf", 3: "absent"},
    )
    assert list(table.tissue) == ["white", "csf", "absent"]
    assert list(table.n_voxels) == [2, 1, 0]
    np.testing.assert_allclose(table.truth_mean, [2.0, 10.0, np.nan])
    np.testing.assert_allclose(table.bias_percent, [10.0, -10.0, np.nan])
    np.testing.assert_allclose(table.sd_percent, [100 * np.sqrt(0.02) / 2, np.nan, np.nan])


def test_maps_of_unlike_shape_are_refused():
    one = np.ones((2, 2, 2))
    with pytest.raises(ImageError, match="differ in shape"):
        bias_and_precision(one, one, one, one[:1], {1: "a"})
    with pytest.raises(ImageError, match="differ in shape"):
        bias_and_precision(one, one, one[:1], one, {1: "a"})


def test_voxels_that_are_not_valid_are_left_out_and_counted():
    """They hold 0, and were errors of -100 %."""
    table = bias_and_precision(
        np.array([1.1, 0.0, 0.0]),
        np.ones(3),
        np.array([1, 0, 0]),
        np.array([1, 1, 2]),
        {1: "white", 2: "csf"},
    )
    assert list(table.n_voxels) == [1, 0]
    assert list(table.n_left_out) == [1, 1]
    np.testing.assert_allclose(table.bias_percent, [10.0, np.nan])
