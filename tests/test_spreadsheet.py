"""Spreadsheets: what a user may get wrong in cells, columns and files is told at once, and the rest goes on."""

import re
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from pydantic import ValidationError

from thalutils import spreadsheet
from thalutils.entry import TABLES, Entry
from thalutils.spreadsheet_settings import Columns, Overlap, Spreadsheet, Units, Values

TEMPLATE = Path(__file__).parents[1] / "cohorts" / "template-tables.yml"
COLUMNS = {"participant_id": "ID", "session_id": "Visit", "volumes": {"FIRST": "FIRST"}}


@pytest.fixture
def read(tmp_path):
    """Return a function that writes lines as a CSV and reads it; ``columns`` add to ID, Visit and FIRST."""

    def made(*lines: str, name: str = "mine.csv", encoding: str = "utf-8", **settings: object) -> Entry:
        (tmp_path / name).write_bytes("\n".join((*lines, "")).encode(encoding))
        columns = COLUMNS | settings.pop("columns", {})
        columns = {key: value for key, value in columns.items() if value is not None}
        return spreadsheet.read(tmp_path / name, Spreadsheet(visits=name, columns=columns, **settings))

    return made


@pytest.fixture
def read_excel(tmp_path):
    """Return a function that writes rows as a workbook of one sheet and reads it."""

    def made(*rows: list[object], **settings: object) -> Entry:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(tmp_path / "mine.xlsx")
        columns = COLUMNS | settings.pop("columns", {})
        return spreadsheet.read(
            tmp_path / "mine.xlsx", Spreadsheet(visits="mine.xlsx", columns=columns, **settings)
        )

    return made


def told(entry: Entry) -> list[str]:
    return entry.told["reason"].tolist()


def only(entry: Entry) -> str:
    (reason,) = told(entry)
    return reason


def test_what_pages_have_of_a_fault_quotes_numbers_and_no_text_and_no_date(read):
    """`check` tells the cell's own words; a page may be published."""
    entry = read(
        "ID;Visit;Born;EDSS;Walk;Dx;FIRST",
        "a;1;0975-01-01;refused, depressed;2020-03-10;unwell;7",
        "b;1;;11;-5;;9000000,5",
        "c;1;;19750403;;;7",
        columns={"birth_date": "Born", "edss": "EDSS", "t25fw_1_s": "Walk", "group": "Dx"},
        decimal=",",
    )
    told, public = (frame["reason"].tolist() for frame in (entry.told, entry.exclusions))
    assert len(told) == len(public) == 8
    for word in ("'0975-01-01'", "'refused, depressed'", "'2020-03-10'", "'unwell'", "'19750403'"):
        assert word in " ".join(told) and word[1:-1] not in " ".join(public)
    assert "mine.csv row 2, column EDSS: it is not a number." in public
    for reason in ("'11' is not a step", "'-5' cannot be a timed walk", "'9000000,5' cannot be both thalami"):
        assert reason in " ".join(public)
    assert entry.told.drop(columns="reason").equals(entry.exclusions.drop(columns="reason"))


