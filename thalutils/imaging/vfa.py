"""R1 from spoiled gradient echoes of several flip angles (VFA, also called DESPOT1).

Written from Fram et al., Magn Reson Imaging 1987; 5: 201-208 (the straight line), Deoni et al., Magn Reson Med 2003;
49: 515-526, and Chang et al., Magn Reson Med 2008; 60: 496-501 (its weights).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thalutils.errors import ImageError

FEWEST = 2
ITERATIONS = 4
SLAB_VOXELS = 1 << 18


def r1_and_amplitude(
    signal: NDArray[np.floating], flip_deg: Sequence[float], tr_s: float, b1: ArrayLike = 1.0,
    iterations: int = ITERATIONS,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # fmt: skip
    """Return R1 and the amplitude of scans that differ in their flip angle alone.

    With E1 = exp(-TR R1) the signals lie on a line: S / sin a = E1 S / tan a + A (1 - E1). It is fitted by weighted least
    squares. The weights (sin a / (1 - E1 cos a))^2 make noise on S count alike at all angles, and E1 in them comes from
    the fit before; a few rounds bring the line near the non-linear least-squares fit of S itself.

    Parameters
    ----------
    signal : array, shape (..., n)
        Real, one echo of each angle at the same echo time.
    flip_deg : sequence of n float
        Nominal flip angles (degrees), two different ones at least.
    tr_s : float
        Repetition time (s), of all.
    b1 : array_like, shape (...)
        Transmit field relative to nominal.
    iterations : int
        Rounds of weighting after the first fit, whose weights suppose E1 = 1 - TR 1/s.

    Returns
    -------
    r1_per_s, amplitude : ndarray of float32, shape (...)
        1/s, and the signal's unit. Not finite where the signals give no E1 between 0 and 1. A holds the transverse
        decay up to the echo.

    Raises
    ------
    ImageError
        Where angles or shapes do not make a VFA scan.
    """
    angles = np.radians(np.asarray(flip_deg, float))
    shape = signal.shape[:-1]
    field = np.asarray(b1, dtype=np.float32)
    if len(set(flip_deg)) < FEWEST or signal.shape[-1] != len(angles):
        raise ImageError(
            f"flip angles of {', '.join(f'{one:g}' for one in flip_deg)} degrees for {signal.shape[-1]} scans: give two "
            "different ones at least, one a scan."
        )
    if field.shape not in ((), shape):
        raise ImageError(f"the B1 map has shape {field.shape}, the scans {shape}.")
    flat = signal.reshape(-1, len(angles))
    fields = np.broadcast_to(field, shape).reshape(-1)
    e1, amplitude = np.empty(len(flat)), np.empty(len(flat))
    for start in range(0, len(flat), SLAB_VOXELS):
        mine = slice(start, start + SLAB_VOXELS)
        e1[mine], amplitude[mine] = _fit(flat[mine].astype(float), fields[mine], angles, tr_s, iterations)
    with np.errstate(invalid="ignore", divide="ignore"):
        r1 = np.where((e1 > 0) & (e1 < 1), -np.log(e1) / tr_s, np.nan)
    return r1.reshape(shape).astype(np.float32), amplitude.reshape(shape).astype(np.float32)


def _fit(
    signal: np.ndarray, b1: np.ndarray, angles: np.ndarray, tr_s: float, iterations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return E1 and A of voxels in rows."""
    actual = b1[:, None] * angles
    sine, cosine = np.sin(actual), np.cos(actual)
    e1 = np.full(len(signal), 1 - tr_s)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        y = signal / sine
        x = y * cosine
        for _ in range(iterations + 1):
            weights = (sine / (1 - e1[:, None] * cosine)) ** 2
            total = weights.sum(axis=1)
            x_mean, y_mean = ((weights * one).sum(axis=1) / total for one in (x, y))
            dx, dy = x - x_mean[:, None], y - y_mean[:, None]
            slope = (weights * dx * dy).sum(axis=1) / (weights * dx * dx).sum(axis=1)
            e1 = np.clip(slope, 0, 1 - 1e-6)
        return slope, (y_mean - slope * x_mean) / (1 - slope)
