"""Opens a spreadsheet, CSV, TSV or Excel, and returns the columns that are asked for as text, row by row."""

import csv
import io
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, time
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
from openpyxl.utils import get_column_letter

from thalutils.errors import TableError
from thalutils.spreadsheet_settings import MISSING_WORDS, Clinical

TEXT, EXCEL = (".csv", ".tsv", ".txt"), (".xlsx", ".xlsm")
SEPARATORS = {";": "semicolon", ",": "comma", "\t": "tab", "|": "|"}


@dataclass(frozen=True)
class Sheet:
    """What a spreadsheet holds.

    Attributes
    ----------
    frame : DataFrame of str
        The columns that were asked for and are there, by header, without spaces around the text and
        missing where it stands for a missing value. The index is the number of the row as a spreadsheet
        program shows it. Rows without any text are passed over.
    facts : dict of str
        How it was read.
    refusals : list of str
        What is wrong with it as a whole.
    long_rows : list of int
        Rows that have more cells than the header, whose cells may have slipped; a workbook's cannot.
    unused : list of str
        Headers that nobody asked for.
    """

    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    facts: dict[str, str] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    long_rows: list[int] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


def read(path: Path, settings: Clinical) -> Sheet:
    """Read the columns that `settings` names; what is wrong with the file comes back as refusals."""
    wanted = dict(settings.columns.named())
    facts = {"File": path.name}
    try:
        excel = path.suffix.lower() in EXCEL
        if excel:
            rows, more = _excel_rows(path, settings)
        else:
            rows, more = _text_rows(path, settings, list(wanted.values()))
    except TableError as error:
        return Sheet(facts=facts, refusals=[str(error)])
    if len(rows) < settings.header_row:
        return Sheet(facts=facts | more, refusals=[f"row {settings.header_row}, the header, is not there."])
    header = [plain(cell) for cell in rows[settings.header_row - 1]]
    body = {
        number: row
        for number, row in enumerate(rows[settings.header_row :], settings.header_row + 1)
        if any(cell.strip() for cell in row)
    }
    refusals = _header_faults(header, wanted)
    if not body:
        refusals.append("it has a header and no rows.")
    names = {plain(name) for name in wanted.values()}
    places = {name: place for place, name in enumerate(header) if name in names}
    missing = {word.strip().casefold() for word in (*MISSING_WORDS, *settings.missing)}
    columns = {name: [_cell(row, place, missing) for row in body.values()] for name, place in places.items()}
    frame = pd.DataFrame(columns, pd.Index(body, name="row", dtype=int), dtype=str)
    width = len(header)
    long = [] if excel else [number for number, row in body.items() if any(map(str.strip, row[width:]))]
    unused = [name for name in header if name and name not in places]
    return Sheet(frame, facts | more | {"Rows": str(len(body))}, refusals, long, unused)


