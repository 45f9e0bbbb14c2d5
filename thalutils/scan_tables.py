"""The people and visits of a BIDS dataset: from its own tables, or from clinical tables and how to read them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from thalutils import spreadsheet, tables
from thalutils.errors import CohortError, TableError
from thalutils.schemas import PARTICIPANT, SCHEMAS, SESSION
from thalutils.spreadsheet_settings import Clinical
from thalutils.spreadsheet_values import LIMITS, Limits, edss, impossible

STAGE = "2-1-cohort"
DEFAULTS = {"sex": None, "group": "unknown", "site": None, "in_ground_truth": False}
KEYS = ["participant_id", "session_id"]
YES_OR_NO = Limits(0, 1, "no (0) or yes (1)")
# A person, their visit or None, what was left out or None for all, and why.
Fault = tuple[str, str | None, str | None, str]


@dataclass(frozen=True)
class People:
    """The people of a dataset.

    Attributes
    ----------
    participants, sessions : DataFrame
        As the contract has them.
    exclusions : DataFrame
        The contract's table of rows, cells and folders that were left out.
    told : DataFrame
        The same, its reasons with the cells' own words: :class:`~thalutils.entry.Entry`.
    """

    participants: pd.DataFrame
    sessions: pd.DataFrame
    exclusions: pd.DataFrame
    told: pd.DataFrame


def read(bids: Path, clinical: Sequence[tuple[Path, Clinical]]) -> People:
    """Read the people of a dataset.

    Parameters
    ----------
    bids : Path
        The dataset.
    clinical : sequence of (path, settings)
        Tables and which of their columns holds what. Of two that know the same thing, the first is believed, and
        each person's ``_sessions.tsv`` last. Where there is none, ``participants.tsv`` is
        read in their place; and where that is not there either, the folders say who there is.

    Raises
    ------
    CohortError
        Where the dataset is not there.
    TableError
        Where a table cannot be used.
    """
    if not bids.is_dir():
        raise CohortError(f"{bids}: no such folder.")
    listed = (bids / "participants.tsv").exists()
    return _from_dataset(bids) if listed and not clinical else _from_clinical(bids, clinical)


def visits(folder: Path) -> list[str]:
    """Return the session ids of a person's folder, in order; a person without ``ses-`` folders has one."""
    return [path.name for path in sorted(folder.glob("ses-*")) if re.match(SESSION, path.name)] or ["ses-01"]


def exclusion_rows(faults: Sequence[Fault]) -> pd.DataFrame:
    """Return exclusions, one row per (person, visit or None, what or None, reason)."""
    rows = [(person, visit, STAGE, what, reason) for person, visit, what, reason in faults]
    return pd.DataFrame(rows, columns=list(SCHEMAS["exclusions"].columns))


def _from_dataset(bids: Path) -> People:
    source = bids / "participants.tsv"
    frame = tables.read_tsv(source, "participants")
    if "participant_id" not in frame:
        raise TableError(f"{source}: column participant_id is missing.")
    seen: set[str] = set()
    faults: list[Fault] = []
    kept = []
    for row, person in frame["participant_id"].fillna("(empty)").astype(str).items():
        reason = _fault(person, seen, bids)
        seen.add(person)
        if reason:
            faults.append((person, None, None, f"{source.name} line {row + 2}: {reason}"))
        else:
            kept.append(row)
            faults += _odd_visits(bids, person)
    people = frame.loc[kept].copy()
    for column, default in DEFAULTS.items():
        if column not in people:
            people[column] = default
    people["group"] = people["group"].fillna("unknown")
    people["in_ground_truth"] = people["in_ground_truth"].map(_truth_value)
    people = tables.check("participants", people.sort_values("participant_id"), source, lines=True)
    sessions, cells = _sessions(bids, list(people["participant_id"]))
    sessions = _with_all_visits(
        sessions, {person: visits(bids / person) for person in people["participant_id"]}
    )
    left_out = exclusion_rows([*faults, *cells])
    return People(people, sessions, left_out, left_out)


