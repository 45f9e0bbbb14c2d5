"""A stage on some people reads their rows, and replaces nothing of the whole cohort's."""

import nbformat
import notebook_cells
import pandas as pd
import pytest

from thalutils import console, run, stages, subset, tables
from thalutils.cohort import Cohort
from thalutils.errors import CohortError, TableError, UsageError
from thalutils.report import pages
from thalutils.staleness import reason_stale

PEOPLE = ("sub-01", "sub-02", "sub-03")


@pytest.fixture
def whole(make_dataset) -> Cohort:
    """A cohort of three people whose volumes and agreement are known."""
    cohort = make_dataset(people=PEOPLE)
    rows = [
        {"participant_id": person, "session_id": visit, "method": method, "volume_ml": 10.0 + place}
        for place, person in enumerate(PEOPLE)
        for visit in ("ses-01", "ses-02")
        for method in ("manual", "Template")
    ]
    volumes = pd.DataFrame(rows).reindex(columns=list(tables.empty("volumes")))
    tables.write("volumes", volumes, cohort.results / "volumes.tsv")
    icv = pd.DataFrame({"participant_id": PEOPLE, "icv_ml": [1400.0, 1500.0, 1600.0], "source": "deepbet"})
    tables.write("intracranial", icv, cohort.results / "intracranial.tsv")
    tables.write(
        "volume_agreement", tables.empty("volume_agreement"), cohort.results / "volume_agreement.tsv"
    )
    return cohort


def test_everyone_is_the_cohort_itself(whole):
    for participants in ("all", "", " all "):
        assert type(subset.study("tiny", participants)) is Cohort


def test_some_people_are_read_from_the_wholes_rows_in_its_order(whole):
    some = subset.study("tiny", "sub-03, 01")
    assert some.chosen == ["sub-01", "sub-03"]
    for frame in (some.participants, some.clinical(), some.table("volumes"), some.table("intracranial")):
        assert list(frame["participant_id"].unique()) == ["sub-01", "sub-03"]
    assert {visit.participant_id for visit in some.sessions()} == {"sub-01", "sub-03"}
    assert some.derivatives == whole.derivatives and some.shards == whole.shards
    assert some.results != whole.results
    assert some.table_or_empty("brain_change").empty


def test_what_was_computed_over_everyone_is_nothing_of_some(whole):
    some = subset.study("tiny", "sub-01,sub-02")
    assert some.table_or_empty("volume_agreement").empty
    with pytest.raises(TableError, match=r"subsets/tiny/sub-01_sub-02/volume_agreement\.tsv: no such table"):
        some.table("volume_agreement")
    tables.write("volume_agreement", tables.empty("volume_agreement"), some.results / "volume_agreement.tsv")
    assert some.table("volume_agreement").empty


def test_an_unknown_id_is_refused_in_the_words_of_every_stage(whole):
    with pytest.raises(CohortError) as caught:
        subset.study("tiny", "sub-01,sub-9")
    with pytest.raises(CohortError) as elsewhere:
        whole.sessions("sub-01,sub-9")
    assert str(caught.value) == str(elsewhere.value)
    assert str(caught.value).startswith("sub-9: not in cohort tiny, which has sub-01")


def test_a_page_of_some_says_so_and_one_of_all_does_not(whole, monkeypatch):
    shown = []
    monkeypatch.setattr(pages, "display", lambda one: shown.append(one.data))
    pages.begin(whole)
    assert not shown
    monkeypatch.setattr(Cohort, "publishes_individuals", True)
    pages.begin(subset.study("tiny", "sub-01,sub-02"))
    assert "This page is of 2 of the 3 people of the cohort tiny." in shown[0]
    monkeypatch.setattr(Cohort, "publishes_individuals", False)
    pages.begin(subset.study("tiny", "sub-01,sub-02"))
    assert "This page is of <5 of the <5 people" in shown[1]


