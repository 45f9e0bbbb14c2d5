"""Cohorts: what a user may get wrong in the YAML, in participants.tsv and in the folders, and what then goes on."""

import shutil
from pathlib import Path

import pytest
import yaml

from thalutils.cohort import Cohort, shorten
from thalutils.errors import CohortError, TableError

REPOSITORY = Path(__file__).parents[1]
SHEET = "tables:\n  visits: data/a.csv\n  columns: {participant_id: ID, edss: EDSS, volumes: {FIRST: F}}\n"
COHORTS = sorted((REPOSITORY / "cohorts").glob("*.yml"))


def written(checkout: Path, text: str, name: str = "mine") -> str:
    (checkout / "cohorts" / f"{name}.yml").write_text(text)
    return name


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


@pytest.mark.parametrize("path", COHORTS, ids=lambda path: path.stem)
def test_cohorts_of_the_study_load(path, monkeypatch):
    monkeypatch.setenv("THALUTILS_ROOT", str(REPOSITORY))
    cohort = Cohort.load(path.stem)
    assert cohort.settings.title == yaml.safe_load(path.read_text())["title"]
    assert cohort.simulated == path.stem.startswith(("phantom", "twin"))
    assert cohort.kind == ("tables" if path.stem in ("twin", "template-tables") else "scans")
    assert cohort.results == REPOSITORY / "build" / "results" / path.stem


def test_the_study_has_cohorts():
    assert {"phantom", "phantom-mini", "template", "template-tables"} <= {path.stem for path in COHORTS}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("title: A\nbids: data\nbid: x\n", "bid: is not a known key"),
        ("title: A\nbids: data\nphantom: {sed: 1}\n", "phantom.sed: is not a known key"),
        ("title: A\n", "give `bids` (scans) or `tables` (tables), one of the two"),
        ("title: A\nbids: a\ntables: b\n", "give `bids` (scans) or `tables` (tables), one of the two"),
        (
            "title: A\ntables: b\nphantom: {}\n",
            "`phantom`, `references`, `finished`, `clinical` and `scans` belong to a cohort of scans",
        ),
        ("title: A\ntables: b\nreferences: {manual: c}\n", "belong to a cohort of scans"),
        ("title: A\nbids: a\ntwin: {}\n", "`twin` needs `tables`: the folder"),
        (f"title: A\ntwin: {{}}\n{SHEET}", "`twin` needs `tables`: the folder"),
        ("title: A\ntables: b\ntwin: {switch: off}\n", "twin.switch: Input should be"),
        (f"title: A\n{SHEET}  decimals: ','\n", "tables.decimals: is not a known key"),
        (f"title: A\n{SHEET}  units: {{volume: l}}\n", "tables.units.volume: Input should be 'mL'"),
        (
            f"title: A\n{SHEET}  values: {{sex: {{w: W}}}}\n",
            "tables.values.sex.w: Input should be 'F' or 'M'",
        ),
        (
            "title: A\ntables: {visits: a.csv}\n",
            "tables.columns: Field required. See cohorts/template-tables.yml",
        ),
        ("title: A\ntables: b\npublic: open_ms\n", "`public` needs `bids`"),
        ("title: A\nbids: b\npublic: all_ms\n", "public: Input should be 'open_ms'"),
        ("title: A\nbids: b\nclinical: [{visits: a.csv}]\n", "clinical.0.columns: Field required"),
        (
            "title: A\nbids: b\nclinical: [{visits: a.csv, columns: {participant_id: ID, volumes: {F: f}}}]\n",
            "clinical.0.columns.volumes: is not a known key",
        ),
        ("title: A\ntables: 5\n", "tables: Input should be"),
        (
            "title: A\nbids: data\nphantom: {participants: 0}\n",
            "phantom.participants: Input should be greater",
        ),
        (
            "title: A\nbids: data\nphantom: {manual_lateral: 2}\n",
            "phantom.manual_lateral: is not a known key",
        ),
        (
            "title: A\nbids: data\nphantom: {manual_csf_fraction: 2}\n",
            "phantom.manual_csf_fraction: Input should be less",
        ),
        (
            "title: A\nbids: data\nphantom: {manual_noise_mm: wide}\n",
            "phantom.manual_noise_mm: Input should be a valid number",
        ),
        ("title: A\nbids: data\nreferences: {gold: x}\n", "a reference is manual or truth, not gold"),
        ("title: A\nbids: data\nreferences: {truth: [x, y]}\n", "there is one truth"),
        ("title: A\nbids: data\nreferences: {manual: [a/anna, b/anna]}\n", "two of `manual` have one name"),
        ("title: A\nbids: data\nfinished: {SAMSEG: x}\n", "SAMSEG: results are read of DBSegment, FIRST"),
        ("title: A\nbids: data\nstages: {volumes: {preset: [fast]}}\n", "stages.volumes.preset"),
        ("- a list\n", "the file: Input should be a valid dictionary"),
        ("", "title: Field required"),
        ("title: [A\n", "not YAML"),
        ("title: !!python/object/apply:os.getcwd []\n", "not YAML"),
        ("# " + "x" * 200_001, "larger than a cohort's YAML can be"),
    ],
)
def test_a_yaml_at_fault_is_refused_and_the_fault_named(checkout, text, fault):
    name = written(checkout, text)
    with pytest.raises(CohortError) as caught:
        Cohort.load(name)
    message = str(caught.value)
    assert message.startswith(str(checkout / "cohorts" / "mine.yml"))
    assert fault in message
    assert "\n" not in message


