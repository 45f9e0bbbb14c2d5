"""The contract: what is written is read back, and what breaks it is named by row and column."""

import itertools
import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thalutils import tables
from thalutils.errors import TableError
from thalutils.schemas import SCHEMAS

VISIT = {"participant_id": "sub-01", "session_id": "ses-01"}
PERSON = {"participant_id": "sub-01", "sex": "F", "group": "RRMS", "site": "Basel", "in_ground_truth": True}
EDGES = {
    "origin": "read",
    "sex": "M", "group": "HC", "edss": 6.5, "participant_id": "sub-A1", "session_id": "ses-B2",
    "steroids_since_last": 1.0, "pearson_r": -0.25, "voxels": "mixed",
}  # fmt: skip


def a_row(table: str) -> dict:
    """Return a row that keeps the contract, its values different from column to column."""
    row = {}
    for number, (name, column) in enumerate(SCHEMAS[table].columns.items()):
        if name in EDGES:
            row[name] = EDGES[name]
        elif str(column.dtype).startswith("str"):
            row[name] = f"{name} µ"
        elif str(column.dtype) == "float64":
            row[name] = 1 / (number + 3)
        else:
            row[name] = bool(number % 2)
    return row


def volumes(*methods: str, person: str = "sub-01") -> pd.DataFrame:
    row = a_row("volumes") | {"participant_id": person}
    return pd.DataFrame([row | {"method": method} for method in methods])


def empty_but(table: str, **values: object) -> pd.DataFrame:
    columns = list(SCHEMAS[table].columns)
    return pd.DataFrame([values], columns=columns)


@pytest.mark.parametrize("table", SCHEMAS)
def test_written_and_read_twice_is_the_same_bytes(table, tmp_path):
    path = tmp_path / f"{table}.tsv"
    tables.write(table, pd.DataFrame([a_row(table)]), path)
    first = path.read_bytes()
    read = tables.read(path)
    assert list(read.columns) == list(SCHEMAS[table].columns)
    tables.write(table, read, path)
    assert path.read_bytes() == first
    assert first.count(b"\n") == 2
    assert json.loads(path.with_suffix(".json").read_text()) == tables.dictionary(table)


@pytest.mark.parametrize("table", SCHEMAS)
def test_a_table_without_rows_goes_round(table, tmp_path):
    path = tmp_path / f"{table}.tsv"
    tables.write(table, tables.empty(table), path)
    assert len(tables.read(path)) == 0
    assert path.read_text() == "\t".join(SCHEMAS[table].columns) + "\n"


def test_the_columns_are_put_in_order_and_others_left_out(tmp_path):
    frame = volumes("FIRST").assign(mood="good")[["mood", *reversed(SCHEMAS["volumes"].columns)]]
    assert list(tables.check("volumes", frame).columns) == list(SCHEMAS["volumes"].columns)


def test_what_is_missing_is_written_n_a_and_read_as_missing(tmp_path):
    path = tmp_path / "volumes.tsv"
    tables.write("volumes", volumes("FIRST").assign(rater=None, left_ml=np.nan), path)
    cells = dict(zip(*(line.split("\t") for line in path.read_text().splitlines()), strict=True))
    assert {cells["rater"], cells["left_ml"]} == {"n/a"}
    row = tables.read(path).iloc[0]
    assert pd.isna(row["rater"])
    assert pd.isna(row["left_ml"])


@pytest.mark.parametrize("word", ["NA", "None", "nan", "null"])
def test_only_n_a_means_missing(word, tmp_path):
    path = tmp_path / "volumes.tsv"
    tables.write("volumes", volumes("FIRST").assign(rater=word), path)
    assert tables.read(path)["rater"].tolist() == [word]


@pytest.mark.parametrize("sites", [["01", "02"], ["1", None], ["True", "False"], ["1e3", "0x1"]])
def test_text_that_looks_like_something_else_stays_text(sites, tmp_path):
    """Site 01 was read as 1, and as 1.0 where another row had none."""
    path = tmp_path / "participants.tsv"
    people = [PERSON | {"participant_id": f"sub-{n}", "site": site} for n, site in enumerate(sites)]
    tables.write("participants", pd.DataFrame(people), path)
    assert [None if pd.isna(site) else site for site in tables.read(path)["site"]] == sites


@pytest.mark.parametrize(
    ("word", "value"), [("True", True), ("False", False), ("false", False), ("TRUE", True)]
)
def test_flags_are_read(word, value, tmp_path):
    path = tmp_path / "participants.tsv"
    path.write_text("\t".join(PERSON) + f"\nsub-01\tF\tHC\tn/a\t{word}\nsub-02\tF\tHC\tn/a\tFalse\n")
    read = tables.read(path)["in_ground_truth"]
    assert read.tolist() == [value, False]
    assert read.dtype == bool


