"""How much of a known change each method measures, how much scatter it adds, and what loss it could detect.

Pairs of one head share its first visit, so each head gives one line of measured on true change. Heads that are bent copies
of one label map share an anatomy: where there are several anatomies the unit is the anatomy, with the mean of its heads, and
else the head. What is reported is the mean over units with Student's t interval.
"""

from collections.abc import Callable, Mapping

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
# What one measurement of one pair of visits is known by.
METHOD, PAIR = ["method", "processing"], ["heads", "head", "disturbance", "planned_percent"]
# A line of a head takes this many pairs, whose true changes span this much; a planned loss of 1 % is counted as nearly that.
FEWEST_PAIRS, LEAST_SPAN_PERCENT = 3, 0.9
# From two units Student's interval hangs on how near two slopes happen to lie.
FEWEST_UNITS = 3
FARTHER, NEARER, UNTOLD, BEST = "farther from 1", "nearer to 1", "not told apart", "best"
# Among few methods an order says nothing.
FEWEST_RANKED = 3


def recovery(frame: pd.DataFrame) -> pd.DataFrame:
    """Hold measured changes against known ones, by method, processing and disturbance.

    Parameters
    ----------
    frame : DataFrame
        A row a pair and method: ``heads`` (the set), ``head``, ``anatomy``, ``method``, ``contrast``, ``processing``,
        ``disturbance``, ``true_percent`` and ``measured_percent``: changes in percent of the first volume, the
        measured one missing where there is no mask.

    Returns
    -------
    DataFrame
        The table ``recovery``, for each set of heads and, where there are several, for all. ``slope`` is 1 where the
        whole change is measured; ``bias_percent`` is what is measured where nothing changed (the line's value
        there; the mean of the pairs without change where no line can be drawn); ``sd_percent`` is how much the measured change of
        one person scatters about the line. Intervals need three units: anatomies, or heads of one anatomy.

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
    row = {"n": len(known), "n_missed": len(some) - len(known), **_counts(known)}
    if known.empty:
        return row
    lines = _lines(known)
    drawn = bool(len(lines))
    if drawn:
        row |= _counts(lines) | _mean(lines, "slope", "slope") | _mean(lines, "intercept", "bias_percent")
    else:  # where nothing changed needs no line
        known = known[known["true_percent"].abs() < UNCHANGED_PERCENT]
        if known.empty:
            return row
        row |= _mean(known.groupby(["anatomy", "head"], sort=False)["measured_percent"].mean().reset_index(), "measured_percent", "bias_percent")  # fmt: skip
    slope = row.get("slope", 0.0)
    left = known["measured_percent"] - slope * known["true_percent"]
    row["sd_percent"] = scatter(left.to_numpy(), known["head"].to_numpy(), fitted=int(drawn))
    for size in GROUP_SIZES if drawn else ():
        row[f"detectable_{size}_percent"] = detectable(row["sd_percent"], slope, size)
    return row


def _counts(frame: pd.DataFrame) -> dict[str, int]:
    return {"n_heads": frame["head"].nunique(), "n_anatomies": frame["anatomy"].nunique()}


def _lines(known: pd.DataFrame) -> pd.DataFrame:
    """Return ``anatomy``, ``head``, ``intercept`` and ``slope`` of every head whose pairs draw a line."""
    rows = []
    for (anatomy, head), pairs in known.groupby(["anatomy", "head"], sort=False):
        if len(pairs) >= FEWEST_PAIRS and np.ptp(pairs["true_percent"]) >= LEAST_SPAN_PERCENT:
            slope, intercept = np.polyfit(pairs["true_percent"], pairs["measured_percent"], 1)
            rows.append((anatomy, head, intercept, slope))
    return pd.DataFrame(rows, columns=["anatomy", "head", "intercept", "slope"])


def _mean(frame: pd.DataFrame, column: str, name: str) -> dict[str, float]:
    """Return the mean of a column, a row a head, over anatomies or heads of one, with its interval."""
    by_anatomy = frame.groupby("anatomy", sort=False)[column].mean()
    values = (by_anatomy if len(by_anatomy) > 1 else frame[column]).to_numpy()
    mean = float(values.mean())
    if len(values) < FEWEST_UNITS:
        return {name: mean}
    reach = stats.t.ppf(1 - LEVEL / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return {name: mean, f"{name}_low": mean - reach, f"{name}_high": mean + reach}


def common(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the measurements of those pairs of visits that every method of a frame measured.

    Parameters
    ----------
    frame : DataFrame
        As :func:`recovery` takes it, with ``planned_percent``; a method in two processings counts as two.
    """
    known = frame.dropna(subset=["true_percent", "measured_percent"])
    by_all = known.groupby(PAIR)["method"].transform("size") == len(known[METHOD].drop_duplicates())
    return known[by_all]


