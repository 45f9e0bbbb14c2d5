"""The contract between images and statistics: tidy tables, their columns, units and checks.

Every table is a TSV with ``n/a`` for what is missing and a JSON data dictionary beside it, as BIDS
has it. A table of a cohort is merged from shards, one per stage and participant, in a fixed order.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa

from thalutils.errors import TableError
from thalutils.files import atomic_path, read_json, write_json

GROUPS = ("HC", "RRMS", "PMS", "RIS", "CIS", "iON", "NMOSD", "MOGAD", "MS", "unknown")
EDSS_STEPS = (0.0, *(1.0 + 0.5 * step for step in range(19)))
PARTICIPANT = r"^sub-[A-Za-z0-9]+$"
SESSION = r"^ses-[A-Za-z0-9]+$"
SHARDS = "shards"
ROWS = "rows"  # the shard of rows that name nobody
MISSING = "n/a"
COERCED = "coerce_dtype"


def _column(kind: Any, text: str, units: str = "", *checks: pa.Check, **more: Any) -> pa.Column:
    return pa.Column(
        kind, checks=list(checks), description=text, metadata={"units": units}, coerce=True, **more
    )


def _text(text: str, *checks: pa.Check, **more: Any) -> pa.Column:
    return _column(str, text, "", *checks, **more)


def _number(text: str, units: str = "", low: float | None = None, high: float | None = None) -> pa.Column:
    checks = [] if low is None else [pa.Check.ge(low)]
    checks += [] if high is None else [pa.Check.le(high)]
    return _column(float, text, units, *checks, nullable=True)


def _flag(text: str) -> pa.Column:
    # not coerced: every text, and what is missing, would become True
    return pa.Column(None, pa.Check.isin((True, False)), description=text, metadata={"units": ""})


def _fraction(text: str) -> pa.Column:
    return _number(text, "1", 0, 1)


_PERSON = {"participant_id": _text("The person", pa.Check.str_matches(PARTICIPANT))}
_VISIT = _PERSON | {"session_id": _text("The visit", pa.Check.str_matches(SESSION))}
_HEAD = {"head": _text("The real head"), "visit": _text("Its visit")}
_METHOD = {"method": _text("The tool and the contrasts it was given, or the reference")}
_RATER = {"rater": _text("Who drew the reference; n/a for a program", nullable=True)}


def _schema(columns: Mapping[str, pa.Column], unique: list[str] | None) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(dict(columns), unique=unique, strict=True, ordered=True)


SCHEMAS: dict[str, pa.DataFrameSchema] = {
    "participants": _schema(
        _PERSON
        | {
            "sex": _text("Sex", pa.Check.isin(("F", "M")), nullable=True),
            "group": _text("Diagnosis", pa.Check.isin(GROUPS)),
            "site": _text("Where the scans were made", nullable=True),
            "in_ground_truth": _flag("Whether a reference mask was drawn"),
        },
        ["participant_id"],
    ),
    "sessions": _schema(
        _VISIT
        | {
            "age_years": _number("Age at the visit", "years", 0, 120),
            "disease_duration_years": _number("Time since first symptom", "years", 0, 100),
            "attacks": _number("Attacks so far", "count", 0),
            "edss": _column(
                float, "Expanded Disability Status Scale", "1", pa.Check.isin(EDSS_STEPS), nullable=True
            ),
            "t25fw_1_s": _number("Timed 25-foot walk, first trial", "s", 0),
            "t25fw_2_s": _number("Timed 25-foot walk, second trial", "s", 0),
            "nhpt_1_s": _number("Nine-hole peg test, first trial", "s", 0),
            "nhpt_2_s": _number("Nine-hole peg test, second trial", "s", 0),
            "sdmt": _number("Symbol Digit Modalities Test, correct answers", "count", 0, 110),
            "interval_years": _number("Time since the first visit", "years", 0),
            "steroids_since_last": _number("Corticosteroids for a relapse since the last visit", "1", 0, 1),
        },
        ["participant_id", "session_id"],
    ),
    "masks": _schema(
        _VISIT
        | _METHOD
        | {"preset": _text("How the tool was set; n/a for what is fused from masks", nullable=True)},
        ["participant_id", "session_id", "method"],
    ),
    "volumes": _schema(
        _VISIT
        | _METHOD
        | {"preset": _text("How the tool was set", nullable=True)}
        | _RATER
        | {
            "volume_ml": _number("Thalamus, both sides", "mL", 0),
            "left_ml": _number("Left thalamus", "mL", 0),
            "right_ml": _number("Right thalamus", "mL", 0),
        },
        ["participant_id", "session_id", "method", "rater"],
    ),
    "intracranial": _schema(
        _PERSON
        | {
            "icv_ml": _number("Intracranial volume", "mL", 0),
            "source": _text("The tool that measured it"),
        },
        ["participant_id", "source"],
    ),
    "overlap": _schema(
        _VISIT
        | _METHOD
        | {"reference": _text("The mask it is held against")}
        | _RATER
        | {
            "dice": _fraction("Dice coefficient"),
            "precision": _fraction("Share of the mask that lies in the reference"),
            "sensitivity": _fraction("Share of the reference that lies in the mask"),
            "hd95_mm": _number("95 % Hausdorff distance, the larger of both directions", "mm", 0),
            "mean_surface_mm": _number("Mean distance between the surfaces, both directions", "mm", 0),
        },
        ["participant_id", "session_id", "method", "reference", "rater"],
    ),
    "containment": _schema(
        _VISIT
        | {
            "method_i": _text("The mask whose share is taken"),
            "method_j": _text("The mask in which it lies"),
            "containment": _fraction("Share of mask i that lies in mask j"),
        },
        ["participant_id", "session_id", "method_i", "method_j"],
    ),
    "registration": _schema(
        _VISIT
        | {
            "image": _text("The image that was moved onto the T1w"),
            "strategy": _text("How"),
            "mutual_information": _number("Mutual information with the T1w in the brain mask", "nat", 0),
            "cutoff": _number("Least mutual information that passes", "nat", 0),
            "verdict": _text("A reviewer's verdict: pass, fail, or n/a if none was entered", nullable=True),
            "passed": _flag("Whether it passed cut-off and verdict"),
            "selected": _flag("Whether its result is used"),
            "error_mm": _number("Median error at the thalamus, where the truth is known", "mm", 0),
            "error_max_mm": _number("Largest error at the thalamus, where the truth is known", "mm", 0),
        },
        ["participant_id", "session_id", "image", "strategy"],
    ),
    "brain_change": _schema(
        _PERSON
        | {
            "engine": _text("How it was measured"),
            "pbvc_percent": _number("Change of brain volume from first to last visit", "%"),
        },
        ["participant_id", "engine"],
    ),
    "exclusions": _schema(
        {
            "participant_id": _text("The person, or the row that names nobody"),
            "session_id": _text("The visit; n/a for the whole person", nullable=True),
            "stage": _text("The stage that left it out"),
            "method": _text("The image or method left out; n/a for all", nullable=True),
            "reason": _text("Why, and what to do"),
        },
        None,
    ),
    "scans": _schema(
        _VISIT
        | {
            "image": _text("The scan's place in the study"),
            "file": _text("Path in the dataset"),
            "shape": _text("Voxels along each axis; n/a where it cannot be read", nullable=True),
            "voxel_mm": _text("Voxel size along each axis; n/a where it cannot be read", nullable=True),
            "usable": _flag("Whether it passed the checks"),
        },
        ["participant_id", "session_id", "file"],
    ),
    "map_accuracy": _schema(
        _VISIT
        | {
            "map": _text("The quantitative map"),
            "tissue": _text("The tissue, in voxels that hold nothing else"),
            "n_voxels": _number("Voxels", "count", 0),
            "truth_mean": _number("True mean, in the map's units"),
            "bias_percent": _number("Mean error over the true mean", "%"),
            "sd_percent": _number("Standard deviation of the error over the true mean", "%"),
        },
        ["participant_id", "session_id", "map", "tissue"],
    ),
    "brain_masks": _schema(
        _VISIT
        | {
            "source": _text("The tool that drew it"),
            "brain_ml": _number("Volume inside the mask", "mL", 0),
            "dice_truth": _fraction("Dice with all that lies inside the true skull, where it is known"),
            "verdict": _text("A reviewer's verdict: pass, fail, or n/a if none was entered", nullable=True),
        },
        ["participant_id", "session_id"],
    ),
    "envelope": _schema(
        _VISIT
        | {
            "method": _text("Deep-grey-matter label and contrast"),
            "envelope": _text("The mask it is intersected with"),
            "dgm_ml": _number("Deep grey matter", "mL", 0),
            "volume_ml": _number("What is left inside the envelope", "mL", 0),
            "envelope_filled": _fraction("Share of the envelope that the result fills"),
            "touches_envelope": _fraction("Share of the result's surface that the envelope drew"),
            "components": _number("Separate pieces of more than 1 % of the result", "count", 0),
        },
        ["participant_id", "session_id", "method", "envelope"],
    ),
    "real_volumes": _schema(
        _HEAD
        | _METHOD
        | {
            "preset": _text("How the tool was set"),
            "volume_ml": _number("Thalamus, both sides", "mL", 0),
            "left_ml": _number("Left thalamus", "mL", 0),
            "right_ml": _number("Right thalamus", "mL", 0),
        },
        ["head", "visit", "method"],
    ),
    "real_overlap": _schema(
        _HEAD
        | {
            "method_i": _text("One mask"),
            "method_j": _text("Another mask of the same head"),
            "dice": _fraction("Dice coefficient of the two"),
        },
        ["head", "visit", "method_i", "method_j"],
    ),
    "volume_agreement": _schema(
        _METHOD
        | {
            "reference": _text("The mask it is held against"),
            "n": _number("People", "count", 0),
            "bias_ml": _number("Mean of method minus reference", "mL"),
            "sd_ml": _number("Standard deviation of the difference", "mL", 0),
            "loa_low_ml": _number("Lower limit of agreement", "mL"),
            "loa_high_ml": _number("Upper limit of agreement", "mL"),
            "slope": _number("Least-squares slope of method on reference", "1"),
            "pearson_r": _number("Pearson correlation", "1", -1, 1),
            "note": _text("Why a cell is empty", nullable=True),
        },
        ["method", "reference"],
    ),
}


def empty(table: str) -> pd.DataFrame:
    """Return a table of the contract with its columns and no row."""
    return pd.DataFrame({name: [] for name in _schema_of(table).columns})


def check(table: str, frame: pd.DataFrame, source: str | Path = "") -> pd.DataFrame:
    """Check `frame` against the contract and return it with the contract's types and column order.

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
            f"row {_row(case['index'])}, column {case['column']}: {case['failure_case']} breaks {case['check']}"
            for case in cases
            if case["column"] not in unread or case["check"].startswith(COERCED)
        ]
        raise TableError(f"{source or table}: " + "; ".join(dict.fromkeys(faults))) from None


