"""``python -m benchmarks.costs PHANTOM.yml|twin PEOPLE...``: measure what each stage costs, for the page on planning.

Without SAMSEG. A phantom is simulated anew for each number of people, by another seed, so that nothing comes out of the cache; of the twin's
tables the first so many people are taken. Each stage runs alone, with one process and one thread. Rows go into
``benchmarks/costs.tsv`` in place of those of the same cohort and number.
"""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import psutil
import yaml

from benchmarks.__main__ import THREADS, machine
from thalutils import plan_console, stages
from thalutils.cohort import Cohort
from thalutils.files import atomic_path, project_root
from thalutils.truth import kept

RESULTS = Path(__file__).with_name("costs.tsv")
COLUMNS = (
    "cohort", "people", "sessions", "grid_mm", "stage", "slices", "cpu_s", "wall_s", "peak_gb", "disk_mb", "machine", "commit", "date",
)  # fmt: skip
SEED = 1000
POLL_S = 0.1
PLACES = ("build", "data")
# It takes minutes a head and only some heads by default; `make bench` times it.
WITHOUT_SAMSEG = {
    "2-6-2-segmentation": {"samseg_all": 0, "samseg_t1": 0, "paper_tools": 0}, "real-heads": {"samseg_scans": 0},
}  # fmt: skip


def main(name: str, counts: list[int]) -> None:
    """Measure one cohort with each number of people."""
    for count in counts:
        rows = measure(cut(Cohort.load(name), count), count, Path(name).stem)
        found = pd.DataFrame(rows, columns=list(COLUMNS))
        if RESULTS.exists():
            before = pd.read_csv(RESULTS, sep="\t", keep_default_na=False, na_values=["n/a"])
            same = (before["cohort"] == Path(name).stem) & (before["people"] == count)
            found = pd.concat([before[~same], found], ignore_index=True)
        with atomic_path(RESULTS) as draft:
            found.to_csv(draft, sep="\t", index=False, na_rep="n/a", float_format="%.4g", lineterminator="\n")


def cut(cohort: Cohort, people: int) -> Cohort:
    """Return a cohort like this one with so many people; its YAML and tables go under ``build/costs``."""
    folder = cohort.root / "build" / "costs"
    folder.mkdir(parents=True, exist_ok=True)
    settings = yaml.safe_load(cohort.path.read_text(encoding="utf-8"))
    name = f"cost-{cohort.name}-{people}"
    if cohort.kind == "scans":
        settings["bids"] = f"data/{name}"
        settings["phantom"] |= {"participants": people, "seed": SEED + people}
        settings["stages"] = {**settings.get("stages", {}), **WITHOUT_SAMSEG}
    else:
        some = set(sorted(cohort.participants["participant_id"])[:people])
        (folder / name).mkdir(exist_ok=True)
        for path in cohort.table_files:
            table = pd.read_csv(path, sep="\t", keep_default_na=False, dtype=str)
            table[table["participant_id"].isin(some)].to_csv(folder / name / path.name, sep="\t", index=False)
        settings = {"title": settings["title"], "tables": f"build/costs/{name}"}
    path = folder / f"{name}.yml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return Cohort.load(path)


def measure(cohort: Cohort, people: int, name: str) -> list[dict]:
    """Run every stage of a cohort alone; return a row for each."""
    slices = {row["name"]: row["slices"] for row in plan_console.described(cohort)["stages"]}
    grid = cohort.settings.phantom.structural_mm if cohort.settings.phantom else None
    commit = kept.commit()
    rows = []
    for stage in stages.applicable(stages.load(cohort.root), cohort):
        before = disk_mb(cohort.root)
        cpu_s, wall_s, peak_gb = run(cohort, stage.name)
        rows.append(
            {
                "cohort": name, "people": people, "sessions": len(cohort.sessions()), "grid_mm": grid, "stage": stage.name,
                "slices": slices[stage.name], "cpu_s": cpu_s, "wall_s": wall_s, "peak_gb": peak_gb,
                "disk_mb": disk_mb(cohort.root) - before, "machine": machine(), "commit": commit,
                "date": datetime.now(UTC).date().isoformat(),
            }
        )  # fmt: skip
        print(
            f"{name} {people} {stage.name}: {cpu_s:.1f} s of CPU, {wall_s:.1f} s, {peak_gb:.2f} GB",
            flush=True,
        )
    return rows


def run(cohort: Cohort, stage: str) -> tuple[float, float, float]:
    """Run a stage; return its CPU seconds, its seconds, and the most memory that all its processes held at once, in GB."""
    command = [
        sys.executable,
        "-m",
        "thalutils.cli",
        "run",
        str(cohort.path),
        "--stage",
        stage,
        "--jobs",
        "1",
    ]
    variables = os.environ | dict.fromkeys(THREADS, "1")
    before, began, peak = os.times(), time.monotonic(), 0
    program = subprocess.Popen(command, cwd=cohort.root, env=variables, stdout=subprocess.DEVNULL)
    while program.poll() is None:
        peak = max(peak, held_bytes(program.pid))
        time.sleep(POLL_S)
    after = os.times()
    if program.returncode:
        sys.exit(f"costs: {stage} failed; run it by hand: {' '.join(command)}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return used, time.monotonic() - began, peak / 1e9


def held_bytes(pid: int) -> int:
    """Return the resident memory of a process and all below it."""
    total = 0
    try:
        parent = psutil.Process(pid)
        every = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for one in every:
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def disk_mb(root: Path) -> float:
    """Return what is on disk in ``build`` and ``data``, a file with several names once, in MB."""
    seen = {}
    for place in PLACES:
        for path in (root / place).rglob("*"):
            if path.is_file() and not path.is_symlink():
                status = path.stat()
                seen[status.st_ino] = status.st_blocks * 512
    return sum(seen.values()) / 1e6


if __name__ == "__main__":
    os.chdir(project_root())
    main(sys.argv[1], [int(count) for count in sys.argv[2:]])
