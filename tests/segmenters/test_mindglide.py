"""MindGlide: one load for all contrasts, clean images, labels on the scan's grid; its own package where it is."""

import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import ToolError
from thalutils.files import read_json
from thalutils.process import tool_environment
from thalutils.segmenters import mindglide
from thalutils.segmenters.mindglide import MindGlide

AFFINE = np.array([[-1.0, 0, 0, 15], [0, 0, 1.0, -15], [0, 1.0, 0, -15], [0, 0, 0, 1]])
SHAPE = (32, 34, 36)

# Says how often it was started; its label is 3 where the image is bright.
STAND_IN = f"""#!{sys.executable}
import os, sys
import nibabel, numpy
words = sys.argv[1:]
here, out = words[words.index("-i") + 1], words[words.index("-o") + 1]
for name in sorted(os.listdir(here)):
    image = nibabel.load(os.path.join(here, name))
    data = image.get_fdata()
    assert numpy.isfinite(data).all()
    labels = numpy.where(data > 50, 3, 13).astype("uint8")
    nibabel.save(nibabel.Nifti1Image(labels, image.affine), os.path.join(out, name.replace(".nii.gz", "_seg.nii.gz")))
print("loaded", *words)
"""
# Run by MindGlide's own Python: a network of zeros that calls every voxel deep grey matter.
ZEROS = """
import sys, torch
from mindglide.network import get_network
state = get_network("cpu").state_dict()
zeros = {name: torch.zeros(1, dtype=value.dtype).expand(value.shape) for name, value in state.items()}
zeros["output_block.conv.conv.bias"] = torch.zeros(20)
zeros["output_block.conv.conv.bias"][3] = 1
torch.save(zeros, sys.argv[1])
"""


def write(path: Path, spoilt: bool = False) -> Path:
    data = np.ones(SHAPE, np.float32)
    data[5:10, 5:10, 5:10] = 100
    if spoilt:
        data[0, 0, :3] = np.nan, np.inf, -np.inf
    nib.save(nib.Nifti1Image(data, AFFINE), path)
    return path


@pytest.fixture
def images(tmp_path) -> dict[str, Path]:
    return {
        name: write(tmp_path / f"{name}-scan.nii.gz", spoilt=name == "R1") for name in ("T1", "FLAIR", "R1")
    }


@pytest.fixture
def installed(no_tools) -> Path:
    environment = no_tools / "mindglide"
    (environment / "bin").mkdir(parents=True)
    (environment / "lib" / "python3.12" / "site-packages" / "mindglide-1.3.0.dist-info").mkdir(parents=True)
    program = environment / "bin" / "mindglide"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    return environment


def test_absent_it_says_how_to_get_it(no_tools):
    assert "thalutils tools install mindglide" in MindGlide().availability().reason


def test_all_contrasts_take_one_load_and_no_nan_reaches_it(tmp_path, images, installed):
    folder = tmp_path / "out"
    folder.mkdir()
    MindGlide().label(images, folder)
    assert (folder / "mindglide.log").read_text().count("loaded") == 1
    for contrast in images:
        found = nib.load(folder / f"{contrast}.nii.gz")
        np.testing.assert_allclose(found.affine, AFFINE)
        assert (np.asarray(found.dataobj) == 3).sum() == 125


def test_an_image_of_nothing_but_nan_is_refused():
    image = nib.Nifti1Image(np.full(SHAPE, np.nan, np.float32), AFFINE)
    with pytest.raises(ToolError, match="no finite voxel"):
        mindglide.cleaned(image, "MindGlide on R1")


@pytest.mark.parametrize("value", [0, np.nan])
def test_an_image_of_nothing_leaves_the_other_contrasts(tmp_path, images, installed, value):
    nib.save(nib.Nifti1Image(np.full(SHAPE, value, np.float32), AFFINE), images["R1"])
    folder = tmp_path / "out"
    folder.mkdir()
    faults = MindGlide().label(images, folder)
    assert list(faults) == ["R1"] and "MindGlide on R1: the image has no finite voxel" in faults["R1"]
    assert {path.name for path in folder.glob("*.nii.gz")} == {"T1.nii.gz", "FLAIR.nii.gz"}