def test_every_unknown_key_is_named_at_once(checkout):
    written(checkout, "title: A\nbids: data\none: 1\ntwo: 2\n")
    with pytest.raises(CohortError, match="one: is not a known key; two: is not a known key"):
        Cohort.load("mine")


def test_a_cohort_that_is_not_there_names_those_that_are(checkout):
    written(checkout, "title: A\nbids: data\n")
    for name in ("other", "other.yml", "../cohorts/other"):
        with pytest.raises(CohortError, match=f"^{name}: no such cohort. cohorts/ has mine"):
            Cohort.load(name)


def test_a_cohort_by_its_path(checkout, tmp_path):
    path = tmp_path / "far.yml"
    path.write_text("title: A\nbids: data\n")
    assert Cohort.load(path).name == "far"
    assert Cohort.load(path).bids == checkout / "data"


@pytest.mark.parametrize("name", ["Upper", "with space", "-dash", "x" * 42])
def test_a_name_that_is_no_folder_name_is_refused(checkout, name):
    written(checkout, "title: A\nbids: data\n", name)
    with pytest.raises(CohortError, match="a cohort's name is lower-case"):
        Cohort.load(name)


def test_people_at_fault_become_exclusions_and_the_others_go_on(make_dataset, monkeypatch):
    lines = ["sub-02", "sub_03", "../x", "sub-01", "sub-02", "", "sub-04", "n/a", "sub-05", "sub-06"]
    rows = "participant_id\n" + "\n".join(lines) + "\n"
    cohort = make_dataset(people=("sub-01", "sub-02", "sub-05", "sub-06"), rows=rows)
    (cohort.bids / "sub_03").mkdir()
    (cohort.bids.parent / "x").mkdir()
    iterdir = Path.iterdir

    def refuse(self):
        if self.name == "sub-05":
            raise PermissionError(13, "Permission denied")
        return iterdir(self)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert cohort.choose() == ["sub-01", "sub-02", "sub-06"]
    left_out = cohort.row_exclusions
    assert set(left_out["stage"]) == {"2-1-cohort"}
    expected = [
        ("sub_03", 3, "'sub_03' is not a participant id"),
        ("../x", 4, "'../x' is not a participant id"),
        ("sub-02", 6, "sub-02 stands here a second time"),
        ("sub-04", 8, "sub-04 has no folder"),
        ("(empty)", 9, "is not a participant id"),
        ("sub-05", 10, "sub-05 cannot be read (Permission denied)"),
    ]
    assert len(left_out) == len(expected)
    for row, (person, line, reason) in zip(left_out.itertuples(), expected, strict=True):
        assert row.participant_id == person
        assert row.reason.startswith(f"participants.tsv line {line}: ")
        assert reason in row.reason


