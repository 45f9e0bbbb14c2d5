"""A study small enough to be disturbed many times: three stages, the second of which runs a program on every scan."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml

NAME = "tiny"
PEOPLE = [f"sub-{number:02}" for number in range(1, 5)]
VISITS = ("ses-01", "ses-02")
PROGRAM_LIMIT_S = 3.0
STAGES = """
- {name: 2-4-acquisition, title: Scans, needs: scans, slices: true, tables: [scans]}
- {name: 2-slow, title: Slow, needs: scans, slices: true, after: [2-4-acquisition], tables: [volumes]}
- {name: 3-sum, title: Sum, after: [2-slow], numbers: [sum]}
"""
PROGRAM = """
import json, sys, time, zlib
from pathlib import Path
visit, scan, target = sys.argv[1:]
orders = Path(__file__).with_name("orders.json")
order = json.loads(orders.read_text()).get(visit, "") if orders.exists() else ""
print("measuring", visit, flush=True)
time.sleep(60 if order == "hang" else 0.2)
if order == "exit":
    sys.exit("no licence for today")
found = json.dumps({"ml": 11 + zlib.crc32(Path(scan).read_bytes()) % 1000 / 200})
try:
    Path(target).write_text("<html>try again later</html>" if order == "rubbish" else found)
except OSError as error:
    sys.exit(str(error))
"""
WORK = f"""
import sys
from pathlib import Path
from thalutils.errors import ImageError, ToolError
from thalutils.files import hash_file, read_json
from thalutils.imaging import quality
from thalutils.process import cached, run_program
from thalutils.stage import usable_scans

PROGRAM = Path(__file__).with_name("program.py")

def measure(task):
    scan = usable_scans(task.cohort, task.session).get("T1w")
    if scan is None:
        raise ImageError("no usable T1w.")
    quality.load(scan)

    def make(folder):
        argv = [sys.executable, "-S", "-E", PROGRAM, task.session.key, scan, folder / "found.json"]
        run_program(argv, log=folder / "program.log", timeout_s={PROGRAM_LIMIT_S})
        if not read_json(folder / "found.json"):
            raise ToolError("program.py wrote nothing usable.")

    made = cached(task.cohort.cache, "slow", {{"visit": task.session.key, "scan": hash_file(scan)}}, make)
    volume = read_json(made / "found.json")["ml"]
    row = task.row(method="slow", preset=None, rater=None, volume_ml=volume, left_ml=volume / 2, right_ml=volume / 2)
    return {{"volumes": [row]}}
"""
FIRST = """
from thalutils import stage
from thalutils.cohort import Cohort
from thalutils.imaging import inspection
stage.run(Cohort.load(cohort), stage.ACQUISITION, participants, inspection.inspect, makes=["scans"])
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


class Study:
    """A checkout that holds the small study.

    Parameters
    ----------
    root : Path
        The checkout.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.results = root / "build" / "results" / NAME
        self.shards = self.results / "shards"
        self.cache = root / "data" / "cache"

    def lay_out(self, head: Path) -> None:
        """Write the stages, the program and a dataset whose scans are all `head`."""
        for folder in ("cohorts", "notebooks"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
        (self.root / "notebooks" / "stages.yml").write_text(STAGES)
        (self.root / "work.py").write_text(WORK)
        (self.root / "program.py").write_text(PROGRAM)
        for name, code in (("2-4-acquisition", FIRST), ("2-slow", SECOND), ("3-sum", THIRD)):
            nbformat.write(_notebook(name, code), self.root / "notebooks" / f"{name}.ipynb")
        for person in PEOPLE:
            for visit in VISITS:
                self.scan(person, visit).parent.mkdir(parents=True)
                self.scan(person, visit).write_bytes(head.read_bytes())
        rows = "\n".join(["participant_id", *PEOPLE, ""])
        (self.root / "data" / NAME / "participants.tsv").write_text(rows)
        settings = {"title": "Tiny", "bids": f"data/{NAME}"}
        (self.root / "cohorts" / f"{NAME}.yml").write_text(yaml.safe_dump(settings))

    def scan(self, person: str, visit: str) -> Path:
        """Return the path of a visit's T1w."""
        return self.root / "data" / NAME / person / visit / "anat" / f"{person}_{visit}_T1w.nii.gz"

    def order(self, orders: dict[str, str]) -> None:
        """Make the program hang, exit or write rubbish at some visits; with no orders it does its work."""
        (self.root / "orders.json").write_text(json.dumps(orders))

    def start(self, *words: str, **more: object) -> subprocess.Popen:
        """Start ``thalutils run`` with more words; `more` goes to the process."""
        command = [sys.executable, "-m", "thalutils.cli", "run", NAME, "--jobs", "2", *words]
        places = os.pathsep.join([str(self.root), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.Popen(
            command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | {"PYTHONPATH": places, "THALUTILS_ROOT": str(self.root)}, start_new_session=True, **more,
        )  # fmt: skip

    def run(self, *words: str, **more: object) -> tuple[int, str]:
        """Run to the end; return the exit code and what was told, never a traceback."""
        run = self.start(*words, **more)
        told, _ = run.communicate()
        assert "Traceback" not in told, told
        return run.returncode, told

    def finish(self, *words: str) -> str:
        """Run to the end, which must be good; return what was told."""
        code, told = self.run(*words)
        assert code == 0, told
        return told

    def check(self) -> str:
        """Return what ``thalutils check`` says."""
        command = [sys.executable, "-m", "thalutils.cli", "check", NAME]
        variables = os.environ | {"THALUTILS_ROOT": str(self.root), "COLUMNS": "200"}
        done = subprocess.run(
            command, cwd=self.root, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
        return done.stdout

    def tables(self) -> dict[str, str]:
        """Return the sum of every table of the results."""
        files = [*self.results.glob("*.tsv"), self.results / "numbers.json"]
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.exists()}


def stages_done(told: str) -> list[str]:
    """Return the stages that a run computed, of what it told."""
    return re.findall(r"^done (\S+)", told, re.MULTILINE)


def _notebook(name: str, code: str) -> nbformat.NotebookNode:
    cells = [
        nbformat.v4.new_markdown_cell(f"# {name}", id=f"{name}-0"),
        nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}, id=f"{name}-1"),
        nbformat.v4.new_code_cell(code, id=f"{name}-2"),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
