"""What pages show of tools: which were run or read here, whose masks are not believed, how to get the rest."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from IPython.display import HTML

from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.imaging import siena
from thalutils.report import figures, pictures, privacy, tables
from thalutils.report.embed import note
from thalutils.segmenters import catalogue
from thalutils.segmenters.endings import suspect_ending
from thalutils.segmenters.mindglide import DEEP_GREY
from thalutils.segmenters.protocol import LEFT, RIGHT
from thalutils.segmenters.read_versions import NOT_RECORDED, read_version
from thalutils.segmenters.session import methods
from thalutils.stage import derivative, usable_scans

MOST_SHOWN = 6
RUN, READ, TABLE, NEVER = "run here", "read here", "came as a table", "never seen here"


def masks_by_origin(masks: pd.DataFrame) -> HTML:
    """Tabulate how many masks of each method were drawn by the study, and how many were read.

    Takes the table ``masks``.
    """
    if masks.empty:
        return note("No mask was made.")
    keys = ["method", "origin", "envelope", "preset"]
    counts = masks.groupby(keys, sort=False, dropna=False).agg(
        people=("participant_id", "nunique"), masks=("session_id", "size")
    )
    return tables.show(
        counts.reset_index(), name="masks-by-origin",
        caption="Masks by method: run here or read, cut by which envelope, and with which preset.",
    )  # fmt: skip


def suspects(cohort: Cohort) -> list[HTML]:
    """Show the masks that are not believed, each side outlined on the T1w; an empty one leaves the T1w."""
    found = [
        (session, method, path)
        for session in cohort.sessions()
        for method in methods()
        if (path := derivative(cohort, session, suspect_ending(method))).exists()
    ]
    if not found:
        return [note("No mask was set aside.")]
    if not privacy.publishes():
        return [privacy.withheld("The masks that are not believed")]
    sheets = [_suspect(cohort, *one) for one in found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        sheets.append(
            note(f"{len(found) - MOST_SHOWN} more masks are not believed; the last table names them.")
        )
    return sheets


def _suspect(cohort: Cohort, session: Session, method: str, path: Path) -> HTML:
    t1w, image = nib.load(usable_scans(cohort, session)["T1w"]), nib.load(path)
    labels = np.asarray(image.dataobj)
    drawn = {
        f"{part} of {method}": nib.Nifti1Image((labels == label).astype(np.uint8), image.affine)
        for part, label in (("left", LEFT), ("right", RIGHT), ("deep grey matter", DEEP_GREY))
        if (labels == label).any()
    }
    words = " and ".join(drawn) if drawn else "nothing: the mask is empty"
    fig = pictures.outline_sheet(t1w, drawn) if drawn else pictures.scan_sheet({"T1w": t1w})
    return figures.figure(
        fig, name=f"suspect-{method}-{session.key}",
        caption=f"Not believed: what {method} drew on the T1w of {session.key} ({words}).",
        alt=f"The T1w of {session.key} in three planes with the outlines that {method} drew.",
    )  # fmt: skip


def status(cohort: Cohort) -> dict[str, str]:
    """Return of every tool whether its results in this cohort were run here, read here, or never seen here."""
    seen: dict[str, set[str]] = {name: set() for name in catalogue.CARDS}
    masks = cohort.table_or_empty("masks")
    for name in seen:
        mine = masks[masks["method"].isin(catalogue.methods_of(name))] if len(masks) else masks
        for origin in mine["origin"].dropna().unique() if len(mine) else ():
            seen[name].add({"run": RUN, "read": READ}[origin])
    tried = set(_column(cohort, "registration", "strategy"))
    seen["FLIRT"] |= {RUN} if any(name.startswith("flirt") for name in tried) else set()
    seen["ANTs"] |= (
        {RUN} if any(name.startswith("ants") for name in tried) or RUN in seen["Template"] else set()
    )
    brains = set(_column(cohort, "brain_masks", "source"))
    seen["deepbet"] |= {RUN} if "deepbet" in brains else set()
    seen["DBSegment"] |= {READ} if "DBSegment" in brains else set()
    seen["hMRI toolbox"] |= {READ} if "hMRI" in _column(cohort, "maps", "source") else set()
    if cohort.kind == "scans":
        change = cohort.table_or_empty("brain_change")
        people = change.loc[change["engine"] == siena.ENGINE, "participant_id"]
        seen["SIENA"] |= {READ if siena.has_report(cohort, person) else RUN for person in people}
    if cohort.kind == "scans" and not cohort.simulated:
        drawn = any(cohort.reference("manual", session) for session in cohort.sessions())
        seen["ITK-SNAP"] |= {READ} if drawn else set()
    if cohort.kind == "tables" and not cohort.simulated:
        brought = set(_column(cohort, "volumes", "method")) | set(_column(cohort, "brain_change", "engine"))
        for name in seen:
            seen[name] |= {TABLE} if any(method.split("-")[0] == name for method in brought) else set()
    order = (RUN, READ, TABLE)
    return {name: " and ".join(one for one in order if one in found) or NEVER for name, found in seen.items()}


def _column(cohort: Cohort, table: str, column: str) -> list[str]:
    return sorted(cohort.table_or_empty(table)[column].dropna().unique())


def versions(cohort: Cohort) -> dict[str, str | None]:
    """Return which version of each tool this book's results are of; nothing of what was never seen.

    What ran here is of this machine's version; what was read, of the one that the finished result names.
    """
    here = dict(catalogue.tools_table()[["name", "version"]].itertuples(index=False))
    found: dict[str, str | None] = {}
    for name, seen in status(cohort).items():
        parts = {RUN: here[name]} if RUN in seen else {}
        parts |= {READ: read_version(cohort, name)} if READ in seen else {}
        parts |= {TABLE: NOT_RECORDED} if TABLE in seen else {}
        words = [f"{version} ({origin})" if len(parts) > 1 else version for origin, version in parts.items()]
        found[name] = ", ".join(words) or None
    return found


def tools(cohort: Cohort) -> HTML:
    """Tabulate every tool of the study: what was seen of it in this cohort, of which version, and the one that is here."""
    known = catalogue.tools_table()
    shown = pd.DataFrame(
        {
            "tool": known["name"],
            "in this book": known["name"].map(status(cohort)),
            "version in this book": known["name"].map(versions(cohort)),
            "version on this machine": known["version"],
            "licence": known["licence"],
            "fills": known["fills"],
        }
    )
    return tables.show(shown, caption="The tools of the study.", name="tools")


def how_to_get() -> HTML:
    """Tabulate the tools that are not on this machine: why, and what to do to get them."""
    known = catalogue.tools_table()
    absent = known[known["available"] == "no"][["name", "reason"]]
    if absent.empty:
        return note("Every tool is on this machine.")
    return tables.show(absent, caption="Tools that are not on this machine.", name="tools-absent")
