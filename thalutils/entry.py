"""What comes in with a cohort of tables: the contract's tables, what was left out, and what cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from thalutils import tables

STAGE = "2-6-tables"
TABLES = (
    "participants", "sessions", "volumes", "intracranial", "overlap", "containment", "brain_change",
    "repeatability",
)  # fmt: skip
NEEDED = ("participants", "sessions", "volumes")
COLUMNS = ("table", "column", "method", "source", "unit", "filled", "missing", "left_out")


@dataclass(frozen=True)
class Entry:
    """The tables of a cohort as they came in.

    Attributes
    ----------
    path : Path
        The spreadsheet, or the folder of tables.
    tables : mapping of DataFrame
        Every table of :data:`TABLES`; those that did not come are empty.
    exclusions : DataFrame
        The contract's table of rows and cells that were left out.
    told : DataFrame
        The same, its reasons with the cells' own words, for the command line: these may be dates and free text, which
        no page is to show.
    fault_rows : tuple of int
        The row of each of them, as a spreadsheet program shows it.
    refusals : tuple of str
        Why it cannot be used at all, a sentence each; empty where it can.
    facts : mapping of str
        What was read, in a few words each: file, sheet, encoding, ...
    columns : DataFrame
        A row a column that is used, as :data:`COLUMNS`: where it came from and how many of its cells
        are filled, missing and left out.
    """

    path: Path
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    exclusions: pd.DataFrame = field(default_factory=lambda: tables.empty("exclusions"))
    told: pd.DataFrame = field(default_factory=lambda: tables.empty("exclusions"))
    fault_rows: tuple[int, ...] = ()
    refusals: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    columns: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(COLUMNS)))
