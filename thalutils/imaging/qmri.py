"""Quantitative maps (R1, PD, MTsat, R2*) from a multi-echo FLASH protocol with three weightings.

Written from the papers: ESTATICS (Weiskopf 2014, Front Neurosci 8:278), the rational approximation
(Helms 2008, MRM 59:667 and, for MT saturation, MRM 60:1396) and its tangent form (Dathe & Helms
2010, Phys Med Biol 55:4231; Edwards 2021, ESMRMB, doi:10.1007/s10334-021-00947-8).
"""

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thalutils.errors import ImageError

FloatArray = NDArray[np.floating[Any]]
Form = Literal["tangent", "small-angle"]
Weighting = Literal["ols", "wls"]

MT_B1_CALIBRATION = 0.4
_SLAB_VOXELS = 1 << 17


@dataclass(frozen=True, eq=False)
class Contrast:
    """One weighting of the protocol: ``signal`` (x, y, z, echo), its echo times and its excitation.

    Raises
    ------
    ImageError
        If shape, echo times, TR (s) and nominal flip angle (degrees) do not make a FLASH scan.
    """

    signal: NDArray[Any]
    te_s: tuple[float, ...]
    tr_s: float
    flip_deg: float

    def __post_init__(self) -> None:
        """Refuse what is not a scan; keep the echo times as a tuple."""
        te_s = tuple(float(te) for te in self.te_s)
        object.__setattr__(self, "te_s", te_s)
        shape = np.shape(self.signal)
        _require(len(shape) == 4, f"the signal has shape {shape}: give (x, y, z, echo)")
        _require(self.signal.dtype.kind in "fiu", f"the signal is {self.signal.dtype}, not real")
        _require(len(te_s) == shape[3], f"{len(te_s)} echo times for {shape[3]} echoes")
        _require(len(te_s) > 0, "there is no echo")
        rising = te_s[0] >= 0 and all(a < b for a, b in pairwise(te_s))
        _require(rising, f"echo times {te_s} s do not rise from 0 or later")
        _require(te_s[-1] < self.tr_s, f"TR {self.tr_s} s ends before TE {te_s[-1]} s: mind units")
        _require(0 < self.flip_deg <= 90, f"flip angle {self.flip_deg} degrees is not in (0, 90]")


@dataclass(frozen=True, eq=False)
class Maps:
    """Quantitative maps (x, y, z) in float32: 0 where ``valid`` is False, finite everywhere.

    ``pd_percent`` is the amplitude A in arbitrary units until
    :func:`thalutils.imaging.proton_density.calibrate_pd` has scaled it;
    ``mtsat_percent`` is None where no MT-weighted scan was given.
    """

    r1_per_s: NDArray[np.float32]
    pd_percent: NDArray[np.float32]
    mtsat_percent: NDArray[np.float32] | None
    r2star_per_s: NDArray[np.float32]
    valid: NDArray[np.bool_]