def test_a_clean_sheet_becomes_the_contracts_tables(read):
    entry = read(
        "ID;Visit;Date;Born;Onset;Sex;Dx;EDSS;Walk;Ster;FIRST;L;R;Dice;eTIV;PBVC",
        "7;2;10.03.2021;02.01.1980;01.06.2010;w;SPMS;3,5;0,1;yes;13900;7000;7100;0,8;1500000;-0,4",
        "7;1;10.03.2020;02.01.1980;01.06.2010;w;SPMS;3;n/a;;14000;;;;1510000;",
        "8;1;;;;M;rrms;-9;;;;;;;;",
        columns={
            "visit_date": "Date", "birth_date": "Born", "onset_date": "Onset", "sex": "Sex", "group": "Dx",
            "edss": "EDSS", "t25fw_1_s": "Walk", "steroids_since_last": "Ster",
            "volumes": {"FIRST": "FIRST", "manual": {"left": "L", "right": "R"}},
            "overlap": {"FIRST": {"dice": "Dice"}}, "intracranial": {"FreeSurfer": "eTIV"},
            "brain_change": {"SIENA": "PBVC"},
        },
        units={"volume": "mm3", "icv": "mm3", "t25fw": "min"}, decimal=",", dates="day-first", missing=[-9],
        values={"sex": {"W": "F"}, "group": {"spms": "PMS"}},
    )  # fmt: skip
    assert not entry.refusals
    assert told(entry) == []
    assert set(entry.tables) == set(TABLES)
    people = entry.tables["participants"].set_index("participant_id")
    assert people.loc["sub-7", ["sex", "group", "in_ground_truth"]].tolist() == ["F", "PMS", True]
    assert people.loc["sub-8", ["sex", "group", "in_ground_truth"]].tolist() == ["M", "RRMS", False]
    visits = entry.tables["sessions"]
    assert visits["session_id"].tolist() == ["ses-1", "ses-2", "ses-1"]
    assert visits["edss"].tolist()[:2] == [3, 3.5]
    assert visits["edss"].isna()[2]
    assert visits["t25fw_1_s"].tolist()[1] == 6
    assert visits["steroids_since_last"].tolist()[1] == 1
    assert visits["interval_years"].tolist()[:2] == [0, pytest.approx(1, abs=0.002)]
    assert visits["age_years"].tolist()[0] == pytest.approx(40.19, abs=0.01)
    assert visits["disease_duration_years"].tolist()[1] == pytest.approx(10.77, abs=0.01)
    volumes = entry.tables["volumes"].set_index(["method", "session_id"])["volume_ml"]
    assert volumes.to_dict() == {
        ("FIRST", "ses-1"): 14.0, ("FIRST", "ses-2"): 13.9, ("manual", "ses-2"): pytest.approx(14.1),
    }  # fmt: skip
    assert entry.tables["intracranial"][["icv_ml", "source"]].to_numpy().tolist() == [[1510.0, "FreeSurfer"]]
    assert entry.tables["brain_change"][["engine", "pbvc_percent"]].to_numpy().tolist() == [["SIENA", -0.4]]
    assert entry.tables["overlap"][["reference", "dice"]].to_numpy().tolist() == [["manual", 0.8]]
    account = entry.columns.set_index("source")
    assert account.loc["EDSS", ["filled", "missing", "left_out"]].tolist() == [2, 1, 0]
    assert account.loc["FIRST", ["table", "method", "unit"]].tolist() == ["volumes", "FIRST", "mm3"]


@pytest.mark.parametrize(
    ("key", "cell", "fault"),
    [
        ("edss", "11", "'11' is not a step of the EDSS"),
        ("edss", "0.5", "'0.5' is not a step of the EDSS"),
        ("edss", "-1", "is not a step of the EDSS"),
        ("edss", "3,5", "'3,5' is not a number: it has a comma, and `decimal` is '.'"),
        ("edss", "4 (est.)", "'4 (est.)' is not a number."),
        ("edss", "#DIV/0!", "is an error of the spreadsheet program"),
        ("edss", "2020-05-04", "is a date, where a number should be"),
        ("edss", "nan", "is not a number"),
        ("edss", "inf", "is not a number"),
        ("t25fw_1_s", "0", "cannot be a timed walk (above 0 to 600 s)"),
        ("nhpt_2_s", "601", "cannot be a peg test"),
        ("sdmt", "111", "cannot be correct answers of the SDMT (0 to 110)"),
        ("age_years", "-1", "cannot be an age (0 to 120 years)"),
        ("age_years", "1975", "cannot be an age"),
        ("interval_years", "-0.5", "cannot be the time since the first visit"),
        ("visit_date", "31.02.2020", "is not a date (year-first, four digits for the year)"),
        ("visit_date", "2020-02-31", "is not a date"),
        ("visit_date", "20-02-03", "is not a date"),
        ("visit_date", "2999-01-01", "is before 1900 or in the future"),
        ("birth_date", "0975-01-01", "is before 1900 or in the future"),
        ("sex", "W", "is not known. Known are F, M; say what it stands for under `values: sex:`"),
        ("group", "SPMS", "is not known. Known are HC, RRMS, PMS"),
        ("steroids_since_last", "maybe", "is not known. Known are 1, 0"),
        ("site", "=cmd|'/c calc'!A1", "is no name of at most 60 letters and digits"),
        ("site", "x" * 61, "is no name"),
    ],
)
def test_a_cell_at_fault_is_left_out_alone_and_told_with_its_place(read, key, cell, fault):
    entry = read("ID,Visit,FIRST,X", f'a,1,14,"{cell}"', "b,1,15,", columns={key: "X"})
    assert not entry.refusals
    assert fault in only(entry)
    assert only(entry).startswith("mine.csv row 2, column X: ")
    assert entry.fault_rows == (2,)
    assert entry.exclusions["participant_id"].tolist() == ["sub-a"]
    assert entry.tables["volumes"]["volume_ml"].tolist() == [14, 15]
    assert entry.columns.set_index("source")["left_out"]["X"] == 1


