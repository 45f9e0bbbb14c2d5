"""Signal equations of the study's scans: FLASH, MPRAGE, FLAIR, their echoes and their noise.

Tissue is described by ``r1_per_s``, ``pd_percent``, ``r2star_per_s``, ``mtsat_percent`` and ``t2_s``;
``b1`` is the transmit field relative to nominal (1.0 = nominal). Signals come in the unit of
``pd_percent``. All functions broadcast, and float32 arrays give float32 arrays.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thalutils.errors import ImageError

FloatArray = NDArray[np.floating[Any]]

MT_B1_CALIBRATION = 0.4
"""C of the semi-empirical correction (1 - C) / (1 - C B1) of MT saturation (Weiskopf 2013)."""


def flash(
    r1_per_s: ArrayLike,
    pd_percent: ArrayLike,
    *,
    tr_s: float,
    flip_deg: float,
    b1: ArrayLike = 1.0,
    mtsat_percent: ArrayLike = 0.0,
    mt_delay_s: float = 0.0,
) -> FloatArray:
    """Steady-state signal at TE = 0 of an ideally spoiled FLASH, with an MT pulse once a TR.

    Parameters
    ----------
    r1_per_s, pd_percent : array_like
        Longitudinal relaxation rate (1/s) and proton density (percent), any shape.
    tr_s, flip_deg : float
        Repetition time (s) and nominal flip angle (degrees).
    b1 : array_like
        Transmit field relative to nominal.
    mtsat_percent : array_like
        Share of the longitudinal magnetisation that one MT pulse takes away at ``b1 = 1``, in
        percent; 0 for no pulse.
    mt_delay_s : float
        From the MT pulse to the excitation that follows (s), at most ``tr_s``.

    Returns
    -------
    ndarray
        Signal, in the unit of ``pd_percent``.

    Raises
    ------
    ImageError
        If TR is not positive, the flip angle is not in (0, 180), or the delay is not in [0, TR].

    Notes
    -----
    Ernst's equation; with the MT pulse Helms 2008 (MRM 60:1396), before its small-angle expansion.
    The saturation at B1 is ``delta B1^2 (1 - C B1) / (1 - C)`` with C = 0.4. The power absorbed goes
    with B1^2, and the bound pool, being saturated, answers less than that. An apparent MTsat, all at
    nominal angles, is ``delta(B1) / B1^2`` to first order (the apparent amplitude is ``B1 A``, the
    apparent R1 is ``R1 / B1^2``), so this is the form that the correction
    ``(1 - C) / (1 - C B1)`` of Weiskopf 2013 (Front Neurosci 7:95) undoes.

    Examples
    --------
    >>> float(flash(1.0, 100.0, tr_s=1e3, flip_deg=90))
    100.0
    >>> round(float(flash(1.0, 100.0, tr_s=0.018, flip_deg=25)), 3)
    6.862
    """
    _require(tr_s > 0, f"TR is {tr_s} s: give a positive time")
    _require(0 < flip_deg < 180, f"the flip angle is {flip_deg} degrees: give one in (0, 180)")
    _require(0 <= mt_delay_s <= tr_s, f"the MT delay of {mt_delay_s} s is not within [0, TR]")
    r1, pd, b1, mtsat = floats(r1_per_s, pd_percent, b1, mtsat_percent)
    angle = b1 * math.radians(flip_deg)
    delta = mtsat / 100 * b1**2 * (1 - MT_B1_CALIBRATION * b1) / (1 - MT_B1_CALIBRATION)
    # 1 - E and 1 - cos are small here: expm1 and sin(a/2)^2 keep their digits in float32.
    one_minus_e1 = -np.expm1(-r1 * tr_s)
    lost = 2 * np.sin(angle / 2) ** 2 + delta * np.cos(angle)
    recovered = one_minus_e1 + delta * (np.exp(-r1 * tr_s) - np.exp(-r1 * mt_delay_s))
    return pd * np.sin(angle) * recovered / (one_minus_e1 + (1 - one_minus_e1) * lost)


def echoes(signal_te0: ArrayLike, r2star_per_s: ArrayLike, te_s: ArrayLike) -> FloatArray:
    """Mono-exponential gradient echoes at ``te_s`` (s), along a new last axis.

    Examples
    --------
    >>> echoes([100.0], [20.0], [0.0, 0.05]).round(2).tolist()
    [[100.0, 36.79]]
    """
    signal, r2star = floats(signal_te0, r2star_per_s)
    te = np.asarray(te_s, dtype=signal.dtype)
    _require(te.ndim == 1 and te.size > 0 and bool((te >= 0).all()), "echo times must be a list >= 0")
    return signal[..., None] * np.exp(-r2star[..., None] * te)


def mprage(
    r1_per_s: ArrayLike,
    pd_percent: ArrayLike,
    *,
    tr_s: float,
    ti_s: float,
    flip_deg: float,
    echo_spacing_s: float,
    n_echoes: int,
    b1: ArrayLike = 1.0,
    signed: bool = False,
) -> FloatArray:
    """Steady-state MPRAGE signal of the excitation at the centre of k-space, at TE = 0.

    Parameters
    ----------
    r1_per_s, pd_percent, b1 : array_like
        As in :func:`flash`; the inversion is adiabatic, that is, complete at any ``b1``.
    tr_s : float
        From inversion to inversion (s).
    ti_s : float
        From inversion to excitation ``n_echoes // 2`` of the train, counted from 0 (s).
    flip_deg, echo_spacing_s, n_echoes : float, float, int
        Nominal flip angle (degrees), spacing (s) and number of the train's excitations.
    signed : bool
        Keep the sign of the magnetisation; by default the magnitude is returned.

    Raises
    ------
    ImageError
        If the train does not fit between the inversion and the end of TR.

    Notes
    -----
    Mugler & Brookeman 1990 (MRM 15:152); each step of the cycle maps M to aM + b, and the steady
    state is the fixed point of their composition (Deichmann 2000, NeuroImage 12:112).

    Examples
    --------
    >>> white, csf = mprage([1.0, 0.25], [70.0, 100.0], tr_s=2.0, ti_s=0.9, flip_deg=9,
    ...                     echo_spacing_s=0.007, n_echoes=176, signed=True)
    >>> bool(white > 3 * csf)
    True
    """
    _require(n_echoes >= 1 and echo_spacing_s > 0, "the train needs an echo and a positive spacing")
    n_before = n_echoes // 2
    wait_s = ti_s - n_before * echo_spacing_s
    rest_s = tr_s - wait_s - n_echoes * echo_spacing_s
    _require(wait_s >= 0, f"TI {ti_s} s is too short for {n_before} echoes before the centre")
    _require(rest_s >= 0, f"TR {tr_s} s ends before the train of {n_echoes} echoes does")
    r1, pd, b1 = floats(r1_per_s, pd_percent, b1)
    angle = b1 * math.radians(flip_deg)
    per_echo = np.cos(angle) * np.exp(-r1 * echo_spacing_s)
    resting = -np.expm1(-r1 * echo_spacing_s) / (1 - per_echo)

    def train(n: int) -> tuple[FloatArray, FloatArray]:
        kept = per_echo**n
        return kept, resting * (1 - kept)

    wait = np.exp(-r1 * wait_s), -np.expm1(-r1 * wait_s)
    rest = np.exp(-r1 * rest_s), -np.expm1(-r1 * rest_s)
    to_centre = _then(_then((-1.0, 0.0), wait), train(n_before))
    cycle = _then(_then(to_centre, train(n_echoes - n_before)), rest)
    before_inversion = cycle[1] / (1 - cycle[0])
    signal = pd * np.sin(angle) * (to_centre[0] * before_inversion + to_centre[1])
    return signal if signed else np.abs(signal)


def flair(
    r1_per_s: ArrayLike,
    pd_percent: ArrayLike,
    t2_s: ArrayLike,
    *,
    tr_s: float,
    ti_s: float,
    te_s: float,
) -> FloatArray:
    """Magnitude of an inversion-recovery spin echo in its steady state.

    ``te_s`` is the effective echo time: a SPACE train at TE 387 ms has the contrast of a spin echo
    near 100 ms. Hajnal 1992 (JCAT 16:841), with the spin echo's own term in TE/2.

    Raises
    ------
    ImageError
        If inversion, echo and recovery do not fit in TR.

    Examples
    --------
    >>> nulled = flair(0.25, 100.0, 2.0, tr_s=1e3, ti_s=np.log(2) / 0.25, te_s=0.1)
    >>> bool(nulled < 1e-9)
    True
    """
    _require(ti_s > 0 and te_s >= 0, "TI must be positive and TE not negative")
    _require(ti_s + te_s < tr_s, f"TI {ti_s} s and TE {te_s} s do not fit in TR {tr_s} s")
    r1, pd, t2 = floats(r1_per_s, pd_percent, t2_s)
    longitudinal = 1 - 2 * np.exp(-ti_s * r1) + 2 * np.exp(-(tr_s - te_s / 2) * r1) - np.exp(-tr_s * r1)
    return np.abs(pd * longitudinal) * np.exp(-te_s / t2)


def rician(signal: ArrayLike, sigma: ArrayLike, rng: np.random.Generator) -> FloatArray:
    """Magnitude of ``signal`` with independent noise of SD ``sigma`` in both channels (Rice).

    Examples
    --------
    >>> noise = rician(np.zeros(10_000), 2.0, np.random.default_rng(0))
    >>> bool(abs(noise.mean() - 2.0 * np.sqrt(np.pi / 2)) < 0.05)
    True
    """
    signal, sigma = floats(signal, sigma)
    _require(bool((sigma >= 0).all()), "the noise's SD must not be negative")
    shape = np.broadcast_shapes(signal.shape, sigma.shape)
    in_phase, quadrature = (rng.standard_normal(shape, dtype=signal.dtype) for _ in range(2))
    return np.hypot(signal + sigma * in_phase, sigma * quadrature)


def _then(first: tuple[Any, Any], second: tuple[Any, Any]) -> tuple[Any, Any]:
    """Compose M -> aM + b of two steps, the first done first."""
    return second[0] * first[0], second[0] * first[1] + second[1]


def floats(*values: ArrayLike) -> list[FloatArray]:
    """Give all values the floating type of the arrays among them, float64 where none has one."""
    types = [v.dtype for v in values if isinstance(v, np.ndarray | np.generic) and v.dtype.kind == "f"]
    dtype = np.result_type(*types) if types else np.dtype(np.float64)
    return [np.asarray(v, dtype=dtype) for v in values]


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ImageError(message)