def everything(
    path: Path, likely: Sequence[str], sheet: str | None = None
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Read a whole table as text, its first row the header.

    Parameters
    ----------
    path : Path
        CSV, TSV or Excel.
    likely : sequence of str
        Headers that it may have, by which the separator of a CSV is told.
    sheet : str, optional
        Of a workbook with several.

    Returns
    -------
    frame : DataFrame of str
        Every column with a header that stands there once; cells without spaces around, empty ones missing.
    facts : dict of str
        How it was read.

    Raises
    ------
    TableError
        Where it cannot be read.
    """
    settings = Clinical.model_validate({"visits": path, "sheet": sheet, "columns": {"participant_id": "-"}})
    excel = path.suffix.lower() in EXCEL
    rows, facts = _excel_rows(path, settings) if excel else _text_rows(path, settings, likely)
    if not rows:
        raise TableError(f"{path}: there is nothing in it.")
    header = [plain(cell) for cell in rows[0]]
    missing = {word.casefold() for word in MISSING_WORDS}
    body = [row for row in rows[1:] if any(cell.strip() for cell in row)]
    columns = {
        name: [_cell(row, place, missing) for row in body]
        for place, name in enumerate(header)
        if name and header.count(name) == 1
    }
    return pd.DataFrame(columns, dtype=str), facts


def _cell(row: Sequence[str], place: int, missing: set[str]) -> str | None:
    text = row[place].strip() if place < len(row) else ""
    return None if text.casefold() in missing else text


def plain(name: str) -> str:
    """Return a header as it is compared: without line breaks and spaces around it.

    Examples
    --------
    >>> plain(" Disease\\nduration ")
    'Disease duration'
    """
    return " ".join(name.split())


def _header_faults(header: Sequence[str], wanted: dict[str, str]) -> list[str]:
    faults, absent = [], False
    for key, name in wanted.items():
        at = [number for number, cell in enumerate(header, 1) if cell == plain(name)]
        if not at:
            near = get_close_matches(plain(name), header, 1)
            hint = f" Is it {near[0]!r}?" if near else ""
            place = key.removesuffix(".both")
            faults.append(f"column {name!r} (columns.{place}) is not in the header.{hint}")
            absent = True
        elif len(at) > 1:
            letters = " and ".join(map(get_column_letter, at))
            faults.append(f"column {name!r} stands in the header more than once: {letters}. Rename one.")
    if absent:
        known = ", ".join(repr(name) for name in header if name)
        faults.append(f"The header has {known or 'no text'}. Set `columns`, or `header_row` and `separator`.")
    return faults


def _text_rows(
    path: Path, settings: Clinical, wanted: Sequence[str]
) -> tuple[list[list[str]], dict[str, str]]:
    if path.suffix.lower() not in TEXT:
        raise TableError(f"{path.name} is not {', '.join((*TEXT, *EXCEL))}. Save it as .xlsx or as CSV.")
    text, encoding = _decoded(path)
    separator = settings.separator or _separator(text, settings.header_row, wanted)
    rows: list[list[str]] = []
    try:
        rows.extend(_records(text, separator))
    except csv.Error as error:
        raise TableError(
            f"it cannot be read beyond row {len(rows)} ({error}). Are quotation marks closed?"
        ) from None
    return rows, {"Encoding": encoding, "Separator": SEPARATORS[separator], "Decimal mark": settings.decimal}


def _decoded(path: Path) -> tuple[str, str]:
    content = _bytes(path)
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            text, encoding = content.decode("utf-16"), "UTF-16"
        else:
            text, encoding = content.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        text, encoding = content.decode("latin-1"), "Latin-1, since it is not UTF-8"
    if "\0" in text:
        raise TableError("it is not a table of text. Save it as CSV, or name it .xlsx if it is a workbook.")
    return text, encoding


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise TableError("there is no such file. Set `visits` under `tables` in the YAML.") from None
    except OSError as error:
        raise TableError(f"it cannot be read ({error.strerror}).") from None


def _separator(text: str, header_row: int, wanted: Sequence[str]) -> str:
    """Return the separator with which the header holds most of what is wanted."""
    names = {plain(name) for name in wanted}

    def found(separator: str) -> tuple[int, int]:
        try:
            header = next(islice(_records(text, separator), header_row - 1, None), [])
        except csv.Error:
            return 0, 0
        return len(names & {plain(cell) for cell in header}), len(header)

    return max(SEPARATORS, key=found)


def _records(text: str, separator: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)


def _excel_rows(path: Path, settings: Clinical) -> tuple[list[list[str]], dict[str, str]]:
    content = io.BytesIO(_bytes(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and validations, which are not read
            with closing(openpyxl.load_workbook(content, read_only=True, data_only=True)) as book:
                sheet = _chosen(book.worksheets, settings.sheet)
                sheet.reset_dimensions()  # some programs write them wrong
                rows = [_texts(row, settings.decimal) for row in sheet.iter_rows(values_only=True)]
    except TableError:
        raise
    except Exception as error:  # a broken workbook raises whatever breaks first
        raise TableError(
            f"it cannot be read as an Excel workbook ({type(error).__name__}: {error}). "
            "If it has a password, remove it; or save it as CSV."
        ) from None
    return rows, {"Sheet": sheet.title, "Decimal mark in text": settings.decimal}


def _chosen(sheets: Sequence[Any], name: str | None) -> Any:
    names = ", ".join(repr(sheet.title) for sheet in sheets)
    if name is None:
        visible = [sheet for sheet in sheets if sheet.sheet_state == "visible"]
        if len(visible) != 1:
            raise TableError(f"it has the sheets {names}. Name one under `sheet`.")
        return visible[0]
    for sheet in sheets:
        if sheet.title == name:
            return sheet
    raise TableError(f"it has no sheet {name!r}, but {names}. Set `sheet`.")


def _texts(row: Iterable[Any], decimal: str) -> list[str]:
    return ["" if cell is None else cell if isinstance(cell, str) else _text(cell, decimal) for cell in row]


def _text(cell: Any, decimal: str) -> str:
    """Return a cell's value as it would stand in a CSV.

    Examples
    --------
    >>> _text(12.0, ","), _text(7.5, ","), _text(datetime(2020, 1, 31), ",")
    ('12', '7,5', '2020-01-31')
    """
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell).replace(".", decimal)
    if isinstance(cell, datetime):
        return str(cell.date()) if cell.time() == time() else cell.isoformat(" ", "seconds")
    return cell.isoformat() if isinstance(cell, date) else str(cell)
