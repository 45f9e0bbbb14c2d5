"""How well the volumes of each method agree with a reference (section 2.7.3)."""

from typing import Any

import numpy as np
import pandas as pd

from thalutils import tables
from thalutils.errors import TableError
from thalutils.schemas import SCHEMAS
from thalutils.stats.coefficients import (
    FEWEST,
    TINY,
    bland_altman,
    concordance,
    deming,
    icc,
    least_squares,
)
from thalutils.stats.description import people

REFERENCES = ("manual", "truth")
# Below this the intervals, that of the concordance above all, do not keep what they promise.
FEW = 10
# Lin's variance is asymptotic: with three people its interval can be next to nothing.
FEWEST_FOR_CCC = 5
VISIT = ["participant_id", "session_id"]
# Why a number can be missing although both series vary.
GAPS = {
    "icc_a1_low": "ICC(A,1) is too far below zero for an interval.",
    "deming_slope_low": "Volumes are all but uncorrelated: no Deming slope, or no interval for it.",
    "ba_slope": "The mean of both is the same for everyone: no slope of the difference.",
}


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
    >>> volumes = pd.DataFrame(rows, columns=list(SCHEMAS["volumes"].columns))
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


def volume_agreement(volumes: pd.DataFrame, error_ratio: float = 1.0) -> pd.DataFrame:
    """Measure how each method's volumes agree with each reference's, over people's first visits.

    Parameters
    ----------
    volumes : DataFrame
        The table ``volumes``.
    error_ratio : float
        For the Deming slope: variance of the method's error over that of the reference's.

    Returns
    -------
    DataFrame
        The table ``volume_agreement``: a row for each reference there is and each method, with the
        numbers that :mod:`thalutils.stats.coefficients` defines. Cells without an answer are missing, and
        ``note`` says why: nobody or fewer than three people have both (means alone), one of the two is
        constant (no slope, no correlation), the difference is (no interval), or one of :data:`GAPS`.

    Raises
    ------
    TableError
        Where the table breaks the contract or `error_ratio` is not positive.

    Notes
    -----
    The paper calls its intraclass correlation "ICC(3,1), absolute agreement" and computes pingouin's
    ICC3, which is consistency: here ``icc3``, with absolute agreement beside it as ``icc_a1``.
    """
    volumes = tables.check("volumes", volumes)
    methods = [name for name in volumes["method"].unique() if name not in REFERENCES]
    rows = []
    for reference in REFERENCES:
        if not volumes["method"].eq(reference).any():
            continue
        pairs = paired(volumes, reference)
        for method in methods:
            mine = pairs[pairs["method"] == method]
            found = _agreement(mine["volume_ml"].to_numpy(), mine["reference_ml"].to_numpy(), error_ratio)
            rows.append({"method": method, "reference": reference} | found)
    columns = list(SCHEMAS["volume_agreement"].columns)
    return tables.check("volume_agreement", pd.DataFrame(rows, columns=columns))


def _agreement(volume: np.ndarray, reference: np.ndarray, error_ratio: float) -> dict[str, Any]:
    """Return the measures of one method against one reference, and why any is missing."""
    n = len(volume)
    if n == 0:
        return {"n": 0, "note": "Nobody has both this mask and the reference at the first visit."}
    difference = volume - reference
    found: dict[str, Any] = {
        "n": n, "mean_ml": volume.mean(), "reference_mean_ml": reference.mean(), "bias": difference.mean(),
    }  # fmt: skip
    if n < FEWEST:
        return found | {"note": f"{people(n)}: too few for anything but means."}
    found |= {"method_sd_ml": volume.std(ddof=1), "reference_sd_ml": reference.std(ddof=1)}
    found |= bland_altman(volume, reference)
    for name, values in (("reference", reference), ("method", volume)):
        if np.ptp(values) == 0:
            slope = dict.fromkeys(("ba_slope", "ba_slope_low", "ba_slope_high"), np.nan)
            return found | slope | {
                "note": f"The {name} gives everyone the same volume: no slope and correlation."
            }  # fmt: skip
    found |= concordance(volume, reference) | icc(volume, reference) | least_squares(volume, reference)
    found |= deming(volume, reference, error_ratio)
    found |= {"pearson_r": np.corrcoef(volume, reference)[0, 1]}
    return found | _doubts(found, difference)


def _doubts(found: dict[str, Any], difference: np.ndarray) -> dict[str, Any]:
    """Return what to say about numbers that are there, and empty intervals that would mislead."""
    notes, changed = [], {}
    if np.ptp(difference) <= TINY * found["reference_mean_ml"]:
        changed = {name: np.nan for name in found if name.endswith(("_low", "_high"))}
        notes.append("The difference is the same for everyone: no interval.")
    else:
        notes += [why for name, why in GAPS.items() if np.isnan(found[name])]
        if found["n"] < FEWEST_FOR_CCC:
            changed = {"ccc_low": np.nan, "ccc_high": np.nan}
            notes.append("Lin's interval of the concordance is for larger samples.")
    if found["n"] < FEW:
        notes.append(f"{people(found['n'])}: the intervals are rough.")
    return changed | {"note": " ".join(notes) or None}
