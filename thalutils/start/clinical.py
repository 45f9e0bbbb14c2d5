"""Looks at a clinical table: which of its columns is what, in which unit, and what its words stand for."""

import re
from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from thalutils import spreadsheet, spreadsheet_file
from thalutils.bids import Session
from thalutils.files import read_json
from thalutils.scan_source import bare
from thalutils.schemas import EDSS_STEPS
from thalutils.spreadsheet_settings import Clinical
from thalutils.spreadsheet_values import DATE_COLUMNS, LIMITS, TRUTHS
from thalutils.start import words
from thalutils.start.finding import Finding, times
from thalutils.start.words import folded

NAMES = ("participant_id", "session_id", "sex", "group", "site", "in_ground_truth", "steroids_since_last")
DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
DATE = re.compile(r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})")
LIKE = 0.85
SHOWN = 6


def look(path: Path, named: str, every: list[Session]) -> Finding:
    """Look at one table; return an entry for ``clinical``, empty where nothing of it is of use.

    Parameters
    ----------
    path : Path
        CSV, TSV or Excel; a JSON data dictionary beside it is read.
    named : str
        The path as the YAML is to have it.
    every : list of Session
        The visits of the dataset.

    Raises
    ------
    TableError
        Where it cannot be read.
    """
    likely = [header for name, known in words.HEADERS.items() for header in (name, *known)]
    frame, _ = spreadsheet_file.everything(path, likely)
    dictionary = read_json(path.with_suffix(".json"))
    dictionary = dictionary if isinstance(dictionary, dict) else {}
    found = Finding()
    columns = _columns(frame, found)
    if "participant_id" not in columns:
        found.questions.append(
            f"{path.name}: no column holds the participants' ids; it has {_list(frame.columns)}. The table is not used."
        )
        return found
    useful = [key for key in columns if key not in ("participant_id", "session_id")]
    if not useful:
        found.remarks.append(f"{path.name}: none of its columns is used ({_list(frame.columns)}).")
        return found
    values, missing = _values(frame, columns, dictionary, found)
    settings: dict[str, Any] = {"visits": named, "columns": columns}
    units = _units(columns, dictionary)
    extras = {"units": units, "missing": missing, "values": values} | _marks(frame, columns, found)
    found.settings = settings | {key: value for key, value in extras.items() if value}
    _check_ids(frame[columns["participant_id"]], path, every, found)
    if "session_id" in columns:
        _check_visits(frame[columns["session_id"]], path, every, found)
    unused = [name for name in frame if name not in columns.values()]
    if unused:
        found.remarks.append(f"{path.name}: columns that are not used: {_list(unused)}.")
    _try(path, found)
    return found


def _list(names: Any) -> str:
    names = list(map(str, names))
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _columns(frame: pd.DataFrame, found: Finding) -> dict[str, str]:
    """Return the header of each thing that the table has."""
    by_name: dict[str, list[str]] = {}
    for header in frame.columns:
        by_name.setdefault(folded(header), []).append(header)
    columns: dict[str, str] = {}
    for key, known in words.HEADERS.items():
        fits = [
            header for name in known for header in by_name.get(name, []) if header not in columns.values()
        ]
        fits += [header for header in frame if header not in fits and _without_unit(header) in known[:1]]
        if fits:
            columns[key] = fits[0]
        if len(fits) > 1 and key not in ("participant_id", "session_id"):
            found.questions.append(f"{key} may be {_list(fits)}. The first is used.")
    for header in [header for header in frame if header not in columns.values()]:
        near = get_close_matches(folded(header), [known[0] for known in words.HEADERS.values()], 1, LIKE)
        key = next((key for key, known in words.HEADERS.items() if near and known[0] == near[0]), None)
        if key and key not in columns:
            found.questions.append(
                f"is the column {header!r} {key}? It is not used; if so, write {key}: {header}"
            )
    return columns


def _without_unit(header: str) -> str:
    return folded(re.sub(r"[\[(].*?[\])]", "", header))


def _units(columns: Mapping[str, str], dictionary: Mapping[str, Any]) -> dict[str, str]:
    """Return the units that headers or the data dictionary name, where they are not the study's own."""
    units = {}
    for key, unit in words.UNIT_KEYS.items():
        if key not in columns:
            continue
        said = dictionary.get(columns[key])
        text = f"{columns[key]} {said.get('Units', '') if isinstance(said, dict) else ''}".casefold()
        named = [
            name for name, pattern in words.UNIT_WORDS if re.search(rf"(?<![a-z]){pattern}(?![a-z])", text)
        ]
        if named and named[0] not in ("years",):
            units[unit] = named[0]
        elif not named and key == "interval_years" and "days" in folded(text):
            units[unit] = "days"
    return units


