"""Gibbs ringing taken out of scans before maps are fitted to them."""

from typing import Any

import numpy as np
from dipy.denoise.gibbs import gibbs_removal
from numpy.typing import NDArray

from thalutils.errors import ImageError


def unring(signal: NDArray[Any], *, slice_axis: int = 2) -> NDArray[np.float32]:
    """Remove Gibbs ringing from a series (x, y, z, echo) by sub-voxel shifts, in float32.

    Kellner 2016 (MRM 76:1574), as in dipy; it works in the two axes other than ``slice_axis``.

    Raises
    ------
    ImageError
        If the series is not 4D or not finite.
    """
    if np.ndim(signal) != 4:
        raise ImageError(f"shape {np.shape(signal)}: give (x, y, z, echo)")
    if not np.isfinite(signal).all():
        raise ImageError("the series holds NaN or Inf: clean it first")
    series = np.array(signal, dtype=np.float32)
    return gibbs_removal(series, slice_axis=slice_axis, inplace=True, num_processes=1)