def quantitative_maps(
    pdw: Contrast,
    t1w: Contrast,
    mtw: Contrast | None = None,
    b1_percent: ArrayLike = 100.0,
    *,
    form: Form = "tangent",
    weighting: Weighting = "wls",
    iterations: int = 1,
    r1_range_per_s: tuple[float, float] = (0.0, 2.0),
    threads: int = 1,
) -> Maps:
    """Fit R1, PD, MTsat and R2* to PD-, T1- and (optionally) MT-weighted scans on one grid.

    A voxel is valid if its transmit field is positive, each contrast has a signal at TE = 0 and R1
    lies in ``r1_range_per_s``, ends included. Elsewhere all maps hold 0: an R1 beyond the range is
    noise or a misfit, and is not clipped to the range's end, where it would pass for a measurement.
    MTsat and R2* may be slightly negative by noise, so that their means stay unbiased. Noise outside
    the head can pass for valid: ``valid`` is no brain mask.

    Parameters
    ----------
    pdw, t1w, mtw : Contrast
        Scans of one shape; ``mtw`` may be None.
    b1_percent : array_like
        Transmit field in percent of nominal: (x, y, z) on the scans' grid, or one number.
    form, weighting, iterations, threads
        See :func:`r1_and_amplitude` and :func:`estatics`. hMRI-toolbox up to 0.6.1 is
        ``"small-angle"`` with ``"ols"``; 1.0.0 is ``"tangent"`` with ``"wls"``.

    Raises
    ------
    ImageError
        If shapes differ, the R1 range is empty or an option is unknown.
    """
    low, high = r1_range_per_s
    _require(low < high, f"the R1 range {r1_range_per_s} 1/s is empty")
    contrasts = {"pdw": pdw, "t1w": t1w} | ({} if mtw is None else {"mtw": mtw})
    b1 = np.asarray(b1_percent, dtype=np.float32) / 100
    shape = pdw.signal.shape[:3]
    _require(b1.shape in ((), shape), f"the B1 map has shape {b1.shape}, the scans {shape}")

    te0, r2star = estatics(contrasts, weighting=weighting, iterations=iterations, threads=threads)
    excitation: dict[str, Any] = {
        "tr_pd_s": pdw.tr_s,
        "tr_t1_s": t1w.tr_s,
        "flip_pd_deg": pdw.flip_deg,
        "flip_t1_deg": t1w.flip_deg,
        "form": form,
    }
    with np.errstate(invalid="ignore"):
        r1, amplitude = r1_and_amplitude(te0["pdw"], te0["t1w"], b1=b1, **excitation)
        # Without a field or a signal, R1 is negative or NaN, or the amplitude is not positive.
        valid = (r1 >= low) & (r1 <= high) & (amplitude > 0) & (amplitude < np.inf)
    mtsat = None
    if mtw is not None:
        r1_app, amplitude_app = r1_and_amplitude(te0["pdw"], te0["t1w"], **excitation)
        mtsat = mtsat_percent(
            te0["mtw"],
            amplitude_app=amplitude_app,
            r1_app_per_s=r1_app,
            tr_mt_s=mtw.tr_s,
            flip_mt_deg=mtw.flip_deg,
            b1=b1,
        )
        valid &= np.isfinite(mtsat)
        mtsat = np.where(valid, mtsat, np.float32(0))
    r1, amplitude, r2star = (np.where(valid, a, np.float32(0)) for a in (r1, amplitude, r2star))
    return Maps(r1, amplitude, mtsat, r2star, valid)


