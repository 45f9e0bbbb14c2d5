"""Change from the first to the second visit: how much each method and each test finds (section 3.5, S8, S9)."""

import numpy as np
import pandas as pd

from thalutils import tables
from thalutils.schemas import SCHEMAS
from thalutils.stats import pairwise
from thalutils.stats.description import describe
from thalutils.stats.frames import CHANGING
from thalutils.stats.multiplicity import adjust
from thalutils.stats.populations import by_group

VOLUME_CHANGES = {"volume_percent": "percent", "volume_ml": "delta_ml"}


def percent_by_method(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the change in % of the first visit's volume, a row a person and a column a method.

    Parameters
    ----------
    frame : DataFrame
        What :func:`thalutils.stats.frames.change` returns.

    Returns
    -------
    DataFrame of float, shape (people, methods)
        By ``participant_id``, methods in the order in which they come. A change from an empty mask has no
        percentage and is missing.
    """
    wide = frame.pivot_table(index="participant_id", columns="method", values="percent", aggfunc="first")
    return wide.reindex(columns=frame["method"].unique()).replace([np.inf, -np.inf], np.nan)


def change_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Describe the change of every method's volume and of every test, for everyone and each diagnosis.

    Parameters
    ----------
    frame : DataFrame
        What :func:`thalutils.stats.frames.change` returns. Change is follow-up minus baseline over each
        person's interval: negative where volume is lost.

    Returns
    -------
    DataFrame
        The table ``change_summary``. ``volume_percent`` (% of the first visit's volume) and ``volume_ml``
        have a row a method; the clinical changes (:data:`thalutils.stats.frames.CHANGING`, in their own
        units) have one row, without a method, in which each person counts once.
    """
    methods = frame["method"].unique()
    rows = []
    for group, members in by_group(frame):
        key = {"group": group}
        for quantity, column in VOLUME_CHANGES.items():
            for method in methods:
                values = members.loc[members["method"] == method, column]
                rows.append(key | {"quantity": quantity, "method": method} | describe(values))
        once = members.drop_duplicates("participant_id")
        for name in CHANGING:
            rows.append(key | {"quantity": name, "method": None} | describe(once[f"delta_{name}"]))
    columns = list(SCHEMAS["change_summary"].columns)
    return tables.check("change_summary", pd.DataFrame(rows, columns=columns))


def change_pairwise(frame: pd.DataFrame) -> pd.DataFrame:
    """Compare every two methods' percentage change in the same people.

    Parameters
    ----------
    frame : DataFrame
        What :func:`thalutils.stats.frames.change` returns.

    Returns
    -------
    DataFrame
        The table ``change_pairwise``: Wilcoxon's signed ranks of the change in % of the first
        visit's volume (:func:`thalutils.stats.pairwise.wilcoxon_pairs`), p adjusted among all pairs. A
        negative median difference means that method i finds more loss than method j.
    """
    found = adjust(pairwise.wilcoxon_pairs(percent_by_method(frame)), [])
    return tables.check("change_pairwise", found[list(SCHEMAS["change_pairwise"].columns)])