def _as_flag(value: Any) -> Any:
    return {"True": True, "False": False}.get(str(value).capitalize(), value)


def _row(index: Any) -> str:
    return "?" if pd.isna(index) else str(int(index) + 1)


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
    columns = _schema_of(table).columns if table else {}
    texts = {name: str for name, column in columns.items() if str(column.dtype).startswith("str")}
    try:
        frame = pd.read_csv(
            path, sep="\t", na_values=[MISSING], keep_default_na=False, encoding="utf-8-sig",
            dtype=texts, skip_blank_lines=False,
        )  # fmt: skip
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
    """Write what one stage found about one participant, in place of what it found before."""
    folder = results / SHARDS / stage / participant
    with atomic_path(folder) as draft:
        draft.mkdir()
        for table, frame in frames.items():
            write(table, frame, draft / f"{table}.tsv")


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
    """
    shards = sorted((results / SHARDS).glob(f"*/*/{table}.tsv"))
    if participants is not None:
        shards = [shard for shard in shards if shard.parent.name in (*participants, ROWS)]
    frames = [frame for frame in map(read, shards) if len(frame)]
    merged = pd.concat(frames, ignore_index=True) if frames else empty(table)
    write(table, merged, results / f"{table}.tsv")
    return read(results / f"{table}.tsv")


def write_numbers(results: Path, stage: str, numbers: Mapping[str, float | int | str | None]) -> None:
    """Keep the numbers that prose cites: one file per stage, and one that holds them all."""
    write_json(results / SHARDS / stage / "numbers.json", dict(numbers))
    merged = {}
    for path in sorted((results / SHARDS).glob("*/numbers.json")):
        merged |= read_json(path) or {}
    write_json(results / "numbers.json", merged)
