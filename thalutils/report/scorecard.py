"""Every number the paper reports beside what a cohort gives, and whether the two agree."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from thalutils import reported
from thalutils.cohort import Cohort
from thalutils.report.estimates import (
    FEW,
    FEWEST,
    NOTHING,
    POPULATIONS,
    Estimate,
    Tables,
    estimate,
    pick,
    text,
)
from thalutils.report.suppression import LEAST
from thalutils.schemas import SCHEMAS
from thalutils.simulate import twin_summary

AGREES, DIFFERS, UNKNOWN = "agrees", "differs", "cannot be told"
DRAWN = "Nobody here has a mask drawn by hand that a method is held against."
# The table that a section of the paper is judged by, and what it says that there is none.
NEEDS = {
    "voxel_agreement": ("overlap_summary", DRAWN),
    "volume_agreement": ("volume_agreement", DRAWN),
    "cross_sectional": ("associations", "Nobody here has a volume and a score."),
    "volume_change": ("change_summary", "Nobody here has volumes at two visits."),
    "brain_volume_change": (
        "brain_change_correlation", "Nobody here has a change of brain and thalamus between two visits."
    ),
    "longitudinal": ("change_associations", "Nobody here has volumes and scores at two visits."),
}  # fmt: skip
NO_METHOD = "The method gave no result here."
WITHHELD = f"Of fewer than {LEAST} people, and this cohort publishes no individual rows."


def scorecard(tables: Tables, basis: Callable[[pd.Series], str], individuals: bool = True) -> pd.DataFrame:
    """Set every reported result beside what the tables of a cohort give.

    Parameters
    ----------
    tables : mapping of DataFrame
        The cohort's result tables by name; any may be absent.
    basis : callable
        From a row of :func:`thalutils.reported.flat` to ``calibrated``, ``emergent``, ``images`` or ``data``.
    individuals : bool
        Whether numbers of fewer than five people may stand in it.

    Returns
    -------
    DataFrame
        The table ``scorecard``, in the order of the paper.

    Notes
    -----
    A number agrees where the difference of both is within 1.96 standard errors of it. The standard error
    of a reported number comes from its printed interval; where it has none it is taken to be as large as
    this cohort's. A p value agrees where both lie on the same side of 5 %. Fewer than ten people decide
    nothing.
    """
    rows = []
    for _, row in reported.flat().iterrows():
        found = estimate(row, tables)
        if not individuals and 0 < found.people < LEAST:
            found = Estimate(note=WITHHELD)
        verdict, note = _verdict(row, found)
        if note == NOTHING.note:
            note = _why(row, tables)
        if isinstance(row["text"], str):
            note = f"The paper: {row['text']}. {note or ''}".strip()
        rows.append(
            {
                "section": row["section"], "quantity": row["quantity"], "method": text(row["method"]),
                "outcome": text(row["outcome"]), "reported": row["reported"],
                "reported_low": row["reported_low"], "reported_high": row["reported_high"],
                "recomputed": found.value, "low": found.low, "high": found.high, "basis": basis(row),
                "verdict": verdict, "note": note,
            }
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(SCHEMAS["scorecard"].columns))


def basis_of(cohort: Cohort) -> Callable[[pd.Series], str]:
    """Return how a cohort's numbers came to be: from images, from data, or from the twin's model."""
    twin = cohort.settings.twin

    def basis(row: pd.Series) -> str:
        if twin is None:
            return claim_basis(cohort)
        key = (row["section"], row["quantity"], text(row["method"]), text(row["outcome"]))
        return twin_summary.basis(key, twin.switch)

    return basis


def claim_basis(cohort: Cohort) -> str:
    """Return what a cohort's claims rest on; on the twin, those that its model does not decide beforehand."""
    if cohort.settings.twin is not None:
        return "emergent"
    return "images" if cohort.kind == "scans" else "data"


def counts(card: pd.DataFrame) -> pd.DataFrame:
    """Count the verdicts by section and basis."""
    sizes = card.groupby(["section", "basis", "verdict"], sort=False, as_index=False).size()
    found = sizes.pivot_table(
        index=["section", "basis"], columns="verdict", values="size", fill_value=0, sort=False
    ).astype(int)
    return found.reindex(columns=[AGREES, DIFFERS, UNKNOWN], fill_value=0).reset_index()


def _why(row: pd.Series, tables: Tables) -> str:
    """Say what a cohort lacks for a result of which it has nothing."""
    if row["section"] == "populations":
        return _why_nobody(row, tables)
    name, nothing = NEEDS[row["section"]]
    frame = tables.get(name)
    if frame is not None and "reference" in frame:
        frame = frame[frame["reference"] == "manual"]
    return NO_METHOD if frame is not None and (frame["n"] > 0).any() else nothing


def _why_nobody(row: pd.Series, tables: Tables) -> str:
    quantity, population = row["quantity"], POPULATIONS[row["method"]]
    if "registration" in quantity:
        return "No R1 was registered here."
    everyone = pick(tables, "population", population=population, group="all", variable="female")
    if everyone is None or not everyone["n"] + everyone["n_missing"]:
        words = {"reference": "a mask drawn by hand", "longitudinal": "a second visit"}
        return f"Nobody here has {words.get(population, 'a first visit')}."
    if quantity.startswith("n_") or quantity.rsplit("_", 1)[0].endswith(("_rrms", "_pms")):
        return "Nobody here has this diagnosis."
    return "It is not known of anybody here."


def _verdict(row: pd.Series, found: Estimate) -> tuple[str, str | None]:
    if found.agrees is not None:
        return (AGREES if found.agrees else DIFFERS), found.note
    if pd.isna(found.value):
        return UNKNOWN, found.note or NOTHING.note
    if found.n < FEWEST:
        return UNKNOWN, found.note or FEW
    if pd.isna(found.low) or pd.isna(found.high):
        return UNKNOWN, "There is no interval to judge by."
    ours = (found.high - found.low) / (2 * reported.Z_95)
    printed = (row["reported_high"] - row["reported_low"]) / (2 * reported.Z_95)
    theirs = printed if pd.notna(printed) and pd.notna(row["reported"]) else ours
    if pd.isna(row["reported"]):  # a range alone
        inside = found.low <= row["reported_high"] and found.high >= row["reported_low"]
        return (AGREES if inside else DIFFERS), found.note
    near = abs(found.value - row["reported"]) <= reported.Z_95 * np.hypot(ours, theirs)
    return (AGREES if near else DIFFERS), found.note
