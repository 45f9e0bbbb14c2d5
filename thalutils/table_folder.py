"""A folder that holds the contract's tables by name: read, and every fault of all of them told at once."""

from pathlib import Path

import pandas as pd

from thalutils import tables
from thalutils.entry import COLUMNS, NEEDED, TABLES, Entry
from thalutils.errors import TableError
from thalutils.schemas import SCHEMAS
from thalutils.spreadsheet_values import LIMITS, edss, impossible

DEFAULTS = {"group": "unknown", "in_ground_truth": False}
MOST_NAMED = 5


def files(folder: Path) -> list[Path]:
    """List the contract's tables that the folder has."""
    return [path for path in (folder / f"{name}.tsv" for name in TABLES) if path.is_file()]


def read(folder: Path) -> Entry:
    """Read the tables of a folder; any breach of the contract in any of them makes all unusable.

    Columns that may be empty may also be left out.
    """
    if folder.is_file():
        told = "it is a file. Name a spreadsheet under `visits`, with `columns`: see cohorts/template-tables.yml."
        return Entry(folder, refusals=(told,))
    refusals = [f"{name}.tsv is not there." for name in NEEDED if not (folder / f"{name}.tsv").is_file()]
    found: dict[str, pd.DataFrame] = {}
    for path in files(folder):
        try:
            found[path.stem] = _filled(path.stem, tables.read_tsv(path, path.stem))
        except TableError as error:
            refusals.append(str(error))
            continue
        found[path.stem], faults = _checked(path, found[path.stem])
        refusals += faults
    refusals += _strangers(found)
    whole = {name: tables.empty(name) for name in TABLES} | ({} if refusals else found)
    facts = {"Folder": folder.name, "Tables": ", ".join(found)}
    other = sorted(path.name for path in folder.glob("*.tsv") if path.stem not in TABLES)
    if other:
        facts["Files not used"] = ", ".join(other)
    return Entry(folder, whole, refusals=tuple(refusals), facts=facts, columns=_account(found))


def _filled(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Take empty cells for missing values, and add the columns that may be empty and were left out."""
    frame = frame.mask(frame == "")
    for column, kind in SCHEMAS[name].columns.items():
        if column not in frame and (kind.nullable or column in DEFAULTS):
            frame[column] = DEFAULTS.get(column)
    return frame.fillna({"group": DEFAULTS["group"]}) if name == "participants" else frame


def _checked(path: Path, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return a table as the contract has it, and what is wrong; where anything is, the table as it stands."""
    name, faults = path.stem, []
    good = frame.astype(object)
    for column in [column for column in frame if column in LIMITS or column == "edss"]:
        values = pd.to_numeric(frame[column], errors="coerce")
        reasons = impossible(values, LIMITS[column]) if column in LIMITS else edss(values)[1]
        faults += [
            f"line {row + 2}, column {column}: {values[row]:g} {told}" for row, told in reasons.items()
        ]
        good.loc[reasons.index, column] = None
    keys = [key for key in SCHEMAS[name].unique if key in frame]
    again = good.duplicated(keys) if keys else pd.Series(False, good.index)
    for row, key in good.loc[again, keys].iterrows():
        faults.append(f"line {row + 2}: {' '.join(key.dropna().astype(str))} stands here a second time.")
    try:
        good = tables.check(name, good[~again], lines=True)
    except TableError as error:
        faults.append(str(error).removeprefix(f"{name}: "))
    return (frame if faults else good), [f"{path.name}: {fault}" for fault in faults]


def _strangers(found: dict[str, pd.DataFrame]) -> list[str]:
    """Say who stands in a table and is not among the people, and which visit is not among the visits."""
    faults = []
    for owner, keys in (("participants", ["participant_id"]), ("sessions", ["participant_id", "session_id"])):
        if not set(keys) <= set(found.get(owner, ())):
            continue
        known = pd.MultiIndex.from_frame(found[owner][keys])
        for name, frame in found.items():
            if name == owner or not set(keys) <= set(frame):
                continue
            theirs = pd.MultiIndex.from_frame(frame[keys].drop_duplicates())
            lost = [" ".join(map(str, key)) for key in theirs[~theirs.isin(known)]]
            if lost:
                more = f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else ""
                faults.append(
                    f"{name}.tsv: {', '.join(lost[:MOST_NAMED])}{more} not in {owner}.tsv. Add the rows."
                )
    return faults


def _account(found: dict[str, pd.DataFrame]) -> pd.DataFrame:
    rows = []
    for name, frame in found.items():
        for column, kind in SCHEMAS[name].columns.items():
            if column in frame:
                missing = int(frame[column].isna().sum())
                counts = (len(frame) - missing, missing, 0)
                rows.append((name, column, None, f"{name}.tsv", kind.metadata["units"], *counts))
    return pd.DataFrame(rows, columns=list(COLUMNS))
