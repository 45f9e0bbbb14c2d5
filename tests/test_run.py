"""Stages run once, say why they run again, and leave no page behind when they fail."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from stage_notebooks import write_notebook

from thalutils import console, run, stages, tables
from thalutils.cohort import Cohort
from thalutils.errors import UsageError
from thalutils.files import write_json
from thalutils.staleness import executed_path, reason_stale, state_path

STAGES = """
- {name: 1-first, title: First}
- {name: 2-second, title: Second, after: [1-first]}
"""
NEEDS = """
- {name: 1-first, title: First, needs: scans}
- {name: 2-second, title: Second, after: [1-first]}
- {name: 3-third, title: Third, after: [1-first, 2-second]}
"""
ROWS = """
import pandas as pd
from IPython.display import display
people = pd.DataFrame({"participant_id": [f"sub-{number:02}" for number in range(12)]})
print(people["participant_id"][1], "was read")
display(people)
display(f"{len(people)} rows")
"""
NUMBERS = """
from thalutils import tables
from thalutils.cohort import Cohort
tables.write_numbers(Cohort.load(cohort).results, "1-first", {"bias.ml": 1.0})
"""


@pytest.fixture
def study(checkout, make_dataset):
    (checkout / "notebooks" / "stages.yml").write_text(STAGES)
    write_notebook(checkout, "1-first", "from thalutils import files\nprint(number)")
    write_notebook(checkout, "2-second", "print(number + 1)")
    cohort = make_dataset()
    first, second = stages.load(checkout)
    return cohort, first, second


def execute(cohort, stage, **given):
    (plan,) = run.plan(cohort, stages.load(cohort.root), given, only=stage)
    return run.execute(cohort, stage, plan.parameters)


def why(cohort, stage, **given):
    return run.plan(cohort, stages.load(cohort.root), given, only=stage)[0].reason


def test_a_stage_runs_once_and_says_why_it_runs_again(study):
    cohort, first, _ = study
    assert why(cohort, first) == "it has not run yet."
    assert execute(cohort, first).state == "done"
    assert why(cohort, first) is None
    assert why(cohort, first, number="2") == "its parameter number changed from 1 to 2."
    write_notebook(cohort.root, "1-first", "print(number * 3)")
    assert why(cohort, first) == "its notebook has changed."


def test_a_scan_that_changes_while_a_stage_works_makes_it_stale(study):
    """The state was that of after the run, so that the result of the earlier scan stood for the later one."""
    cohort, first, _ = study
    scan = sorted(cohort.bids.rglob("*_T1w.nii.gz"))[0]
    write_notebook(
        cohort.root, "1-first", f"from pathlib import Path\nPath({str(scan)!r}).write_bytes(b'other')"
    )
    assert execute(cohort, first).state == "done"
    assert why(cohort, first) == "the cohort's scans changed."


def test_scans_are_told_apart_by_content(study):
    """They were by size and time, so that an unchanged copy ran again, and a page's hash named no data."""
    cohort, first, _ = study
    execute(cohort, first)
    scan = sorted(cohort.bids.rglob("*_T1w.nii.gz"))[0]
    shutil.copyfile(scan, scan.with_name("copy"))
    scan.with_name("copy").replace(scan)
    os.utime(scan, (1, 1))
    assert why(cohort, first) is None
    content = bytearray(scan.read_bytes())
    content[-1] ^= 1
    scan.write_bytes(content)
    assert why(cohort, first) == "the cohort's scans changed."


@pytest.mark.parametrize("name", ["shards/1-first/sub-01/volumes.tsv", "numbers.json"])
def test_rows_and_numbers_that_are_damaged_make_their_stage_stale(name, study):
    cohort, first, _ = study
    stage = first.model_copy(update={"numbers": ("bias",)})
    shard = cohort.results / "shards" / "1-first" / "sub-01" / "volumes.tsv"
    shard.parent.mkdir(parents=True)
    shard.write_text("participant_id\n")
    tables.write_numbers(cohort.results, "1-first", {"bias.ml": 1.0})
    (plan,) = run.plan(cohort, [stage])
    assert run.execute(cohort, stage, plan.parameters).state == "done"
    parameters = plan.parameters
    assert reason_stale(cohort, stage, parameters) is None
    (cohort.results / name).write_text("")
    assert reason_stale(cohort, stage, parameters).startswith("what it made is missing or was changed")


