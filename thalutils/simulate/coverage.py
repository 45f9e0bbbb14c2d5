"""Whether 95 % intervals hold the truth in 95 % of studies, found by drawing many studies from the twin.

``python -m thalutils.simulate.coverage`` draws them and writes ``data/coverage.tsv``. The formulas are
those of :mod:`thalutils.stats`, written for many studies at once; the tests hold them against each other.
"""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from thalutils.files import atomic_path, write_json
from thalutils.simulate.twin_calibration import MEASURED, calibrate
from thalutils.simulate.twin_people import HEALTHY, NAMES
from thalutils.simulate.twin_study import Studies, draw
from thalutils.stats import trial
from thalutils.stats.resampling import resampled_counts

DRAWS, BATCH, SEED = 2000, 100, 20260301
# The truth is found from other studies. At 4,000 its own error is 1/63 of a study's, which lowers
# coverage by less than a tenth of a thousandth.
TRUTH_STUDIES, TRUTH_SEED = 4000, 20260401
SWITCH = "pseudoatrophy"
NOMINAL, UPPER = 0.95, 0.975
LIMITS_SD = 1.96
HOLDS, NARROW, WIDE = "holds", "too narrow", "too wide"
DATA = "coverage.tsv"
# Whose interval it is and how it is made, by the name that the table has.
STATISTICS = {
    "ccc": "Lin's concordance, Fisher's z with Lin's variance",
    "icc3": "ICC(C,1), exact from F",
    "slope": "Least-squares slope of method on manual",
    "bias": "Bland-Altman bias, Student's t",
    "loa_lower": "Lower limit of agreement, Bland and Altman's variance",
    "loa_upper": "Upper limit of agreement, likewise",
    "ba_slope": "Slope of the difference on the mean of both",
    "brain_r": "Pearson correlation with brain volume change, Fisher's z",
    "excess": "Patients' mean change minus controls', symmetric bootstrap-t",
    "edss_beta": "EDSS on volume, HC3",
    "sdmt_beta": "SDMT on volume, ordinary standard errors",
    "delta_edss_beta": "Change of EDSS on change of volume, HC3",
    "delta_edss_beta_ols": "Change of EDSS on change of volume, ordinary standard errors",
}
COLUMNS = {
    "statistic": f"Which: {'; '.join(f'{name}: {what}' for name, what in STATISTICS.items())}",
    "method": "The method",
    "n": "People in each study (of excess: patients and controls)",
    "truth": "Value in a very large sample of the same model",
    "nominal": "Coverage that the interval promises",
    "coverage": "Share of studies whose interval holds the truth",
    "low": "Lower end of the 95 % Wilson interval of that share",
    "high": "Upper end of it",
    "dealt": "The same share where all people drawn are dealt to the studies at random, without quotas",
    "draws": "Studies drawn",
    "verdict": f"{HOLDS} where the Wilson interval includes the promise, else {NARROW} or {WIDE}",
}
# Estimate and both ends of its interval, each of shape (studies,).
Interval = tuple[np.ndarray, np.ndarray, np.ndarray]


def concordance(volume: np.ndarray, reference: np.ndarray) -> Interval:
    """Return Lin's concordance of each study; volumes of shape (studies, people)."""
    s_yy, s_xx, s_xy = _moments(volume, reference)
    shift = (volume.mean(axis=1) - reference.mean(axis=1)) ** 2 / np.sqrt(s_xx * s_yy)
    r = s_xy / np.sqrt(s_xx * s_yy)
    accuracy = 2 / (np.sqrt(s_yy / s_xx) + np.sqrt(s_xx / s_yy) + shift)
    ccc = r * accuracy
    variance = (
        (1 - r**2) * accuracy**2 * (1 - ccc**2)
        + 2 * ccc**2 * accuracy * (1 - ccc) * shift
        - ccc**2 * accuracy**2 * shift**2 / 2
    ) / (volume.shape[1] - 2)
    reach = stats.norm.ppf(UPPER) * np.sqrt(np.maximum(variance, 0)) / (1 - ccc**2)
    return ccc, np.tanh(np.arctanh(ccc) - reach), np.tanh(np.arctanh(ccc) + reach)


def consistency(volume: np.ndarray, reference: np.ndarray) -> Interval:
    """Return ICC(C,1) of two raters in each study."""
    s_yy, s_xx, s_xy = _moments(volume, reference)
    # Mean squares of people and of error, in terms of variances and the covariance.
    ratio = (s_xx + s_yy + 2 * s_xy) / (s_xx + s_yy - 2 * s_xy)
    free = volume.shape[1] - 1
    step = stats.f.ppf(UPPER, free, free)
    return tuple((f - 1) / (f + 1) for f in (ratio, ratio / step, ratio * step))


def slope(outcome: np.ndarray, predictor: np.ndarray) -> Interval:
    """Return the least-squares slope on one predictor in each study."""
    s_yy, s_xx, s_xy = _moments(outcome, predictor)
    free = outcome.shape[1] - 2
    found = s_xy / s_xx
    error = np.sqrt(np.maximum(s_yy / s_xx - found**2, 0) / free)
    reach = stats.t.ppf(UPPER, free) * error
    return found, found - reach, found + reach


