"""FLIRT: its matrices against two libraries, its command lines against a third, and running it."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from command_lines import options

from thalutils import stage, tables
from thalutils.imaging import alignment, brain_mask, flirt, strategies

ORACLES = Path(__file__).parents[1] / "oracles"
MATRICES = json.loads((ORACLES / "fsl_matrices.json").read_text())
NIWRAP = json.loads((ORACLES / "niwrap_commands.json").read_text())
ROUNDED_MM = 2e-6  # headers hold float32, and the oracles are rounded
AFFINE = np.array([[-2.0, 0, 0, 30], [0, 2, 0, -30], [0, 0, 2, -30], [0, 0, 0, 1]])


def grid(name: str) -> nib.Nifti1Image:
    found = MATRICES["grids"][name]
    return nib.Nifti1Image(np.zeros(found["shape"], np.uint8), np.array(found["affine"]))


@pytest.mark.parametrize("pair", MATRICES["pairs"], ids=lambda pair: f"{pair['fixed']}-{pair['moving']}")
def test_matrices_mean_what_fslpy_and_nitransforms_say(pair):
    """On grids with determinants of either sign, permuted axes and an oblique one."""
    fixed, moving = grid(pair["fixed"]), grid(pair["moving"])
    found = flirt.flirt_to_world(np.array(MATRICES["matrix"]), moving, fixed)
    np.testing.assert_allclose(found, pair["fslpy"], atol=ROUNDED_MM)
    np.testing.assert_allclose(found, pair["nitransforms"], atol=ROUNDED_MM)
    np.testing.assert_allclose(flirt.world_to_flirt(found, moving, fixed), MATRICES["matrix"], atol=1e-9)


@pytest.mark.parametrize("strategy", ["flirt-mi", "flirt-ncc-masked", "flirt-ncc"])
def test_command_lines_are_those_that_niwrap_builds(strategy):
    moving = "flair.nii" if strategy == "flirt-ncc" else "r1.nii"
    last = flirt.flirt_commands(strategy, "t1w.nii", moving, "out", "brain.nii")[-1]
    expected = NIWRAP.get(strategy) or NIWRAP[f"{strategy} refine"]
    assert options(last) == options(expected)


# Stands for FLIRT: it writes the matrix that a test gives it, and keeps what it was told.
STAND_IN = """
import shutil
words = sys.argv[1:]
print(*words)
for name in (words[words.index("-in") + 1], words[words.index("-ref") + 1]):
    assert os.path.exists(name)
if "-init" in words:
    assert os.path.exists(words[words.index("-init") + 1])
shutil.copy(os.environ["MATRIX"], words[words.index("-omat") + 1])
"""


@pytest.fixture
def head() -> nib.Nifti1Image:
    data = np.random.default_rng(1).random((30, 31, 32)).astype(np.float32)
    return nib.Nifti1Image(data, AFFINE)


@pytest.mark.parametrize("strategy", ["flirt-mi", "flirt-ncc-masked", "flirt-ncc"])
def test_flirt_s_answer_comes_back_in_the_common_form(
    tmp_path, head, no_tools, fake_suite, monkeypatch, strategy
):
    """The truth is written as FLIRT would, between the images as FLIRT sees them: reoriented."""
    fake_suite("FSLDIR", "etc/fslversion", flirt=STAND_IN)
    truth = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.02, 0.05, -0.03), [2.0, -3.0, 1.0])
    seen = nib.as_closest_canonical(head)
    np.savetxt(tmp_path / "truth.mat", flirt.world_to_flirt(truth, seen, seen))
    monkeypatch.setenv("MATRIX", str(tmp_path / "truth.mat"))
    folder = tmp_path / "out"
    folder.mkdir()
    found = flirt.register(
        head, head, strategy, nib.Nifti1Image(np.ones(head.shape, np.float32), AFFINE), folder
    )
    np.testing.assert_allclose(found, truth, atol=1e-6)
    assert {path.suffix for path in folder.iterdir()} == {".log"}
    assert len(list(folder.iterdir())) == (2 if strategy == "flirt-mi" else 1)


def test_flirt_stands_in_its_place_where_it_is_here(no_tools, fake_suite):
    assert strategies.flirt_version(True) is None
    fake_suite("FSLDIR", "etc/fslversion", flirt="")
    assert strategies.flirt_version(True) == "6.0.7.4"
    assert strategies.flirt_version(False) is None
    assert strategies.tried("R1", True) == ("flirt-mi", "flirt-ncc-masked", "ants-rigid")
    assert strategies.tried("FLAIR", True) == ("flirt-ncc",)
    assert strategies.tried("R1", False) == ("sitk-mi", "sitk-ncc-masked", "ants-rigid")


def test_a_visit_is_aligned_by_flirt_where_it_is_here(
    make_dataset, no_tools, fake_suite, monkeypatch, tmp_path
):
    """FLAIR is the T1w itself, and FLIRT's answer is that nothing moved."""
    cohort = make_dataset(people=("sub-01",), visits=("ses-01",), scans=("anat/T1w", "anat/FLAIR"))
    visit = cohort.sessions()[0]
    rows = [
        {
            "participant_id": "sub-01", "session_id": "ses-01", "image": name, "usable": True, "shape": None,
            "file": str(visit.image(name).relative_to(cohort.bids)), "voxel_mm": None,
        }
        for name in ("T1w", "FLAIR")
    ]  # fmt: skip
    shard = {"scans": stage.frame("scans", rows)}
    tables.write_shards(cohort.results, stage.ACQUISITION, "sub-01", shard)
    t1w = nib.load(visit.image("T1w"))
    brain = stage.derivative(cohort, visit, brain_mask.ENDING)
    brain.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image((t1w.get_fdata() > 300).astype(np.uint8), t1w.affine), brain)
    fake_suite("FSLDIR", "etc/fslversion", flirt=STAND_IN)
    np.savetxt(tmp_path / "still.mat", np.eye(4))
    monkeypatch.setenv("MATRIX", str(tmp_path / "still.mat"))
    options = {"sitk_cutoff": 0.3, "ants_cutoff": 0.3, "flair_cutoff": 0.3, "bins": 64, "r1_percentile": 99.0}
    task = stage.Task(cohort, visit, "FLAIR", options | {"flirt": True})
    (row,) = alignment.align(task)["registration"]
    assert (row["strategy"], row["selected"]) == ("flirt-ncc", True)
    moved = nib.load(task.derivative(alignment.ENDINGS["FLAIR"]))
    inside = (slice(2, -2),) * 3
    np.testing.assert_allclose(moved.get_fdata()[inside], t1w.get_fdata()[inside], atol=1)
