"""The workflow ends with the tables of a plain run: on one machine, and on a SLURM that is disturbed.

Both need Snakemake (``make workflow`` sets it up; ``THALUTILS_SNAKEMAKE`` names another). The second needs root, Debian's
slurm-wlm and munge, and ``THALUTILS_SLURM=1``: it starts a SLURM of one node on this machine. ``THALUTILS_SLURM=phantom``
takes the simulated cohort ``workflow/phantom-coarse.yml`` through it, and ``THALUTILS_WAYS=benchmarks/workflow.tsv`` keeps
what was seen.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from disturbed_study import NAME, Study
from kept_tables import keep_row

from thalutils.files import hash_file
from thalutils.truth.kept import commit, machine

pytestmark = pytest.mark.slow
HERE = Path(__file__).resolve().parents[1]
SNAKEMAKE = Path(os.environ.get("THALUTILS_SNAKEMAKE", HERE / ".tools/snakemake/bin/snakemake"))
ASKED = os.environ.get("THALUTILS_SLURM", "")
SLURM = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "5"]
PHANTOM = "workflow/phantom-coarse.yml"
WAIT_S, DRAINED_S = 600.0, 8.0

needs_snakemake = pytest.mark.skipif(not SNAKEMAKE.exists(), reason="Snakemake is not set up: make workflow")


class Way:
    """A checkout in which a cohort is run in one way."""

    def __init__(self, root: Path, cohort: str) -> None:
        self.root, self.cohort = root, cohort
        self.results = root / "build" / "results" / Path(cohort).stem
        places = os.pathsep.join([str(root), str(HERE)])
        self.variables = os.environ | {"PYTHONPATH": places, "THALUTILS_ROOT": str(root)}

    def plain(self) -> float:
        """Run ``thalutils run``; return how long it took, in seconds."""
        began = time.monotonic()
        command = [sys.executable, "-m", "thalutils.cli", "run", self.cohort]
        done = subprocess.run(
            command, cwd=self.root, env=self.variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return time.monotonic() - began

    def start(self, profile: str, *words: str) -> subprocess.Popen:
        """Start the workflow; what it says goes to ``workflow.log``."""
        command = [
            SNAKEMAKE, "--snakefile", "workflow/Snakefile", "--profile", f"workflow/profiles/{profile}",
            "--config", f"cohort={self.cohort}", *words,
        ]  # fmt: skip
        with (self.root / "workflow.log").open("w") as log:
            return subprocess.Popen(command, cwd=self.root, env=self.variables, stdout=log, stderr=log)

    def said(self) -> str:
        return (self.root / "workflow.log").read_text()

    def tables(self) -> dict[str, str]:
        return {
            path.name: hash_file(path)
            for path in (*self.results.glob("*.tsv"), self.results / "numbers.json")
        }


@pytest.fixture
def ways(tmp_path: Path, head_file: Path):
    """Return a function that makes checkouts of one study, by the names of the ways."""

    def small(*names: str) -> list[Way]:
        for name in names:
            Study(tmp_path / name).lay_out(head_file)
            _lend(tmp_path / name)
        return [Way(tmp_path / name, NAME) for name in names]

    def phantom(*names: str) -> list[Way]:
        """Copies of this checkout with one cache: tools run once, tables are put together anew."""
        for name in names:
            root = tmp_path / name
            for part in ("notebooks", "cohorts", "benchmarks", "book"):
                shutil.copytree(HERE / part, root / part)
            shutil.copy(HERE / "_toc.yml", root)
            _lend(root)
            (root / ".tools").symlink_to(HERE / ".tools")
            (HERE / "data" / "cache").mkdir(parents=True, exist_ok=True)
            (root / "data").mkdir()
            (root / "data" / "cache").symlink_to(HERE / "data" / "cache")
        return [Way(tmp_path / name, PHANTOM) for name in names]

    return phantom if ASKED == "phantom" else small


def _lend(root: Path) -> None:
    shutil.copytree(HERE / "workflow", root / "workflow")
    (root / ".venv").symlink_to(Path(sys.executable).parents[1])


@needs_snakemake
def test_on_one_machine(ways):
    plain, laptop = ways("plain", "laptop")
    took = {"plain": plain.plain()}
    began = time.monotonic()
    assert laptop.start("laptop", "--resources", "mem_mb=8000").wait() == 0, laptop.said()
    took["laptop"] = time.monotonic() - began
    assert laptop.tables() == plain.tables()
    _keep(plain, "thalutils run", took["plain"], plain)
    _keep(laptop, "Snakemake on this machine", took["laptop"], plain)


@pytest.fixture
def slurm() -> Iterator[None]:
    if not ASKED or os.geteuid() or not shutil.which("slurmctld", path="/usr/sbin"):
        pytest.skip("starts SLURM on this machine: THALUTILS_SLURM=1, as root, with slurm-wlm and munge")
    script = HERE / "workflow" / "one-node-slurm.sh"
    subprocess.run([script, "start"], check=True)
    yield
    subprocess.run([script, "stop"], check=True)


@needs_snakemake
def test_on_slurm_with_a_job_cancelled_and_the_node_drained(slurm, ways):
    plain, cluster = ways("plain", "cluster")
    plain.plain()
    began = time.monotonic()
    run = cluster.start("slurm", *SLURM)
    _wait_for(lambda: len(_jobs("RUNNING")) > 0 and _done(cluster) > 0, run, cluster)
    cancelled = _jobs("RUNNING")[0]
    _slurm("scancel", cancelled)
    node = _slurm("sinfo", "--noheader", "--format", "%n").strip()
    _slurm("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
    _wait_for(lambda: "drained" in _slurm("sinfo", "--noheader", "--format", "%T"), run, cluster)
    before = _done(cluster)
    time.sleep(DRAINED_S)
    assert _jobs("RUNNING") == [], "a node that is drained takes no job"
    assert run.poll() is None
    assert _done(cluster) <= before + 2  # what ended while it drained may be seen late
    _slurm("scontrol", "update", f"nodename={node}", "state=resume")
    assert run.wait(WAIT_S) == 0, cluster.said()
    took = time.monotonic() - began
    assert f"SLURM-job '{cancelled}' failed" in cluster.said()
    assert cluster.tables() == plain.tables()
    _keep(cluster, "SLURM of one node, a job cancelled, the node drained and resumed", took, plain)


def _done(way: Way) -> int:
    return len(list((way.root / "build" / "workflow").rglob("*.done")))


def _jobs(state: str) -> list[str]:
    return _slurm("squeue", "--noheader", "--states", state, "--format", "%A").split()


def _slurm(program: str, *words: str) -> str:
    command = [shutil.which(program, path="/usr/bin"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _wait_for(what, run: subprocess.Popen, way: Way) -> None:
    until = time.monotonic() + WAIT_S
    while not what():
        assert run.poll() is None and time.monotonic() < until, way.said()
        time.sleep(0.3)


def _keep(way: Way, name: str, took_s: float, plain: Way) -> None:
    """Keep what was seen of a way, where that is asked for."""
    mine, theirs = way.tables(), plain.tables()
    row = {
        "way": name, "cohort": Path(way.cohort).stem, "jobs": _done(way) or 1, "wall_s": round(took_s, 1),
        "tables": len(theirs), "same": sum(mine.get(table) == known for table, known in theirs.items()),
        "machine": machine(), "commit": commit(), "date": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip
    keep_row("THALUTILS_WAYS", row, ["way", "cohort"])
