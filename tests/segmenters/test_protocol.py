"""Which masks are believed, and what is said of those that are not."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thalutils import process
from thalutils.errors import ToolError
from thalutils.files import hash_file
from thalutils.segmenters import protocol
from thalutils.segmenters.samseg import Samseg
from thalutils.segmenters.template import Template
from thalutils.segmenters.thalnet.tool import ThalNet

AFFINE = np.array([[1.0, 0, 0, -30], [0, 1, 0, -20], [0, 0, 1, -20], [0, 0, 0, 1]])
SHAPE = (60, 40, 40)


def both_sides(left: slice = slice(10, 25), right: slice = slice(35, 50)) -> np.ndarray:
    labels = np.zeros(SHAPE, np.int16)
    labels[left, 10:30, 10:30], labels[right, 10:30, 10:30] = 10, 49
    return labels


def judge(tmp_path, labels: np.ndarray, affine: np.ndarray = AFFINE, brain: np.ndarray | None = None) -> None:
    like = nib.Nifti1Image(np.zeros(SHAPE, np.uint8), AFFINE)
    brain_file = tmp_path / "brain.nii.gz"
    inside = np.ones(SHAPE, np.uint8) if brain is None else brain
    nib.save(nib.Nifti1Image(inside, AFFINE), brain_file)
    protocol.write_thalamus(nib.Nifti1Image(labels, affine), like, tmp_path, "X")
    protocol.check(tmp_path, "X", brain_file)


def test_a_plausible_mask_passes_with_its_two_labels_alone(tmp_path):
    labels = both_sides()
    labels[0, 0, 0] = 14
    judge(tmp_path, labels)
    kept = nib.load(tmp_path / "thalamus.nii.gz")
    assert set(np.unique(np.asarray(kept.dataobj))) == {0, 10, 49}


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros(SHAPE, np.int16), "its mask is empty"),
        (np.where(both_sides() == 49, 0, both_sides()), "it found no right thalamus"),
        (np.where(both_sides() == 10, 0, both_sides()), "it found no left thalamus"),
        (both_sides(slice(35, 50), slice(10, 25)), "left thalamus lies on the right"),
        (both_sides(slice(10, 12), slice(48, 50)), "1.6 mL, outside 3 to 25"),
    ],
)
def test_masks_that_cannot_be_are_refused_and_kept(tmp_path, labels, words):
    with pytest.raises(ToolError, match=words):
        judge(tmp_path, labels)
    assert (tmp_path / "thalamus.nii.gz").exists()


def test_too_large_a_mask_is_refused(tmp_path):
    labels = np.zeros(SHAPE, np.int16)
    labels[:30], labels[30:] = 10, 49
    with pytest.raises(ToolError, match=r"96\.0 mL, outside 3 to 25"):
        judge(tmp_path, labels)


def test_another_grid_is_refused_and_shown_where_it_lies(tmp_path):
    """A map of 2 mm voxels is brought onto the image's for the picture, and not used."""
    coarse = both_sides()[::2, ::2, ::2]
    affine = AFFINE @ np.diag([2.0, 2, 2, 1])
    with pytest.raises(ToolError, match=r"another grid \(30x20x20 voxels of 2 x 2 x 2 mm\)"):
        judge(tmp_path, coarse, affine)
    kept = np.asarray(nib.load(tmp_path / "thalamus.nii.gz").dataobj)
    assert kept.shape == SHAPE
    assert kept[20, 20, 20] == 10


def test_a_mask_of_another_scan_lies_outside_the_brain(tmp_path):
    brain = np.zeros(SHAPE, np.uint8)
    brain[:20] = 1
    with pytest.raises(ToolError, match=r"only 33 % of it lies in the brain mask\. Is it of this scan"):
        judge(tmp_path, both_sides(), brain=brain)


def test_labels_go_onto_another_grid_by_their_headers():
    """Axes permuted and turned round, as FreeSurfer stores them: each voxel keeps its place in the world."""
    like = nib.Nifti1Image(np.zeros(SHAPE, np.uint8), AFFINE)
    labels = nib.Nifti1Image(both_sides(), AFFINE)
    turned = labels.as_reoriented(np.array([[0, -1], [2, 1], [1, -1]]))
    assert nib.aff2axcodes(turned.affine) == ("L", "I", "A")
    np.testing.assert_array_equal(np.asarray(protocol.onto_grid(turned, like).dataobj), both_sides())


def test_a_result_that_is_absent_or_cut_short_is_named(tmp_path):
    with pytest.raises(ToolError, match=r"X ended without seg\.mgz"):
        protocol.load_result(tmp_path / "seg.mgz", "X")
    path = tmp_path / "seg.nii.gz"
    nib.save(nib.Nifti1Image(np.random.default_rng(1).integers(0, 9, SHAPE).astype(np.int16), AFFINE), path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ToolError, match=r"X left a seg\.nii\.gz that cannot be read"):
        protocol.load_result(path, "X")


def test_many_labels_become_two_sides():
    labels = np.array([24, 25, 26, 27, 30, 31, 1, 0])
    found = protocol.sides(labels, (24, 26, 30), (25, 27, 31))
    assert found.tolist() == [10, 49, 10, 49, 10, 49, 0, 0]


@pytest.mark.parametrize("tool", [Template(), Samseg(), ThalNet()], ids=lambda tool: tool.name)
def test_a_tools_results_in_the_cache_are_those_of_all_the_code_that_made_them(tool, monkeypatch):
    """Of two tools, only the adapter's own file counted: masks that an earlier `write_thalamus` wrote were taken for today's."""
    before = tool.options("fast")
    assert tool.options("fast") == before
    monkeypatch.setattr(
        process, "hash_file", lambda path: "other" if Path(path).name == "protocol.py" else hash_file(path)
    )
    assert tool.options("fast") != before