def estatics(
    contrasts: Mapping[str, Contrast],
    *,
    weighting: Weighting = "ols",
    iterations: int = 1,
    threads: int = 1,
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """Extrapolate every contrast to TE = 0 with one R2* shared by all of them.

    Log-linear least squares over all echoes (Weiskopf 2014). With the intercepts eliminated,
    R2* is minus the slope pooled over contrasts of echoes centred on their contrast's mean.

    Parameters
    ----------
    contrasts : mapping of str to Contrast
        Any number of contrasts of one shape, at least one with two echoes.
    weighting : {"ols", "wls"}
        ``"wls"`` repeats the fit ``iterations`` times with the squared signal predicted by the fit
        before as weight, which is the inverse variance of a log signal.
    threads : int
        Slabs fitted at a time; the result does not depend on it.

    Returns
    -------
    dict of str to ndarray
        Signal at TE = 0 per contrast, (x, y, z) float32.
    ndarray
        R2* in 1/s, (x, y, z) float32.

    Raises
    ------
    ImageError
        If shapes differ, no contrast has two echoes, or an option is unknown.

    Notes
    -----
    A sample that is not positive and finite has no logarithm and weighs nothing. A contrast left
    without samples gets signal 0, and so do all contrasts of a voxel left without a slope.
    """
    _require(weighting in ("ols", "wls"), f"weighting is {weighting!r}: give 'ols' or 'wls'")
    _require(iterations >= 1 and threads >= 1, "iterations and threads must be at least 1")
    scans = list(contrasts.values())
    _require(any(len(s.te_s) > 1 for s in scans), "R2* needs a contrast with at least two echoes")
    shapes = {name: s.signal.shape[:3] for name, s in contrasts.items()}
    _require(len(set(shapes.values())) == 1, f"the contrasts differ in shape: {shapes}")
    shape = scans[0].signal.shape[:3]
    te0 = {name: np.empty(shape, dtype=np.float32) for name in contrasts}
    r2star = np.empty(shape, dtype=np.float32)

    def fit(start: int) -> None:
        slab = slice(start, start + thickness)
        intercepts, rate = _fit_slab(
            [np.moveaxis(s.signal[slab], -1, 0) for s in scans],
            [s.te_s for s in scans],
            iterations if weighting == "wls" else 0,
        )
        r2star[slab] = rate
        for signal, intercept in zip(te0.values(), intercepts, strict=True):
            np.exp(intercept, out=signal[slab])

    # The slabs' thickness must not follow `threads`: equal slabs give equal rounding.
    thickness = max(1, _SLAB_VOXELS // max(1, math.prod(shape[1:])))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fit, range(0, shape[0], thickness)))
    return te0, r2star


def _fit_slab(
    signals: list[NDArray[Any]], te_s: list[tuple[float, ...]], reweightings: int
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """Logarithms of the TE = 0 signals (-inf where none) and R2* of signals (echo, ...)."""
    logs, weights = [], []
    for signal in signals:
        signal = np.array(signal, dtype=np.float32, order="C")
        usable = (signal > 0) & (signal < np.inf)
        signal[~usable] = 1
        logs.append(np.log(signal, out=signal))
        weights.append(usable.astype(np.float32))
    intercepts, rate = _solve(logs, te_s, weights)
    for _ in range(reweightings):
        # Relative to the strongest contrast, so that no unit of the signal can overflow.
        strongest = np.maximum.reduce([*intercepts, np.full_like(rate, np.finfo(rate.dtype).min)])
        predicted = [
            [
                used * np.exp(2 * (intercept - strongest - rate * np.float32(te)))
                for used, te in zip(weight, times, strict=True)
            ]
            for intercept, weight, times in zip(intercepts, weights, te_s, strict=True)
        ]
        intercepts, rate = _solve(logs, te_s, predicted)
    return intercepts, rate


def _solve(logs: list[Any], te_s: list[tuple[float, ...]], weights: list[Any]) -> tuple[Any, Any]:
    """Weighted log-linear fit with one slope: intercept per contrast (-inf where none) and R2*."""
    above, below = np.zeros((2, *logs[0][0].shape), dtype=np.float32)
    means = []
    for log, times, weight in zip(logs, te_s, weights, strict=True):
        total, sum_t, sum_log = np.zeros((3, *above.shape), dtype=np.float32)
        for y, te, w in zip(log, times, weight, strict=True):
            total += w
            sum_t += w * np.float32(te)
            sum_log += w * y
        seen = total > 0
        total[~seen] = 1
        mean_t, mean_log = sum_t / total, sum_log / total
        for y, te, w in zip(log, times, weight, strict=True):
            lever = w * (np.float32(te) - mean_t)
            above += lever * (y - mean_log)
            below += lever * (np.float32(te) - mean_t)
        means.append((seen, mean_t, mean_log))
    sloped = below > 0
    rate = np.where(sloped, -above / np.where(sloped, below, 1), np.float32(0))
    intercepts = [
        np.where(seen & sloped, mean_log + rate * mean_t, np.float32(-np.inf))
        for seen, mean_t, mean_log in means
    ]
    return intercepts, rate


def r1_and_amplitude(
    s_pd: ArrayLike,
    s_t1: ArrayLike,
    *,
    tr_pd_s: float,
    tr_t1_s: float,
    flip_pd_deg: float,
    flip_t1_deg: float,
    b1: ArrayLike = 1.0,
    form: Form = "tangent",
) -> tuple[FloatArray, FloatArray]:
    """R1 (1/s) and amplitude A from the TE = 0 signals of two weightings.

    Parameters
    ----------
    s_pd, s_t1 : array_like
        PD- and T1-weighted signals, any shape.
    tr_pd_s, tr_t1_s, flip_pd_deg, flip_t1_deg : float
        Repetition times (s) and nominal flip angles (degrees).
    b1 : array_like
        Transmit field relative to nominal; 1 gives the apparent values that
        :func:`mtsat_percent` asks for.
    form : {"tangent", "small-angle"}
        What stands for the angle a: 2 tan(a/2), which inverts an ideally spoiled signal up to
        (R1 TR)^2 / 12 (Edwards 2021), or a itself (Helms 2008), which puts R1 lower by a share of
        about (a_PD^2 + a_T1^2) / 12.

    Returns
    -------
    r1_per_s, amplitude : ndarray
        Not finite where the two signals determine neither; ``amplitude`` in the signal's unit.

    Raises
    ------
    ImageError
        If ``form`` is unknown or the two scans have the same weighting.

    Examples
    --------
    >>> r1, amplitude = r1_and_amplitude(
    ...     3.0, 6.0, tr_pd_s=0.02, tr_t1_s=0.02, flip_pd_deg=3, flip_t1_deg=20)
    >>> round(float(r1), 4), round(float(amplitude), 2)
    (1.2161, 60.51)
    """
    _require(form in ("tangent", "small-angle"), f"form {form!r}: give 'tangent' or 'small-angle'")
    s_pd, s_t1 = np.asarray(s_pd), np.asarray(s_t1)
    dtype = np.result_type(s_pd, s_t1, np.float32)
    b1 = np.asarray(b1, dtype=dtype)
    t_pd, t_t1 = (
        2 * np.tan(b1 * math.radians(deg) / 2) if form == "tangent" else b1 * math.radians(deg)
        for deg in (flip_pd_deg, flip_t1_deg)
    )
    same = math.isclose(flip_pd_deg**2 * tr_t1_s, flip_t1_deg**2 * tr_pd_s)
    _require(not same, "PDw and T1w have the same weighting: R1 cannot be told from them")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        r1 = (s_pd * t_pd / tr_pd_s - s_t1 * t_t1 / tr_t1_s) / (s_t1 / t_t1 - s_pd / t_pd) / 2
        amplitude = (s_t1 * s_pd * (tr_t1_s * t_pd / t_t1 - tr_pd_s * t_t1 / t_pd)) / (
            s_pd * tr_t1_s * t_pd - s_t1 * tr_pd_s * t_t1
        )
    return r1.astype(dtype), amplitude.astype(dtype)


def mtsat_percent(
    s_mt: ArrayLike,
    *,
    amplitude_app: ArrayLike,
    r1_app_per_s: ArrayLike,
    tr_mt_s: float,
    flip_mt_deg: float,
    b1: ArrayLike = 1.0,
) -> FloatArray:
    """MT saturation (percent) of an MT-weighted TE = 0 signal.

    The amplitude and R1 are the apparent ones, of nominal angles (``b1 = 1`` in
    :func:`r1_and_amplitude`): in the apparent saturation (Helms 2008, MRM 60:1396) the
    transmit field then cancels but for a remainder, which (1 - C) / (1 - C B1), C = 0.4, takes
    away (Weiskopf 2013, Front Neurosci 7:95). B1-corrected values here would be wrong.

    The expansion is of first order: on an ideal signal the result is up to 4 % (relative) high
    where the MT pulse comes right before the excitation, and as much low right after it.

    Examples
    --------
    A signal of half of what a flip of a = 0.1 would give without relaxation, A a:

    >>> saturation = mtsat_percent(5.0, amplitude_app=100.0, r1_app_per_s=1.0, tr_mt_s=0.03,
    ...                            flip_mt_deg=np.rad2deg(0.1))
    >>> round(float(saturation), 3)  # 100 x (1 x 0.03 - 0.1^2 / 2)
    2.5
    """
    s_mt, amplitude, r1 = (np.asarray(a) for a in (s_mt, amplitude_app, r1_app_per_s))
    dtype = np.result_type(s_mt, amplitude, r1, np.float32)
    alpha = math.radians(flip_mt_deg)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        apparent = 100 * ((amplitude * alpha - s_mt) * r1 * tr_mt_s / s_mt - alpha**2 / 2)
        correction = (1 - MT_B1_CALIBRATION) / (1 - MT_B1_CALIBRATION * np.asarray(b1, dtype))
    return (apparent * correction).astype(dtype)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ImageError(message)
