"""Programs and processes: what they return, how they end, and that nothing is left running."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import parallel_functions
import psutil
import pytest

from thalutils import process
from thalutils.errors import DiskError, ThalutilsError, ToolError
from thalutils.files import hash_json
from thalutils.process import cached, job_count, parallel_map, run_program

LIMIT_S = 20.0
ENDS_WITHIN_S = 10.0


def shell(script: str, tmp_path: Path, timeout_s: float = LIMIT_S, **more) -> str:
    return run_program(["sh", "-c", script], log=tmp_path / "logs" / "sh.log", timeout_s=timeout_s, **more)


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def comes(what, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    return what()


def all_end(pids: list[int]) -> bool:
    try:
        return comes(lambda: not any(map(runs, pids)), ENDS_WITHIN_S)
    finally:
        for pid in filter(runs, pids):
            os.kill(pid, 9)


def square_all(numbers) -> list[process.Outcome]:
    return parallel_map(parallel_functions.square, numbers, describe=str, label="squares")


def test_output_is_returned_and_logged(tmp_path):
    assert shell("echo one; echo two >&2", tmp_path) == "one\ntwo\n"
    assert (tmp_path / "logs" / "sh.log").read_text() == "one\ntwo\n"


def test_the_environment_is_added_to_and_input_is_closed(tmp_path, monkeypatch):
    monkeypatch.setenv("KEPT", "old")
    script = 'echo "$KEPT $ADDED"; cat'
    assert shell(script, tmp_path, environment={"ADDED": "new"}) == "old new\n"


def test_a_program_runs_in_the_folder_that_is_given(tmp_path):
    assert shell("pwd", tmp_path, folder=tmp_path) == f"{tmp_path}\n"


def test_a_program_that_hangs_gives_its_last_words_too(tmp_path):
    with pytest.raises(ToolError, match=r"(?s)stopped after 1 s without an end\. Its last words:\nlevel 3$"):
        shell("echo level 3; sleep 60", tmp_path, timeout_s=1)
    with pytest.raises(ToolError, match=r"It said nothing\.$"):
        shell("exit 4", tmp_path)


def test_logs_of_what_failed_are_kept_and_those_of_before_replaced(tmp_path):
    def make(folder):
        run_program(
            ["sh", "-c", f"echo try {tries}; exit 1"], log=folder / "deep" / "a.log", timeout_s=LIMIT_S
        )

    for tries in (1, 2):
        with pytest.raises(ToolError) as caught:
            cached(tmp_path / "cache", "segment-X", {"key": 1}, make)
        kept = Path(str(caught.value).rpartition("The whole output is in ")[2].rstrip("."))
        assert (kept / "deep-a.log").read_text() == f"try {tries}\n"
    assert not list((tmp_path / "cache" / "segment-X").iterdir())


def test_output_that_is_not_utf8_is_readable(tmp_path):
    assert shell(r"printf 'a\377b'", tmp_path) == "a\ufffdb"


def test_a_program_that_fails_gives_its_last_words(tmp_path):
    with pytest.raises(ToolError) as caught:
        shell("seq 100; echo no licence >&2; exit 3", tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "sh ended with code 3. Its last words:"
    assert lines[1:] == [*map(str, range(90, 101)), "no licence"]
    assert len(lines) == 1 + process.TAIL_LINES


def test_a_program_that_fails_on_a_full_disk_is_not_at_fault(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=4096))
    with pytest.raises(DiskError, match=r"logs: the disk is full\..*sh ended with code 3\.$"):
        shell("echo Traceback; exit 3", tmp_path)


def test_what_a_disk_refuses_is_no_fault_of_the_item():
    def refuse(item):
        raise DiskError("full")

    assert process._attempt(refuse, 1).failed


def test_a_program_that_is_missing_is_named(tmp_path):
    with pytest.raises(ToolError, match=r"^/absent/recon-all: cannot be started \(No such file"):
        run_program(["/absent/recon-all"], log=tmp_path / "log", timeout_s=LIMIT_S)
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    with pytest.raises(ToolError, match=r"tool: cannot be started \(Permission denied"):
        run_program([tmp_path / "tool"], log=tmp_path / "log", timeout_s=LIMIT_S)


def test_the_time_limit_ends_the_program_and_its_children(tmp_path):
    began = time.monotonic()
    with pytest.raises(ToolError, match=r"^sh was stopped after 1 s without an end"):
        shell(f'sh -c "sleep 300 & echo \\$! \\$\\$; wait" > {tmp_path}/pids; true', tmp_path, timeout_s=1)
    assert time.monotonic() - began < LIMIT_S / 2
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    assert all_end(pids)


def test_children_left_in_the_background_end_with_the_program(tmp_path):
    pid = int(shell("sleep 300 > /dev/null & echo $!", tmp_path))
    assert all_end([pid])


def test_no_process_outlives_a_program_that_ended(tmp_path):
    before = {child.pid for child in psutil.Process().children()}
    shell("true", tmp_path)
    assert {child.pid for child in psutil.Process().children()} <= before


def test_an_interrupt_ends_the_program(tmp_path, monkeypatch):
    pids = tmp_path / "pids"

    wait = subprocess.Popen.wait

    def interrupt(program, timeout=None):
        if timeout is None:  # the last wait, for what was killed
            return wait(program)
        assert comes(pids.exists, LIMIT_S)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        parallel_functions.sleep(str(pids))
    assert all_end([int(pid) for pid in pids.read_text().split()[:2]])


@pytest.mark.parametrize("how", ["alone", "workers"])
def test_a_killed_parent_leaves_nothing_running(how, tmp_path):
    """The program of a killed process ran on, and that of a worker whose parent was killed did in part."""
    files = [tmp_path / str(n) for n in range(1 if how == "alone" else 2)]
    command = [sys.executable, parallel_functions.__file__, how, *map(str, files)]
    parent = subprocess.Popen(command, env=os.environ | {"THALUTILS_JOBS": "2"}, start_new_session=True)
    try:
        assert comes(lambda: all(file.exists() for file in files), LIMIT_S)
        pids = [int(pid) for file in files for pid in file.read_text().split()]
        assert all(map(runs, pids))
    finally:
        parent.kill()
        parent.wait()
    assert all_end(pids)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_order_is_kept_and_faults_do_not_stop_the_rest(jobs, monkeypatch):
    monkeypatch.setenv("THALUTILS_JOBS", jobs)
    outcomes = square_all(range(6, 0, -1))
    assert [outcome.item for outcome in outcomes] == [6, 5, 4, 3, 2, 1]
    assert [outcome.value for outcome in outcomes] == [36, 25, None, None, 4, 1]
    assert [outcome.failed for outcome in outcomes] == [False, False, True, False, False, False]
    assert outcomes[3].error == "three.nii.gz: broken."
    assert outcomes[2].error.startswith("Traceback")
    assert outcomes[2].error.rstrip().endswith("ZeroDivisionError: ours")


def test_results_do_not_depend_on_the_number_of_processes(monkeypatch):
    monkeypatch.setenv("THALUTILS_JOBS", "1")
    alone = square_all(range(6))
    monkeypatch.setenv("THALUTILS_JOBS", "2")
    assert square_all(range(6)) == alone


def test_a_worker_that_is_killed_is_an_outcome_and_takes_nobody_with_it(monkeypatch):
    monkeypatch.setenv("THALUTILS_JOBS", "2")
    outcomes = parallel_map(parallel_functions.die_at_two, [1, 2, 3, 4, 5], describe=str, label="die")
    assert [outcome.item for outcome in outcomes] == [1, 2, 3, 4, 5]
    assert [outcome.failed for outcome in outcomes] == [False, True, False, False, False]
    assert outcomes[1].error.startswith("its process was killed twice")


def test_fewer_run_at_a_time_where_memory_would_not_hold_them(monkeypatch):
    monkeypatch.delenv("THALUTILS_JOBS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    memory = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 8e9 / 4096}
    monkeypatch.setattr(os, "sysconf", memory.__getitem__)
    assert job_count() == 8
    assert job_count(1.0) == 8
    assert job_count(2.5) == 3
    assert job_count(20.0) == 1
    monkeypatch.setenv("THALUTILS_JOBS", "4")
    assert job_count(20.0) == 4  # asked for, so obeyed


def test_no_items_no_outcomes():
    assert square_all([]) == []


def test_progress_is_told_to_the_command_that_waits(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("THALUTILS_PROGRESS", str(path))
    monkeypatch.setenv("THALUTILS_JOBS", "1")
    square_all([1, 3])
    assert json.loads(path.read_text()) == ["squares", 2, 2, "3"]


def test_a_full_disk_ends_the_progress_and_not_the_work(monkeypatch):
    def full(*_):
        raise ThalutilsError("the disk is full")

    monkeypatch.setattr(process, "write_json", full)
    monkeypatch.setenv("THALUTILS_PROGRESS", "progress.json")
    monkeypatch.setenv("THALUTILS_JOBS", "1")
    assert [outcome.value for outcome in square_all([1, 2])] == [1, 4]


class Maker:
    """Makes a result of a file and a file in a folder, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, folder: Path) -> None:
        self.times += 1
        (folder / "mask.nii.gz").write_text("mask")
        (folder / "bids" / "sub-01").mkdir(parents=True)
        (folder / "bids" / "sub-01" / "T1w.nii.gz").write_text("scan")


