"""Estimated maps held against their truth, tissue by tissue."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thalutils.errors import ImageError

PURE, MIXED, ALL = "pure", "mixed", "all"
# Of a voxel that counts as pure, this much or more is one tissue.
PURE_SHARE = 1.0


def bias_and_precision(
    estimate: NDArray[Any], truth: NDArray[Any], valid: NDArray[Any], labels: NDArray[Any],
    shares: NDArray[Any], names: Mapping[int, str],
) -> pd.DataFrame:  # fmt: skip
    """Tabulate per tissue how far an estimated map lies from its truth and how much it scatters.

    What partial volume does is the difference of mixed and pure voxels. A map's truth in a mixed voxel is the mean of
    its tissues' values; a scanner averages their signals instead, and no formula brings that mean back.

    Parameters
    ----------
    estimate, truth, valid, labels, shares : ndarray
        Maps of one unit, where the estimate is valid, the tissue that each voxel holds most of, and how much of the voxel
        that tissue fills (0 to 1), all of one shape; label a voxel 0 to leave it out. What is not valid holds no
        estimate: it is left out and counted.
    names : mapping of int to str
        The tissues to report, by label.

    Returns
    -------
    DataFrame
        Three rows per tissue of ``names``, for ``voxels`` that are ``pure`` (share of :data:`PURE_SHARE`), ``mixed``
        (less) and ``all``: ``tissue``, ``voxels``, ``n_voxels`` that are valid, ``n_left_out`` that are not,
        ``share_mean`` of the tissue in those that are valid, ``truth_mean``, and in percent of ``truth_mean`` the mean
        (``bias_percent``) and the SD (``sd_percent``) of estimate - truth; NaN where there are too few voxels.

    Raises
    ------
    ImageError
        If the shapes differ.

    Examples
    --------
    >>> found = bias_and_precision(
    ...     np.array([1.1, 1.3, 0.0]), np.ones(3), np.array([1, 1, 0]), np.ones(3), np.array([1, 0.5, 1]), {1: "thalamus"}
    ... )
    >>> found[["voxels", "n_voxels", "n_left_out", "bias_percent"]].round(2).values.tolist()
    [['pure', 1, 1, 10.0], ['mixed', 1, 0, 30.0], ['all', 2, 1, 20.0]]
    """
    shapes = {np.shape(each) for each in (estimate, truth, valid, labels, shares)}
    if len(shapes) > 1:
        raise ImageError(f"estimate, truth, valid, labels and shares differ in shape: {shapes}")
    pure = np.asarray(shares) >= PURE_SHARE
    kinds = {PURE: pure, MIXED: ~pure, ALL: np.ones_like(pure)}
    rows = []
    for label, tissue in names.items():
        for kind, chosen in kinds.items():
            voxels = (labels == label) & chosen
            inside = voxels & (np.asarray(valid) > 0)
            left_out = int(voxels.sum() - inside.sum())
            expected = pd.Series(truth[inside], dtype=np.float64)
            error = pd.Series(estimate[inside], dtype=np.float64) - expected
            share, mean = pd.Series(shares[inside], dtype=np.float64).mean(), expected.mean()
            bias, sd = (100 * value / mean for value in (error.mean(), error.std()))
            rows.append((tissue, kind, len(error), left_out, share, mean, bias, sd))
    columns = [
        "tissue", "voxels", "n_voxels", "n_left_out", "share_mean", "truth_mean", "bias_percent", "sd_percent",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)
