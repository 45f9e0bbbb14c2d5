"""SIENA: its command line, its report, and what is said where it fails."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thalutils import stage, tables
from thalutils.errors import ImageError, ToolError
from thalutils.imaging import siena

NIWRAP = json.loads((Path(__file__).parents[1] / "oracles" / "niwrap_commands.json").read_text())
# As siena 2.6 writes it: what it did, the measurement both ways, their mean last.
REPORT = """-----------------------------------------------------------------------

 SIENA - Structural Image Evaluation, using Normalisation, of Atrophy
 part of FSL www.fmrib.ox.ac.uk/fsl
 running longitudinal atrophy analysis: siena version 2.6
 siena A B

---------- extract brain --------------------------------------------

----------  change analysis  ----------------------------------------
AREA  163311.3  mm^2
VOLC  -1204.5  mm^3
RATIO  -0.00737  mm
PBVC  -0.551  %
AREA  163254.9  mm^2
PBVC  -0.493  %

finalPBVC  -0.522   %
"""
# It refuses two scans of which the first is not the brighter.
STAND_IN = f"""
import nibabel
assert [os.path.basename(name) for name in sys.argv[1:3]] == sys.argv[1:3], "bare names, in their folder"
first, last = (nibabel.load(name).get_fdata().mean() for name in sys.argv[1:3])
assert first > last
os.makedirs(sys.argv[4])
open(os.path.join(sys.argv[4], "report.siena"), "w").write({REPORT!r})
"""


@pytest.fixture
def cohort(make_dataset):
    """Two people with two visits, whose T1w are checked; that of the second visit is darker."""
    found = make_dataset()
    for person in ("sub-01", "sub-02"):
        rows = [
            {
                "participant_id": person, "session_id": visit.session_id, "image": "T1w", "usable": True,
                "file": str(visit.image("T1w").relative_to(found.bids)), "shape": None, "voxel_mm": None,
            }
            for visit in found.sessions(person)
        ]  # fmt: skip
        tables.write_shards(found.results, stage.ACQUISITION, person, {"scans": stage.frame("scans", rows)})
        last = found.sessions(person)[-1].image("T1w")
        image = nib.load(last)
        nib.save(nib.Nifti1Image(np.asarray(image.dataobj) // 2, image.affine), last)
    return found


def test_the_last_word_of_a_report_is_read(tmp_path):
    path = tmp_path / "report.siena"
    path.write_text(REPORT)
    assert siena.read(path) == -0.522


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (REPORT.split("finalPBVC")[0], "has no line finalPBVC"),
        (REPORT.replace("-0.522", "nan"), "finalPBVC is nan %"),
        (REPORT.replace("-0.522", "-61.2"), "which no brain does"),
    ],
)
def test_a_report_that_cannot_be_used_is_named(tmp_path, text, words):
    path = tmp_path / "report.siena"
    path.write_text(text)
    with pytest.raises(ToolError, match=words):
        siena.read(path)


def test_the_command_line_is_that_which_fsl_documents():
    """Names are ours, their places are FSL's: the earlier scan first, else the sign of every change is wrong."""
    ours = {"t1w.nii": "A.nii.gz", "r1.nii": "B.nii.gz"}
    assert siena.command() == [ours.get(part, part) for part in NIWRAP["siena"]]


def test_siena_runs_on_the_first_and_last_visit(cohort, no_tools, fake_suite):
    assert not siena.available(cohort, "sub-01")
    fake_suite("FSLDIR", "etc/fslversion", flirt="", siena=STAND_IN)
    assert siena.available(cohort, "sub-01")
    row = siena.measure(cohort, "sub-01")
    assert row == {"participant_id": "sub-01", "engine": "SIENA", "pbvc_percent": -0.522}
    tables.check("brain_change", stage.frame("brain_change", [row]))


def test_siena_runs_on_scans_that_are_links(cohort, no_tools, fake_suite):
    """As DataLad lays them out: relative links into its annex."""
    annex = cohort.bids / ".git" / "annex"
    annex.mkdir(parents=True)
    for visit in cohort.sessions("sub-01"):
        scan = visit.image("T1w")
        scan.rename(annex / visit.key)
        scan.symlink_to(Path("../../..") / ".git" / "annex" / visit.key)
    fake_suite("FSLDIR", "etc/fslversion", flirt="", siena=STAND_IN)
    assert siena.measure(cohort, "sub-01")["pbvc_percent"] == -0.522


def test_what_is_finished_is_read_without_fsl(cohort, no_tools):
    place = cohort.bids / "derivatives" / "siena" / "sub-02" / "ses-01_ses-02"
    place.mkdir(parents=True)
    (place / "report.siena").write_text(REPORT.replace("-0.522", "0.1"))
    assert siena.available(cohort, "sub-02")
    assert siena.measure(cohort, "sub-02")["pbvc_percent"] == 0.1
    with pytest.raises(ToolError, match="not found: set FSLDIR"):
        siena.measure(cohort, "sub-01")
    more = cohort.bids / "derivatives" / "siena" / "sub-02_again"
    more.mkdir()
    (more / "report.siena").write_text(REPORT)
    with pytest.raises(ToolError, match="are all of sub-02"):
        siena.measure(cohort, "sub-02")


def test_one_visit_has_no_change(make_dataset, no_tools, fake_suite):
    fake_suite("FSLDIR", "etc/fslversion", flirt="", siena=STAND_IN)
    with pytest.raises(ImageError, match="one visit"):
        siena.measure(make_dataset("single", visits=("ses-01",)), "sub-01")


def test_plain_nifti_is_packed(tmp_path, head_file):
    plain = tmp_path / "a.nii"
    nib.save(nib.load(head_file), plain)
    siena._as_gz(plain, tmp_path / "A.nii.gz")
    assert nib.load(tmp_path / "A.nii.gz").shape == nib.load(plain).shape
