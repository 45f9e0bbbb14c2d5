"""What a reviewer saw: verdicts entered in a table beside the cohort's YAML, and obeyed."""

from functools import lru_cache
from pathlib import Path

import pandas as pd

from thalutils import tables
from thalutils.bids import Session
from thalutils.cohort import Cohort, shorten
from thalutils.errors import TableError
from thalutils.imaging import flirt, registration

COLUMNS = ("participant_id", "session_id", "image", "strategy", "verdict")
VERDICTS = ("pass", "fail")
BRAIN, BRAIN_TOOL = "brain", "deepbet"
# FLIRT's belong to the table on any machine: a verdict stays where FSL is not installed.
STRATEGIES = {
    "R1": (*registration.R1_STRATEGIES, *flirt.R1_STRATEGIES),
    "FLAIR": (registration.FLAIR_STRATEGY, flirt.FLAIR_STRATEGY),
    BRAIN: (BRAIN_TOOL,),
}


def check(cohort: Cohort) -> None:
    """Check a cohort's verdicts, where there are any, before anything is made that depends on them.

    People and visits are looked for where it can be told who they are: those of a simulated or public cohort come with
    its first run.

    Raises
    ------
    TableError
        Naming every line that is at fault: of an unknown verdict, image or strategy, or of nobody in the cohort.
    """
    if cohort.kind != "scans" or not cohort.verdicts.exists():
        return
    table = _read(cohort.verdicts, cohort.verdicts.stat().st_mtime_ns)
    comes_later = cohort.simulated or cohort.settings.public is not None
    there = not comes_later or (cohort.bids / "participants.tsv").exists()
    faults = _strangers(cohort, table) if there else []
    if faults:
        raise TableError(f"{cohort.verdicts}: " + "; ".join(faults) + ". Correct or remove these lines.")


def verdict(cohort: Cohort, session: Session, image: str, strategy: str) -> str | None:
    """Return ``pass`` or ``fail`` as a reviewer entered it for one image and strategy, else ``None``.

    Of several lines the last counts.

    Raises
    ------
    TableError
        Where the table cannot be used, as :func:`check` says before a run.
    """
    path = cohort.verdicts
    if not path.exists():
        return None
    table = _read(path, path.stat().st_mtime_ns)
    mine = table[
        (table["participant_id"] == session.participant_id)
        & (table["session_id"] == session.session_id)
        & (table["image"] == image)
        & (table["strategy"] == strategy)
    ]
    return None if mine.empty else str(mine["verdict"].iloc[-1])


@lru_cache(maxsize=4)
def _read(path: Path, changed_ns: int) -> pd.DataFrame:
    table = tables.read_tsv(path)
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise TableError(
            f"{path}: column {', '.join(missing)} is missing; it needs {', '.join(COLUMNS)}, with tabs between them."
        )
    faults = []
    for row, image, strategy, value in table[["image", "strategy", "verdict"]].itertuples():
        line = f"line {row + 2}"
        if image not in STRATEGIES:
            faults.append(f"{line}: image {image!r} is none of {', '.join(STRATEGIES)}")
        elif strategy not in STRATEGIES[image]:
            faults.append(
                f"{line}: strategy {strategy!r} is none of those of {image}: {', '.join(STRATEGIES[image])}"
            )
        if value not in VERDICTS:
            faults.append(f"{line}: verdict {value!r} is neither pass nor fail")
    if faults:
        raise TableError(f"{path}: " + "; ".join(faults) + ". Correct these lines.")
    return table


def _strangers(cohort: Cohort, table: pd.DataFrame) -> list[str]:
    """Say which lines name nobody of the cohort, or no visit of theirs; who is left out of it is no stranger."""
    left_out = set(cohort.row_exclusions["participant_id"])
    visits: dict[str, list[str]] = {}
    for session in cohort.sessions():
        visits.setdefault(session.participant_id, []).append(session.session_id)
    faults = []
    for row, person, visit in table[["participant_id", "session_id"]].itertuples():
        if person not in visits and person not in left_out:
            faults.append(
                f"line {row + 2}: {person} is not in cohort {cohort.name}, which has {shorten([*visits])}"
            )
        elif person in visits and visit not in visits[person]:
            faults.append(f"line {row + 2}: {person} has no visit {visit}, but {', '.join(visits[person])}")
    return faults
