"""Folders of the contract's tables: what is wrong in any of them is told at once."""

from pathlib import Path

import pandas as pd
import pytest

from thalutils import table_folder, tables
from thalutils.entry import TABLES

PEOPLE = "participant_id\tsex\tgroup\nsub-02\tM\tHC\nsub-01\tn/a\tn/a\n"
VISITS = "participant_id\tsession_id\tedss\nsub-01\tses-01\t2.5\nsub-02\tses-01\tn/a\n"
VOLUMES = "participant_id\tsession_id\tmethod\tvolume_ml\nsub-01\tses-01\tFIRST\t14\n"


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes tables into a folder, by name."""

    def made(**texts: str) -> Path:
        for name, text in ({"participants": PEOPLE, "sessions": VISITS, "volumes": VOLUMES} | texts).items():
            (tmp_path / f"{name}.tsv").write_text(text)
        return tmp_path

    return made


def test_columns_that_may_be_empty_may_be_left_out(folder):
    entry = table_folder.read(folder())
    assert not entry.refusals
    assert set(entry.tables) == set(TABLES)
    assert entry.tables["participants"]["group"].tolist() == ["HC", "unknown"]
    assert entry.tables["sessions"]["edss"].tolist()[0] == 2.5
    assert entry.tables["sessions"]["sdmt"].isna().all()
    assert entry.tables["overlap"].empty
    account = entry.columns.set_index(["table", "column"])
    assert account.loc[("sessions", "edss"), ["filled", "missing"]].tolist() == [1, 1]


def test_empty_cells_are_missing_values(folder):
    entry = table_folder.read(folder(sessions=VISITS.replace("n/a", "")))
    assert not entry.refusals
    assert entry.tables["sessions"]["edss"].isna().tolist() == [False, True]


def test_what_the_contract_writes_is_read_again(tmp_path, folder):
    first = table_folder.read(folder())
    again = tmp_path / "again"
    for path in table_folder.files(tmp_path):
        tables.write(path.stem, first.tables[path.stem], again / path.name)
    second = table_folder.read(again)
    for name in TABLES:
        pd.testing.assert_frame_equal(first.tables[name], second.tables[name])


def test_every_fault_of_every_table_is_told_at_once_with_its_line(folder):
    entry = table_folder.read(
        folder(
            participants="participant_id\tgroup\nsub-01\tRRMZ\n\nsub-01\tHC\n../x\tHC\n",
            sessions="participant_id\tsession_id\tedss\tsdmt\nsub-01\tses-01\t11\tx\nsub-09\tses-01\t2\t3\n",
            volumes="participant_id\tsession_id\tmethod\tvolume_ml\nsub-01\tses-01\tFIRST\t9000\nsub-01\tses-02\tFIRST\t14\n",
            overlap="participant_id\n",
        )
    )
    told = "\n".join(entry.refusals)
    for fault in (
        "participants.tsv: line 4: sub-01 stands here a second time.",
        "participants.tsv: line 5, column participant_id: ../x breaks",
        "line 2, column group: RRMZ breaks isin",
        "sessions.tsv: line 2, column edss: 11 is not a step of the EDSS",
        "sessions.tsv: line 2, column sdmt: x breaks coerce_dtype",
        "volumes.tsv: line 2, column volume_ml: 9000 cannot be both thalami of a person (1 to 40 mL)",
        "overlap.tsv: column session_id, method, reference is missing.",
        "sessions.tsv: sub-09 not in participants.tsv",
        "volumes.tsv: sub-01 ses-02 not in sessions.tsv",
    ):
        assert fault in told
    assert all(frame.empty for frame in entry.tables.values())


def test_rows_longer_than_the_header_are_not_taken_for_other_columns(folder):
    entry = table_folder.read(folder(sessions="participant_id\tsession_id\nsub-01\tses-01\t2.5\n"))
    assert "its first row has more cells than its header" in entry.refusals[0]


def test_tables_that_are_not_there(tmp_path, folder):
    assert table_folder.read(tmp_path / "gone").refusals == (
        "participants.tsv is not there.", "sessions.tsv is not there.", "volumes.tsv is not there.",
    )  # fmt: skip
    (folder() / "sessions.tsv").unlink()
    (tmp_path / "volume.tsv").write_text(VOLUMES)
    entry = table_folder.read(tmp_path)
    assert entry.refusals == ("sessions.tsv is not there.",)
    assert entry.facts["Files not used"] == "volume.tsv"


def test_a_spreadsheet_needs_a_map(tmp_path):
    (tmp_path / "mine.csv").write_text("ID\n")
    (refusal,) = table_folder.read(tmp_path / "mine.csv").refusals
    assert "Name a spreadsheet under `visits`, with `columns`" in refusal
