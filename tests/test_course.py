"""Stages that use one core go on beside each other, and end together."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stage_notebooks import write_notebook

from thalutils import console
from thalutils.staleness import executed_path

STAGES = """
- {name: 1-left, title: Left}
- {name: 2-right, title: Right}
- {name: 3-both, title: Both, after: [1-left, 2-right]}
- {name: 4-other, title: Other}
"""
WAIT = """
import pathlib, time
pathlib.Path("{mine}").write_text("here")
deadline = time.monotonic() + 120
while not pathlib.Path("{other}").exists():
    assert time.monotonic() < deadline, "{other} never came"
    time.sleep(0.1)
"""
END_ITS_RUN = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"
LOSE_THE_DISK = "from thalutils.errors import DiskError\nraise DiskError('no room')"


@pytest.fixture
def cohort(checkout, make_dataset, monkeypatch):
    monkeypatch.setenv("THALUTILS_JOBS", "2")
    (checkout / "notebooks" / "stages.yml").write_text(STAGES)
    for name in ("1-left", "2-right", "3-both", "4-other"):
        write_notebook(checkout, name, f"print('{name}')")
    return make_dataset()


def run(**given):
    return console.run("tiny", None, "all", given.get("jobs"), False, [])


def test_two_stages_that_do_not_read_each_other_go_on_together(cohort):
    """Each ends only once it has seen the other."""
    write_notebook(cohort.root, "1-left", WAIT.format(mine="left.txt", other="right.txt"))
    write_notebook(cohort.root, "2-right", WAIT.format(mine="right.txt", other="left.txt"))
    assert run() == console.DONE


def test_a_stage_waits_for_what_it_reads(cohort):
    write_notebook(cohort.root, "1-left", "import time\ntime.sleep(3)\nopen('left.txt', 'w').close()")
    write_notebook(cohort.root, "3-both", "open('left.txt')")
    assert run() == console.DONE


def test_with_one_job_and_where_a_stage_spreads_nothing_goes_on_beside_it(cohort, capsys):
    alone = "import pathlib, time\nmark = pathlib.Path('busy')\nmark.touch(exist_ok=False)\ntime.sleep(1)\nmark.unlink()"
    write_notebook(cohort.root, "1-left", alone)
    write_notebook(cohort.root, "2-right", alone)
    assert run(jobs=1) == console.DONE
    spreading = STAGES.replace("Right}", "Right, spreads: true}")
    (cohort.root / "notebooks" / "stages.yml").write_text(spreading)
    write_notebook(cohort.root, "1-left", alone + "\n")
    write_notebook(cohort.root, "2-right", alone + "\n")
    assert run(jobs=2) == console.DONE
    assert "2 done, 2 unchanged." in capsys.readouterr().out


def test_what_fails_beside_others_is_told_and_ends_none_of_them(cohort, capsys):
    write_notebook(cohort.root, "2-right", "raise ValueError('upside down')")
    assert run() == console.FAILED
    told = capsys.readouterr().out
    assert "2 done, 1 failed, 1 skipped." in told
    assert "failed 2-right: upside down" in told and "skipped 3-both: it reads 2-right." in told


def test_a_process_that_is_killed_fails_its_own_stage(cohort, capsys):
    write_notebook(cohort.root, "1-left", END_ITS_RUN)
    assert run() == console.FAILED
    told = capsys.readouterr().out
    assert "failed 1-left: its process ended without a word" in told
    assert "done 4-other" in told


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_every_stage_and_its_kernel(how, cohort):
    marks = [cohort.root / f"{name}.pid" for name in ("left", "right")]
    for mark, name in zip(marks, ("1-left", "2-right"), strict=True):
        code = f"import os, pathlib, time\npathlib.Path({str(mark)!r}).write_text(f'{{os.getpid()}} {{os.getppid()}}')\ntime.sleep(300)"
        write_notebook(cohort.root, name, code)
    program = subprocess.Popen(
        [sys.executable, "-m", "thalutils.cli", "run", "tiny"], cwd=cohort.root, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"THALUTILS_ROOT": str(cohort.root)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not all(mark.exists() and mark.read_text() for mark in marks):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    processes = [Path("/proc") / one for mark in marks for one in mark.read_text().split()]
    program.send_signal(how)
    _, told = program.communicate()
    if how != signal.SIGKILL:
        stopped = "Stopped. What was finished is kept; the same command goes on from there."
        assert told.strip() == stopped and program.returncode == 1
    while any(one.exists() for one in processes) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not [one for one in processes if one.exists()]
    assert not list(executed_path(cohort, _Named("1-left")).parent.glob("*.ipynb"))


class _Named:
    def __init__(self, name):
        self.name = name
