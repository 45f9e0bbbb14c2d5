"""How well the masks and volumes of each method agree with a reference (sections 2.7.2, 2.7.3)."""

from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm

from thalutils import tables
from thalutils.errors import TableError

REFERENCES = ("manual", "truth")
MEASURES = ("dice", "precision", "sensitivity", "hd95_mm", "mean_surface_mm")
# With two people a line passes through both and the limits have one degree of freedom.
FEWEST = 3
LIMITS_SD = 1.96
VISIT = ["participant_id", "session_id"]


def first_visits(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each person's first visit, the lowest ``session_id`` that the frame has."""
    first = frame.groupby("participant_id")["session_id"].transform("min")
    return frame[frame["session_id"] == first]


def paired(volumes: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Set the volume of every method beside the reference's, one row a method and person.

    Only first visits count, so that each person counts once. A person whose reference or mask is
    missing at that visit is left out; where several people drew a reference, the first rater by name
    is taken.

    Parameters
    ----------
    volumes : DataFrame
        The table ``volumes``.
    reference : str
        ``manual`` or ``truth``.

    Returns
    -------
    DataFrame
        ``participant_id``, ``session_id``, ``method``, ``rater`` (of the reference), ``volume_ml`` and
        ``reference_ml``, methods in the order in which they come. References are not among the methods.

    Raises
    ------
    TableError
        Where the table breaks the contract or `reference` is not a reference.

    Examples
    --------
    >>> rows = [("sub-1", "ses-1", "A", None, 9.0), ("sub-1", "ses-1", "manual", "x", 8.0)]
    >>> rows = [(*row[:3], "quick", *row[3:], 0.0, 0.0) for row in rows]
    >>> volumes = pd.DataFrame(rows, columns=list(tables.SCHEMAS["volumes"].columns))
    >>> paired(volumes, "manual")[["method", "volume_ml", "reference_ml"]].to_numpy().tolist()
    [['A', 9.0, 8.0]]
    """
    if reference not in REFERENCES:
        raise TableError(f"volumes: {reference} is not a reference; give {' or '.join(REFERENCES)}.")
    first = first_visits(tables.check("volumes", volumes)).dropna(subset=["volume_ml"])
    drawn = first[first["method"] == reference].sort_values([*VISIT, "rater"]).drop_duplicates(VISIT)
    drawn = drawn[[*VISIT, "rater", "volume_ml"]].rename(columns={"volume_ml": "reference_ml"})
    measured = first[~first["method"].isin(REFERENCES)][[*VISIT, "method", "volume_ml"]]
    pairs = measured.merge(drawn, on=VISIT, how="inner", validate="many_to_one")
    return pairs[[*VISIT, "method", "rater", "volume_ml", "reference_ml"]]


def volume_agreement(volumes: pd.DataFrame) -> pd.DataFrame:
    """Measure how each method's volumes agree with each reference's, over people's first visits.

    The bias is the mean of method minus reference: positive where the method draws too much. 95 % of
    differences lie within the limits of agreement, bias ± 1.96 SD, if they are normally distributed.
    The slope is that of method on reference: 1 where the method keeps the span between small and large
    thalami, below 1 where it draws them more alike than they are.

    Parameters
    ----------
    volumes : DataFrame
        The table ``volumes``.

    Returns
    -------
    DataFrame
        The table ``volume_agreement``: a row for each reference there is and each method. Cells without
        an answer are missing, and ``note`` says why.

    Notes
    -----
    Limits: Bland and Altman, Lancet 1986; 327: 307-310; the test holds them against the paper's numbers.
    """
    methods = [name for name in volumes["method"].unique() if name not in REFERENCES]
    rows = []
    for reference in REFERENCES:
        if not volumes["method"].eq(reference).any():
            continue
        pairs = paired(volumes, reference)
        for method in methods:
            mine = pairs[pairs["method"] == method]
            found = _agreement(mine["volume_ml"].to_numpy(), mine["reference_ml"].to_numpy())
            rows.append({"method": method, "reference": reference} | found)
    columns = list(tables.SCHEMAS["volume_agreement"].columns)
    return tables.check("volume_agreement", pd.DataFrame(rows, columns=columns))


def _agreement(volume: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    """Return the measures of one method against one reference, and why any is missing."""
    n = len(volume)
    if n == 0:
        return {"n": 0, "note": "Nobody has both this mask and the reference at the first visit."}
    difference = volume - reference
    found: dict[str, Any] = {"n": n, "bias_ml": difference.mean()}
    if n < FEWEST:
        people = "1 person" if n == 1 else f"{n} people"
        return found | {"note": f"{people}: too few for limits of agreement, slope and correlation."}
    spread = difference.std(ddof=1)
    found |= {
        "sd_ml": spread,
        "loa_low_ml": found["bias_ml"] - LIMITS_SD * spread,
        "loa_high_ml": found["bias_ml"] + LIMITS_SD * spread,
    }
    for name, values in (("reference", reference), ("method", volume)):
        if np.ptp(values) == 0:
            return found | {"note": f"The {name} gives everyone the same volume: no slope and correlation."}
    slope = sm.OLS(volume, sm.add_constant(reference)).fit().params[1]
    return found | {"slope": slope, "pearson_r": float(np.corrcoef(volume, reference)[0, 1])}


def overlap_summary(overlap: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Summarise each method's overlap with a reference over people's first visits, as Table 1 does.

    Parameters
    ----------
    overlap : DataFrame
        The table ``overlap``.
    reference : str
        ``manual`` or ``truth``.

    Returns
    -------
    DataFrame
        A row for each method and measure: ``method``, ``measure`` (of :data:`MEASURES`), ``n`` (people),
        ``median``, ``q1`` and ``q3``, in the measure's own units.

    Raises
    ------
    TableError
        Where the table breaks the contract.
    """
    checked = tables.check("overlap", overlap)
    mine = first_visits(checked[checked["reference"] == reference])
    mine = mine.sort_values("rater", kind="stable").drop_duplicates([*VISIT, "method"]).sort_index()
    columns = ["method", "measure", "n", "median", "q1", "q3"]
    rows = []
    for method in mine["method"].unique():
        for measure in MEASURES:
            values = mine.loc[mine["method"] == method, measure].dropna()
            q1, median, q3 = values.quantile([0.25, 0.5, 0.75])
            rows.append((method, measure, len(values), median, q1, q3))
    return pd.DataFrame(rows, columns=columns)
