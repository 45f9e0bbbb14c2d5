"""A spreadsheet with one row a visit becomes the contract's tables; all its faults are told at once."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from thalutils import spreadsheet_file, spreadsheet_visits, tables
from thalutils.entry import TABLES, Entry
from thalutils.schemas import SCHEMAS
from thalutils.spreadsheet_reader import Reader
from thalutils.spreadsheet_settings import Clinical, Spreadsheet
from thalutils.spreadsheet_values import DIAGNOSES, SEXES, TRUTHS
from thalutils.spreadsheet_visits import Visits, one_per_person

SCORES = ("attacks", "edss", "t25fw_1_s", "t25fw_2_s", "nhpt_1_s", "nhpt_2_s", "sdmt")
SIDES = {"both": "volume_ml", "left": "left_ml", "right": "right_ml"}
OVERLAP = ("dice", "precision", "sensitivity", "hd95_mm", "mean_surface_mm")
REFERENCE = "manual"
# A tool measures one head a little otherwise at each visit; more than this is a mistake.
ICV_TOLERANCE = 0.05
SIDES_TOLERANCE = 0.02


def read(path: Path, settings: Spreadsheet) -> Entry:
    """Read a spreadsheet into the contract's tables.

    Rows and cells at fault are left out and listed. Where the file or a column is not there, nothing can
    be used, and the refusals say so; the faults of what is there are listed all the same.

    Parameters
    ----------
    path : Path
        CSV, TSV or Excel.
    settings : Spreadsheet
        Which column holds what, units, decimal mark, dates, and words for values.
    """
    return _read(path, settings, TABLES)


def read_visits(path: Path, settings: Clinical) -> Entry:
    """Read a table of people and visits in which nothing is measured on scans; as :func:`read` does."""
    return _read(path, settings, ("sessions", "participants"))


def _read(path: Path, settings: Clinical, wanted: Sequence[str]) -> Entry:
    sheet = spreadsheet_file.read(path, settings)
    if sheet.frame.empty:
        return Entry(path, refusals=tuple(sheet.refusals), facts=sheet.facts)
    reader = Reader(path.name, sheet, settings)
    visits = spreadsheet_visits.place(reader)
    frames = {name: make(reader, visits) for name, make in MAKERS.items() if name in wanted}
    frames["participants"] = _participants(reader, visits, _drawn(frames))
    refusals = (*sheet.refusals, *visits.refusals)
    if not refusals and visits.keys.empty:
        refusals = ("no row can be used; each is listed with its fault.",)
    known = {name: tables.check(name, frame, path) for name, frame in frames.items()} if not refusals else {}
    left_out = reader.exclusions(visits.participant, visits.session)
    told = reader.exclusions(visits.participant, visits.session, told=True)
    unused = {"Columns not used": ", ".join(sheet.unused)} if sheet.unused else {}
    return Entry(
        path,
        tables={name: tables.empty(name) for name in TABLES} | known,
        exclusions=tables.check("exclusions", left_out),
        told=tables.check("exclusions", told),
        fault_rows=tuple(left_out.index),
        refusals=refusals,
        facts=sheet.facts | unused,
        columns=reader.account(),
    )


def _sessions(reader: Reader, visits: Visits) -> pd.DataFrame:
    rows = visits.keys.index
    scores = {name: reader.number(name, name)[rows] for name in SCORES}
    steroids = reader.word("steroids_since_last", TRUTHS, "sessions")[rows]
    found = visits.keys.assign(**visits.times, **scores, steroids_since_last=pd.to_numeric(steroids))
    return found[list(SCHEMAS["sessions"].columns)]


def _participants(reader: Reader, visits: Visits, drawn: set[str]) -> pd.DataFrame:
    """Return the people; where no column says who has a manual mask, those with values of one have."""
    people = visits.keys["participant_id"].drop_duplicates()
    columns = {
        "sex": reader.word("sex", SEXES, "participants"),
        "group": reader.word("group", DIAGNOSES, "participants"),
        "site": reader.label("site", "participants"),
    }
    found = pd.DataFrame({"participant_id": people.to_numpy()})
    for name, values in columns.items():
        once = one_per_person(reader, values, visits.keys, name, name)
        found[name] = found["participant_id"].map(once).astype("str")
    if reader.has("in_ground_truth"):
        said = reader.word("in_ground_truth", TRUTHS, "participants")[visits.keys.index] == "1"
        drawn = set(visits.keys.loc[said, "participant_id"])
    found["in_ground_truth"] = found["participant_id"].isin(drawn)
    return found.assign(group=found["group"].fillna("unknown"))


def _drawn(frames: dict[str, pd.DataFrame]) -> set[str]:
    if "volumes" not in frames:
        return set()
    volumes = frames["volumes"]
    return {
        *volumes.loc[volumes["method"] == REFERENCE, "participant_id"],
        *frames["overlap"]["participant_id"],
    }


def _volumes(reader: Reader, visits: Visits) -> pd.DataFrame:
    frames = []
    for method in reader.settings.columns.volumes:
        key = f"volumes.{method}."
        sizes = pd.DataFrame(
            {name: reader.number(f"{key}{side}", name, "volumes", method) for side, name in SIDES.items()}
        )
        added = sizes["left_ml"] + sizes["right_ml"]
        torn = (added - sizes["volume_ml"]).abs() > SIDES_TOLERANCE * added
        told = "is not the sum of left and right, " + added.round(3).astype("str") + " mL. None is used."
        reader.fault(told[torn].astype(object), f"{key}both", method)
        sizes["volume_ml"] = sizes["volume_ml"].fillna(added)
        sizes = sizes.mask(torn).loc[visits.keys.index].dropna(how="all")
        frames.append(visits.keys.loc[sizes.index].assign(method=method, preset=None, rater=None, **sizes))
    return pd.concat(frames)


def _overlap(reader: Reader, visits: Visits) -> pd.DataFrame:
    frames = []
    for method in reader.settings.columns.overlap:
        keys = {name: f"overlap.{method}.{name}" for name in OVERLAP}
        found = {name: reader.number(key, name, "overlap", method) for name, key in keys.items()}
        measures = pd.DataFrame(found).loc[visits.keys.index].dropna(how="all")
        who = visits.keys.loc[measures.index].assign(method=method, reference=REFERENCE, rater=None)
        frames.append(who.assign(**measures))
    return pd.concat(frames) if frames else tables.empty("overlap")


def _per_person(
    reader: Reader, visits: Visits, table: str, names: dict[str, str], tolerance: float = 0.0
) -> pd.DataFrame:
    frames = []
    for method in getattr(reader.settings.columns, table):
        key = f"{table}.{method}"
        values = reader.number(key, names["value"], table, method)
        once = one_per_person(reader, values, visits.keys, key, method, tolerance)
        frames.append(once.rename(names["value"]).rename_axis("participant_id").reset_index())
        frames[-1][names["method"]] = method
    return pd.concat(frames) if frames else tables.empty(table)


def _intracranial(reader: Reader, visits: Visits) -> pd.DataFrame:
    names = {"method": "source", "value": "icv_ml"}
    return _per_person(reader, visits, "intracranial", names, ICV_TOLERANCE)


def _brain_change(reader: Reader, visits: Visits) -> pd.DataFrame:
    return _per_person(reader, visits, "brain_change", {"method": "engine", "value": "pbvc_percent"})


MAKERS = {
    "sessions": _sessions,
    "volumes": _volumes,
    "overlap": _overlap,
    "intracranial": _intracranial,
    "brain_change": _brain_change,
}
