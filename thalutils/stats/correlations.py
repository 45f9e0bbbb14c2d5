"""How thalamic change goes with the change of the whole brain, and whether methods differ in that (S16)."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from thalutils import tables
from thalutils.errors import UsageError
from thalutils.schemas import SCHEMAS
from thalutils.stats.change import percent_by_method
from thalutils.stats.description import people
from thalutils.stats.multiplicity import adjust

# Fisher's z has a standard error of 1 / sqrt(n - 3), and Williams' t has n - 3 degrees of freedom.
FEWEST = 4
# What is this close to 1 differs from it by rounding alone.
PERFECT = 1 - 1e-12
BRAIN = "brain"


# What the paper used first; then what follows its published method, then what is independent of it.
ENGINES = (
    "SIENA",
    "edge-displacement (SIENA method)",
    "edge-displacement (SIENA method), rigid",
    "Jacobian integration",
    "Jacobian integration, rigid",
)
AUTO = "auto"


def of_engine(brain_change: pd.DataFrame, wanted: str = AUTO) -> pd.DataFrame:
    """Return the rows of one engine: thalamic change is held against one measure of the brain's.

    Parameters
    ----------
    brain_change : DataFrame
        The table ``brain_change``.
    wanted : str
        An engine's name; ``auto`` is the first of :data:`ENGINES` that is there, else the table's first.

    Raises
    ------
    UsageError
        Where the wanted engine is not in the table.
    """
    there = list(brain_change["engine"].unique())
    if wanted == AUTO:
        wanted = next((engine for engine in ENGINES if engine in there), there[0] if there else AUTO)
    elif wanted not in there:
        raise UsageError(f"brain_engine is {wanted!r}; this cohort has {', '.join(there) or 'none'}.")
    return brain_change[brain_change["engine"] == wanted]


def brain_change_correlation(change: pd.DataFrame, brain_change: pd.DataFrame) -> pd.DataFrame:
    """Correlate each method's percentage change of volume with the change of brain volume.

    Parameters
    ----------
    change : DataFrame
        What :func:`thalutils.stats.frames.change` returns.
    brain_change : DataFrame
        The table ``brain_change``, in % of the first visit's brain volume.

    Returns
    -------
    DataFrame
        The table ``brain_change_correlation``: a row for each engine and method, over people with both.
        Pearson's r with a 95 % interval from Fisher's z, and an unadjusted two-sided p.
    """
    rows = []
    for engine, wide in _engines(change, brain_change):
        for method in _methods(wide):
            found = _correlation(wide[[BRAIN, method]].dropna(), method)
            rows.append({"engine": engine, "method": method} | found)
    columns = list(SCHEMAS["brain_change_correlation"].columns)
    return tables.check("brain_change_correlation", pd.DataFrame(rows, columns=columns))


def brain_change_pairwise(change: pd.DataFrame, brain_change: pd.DataFrame) -> pd.DataFrame:
    """Test for every two methods whether one goes closer with the change of brain volume.

    Both correlations come from the same people and share the brain's change, so neither is independent of
    the other. Steiger's Z and Williams' t answer the same question and should agree.

    Parameters
    ----------
    change, brain_change : DataFrame
        As for :func:`brain_change_correlation`.

    Returns
    -------
    DataFrame
        The table ``brain_change_pairwise``: a row for each engine and pair, over people who have all three
        values. Steiger's p is adjusted among all pairs of one engine.
    """
    rows = []
    for engine, wide in _engines(change, brain_change):
        for i, j in combinations(_methods(wide), 2):
            found = _compared(wide[[BRAIN, i, j]].dropna(), i, j)
            rows.append({"engine": engine, "method_i": i, "method_j": j} | found)
    columns = list(SCHEMAS["brain_change_pairwise"].columns)
    found = pd.DataFrame(rows, columns=columns)
    adjusted = adjust(found.assign(p=found["steiger_p"].astype(float)), ["engine"])
    return tables.check("brain_change_pairwise", adjusted[columns])


def steiger_z(r_jk: float, r_jh: float, r_kh: float, n: int) -> tuple[float, float]:
    """Test two correlations that share variable j, in `n` people: Steiger's Z1* and its two-sided p.

    Notes
    -----
    Steiger, Psychol Bull 1980; 87: 245-251, equation 14, with the covariance of equations 3 and 10 at the
    mean of both correlations.

    Examples
    --------
    >>> z, p = steiger_z(0.3, 0.4, 0.5, n=100)
    >>> round(z, 4), round(p, 4)
    (-1.0718, 0.2838)
    """
    pooled = ((r_jk + r_jh) / 2) ** 2
    psi = r_kh * (1 - 2 * pooled) - pooled * (1 - 2 * pooled - r_kh**2) / 2
    covariance = psi / (1 - pooled) ** 2
    z = (np.arctanh(r_jk) - np.arctanh(r_jh)) * np.sqrt((n - 3) / (2 - 2 * covariance))
    return float(z), float(2 * stats.norm.sf(abs(z)))


def williams_t(r_jk: float, r_jh: float, r_kh: float, n: int) -> tuple[float, float]:
    """Test two correlations that share variable j, in `n` people: Williams' t and its two-sided p.

    Notes
    -----
    Williams, J R Stat Soc B 1959; 21: 396-399, as Steiger 1980 gives it in equation 7; n - 3 degrees of
    freedom.

    Examples
    --------
    >>> t, p = williams_t(0.3, 0.4, 0.5, n=100)
    >>> round(t, 4), round(p, 4)
    (-1.0767, 0.2843)
    """
    determinant = 1 - r_jk**2 - r_jh**2 - r_kh**2 + 2 * r_jk * r_jh * r_kh
    spread = 2 * (n - 1) / (n - 3) * determinant + ((r_jk + r_jh) / 2) ** 2 * (1 - r_kh) ** 3
    t = (r_jk - r_jh) * np.sqrt((n - 1) * (1 + r_kh) / spread)
    return float(t), float(2 * stats.t.sf(abs(t), n - 3))


def _engines(change: pd.DataFrame, brain_change: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each engine and a frame of a row a person, a column for the brain and one for each method."""
    wide = percent_by_method(change)
    for engine in brain_change["engine"].unique():
        mine = brain_change[brain_change["engine"] == engine].set_index("participant_id")["pbvc_percent"]
        yield engine, wide.assign(**{BRAIN: mine})