def bland_altman(volume: np.ndarray, reference: np.ndarray) -> dict[str, Interval]:
    """Return the bias, both limits of agreement and the proportional bias of each study."""
    difference = volume - reference
    n = difference.shape[1]
    bias, sd = difference.mean(axis=1), difference.std(axis=1, ddof=1)
    t = stats.t.ppf(UPPER, n - 1)
    reach = t * sd * np.sqrt(1 / n + LIMITS_SD**2 / (2 * (n - 1)))
    lower, upper = bias - LIMITS_SD * sd, bias + LIMITS_SD * sd
    return {
        "bias": (bias, bias - t * sd / np.sqrt(n), bias + t * sd / np.sqrt(n)),
        "loa_lower": (lower, lower - reach, lower + reach),
        "loa_upper": (upper, upper - reach, upper + reach),
        "ba_slope": slope(difference, (volume + reference) / 2),
    }


def correlation(one: np.ndarray, other: np.ndarray) -> Interval:
    """Return Pearson's r of each study."""
    s_yy, s_xx, s_xy = _moments(one, other)
    r = s_xy / np.sqrt(s_xx * s_yy)
    reach = stats.norm.ppf(UPPER) / np.sqrt(one.shape[1] - 3)
    return r, np.tanh(np.arctanh(r) - reach), np.tanh(np.arctanh(r) + reach)


def regression(outcome: np.ndarray, columns: np.ndarray, robust: bool) -> Interval:
    """Return the slope on the first column, given the others, in each study.

    Parameters
    ----------
    outcome : ndarray, shape (studies, people)
    columns : ndarray, shape (studies, people, k)
        Predictor and covariates, without an intercept.
    robust : bool
        HC3 instead of ordinary standard errors; Student's t with both.
    """
    studies, n, k = columns.shape
    design = np.concatenate([np.ones((studies, n, 1)), columns], axis=2)
    inverse = np.linalg.inv(np.swapaxes(design, 1, 2) @ design)
    half = design @ inverse  # whose columns, times the outcome, sum to the coefficients
    beta = np.einsum("sik,si->sk", half, outcome)
    rest = outcome - np.einsum("sik,sk->si", design, beta)
    free = n - k - 1
    if robust:
        leverage = np.einsum("sik,sik->si", half, design)
        variance = ((half[:, :, 1] * rest / (1 - leverage)) ** 2).sum(axis=1)
    else:
        variance = inverse[:, 1, 1] * (rest**2).sum(axis=1) / free
    reach = stats.t.ppf(UPPER, free) * np.sqrt(variance)
    return beta[:, 1], beta[:, 1] - reach, beta[:, 1] + reach


def excess(ill: np.ndarray, well: np.ndarray, resamples: int) -> Interval:
    """Return patients' mean change minus controls' in each study; changes of shape (studies, people)."""
    patient = np.arange(ill.shape[1] + well.shape[1]) < ill.shape[1]
    times = resampled_counts(patient, resamples, trial.SEED)
    found = trial.excess_interval(ill.T, well.T, times, patient)
    return found[:3]


def intervals(
    seen: Studies, method: str, deal: int | None = None, resamples: int = trial.RESAMPLES
) -> dict[str, tuple[int, Interval]]:
    """Return every statistic of a method in each of some studies, and how many people it is of.

    With a seed to `deal` by, the people of all the studies are first dealt to them at random, so that each
    study is a simple random sample: it has no fixed number of each diagnosis and stratum any more.
    """

    def of(values: np.ndarray, who: np.ndarray) -> np.ndarray:
        """Return the values of the people chosen, of whom every study has as many; (studies, people)."""
        found = values[who].astype(float)
        if deal is not None:  # the same order for every column of the same people
            found = np.random.default_rng(deal).permutation(found)
        return found.reshape(len(who), -1)

    volume, reference = (of(seen.sizes[name], seen.reference) for name in (method, "manual"))
    found = {
        "ccc": concordance(volume, reference),
        "icc3": consistency(volume, reference),
        "slope": slope(volume, reference),
        **bland_altman(volume, reference),
    }
    sized = {name: (volume.shape[1], interval) for name, interval in found.items()}
    group, followed = seen.people["group"], seen.people["followed"]
    delta = seen.sizes_later[method] - seen.sizes[method]
    percent = 100 * delta / seen.sizes[method]
    both = of(percent, followed), of(seen.pbvc_percent, followed)
    sized["brain_r"] = both[0].shape[1], correlation(*both)
    ill, well = (
        of(percent, followed & np.isin(NAMES[group], names)) for names in (trial.PATIENTS, trial.CONTROLS)
    )
    sized["excess"] = ill.shape[1] + well.shape[1], excess(ill, well, resamples)
    before, later, patient = seen.scores, seen.scores_later, group != HEALTHY
    people = [seen.people[name] for name in ("age_years", "male", "icv_z")]
    year = [*people, seen.people["steroids"], seen.people["interval_years"]]
    plans = {
        "edss_beta": (before["edss"], seen.sizes[method], people, patient, True),
        "sdmt_beta": (before["sdmt"], seen.sizes[method], people, np.ones_like(patient), False),
        "delta_edss_beta": (later["edss"] - before["edss"], delta, year, patient & followed, True),
        "delta_edss_beta_ols": (later["edss"] - before["edss"], delta, year, patient & followed, False),
    }
    for name, (outcome, predictor, covariates, eligible, robust) in plans.items():
        who = eligible & ~np.isnan(outcome)
        columns = np.stack([of(column, who) for column in (predictor, *covariates)], axis=2)
        sized[name] = columns.shape[1], regression(of(outcome, who), columns, robust)
    return sized


