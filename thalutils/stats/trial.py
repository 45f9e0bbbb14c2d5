"""How many people a trial would need that slows thalamic atrophy, by each method."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from thalutils import tables
from thalutils.schemas import SCHEMAS
from thalutils.stats.change import percent_by_method
from thalutils.stats.description import people
from thalutils.stats.resampling import resampled_counts

PATIENTS, CONTROLS = ("RRMS", "PMS", "MS"), ("HC",)
SLOWINGS_PERCENT, POWERS = (30, 50), (0.8, 0.9)
LEVEL = 0.05
TAIL = 0.025
RESAMPLES, SEED = 2000, 35
FEWEST = 3


def trial_size(
    frame: pd.DataFrame, slowings_percent: Sequence[float] = SLOWINGS_PERCENT, powers: Sequence[float] = POWERS,
    patients: Sequence[str] = PATIENTS, controls: Sequence[str] = CONTROLS, resamples: int = RESAMPLES,
    seed: int = SEED,
) -> pd.DataFrame:  # fmt: skip
    """Find the people per arm of a two-arm trial on percentage thalamic change, as long as the follow-up.

    The treatment can only prevent loss beyond that of healthy controls, the excess. A method that measures
    the same loss with less scatter needs fewer people. Few controls leave the excess, and with it the
    size, uncertain; the interval shows it and may have no upper end.

    Parameters
    ----------
    frame : DataFrame
        What :func:`thalutils.stats.frames.change` returns.
    slowings_percent : sequence of float
        Shares of the excess that the treatment prevents.
    powers : sequence of float
        Chances to find that, at a two-sided level of 5 %.
    patients, controls : sequence of str
        Diagnoses, as in the table ``participants``.
    resamples, seed : int
        Of the bootstrap. Patients and controls are resampled apart, and the same people for all methods.

    Returns
    -------
    DataFrame
        The table ``trial_size``: a row for each method, slowing and power. ``excess_percent`` is negative
        where patients lose more than controls. Intervals are 2.5th to 97.5th percentiles of the bootstrap;
        samples in which patients lose no more than controls need an endless trial, and count as that.

    Notes
    -----
    n = 2 (z_(1-level/2) + z_power)^2 sd^2 / (slowing excess)^2, rounded up, with patients' standard deviation in
    both arms: Rosner, Fundamentals of Biostatistics, sample size for comparing the means of two normal
    samples. Held against statsmodels' ``NormalIndPower``. Sizes of this kind for atrophy in MS: Altmann et
    al., Neurology 2009; 72: 595-601.
    """
    wide = percent_by_method(frame[frame["group"].isin([*patients, *controls])])
    wide = wide.reindex(columns=frame["method"].unique())
    group = frame.drop_duplicates("participant_id").set_index("participant_id")["group"].reindex(wide.index)
    is_patient, values = group.isin(patients).to_numpy(), wide.to_numpy(dtype=float)
    times = resampled_counts(is_patient, resamples, seed)
    ill, well = values[is_patient], values[~is_patient]
    ill_means, ill_sds = resampled_moments(ill, times[:, is_patient])
    well_means, _ = resampled_moments(well, times[:, ~is_patient])
    rows = []
    for place, method in enumerate(wide):
        drawn = (ill_means[:, place] - well_means[:, place], ill_sds[:, place])
        found = _excess(ill[:, place], well[:, place], drawn[0])
        for slowing in slowings_percent:
            for power in powers:
                key = {"method": method, "slowing_percent": slowing, "power": power}
                sizes = {} if "note" in found else _sizes(found, drawn, slowing / 100, power)
                rows.append(key | found | sizes)
    columns = list(SCHEMAS["trial_size"].columns)
    return tables.check("trial_size", pd.DataFrame(rows, columns=columns))


def per_arm(excess: np.ndarray | float, sd: np.ndarray | float, slowing: float, power: float) -> np.ndarray:
    """Return the people per arm, not rounded; infinite where patients lose no more than controls.

    Parameters
    ----------
    excess : float or ndarray
        Patients' mean change minus controls', in %; negative where patients lose more.
    sd : float or ndarray
        Standard deviation of the change, in %.
    slowing : float
        Share of the excess that the treatment prevents, 0 to 1.
    power : float
        Chance to find that, at a two-sided level of 5 %.

    Examples
    --------
    >>> float(np.ceil(per_arm(-1.0, 2.0, slowing=1.0, power=0.8)))
    63.0
    """
    effect = slowing * np.asarray(excess, dtype=float)
    quantiles = stats.norm.isf(LEVEL / 2) + stats.norm.ppf(power)
    losing = effect < 0
    return np.where(losing, 2 * (quantiles * sd / np.where(losing, effect, 1)) ** 2, np.inf)


def resampled_moments(values: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return bootstrap means and standard deviations of each method, the same people drawn for all.

    Parameters
    ----------
    values : ndarray of float, shape (people, methods)
        NaN where a person lacks a method.
    times : ndarray, shape (resamples, people)
        How often each person was drawn.

    Returns
    -------
    means, standard_deviations : ndarray of float, shape (resamples, methods)
        NaN where a resample holds nobody, or fewer than two people, with a value.
    """
    known = np.isfinite(values)
    centre = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    # About the mean, the sums of squares lose no digits.
    centred = np.where(known, values - centre, 0)
    count = times @ known
    mean = np.where(count > 0, times @ centred / np.maximum(count, 1), np.nan)
    squares = times @ centred**2 - count * mean**2
    spread = np.where(count > 1, np.sqrt(np.maximum(squares, 0) / np.maximum(count - 1, 1)), np.nan)
    return centre + mean, spread


