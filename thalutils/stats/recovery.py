"""How much of a known change each method measures, how much scatter it adds, and what loss it could detect.

Pairs of one head share its first visit and its anatomy, so the head is the unit: each gives a line of measured on true
change, and what is reported is the mean over heads with Student's t interval.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from thalutils import tables
from thalutils.errors import TableError
from thalutils.schemas import SCHEMAS
from thalutils.stats import coefficients
from thalutils.stats.known_truth import UNCHANGED_PERCENT

LEVEL, POWER = 0.05, 0.8
GROUP_SIZES = (1, 25, 50, 100)
ALL = "all heads"
KEYS = ["method", "contrast", "processing", "disturbance"]
# A line of a head takes this many pairs, whose true changes span this much.
FEWEST_PAIRS, LEAST_SPAN_PERCENT = 3, 1.0
# From two heads Student's interval hangs on how near two slopes happen to lie.
FEWEST_HEADS = 3
# Among few methods an order says nothing.
FEWEST_RANKED = 3


def recovery(frame: pd.DataFrame) -> pd.DataFrame:
    """Hold measured changes against known ones, by method, processing and disturbance.

    Parameters
    ----------
    frame : DataFrame
        A row a pair and method: ``heads`` (the set), ``head``, ``method``, ``contrast``, ``processing``,
        ``disturbance``, ``true_percent`` and ``measured_percent``: changes in percent of the first volume, the
        measured one missing where there is no mask.

    Returns
    -------
    DataFrame
        The table ``recovery``, for each set of heads and, where there are several, for all. ``slope`` is 1 where the
        whole change is measured; ``bias_percent`` is what is measured where nothing changed (the line's value
        there; the mean of the pairs without change where no line can be drawn); ``sd_percent`` is how much the measured change of
        one person scatters about the line. Intervals need three heads.

    Notes
    -----
    The scatter has two parts: that of a head's pairs about their own mean residual, and that of those means, which
    holds the first visit that they share. Both are found by one-way analysis of variance (Searle, Casella and
    McCulloch, Variance Components, 1992, ch. 3, unequal numbers) and added.

    The smallest loss that n people, each with two visits, show with a power of 80 % at a two-sided level of 5 % is
    ``(z_0.975 + z_0.8) sd / (slope sqrt(n))``. All are taken to lose alike, and the bias to be known and taken out;
    people who differ in their loss add their own spread.
    """
    rows = []
    sets = list(frame["heads"].unique())
    for name in sets if len(sets) == 1 else [*sets, ALL]:
        mine = frame if name == ALL else frame[frame["heads"] == name]
        for keys, some in mine.groupby(KEYS, sort=False):
            rows.append(dict(zip(KEYS, keys, strict=True)) | {"heads": name} | _recovered(some))
    columns = list(SCHEMAS["recovery"].columns)
    return tables.check("recovery", pd.DataFrame(rows, columns=columns))


def _recovered(some: pd.DataFrame) -> dict[str, float]:
    known = some.dropna(subset=["true_percent", "measured_percent"])
    row = {"n": len(known), "n_missed": len(some) - len(known), "n_heads": known["head"].nunique()}
    if known.empty:
        return row
    lines = np.array([_line(pairs) for _, pairs in known.groupby("head", sort=False)])
    lines = lines[np.isfinite(lines).all(axis=1)]
    drawn = bool(len(lines))
    if drawn:
        row |= _mean(lines[:, 1], "slope") | _mean(lines[:, 0], "bias_percent")
    else:  # where nothing changed needs no line
        known = known[known["true_percent"].abs() < UNCHANGED_PERCENT]
        if known.empty:
            return row
        row |= _mean(known.groupby("head", sort=False)["measured_percent"].mean().to_numpy(), "bias_percent")
    slope = row.get("slope", 0.0)
    left = known["measured_percent"] - slope * known["true_percent"]
    row["sd_percent"] = scatter(left.to_numpy(), known["head"].to_numpy(), fitted=int(drawn))
    for size in GROUP_SIZES if drawn else ():
        row[f"detectable_{size}_percent"] = detectable(row["sd_percent"], slope, size)
    return row


def _line(pairs: pd.DataFrame) -> tuple[float, float]:
    """Return intercept and slope of one head; missing where its pairs draw no line."""
    if len(pairs) < FEWEST_PAIRS or np.ptp(pairs["true_percent"]) < LEAST_SPAN_PERCENT:
        return np.nan, np.nan
    slope, intercept = np.polyfit(pairs["true_percent"], pairs["measured_percent"], 1)
    return float(intercept), float(slope)


def _mean(values: np.ndarray, name: str) -> dict[str, float]:
    """Return the mean over heads with its interval."""
    mean = float(values.mean())
    if len(values) < FEWEST_HEADS:
        return {name: mean}
    reach = stats.t.ppf(1 - LEVEL / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return {name: mean, f"{name}_low": mean - reach, f"{name}_high": mean + reach}


def scatter(values: np.ndarray, groups: np.ndarray, fitted: int = 0) -> float:
    """Return the standard deviation of one value: within groups and between them.

    Parameters
    ----------
    values, groups : ndarray, shape (n,)
    fitted : int
        How many parameters, beside the groups' means, were fitted to the values before.

    Returns
    -------
    float
        Missing where there is one group, whose own share cannot be seen.

    Examples
    --------
    >>> round(scatter(np.array([1.0, 3.0, 11.0, 13.0]), np.array([0, 0, 1, 1])), 3)
    7.141
    """
    frame = pd.DataFrame({"value": values, "group": groups})
    counts = frame.groupby("group")["value"].size()
    means = frame.groupby("group")["value"].mean()
    n, heads = len(frame), len(counts)
    if heads < 2:
        return np.nan
    between = float((counts * (means - frame["value"].mean()) ** 2).sum() / (heads - 1))
    free = n - heads - fitted
    if free < 1:  # a pair a head: nothing is shared
        return float(np.sqrt(between))
    within = float(((frame["value"] - frame["group"].map(means)) ** 2).sum() / free)
    each = (n - (counts**2).sum() / n) / (heads - 1)
    return float(np.sqrt(within + max(0.0, (between - within) / each)))


def detectable(sd_percent: float, slope: float, people: int) -> float:
    """Return the smallest true loss, in percent, that a group shows with 80 % power at a level of 5 %.

    Missing where the method measures none of a loss.

    Examples
    --------
    >>> round(detectable(1.0, 1.0, 1), 2), round(detectable(1.0, 0.5, 100), 2)
    (2.8, 0.56)
    """
    if not slope > 0:
        return np.nan
    quantiles = stats.norm.isf(LEVEL / 2) + stats.norm.ppf(POWER)
    return float(quantiles * sd_percent / (slope * np.sqrt(people)))


def shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what share of injected losses is measured in each head.

    Parameters
    ----------
    frame : DataFrame
        A row a loss and method: ``head``, ``injector``, ``method``, ``true_percent`` and ``measured_percent``.

    Returns
    -------
    DataFrame
        ``head``, ``injector``, ``method``, ``n`` (losses), ``largest_percent`` (the largest true one) and ``share``, the
        least-squares slope through no change at no loss.
    """
    rows = []
    known = frame.dropna(subset=["measured_percent"])
    for keys, mine in known.groupby(["head", "injector", "method"], sort=False):
        share = (mine["true_percent"] * mine["measured_percent"]).sum() / (mine["true_percent"] ** 2).sum()
        rows.append((*keys, len(mine), mine["true_percent"].min(), share))
    return pd.DataFrame(rows, columns=["head", "injector", "method", "n", "largest_percent", "share"])