@pytest.mark.parametrize(
    ("settings", "cell", "fault"),
    [
        ({}, "9000", "(1 to 40 mL). If it is in mm3, set `units: {volume: mm3}`"),
        ({"units": {"volume": "mm3"}}, "14.2", "(1 to 40 mL). If it is in mL, set `units: {volume: mL}`"),
        ({}, "90", "'90' cannot be both thalami of a person (1 to 40 mL)."),
        ({}, "0", "cannot be both thalami"),
    ],
)
def test_a_volume_that_cannot_be_says_what_unit_it_may_be_in(read, settings, cell, fault):
    entry = read("ID,Visit,FIRST", f"a,1,{cell}", **settings)
    assert fault in only(entry)
    assert entry.exclusions["method"].item() == "FIRST"
    assert entry.tables["volumes"].empty


@pytest.mark.parametrize(
    ("columns", "units", "cell", "fault"),
    [
        ({"intracranial": {"a": "X"}}, {}, "1500000", "If it is in mm3, set `units: {icv: mm3}`"),
        ({"intracranial": {"a": "X"}}, {}, "1.5", "If it is in L, set `units: {icv: L}`"),
        ({"overlap": {"FIRST": {"dice": "X"}}}, {}, "87", "set `units: {overlap: percent}`"),
        ({"interval_years": "X"}, {}, "365", "If it is in days, set `units: {interval: days}`"),
        ({"disease_duration_years": "X"}, {}, "130", "set `units: {disease_duration: months}`"),
    ],
)
def test_other_units_are_suggested_where_they_fit(read, columns, units, cell, fault):
    entry = read("ID,Visit,FIRST,X", "a,1,14,", f"a,2,14,{cell}", columns=columns, units=units)
    assert fault in only(entry)


def test_every_fault_is_told_at_once_with_the_row_the_spreadsheet_program_shows(read):
    entry = read(
        "ID,Visit,EDSS,FIRST,Note",
        "a,1,11,9000,",
        ",,,,",
        'b,1,2,14,"two',
        'lines"',
        "b,1,3,15,",
        "../x,1,2,14,",
        ",1,2,14,",
        "c,,2,14,",
        "d,1,x,14,",
        columns={"edss": "EDSS"},
    )
    rows = [int(re.search(r"row (\d+)", reason)[1]) for reason in told(entry)]
    assert rows == [2, 2, 5, 6, 7, 8, 9] == list(entry.fault_rows)
    found = entry.exclusions
    assert set(found["stage"]) == {"2-6-tables"}
    assert found["participant_id"].tolist() == ["sub-a", "sub-a", "sub-b", "row 6", "row 7", "sub-c", "sub-d"]
    assert "sub-b ses-1 stands here again; row 4 is used." in told(entry)[2]
    assert "'../x' is not an id" in told(entry)[3]
    assert "column ID: it names nobody." in told(entry)[4]
    assert "column Visit: it names no visit." in told(entry)[5]
    assert entry.tables["sessions"][["participant_id", "edss"]].dropna().to_numpy().tolist() == [
        ["sub-b", 2.0]
    ]
    assert entry.facts["Rows"] == "7"
    assert entry.facts["Columns not used"] == "Note"


@pytest.mark.parametrize("cell", ["=1+1", "@x", "+1", "a/b", "..\\x", "a\tb", "é", "ａ", "x" * 41, "a'b"])
def test_an_id_that_is_a_formula_or_a_path_is_refused(read, cell):
    entry = read("ID,Visit,FIRST", f'"{cell}",1,14', "b,1,15")
    assert entry.tables["participants"]["participant_id"].tolist() == ["sub-b"]
    assert entry.exclusions["participant_id"].tolist() == ["row 2"]


