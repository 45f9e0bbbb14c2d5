"""A disk that is full, or that nobody may write: a sentence, and the rerun goes on from what was finished."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from disturbed_study import Study
from fault_record import whole_bench

pytestmark = pytest.mark.slow
# How much of a run fits: nothing of it, some of its rows, nearly all.
ROOM_KB = (100, 12, 40, 160, 220, 280)
LARGEST_BYTES = 600


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Put a small disk in memory at `folder`."""
    mount = shutil.which("mount", path="/bin:/sbin:/usr/bin:/usr/sbin")
    if os.geteuid() or not mount:
        pytest.skip("only root can mount a small disk")
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(
            [shutil.which("umount", path="/bin:/sbin:/usr/bin:/usr/sbin"), "-l", folder], check=True
        )


def remount(folder: Path, options: str) -> None:
    mount = shutil.which("mount", path="/bin:/sbin:/usr/bin:/usr/sbin")
    subprocess.run([mount, "-o", f"remount,{options}", folder], check=True)


@pytest.mark.parametrize("place", [pytest.param("build", marks=whole_bench), "data/cache"])
def test_a_disk_that_is_full(place, study, fault, recovers):
    fault.name = f"the disk of {place} is full"
    for room in ROOM_KB if place == "build" else [12]:
        with mounted(study.root / place, f"size={room}k"), fault.attempt():
            code, told = study.run()
            assert code
            fault.show(told, "the disk is full. Free some space and run the same command again")
            _nothing_stale_is_published(study)
            remount(study.root / place, "size=50m")
            recovers(study)


def test_a_file_that_may_not_become_so_large(study, fault, recovers):
    """A limit of file sizes stands in for a quota where nobody can mount."""
    fault.name = "files may not become larger than a limit (a quota)"
    with fault.attempt():
        limit = (LARGEST_BYTES, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        code, told = study.run(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        assert code
        fault.show(told, "a file may not become so large here")
        _nothing_stale_is_published(study)
        recovers(study)


@pytest.mark.parametrize("place", ["build", pytest.param("data/cache", marks=whole_bench)])
def test_a_folder_that_nobody_may_write(place, study, fault, recovers):
    fault.name = f"{place} is read-only"
    folder = study.root / place
    with mounted(folder, "size=50m,ro"), fault.attempt():
        code, told = study.run()
        assert code
        fault.show(told, "cannot be written (Read-only file system)")
        _nothing_stale_is_published(study)
        remount(folder, "rw")
        recovers(study)


def _nothing_stale_is_published(study: Study) -> None:
    """See that a stage which did not come to its end has neither a page nor a state that calls it finished."""
    pages = {path.stem for path in (study.root / "build/executed/tiny").glob("*.ipynb")}
    states = {path.stem for path in (study.root / "build/state/tiny").glob("[0-9]*.json")}
    assert pages >= states
    assert "3-sum" not in states