def test_a_result_is_made_once_for_each_key(tmp_path):
    make = Maker()
    first = cached(tmp_path, "step", {"a": 1, "b": 2}, make)
    assert cached(tmp_path, "step", {"b": 2, "a": 1}, make) == first
    assert make.times == 1
    assert first.parent == tmp_path / "step"
    assert cached(tmp_path, "step", {"a": 2, "b": 2}, make) != first
    assert cached(tmp_path, "other", {"a": 1, "b": 2}, make) != first
    assert make.times == 3


def test_a_result_that_another_process_made_meanwhile_is_left_to_its_readers(tmp_path):
    def make(folder):
        (folder / "x").write_text("mine")
        process.cached(tmp_path, "step", {"a": 1}, lambda other: (other / "x").write_text("theirs"))

    found = process.cached(tmp_path, "step", {"a": 1}, make)
    assert (found / "x").read_text() == "theirs"
    assert not list((tmp_path / "step").glob(".partial-*"))


@pytest.mark.parametrize("name", ["mask.nii.gz", "bids/sub-01/T1w.nii.gz", "_made.json"])
@pytest.mark.parametrize("damage", ["deleted", "truncated", "overwritten"])
def test_a_damaged_result_is_made_anew(name, damage, tmp_path):
    """A scan of the phantom, which lies in a folder of its result, could be cut short unnoticed."""
    make = Maker()
    path = cached(tmp_path, "step", {"a": 1}, make) / name
    whole = path.read_text()
    if damage == "deleted":
        path.unlink()
    else:
        path.write_text(whole[:-2] if damage == "truncated" else whole[:-2] + "??")
    folder = cached(tmp_path, "step", {"a": 1}, make)
    assert make.times == 2
    assert (folder / name).read_text() == whole


def test_a_result_that_could_not_be_made_is_not_left_half(tmp_path):
    def make(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise ToolError("no memory")

    with pytest.raises(ToolError, match="no memory"):
        cached(tmp_path, "step", {"a": 1}, make)
    assert list((tmp_path / "step").iterdir()) == []
    assert (cached(tmp_path, "step", {"a": 1}, Maker()) / "mask.nii.gz").exists()


def test_the_key_is_kept_with_the_result(tmp_path):
    key = {"tool": "deepbet 1.0", "options": [1, 2]}
    folder = cached(tmp_path, "step", key, Maker())
    assert json.loads((folder / "_made.json").read_text())["key"] == key
    assert hash_json(key).startswith(folder.name)


def test_code_modules_follow_imports():
    found = process.code_modules("thalutils.tables")
    assert {"thalutils.tables", "thalutils.files", "thalutils.errors"} <= set(found)
    assert "thalutils.imaging.masks" not in found
    masks, qmri = "thalutils.imaging.masks", "thalutils.imaging.qmri"
    assert len({process.code_hash(*names) for names in ((masks,), (qmri,), (masks, qmri))}) == 3
    assert process.code_hash(masks, qmri) == process.code_hash(qmri, masks)