@pytest.mark.parametrize("word", ["n/a", "no", "2"])
def test_a_flag_that_is_neither_is_refused_and_not_true(word, tmp_path):
    """Every text, and what is missing, became True."""
    path = tmp_path / "participants.tsv"
    path.write_text("\t".join(PERSON) + f"\nsub-01\tF\tHC\tn/a\tTrue\nsub-02\tF\tHC\tn/a\t{word}\n")
    with pytest.raises(TableError, match="row 2, column in_ground_truth") as caught:
        tables.read(path)
    assert "row 1" not in str(caught.value)


def test_all_faults_are_named_at_once_by_row_and_column(tmp_path):
    frame = pd.DataFrame([PERSON, PERSON | {"participant_id": "02", "sex": "X"}, PERSON | {"group": "SPMS"}])
    frame.loc[2, "participant_id"] = "sub-03"
    with pytest.raises(TableError) as caught:
        tables.check("participants", frame, "people.tsv")
    text = str(caught.value)
    assert text.startswith("people.tsv: ")
    for fault in ("row 2, column participant_id: 02", "row 2, column sex: X", "row 3, column group: SPMS"):
        assert fault in text
    assert "row 1" not in text
    assert "\n" not in text


def test_a_row_twice_is_named():
    with pytest.raises(
        TableError, match=r"row 1, column participant_id.*row 3, column participant_id"
    ) as caught:
        tables.check("participants", pd.DataFrame([PERSON, PERSON | {"participant_id": "sub-02"}, PERSON]))
    assert "row 2" not in str(caught.value)


def test_a_number_that_is_a_word_is_named_once_and_in_words_of_the_table():
    frame = pd.concat([empty_but("sessions", **VISIT, sdmt=40), empty_but("sessions", **VISIT, sdmt="forty")])
    frame["session_id"] = ["ses-01", "ses-02"]
    with pytest.raises(TableError) as caught:
        tables.check("sessions", frame)
    assert str(caught.value) == "sessions: row 2, column sdmt: forty breaks coerce_dtype('float64')"


def test_columns_that_are_missing_are_named():
    with pytest.raises(TableError, match=r"volumes: column left_ml, right_ml is missing"):
        tables.check("volumes", volumes("FIRST").drop(columns=["left_ml", "right_ml"]))


def test_a_table_that_is_unknown_absent_or_none_is_named(tmp_path):
    with pytest.raises(TableError, match=r"moods is not a table of the contract; it has participants"):
        tables.empty("moods")
    with pytest.raises(TableError, match=r"volumes\.tsv: no such table\. Run the stage"):
        tables.read(tmp_path / "volumes.tsv")
    for content in (b"", b"\xff\xfe\x00\x00", b'participant_id\n"'):
        (tmp_path / "volumes.tsv").write_bytes(content)
        with pytest.raises(TableError, match=r"volumes\.tsv: cannot be read as a table"):
            tables.read(tmp_path / "volumes.tsv")


def test_a_spreadsheet_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "intracranial.tsv"
    path.write_bytes(b"\xef\xbb\xbfparticipant_id\ticv_ml\tsource\r\nsub-01\t1400\tdeepbet\r\n")
    assert tables.read(path).to_dict("records") == [
        {"participant_id": "sub-01", "icv_ml": 1400.0, "source": "deepbet"}
    ]


def test_a_blank_line_is_passed_over_and_counted(tmp_path):
    path = tmp_path / "any.tsv"
    path.write_text("a\tb\nx\t1\n\ny\t2\n\n")
    assert tables.read_tsv(path)["a"].to_dict() == {0: "x", 2: "y"}


def test_a_table_that_breaks_the_contract_is_not_written(tmp_path):
    path = tmp_path / "volumes.tsv"
    tables.write("volumes", volumes("FIRST"), path)
    before = path.read_bytes()
    with pytest.raises(TableError, match=r"volumes\.tsv: row 1, column volume_ml"):
        tables.write("volumes", volumes("FIRST").assign(volume_ml=-1), path)
    assert path.read_bytes() == before


SHARDS = [
    ("2-6-3-volumes", "sub-01", "A"),
    ("2-6-3-volumes", "sub-02", "B"),
    ("2-6-3-volumes", tables.ROWS, "C"),
    ("9-later", "sub-01", "D"),
]


def fill(results: Path, shards) -> None:
    for stage, person, method in shards:
        name = person if person != tables.ROWS else "sub-00"
        tables.write_shards(results, stage, person, {"volumes": volumes(method, person=name)})


@pytest.mark.parametrize("order", list(itertools.permutations(SHARDS))[::5])
def test_shards_merge_in_one_order_whatever_the_order_of_writing(order, tmp_path):
    fill(tmp_path, order)
    merged = tables.merge(tmp_path, "volumes", ["sub-02", "sub-01"])
    assert merged["method"].tolist() == ["C", "A", "B", "D"]
    assert merged.equals(tables.read(tmp_path / "volumes.tsv"))


