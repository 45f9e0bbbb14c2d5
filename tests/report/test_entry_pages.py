"""The page of ready-made tables: what it keeps, and what it shows of people."""

import base64
import re
from io import StringIO

import pandas as pd
import pytest
import yaml

from thalutils import tables
from thalutils.cohort import Cohort
from thalutils.errors import TableError
from thalutils.report import entry_pages, pages

SAVED = re.compile(r'download="[^"]*" href="data:[^,]*;base64,([^"]*)"')
ROWS = [f"p{number},{10 + number % 3},{2 if number else 11}" for number in range(8)]


def saved(page: str) -> pd.DataFrame:
    """Return the table that a page's link saves."""
    return pd.read_csv(StringIO(base64.b64decode(SAVED.search(page)[1]).decode()), sep="\t", dtype=str)


@pytest.fixture
def cohort(checkout):
    """Return a function that writes a spreadsheet of eight people with one fault, and opens its page."""

    def made(**settings: object) -> Cohort:
        (checkout / "data").mkdir()
        (checkout / "data" / "mine.csv").write_text("\n".join(["Code,Size,EDSS", *ROWS, ""]))
        columns = {"participant_id": "Code", "edss": "EDSS", "volumes": {"FIRST": "Size"}}
        content = {"title": "Mine", "tables": {"visits": "data/mine.csv", "columns": columns}} | settings
        (checkout / "cohorts" / "mine.yml").write_text(yaml.safe_dump(content))
        found = Cohort.load("mine")
        pages.begin(found)
        return found

    return made


def test_the_tables_are_written_among_the_results(cohort):
    study = cohort()
    assert entry_pages.provide(study) == "The tables were read from mine.csv."
    found = entry_pages.write_tables(study)
    assert len(tables.read(study.results / "volumes.tsv")) == 8
    assert tables.read(study.results / "repeatability.tsv").empty
    assert not (study.results / "participants.tsv").exists()
    assert len(found["participants"]) == 8


def test_a_private_cohort_shows_counts(cohort):
    study = cohort()
    found = entry_pages.write_tables(study)
    facts = dict(saved(entry_pages.facts(study, found).data).to_numpy().tolist())
    assert facts["People"] == "8"
    assert facts["Methods"] == "1: FIRST"
    assert facts["Rows and cells left out"] == "1"
    columns = saved(entry_pages.columns(study).data).set_index("from")
    assert columns.loc["EDSS", ["filled", "left out"]].tolist() == ["7", "<5"]
    left_out = entry_pages.left_out(study).data
    assert "sub-p0" not in left_out
    assert "row 2" not in left_out


def test_a_cohort_that_publishes_shows_every_fault(cohort):
    study = cohort(publish_individuals=True)
    left_out = entry_pages.left_out(study).data
    assert "sub-p0" in left_out
    assert "mine.csv row 2, column EDSS: &#x27;11&#x27; is not a step" in left_out


def test_no_text_and_no_date_of_a_cell_reaches_a_page(cohort):
    study = cohort(publish_individuals=True)
    study.tables_path.write_text("Code,Size,EDSS\np1,12,refused\np2,12,1975-04-03\np3,12,2\n")
    study = Cohort.load("mine")
    page = entry_pages.left_out(study).data
    page += saved(page).to_csv()
    assert page.count("column EDSS: it is") == 4
    for word in ("refused", "1975"):
        assert word not in page
        assert word in study.told_exclusions["reason"].str.cat()


def test_a_page_of_a_sheet_that_cannot_be_used_fails_with_what_is_wrong(cohort):
    study = cohort()
    study.tables_path.write_text("Code,EDSS\np1,2\n")
    with pytest.raises(TableError, match="column 'Size'"):
        entry_pages.write_tables(study)