def test_ids_get_their_prefix_once_and_lose_what_stands_between(read):
    entry = read("ID,Visit,FIRST", "MS-01,Month 6,14", "sub-02,ses-Month12,15")
    assert entry.tables["volumes"]["participant_id"].tolist() == ["sub-02", "sub-MS01"]
    assert sorted(entry.tables["volumes"]["session_id"]) == ["ses-Month06", "ses-Month12"]


def test_two_spellings_of_one_id_are_not_made_one_person(read):
    entry = read("ID,Visit,FIRST", "MS-1,1,14", "MS1,1,15", "MS-1,2,13")
    assert "'MS1' becomes sub-MS1, as 'MS-1' does" in only(entry)
    assert entry.tables["volumes"]["volume_ml"].tolist() == [14, 13]


def test_visits_without_names_are_put_in_order_by_date(read):
    entry = read(
        "ID,Date,FIRST", "a,2021-01-01,13", "a,2020-01-01,14", "a,,12", "b,,15",
        columns={"session_id": None, "visit_date": "Date"},
    )  # fmt: skip
    assert entry.tables["volumes"][["session_id", "volume_ml"]].to_numpy().tolist() == [
        ["ses-01", 14.0], ["ses-02", 13.0], ["ses-01", 15.0],
    ]  # fmt: skip
    assert "row 4, column Date: it leaves it unknown which" in only(entry)


def test_without_visits_or_dates_everyone_has_one_visit(read):
    entry = read("ID,FIRST", "a,14", "a,15", columns={"session_id": None})
    assert entry.tables["volumes"][["session_id", "volume_ml"]].to_numpy().tolist() == [["ses-01", 14.0]]
    assert "stands here again; row 2 is used" in only(entry)


def test_a_follow_up_before_its_baseline_costs_that_persons_dates(read):
    lines = [f"{who},{visit},{2020 + visit}-01-01,1980-01-01,14" for who in "abc" for visit in (1, 2)]
    lines[1] = "a,2,2019-01-01,1980-01-01,14"
    entry = read("ID,Visit,Date,Born,FIRST", *lines, columns={"visit_date": "Date", "birth_date": "Born"})
    assert "row 3, column Date: '2019-01-01' is not after the visit before it" in only(entry)
    found = entry.tables["sessions"].set_index(["participant_id", "session_id"])
    assert found["age_years"].isna().tolist() == [True, True, False, False, False, False]
    assert found["interval_years"].isna().tolist() == [False, True, False, False, False, False]


@pytest.mark.parametrize(
    ("column", "cells"), [("visit_date", ["2020-01-01", "2021-01-01"]), ("age_years", ["40", "41"])]
)
def test_visit_names_that_do_not_sort_in_time_are_refused(read, column, cells):
    lines = [
        f"{who},{name},{cell},14" for who in "ab" for name, cell in zip(("pre", "post"), cells, strict=True)
    ]
    entry = read("ID,Visit,T,FIRST", *lines, columns={column: "T"})
    (refusal,) = entry.refusals
    assert "for 2 of 2 people the visits are not in the order of time" in refusal
    assert "(ses-post, ses-pre)" in refusal
    named = {"session_id": {"pre": 1, "post": 2}}
    assert not read("ID,Visit,T,FIRST", *lines, columns={column: "T"}, values=named).refusals


def test_an_interval_belongs_to_the_later_visit(read):
    entry = read(
        "ID,Visit,Y,FIRST",
        "a,1,1.5,14",
        "a,2,,14",
        "b,1,1.2,14",
        "b,2,1.2,14",
        columns={"interval_years": "Y"},
    )
    assert "row 2, column Y: '1.5' stands at the person's first visit" in only(entry)
    found = entry.tables["sessions"]["interval_years"]
    assert found.tolist()[2:] == [0, 1.2]
    assert found.isna().tolist()[:2] == [False, True]


