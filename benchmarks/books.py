"""``python -m benchmarks.books COHORT...``: time the whole book, from nothing, again, and with one notebook changed.

In a clone of the last commit, with an empty home, this Python's packages, and SAMSEG where the checkout has it. What has a public
address is fetched, or copied from ``THALUTILS_DATA``. Rows go into ``benchmarks/books.tsv`` in place of those of the same cohorts.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from benchmarks.__main__ import machine
from thalutils.files import atomic_path, project_root
from thalutils.truth import kept

RESULTS = Path(__file__).with_name("books.tsv")
# The notebook that gets a sentence more.
CHANGED = "3-3-volumetric-agreement"


def main(cohorts: list[str]) -> None:
    """Time the book of some cohorts, and write how long each turn took."""
    commit = kept.commit()
    rows = []
    with tempfile.TemporaryDirectory(prefix="thalutils-book-") as name:
        root = clone(Path(name))
        for turn in ("from nothing", "again", f"again, {CHANGED} changed"):
            if CHANGED in turn:
                change(root / "notebooks" / f"{CHANGED}.ipynb")
            began = time.time()
            run_s = sum(timed(root, "run", cohort) for cohort in cohorts)
            copies = [path.stat().st_mtime >= began for path in (root / "build/executed").glob("*/*.ipynb")]
            site_s = timed(root, "book", *cohorts)
            rows.append(
                {
                    "cohorts": " ".join(cohorts), "turn": turn, "stages": len(copies), "ran": sum(copies), "run_s": run_s,
                    "site_s": site_s, "machine": machine(), "commit": commit, "date": datetime.now(UTC).date().isoformat(),
                }
            )  # fmt: skip
            print(rows[-1], flush=True)
    found = pd.DataFrame(rows)
    if RESULTS.exists():
        before = pd.read_csv(RESULTS, sep="\t", keep_default_na=False, na_values=["n/a"])
        found = pd.concat([before[before["cohorts"] != " ".join(cohorts)], found], ignore_index=True)
    with atomic_path(RESULTS) as draft:
        found.to_csv(draft, sep="\t", index=False, float_format="%.4g", lineterminator="\n")


def clone(folder: Path) -> Path:
    """Clone the last commit into a folder, with an empty home beside it; return the clone."""
    root = folder / "study"
    subprocess.run([shutil.which("git"), "clone", "--quiet", str(project_root()), str(root)], check=True)
    (folder / "home").mkdir()
    tools = project_root() / ".tools"
    if tools.is_dir():
        (root / ".tools").symlink_to(tools)
    return root


def change(path: Path) -> None:
    """Add a sentence to a notebook."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    added = {"cell_type": "markdown", "id": "one-more", "metadata": {}, "source": ["One sentence more."]}
    notebook["cells"].append(added)
    path.write_text(json.dumps(notebook, indent=1) + "\n", encoding="utf-8")


def timed(root: Path, *words: str) -> float:
    """Run ``thalutils`` in a clone; return how many seconds it took."""
    home = root.parent / "home"
    variables = os.environ | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "PYTHONPATH": str(root),
    }
    began = time.monotonic()
    program = subprocess.run(
        [sys.executable, "-m", "thalutils.cli", *words], cwd=root, env=variables, stdout=subprocess.DEVNULL
    )
    if program.returncode:
        sys.exit(f"books: thalutils {' '.join(words)} failed in {root}; run it by hand.")
    return time.monotonic() - began


if __name__ == "__main__":
    os.chdir(project_root())
    main(sys.argv[1:] or ["phantom", "twin"])
