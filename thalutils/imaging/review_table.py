"""The table in which a reviewer enters verdicts by the codes of sheets: listed by each run, filled and kept by the reviewer."""

from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import pandas as pd

from thalutils import tables
from thalutils.cohort import Cohort
from thalutils.errors import DiskError, TableError
from thalutils.files import atomic_path, hash_json
from thalutils.imaging.reviewed import Reviewed

CODE, VERDICT = "code", "verdict"
VERDICTS = ("pass", "fail")
ATTEMPTS = 5


def entered(cohort: Cohort) -> dict[str, str]:
    """Return the verdicts that were entered, ``pass`` or ``fail``, by code; of several on one code the last counts.

    Raises
    ------
    TableError
        Where the table cannot be read, or a verdict is another word.
    """
    path = cohort.blinded_verdicts
    return _by_code(path, path.stat().st_mtime_ns) if path.exists() else {}


def fingerprint(cohort: Cohort) -> str:
    """Return what changes as a verdict is entered, and not as a run lists more sheets; empty where there is none."""
    try:
        found = _lines(cohort)
    except TableError as error:
        return hash_json(str(error))
    return hash_json(list(found.values())) if found else ""


def strangers(cohort: Cohort, known: dict[str, Reviewed]) -> list[str]:
    """Say which lines have a verdict on what is not known."""
    return [
        f"line {line}: {code!r} is the code of nothing in cohort {cohort.name}"
        for line, (code, _) in _lines(cohort).items()
        if code not in known
    ]


def complete(cohort: Cohort, codes: Iterable[str]) -> None:
    """List every code in the table, in their order; rows in which anything was entered stay as they are.

    A folder that cannot be written is left alone: the table can be written by hand.
    """
    path, wanted = cohort.blinded_verdicts, set(codes)
    for _ in range(ATTEMPTS):
        before = _text(path)
        after = _completed(before, wanted)
        if after == before:
            return
        # What a reviewer, or another run, saves at this moment wins: the next attempt begins with it.
        with (
            suppress(DiskError),
            atomic_path(path, lambda target, seen=before: _text(target) != seen) as draft,
        ):
            draft.write_text(after, encoding="utf-8")


def _completed(text: str, codes: set[str]) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines and not codes:
        return text
    header = lines[0] if lines else f"{CODE}\t{VERDICT}"
    names = _cells(header)
    if CODE not in names:
        return text
    rows = []
    for line in lines[1:]:
        cells = dict(zip(names, _cells(line), strict=False))
        code = cells.pop(CODE, "")
        if code in codes or any(cells.values()):
            rows.append((code, line))
    listed = {code for code, _ in rows}
    rows += [
        (code, "\t".join(code if name == CODE else "" for name in names)) for code in sorted(codes - listed)
    ]
    return "\n".join([header, *(line for _, line in sorted(rows, key=lambda row: row[0]))]) + "\n"


def _cells(line: str) -> list[str]:
    """Return a line's cells without the quotes that spreadsheet programs may put about them."""
    return [cell.strip().strip('"') for cell in line.split("\t")]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise TableError(f"{path}: cannot be read as a table. Save it as tab-separated UTF-8.") from None


def _lines(cohort: Cohort) -> dict[int, tuple[str, str]]:
    """Return the code and verdict of each line of the table that has a verdict."""
    path = cohort.blinded_verdicts
    return _read(path, path.stat().st_mtime_ns) if path.exists() else {}


@lru_cache(maxsize=4)
def _by_code(path: Path, changed_ns: int) -> dict[str, str]:
    return dict(_read(path, changed_ns).values())


@lru_cache(maxsize=4)
def _read(path: Path, changed_ns: int) -> dict[int, tuple[str, str]]:
    table = tables.read_tsv(path)
    missing = [name for name in (CODE, VERDICT) if name not in table]
    if missing:
        raise TableError(
            f"{path}: column {', '.join(missing)} is missing; it needs {CODE} and {VERDICT}, with a tab between them."
        )
    found, faults = {}, []
    for row, *cells in table[[CODE, VERDICT]].itertuples():
        code, verdict = ("" if pd.isna(cell) else str(cell).strip() for cell in cells)
        if verdict and verdict not in VERDICTS:
            faults.append(f"line {row + 2}: verdict {verdict!r} is neither pass nor fail")
        elif verdict:
            found[row + 2] = (code, verdict)
    if faults:
        raise TableError(f"{path}: " + "; ".join(faults) + ". Correct these lines.")
    return found