def test_what_is_given_and_what_dates_give_must_agree(read):
    entry = read(
        "ID,Visit,Date,Born,Onset,Age,FIRST",
        "a,1,2020-01-01,1980-01-01,,40,14",
        "b,1,2020-01-01,1980-01-01,,31,14",
        "c,1,2020-01-01,2021-01-01,,,14",
        "d,1,2020-01-01,1980-01-01,1975-01-01,,14",
        columns={"visit_date": "Date", "birth_date": "Born", "onset_date": "Onset", "age_years": "Age"},
    )
    assert "row 3, column Age: '31' is not what the dates give, 40.0 years" in told(entry)[0]
    assert "row 4, column Date: '2020-01-01' cannot be: it gives -1.0 years for an age" in told(entry)[1]
    assert "row 5, column Onset: '1975-01-01' puts the onset before the person's birth" in told(entry)[2]
    assert entry.tables["sessions"]["age_years"].notna().tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    ("columns", "cells", "table", "column"),
    [
        ({"sex": "X"}, ("F", "M"), "participants", "sex"),
        ({"birth_date": "X", "visit_date": "D"}, ("1980-01-01", "1980-01-02"), "sessions", "age_years"),
        ({"intracranial": {"FreeSurfer": "X"}}, ("1400", "1500"), "intracranial", "icv_ml"),
        ({"brain_change": {"SIENA": "X"}}, ("-0.4", "-0.5"), "brain_change", "pbvc_percent"),
    ],
)
def test_rows_that_contradict_each_other_about_a_person_are_not_believed(read, columns, cells, table, column):
    entry = read(
        "ID,Visit,D,FIRST,X",
        f"a,1,2020-01-01,14,{cells[0]}",
        f"a,2,2021-01-01,14,{cells[1]}",
        columns=columns,
    )
    assert f"row 3, column X: '{cells[1]}' is not what row 2 has for this person" in only(entry)
    assert entry.exclusions["session_id"].isna().all()
    assert entry.tables[table][column].isna().all()


def test_contradictory_diagnoses_leave_it_unknown(read):
    entry = read("ID,Visit,Dx,FIRST", "a,1,CIS,14", "a,2,RRMS,14", "b,2,,14", columns={"group": "Dx"})
    assert entry.tables["participants"]["group"].tolist() == ["unknown", "unknown"]


def test_a_persons_constant_may_stand_on_any_row_and_an_icv_may_vary_a_little(read):
    entry = read(
        "ID,Visit,S,I,FIRST",
        "a,1,,1500,14",
        "a,2,f,1520,14",
        columns={"sex": "S", "intracranial": {"x": "I"}},
    )
    assert not told(entry)
    assert entry.tables["participants"]["sex"].tolist() == ["F"]
    assert entry.tables["intracranial"]["icv_ml"].tolist() == [1500]


def test_both_sides_must_add_to_the_whole(read):
    volumes = {"volumes": {"FIRST": {"both": "B", "left": "L", "right": "R"}}}
    entry = read("ID,Visit,B,L,R", "a,1,14,7,7.1", "b,1,14,7,8", "c,1,,7,7", columns=volumes)
    assert "row 3, column B: '14' is not the sum of left and right, 15.0 mL" in only(entry)
    assert entry.tables["volumes"]["volume_ml"].tolist() == [14, 14]


def test_who_has_a_reference_is_taken_from_the_masks_or_said(read):
    volumes = {"volumes": {"FIRST": "FIRST", "manual": "M"}}
    lines = ("ID,Visit,FIRST,M,G", "a,1,14,13,no", "b,1,14,,yes")
    drawn = read(*lines, columns=volumes).tables["participants"]["in_ground_truth"]
    assert drawn.tolist() == [True, False]
    said = read(*lines, columns=volumes | {"in_ground_truth": "G"}).tables["participants"]["in_ground_truth"]
    assert said.tolist() == [False, True]


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("latin-1", "Latin-1, since it is not UTF-8"),
        ("utf-16", "UTF-16"),
    ],
)
def test_encodings(read, encoding, expected):
    entry = read("ID,Visit,FIRST,Ärzte", "a,1,14,ü", encoding=encoding, columns={"site": "Ärzte"})
    assert entry.tables["participants"]["site"].tolist() == ["ü"]
    assert entry.facts["Encoding"] == expected


@pytest.mark.parametrize(
    ("separator", "word"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "|")]
)
def test_the_separator_is_that_with_which_the_header_fits(read, separator, word):
    header = ("ID", "Visit", '"a;b,c|d\te;f,g;h"', "FIRST")
    entry = read(separator.join(header), separator.join(("a", "1", "", "14")))
    assert entry.facts["Separator"] == word
    assert entry.tables["volumes"]["volume_ml"].tolist() == [14]