def _excess(ill: np.ndarray, well: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    """Return what does not depend on the trial: people, excess, its interval and the spread."""
    ill, well = ill[np.isfinite(ill)], well[np.isfinite(well)]
    found: dict[str, Any] = {"n_patients": len(ill), "n_controls": len(well)}
    for values, what in ((ill, "patients"), (well, "controls")):
        if len(values) < FEWEST:
            few = people(len(values))
            return found | {"note": f"{few} among {what}: too few for an excess over controls."}
    if np.ptp(ill) == 0:
        return found | {"note": "All patients change alike: no spread to plan a trial with."}
    low, high = _interval(drawn)
    return found | {
        "excess_percent": ill.mean() - well.mean(),
        "excess_percent_low": low,
        "excess_percent_high": high,
        "sd_percent": ill.std(ddof=1),
    }


def _sizes(
    found: dict[str, Any], drawn: tuple[np.ndarray, np.ndarray], slowing: float, power: float
) -> dict[str, Any]:
    excess, sd = drawn
    known = np.isfinite(excess) & np.isfinite(sd)
    n = float(per_arm(found["excess_percent"], found["sd_percent"], slowing, power))
    low, high = _interval(per_arm(excess[known], sd[known], slowing, power))
    sizes: dict[str, Any] = {
        "n_per_arm": _people_or_missing(n),
        "n_per_arm_low": _people_or_missing(low),
        "n_per_arm_high": _people_or_missing(high),
        "unbounded_share": float(np.mean(excess[known] >= 0)),
    }
    if np.isinf(n):
        sizes["note"] = "Patients lose no more than controls: no trial would be large enough."
    elif np.isinf(high):
        sizes["note"] = "The interval has no upper end: the excess may be none."
    return sizes


def _interval(drawn: np.ndarray) -> tuple[float, float]:
    """Return both ends of the percentile interval, each a drawn value, so that infinite ones may be among them."""
    known = drawn[~np.isnan(drawn)]
    low, high = np.quantile(known, [TAIL, 1 - TAIL], method="inverted_cdf")
    return float(low), float(high)


def _people_or_missing(n: float) -> float:
    return float(np.ceil(n)) if np.isfinite(n) else np.nan
