"""A dataset with every fault at once: each is named in a sentence, and everyone else goes on."""

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thalutils import tables

pytestmark = pytest.mark.slow
HERE = Path(__file__).resolve().parents[1]
ROWS = "participant_id\tsex\tgroup\nsub-01\tF\tRRMS\nsub-02\tM\tHC\nsub-03\tF\tPMS\nsub-04\tF\tRRMS\nsub-05\tM\tHC\nsub-01\tF\tRRMS\n../x\tF\tHC\nsub-09\tF\tHC\n"


@pytest.fixture
def faulty(checkout, make_dataset, head):
    shutil.copytree(HERE / "notebooks", checkout / "notebooks", dirs_exist_ok=True)
    people = [f"sub-{number:02d}" for number in range(1, 6)]
    cohort = make_dataset("faulty", people=people, visits=(), rows=ROWS)

    def t1w(person: str) -> Path:
        return cohort.bids / person / "anat" / f"{person}_T1w.nii.gz"

    whole = t1w("sub-02").read_bytes()
    t1w("sub-02").write_bytes(whole[: len(whole) // 2])
    values = head.get_fdata(dtype=np.float32)
    values[3, 4, 5] = np.nan
    nib.save(nib.Nifti1Image(values, head.affine), t1w("sub-03"))
    nib.save(nib.Nifti1Image(np.zeros(head.shape, np.int16), head.affine), t1w("sub-04"))
    t1w("sub-05").write_bytes(gzip.compress(b"this is no image"))
    return cohort


def thalutils(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "thalutils.cli", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_every_fault_is_listed_and_the_rest_goes_on(faulty):
    done = thalutils(faulty.root, "run", "faulty", "--stage", "acquisition")
    assert done.returncode == 0, done.stdout + done.stderr
    done = thalutils(faulty.root, "run", "faulty", "--stage", "cohort")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    excluded = tables.read(faulty.results / "exclusions.tsv").set_index("participant_id")["reason"]
    for person, words in {
        "sub-02": "sub-02_T1w.nii.gz: cannot be read to its end",
        "sub-03": "1 voxels are NaN or infinite",
        "sub-04": "every voxel is 0",
        "sub-05": "sub-05_T1w.nii.gz: cannot be read to its end",
        "sub-01": "stands here a second time",
        "../x": "is not a participant id",
        "sub-09": "has no folder",
    }.items():
        assert words in excluded[person]
    scans = tables.read(faulty.results / "scans.tsv")
    assert scans.set_index("participant_id")["usable"].to_dict() == {
        "sub-01": True, "sub-02": False, "sub-03": False, "sub-04": False, "sub-05": False,
    }  # fmt: skip
    page = (faulty.root / "build" / "executed" / "faulty" / "2-1-cohort.ipynb").read_text()
    assert "is not a participant id" in page


def test_check_tells_of_missing_scans_and_changes_nothing(faulty):
    done = thalutils(faulty.root, "check", "faulty")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 people, 5 visits" in done.stdout
    assert "no FLAIR in 5 visits" in done.stdout
    assert not (faulty.root / "build").exists()