def test_a_book_is_of_the_yaml_as_it_stands_and_of_what_was_given_by_hand(study, monkeypatch, capsys):
    """The last run's parameters stood for the YAML's, so that a page of the old YAML was published."""
    cohort, first, _ = study
    monkeypatch.setattr(console.book_builder, "build", lambda *_: cohort.root / "index.html")
    assert console.run("tiny", None, "all", None, False, []) == console.DONE
    assert console.book(["tiny"]) == console.DONE
    settings = cohort.path.read_text()
    cohort.path.write_text(settings + "stages: {1-first: {number: 5}}\n")
    assert console.book(["tiny"]) == console.FAILED
    assert "1-first: its parameter number changed from 1 to 5." in capsys.readouterr().out
    cohort.path.write_text(settings)
    assert console.run("tiny", first.name, "all", None, False, ["number=2"]) == console.DONE
    assert json.loads(state_path(cohort, first).read_text())["given"] == {"number": 2}
    assert console.run("tiny", "second", "all", None, False, []) == console.DONE
    assert console.book(["tiny"]) == console.DONE


def test_outputs_in_a_notebook_do_not_make_it_stale(study):
    cohort, first, _ = study
    execute(cohort, first)
    path = cohort.root / "notebooks" / "1-first.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="looked at by hand")]
    nbformat.write(notebook, path)
    assert why(cohort, first) is None


def test_changed_code_environment_and_inputs_are_named(study):
    cohort, first, second = study
    execute(cohort, first)
    execute(cohort, second)
    for part, name, words in (
        ("code", "thalutils.files", "helper code that it imports has changed: thalutils.files."),
        ("environment", "numpy", "the environment has changed: numpy."),
        ("inputs", "scans", "the cohort's scans changed."),
    ):
        kept = state_path(cohort, first).read_text()
        content = json.loads(kept)
        content["key"][part][name] = "before"
        state_path(cohort, first).write_text(json.dumps(content))
        assert why(cohort, first) == words
        state_path(cohort, first).write_text(kept)


def test_a_kept_table_that_a_page_shows_makes_it_stale_when_it_changes(study):
    cohort, first, _ = study
    timings = cohort.root / "benchmarks" / "results.tsv"
    timings.parent.mkdir()
    timings.write_text("work\n")
    write_notebook(cohort.root, "1-first", "if False:\n    from thalutils.report import performance_pages")
    execute(cohort, first)
    assert why(cohort, first) is None
    timings.write_text("work\nmore\n")
    assert why(cohort, first) == "what is kept with the project has changed: results.tsv."


def test_public_data_that_come_or_go_make_stale_what_reads_them(study, tmp_path, monkeypatch):
    """A page of real heads stayed empty after their scans had been put where it says."""
    cohort, first, second = study
    (cohort.root / "notebooks" / "stages.yml").write_text(
        STAGES.replace("First}", "First, public: [label_maps]}")
    )
    first = stages.load(cohort.root)[0]
    monkeypatch.setenv("THALUTILS_DATA", str(tmp_path / "public"))
    execute(cohort, first)
    execute(cohort, second)
    assert why(cohort, first) is None
    scan = tmp_path / "public" / "label_maps" / "training_seg_01.nii.gz"
    scan.parent.mkdir(parents=True)
    scan.write_text("a scan")
    name = f"label_maps/{scan.name}"
    assert why(cohort, first) == f"what of the public data lies under THALUTILS_DATA has changed: {name}."
    assert why(cohort, second) is None
    execute(cohort, first)
    assert why(cohort, first) is None
    scan.write_text("another")
    assert name in why(cohort, first)
    monkeypatch.delenv("THALUTILS_DATA")
    assert name in why(cohort, first)


def test_new_results_upstream_make_a_stage_stale(study):
    cohort, first, second = study
    execute(cohort, first)
    execute(cohort, second)
    content = json.loads(state_path(cohort, first).read_text())
    content["outputs_hash"] = "other"
    state_path(cohort, first).write_text(json.dumps(content))
    assert why(cohort, second) == "1-first has new results."


