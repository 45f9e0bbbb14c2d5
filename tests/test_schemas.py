"""What each column of the contract may hold, and that each is described."""

import pandas as pd
import pytest

from thalutils import tables
from thalutils.errors import TableError
from thalutils.schemas import SCHEMAS


def a_row(table: str, **values: object) -> pd.DataFrame:
    """Return a row of which only these values are given, and the visit."""
    visit = {"participant_id": "sub-01", "session_id": "ses-01"}
    return pd.DataFrame([visit | values], columns=list(SCHEMAS[table].columns))


@pytest.mark.parametrize("table", SCHEMAS)
def test_every_column_is_described(table):
    columns = SCHEMAS[table].columns
    entries = tables.dictionary(table)
    assert list(entries) == list(columns)
    assert all(len(entry["Description"]) > 2 for entry in entries.values())
    for name, column in columns.items():
        for ending, units in (
            ("_ml", "mL"),
            ("_mm", "mm"),
            ("_years", "years"),
            ("_percent", "%"),
            ("_s", "s"),
        ):
            if name.endswith(ending) and str(column.dtype) == "float64":
                assert entries[name]["Units"] == units


@pytest.mark.parametrize("edss", [0.5, 1.25, 10.5, -1])
def test_edss_has_no_such_step(edss):
    with pytest.raises(TableError, match=rf"row 1, column edss: {edss}"):
        tables.check("sessions", a_row("sessions", edss=edss))


@pytest.mark.parametrize("edss", [0, 1, 1.5, 9.5, 10, None])
def test_edss_has_these_steps(edss):
    tables.check("sessions", a_row("sessions", edss=edss))


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [("volumes", "volume_ml", -0.1), ("sessions", "sdmt", 111.0), ("sessions", "age_years", 121.0)]
    + [("overlap", name, 1.01) for name in ("dice", "precision", "sensitivity")]
    + [("volume_agreement", "pearson_r", -1.01), ("participants", "participant_id", "sub-0/1")]
    + [("sessions", "session_id", "01")]
    + [("participants", "group", float("nan")), ("exclusions", "reason", float("nan"))],
)
def test_values_out_of_range_are_refused(table, column, value):
    with pytest.raises(TableError, match=f"row 1, column {column}: {value} "):
        tables.check(table, a_row(table, **{column: value}))
