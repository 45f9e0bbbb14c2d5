"""Tidy tables that keep the contract of :mod:`thalutils.schemas`: checked, read, written and merged.

Every table is a TSV with ``n/a`` for what is missing and a JSON data dictionary beside it, as BIDS
has it. A table of a cohort is merged from shards, one per stage and participant, in a fixed order.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa

from thalutils.errors import TableError
from thalutils.files import atomic_path, beside, read_json, write_json
from thalutils.schemas import SCHEMAS

SHARDS = "shards"
ROWS = "rows"  # the shard of rows that name nobody
MISSING = "n/a"
COERCED = "coerce_dtype"


def empty(table: str) -> pd.DataFrame:
    """Return a table of the contract with its columns and no row."""
    return pd.DataFrame({name: [] for name in _schema_of(table).columns})


def check(table: str, frame: pd.DataFrame, source: str | Path = "", *, lines: bool = False) -> pd.DataFrame:
    """Check `frame` against the contract and return it with the contract's types and column order.

    Messages count the rows of the frame; with `lines` they name the lines of the file that
    :func:`read_tsv` read it from.

    Raises
    ------
    TableError
        Naming the table, its file if given, and each row and column at fault.

    Examples
    --------
    >>> row = {"participant_id": ["sub-01"], "icv_ml": [-3.0], "source": ["deepbet"]}
    >>> check("intracranial", pd.DataFrame(row))
    Traceback (most recent call last):
    thalutils.errors.TableError: intracranial: row 1, column icv_ml: -3.0 breaks greater_than_or_equal_to(0)
    """
    schema = _schema_of(table)
    missing = [name for name in schema.columns if name not in frame.columns]
    if missing:
        raise TableError(f"{source or table}: column {', '.join(missing)} is missing.")
    known = frame[list(schema.columns)].reset_index(drop=True)
    flags = [name for name, column in schema.columns.items() if column.dtype is None]
    known = known.assign(**{name: known[name].map(_as_flag) for name in flags})
    try:
        return schema.validate(known, lazy=True).astype(dict.fromkeys(flags, bool))
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases.to_dict("records")
        unread = {case["column"] for case in cases if case["check"].startswith(COERCED)}
        faults = [
            f"{_row(case['index'], frame.index if lines else None)}, column {case['column']}: {case['failure_case']} breaks {case['check']}"
            for case in cases
            if case["column"] not in unread or case["check"].startswith(COERCED)
        ]
        raise TableError(f"{source or table}: " + "; ".join(dict.fromkeys(faults))) from None


def _as_flag(value: Any) -> Any:
    return {"True": True, "False": False}.get(str(value).capitalize(), value)


def _row(index: Any, places: pd.Index | None) -> str:
    if pd.isna(index):
        return "row ?"
    return f"row {int(index) + 1}" if places is None else f"line {places[int(index)] + 2}"


def _schema_of(table: str) -> pa.DataFrameSchema:
    if table not in SCHEMAS:
        raise TableError(f"{table} is not a table of the contract; it has {', '.join(SCHEMAS)}.")
    return SCHEMAS[table]


def read(path: str | Path) -> pd.DataFrame:
    """Read a table of the contract from its TSV, named by its file name.

    Raises
    ------
    TableError
        Where the file is absent or breaks the contract.
    """
    path = Path(path)
    return check(path.stem, read_tsv(path, path.stem), path)


def read_tsv(path: str | Path, table: str | None = None) -> pd.DataFrame:
    """Read a TSV as BIDS writes it: tabs, UTF-8, ``n/a`` for what is missing; blank lines are passed over.

    A row's index is its place in the file, blank lines counted. Columns that are text in `table` of the
    contract, where one is named, stay text, so that site ``01`` does not become 1. Nothing is checked.

    Raises
    ------
    TableError
        Where the file is absent, empty or not a table.
    """
    return _parsed(path, path, table)


def _parsed(source: str | Path | io.StringIO, path: str | Path, table: str | None) -> pd.DataFrame:
    """Parse `source`; messages name `path`."""
    columns = _schema_of(table).columns if table else {}
    texts = {name: str for name, column in columns.items() if str(column.dtype).startswith("str")}
    try:
        frame = pd.read_csv(
            source, sep="\t", na_values=[MISSING], keep_default_na=False, encoding="utf-8-sig",
            dtype=texts, skip_blank_lines=False,
        )  # fmt: skip
        if not isinstance(frame.index, pd.RangeIndex):  # what pandas makes of cells that have no column
            raise ValueError("its first row has more cells than its header")
        blank = (frame.isna() | (frame == "")).all(axis=1) & (frame.iloc[:, 0] == "")
        return frame[~blank]
    except FileNotFoundError:
        raise TableError(f"{path}: no such table. Run the stage that makes it.") from None
    except (ValueError, OSError) as error:
        raise TableError(
            f"{path}: cannot be read as a table ({error}). Save it as tab-separated UTF-8."
        ) from None


def write(table: str, frame: pd.DataFrame, path: str | Path) -> None:
    """Check `frame` and write it as TSV with its JSON data dictionary beside, whole or not at all."""
    frame = check(table, frame, path)
    path = Path(path)
    write_json(path.with_suffix(".json"), dictionary(table))
    with atomic_path(path) as draft:
        frame.to_csv(draft, sep="\t", index=False, na_rep=MISSING, float_format="%.9g", lineterminator="\n")


def dictionary(table: str) -> dict[str, dict[str, str]]:
    """Return the BIDS data dictionary of a table: a description and units for each column."""
    entries = {}
    for name, column in _schema_of(table).columns.items():
        units = column.metadata["units"]
        entries[name] = {"Description": column.description} | ({"Units": units} if units else {})
    return entries


def write_shards(results: Path, stage: str, participant: str, frames: Mapping[str, pd.DataFrame]) -> None:
    """Write what one stage found about one participant, in place of what it found before.

    Nothing is written where a table is at fault. The folder is never away, and each file is replaced whole: another
    process may be reading it.
    """
    folder = results / SHARDS / stage / participant
    with beside(folder) as draft:
        draft.mkdir()
        for table, frame in frames.items():
            write(table, frame, draft / f"{table}.tsv")
        folder.mkdir(exist_ok=True)
        fresh = {path.name for path in draft.iterdir()}
        for name in sorted(fresh):
            (draft / name).replace(folder / name)
        for old in folder.iterdir():
            if old.name not in fresh:
                old.unlink(missing_ok=True)


def merge(results: Path, table: str, participants: list[str] | None = None) -> pd.DataFrame:
    """Merge a table's shards in the order of stage, then participant, write it and return it.

    Parameters
    ----------
    results : Path
        The cohort's results folder.
    table : str
        A table of the contract.
    participants : list of str, optional
        The cohort's people: shards of others (left by a larger earlier run) are passed over.

    A shard that breaks the contract, cut short or of an older version, is passed over too: the stage that made it no
    longer stands (:func:`thalutils.staleness.outputs`) and makes it anew.
    """
    shards = sorted((results / SHARDS).glob(f"*/*/{table}.tsv"))
    if participants is not None:
        shards = [shard for shard in shards if shard.parent.name in (*participants, ROWS)]
    merged = _at_once(table, shards)
    if merged is None:
        frames = [frame for frame in map(_shard, shards) if frame is not None and len(frame)]
        merged = pd.concat(frames, ignore_index=True) if frames else empty(table)
    write(table, merged, results / f"{table}.tsv")
    return read(results / f"{table}.tsv")


def _at_once(table: str, shards: list[Path]) -> pd.DataFrame | None:
    """Return the rows of shards that are all whole, parsed and checked as one; ``None`` where one may be at fault.

    Checking each of thousands alone takes a hundred times longer than reading it.
    """
    header = "\t".join(_schema_of(table).columns) + "\n"
    rows = []
    for path in shards:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        if not (text.startswith(header) and text.endswith("\n")):
            return None
        rows.append(text[len(header) :])
    if not any(rows):
        return empty(table)
    try:
        return check(table, _parsed(io.StringIO(header + "".join(rows)), table, table))
    except TableError:
        return None


def _shard(path: Path) -> pd.DataFrame | None:
    try:
        return read(path)
    except TableError:
        return None


def write_numbers(results: Path, stage: str, numbers: Mapping[str, float | int | str | None]) -> None:
    """Keep the numbers that prose cites: one file per stage, and one that holds them all."""
    write_json(results / SHARDS / stage / "numbers.json", dict(numbers))
    merged = {}
    for path in sorted((results / SHARDS).glob("*/numbers.json")):
        merged |= read_json(path) or {}
    write_json(results / "numbers.json", merged)
