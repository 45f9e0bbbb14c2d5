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
from thalutils.cohort import Cohort

pytestmark = pytest.mark.slow
HERE = Path(__file__).resolve().parents[2]
ROWS = "participant_id\tsex\tgroup\nsub-01\tF\tRRMS\nsub-02\tM\tHC\nsub-03\tF\tPMS\nsub-04\tF\tRRMS\nsub-05\tM\tHC\nsub-01\tF\tRRMS\n../x\tF\tHC\nsub-09\tF\tHC\n"


@pytest.fixture
def faulty(checkout, make_dataset, head):
    shutil.copytree(HERE / "notebooks", checkout / "notebooks", dirs_exist_ok=True)
    people = [f"sub-{number:02d}" for number in range(1, 6)]
    cohort = make_dataset("faulty", people=people, visits=(), rows=ROWS, publish_individuals=True)

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


def test_every_fault_is_listed_and_the_rest_goes_on(faulty, fault):
    fault.name = (
        "scans cut short, empty, not finite or no images; rows twice, of nobody or with an impossible id"
    )
    with fault.attempt(7):
        told = every_fault_is_listed(faulty)
        fault.show(told, "cannot be read to its end")


def every_fault_is_listed(faulty) -> str:
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
    return done.stdout


def test_check_tells_of_missing_scans_and_changes_nothing(faulty):
    done = thalutils(faulty.root, "check", "faulty")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 people, 5 visits" in done.stdout
    assert "no FLAIR in 5 visits" in done.stdout
    assert not (faulty.root / "build").exists()


SHEET = """ID;Visite;Datum;Geb;EDSS;W;FIRST
p1;M0;01.02.2020;03.04.1975;2,5;5,1;14000
p1;M12;01.02.2021;03.04.1975;11;5.3;13900
p2;M0;01.02.2020;30.02.1975;;;9000000
p2;M0;01.02.2020;30.02.1975;;;14000
=1+1;M0;;;;;14000
p3;M12;01.02.2021;;3;0;14,1
"""
YAML = """title: Mine
tables:
  visits: data/mine.csv
  columns: {participant_id: ID, session_id: Visite, visit_date: Datum, birth_date: Geb, edss: EDSS, t25fw_1_s: W,
    volumes: {FIRST: FIRST}}
  units: {volume: mm3}
  decimal: ","
  dates: day-first
"""


@pytest.fixture
def sheet(checkout):
    shutil.copytree(HERE / "notebooks", checkout / "notebooks", dirs_exist_ok=True)
    (checkout / "data").mkdir()
    (checkout / "data" / "mine.csv").write_text(SHEET, encoding="latin-1")
    (checkout / "cohorts" / "mine.yml").write_text(YAML)
    return Cohort.load("mine")


def test_check_tells_every_fault_of_a_spreadsheet_at_once(sheet):
    done = thalutils(sheet.root, "check", "cohorts/mine.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "3 people, 4 visits (ses-M00, ses-M12, in this order) in" in done.stdout
    for fault in (
        "row 3, column EDSS: '11' is not a step of the EDSS",
        "row 3, column W: '5.3' is not a number: it has a point, and `decimal` is ','",
        "row 4, column Geb: '30.02.1975' is not a date",
        "row 4, column FIRST: '9000000' cannot be both thalami",
        "row 5: sub-p2 ses-M00 stands here again; row 4 is used",
        "row 6, column ID: '=1+1' is not an id",
        "row 7, column W: '0' cannot be a timed walk",
        "row 7, column FIRST: '14,1' cannot be both thalami of a person (1 to 40 mL). If it is in mL",
    ):
        assert f"left out: mine.csv {fault}" in done.stdout
    assert not (sheet.root / "build").exists()


def test_check_refuses_a_spreadsheet_without_its_columns_and_tells_the_rest_too(sheet):
    path = sheet.root / "data" / "mine.csv"
    path.write_text(path.read_text().replace("FIRST", "Thalamus").replace("Visite", "Visit"))
    done = thalutils(sheet.root, "check", "mine")
    assert done.returncode == 2
    assert "wrong: column 'Visite' (columns.session_id) is not in the header. Is it 'Visit'?" in done.stdout
    assert "wrong: column 'FIRST' (columns.volumes.FIRST) is not in the header" in done.stdout
    assert "row 3, column EDSS: '11'" in done.stdout
    done = thalutils(sheet.root, "run", "mine", "--stage", "tables")
    assert done.returncode == 1
    assert "column 'Visite' (columns.session_id)" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_what_a_spreadsheet_has_wrong_is_left_out_and_the_rest_goes_on(sheet):
    for stage in ("tables", "cohort"):
        done = thalutils(sheet.root, "run", "mine", "--stage", stage)
        assert done.returncode == 0, done.stdout + done.stderr
    volumes = tables.read(sheet.results / "volumes.tsv")
    assert volumes[["participant_id", "volume_ml"]].to_numpy().tolist() == [
        ["sub-p1", 14.0],
        ["sub-p1", 13.9],
    ]
    excluded = tables.read(sheet.results / "exclusions.tsv")
    assert set(excluded["stage"]) == {"2-6-tables"}
    assert "row 6" in set(excluded["participant_id"])
    visits = tables.read(sheet.results / "sessions.tsv")
    assert visits["age_years"].notna().sum() == 2
