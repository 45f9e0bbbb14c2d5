"""Compares methods two by two on the same people, by Wilcoxon's signed-rank test (section 2.7.1)."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from thalutils.stats.coefficients import FEWEST
from thalutils.stats.description import people

LEVEL = 0.05
# Differences that rounding alone tells apart are ties.
DECIMALS = 12
COLUMNS = ["method_i", "method_j", "n", "median_difference", "statistic", "p", "note"]


def wilcoxon_pairs(wide: pd.DataFrame) -> pd.DataFrame:
    """Test every pair of methods for a difference, on the people who have both.

    Parameters
    ----------
    wide : DataFrame
        A row a person and a column a method, in any units.

    Returns
    -------
    DataFrame
        A row a pair, each method against those to its right: ``method_i``, ``method_j`` and what
        :func:`signed_rank` gives, method i minus method j. p is not adjusted.
    """
    rows = [
        {"method_i": first, "method_j": second} | signed_rank(wide[first], wide[second])
        for first, second in combinations(wide.columns, 2)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def signed_rank(first: pd.Series, second: pd.Series) -> dict[str, Any]:
    """Test whether the differences between two methods lie evenly about zero.

    Parameters
    ----------
    first, second : Series
        One value a person, in the same order; a person who lacks either is left out.

    Returns
    -------
    dict
        ``n`` (people with both), ``median_difference`` (first minus second, in their units),
        ``statistic`` (the smaller sum of ranks), two-sided ``p`` and ``note``.

    Notes
    -----
    As scipy's ``wilcoxon`` has it by default: differences of zero are left out before ranking
    (``zero_method="wilcox"``), and the note counts them. p is exact in up to 50 people without zeros
    and ties, found from all permutations in up to 13 people with them, and otherwise from the normal
    approximation with correction for ties and none for continuity (``method="auto"``).
    """
    difference = np.round((first.to_numpy(dtype=float) - second.to_numpy(dtype=float)), DECIMALS)
    difference = difference[~np.isnan(difference)]
    n = len(difference)
    found: dict[str, Any] = {"n": n, "median_difference": np.nan, "statistic": np.nan, "p": np.nan}
    if n == 0:
        return found | {"note": "Nobody has both."}
    found["median_difference"] = np.median(difference)
    if n < FEWEST:
        return found | {"note": f"{people(n)} with both: too few for a test."}
    ranked = np.count_nonzero(difference)
    if ranked == 0:
        return found | {"note": "The two give everyone the same value: there is nothing to rank."}
    result = stats.wilcoxon(difference, zero_method="wilcox", correction=False, method="auto")
    notes = []
    if ranked < n:
        notes.append(f"{n - ranked} of {n} differences are zero and not ranked.")
    if 2.0 ** (1 - ranked) > LEVEL:
        notes.append(f"With {ranked} ranks p cannot be below {2.0 ** (1 - ranked):g}.")
    note = " ".join(notes) or None
    return found | {"statistic": result.statistic, "p": result.pvalue, "note": note}
