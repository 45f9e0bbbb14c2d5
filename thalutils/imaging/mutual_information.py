"""Mutual information of two aligned images, by which a registration is judged (section 2.5.2)."""

import numpy as np

from thalutils.errors import ImageError


def mutual_information(a: np.ndarray, b: np.ndarray, mask: np.ndarray, *, bins: int = 64) -> float:
    """Return the mutual information of two aligned arrays within a mask, in nats.

    Each array is cut into ``bins`` equal widths between its 0.5th and 99.5th percentile in the
    mask, and values beyond fall in the end bins: a few vessels at the top of an R1 map would
    otherwise leave the tissue a handful of bins. 0 is independence and log(bins) the ceiling. Chance
    adds about (bins - 1)^2 / (2 voxels). Interpolation smooths and so raises it: compare like with
    like.

    Raises
    ------
    ImageError
        If shapes differ, the mask is empty or a voxel in it is not finite.
    """
    a, b, mask = np.asarray(a), np.asarray(b), np.asarray(mask) > 0
    if not a.shape == b.shape == mask.shape:
        raise ImageError(f"shapes differ: {a.shape}, {b.shape}, mask {mask.shape}; resample first")
    if not mask.any():
        raise ImageError("the mask is empty; give a brain mask")
    codes = [_binned(values[mask], bins) for values in (a, b)]
    joint = np.bincount(codes[0] * bins + codes[1], minlength=bins**2).reshape(bins, bins)
    joint = joint / joint.sum()
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float(np.sum(joint[seen] * np.log(joint[seen] / expected[seen])))


def _binned(values: np.ndarray, bins: int) -> np.ndarray:
    """Return each value's bin, 0 to bins - 1."""
    if not np.isfinite(values).all():
        raise ImageError("a voxel in the mask is NaN or infinite; clean the image first")
    low, high = np.percentile(values, [0.5, 99.5])
    width = (high - low) / bins or 1.0
    return np.clip((values - low) / width, 0, bins - 1).astype(np.int64)