def test_what_participants_tsv_does_not_say_is_unknown(make_dataset):
    rows = "participant_id\tgroup\tsite\tin_ground_truth\nsub-02\tn/a\t02\tyes\nsub-01\tRRMS\t01\tn/a\n"
    people = make_dataset(rows=rows).participants
    assert people["participant_id"].tolist() == ["sub-01", "sub-02"]
    assert people["group"].tolist() == ["RRMS", "unknown"]
    assert people["site"].tolist() == ["01", "02"]
    assert people["in_ground_truth"].tolist() == [False, True]
    assert people["sex"].isna().all()


def test_a_word_that_is_not_known_is_named_with_its_line(make_dataset):
    rows = "participant_id\tsex\nsub-02\tF\n\nsub-01\tX\n"
    with pytest.raises(TableError, match=r"participants\.tsv: line 4, column sex: X breaks isin"):
        _ = make_dataset(rows=rows).participants


def test_a_dataset_that_is_not_there_or_has_no_people(make_dataset):
    cohort = make_dataset(rows="person\nsub-01\n")
    with pytest.raises(TableError, match=r"participants\.tsv: column participant_id is missing"):
        cohort.choose()
    (cohort.bids / "participants.tsv").unlink()
    assert Cohort.load("tiny").choose() == ["sub-01", "sub-02"]  # the folders say who there is
    shutil.rmtree(cohort.bids)
    with pytest.raises(CohortError, match=r"data/tiny: no such folder\. Set `bids` in .*tiny\.yml"):
        Cohort.load("tiny").choose()


def test_people_are_chosen_in_the_cohorts_order(make_dataset):
    cohort = make_dataset(people=("sub-01", "sub-02", "sub-03"))
    assert cohort.choose("all") == cohort.choose("") == ["sub-01", "sub-02", "sub-03"]
    assert cohort.choose(" 03, sub-01 ,") == ["sub-01", "sub-03"]
    assert cohort.choose("sub-02,02") == ["sub-02"]


def test_people_who_are_not_there_are_named(make_dataset):
    cohort = make_dataset()
    with pytest.raises(CohortError, match=r"^sub-07, sub-09: not in cohort tiny, which has sub-01, sub-02"):
        cohort.choose("07,01,sub-09")


def test_sessions_with_and_without_folders(make_dataset):
    cohort = make_dataset(
        people=("sub-01",), visits=("ses-02", "ses-01"), rows="participant_id\nsub-02\nsub-01\n"
    )
    touch(cohort.bids / "sub-02" / "anat", "sub-02_T1w.nii.gz")
    (cohort.bids / "sub-01" / "ses-notes.txt").touch()
    found = cohort.sessions()
    assert [visit.key for visit in found] == ["sub-01_ses-01", "sub-01_ses-02", "sub-02_ses-01"]
    assert found[2].folder == cohort.bids / "sub-02"
    assert found[2].image("T1w").name == "sub-02_T1w.nii.gz"
    assert [visit.key for visit in cohort.sessions("02")] == ["sub-02_ses-01"]


def test_references_are_found_by_visit(make_dataset):
    cohort = make_dataset(references={"manual": "derivatives/manual"})
    first, second = cohort.sessions("01")
    anat = cohort.bids / "derivatives" / "manual" / "sub-01" / "ses-01" / "anat"
    touch(anat, "sub-01_ses-01_desc-thalamus_dseg.nii.gz", "sub-01_ses-01_desc-brain_mask.nii.gz")
    assert cohort.reference("manual", first).name == "sub-01_ses-01_desc-thalamus_dseg.nii.gz"
    assert cohort.reference("manual", second) is None
    assert cohort.reference("truth", first) is None


