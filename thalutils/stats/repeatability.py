"""The smallest change that one person's two scans can show (minimal detectable change)."""

from typing import Any

import numpy as np
import pandas as pd

from thalutils import tables
from thalutils.errors import TableError
from thalutils.schemas import SCHEMAS
from thalutils.stats.agreement import REFERENCES, first_visits
from thalutils.stats.description import people

FEWEST = 3
KNOWN_TRUTH = "known truth"
TRUTH = "truth"
# Two measurements each err by one standard error, and 95 % of differences lie within 1.96 of theirs.
FACTOR = 1.96 * np.sqrt(2)
_PERSON = "participant_id"


def minimal_change(volumes: pd.DataFrame, repeatability: pd.DataFrame | None = None) -> pd.DataFrame:
    """Find how far a person's volume must move before it is more than error of measurement, at 95 %.

    Two sources are used where they are there. A table of standard errors of one measurement gives the change
    at once. Where the true volumes of both visits are known, the error is what a method's change differs
    from the true change; a bias that both visits share cancels.

    Parameters
    ----------
    volumes : DataFrame
        The table ``volumes``.
    repeatability : DataFrame, optional
        The table ``repeatability``.

    Returns
    -------
    DataFrame
        The table ``minimal_change``: first the rows of `repeatability`, then one for each method with basis
        ``known truth``. Percent are of the mean of the method's first visits.

    Raises
    ------
    TableError
        Where a method has two volumes of one visit.

    Notes
    -----
    The change is 1.96 sqrt(2) SEM: Weir, J Strength Cond Res 2005; 19: 231-240, equation 11, and the
    coefficient of repeatability of Bland and Altman, Stat Methods Med Res 1999; 8: 135-160, section 3.
    """
    means = first_visits(volumes).groupby("method")["volume_ml"].mean()
    rows = [] if repeatability is None else repeatability.to_dict("records")
    rows = [_row(row["method"], row["basis"], row["n"], row["sem_ml"], means) for row in rows]
    errors = _errors_of_change(volumes)
    for method in errors:
        error = errors[method].dropna()
        sem = error.std(ddof=1) / np.sqrt(2)
        rows.append(_row(method, KNOWN_TRUTH, len(error), sem, means))
    columns = list(SCHEMAS["minimal_change"].columns)
    return tables.check("minimal_change", pd.DataFrame(rows, columns=columns))


def _row(method: str, basis: str, n: float, sem_ml: float, means: pd.Series) -> dict[str, Any]:
    row: dict[str, Any] = {"method": method, "basis": basis, "n": n}
    if n < FEWEST:
        return row | {"note": f"{people(int(n))} measured twice: too few for a standard error."}
    if np.isnan(sem_ml):
        return row | {"note": "The standard error of one measurement is not given."}
    row |= {"sem_ml": sem_ml, "change_ml": FACTOR * sem_ml}
    mean = means.get(method, np.nan)
    if not mean > 0:
        return row | {"note": "No mean volume of the method at first visits: no percentage."}
    return row | {"change_percent": 100 * row["change_ml"] / mean}


def _errors_of_change(volumes: pd.DataFrame) -> pd.DataFrame:
    """Return a row a person and a column a method: its change from first to second visit minus the true one.

    Without a column where no true volumes are known at two visits.
    """
    found = volumes[~volumes["method"].isin(REFERENCES) | (volumes["method"] == TRUTH)]
    twice = found[found.duplicated([_PERSON, "session_id", "method"])]
    if len(twice):
        row = twice.iloc[0]
        raise TableError(
            f"volumes: {row[_PERSON]} {row['session_id']} has {row['method']} twice. Keep one row."
        )
    visits = found[[_PERSON, "session_id"]].drop_duplicates().sort_values([_PERSON, "session_id"])
    visits["visit"] = visits.groupby(_PERSON).cumcount()
    keyed = found.merge(visits, on=[_PERSON, "session_id"])
    first, second = (
        keyed[keyed["visit"] == visit].pivot_table(
            index=_PERSON, columns="method", values="volume_ml", aggfunc="first"
        )
        for visit in (0, 1)
    )
    change = (second - first).reindex(columns=found["method"].unique())
    if TRUTH not in change or change[TRUTH].isna().all():
        return pd.DataFrame()
    return change.drop(columns=TRUTH).sub(change[TRUTH], axis=0)
