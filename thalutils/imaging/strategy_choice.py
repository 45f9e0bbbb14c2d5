"""Which of the registrations tried on one image is kept (section 2.5.2)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from thalutils.errors import TableError


def choose(
    table: pd.DataFrame,
    *,
    fallback: str = "ants-rigid",
    verdicts: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Mark which registration of one R1 map passed and which is kept, by the paper's rule.

    Of the strategies other than ``fallback``, the passing one of highest mutual information is
    kept; if none passes, the fallback if it passes; else none, and the map is left out. (The text
    names ANTs wherever *not both* FSL strategies pass, which read to the letter would drop a sound
    FSL result for ANTs; it also says ANTs served 14 people only, and that a map is lost only when all
    three fail.)

    Parameters
    ----------
    table
        A row per strategy: ``strategy``, ``mutual_information`` (nats), ``cutoff`` (nats).
    fallback
        The strategy of last resort.
    verdicts
        What a person saw, by strategy, ``pass`` or ``fail``. A ``fail`` fails whatever the number;
        a ``pass`` does not rescue a number below its cut-off.

    Returns
    -------
    pandas.DataFrame
        The table with boolean ``passed`` and ``selected``, at most one row selected.

    Raises
    ------
    TableError
        If a column is missing, a strategy is there twice, or a verdict is not known.
    """
    missing = {"strategy", "mutual_information", "cutoff"} - set(table.columns)
    if missing:
        raise TableError(f"registrations lack the column {', '.join(sorted(missing))}")
    if table["strategy"].duplicated().any():
        raise TableError("a strategy is there twice; give the rows of one session and one image")
    verdicts = dict(verdicts or {})
    for strategy, verdict in verdicts.items():
        if verdict not in ("pass", "fail") or strategy not in set(table["strategy"]):
            raise TableError(f"verdict {strategy}: {verdict}; give pass or fail for a strategy tried")
    failed_by_eye = table["strategy"].map(verdicts).eq("fail")
    passed = table["mutual_information"].ge(table["cutoff"]) & ~failed_by_eye
    is_fallback = table["strategy"].eq(fallback)
    selected = np.zeros(len(table), dtype=bool)
    for eligible in (passed & ~is_fallback, passed & is_fallback):
        if eligible.any():
            selected[np.argmax(table["mutual_information"].where(eligible, -np.inf))] = True
            break
    return table.assign(passed=passed, selected=selected)