@pytest.fixture
def spreadsheet(checkout):
    """Return a study of which one stage needs scans, and a cohort that comes as tables."""
    (checkout / "notebooks" / "stages.yml").write_text(NEEDS)
    write_notebook(checkout, "1-first", "print(number)")
    write_notebook(checkout, "2-second", "print(number + 1)")
    write_notebook(checkout, "3-third", "print(number + 2)")
    people = checkout / "data" / "tiny" / "participants.tsv"
    people.parent.mkdir(parents=True)
    people.write_text("participant_id\nsub-01\n")
    (checkout / "cohorts" / "tiny.yml").write_text("title: Tiny\ntables: data/tiny\n")
    return Cohort.load("tiny"), stages.load(checkout), people


def test_only_stages_that_work_on_the_cohort_run(spreadsheet):
    cohort, every, _ = spreadsheet
    assert [plan.stage.name for plan in run.plan(cohort, every)] == ["2-second", "3-third"]
    assert console.run("tiny", None, "all", None, False, []) == 0
    assert [plan.reason for plan in run.plan(cohort, every)] == [None, None]
    assert not executed_path(cohort, every[0]).exists()


def test_a_stage_that_does_not_work_on_the_cohort_says_so(spreadsheet):
    for command in (
        lambda: console.run("tiny", "first", "all", None, False, []),
        lambda: console.check("tiny", "first", []),
    ):
        with pytest.raises(UsageError, match="1-first needs scans, and the cohort tiny came as tables"):
            command()
    with pytest.raises(UsageError, match="no stage has a parameter depth"):
        console.run("tiny", None, "all", None, False, ["depth=1"])


def test_check_says_what_follows_from_a_stage_that_runs_and_how_long_stages_took(study, capsys):
    """What comes after a stale stage was said to stand."""
    cohort, _, _ = study
    third = "- {name: 3-third, title: Third, after: [2-second]}\n- {name: 4-apart, title: Apart}\n"
    (cohort.root / "notebooks" / "stages.yml").write_text(STAGES + third)
    for name in ("3-third", "4-apart"):
        write_notebook(cohort.root, name, "print(number)")

    def told() -> dict[str, str]:
        assert console.check("tiny", None, []) == console.DONE
        text = capsys.readouterr().out
        lines = {
            line.split()[0]: " ".join(line.split()[1:]) for line in text.splitlines() if line[1:2] == "-"
        }
        return lines | {"sum": text.splitlines()[-1]}

    fresh = told()
    assert fresh["1-first"] == fresh["3-third"] == "runs it has not run yet. not known, not run yet"
    assert fresh["sum"] == "4 of 4 stages would run: thalutils run tiny"
    assert console.run("tiny", None, "all", None, False, []) == console.DONE
    capsys.readouterr()
    stands = told()
    assert stands["3-third"].startswith("stands") and stands["3-third"].endswith("s last time")
    assert stands["sum"].startswith("0 of 4 stages would run:")
    write_notebook(cohort.root, "1-first", "print(number * 3)")
    stale = told()
    assert stale["1-first"].startswith("runs its notebook has changed.")
    assert stale["2-second"].startswith("may run if new results come of 1-first.")
    assert stale["3-third"].startswith("may run if new results come of 2-second.")
    assert stale["4-apart"].startswith("stands")
    assert stale["sum"] == "1 of 4 stages would run, and perhaps 2 after them: thalutils run tiny"


def test_results_of_a_stage_that_does_not_work_on_the_cohort_are_no_ground_to_run(spreadsheet):
    cohort, every, _ = spreadsheet
    first, second, _ = every
    plan = execute_plan(cohort, second)
    assert plan.reason is None
    write_json(state_path(cohort, first), {"outputs_hash": "left from when it came as scans"})
    assert run.plan(cohort, every, only=second)[0].reason is None


def test_a_changed_table_makes_stages_run_again(spreadsheet):
    cohort, every, people = spreadsheet
    execute_plan(cohort, every[1])
    people.write_text("participant_id\nsub-01\n")
    assert run.plan(cohort, every, only=every[1])[0].reason is None
    people.write_text("participant_id\nsub-02\n")
    assert run.plan(cohort, every, only=every[1])[0].reason == "the cohort's tables changed."


def execute_plan(cohort, stage):
    """Run a stage; return its plan thereafter."""
    (plan,) = run.plan(cohort, stages.load(cohort.root), only=stage)
    assert run.execute(cohort, plan.stage, plan.parameters).state == "done"
    return run.plan(cohort, stages.load(cohort.root), only=stage)[0]