def beside(frame: pd.DataFrame, method: str, processing: str) -> pd.DataFrame:
    """Hold every method's slope against that of one of them, each on the pairs that both measured.

    With ``b`` the slope of the one and ``c`` that of another, ``(c - 1)**2 - (b - 1)**2`` is ``(c - b) (c + b - 2)``: the other
    lies farther from 1 where both factors have one sign. Each is a mean over units with Student's interval.

    Parameters
    ----------
    frame : DataFrame
        As :func:`common` takes it, of one disturbance.
    method, processing : str
        The one.

    Returns
    -------
    DataFrame
        A row for each other method and processing: ``n_heads``, ``difference`` (``c - b``) with its interval, and ``verdict``:
        farther from 1 or nearer to it where both intervals leave out 0, else not told apart.
    """
    which = frame[METHOD].apply(tuple, axis=1)
    rows = []
    for other in which.drop_duplicates():
        if other == (method, processing):
            continue
        both = common(frame[which.isin([other, (method, processing)])])
        here = both["method"].eq(other[0]) & both["processing"].eq(other[1])
        lines = _lines(both[here]).merge(_lines(both[~here]), on=["anatomy", "head"], suffixes=("", "_one"))
        row = dict(zip(METHOD, other, strict=True)) | {"n_heads": len(lines), "verdict": UNTOLD}
        if len(lines):
            factors = lines.assign(difference=lines["slope"] - lines["slope_one"], both=lines["slope"] + lines["slope_one"] - 2)  # fmt: skip
            row |= _mean(factors, "difference", "difference")
            sign = _sign(row, "difference") * _sign(_mean(factors, "both", "both"), "both")
            row["verdict"] = {1: FARTHER, -1: NEARER, 0: UNTOLD}[sign]
        rows.append(row)
    columns = [*METHOD, "n_heads", "difference", "difference_low", "difference_high", "verdict"]
    return pd.DataFrame(rows).reindex(columns=columns)


def _sign(row: Mapping[str, float], name: str) -> int:
    """Return the sign of a mean whose interval leaves out 0, else 0."""
    low, high = row.get(f"{name}_low", -np.inf), row.get(f"{name}_high", np.inf)
    return int(low > 0) - int(high < 0)


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


def ranks(frame: pd.DataFrame, scores: Callable[[pd.DataFrame], Mapping[str, pd.Series]]) -> pd.DataFrame:
    """Rank methods by what they recover and detect, beside other scores of the same methods.

    Only pairs count that all of them measured.

    Parameters
    ----------
    frame : DataFrame
        As :func:`common` takes it, of one disturbance, each method in one processing.
    scores : callable
        From the pairs that count to Series by method, of which higher is better: ``dice`` and ``ccc`` of the same heads,
        ``cohort_dice``, ``cohort_ccc`` and ``beta`` of a cohort; any may be absent.

    Returns
    -------
    DataFrame
        The table ``recovery_ranks``: a row a method, best recovery first. Rank 1 is the slope nearest to 1, the smallest
        loss, the highest score; ties share the mean rank. A score's ranks are missing where fewer than three methods
        have it. ``beside_best`` is the verdict of :func:`beside` on the first row.
    """
    columns = list(SCHEMAS["recovery_ranks"].columns)
    same = common(frame)
    found = widest(recovery(same)) if len(same) else pd.DataFrame(columns=[*columns, "contrast"])
    found = found.loc[found["slope"].notna(), [*METHOD, "n", "n_heads", "slope", "detectable_1_percent"]]
    found["slope_rank"] = (found["slope"] - 1).abs().rank()
    found["detectable_rank"] = found["detectable_1_percent"].rank()
    found = found.sort_values("slope_rank", kind="stable").reset_index(drop=True)
    known = scores(same)
    for name in ("dice", "ccc", "cohort_dice", "cohort_ccc", "beta"):
        found[name] = found["method"].map(known.get(name, pd.Series(dtype=float))).astype(float)
        enough = found[name].notna().sum() >= FEWEST_RANKED
        found[f"{name}_rank"] = found[name].rank(ascending=False) if enough else np.nan
    found["beside_best"] = BEST
    if len(found) > 1:
        verdicts = beside(frame, *found.loc[0, METHOD]).set_index("method")["verdict"]
        found["beside_best"] = found["method"].map(verdicts).fillna(BEST)
    return tables.check("recovery_ranks", found.reindex(columns=columns))


def widest(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``recovery`` that are of the most heads."""
    name = ALL if (table["heads"] == ALL).any() else table["heads"].iloc[0]
    return table[table["heads"] == name]