def first_visits(frame: pd.DataFrame) -> pd.DataFrame:
    """Hold the first visits' masks against the truth, by method.

    Parameters
    ----------
    frame : DataFrame
        A row a head and method: ``method``, ``head``, ``truth_ml``, ``volume_ml`` and ``dice``.

    Returns
    -------
    DataFrame
        ``method``, ``n``, ``dice`` (median) and ``ccc`` with the true volume; the latter is missing in fewer than
        three heads.
    """
    rows = []
    for method, mine in frame.dropna(subset=["volume_ml"]).groupby("method", sort=False):
        row = {"method": method, "n": len(mine), "dice": mine["dice"].median()}
        try:
            row["ccc"] = coefficients.concordance(mine["volume_ml"].to_numpy(), mine["truth_ml"].to_numpy())[
                "ccc"
            ]
        except TableError:
            row["ccc"] = np.nan
        rows.append(row)
    return pd.DataFrame(rows, columns=["method", "n", "dice", "ccc"])


def ranks(recovered: pd.DataFrame, scores: Mapping[str, pd.Series], disturbance: str) -> pd.DataFrame:
    """Rank methods by what they recover and detect, beside other scores of the same methods.

    Parameters
    ----------
    recovered : DataFrame
        The table ``recovery``.
    scores : mapping of Series by method
        Higher is better: ``dice`` and ``ccc`` of the same heads, ``cohort_dice``, ``cohort_ccc`` and ``beta`` of a
        cohort; any may be absent.
    disturbance : str
        Which pairs are ranked.

    Returns
    -------
    DataFrame
        The table ``recovery_ranks``: a row a method and processing, best recovery first. Rank 1 is the slope nearest
        to 1, the smallest loss, the highest score; ties share the mean rank. A score's ranks are missing where
        fewer than three methods have it.
    """
    widest = ALL if (recovered["heads"] == ALL).any() else None
    mine = recovered[(recovered["disturbance"] == disturbance) & recovered["slope"].notna()]
    mine = mine[mine["heads"] == widest] if widest else mine
    found = mine[["method", "processing", "n", "slope", "detectable_1_percent"]].reset_index(drop=True)
    found["slope_rank"] = (found["slope"] - 1).abs().rank()
    found["detectable_rank"] = found["detectable_1_percent"].rank()
    for name in ("dice", "ccc", "cohort_dice", "cohort_ccc", "beta"):
        values = found["method"].map(scores.get(name, pd.Series(dtype=float))).astype(float)
        found[name] = values
        # a method stands in several rows, once for each processing, and is ranked once
        once = values.groupby(found["method"], sort=False).first()
        order = once.rank(ascending=False) if once.notna().sum() >= FEWEST_RANKED else once * np.nan
        found[f"{name}_rank"] = found["method"].map(order)
    columns = list(SCHEMAS["recovery_ranks"].columns)
    return tables.check("recovery_ranks", found.sort_values("slope_rank", kind="stable")[columns])