def test_a_scan_that_mindglide_fails_on_leaves_the_other_contrasts(tmp_path, images, installed):
    """MindGlide labels the other scans of its folder, and then ends with an error."""
    fails = 'if name == "FLAIR.nii.gz":\n        print("cannot label", name)\n        continue\n    '
    body = STAND_IN.replace("image = nibabel", f"{fails}image = nibabel") + "sys.exit(1)\n"
    (installed / "bin" / "mindglide").write_text(body)
    folder = tmp_path / "out"
    folder.mkdir()
    faults = MindGlide().label(images, folder)
    assert list(faults) == ["FLAIR"]
    assert "mindglide ended with code 1" in faults["FLAIR"] and "cannot label FLAIR" in faults["FLAIR"]
    assert {path.name for path in folder.glob("*.nii.gz")} == {"T1.nii.gz", "R1.nii.gz"}


def test_weights_that_are_named_are_used_and_must_be_there(installed, monkeypatch, tmp_path):
    monkeypatch.setenv("MODEL_PATH", str(tmp_path / "weights.pt"))
    with pytest.raises(ToolError, match="which is no file"):
        MindGlide().command(Path("/in"), Path("/out"))
    (tmp_path / "weights.pt").write_bytes(b"1")
    words = MindGlide().command(Path("/in"), Path("/out"))
    assert words[-2:] == ["--model-path", tmp_path / "weights.pt"]
    assert ", weights " in MindGlide().availability().version
    before = MindGlide().options("full")
    (tmp_path / "weights.pt").write_bytes(b"22")
    assert MindGlide().options("full") != before


@pytest.mark.parametrize(
    ("labels", "affine", "words"),
    [
        (np.full(SHAPE, 3, np.uint8), AFFINE @ np.diag([1, 1, 2.0, 1]), "on another grid than the T1w"),
        (np.zeros(SHAPE, np.uint8), AFFINE, "every voxel is background"),
    ],
)
def test_labels_of_another_grid_or_of_nothing_are_a_fault_and_can_be_looked_at(
    tmp_path, labels, affine, words
):
    like = nib.Nifti1Image(np.ones(SHAPE, np.float32), AFFINE)
    mindglide.save_labels(nib.Nifti1Image(labels, affine), like, tmp_path, "T1", "MindGlide on T1")
    (fault,) = read_json(tmp_path / mindglide.faults_file("T1"))
    assert fault.startswith("MindGlide on T1: ") and words in fault
    aside = nib.load(tmp_path / mindglide.suspect_file("T1"))
    np.testing.assert_allclose(aside.affine, AFFINE)
    # the other grid's slices are twice as thick, so that its box of 3 fills this one's
    assert (np.asarray(aside.dataobj) == (3 if labels.any() else 0)).all()


def test_good_labels_have_no_fault(tmp_path):
    like = nib.Nifti1Image(np.ones(SHAPE, np.float32), AFFINE)
    labels = nib.Nifti1Image(np.full(SHAPE, 3, np.uint8), AFFINE)
    mindglide.save_labels(labels, like, tmp_path, "T1", "MindGlide on T1")
    assert [path.name for path in tmp_path.iterdir()] == ["T1.nii.gz"]


def test_finished_labels_are_told_apart_by_their_scans(make_dataset):
    cohort = make_dataset()
    place = cohort.bids / "derivatives" / "mindglide" / "sub-01" / "ses-01" / "anat"
    place.mkdir(parents=True)
    names = {"T1": "T1w_seg", "FLAIR": "FLAIR_seg", "R1": "R1map_seg"}
    for name in names.values():
        (place / f"sub-01_ses-01_space-T1w_{name}.nii.gz").touch()
    first, second = cohort.sessions()[:2]
    for contrast, name in names.items():
        found = MindGlide().finished(cohort, first, contrast)
        assert found.name.split("_", 3)[3] == f"{name}.nii.gz"
        assert MindGlide().finished(cohort, second, contrast) is None


@pytest.mark.slow
@pytest.mark.skipif(
    not (tool_environment("mindglide") / "bin" / "mindglide").exists(), reason="MindGlide is not installed"
)
def test_the_package_itself_keeps_the_grid(tmp_path, images, monkeypatch):
    """A checkpoint of zeros that labels all it sees 3 goes through MindGlide's own cropping and reorienting."""
    weights = tmp_path / "zeros.pt"
    python = tool_environment("mindglide") / "bin" / "python"
    subprocess.run([python, "-c", ZEROS, weights], check=True, env=os.environ)
    monkeypatch.setenv("MODEL_PATH", str(weights))
    folder = tmp_path / "out"
    folder.mkdir()
    MindGlide().label(images, folder)
    for contrast in images:
        found = nib.load(folder / f"{contrast}.nii.gz")
        np.testing.assert_allclose(found.affine, AFFINE)
        assert (np.asarray(found.dataobj) == 3).all()