def test_people_who_left_are_passed_over(tmp_path):
    fill(tmp_path, SHARDS)
    assert tables.merge(tmp_path, "volumes", ["sub-02"])["method"].tolist() == ["C", "B"]
    assert tables.merge(tmp_path, "volumes")["method"].tolist() == ["C", "A", "B", "D"]
    assert (tmp_path / "shards" / "2-6-3-volumes" / "sub-01" / "volumes.tsv").exists()


def test_a_shard_takes_the_place_of_the_earlier_one(tmp_path):
    tables.write_shards(tmp_path, "s", "sub-01", {"volumes": volumes("A", "B")})
    tables.write_shards(tmp_path, "s", "sub-01", {"volumes": volumes("C")})
    assert tables.merge(tmp_path, "volumes")["method"].tolist() == ["C"]


def test_a_shard_is_never_away_while_it_is_replaced(tmp_path):
    """One process merges while others write the same and other shards: no row is ever lost."""
    for person in ("sub-01", "sub-02"):
        tables.write_shards(tmp_path, "s", person, {"volumes": volumes("A", person=person)})
    stop = threading.Event()

    def write(person):
        while not stop.is_set():
            tables.write_shards(tmp_path, "s", person, {"volumes": volumes("A", person=person)})

    writers = [threading.Thread(target=write, args=(person,)) for person in ("sub-01", "sub-01", "sub-02")]
    for writer in writers:
        writer.start()
    try:
        for _ in range(25):
            assert len(tables.merge(tmp_path, "volumes")) == 2
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert not list((tmp_path / "shards" / "s").glob(".partial-*"))


def test_a_table_that_a_stage_no_longer_makes_leaves_its_shard(tmp_path):
    tables.write_shards(
        tmp_path, "s", "sub-01", {"volumes": volumes("A"), "overlap": tables.empty("overlap")}
    )
    tables.write_shards(tmp_path, "s", "sub-01", {"volumes": volumes("A")})
    assert [path.name for path in sorted((tmp_path / "shards/s/sub-01").iterdir())] == [
        "volumes.json",
        "volumes.tsv",
    ]


def test_a_shard_at_fault_leaves_the_earlier_one_whole(tmp_path):
    tables.write_shards(tmp_path, "s", "sub-01", {"volumes": volumes("A")})
    with pytest.raises(TableError):
        tables.write_shards(
            tmp_path, "s", "sub-01", {"volumes": volumes("B"), "overlap": pd.DataFrame([{"dice": 2}])}
        )
    assert tables.merge(tmp_path, "volumes")["method"].tolist() == ["A"]


@pytest.mark.parametrize("damage", ["", "participant_id\tses", "participant_id\tvolume\nsub-02\t12\n"])
def test_a_shard_that_cannot_be_read_stops_nobody(damage, tmp_path):
    """A shard of an older version stopped every stage that merges the table, and so the one that makes it anew."""
    for person, method in (("sub-01", "A"), ("sub-02", "B")):
        tables.write_shards(tmp_path, "s", person, {"volumes": volumes(method, person=person)})
    (tmp_path / "shards/s/sub-02/volumes.tsv").write_text(damage)
    assert tables.merge(tmp_path, "volumes")["method"].tolist() == ["A"]


def test_shards_read_at_once_give_the_bytes_of_those_read_one_by_one(tmp_path, monkeypatch):
    rows = [
        {"participant_id": "sub-01", "site": "01", "sex": None, "group": "HC", "in_ground_truth": True},
        {
            "participant_id": "sub-02",
            "site": 'two "words"',
            "sex": "F",
            "group": "MS",
            "in_ground_truth": False,
        },
        {"participant_id": "sub-03", "site": None, "sex": "M", "group": "unknown", "in_ground_truth": False},
    ]
    for row in rows:
        tables.write_shards(tmp_path, "s", row["participant_id"], {"participants": pd.DataFrame([row])})
    shards = sorted((tmp_path / "shards").glob("*/*/participants.tsv"))
    assert tables._at_once("participants", shards) is not None
    tables.merge(tmp_path, "participants")
    at_once = (tmp_path / "participants.tsv").read_bytes()
    monkeypatch.setattr(tables, "_at_once", lambda *_: None)
    tables.merge(tmp_path, "participants")
    assert (tmp_path / "participants.tsv").read_bytes() == at_once


def test_no_shards_merge_to_no_rows(tmp_path):
    tables.write_shards(tmp_path, "s", "sub-01", {"volumes": tables.empty("volumes")})
    assert tables.merge(tmp_path, "volumes").empty
    assert tables.merge(tmp_path, "overlap").empty
    assert (tmp_path / "overlap.tsv").exists()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_numbers_merge_and_a_later_run_replaces_its_own(order, tmp_path):
    stages = [("3-2", {"dice": 0.8, "n": 5}), ("3-3", {"bias": None, "n": 6})]
    tables.write_numbers(tmp_path, "3-2", {"dice": 0.1, "gone": 1})
    for place in order:
        tables.write_numbers(tmp_path, *stages[place])
    assert json.loads((tmp_path / "numbers.json").read_text()) == {"dice": 0.8, "bias": None, "n": 6}