def test_a_row_with_more_cells_than_the_header_is_left_out(read):
    entry = read("ID,Visit,FIRST", "a,1,14,5", "b,1,15,,", "c,1")
    assert only(entry).startswith("mine.csv row 2: it has more cells than the header")
    assert entry.tables["sessions"]["participant_id"].tolist() == ["sub-b", "sub-c"]


def test_missing_columns_are_told_at_once_and_faults_of_the_others_too(read):
    entry = read("ID,Visit,FRST,Age", "a,1,14,200", columns={"edss": "EDSS", "age_years": "Age"})
    assert entry.refusals[:2] == (
        "column 'EDSS' (columns.edss) is not in the header.",
        "column 'FIRST' (columns.volumes.FIRST) is not in the header. Is it 'FRST'?",
    )
    assert entry.refusals[2].startswith("The header has 'ID', 'Visit', 'FRST', 'Age'.")
    assert "'200' cannot be an age" in only(entry)
    assert all(frame.empty for frame in entry.tables.values())


@pytest.mark.parametrize("gone", ["ID", "Visit"])
def test_a_sheet_without_people_or_visits_is_refused_and_no_row_blamed(read, gone):
    header = ",".join("Other" if name == gone else name for name in ("ID", "Visit", "FIRST"))
    entry = read(header, "a,1,14")
    assert f"column {gone!r}" in entry.refusals[0]
    assert not told(entry)


@pytest.mark.parametrize(
    ("lines", "refusal"),
    [
        (
            ("ID,Visit,FIRST,FIRST", "a,1,14,15"),
            "column 'FIRST' stands in the header more than once: C and D.",
        ),
        (("ID,Visit,FIRST",), "it has a header and no rows."),
        (("ID,Visit,FIRST", '"a,1,14', "b,1,15"), "it cannot be read beyond row 1"),
        (("ID,Visit,FIRST", "=1,1,14", "../b,1,15"), "no row can be used; each is listed with its fault."),
        (("ID\0,Visit,FIRST", "a,1,14"), "it is not a table of text"),
        ((), "row 1, the header, is not there."),
    ],
)
def test_a_sheet_that_cannot_be_used_says_why(read, lines, refusal):
    assert any(refusal in one for one in read(*lines).refusals)


def test_a_header_further_down_and_with_line_breaks(read):
    entry = read(
        "Our study",
        "",
        'ID, Visit ,"FIRST\nboth"',
        "a,1,14",
        "a,1,15",
        header_row=3,
        columns={"volumes": {"FIRST": "FIRST both"}},
    )
    assert entry.tables["volumes"]["volume_ml"].tolist() == [14]
    assert "mine.csv row 5: sub-a ses-1 stands here again; row 4" in only(entry)