def test_a_subset_of_tables_has_what_came_in_that_is_of_nobody(checkout):
    folder = checkout / "data" / "came"
    folder.mkdir(parents=True)
    (folder / "participants.tsv").write_text("participant_id\nsub-01\nsub-02\n")
    (folder / "sessions.tsv").write_text("participant_id\tsession_id\nsub-01\tses-01\nsub-02\tses-01\n")
    volumes = "participant_id\tsession_id\tmethod\tvolume_ml\n"
    (folder / "volumes.tsv").write_text(volumes + "sub-01\tses-01\tFIRST\t12\nsub-02\tses-01\tFIRST\t13\n")
    repeated = tables.empty("repeatability")
    tables.write("repeatability", repeated, folder / "repeatability.tsv")
    (checkout / "cohorts" / "came.yml").write_text("title: A\ntables: data/came\n")
    some = subset.study("came", "sub-02")
    found = some.source_tables()
    assert list(found["volumes"]["volume_ml"]) == [13]
    assert list(found["repeatability"]) == list(repeated)
    assert [visit.participant_id for visit in some.sessions()] == ["sub-02"]


GROUP = "3-3-volumetric-agreement"


def test_a_stage_on_some_people_leaves_the_wholes_results_alone(whole, monkeypatch):
    monkeypatch.setattr(pages, "display", lambda one: None)
    before = {path: path.read_bytes() for path in whole.results.rglob("*") if path.is_file()}
    notebook_cells.run(whole, GROUP, participants="sub-01,sub-02")
    assert {path: path.read_bytes() for path in whole.results.rglob("*") if path.is_file()} == before
    mine = subset.study("tiny", "sub-02,sub-01")
    found = mine.table("volume_agreement").query("method == 'Template' and reference == 'manual'")
    assert list(found["n"]) == [2]
    assert (mine.results / "numbers.json").is_file()


def test_a_command_runs_a_stage_over_everyone_on_some_only_where_it_is_named(whole, checkout, capsys):
    (checkout / "notebooks" / "stages.yml").write_text(
        "- {name: 3-1-group, title: Group}\n- {name: plan, title: Nobody}\n"
    )
    cell = (
        "from thalutils import subset, tables\nstudy = subset.study(cohort, participants)\n"
        "tables.write('volume_agreement', tables.empty('volume_agreement'), study.results / 'volume_agreement.tsv')\n"
    )
    write(checkout, "3-1-group", 'cohort: str = "tiny"  # a\nparticipants: str = "all"  # who', cell)
    write(checkout, "plan", 'cohort: str = "tiny"  # a', "print(1)")
    group, nobody = stages.load(checkout)
    assert console.run("tiny", None, "all", None, False, []) == console.DONE
    settled = stages.settle(checkout, group, whole, {})
    assert reason_stale(whole, group, settled) is None
    page = run.executed_path(whole, group).read_bytes()
    capsys.readouterr()

    assert console.run("tiny", None, "sub-01", None, False, []) == console.DONE
    assert "2 unchanged." in capsys.readouterr().out
    assert console.run("tiny", "group", "sub-01", None, False, []) == console.DONE
    told = capsys.readouterr().out
    assert "build/executed/tiny/slices/3-1-group_sub-01.ipynb, tables in build/subsets/tiny/sub-01" in told
    assert (checkout / "build" / "subsets" / "tiny" / "sub-01" / "volume_agreement.tsv").is_file()
    assert run.executed_path(whole, group).read_bytes() == page
    assert reason_stale(whole, group, settled) is None

    with pytest.raises(UsageError, match="^plan is of nobody in the cohort: leave --participants out"):
        console.run("tiny", nobody.name, "sub-01", None, False, [])
    with pytest.raises(CohortError, match="^sub-7: not in cohort tiny"):
        console.run("tiny", "group", "sub-7", None, False, [])


def write(root, name, parameters, code):
    cells = [
        nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(code),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")
