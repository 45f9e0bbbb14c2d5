"""What one column of numbers is like, and how a note counts people."""

import numpy as np
import pandas as pd

DESCRIBED = ("n", "n_missing", "mean", "sd", "median", "q1", "q3")


def describe(values: pd.Series) -> dict[str, float]:
    """Describe the numbers that are there; a missing or infinite one counts as missing.

    Parameters
    ----------
    values : Series of float, shape (people,)

    Returns
    -------
    dict
        :data:`DESCRIBED`, in the units of `values`. The standard deviation has n - 1 degrees of freedom;
        quartiles interpolate between neighbours (type 7 of Hyndman and Fan, Am Stat 1996; 50: 361-365,
        the default of R). What n is too small for is missing.

    Examples
    --------
    >>> found = describe(pd.Series([1.0, 2.0, 4.0, None]))
    >>> [float(found[name]) for name in ("n", "n_missing", "median", "q3")]
    [3.0, 1.0, 2.0, 3.0]
    """
    given = np.asarray(values, dtype=float)
    known = given[np.isfinite(given)]
    found = dict.fromkeys(DESCRIBED, np.nan) | {"n": len(known), "n_missing": len(given) - len(known)}
    if len(known):
        q1, median, q3 = np.quantile(known, [0.25, 0.5, 0.75])
        found |= {"mean": known.mean(), "median": median, "q1": q1, "q3": q3}
    if len(known) > 1:
        found["sd"] = known.std(ddof=1)
    return found


def people(n: int) -> str:
    """Count people in words that a sentence can begin with.

    Examples
    --------
    >>> people(0), people(1), people(2)
    ('Nobody', '1 person', '2 people')
    """
    return {0: "Nobody", 1: "1 person"}.get(n, f"{n} people")