def test_files_that_are_not_there_or_not_tables(tmp_path):
    def refusal(name: str) -> str:
        settings = Spreadsheet(visits=name, columns=COLUMNS)
        return "".join(spreadsheet.read(tmp_path / name, settings).refusals)

    (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    (tmp_path / "locked.xlsx").write_bytes(b"\xd0\xcf\x11\xe0 encrypted")
    (tmp_path / "folder.csv").mkdir()
    assert "there is no such file. Set `visits`" in refusal("gone.csv")
    assert "there is no such file" in refusal("gone.xlsx")
    assert "old.xls is not .csv, .tsv, .txt, .xlsx, .xlsm. Save it as" in refusal("old.xls")
    assert "cannot be read as an Excel workbook" in refusal("locked.xlsx")
    assert "If it has a password, remove it" in refusal("locked.xlsx")
    assert "it cannot be read (Is a directory)" in refusal("folder.csv")


def test_excel_gives_numbers_dates_and_truths_as_they_are(read_excel):
    when = [pd.Timestamp(year, 3, 10).to_pydatetime() for year in (2020, 2021)]
    entry = read_excel(
        ["ID", "Visit", "Date", "Born", "EDSS", "Ster", "Walk", "FIRST"],
        [1.0, 1, when[0], when[0].replace(year=1980), 2.5, None, "5,5", 14.25],
        [1, 2.0, when[1], None, "3,5", True, when[0], None, "a note without a header"],
        columns={"visit_date": "Date", "birth_date": "Born", "edss": "EDSS", "steroids_since_last": "Ster", "t25fw_1_s": "Walk"},
        decimal=",", dates="day-first",
    )  # fmt: skip
    assert not entry.refusals
    assert "row 3, column Walk: '2020-03-10' is a date, where a number should be" in only(entry)
    visits = entry.tables["sessions"]
    assert visits["participant_id"].tolist() == ["sub-1", "sub-1"]
    assert visits["edss"].tolist() == [2.5, 3.5]
    assert visits["age_years"].tolist() == pytest.approx([40, 41], abs=0.01)
    assert visits["steroids_since_last"].tolist()[1] == 1
    assert visits["t25fw_1_s"].tolist()[0] == 5.5
    assert entry.tables["volumes"]["volume_ml"].tolist() == [14.25]
    assert entry.facts["Sheet"] == "Sheet"


def test_a_workbook_of_several_sheets_asks_which(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.create_sheet("Visits").append(["ID", "Visit", "FIRST"])
    book["Visits"].append(["a", 1, 14])
    book.save(tmp_path / "mine.xlsx")

    def read(**more: str) -> Entry:
        return spreadsheet.read(
            tmp_path / "mine.xlsx", Spreadsheet(visits="mine.xlsx", columns=COLUMNS, **more)
        )

    assert read().refusals == ("it has the sheets 'Notes', 'Visits'. Name one under `sheet`.",)
    assert read(sheet="Visit").refusals == ("it has no sheet 'Visit', but 'Notes', 'Visits'. Set `sheet`.",)
    assert read(sheet="Visits").tables["volumes"]["volume_ml"].tolist() == [14]


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"edss": "FIRST"}, "FIRST: each column can stand for one thing only"),
        ({"volumes": {}}, "at least 1 item"),
        ({"volumes": {"FIRST": {"left": "L"}}}, "name the column of both thalami, or left and right"),
        ({"volumes": {"=1": "X"}}, "a name is letters, digits, space and . _ + -"),
        ({"mood": "X"}, "Extra inputs"),
    ],
)
def test_a_map_at_fault_is_refused(columns, fault):
    with pytest.raises(ValidationError, match=re.escape(fault)):
        Spreadsheet(visits="x.csv", columns=COLUMNS | columns)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"sex": {"w": "W"}}, "values.sex.w"),
        ({"group": {"SPMS": "SP"}}, "SP: a group is HC, RRMS"),
        ({"steroids_since_last": {True: 1}}, "write yes and no in quotes"),
        ({"steroids_since_last": {"ja": "perhaps"}}, "valid boolean"),
    ],
)
def test_words_that_stand_for_nothing_known_are_refused(values, fault):
    with pytest.raises(ValidationError, match=re.escape(fault)):
        Spreadsheet(visits="x.csv", columns=COLUMNS, values=values)


def test_a_word_may_stand_for_a_missing_value(read):
    entry = read(
        "ID,Visit,FIRST,S", "a,1,14,unknown", columns={"sex": "S"}, values={"sex": {"Unknown": None}}
    )
    assert not told(entry)
    assert entry.tables["participants"]["sex"].isna().all()


def test_many_rows_are_read_at_once(tmp_path):
    people = [f"p{number}" for number in range(10_000)]
    frame = pd.DataFrame(
        {"ID": people * 2, "Visit": [1] * 10_000 + [2] * 10_000, "FIRST": "14,5", "EDSS": "11"}
    )
    frame.to_csv(tmp_path / "many.csv", sep=";", index=False)
    columns = COLUMNS | {"edss": "EDSS"}
    settings = Spreadsheet(visits="many.csv", columns=columns, decimal=",")
    entry = spreadsheet.read(Path(tmp_path / "many.csv"), settings)
    assert len(entry.tables["volumes"]) == len(entry.exclusions) == 20_000


@pytest.mark.parametrize(
    "model", [Spreadsheet, Columns, Overlap, Units, Values], ids=lambda model: model.__name__
)
def test_the_template_names_every_key(model):
    text = TEMPLATE.read_text(encoding="utf-8")
    for key in model.model_fields:
        assert re.search(rf"\b{key}\b", text), key