def _sessions(bids: Path, people: Sequence[str]) -> tuple[pd.DataFrame, list[Fault]]:
    """Return the visits of these people, values that cannot be left out, and what was left out."""
    frames, faults = [], []
    for person in people:
        path = bids / person / f"{person}_sessions.tsv"
        if not path.is_file():
            continue
        try:
            frame, told = _scores(path, person)
        except TableError as error:
            reason = f"{str(error).replace(str(path), path.name)} The scores of {person} are left out."
            faults.append((person, None, "scores", reason))
            continue
        frames.append(frame)
        faults += told
    found = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return tables.check("sessions", found.reindex(columns=list(SCHEMAS["sessions"].columns))), faults


def _scores(path: Path, person: str) -> tuple[pd.DataFrame, list[Fault]]:
    """Read a person's table of visits; rows of no visit and cells that cannot be are left out, and said.

    Raises
    ------
    TableError
        Where it is no table, or does not say which visit a row is of.
    """
    frame = tables.read_tsv(path, "sessions").assign(participant_id=person)
    if "session_id" not in frame:
        raise TableError(f"{path}: column session_id is missing.")
    faults: list[Fault] = []
    seen: set[str] = set()
    for row, visit in frame["session_id"].fillna("(empty)").items():
        reason = None
        if not re.match(SESSION, visit):
            reason = f"{visit!r} is not a session id (ses- and then letters and digits). Correct the row."
        elif visit in seen:
            reason = f"{visit} stands here a second time; the first row is used. Remove one."
        seen.add(visit)
        if reason:
            faults.append((person, None, None, f"{path.name} line {row + 2}: {reason}"))
            frame = frame.drop(row)
    for column in [name for name in frame if name in SCHEMAS["sessions"].columns and name not in KEYS]:
        frame[column], reasons = _numbers(frame[column], column)
        for row, told in reasons.items():
            reason = f"{path.name} line {row + 2}, column {column}: {told}"
            faults.append((person, frame.loc[row, "session_id"], column, reason))
    return frame, faults


def _numbers(cells: pd.Series, column: str) -> tuple[pd.Series, pd.Series]:
    """Return a column of scores as numbers, missing where a cell cannot be one, and the reasons for these."""
    cells = cells.mask(cells.astype(str).str.strip() == "")
    values = pd.to_numeric(cells, errors="coerce").astype(float)
    words = cells[values.isna() & cells.notna()]
    odd = edss(values)[1] if column == "edss" else impossible(values, LIMITS.get(column, YES_OR_NO))
    reasons = {row: f"{str(cell)!r} is not a number." for row, cell in words.items()}
    reasons |= {row: f"{values[row]:g} {told}" for row, told in odd.items()}
    return values.mask(values.index.isin(odd.index)), pd.Series(reasons, dtype=object).sort_index()


def _with_all_visits(sessions: pd.DataFrame, there: dict[str, list[str]]) -> pd.DataFrame:
    """Return the table of visits with those that have a folder and no score too: their scans are measured all the same."""
    folders = pd.MultiIndex.from_tuples(
        [(person, name) for person, names in there.items() for name in names], names=KEYS
    )
    known = sessions.set_index(KEYS)
    every = known.index.union(folders)
    return tables.check("sessions", known.reindex(every).reset_index())


