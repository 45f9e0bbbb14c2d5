"""FIRST: its command lines, its labels, and what is said where it fails."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from command_lines import options

from thalutils.errors import ToolError
from thalutils.segmenters import first
from thalutils.segmenters.first import First

NIWRAP = json.loads((Path(__file__).parents[1] / "oracles" / "niwrap_commands.json").read_text())
# Stored to the left, as scanners often do.
AFFINE = np.array([[-1.0, 0, 0, 20], [0, 1, 0, -20], [0, 0, 1, -20], [0, 0, 0, 1]])
SHAPE = (40, 40, 40)

REORIENT = (
    "import nibabel; nibabel.save(nibabel.as_closest_canonical(nibabel.load(sys.argv[1])), sys.argv[2])"
)
# Labels what is bright: on the left of the world 10, on the right 49.
RUN_FIRST = """
import nibabel, numpy
words = sys.argv[1:]
image = nibabel.load(words[words.index("-i") + 1])
data = image.get_fdata()
x = nibabel.affines.apply_affine(image.affine, numpy.stack(numpy.indices(data.shape), -1))[..., 0]
labels = numpy.where(data > 50, numpy.where(x < 0, 10, 49), 0).astype("int16")
nibabel.save(nibabel.Nifti1Image(labels, image.affine), words[words.index("-o") + 1] + "_all_none_firstseg.nii.gz")
print(*words)
"""


@pytest.fixture
def scan(tmp_path) -> Path:
    """A head with two bright cubes, one bright voxel outside the brain."""
    data = np.ones(SHAPE, np.float32)
    data[5:12, 15:25, 15:25] = data[26:35, 15:25, 15:25] = 100
    data[0, 0, 0] = 100
    path = tmp_path / "t1w.nii.gz"
    nib.save(nib.Nifti1Image(data, AFFINE), path)
    return path


@pytest.fixture
def mask(tmp_path) -> Path:
    inside = np.ones(SHAPE, np.uint8)
    inside[0] = 0
    path = tmp_path / "mask.nii.gz"
    nib.save(nib.Nifti1Image(inside, AFFINE), path)
    return path


def test_the_command_lines_are_those_that_fsl_documents(tmp_path):
    """Against niwrap's typed wrappers, which know the flags; their order is free."""
    ours = [[Path(part).name for part in line] for line in first.commands(tmp_path)]
    renamed = {"t1w.nii": "brain.nii.gz", "brain.nii": "oriented.nii.gz"}
    reorient, run = ([renamed.get(part, part) for part in NIWRAP[name]] for name in ("reorient", "first"))
    assert ours[0] == reorient
    assert ours[1][0] == run[0]
    assert options(ours[1]) == options(run)


def test_first_sees_the_brain_alone_and_its_sides_come_back(tmp_path, scan, mask, no_tools, fake_suite):
    fake_suite("FSLDIR", "etc/fslversion", flirt="", fslreorient2std=REORIENT, run_first_all=RUN_FIRST)
    assert First().availability().version == "FSL 6.0.7.4"
    folder = tmp_path / "out"
    folder.mkdir()
    First().segment(scan, mask, folder, "full")
    labels = np.asarray(nib.load(folder / "thalamus.nii.gz").dataobj)
    assert labels.shape == SHAPE
    assert (labels[5:12, 15:25, 15:25] == 49).all()  # low indices lie on the right
    assert (labels[26:35, 15:25, 15:25] == 10).all()
    assert labels[0, 0, 0] == 0
    assert (labels > 0).sum() == 16 * 100


def test_finished_labels_are_found_wherever_they_lie(make_dataset):
    cohort = make_dataset(finished={"FIRST": "derivatives/fsl"})
    visit = cohort.sessions()[0]
    root = cohort.bids / "derivatives" / "fsl"
    root.mkdir(parents=True)
    assert First().finished(cohort, visit) is None
    flat = root / "sub-01_ses-01_all_none_firstseg.nii.gz"
    flat.touch()
    (root / "sub-01_ses-02_all_none_firstseg.nii.gz").touch()
    assert First().finished(cohort, visit) == flat
    deep = root / "sub-01" / "ses-01" / "anat" / "sub-01_ses-01_T1w_all_none_firstseg.nii.gz"
    deep.parent.mkdir(parents=True)
    deep.touch()
    with pytest.raises(ToolError, match="are all of sub-01_ses-01"):
        First().finished(cohort, visit)
    flat.unlink()
    assert First().finished(cohort, visit) == deep
