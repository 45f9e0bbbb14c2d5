"""Estimated maps held against their truth, tissue by tissue."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thalutils.errors import ImageError


def bias_and_precision(
    estimate: NDArray[Any], truth: NDArray[Any], valid: NDArray[Any], labels: NDArray[Any],
    names: Mapping[int, str],
) -> pd.DataFrame:  # fmt: skip
    """Tabulate per tissue how far an estimated map lies from its truth and how much it scatters.

    Parameters
    ----------
    estimate, truth, valid, labels : ndarray
        Maps of one unit, where the estimate is valid, and the label map, all of one shape; label a voxel 0 to leave it out.
        What is not valid holds no estimate: it is left out and counted.
    names : mapping of int to str
        The tissues to report, by label.

    Returns
    -------
    DataFrame
        One row per tissue of ``names``: ``tissue``, ``n_voxels`` that are valid, ``n_left_out`` that are not,
        ``truth_mean``, and in percent of ``truth_mean`` the mean (``bias_percent``) and the SD (``sd_percent``) of
        estimate - truth; NaN where a tissue has too few voxels.

    Raises
    ------
    ImageError
        If the shapes differ.

    Examples
    --------
    >>> bias_and_precision(
    ...     np.array([1.1, 1.3, 0.0]), np.ones(3), np.array([1, 1, 0]), np.ones(3), {1: "thalamus"}
    ... ).round(2).to_dict("records")[0]
    {'tissue': 'thalamus', 'n_voxels': 2, 'n_left_out': 1, 'truth_mean': 1.0, 'bias_percent': 20.0, 'sd_percent': 14.14}
    """
    shapes = {np.shape(estimate), np.shape(truth), np.shape(valid), np.shape(labels)}
    if len(shapes) > 1:
        raise ImageError(f"estimate, truth, valid and labels differ in shape: {shapes}")
    rows = []
    for label, tissue in names.items():
        tissue_voxels = labels == label
        inside = tissue_voxels & (np.asarray(valid) > 0)
        left_out = int(tissue_voxels.sum() - inside.sum())
        expected = pd.Series(truth[inside], dtype=np.float64)
        error = pd.Series(estimate[inside], dtype=np.float64) - expected
        mean = expected.mean()
        rows.append((tissue, len(error), left_out, mean, 100 * error.mean() / mean, 100 * error.std() / mean))
    return pd.DataFrame(
        rows, columns=["tissue", "n_voxels", "n_left_out", "truth_mean", "bias_percent", "sd_percent"]
    )