def test_a_private_cohorts_page_holds_no_rows_and_is_made_anew_when_that_changes(study):
    cohort, first, _ = study
    write_notebook(cohort.root, "1-first", ROWS)
    execute(cohort, first)
    text = executed_path(cohort, first).read_text()
    assert "sub-01" not in text
    assert "would show single people" in text
    assert "12 rows" in text
    cohort.path.write_text(cohort.path.read_text() + "publish_individuals: true\n")
    cohort = Cohort.load("tiny")
    assert why(cohort, first) == "the cohort's settings changed."
    execute(cohort, first)
    assert "sub-01" in executed_path(cohort, first).read_text()


def test_numbers_that_stages_yml_does_not_tell_of_fail_the_stage(study):
    cohort, first, _ = study
    write_notebook(cohort.root, "1-first", NUMBERS)
    result = execute(cohort, first)
    assert result.state == "failed"
    assert (
        result.why == "it keeps numbers that begin with bias. Add these to `numbers` in notebooks/stages.yml."
    )
    assert not executed_path(cohort, first).exists()
    (cohort.root / "notebooks" / "stages.yml").write_text(STAGES.replace("First}", "First, numbers: [bias]}"))
    assert execute(cohort, stages.load(cohort.root)[0]).state == "done"


def test_the_page_says_how_it_was_computed(study):
    cohort, first, _ = study
    execute(cohort, first, number=7)
    text = executed_path(cohort, first).read_text()
    for words in ("How this page was computed", "number = 7", "scans of people", "Python 3."):
        assert words in text
    assert "papermill" not in nbformat.reads(text, as_version=4).metadata


def test_a_page_that_is_alike_in_every_book_does_not_take_a_cohorts_numbers_for_its_own(study):
    """Real people were scanned for the pages of their cohort, and for no page that is alike everywhere."""
    cohort, first, _ = study
    execute(cohort, first)
    assert "Nobody was scanned" not in executed_path(cohort, first).read_text()
    (cohort.root / "notebooks" / "stages.yml").write_text(STAGES.replace("First}", "First, alike: true}"))
    alike = stages.load(cohort.root)[0]
    execute(cohort, alike)
    text = executed_path(cohort, alike).read_text()
    assert "Nobody was scanned" in text and "the same in every book" in text
    assert "come from the cohort" not in text


def test_a_failing_stage_leaves_no_page_and_says_where_it_failed(study):
    cohort, first, _ = study
    execute(cohort, first)
    write_notebook(cohort.root, "1-first", "raise ValueError('the scans are upside down')")
    result = execute(cohort, first)
    assert result.state == "failed"
    assert "the scans are upside down" in result.why
    assert not executed_path(cohort, first).exists()
    assert (executed_path(cohort, first).parent / "failed" / "1-first.ipynb").exists()
    assert why(cohort, first) == "it has not run yet."
    assert not list(cohort.root.rglob(".partial-*"))


def test_a_slice_leaves_the_stage_to_be_run(study):
    cohort, first, _ = study
    (plan,) = run.plan(cohort, stages.load(cohort.root), {}, only=first)
    assert run.execute_slice(cohort, first, plan.parameters, "sub-01").state == "done"
    assert reason_stale(cohort, first, plan.parameters) == "it has not run yet."


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_run_leaves_no_kernel_and_no_page(how, study):
    cohort, first, _ = study
    mark = cohort.root / "kernel.pid"
    code = (
        f"import os, time, pathlib\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(300)"
    )
    write_notebook(cohort.root, "1-first", code)
    command = [sys.executable, "-m", "thalutils.cli", "run", "tiny", "--stage", "first"]
    program = subprocess.Popen(
        command, cwd=cohort.root, env=os.environ | {"THALUTILS_ROOT": str(cohort.root)}, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # ignored where tests run behind a shell
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not mark.exists() or not mark.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    kernel = int(mark.read_text())
    program.send_signal(how)
    _, told = program.communicate()
    if how != signal.SIGKILL:
        stopped = "Stopped. What was finished is kept; the same command goes on from there."
        assert told.strip() == stopped and program.returncode == 1
    while Path(f"/proc/{kernel}").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not Path(f"/proc/{kernel}").exists()
    assert not executed_path(cohort, first).exists()
