"""Bias and precision against numbers by hand."""

import numpy as np
import pytest

from thalutils.errors import ImageError
from thalutils.imaging.accuracy import bias_and_precision

WHOLE = np.ones(4)


def of_kind(table, kind):
    return table[table["voxels"] == kind]


def test_bias_and_precision_by_hand():
    """White: errors 0.1, 0.3 around a truth of 1 and 3, so mean 0.2 / 2 and SD 0.1414 / 2."""
    table = bias_and_precision(
        np.array([1.1, 3.3, 9.0, 7.0]),
        np.array([1.0, 3.0, 10.0, 1.0]),
        np.ones(4),
        np.array([1, 1, 2, 0]),
        WHOLE,
        {1: "white", 2: "csf", 3: "absent"},
    )
    for kind in ("pure", "all"):
        mine = of_kind(table, kind)
        assert list(mine.tissue) == ["white", "csf", "absent"]
        assert list(mine.n_voxels) == [2, 1, 0]
        np.testing.assert_allclose(mine.truth_mean, [2.0, 10.0, np.nan])
        np.testing.assert_allclose(mine.bias_percent, [10.0, -10.0, np.nan])
        np.testing.assert_allclose(mine.sd_percent, [100 * np.sqrt(0.02) / 2, np.nan, np.nan])
    assert not of_kind(table, "mixed").n_voxels.any()


def test_voxels_that_hold_two_tissues_are_told_apart():
    """Pure: errors 0.1 and 0.3 on a truth of 1; mixed: -0.5 on a truth of 0.5; all: mean -0.1 / 2.5 of 3 voxels."""
    table = bias_and_precision(
        np.array([1.1, 1.3, 0.0, 0.0]),
        np.array([1.0, 1.0, 0.5, 0.5]),
        np.array([1, 1, 1, 0]),
        np.ones(4, dtype=int),
        np.array([1.0, 1.0, 0.875, 0.5], dtype=np.float32),
        {1: "white"},
    ).set_index("voxels")
    assert table.loc["pure", ["n_voxels", "n_left_out"]].tolist() == [2, 0]
    assert table.loc["mixed", ["n_voxels", "n_left_out"]].tolist() == [1, 1]
    assert table.loc["all", ["n_voxels", "n_left_out"]].tolist() == [3, 1]
    np.testing.assert_allclose(table["bias_percent"], [20.0, -100.0, -4.0])
    np.testing.assert_allclose(table["share_mean"], [1.0, 0.875, 2.875 / 3])
    np.testing.assert_allclose(
        table["sd_percent"], [100 * np.sqrt(0.02), np.nan, 120 * np.std([1, 3, -5], ddof=1) / 10]
    )


@pytest.mark.parametrize("odd", range(5))
def test_maps_of_unlike_shape_are_refused(odd):
    arrays = [np.ones((2, 2, 2))] * 5
    arrays[odd] = arrays[odd][:1]
    with pytest.raises(ImageError, match="differ in shape"):
        bias_and_precision(*arrays, {1: "a"})


def test_voxels_that_are_not_valid_are_left_out_and_counted():
    """They hold 0, and were errors of -100 %."""
    table = bias_and_precision(
        np.array([1.1, 0.0, 0.0]),
        np.ones(3),
        np.array([1, 0, 0]),
        np.array([1, 1, 2]),
        np.ones(3),
        {1: "white", 2: "csf"},
    )
    pure = of_kind(table, "pure")
    assert list(pure.n_voxels) == [1, 0]
    assert list(pure.n_left_out) == [1, 1]
    np.testing.assert_allclose(pure.bias_percent, [10.0, np.nan])
