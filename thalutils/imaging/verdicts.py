"""What a reviewer saw: verdicts entered in two tables beside the cohort's YAML, by name or by code, and obeyed."""

from functools import lru_cache
from pathlib import Path

import pandas as pd

from thalutils import tables
from thalutils.bids import Session
from thalutils.cohort import Cohort, shorten
from thalutils.errors import TableError
from thalutils.files import hash_file, hash_json
from thalutils.imaging import review_table, reviewed
from thalutils.imaging.review_table import VERDICTS
from thalutils.imaging.reviewed import STRATEGIES, Reviewed

COLUMNS = ("participant_id", "session_id", "image", "strategy", "verdict")


def check(cohort: Cohort) -> None:
    """Check a cohort's verdicts, where there are any, before anything is made that depends on them.

    People and visits are looked for where it can be told who they are: those of a simulated or public cohort come with
    its first run.

    Raises
    ------
    TableError
        Naming every line that is at fault: of an unknown verdict, image or strategy, or of nobody in the cohort.
    """
    if cohort.kind != "scans":
        return
    comes_later = cohort.simulated or cohort.settings.public is not None
    there = not comes_later or (cohort.bids / "participants.tsv").exists()
    if cohort.verdicts.exists():
        table = _read(cohort.verdicts, cohort.verdicts.stat().st_mtime_ns)
        _refuse(cohort.verdicts, _strangers(cohort, table) if there else [])
    if review_table.entered(cohort) and there:
        known = reviewed.by_code(cohort, left_out=True)
        _refuse(cohort.blinded_verdicts, review_table.strangers(cohort, known))


def _refuse(path: Path, faults: list[str]) -> None:
    if faults:
        raise TableError(f"{path}: " + "; ".join(faults) + ". Correct or remove these lines.")


def verdict(cohort: Cohort, session: Session, image: str, strategy: str) -> str | None:
    """Return ``pass`` or ``fail`` as a reviewer entered it for one image and strategy, else ``None``.

    Of several lines of a table the last counts. What fails in one of the two tables has failed.

    Raises
    ------
    TableError
        Where a table cannot be used, as :func:`check` says before a run.
    """
    one = Reviewed(session.participant_id, session.session_id, image, strategy)
    found = [_by_name(cohort, one), review_table.entered(cohort).get(one.code)]
    return "fail" if "fail" in found else next(filter(None, found), None)


def failed_in(cohort: Cohort, session: Session, image: str, strategy: str) -> str:
    """Return the name of the table in which a reviewer failed a result."""
    one = Reviewed(session.participant_id, session.session_id, image, strategy)
    return (cohort.verdicts if _by_name(cohort, one) == "fail" else cohort.blinded_verdicts).name


def fingerprint(cohort: Cohort) -> str:
    """Return what changes as a verdict is entered; empty where none is."""
    by_name = hash_file(cohort.verdicts) if cohort.verdicts.exists() else ""
    by_code = review_table.fingerprint(cohort)
    return hash_json([by_name, by_code]) if by_code else by_name


def _by_name(cohort: Cohort, one: Reviewed) -> str | None:
    path = cohort.verdicts
    if not path.exists():
        return None
    table = _read(path, path.stat().st_mtime_ns)
    mine = table[(table[list(one._fields)] == list(one)).all(axis=1)]
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