def _values(
    frame: pd.DataFrame, columns: Mapping[str, str], dictionary: Mapping[str, Any], found: Finding
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return what words stand for, and what stands for a missing value."""
    values, missing = {}, Counter()
    for key, header in columns.items():
        cells = frame[header].dropna()
        for text in cells.unique():
            if key == "group" and folded(text) in words.GROUP_WORDS:
                continue
            code = text in words.MISSING_CODES and not _possible(key, text)
            if folded(text) in words.MISSING_TEXT or text in words.MISSING_TEXT or code:
                missing[text] += 1
        known = {"sex": words.SEX_WORDS, "group": words.GROUP_WORDS}.get(key)
        if known:
            own = _meanings(
                key, cells[~cells.isin(missing)], known, _levels(dictionary.get(header)), found, header
            )
            values |= {key: own} if own else {}
        if key in ("in_ground_truth", "steroids_since_last"):
            odd = sorted(set(cells.str.casefold()) - set(TRUTHS) - set(missing))
            if odd:
                found.questions.append(
                    f"what do {_list(map(repr, odd))} of {header} stand for? Write them under values."
                )
    return values, sorted(missing)


def _possible(key: str, code: str) -> bool:
    """Return whether a number that often stands for a missing value may be one of this column."""
    if key == "edss":
        return float(code) in EDSS_STEPS
    return key not in LIMITS or LIMITS[key].low <= float(code) <= LIMITS[key].high


def _levels(said: Any) -> dict[str, str]:
    levels = said.get("Levels") if isinstance(said, dict) else None
    if not isinstance(levels, dict):
        return {}
    return {
        str(code): str(text.get("Description", "")) if isinstance(text, dict) else str(text)
        for code, text in levels.items()
    }


def _meanings(
    key: str,
    cells: pd.Series,
    known: Mapping[str, str],
    levels: Mapping[str, str],
    found: Finding,
    header: str,
) -> dict[str, str]:
    """Return the meanings of a column's words that the study does not know by itself."""
    own, open_words = {}, Counter()
    for text, count in cells.value_counts(sort=False).items():
        meaning = known.get(folded(text)) or known.get(folded(levels.get(text, "")))
        if meaning is None:
            open_words[text] += count
        elif text.casefold() != meaning.casefold() and (key, folded(text)) not in (
            ("sex", "female"),
            ("sex", "male"),
        ):
            own[text] = meaning
    if open_words:
        told = ", ".join(f"{text!r} ({times(count, 'row')})" for text, count in open_words.most_common(SHOWN))
        example = next(iter(open_words))
        meant = " or ".join(dict.fromkeys(known.values()))
        found.questions.append(
            f"what does {told} of {header} stand for? These cells are left out. Write for each, under values, as "
            f'{key}: {{"{example}": X}}, with X {meant}.'
        )
    return own


def _marks(frame: pd.DataFrame, columns: Mapping[str, str], found: Finding) -> dict[str, str]:
    """Return decimal mark and order of dates, where they are not the study's own."""
    numeric = [header for key, header in columns.items() if key not in (*NAMES, *DATE_COLUMNS)]
    cells = pd.concat([frame[header].dropna() for header in numeric]) if numeric else pd.Series(dtype=str)
    marks = {"decimal": ","} if cells.map(lambda text: bool(DECIMAL_COMMA.fullmatch(text))).any() else {}
    dates = [frame[header].dropna() for key, header in columns.items() if key in DATE_COLUMNS]
    parts = [DATE.match(text).groups() for column in dates for text in column if DATE.match(text)]
    parts = [tuple(map(int, one)) for one in parts if len(one[0]) < len("2000")]
    if not parts:
        return marks
    if any(first > 12 for first, _, _ in parts):
        return marks | {"dates": "day-first"}
    if any(second > 12 for _, second, _ in parts):
        return marks | {"dates": "month-first"}
    found.questions.append(
        "dates may have the day or the month first; day-first is set. Else write dates: month-first"
    )
    return marks | {"dates": "day-first"}


def _check_ids(column: pd.Series, path: Path, every: list[Session], found: Finding) -> None:
    """Ask where ids of the table are not those of the folders."""
    people = {one.participant_id for one in every}
    ids = {"sub-" + re.sub(r"[-_. ]", "", text.removeprefix("sub-")) for text in column.dropna()}
    known = ids & people
    if not known:
        found.questions.append(
            f"no id of {path.name} ({_list(sorted(column.dropna().unique()))}) is a person of the dataset "
            f"({_list(sorted(people))}). Are they written otherwise?"
        )
    else:
        found.remarks.append(
            f"{path.name}: of its {times(len(ids), 'id')} {len(known)} with scans; of the people with scans, {len(people)} in "
            f"all, it lacks {len(people - ids)}."
        )


def _check_visits(column: pd.Series, path: Path, every: list[Session], found: Finding) -> None:
    """Ask where visits of the table are not those of the folders."""
    folders = {_plain(one.session_id) for one in every}
    odd = sorted({text for text in column.dropna() if _plain(text) not in folders})
    if odd:
        found.questions.append(
            f"visits of {path.name} that no folder is called by: {_list(odd)}; folders are "
            f'{_list(sorted({one.session_id for one in every}))}. Write under values, as session_id: {{"{odd[0]}": X}}.'
        )


def _plain(name: str) -> str:
    text = folded(name.removeprefix("ses-"))
    return "".join(bare(part) for part in re.split(r"(\d+)", text))


def _try(path: Path, found: Finding) -> None:
    """Read the table by the settings and tell what would be left out."""
    entry = spreadsheet.read_visits(path, Clinical.model_validate(found.settings | {"visits": path}))
    for refusal in entry.refusals:
        found.questions.append(f"{path.name}: {refusal}")
    if len(entry.exclusions):
        found.remarks.append(
            f"{path.name}: cells and rows that would be left out: {len(entry.exclusions)}. `thalutils check` tells each."
        )
