"""``python -m benchmarks.planning SNAKEMAKE [BATCH...]``: time to plan the workflow of 10,000 people, into ``planning.tsv``.

The dataset is folders and links to one small file: nothing is read of scans to plan. Planning is ``snakemake -n``, which asks
``thalutils plan``, and plans every job.
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from benchmarks.__main__ import machine
from thalutils.files import atomic_path, project_root

RESULTS = Path(__file__).with_name("planning.tsv")
PEOPLE, VISITS, SCANS = 10_000, ("ses-01", "ses-02"), ("T1w", "FLAIR")
MOST_LINKS = 30_000


def main(snakemake: str, batches: list[int]) -> None:
    """Make the dataset, plan it in batches of each size, and write how long that took."""
    root = project_root()
    rows = []
    with tempfile.TemporaryDirectory(prefix="thalutils-many-") as name:
        yaml = lay_out(Path(name))
        for batch in batches:
            command = [
                snakemake, "--snakefile", "workflow/Snakefile", "--profile", "workflow/profiles/slurm", "--dry-run",
                "--quiet", "rules", "--config", f"cohort={yaml}", f"batch={batch}",
            ]  # fmt: skip
            began = time.monotonic()
            subprocess.run(
                command,
                cwd=root,
                check=True,
                env=os.environ | {"THALUTILS_ROOT": str(root)},
                stdout=subprocess.DEVNULL,
            )
            took = time.monotonic() - began
            rows.append(
                {
                    "people": PEOPLE, "sessions": PEOPLE * len(VISITS), "batch": batch, "plan_s": round(took, 1),
                    "machine": machine(), "date": datetime.now(UTC).date().isoformat(),
                }
            )  # fmt: skip
            print(rows[-1], flush=True)
    with atomic_path(RESULTS) as draft:
        pd.DataFrame(rows).to_csv(draft, sep="\t", index=False, lineterminator="\n")


def lay_out(folder: Path) -> Path:
    """Make the dataset in `folder`; return its cohort's YAML."""
    people = [f"sub-{number:05}" for number in range(1, PEOPLE + 1)]
    made = 0
    for person in people:
        for visit in VISITS:
            anat = folder / "bids" / person / visit / "anat"
            anat.mkdir(parents=True)
            for scan in SCANS:
                if made % MOST_LINKS == 0:  # a file may not have more names than so many
                    source = folder / f"scan-{made}"
                    source.write_bytes(b"a scan")
                os.link(source, anat / f"{person}_{visit}_{scan}.nii.gz")
                made += 1
    (folder / "bids" / "participants.tsv").write_text("\n".join(["participant_id", *people, ""]))
    path = folder / "many.yml"
    path.write_text(f"title: Many\nbids: {folder / 'bids'}\n")
    return path


if __name__ == "__main__":
    main(sys.argv[1], [int(batch) for batch in sys.argv[2:] or ("20",)])
