"""Masks drawn on the scans of two people, one who is much and one who is little affected: Figure 1."""

import nibabel as nib
import pandas as pd
from IPython.display import HTML

from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.report import figures, imaging_pages, pictures, privacy
from thalutils.report.embed import note
from thalutils.report.order import from_t1w
from thalutils.segmenters.measure import REFERENCES
from thalutils.segmenters.session import made
from thalutils.stage import usable_scans

BURDEN = ["edss", "disease_duration_years"]


def outlines_by_burden(cohort: Cohort) -> list[HTML]:
    """Return the outlines of the masks drawn from the T1w, over it, of the most and the least affected.

    Of the people whose first visit has masks, those with a reference are taken where there are any, and of
    these the two or more who have every mask that one of them has.
    """
    if cohort.kind == "tables":
        return [note("This cohort came as tables: there are no scans to draw masks on.")]
    if not privacy.publishes():
        return [privacy.withheld("The outlines of masks on a T1w")]
    drawn = {visit.participant_id: visit for visit in _first_visits(cohort) if _masks(cohort, visit)}
    held = {who: visit for who, visit in drawn.items() if _references(cohort, visit)} or drawn
    counts = {who: len(_masks(cohort, visit)) for who, visit in held.items()}
    complete = [who for who, count in counts.items() if count == max(counts.values())]
    among = complete if len(complete) >= 2 else list(held)
    chosen = extremes(cohort.participants, cohort.clinical(), among)
    if chosen.empty:
        return [note("No visit has a mask and a usable T1w.")]
    return [_sheet(cohort, drawn[row.participant_id], row) for row in chosen.itertuples()]


def mask_viewer(cohort: Cohort) -> HTML:
    """Return the interactive view of one visit's masks."""
    if cohort.kind == "tables":
        return note("This cohort came as tables: there are no masks to look at.")
    return imaging_pages.mask_viewer(cohort)


def extremes(participants: pd.DataFrame, sessions: pd.DataFrame, among: list[str]) -> pd.DataFrame:
    """Return the most and the least affected of some people at their first visit, in that order.

    Parameters
    ----------
    participants, sessions
        The tables ``participants`` and ``sessions``.
    among
        The ids to choose from. EDSS decides, then the disease duration. Healthy controls and people without
        an EDSS are passed over where there are two others.

    Returns
    -------
    DataFrame
        A row for each, ``participant_id``, ``group`` and what the first visit has; one row where there is
        one person.
    """
    first = sessions.sort_values(["participant_id", "session_id"]).drop_duplicates("participant_id")
    mine = participants[participants["participant_id"].isin(among)].merge(
        first, on="participant_id", how="left"
    )
    known = mine[mine["edss"].notna() & (mine["group"] != "HC")]
    ranked = (known if len(known) >= 2 else mine).sort_values(
        [*BURDEN, "participant_id"], na_position="first"
    )
    return ranked.iloc[[-1, 0]] if len(ranked) > 1 else ranked


def _sheet(cohort: Cohort, visit: Session, person: tuple) -> HTML:
    references = _references(cohort, visit)
    shown = {name: imaging_pages.binary(path) for name, path in (_masks(cohort, visit) | references).items()}
    t1w = nib.load(usable_scans(cohort, visit)["T1w"])
    centre = next(iter(references), next(iter(shown)))
    fig = pictures.outline_sheet(t1w, shown, centre_on=centre)
    words = ", ".join(_told(person))
    caption = f"Outlines of {', '.join(shown)} on the T1w of {visit.participant_id} ({words}), as Figure 1 of the paper."
    alt = f"The thalami of {visit.participant_id} in three planes, outlined by {', '.join(shown)}."
    return figures.figure(fig, caption=caption, alt=alt, name=f"outlines-{visit.participant_id}")


def _told(person: tuple) -> list[str]:
    """Say what is known of a person."""
    told = [person.group]
    for name, words in (
        ("disease_duration_years", "disease duration {:.1f} years"), ("edss", "EDSS {:g}"), ("age_years", "age {:.0f}"),
    ):  # fmt: skip
        value = getattr(person, name)
        if pd.notna(value):
            told.append(words.format(value))
    return told


def _first_visits(cohort: Cohort) -> list[Session]:
    visits: dict[str, Session] = {}
    for visit in cohort.sessions():
        visits.setdefault(visit.participant_id, visit)
    return list(visits.values())


def _masks(cohort: Cohort, visit: Session) -> dict:
    """Return the masks drawn from a visit's T1w alone; none where that scan cannot be used."""
    if "T1w" not in usable_scans(cohort, visit):
        return {}
    return {name: path for name, path in made(cohort, visit).items() if from_t1w(name)}


def _references(cohort: Cohort, visit: Session) -> dict:
    paths = {name: cohort.reference(name, visit) for name in REFERENCES}
    return {name: path for name, path in paths.items() if path is not None}
