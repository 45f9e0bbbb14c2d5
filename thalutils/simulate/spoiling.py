"""Imperfect RF spoiling of a FLASH, simulated by extended phase graphs."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import RegularGridInterpolator

from thalutils.errors import ImageError
from thalutils.simulate.sequences import FloatArray, flash, floats

R1_PER_S = np.geomspace(0.2, 3.0, 10)
T2_S = np.geomspace(0.01, 0.5, 10)
FLIP_STEP_DEG = 2.0
PULSES = 400
ORDERS = 48


def spoiling_factor(
    r1_per_s: ArrayLike,
    t2_s: ArrayLike,
    *,
    flip_deg: float,
    tr_s: float,
    b1: ArrayLike = 1.0,
    phase_increment_deg: float = 50.0,
) -> FloatArray:
    """RF-spoiled FLASH signal over the ideally spoiled one of ``sequences.flash``, without MT pulse.

    Extended phase graphs (Weigel 2015, JMRI 41:266) are run once over a grid of R1, T2 and angle and
    then interpolated linearly. Diffusion is left out, which makes spoiling somewhat worse than in a
    head. R1 is clipped to [0.2, 3] 1/s and T2 to [10, 500] ms, so a CSF voxel is a short-T2 one.

    Raises
    ------
    ImageError
        If TR is not positive or an actual flip angle is not in (0, 90].

    Examples
    --------
    >>> factor = spoiling_factor(1.0, [0.01, 0.08], flip_deg=25, tr_s=0.018)
    >>> bool(abs(factor[0] - 1) < abs(factor[1] - 1) < 0.1)
    True
    """
    if not tr_s > 0:
        raise ImageError(f"TR is {tr_s} s: give a positive time")
    r1, t2, b1 = np.broadcast_arrays(*floats(r1_per_s, t2_s, b1))
    angle_deg = b1 * flip_deg
    low, high = float(angle_deg.min()), float(angle_deg.max())
    if not (low > 0 and high <= 90):
        raise ImageError(f"flip angles span {low:g} to {high:g}, not within (0, 90]")
    step = FLIP_STEP_DEG
    nodes = tuple(step * np.arange(max(low // step, 0.5), high // step + 2))
    table = RegularGridInterpolator(
        (np.log(R1_PER_S), np.log(T2_S), nodes),
        _spoiling_table(tr_s, phase_increment_deg, nodes),
        # Clipped values may lie a rounding error outside the grid.
        bounds_error=False,
        fill_value=None,
    )
    r1 = np.clip(r1, R1_PER_S[0], R1_PER_S[-1])
    t2 = np.clip(t2, T2_S[0], T2_S[-1])
    return table(np.stack([np.log(r1), np.log(t2), angle_deg], axis=-1)).astype(angle_deg.dtype)


@lru_cache(maxsize=16)
def _spoiling_table(tr_s: float, increment_deg: float, flips_deg: tuple[float, ...]) -> FloatArray:
    """Ratio of the EPG signal to the ideal one, shape (R1, T2, flip)."""
    r1, t2, flip_deg = np.meshgrid(R1_PER_S, T2_S, flips_deg, indexing="ij")
    signal = _epg_flash(r1.ravel(), t2.ravel(), np.deg2rad(flip_deg.ravel()), tr_s, increment_deg)
    # A nominal angle of one degree makes b1 the angle in degrees.
    ideal = flash(r1, 1.0, tr_s=tr_s, flip_deg=1.0, b1=flip_deg)
    return signal.reshape(r1.shape) / ideal


def _epg_flash(
    r1_per_s: FloatArray, t2_s: FloatArray, flip: FloatArray, tr_s: float, increment_deg: float
) -> FloatArray:
    """Magnitude of F0 right after the last of a long train of RF-spoiled pulses, shape (n,)."""
    e1, e2 = np.exp(-tr_s * r1_per_s)[:, None], np.exp(-tr_s / t2_s)[:, None]
    sin, cos = np.sin(flip)[:, None], np.cos(flip)[:, None]
    f_plus, f_minus, z = np.zeros((3, flip.size, ORDERS), dtype=complex)
    # Starting at the ideal steady state leaves a small transient instead of a whole recovery.
    z[:, :1] = (1 - e1) / (1 - e1 * cos)
    signal = np.zeros(flip.size)
    for pulse in range(PULSES):
        turn = np.exp(1j * np.deg2rad(increment_deg * pulse * (pulse + 1) / 2))
        back = turn.conj()
        # Weigel's rotation of (F_k, conj F_-k, Z_k) about an axis at the pulse's phase.
        plus = (1 + cos) / 2 * f_plus + turn**2 * (1 - cos) / 2 * f_minus - 1j * turn * sin * z
        minus = back**2 * (1 - cos) / 2 * f_plus + (1 + cos) / 2 * f_minus + 1j * back * sin * z
        z = e1 * (0.5j * sin * (turn * f_minus - back * f_plus) + cos * z)
        z[:, :1] += 1 - e1
        signal = np.abs(plus[:, 0])
        # The gradient moves every order up by one; F_-1 becomes F_0.
        f_plus[:, 1:] = e2 * plus[:, :-1]
        f_minus[:, :-1] = e2 * minus[:, 1:]
        f_minus[:, -1] = 0
        f_plus[:, 0] = f_minus[:, 0].conj()
    return signal
