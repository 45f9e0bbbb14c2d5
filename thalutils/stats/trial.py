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
        where patients lose more than controls; its interval is that of :func:`excess_interval`. The interval of
        ``n_per_arm`` has the sizes at both ends of it, with patients' standard deviation as estimated, and no
        upper end where it reaches 0. ``unbounded_share`` is the share of resamples whose excess is 0 or more.

    Notes
    -----
    n = 2 (z_(1-level/2) + z_power)^2 sd^2 / (slowing excess)^2, rounded up, with patients' standard deviation in
    both arms: Rosner, Fundamentals of Biostatistics, sample size for comparing the means of two normal
    samples. Held against statsmodels' ``NormalIndPower``. Sizes of this kind for atrophy in MS: Altmann et
    al., Neurology 2009; 72: 595-601.

    Percentiles of the resampled excess would be too close with few controls, whose scatter resamples understate.
    The interval is therefore studentised: t* = (excess* - excess) / se* of each resample, with Welch's
    standard error, and excess -/+ se times the 95th percentile of abs(t*): Hall, J R Stat Soc B 1988; 50: 35-45.
    In studies drawn from the twin, with 7 controls, it holds the truth about as often as it promises
    (:mod:`thalutils.simulate.coverage`). The standard deviation's own error is left out of the interval of the
    size: of a hundred patients it is 7 %, little beside the excess's where controls are few.
    """
    wide = percent_by_method(frame[frame["group"].isin([*patients, *controls])])
    wide = wide.reindex(columns=frame["method"].unique())
    group = frame.drop_duplicates("participant_id").set_index("participant_id")["group"].reindex(wide.index)
    is_patient, values = group.isin(patients).to_numpy(), wide.to_numpy(dtype=float)
    times = resampled_counts(is_patient, resamples, seed)
    ill, well = values[is_patient], values[~is_patient]
    _, low, high, drawn = excess_interval(ill, well, times, is_patient)
    rows = []
    for place, method in enumerate(wide):
        found = _excess(ill[:, place], well[:, place], (low[place], high[place]))
        for slowing in slowings_percent:
            for power in powers:
                key = {"method": method, "slowing_percent": slowing, "power": power}
                sizes = {} if "note" in found else _sizes(found, drawn[:, place], slowing / 100, power)
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


def excess_interval(
    ill: np.ndarray, well: np.ndarray, times: np.ndarray, is_patient: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean of patients minus that of controls with its symmetric bootstrap-t interval.

    Parameters
    ----------
    ill, well : ndarray of float, shape (people, columns)
        Changes of patients and of controls. NaN where a person lacks a value.
    times : ndarray, shape (resamples, people)
        How often each person was drawn, patients and controls.
    is_patient : ndarray of bool, shape (people,)
        Whose columns of `times` are those of `ill`.

    Returns
    -------
    excess, low, high : ndarray, shape (columns,)
    drawn : ndarray, shape (resamples, columns)
        The excess of each resample; NaN where it has fewer than two people of a group with a value.
    """
    found, variance = _difference(ill, well, np.ones(len(ill)), np.ones(len(well)))
    drawn, variances = _difference(ill, well, times[:, is_patient], times[:, ~is_patient])
    away, errors = np.abs(drawn - found), np.sqrt(variances)
    # Without any spread there is no error to divide by: such a resample counts as the farthest.
    t = np.where(errors == 0, np.inf, away / np.where(errors == 0, 1, errors))
    # A rank among the known, as NaN sort last.
    rank = np.ceil((1 - LEVEL) * np.isfinite(drawn).sum(axis=0)).astype(int) - 1
    reach = np.take_along_axis(np.sort(t, axis=0), np.maximum(rank, 0)[None], axis=0)[0]
    reach = reach * np.sqrt(variance[0])
    return found[0], found[0] - reach, found[0] + reach, drawn


def _difference(
    ill: np.ndarray, well: np.ndarray, ill_times: np.ndarray, well_times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the difference of means in each resample, and its variance after Welch."""
    parts = []
    for values, times in ((ill, ill_times), (well, well_times)):
        times = np.atleast_2d(times)
        means, spreads = resampled_moments(values, times)
        parts.append((means, spreads**2 / np.maximum(times @ np.isfinite(values), 1)))
    variance = parts[0][1] + parts[1][1]
    difference = np.where(np.isnan(variance), np.nan, parts[0][0] - parts[1][0])
    return difference, variance


def _excess(ill: np.ndarray, well: np.ndarray, ends: tuple[float, float]) -> dict[str, Any]:
    """Return what does not depend on the trial: people, excess, its interval and the spread."""
    ill, well = ill[np.isfinite(ill)], well[np.isfinite(well)]
    found: dict[str, Any] = {"n_patients": len(ill), "n_controls": len(well)}
    for values, what in ((ill, "patients"), (well, "controls")):
        if len(values) < FEWEST:
            few = people(len(values))
            return found | {"note": f"{few} among {what}: too few for an excess over controls."}
    if np.ptp(ill) == 0:
        return found | {"note": "All patients change alike: no spread to plan a trial with."}
    return found | {
        "excess_percent": ill.mean() - well.mean(),
        "excess_percent_low": ends[0],
        "excess_percent_high": ends[1],
        "sd_percent": ill.std(ddof=1),
    }


def _sizes(found: dict[str, Any], drawn: np.ndarray, slowing: float, power: float) -> dict[str, Any]:
    # The more patients lose, the fewer people: the low end of the excess gives the low end of the size.
    n, low, high = (
        float(per_arm(found[f"excess_percent{end}"], found["sd_percent"], slowing, power))
        for end in ("", "_low", "_high")
    )
    sizes: dict[str, Any] = {
        "n_per_arm": _people_or_missing(n),
        "n_per_arm_low": _people_or_missing(low),
        "n_per_arm_high": _people_or_missing(high),
        "unbounded_share": float(np.mean(drawn[np.isfinite(drawn)] >= 0)),
    }
    if np.isinf(n):
        sizes["note"] = "Patients lose no more than controls: no trial would be large enough."
    elif np.isinf(high):
        sizes["note"] = "The interval has no upper end: the excess may be none."
    return sizes


def _people_or_missing(n: float) -> float:
    return float(np.ceil(n)) if np.isfinite(n) else np.nan