def _methods(wide: pd.DataFrame) -> list[str]:
    return [name for name in wide if name != BRAIN]


def _correlation(both: pd.DataFrame, method: str) -> dict[str, Any]:
    found = {"n": len(both)}
    if note := _unfit(both):
        return found | {"note": note}
    test = stats.pearsonr(both[method], both[BRAIN])
    found |= {"r": test.statistic, "p": test.pvalue}
    if abs(test.statistic) > PERFECT:
        return found | {"note": "Both changes lie on a line: no interval."}
    interval = test.confidence_interval(0.95)
    return found | {"r_low": interval.low, "r_high": interval.high}


def _compared(three: pd.DataFrame, i: str, j: str) -> dict[str, Any]:
    n = len(three)
    if note := _unfit(three):
        return {"n": n, "note": note}
    matrix = np.corrcoef(three.to_numpy(dtype=float), rowvar=False)
    r = (float(matrix[0, 1]), float(matrix[0, 2]), float(matrix[1, 2]))
    found = {"n": n, "r_i": r[0], "r_j": r[1], "r_ij": r[2]}
    if max(map(abs, r)) > PERFECT:
        note = f"Two of brain, {i} and {j} lie on a line: their correlations cannot be compared."
        return found | {"note": note}
    (z, z_p), (t, t_p) = steiger_z(*r, n), williams_t(*r, n)
    return found | {"steiger_z": z, "steiger_p": z_p, "williams_t": t, "williams_p": t_p}


def _unfit(values: pd.DataFrame) -> str:
    """Return why the columns cannot be correlated, if so."""
    if len(values) < FEWEST:
        return f"{people(len(values))} with every value: too few for a correlation and its error."
    flat = [name for name in values if np.ptp(values[name]) == 0]
    return f"Everyone has the same change by {flat[0]}: no correlation." if flat else ""
