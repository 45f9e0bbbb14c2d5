"""Adjusts p-values for how many tests there were (section 2.7.1)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from thalutils.errors import TableError

EVERYTHING = "all"


def adjust(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Adjust the column ``p`` within families of tests, by Benjamini and Hochberg's method.

    Parameters
    ----------
    frame : DataFrame
        A row a test, with ``p`` and the columns of `by`.
    by : sequence of str
        Columns whose values the tests of a family share, such as ``["analysis"]`` or ``["reference",
        "measure"]``. Without columns all tests are one family.

    Returns
    -------
    DataFrame
        The frame in its own order with ``p_adjusted`` and ``family``, such as ``10 tests: analysis all,
        outcome edss``. A test without a p has neither and counts in no family.

    Raises
    ------
    TableError
        Where a column is missing or a p lies outside 0 to 1.

    Notes
    -----
    Benjamini and Hochberg, J. R. Stat. Soc. B 1995; 57: 289-300: the expected share of false discoveries
    among the tests of a family with ``p_adjusted`` up to a level is no higher than that level, for tests
    that are independent or (Benjamini and Yekutieli, Ann. Stat. 2001; 29: 1165-1188) positively dependent.

    Examples
    --------
    >>> tests = pd.DataFrame({"outcome": ["edss", "edss", "sdmt"], "p": [0.01, 0.04, 0.04]})
    >>> adjust(tests, ["outcome"])[["p_adjusted", "family"]].to_numpy().tolist()
    [[0.02, '2 tests: outcome edss'], [0.04, '2 tests: outcome edss'], [0.04, '1 test: outcome sdmt']]
    """
    missing = [name for name in ("p", *by) if name not in frame.columns]
    if missing:
        raise TableError(f"Column {', '.join(missing)} is missing; p cannot be adjusted within {list(by)}.")
    p = frame["p"].to_numpy(dtype=float)
    outside = p[(p < 0) | (p > 1)]
    if len(outside):
        raise TableError(f"p is {outside[0]:g}; a p-value lies between 0 and 1.")
    adjusted, label = np.full(len(p), np.nan), np.full(len(p), None, dtype=object)
    known = np.flatnonzero(~np.isnan(p))
    names = _names(frame, by)
    for name in dict.fromkeys(names[known]):
        mine = known[names[known] == name]
        adjusted[mine] = multipletests(p[mine], method="fdr_bh")[1]
        label[mine] = f"{len(mine)} {'test' if len(mine) == 1 else 'tests'}: {name}"
    return frame.assign(p_adjusted=adjusted, family=label)


def _names(frame: pd.DataFrame, by: Sequence[str]) -> np.ndarray:
    """Return the name of each row's family."""
    names = np.full(len(frame), EVERYTHING, dtype=object)
    if by:
        names[:] = [
            ", ".join(f"{column} {value}" for column, value in zip(by, values, strict=True))
            for values in frame[list(by)].itertuples(index=False)
        ]
    return names