def test_clinical_values_are_gathered_and_checked(make_dataset):
    cohort = make_dataset()
    table = cohort.bids / "sub-02" / "sub-02_sessions.tsv"
    table.write_text("session_id\tedss\tage_years\tmood\nses-01\t2.5\t40\tgood\nses-02\tn/a\t41\tn/a\n")
    found = cohort.clinical()
    mine = found[found["participant_id"] == "sub-02"]
    assert mine[["session_id", "age_years"]].values.tolist() == [["ses-01", 40.0], ["ses-02", 41.0]]
    assert mine["edss"].isna().tolist() == [False, True]
    assert len(found) == 4 and found[found["participant_id"] == "sub-01"].drop(
        columns=["participant_id", "session_id"]
    ).isna().all(axis=None)


def test_a_clinical_value_that_cannot_be_is_left_out_and_said_and_the_rest_is_used(make_dataset):
    cohort = make_dataset()
    table = cohort.bids / "sub-02" / "sub-02_sessions.tsv"
    table.write_text("session_id\tedss\tage_years\nses-01\t0.5\t40\nses-02\t1.5\t400\n")
    found = cohort.clinical().query("participant_id == 'sub-02'")
    assert found["edss"].isna().tolist() == [True, False]
    assert found["age_years"].isna().tolist() == [False, True]
    told = cohort.row_exclusions
    assert told["session_id"].tolist() == ["ses-01", "ses-02"]
    assert told["method"].tolist() == ["edss", "age_years"]
    assert told["reason"][0].startswith(
        "sub-02_sessions.tsv line 2, column edss: 0.5 is not a step of the EDSS"
    )


def test_a_table_of_visits_at_fault_leaves_out_its_cells_and_rows_and_nobody_else(make_dataset):
    """A word in one person's score stopped the whole cohort, with the number of a row that was in no file."""
    cohort = make_dataset()
    good, bad = (cohort.bids / person / f"{person}_sessions.tsv" for person in ("sub-01", "sub-02"))
    good.write_text("session_id\tedss\tsdmt\nses-01\t2\t50\nses-02\t2.5\t\n")
    bad.write_text(
        "session_id\tedss\tsdmt\tsteroids_since_last\n\nses-01\tabc\t55\t2\nses-02\t3\tn/a\t1\n"
        "ses-02\t4\t40\t0\nses 3\t4\t40\t0\nn/a\t4\t40\t0\n"
    )
    found = cohort.clinical().set_index(["participant_id", "session_id"])
    assert found.loc["sub-01", "edss"].tolist() == [2, 2.5]
    assert found["sdmt"].fillna(-1).tolist() == [50, -1, 55, -1]
    assert found.loc["sub-02", "edss"].fillna(-1).tolist() == [-1, 3]
    assert found.loc["sub-02", "steroids_since_last"].fillna(-1).tolist() == [-1, 1]
    assert cohort.choose() == ["sub-01", "sub-02"]
    told = cohort.row_exclusions.set_index("reason")
    assert set(told["participant_id"]) == {"sub-02"}
    expected = [
        "line 5: ses-02 stands here a second time; the first row is used. Remove one.",
        "line 6: 'ses 3' is not a session id (ses- and then letters and digits). Correct the row.",
        "line 7: '(empty)' is not a session id (ses- and then letters and digits). Correct the row.",
        "line 3, column edss: 'abc' is not a number.",
        "line 3, column steroids_since_last: 2 cannot be no (0) or yes (1) (0 to 1).",
    ]
    assert told.index.tolist() == [f"sub-02_sessions.tsv {reason}" for reason in expected]
    assert told["method"].dropna().tolist() == ["edss", "steroids_since_last"]


