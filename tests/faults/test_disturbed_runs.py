"""A study that is disturbed (killed, run twice at once, its tables damaged) ends as one that never was.

``THALUTILS_KILLS`` says how often (20 for the whole bench); the short form is for continuous integration.
"""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("THALUTILS_KILLS", "2"))
LATEST_S = 9.0
PEOPLE = [f"sub-{number:02}" for number in range(1, 7)]
STAGES = """
- {name: 2-4-acquisition, title: Scans, needs: scans, slices: true, tables: [scans]}
- {name: 2-slow, title: Slow, needs: scans, slices: true, after: [2-4-acquisition], tables: [volumes]}
- {name: 3-sum, title: Sum, after: [2-slow], numbers: [sum]}
"""
WORK = """
import time
from thalutils.files import read_json, write_json
from thalutils.process import cached

def make(folder):
    time.sleep(0.3)
    write_json(folder / "found.json", {"ml": 12.5})

def measure(task):
    made = cached(task.cohort.cache, "slow", {"visit": task.session.key}, make)
    volume = read_json(made / "found.json")["ml"]
    return {"volumes": [task.row(method="slow", preset=None, rater=None, volume_ml=volume, left_ml=volume / 2, right_ml=volume / 2)]}
"""
FIRST = """
from thalutils import stage
from thalutils.cohort import Cohort
from thalutils.imaging import quality
stage.run(Cohort.load(cohort), stage.ACQUISITION, participants, quality.inspect, makes=["scans"])
"""
SECOND = """
import work
from thalutils import stage
from thalutils.cohort import Cohort
stage.run(Cohort.load(cohort), "2-slow", participants, work.measure, makes=["volumes"])
"""
THIRD = """
from thalutils import tables
from thalutils.cohort import Cohort
results = Cohort.load(cohort).results
tables.write_numbers(results, "3-sum", {"sum.ml": float(tables.read(results / "volumes.tsv")["volume_ml"].sum())})
"""
PARAMETERS = 'cohort: str = "tiny"  # a cohort\nparticipants: str = "all"  # who\n'


def lay_out(checkout: Path) -> None:
    (checkout / "notebooks" / "stages.yml").write_text(STAGES)
    (checkout / "work.py").write_text(WORK)
    for name, code in (("2-4-acquisition", FIRST), ("2-slow", SECOND), ("3-sum", THIRD)):
        cells = [
            nbformat.v4.new_markdown_cell(f"# {name}"),
            nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(code),
        ]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(notebook, checkout / "notebooks" / f"{name}.ipynb")


def start(checkout: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "thalutils.cli", "run", "tiny", "--jobs", "2"]
    places = os.pathsep.join([str(checkout), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        command, cwd=checkout, env=os.environ | {"PYTHONPATH": places}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def tables(checkout: Path) -> dict[str, str]:
    results = checkout / "build" / "results" / "tiny"
    files = [*results.glob("*.tsv"), results / "numbers.json"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def wanted(checkout, make_dataset) -> dict[str, str]:
    """Lay out the study and return the tables of a run that nothing disturbed; what it made is gone again."""
    make_dataset(people=PEOPLE)
    lay_out(checkout)
    finish(checkout)
    found = tables(checkout)
    assert {"scans.tsv", "volumes.tsv", "exclusions.tsv", "numbers.json"} <= set(found)
    for made in ("build", "data/cache"):
        shutil.rmtree(checkout / made)
    return found


def finish(checkout: Path) -> str:
    run = start(checkout)
    told, _ = run.communicate()
    assert run.returncode == 0, told
    return told


def test_two_runs_at_once_end_with_the_same_tables(checkout, wanted):
    both = [start(checkout) for _ in range(2)]
    for run in both:
        told, _ = run.communicate()
        assert run.returncode == 0, told
    assert tables(checkout) == wanted
    assert "unchanged" in finish(checkout) and tables(checkout) == wanted


def test_a_damaged_table_is_made_anew(checkout, wanted):
    finish(checkout)
    path = checkout / "build/results/tiny/volumes.tsv"
    cut = path.read_bytes()[:40]
    older = b"participant_id\tvolume\nsub-01\t12\n"  # with a column of another version
    for damage in (lambda: path.write_bytes(cut), path.unlink, lambda: path.write_bytes(older)):
        damage()
        assert "done 2-slow" in finish(checkout)
        assert tables(checkout) == wanted


def test_a_killed_study_ends_as_one_that_never_was(checkout, wanted):
    draw = random.Random(11)
    for _ in range(KILLS):
        run = start(checkout)
        time.sleep(draw.uniform(0.2, LATEST_S))
        below = psutil.Process(run.pid).children(recursive=True) if run.poll() is None else []
        run.send_signal(signal.SIGKILL)
        run.communicate()
        _, alive = psutil.wait_procs(below, timeout=15)
        assert not alive, "a process outlives the run that was killed"
    finish(checkout)
    assert tables(checkout) == wanted