def coverage(draws: int = DRAWS, truth_studies: int = TRUTH_STUDIES) -> pd.DataFrame:
    """Draw studies, count how many intervals hold the truth, and return a row a statistic and method.

    The truth is the value of the same statistic when many other studies are taken as one sample, so that
    how the reference set is drawn and how many people each diagnosis has is part of it.
    """
    truth = _truth(truth_studies)
    held = {(name, method): ([], []) for name in STATISTICS for method in MEASURED}
    sizes = {}
    for batch, seen in enumerate(_batches(draws, SEED)):
        for method in MEASURED:
            for place, deal in enumerate((None, batch)):
                for name, (n, (_, low, high)) in intervals(seen, method, deal).items():
                    key = name, method
                    sizes[key] = n
                    held[key][place].append((low <= truth[key]) & (truth[key] <= high))
    rows = [(*key, sizes[key], truth[key], *_counted(*map(np.concatenate, held[key]))) for key in held]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read() -> pd.DataFrame:
    """Return the kept table of coverage."""
    with files("thalutils").joinpath("data", DATA).open(encoding="utf-8") as text:
        return pd.read_csv(text, sep="\t")


def wilson(count: int, draws: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share.

    Examples
    --------
    >>> [round(end, 4) for end in wilson(1900, 2000)]
    [0.9396, 0.9587]
    """
    found = stats.binomtest(count, draws).proportion_ci(NOMINAL, method="wilson")
    return float(found.low), float(found.high)


def _counted(held: np.ndarray, dealt: np.ndarray) -> tuple:
    """Return what the table says of one interval, from whether it held the truth in each study."""
    low, high = wilson(int(held.sum()), held.size)
    verdict = NARROW if high < NOMINAL else WIDE if low > NOMINAL else HOLDS
    return NOMINAL, held.mean(), low, high, dealt.mean(), held.size, verdict


def _truth(studies: int) -> Mapping[tuple[str, str], float]:
    """Return each statistic of many studies taken as one sample."""
    parts = list(_batches(studies, TRUTH_SEED))
    together = Studies(**{name: _joined([vars(part)[name] for part in parts]) for name in vars(parts[0])})
    return {
        (name, method): float(estimate[0])
        for method in MEASURED
        for name, (_, (estimate, _, _)) in intervals(together, method, resamples=1).items()
    }


def _joined(arrays: list) -> np.ndarray | dict[str, np.ndarray]:
    """Lay the people of all studies side by side, as one study."""
    if isinstance(arrays[0], Mapping):
        return {name: _joined([one[name] for one in arrays]) for name in arrays[0]}
    return np.concatenate([one.reshape(1, -1) for one in arrays], axis=1)


def _batches(studies: int, seed: int) -> Iterator[Studies]:
    model = calibrate(SWITCH)
    for first in range(0, studies, BATCH):
        yield draw(model, min(BATCH, studies - first), seed + first)


def _moments(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return both variances and the covariance of each study, over n - 1."""
    a, b = (values - values.mean(axis=1, keepdims=True) for values in (one, other))
    free = one.shape[1] - 1
    return (a * a).sum(axis=1) / free, (b * b).sum(axis=1) / free, (a * b).sum(axis=1) / free


def write(folder: Path, draws: int = DRAWS, truth_studies: int = TRUTH_STUDIES) -> None:
    """Draw the studies and write the table and its data dictionary into a folder."""
    found = coverage(draws, truth_studies)
    made_with = (
        f"python -m thalutils.simulate.coverage: {draws} studies of the twin (switch {SWITCH}, seeds from "
        f"{SEED}), truth from {truth_studies} others (seeds from {TRUTH_SEED})"
    )
    dictionary = {name: {"Description": what} for name, what in COLUMNS.items()}
    write_json((folder / DATA).with_suffix(".json"), dictionary | {"made_with": made_with})
    with atomic_path(folder / DATA) as draft:
        found.to_csv(draft, sep="\t", index=False, float_format="%.6g", lineterminator="\n")


if __name__ == "__main__":
    write(Path(str(files("thalutils"))) / "data")