@pytest.mark.parametrize(
    ("content", "words"),
    [("visit\tedss\nses-01\t1.5\n", "column session_id is missing"), ("", "cannot be read")],
)
def test_a_table_of_visits_that_cannot_be_used_leaves_out_one_persons_scores(make_dataset, content, words):
    cohort = make_dataset()
    (cohort.bids / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tedss\nses-01\t2\n")
    (cohort.bids / "sub-02" / "sub-02_sessions.tsv").write_text(content)
    assert cohort.clinical()["edss"].fillna(-1).tolist() == [2, -1, -1, -1]
    (told,) = cohort.row_exclusions.itertuples()
    assert (told.participant_id, told.method) == ("sub-02", "scores")
    assert told.reason.startswith(f"sub-02_sessions.tsv: {words}")
    assert told.reason.endswith("The scores of sub-02 are left out.")


def test_a_cohort_without_clinical_values_has_visits_all_the_same(make_dataset):
    found = make_dataset().clinical()
    assert found[["participant_id", "session_id"]].values.tolist() == [
        [person, visit] for person in ("sub-01", "sub-02") for visit in ("ses-01", "ses-02")
    ]
    assert found.iloc[:, 2:].isna().all(axis=None)


def test_shorten_keeps_both_ends():
    names = [f"sub-{n:02d}" for n in range(20)]
    assert shorten(names).startswith("sub-00, sub-01")
    assert shorten(names).endswith("..., sub-19")
    assert shorten(names[:8]) == ", ".join(names[:8])


def test_visits_with_odd_names_are_left_out_and_said(make_dataset):
    cohort = make_dataset()
    (cohort.bids / "sub-01" / "ses-01_old").mkdir()
    cohort = Cohort.load("tiny")
    assert [session.session_id for session in cohort.sessions("sub-01")] == ["ses-01", "ses-02"]
    assert "ses-01_old is left out" in cohort.row_exclusions["reason"].item()


def test_a_spreadsheet_is_a_cohort_of_tables(checkout):
    written(checkout, f"title: A\n{SHEET}")
    (checkout / "data").mkdir()
    (checkout / "data" / "a.csv").write_text("ID,EDSS,F\n2,2.5,14\n1,11,15\n=1,3,15\n")
    cohort = Cohort.load("mine")
    assert cohort.kind == "tables"
    assert cohort.table_files == [cohort.tables_path] == [checkout / "data" / "a.csv"]
    assert not cohort.simulated
    assert not cohort.publishes_individuals
    assert cohort.choose() == ["sub-1", "sub-2"]
    assert cohort.choose("2") == ["sub-2"]
    assert cohort.clinical()["edss"].isna().tolist() == [True, False]
    assert cohort.row_exclusions["stage"].tolist() == ["2-6-tables"] * 2
    assert cohort.row_exclusions["participant_id"].tolist() == ["sub-1", "row 4"]
    assert cohort.source_tables()["volumes"]["volume_ml"].tolist() == [15, 14]
    (visit,) = cohort.sessions("sub-2")
    assert visit.key == "sub-2_ses-01"
    assert visit.scans() == {}
    assert cohort.reference("manual", visit) is None
    with pytest.raises(CohortError, match=r"mine\.yml: the cohort comes as tables and has no scans"):
        _ = cohort.bids


def test_a_spreadsheet_that_cannot_be_used_says_all_that_is_wrong(checkout):
    written(checkout, f"title: A\n{SHEET}")
    assert Cohort.load("mine").table_files == []
    with pytest.raises(
        TableError, match=r"data/a\.csv cannot be used:\n  there is no such file\. Set `visits`"
    ):
        Cohort.load("mine").source_tables()
    (checkout / "data").mkdir()
    (checkout / "data" / "a.csv").write_text("ID,G\n1,14\n")
    with pytest.raises(TableError) as caught:
        _ = Cohort.load("mine").participants
    assert "column 'EDSS' (columns.edss)" in str(caught.value)
    assert "column 'F' (columns.volumes.F" in str(caught.value)


def test_a_cohort_of_scans_has_no_tables_of_its_own(make_dataset):
    cohort = make_dataset()
    assert cohort.kind == "scans"
    with pytest.raises(CohortError, match=r"tiny\.yml: the cohort comes as scans"):
        cohort.source_tables()


def test_individuals_are_published_where_nobody_is_real_or_the_yaml_says_so(checkout, make_dataset):
    assert not make_dataset().publishes_individuals
    assert make_dataset(publish_individuals=True).publishes_individuals
    assert make_dataset(phantom={}).publishes_individuals
    twin = Cohort.load(written(checkout, "title: A\ntables: data/twin\ntwin: {}\n"))
    assert twin.simulated
    assert twin.publishes_individuals
    assert twin.table_files == []
    with pytest.raises(
        TableError, match=r"data/twin: its tables are not drawn yet\. Run the stage 2-6-tables"
    ):
        twin.source_tables()
