"""DBSegment: its command line, the way of its 1 mm labels back to the scan, its brain mask."""

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thalutils.segmenters import dbsegment
from thalutils.segmenters.dbsegment import DBSegment

SCAN = np.array([[0.8, 0, 0, -30.0], [0, 0.8, 0, -26], [0, 0, 0.8, -28], [0, 0, 0, 1]])
SHAPE = (75, 70, 68)
# DBSegment conforms to 1 mm and its own axes; 64 voxels of them do here.
CONFORMED = np.array([[-1.0, 0, 0, 32], [0, -1, 0, 32], [0, 0, 1, -32], [0, 0, 0, 1]])

STAND_IN = f"""#!{sys.executable}
import os, sys
import nibabel, numpy
words = sys.argv[1:]
scan = nibabel.load(os.path.join(words[words.index("-i") + 1], "head.nii.gz"))
assert scan.header.get_qform(coded=True)[1] == 1
affine = numpy.array({CONFORMED.tolist()})
index = numpy.stack(numpy.indices((64, 64, 64)), -1)
world = nibabel.affines.apply_affine(affine, index)
labels = (numpy.abs(world) < 25).all(-1).astype("uint8")
for name, x in ((24, -12), (26, -9), (30, -6), (25, 12), (27, 9), (31, 6)):
    labels[(numpy.abs(world - (x, 0, 4)) <= (1.4, 8.6, 8.6)).all(-1)] = name
out = words[words.index("-o") + 1]
os.makedirs(os.path.join(out, "preprocessed_v3"))
for name, values in (("preprocessed_v3/head", labels), ("head", labels), ("head_brainmask", (labels > 0).astype("uint8"))):
    nibabel.save(nibabel.Nifti1Image(values, affine), os.path.join(out, name + ".nii.gz"))
print(*words)
"""


@pytest.fixture
def scan(tmp_path) -> Path:
    path = tmp_path / "t1w.nii.gz"
    nib.save(nib.Nifti1Image(np.ones(SHAPE, np.float32), SCAN), path)
    return path


@pytest.fixture
def installed(no_tools) -> Path:
    """An environment as pip leaves it, whose program is a stand-in."""
    environment = no_tools / "dbsegment"
    (environment / "bin").mkdir(parents=True)
    (environment / "lib" / "python3.11" / "site-packages" / "DBSegment-0.2.2.dist-info").mkdir(parents=True)
    program = environment / "bin" / "DBSegment"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    return environment


def test_absent_it_says_how_to_get_it(no_tools):
    assert "thalutils tools install dbsegment" in DBSegment().availability().reason


def test_five_folds_and_mirroring(installed):
    words = [str(word) for word in dbsegment.command(Path("/in"), Path("/out"), Path("/models"))]
    text = " ".join(words[1:])
    assert text.startswith("-i /in -o /out -mp /models/ -f 0 1 2 3 4 --disable_tta False")


def test_the_labels_of_1_mm_lie_right_on_the_scan(tmp_path, scan, installed):
    assert DBSegment().availability().version == "0.2.2"
    folder = tmp_path / "run"
    folder.mkdir()
    DBSegment().segment(scan, scan, folder, "full")
    labels = np.asarray(nib.load(folder / "thalamus.nii.gz").dataobj)
    left, right = (nib.affines.apply_affine(SCAN, np.argwhere(labels == one)).mean(0) for one in (10, 49))
    np.testing.assert_allclose(left, (-9, 0, 4), atol=0.41)
    np.testing.assert_allclose(right, (9, 0, 4), atol=0.41)
    brain = np.asarray(nib.load(folder / dbsegment.BRAIN_FILE).dataobj) > 0
    assert brain[labels > 0].all()
    assert brain.sum() * 0.8**3 == pytest.approx(49**3, rel=0.05)


def test_finished_labels_of_1_mm_are_preferred(make_dataset):
    cohort = make_dataset()
    root = cohort.bids / "derivatives" / "dbsegment"
    (root / "preprocessed_v3").mkdir(parents=True)
    visit = cohort.sessions()[0]
    brain, native = (root / f"sub-01_ses-01_T1w{one}.nii.gz" for one in ("_brainmask", ""))
    brain.touch()  # as DBSegment leaves it beside its labels
    assert DBSegment().finished(cohort, visit) is None
    native.touch()
    assert DBSegment().finished(cohort, visit) == native
    conformed = root / "preprocessed_v3" / "sub-01_ses-01_T1w.nii.gz"
    conformed.touch()
    assert DBSegment().finished(cohort, visit) == conformed
