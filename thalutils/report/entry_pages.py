"""What the page of ready-made tables shows, and the tables it keeps."""

from __future__ import annotations

import pandas as pd
from IPython.display import HTML

from thalutils import tables as contract
from thalutils.cohort import Cohort
from thalutils.entry import TABLES
from thalutils.report import privacy, tables
from thalutils.report.embed import note
from thalutils.report.suppression import FEW, LEAST

MOST_ROWS = 500
# The stage of the populations writes these for every cohort.
WRITTEN = tuple(name for name in TABLES if name not in ("participants", "sessions"))


def provide(cohort: Cohort) -> str:
    """Make the tables of a simulated cohort where they are not there; return a sentence on what they are."""
    if cohort.settings.twin is None:
        return f"The tables were read from {cohort.tables_path.name}."
    from thalutils.simulate import twin

    return twin.make(cohort)


def write_tables(cohort: Cohort) -> dict[str, pd.DataFrame]:
    """Write the tables that came in among the cohort's results, and return them all by name."""
    found = cohort.source_tables()
    for name in WRITTEN:
        contract.write(name, found[name], cohort.results / f"{name}.tsv")
    return found


def facts(cohort: Cohort, found: dict[str, pd.DataFrame]) -> HTML:
    """Tabulate what came in: the file, how it was read, and how much was in it."""
    methods = found["volumes"]["method"].unique()
    more = {
        "People": privacy.count(len(found["participants"])),
        "Visits": str(len(found["sessions"])),
        "Methods": f"{len(methods)}: {', '.join(methods)}",
        "Rows and cells left out": str(len(cohort.entry.exclusions)),
    }
    rows = pd.DataFrame([*cohort.entry.facts.items(), *more.items()], columns=["what", "value"])
    return tables.show(rows, caption="What came in.", name="entry")


def columns(cohort: Cohort) -> HTML:
    """Tabulate every column that is used: where it came from, and how many of its cells are empty."""
    known = cohort.entry.columns.rename(columns={"source": "from", "left_out": "left out"})
    for name in ("filled", "missing", "left out"):
        known[name] = known[name].astype(object).mask(known[name].map(_to_hide), FEW)
    order = ["from", "table", "column", "method", "unit", "filled", "missing", "left out"]
    shown = known[order].loc[:, lambda frame: ~frame.isna().all()]
    return tables.show(shown, caption="Columns, and their empty cells.", name="entry-columns")


def _to_hide(cells: int) -> bool:
    return 0 < cells < LEAST and not privacy.publishes()


def left_out(cohort: Cohort) -> HTML:
    """Tabulate the rows and cells that were left out, or count them where individuals are not published."""
    found = cohort.entry.exclusions
    if found.empty:
        return note("Nothing was left out.")
    if privacy.publishes():
        caption = "What was left out, and why."
        if len(found) > MOST_ROWS:
            caption += f" The first {MOST_ROWS} of {len(found)}; `thalutils check` tells all."
        found = found.head(MOST_ROWS)
    else:
        caption = "What was left out."
    return tables.show(found, caption=caption, name="entry-left-out")
