"""What a reviewer saw: verdicts entered in a table beside the cohort's YAML, and obeyed."""

from functools import lru_cache
from pathlib import Path

import pandas as pd

from thalutils import tables
from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import TableError

COLUMNS = ("participant_id", "session_id", "image", "strategy", "verdict")
VERDICTS = ("pass", "fail")


def verdict(cohort: Cohort, session: Session, image: str, strategy: str) -> str | None:
    """Return ``pass`` or ``fail`` as a reviewer entered it for one image and strategy, else ``None``.

    Raises
    ------
    TableError
        Where the table has an unknown verdict or lacks a column, with its row.
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
        raise TableError(f"{path}: column {', '.join(missing)} is missing; it needs {', '.join(COLUMNS)}.")
    for row, value in table["verdict"].items():
        if value not in VERDICTS:
            raise TableError(f"{path}: line {row + 2}: verdict {value!r} is neither pass nor fail.")
    return table