def _from_clinical(bids: Path, clinical: Sequence[tuple[Path, Clinical]]) -> People:
    known = sorted(path.name for path in bids.glob("sub-*") if path.is_dir())
    folders = [name for name in known if re.match(PARTICIPANT, name)]
    faults: list[Fault] = [
        (
            name,
            None,
            None,
            f"{name} is left out: a person's folder is sub- and then letters and digits.",
        )
        for name in known
        if name not in folders
    ]
    for person in folders:
        faults += _odd_visits(bids, person)
    there = {person: visits(bids / person) for person in folders}
    people = pd.DataFrame({"participant_id": folders}, dtype=str).set_index("participant_id")
    people = people.reindex(columns=list(DEFAULTS))
    sessions = pd.DataFrame(columns=list(SCHEMAS["sessions"].columns)).set_index(KEYS)
    left_out, told = [], []
    for path, settings in clinical:
        entry = spreadsheet.read_visits(path, settings)
        if entry.refusals:
            raise TableError(f"{path} cannot be used:\n  " + "\n  ".join(entry.refusals))
        left_out.append(entry.exclusions.assign(stage=STAGE))
        told.append(entry.told.assign(stage=STAGE))
        theirs = entry.tables["participants"].set_index("participant_id")
        theirs["group"] = theirs["group"].mask(theirs["group"] == DEFAULTS["group"])
        for person in theirs.index.difference(folders):
            reason = f"{path.name}: {person} has no folder in the dataset. Add the scans or remove the row."
            faults.append((person, None, None, reason))
        people = _first_known(people, theirs.reindex(people.index))
        mine = entry.tables["sessions"]
        mine = mine[mine["participant_id"].isin(folders)]
        if settings.columns.session_id is None:
            mine = mine.assign(session_id=_by_order(mine, there))
        else:
            mine = mine.assign(session_id=_by_name(mine, there))
        sessions = _first_known(sessions, mine.set_index(KEYS))
    own, cells = _sessions(bids, folders)
    sessions = _first_known(sessions, own.set_index(KEYS))
    faults += cells
    people["in_ground_truth"] = people["in_ground_truth"].map(_truth_value)
    found = people.assign(group=people["group"].astype(object).fillna(DEFAULTS["group"])).reset_index()
    return People(
        tables.check("participants", found),
        _with_all_visits(sessions.sort_index().reset_index(), there),
        *(pd.concat([exclusion_rows(faults), *one], ignore_index=True) for one in (left_out, told)),
    )


def _first_known(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of both, each value the first's where that has one."""
    every = first.index.union(second.index)
    one, other = (frame.reindex(every).astype(object) for frame in (first, second))
    return one.where(one.notna(), other.reindex(columns=one.columns))


def _by_order(rows: pd.DataFrame, there: dict[str, list[str]]) -> list[str]:
    """Return session ids of rows that name none: the first row of a person is of the first visit, and so on."""
    place = rows.groupby("participant_id").cumcount()
    return [
        there[person][number] if number < len(there[person]) else name
        for person, name, number in zip(rows["participant_id"], rows["session_id"], place, strict=True)
    ]


def _by_name(rows: pd.DataFrame, there: dict[str, list[str]]) -> list[str]:
    """Return session ids as the folders have them, where these differ by zeros before a number alone."""
    folders = {person: {_bare(name): name for name in names} for person, names in there.items()}
    pairs = zip(rows["participant_id"], rows["session_id"], strict=True)
    return [folders[person].get(_bare(name), name) for person, name in pairs]


def _bare(name: str) -> str:
    return re.sub(r"\d+", lambda digits: str(int(digits.group())), name).casefold()


def _fault(person: str, seen: set[str], bids: Path) -> str | None:
    if not re.match(PARTICIPANT, person):
        return f"{person!r} is not a participant id (sub- and then letters and digits). Correct the row."
    if person in seen:
        return f"{person} stands here a second time; the first row is used. Remove one."
    folder = bids / person
    if not folder.is_dir():
        return f"{person} has no folder in the dataset. Add the scans or remove the row."
    try:
        list(folder.iterdir())
    except OSError as error:
        return f"the folder {person} cannot be read ({error.strerror}). Change its permissions."
    return None


def _odd_visits(bids: Path, person: str) -> list[Fault]:
    """Say which visits of a person are left out since their folders' names are no session ids."""
    odd = [path for path in sorted((bids / person).glob("ses-*")) if not re.match(SESSION, path.name)]
    told = "is left out: a visit's folder is ses- and then letters and digits."
    return [(person, None, None, f"{path.relative_to(bids)} {told}") for path in odd]


def _truth_value(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1", "1.0", "yes")
