"""SAMSEG's adapter, up to the program: its command, its options file, its outputs."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import ToolError
from thalutils.segmenters import samseg

AFFINE = np.diag([1.0, 1.0, 1.0, 1.0])


@pytest.fixture
def scan(tmp_path) -> Path:
    path = tmp_path / "t1w.nii.gz"
    nib.save(nib.Nifti1Image(np.ones((12, 12, 12), np.float32), AFFINE), path)
    return path


@pytest.fixture
def program(monkeypatch):
    """A stand-in for the program, which keeps its command and options and writes what it is told."""
    seen = {}

    def run(argv, *, log, timeout_s, environment=None):
        words = [str(word) for word in argv]
        seen["argv"] = words
        seen["options"] = json.loads(Path(words[words.index("--options") + 1]).read_text())
        out = Path(words[words.index("-o") + 1])
        out.mkdir()
        if seen.get("labels") is not None:
            nib.save(
                nib.MGHImage(seen["labels"].astype(np.int32), seen.get("affine", AFFINE)), out / "seg.mgz"
            )
        (out / "sbtiv.stats").write_text("# Measure Intra-Cranial, 1500123.4, mm^3\n")
        return ""

    monkeypatch.setattr(samseg, "run_program", run)
    monkeypatch.setattr(samseg, "_affine", lambda image, mask, target: target)
    return seen


def both_sides() -> np.ndarray:
    labels = np.zeros((12, 12, 12))
    labels[2:5, 4:8, 4:8], labels[7:10, 4:8, 4:8], labels[5:7] = 10, 49, 14
    return labels


def segment(scan: Path, tmp_path: Path, preset: str = "fast") -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    samseg.Samseg().segment(scan, scan, folder, preset)
    return folder


def test_fast_options_stand_where_samseg_reads_them(scan, program, tmp_path):
    """Anywhere but under optimizationOptions they are ignored, and the fast preset is the full one."""
    program["labels"] = both_sides()
    segment(scan, tmp_path)
    levels = program["options"]["optimizationOptions"]["multiResolutionSpecification"]
    assert len(levels) == 1
    assert "-r" in program["argv"]


def test_full_is_samseg_as_it_comes(scan, program, tmp_path):
    program["labels"] = both_sides()
    segment(scan, tmp_path, "full")
    assert program["options"] == {"optimizationOptions": {}}
    assert "-r" not in program["argv"]


def test_thalamus_structures_and_volume_are_kept_and_nothing_else(scan, program, tmp_path):
    program["labels"] = both_sides()
    folder = segment(scan, tmp_path)
    thalamus = np.asarray(nib.load(folder / "thalamus.nii.gz").dataobj)
    assert set(np.unique(thalamus)) == {0, 10, 49}
    assert (np.asarray(nib.load(folder / "structures.nii.gz").dataobj) == both_sides()).all()
    assert json.loads((folder / "icv.json").read_text())["icv_ml"] == pytest.approx(1500.1234)
    assert not (folder / "work").exists()


def test_faults_of_the_program_are_named(scan, program, tmp_path):
    with pytest.raises(ToolError, match=r"ended without seg\.mgz"):
        segment(scan, tmp_path)
    (tmp_path / "again").mkdir()
    program["labels"] = np.where(both_sides() == 49, 0, both_sides())
    assert "no right thalamus" in (segment(scan, tmp_path / "again") / "faults.json").read_text()
    (tmp_path / "third").mkdir()
    program["labels"], program["affine"] = both_sides(), np.diag([1.0, 1.0, 2.0, 1.0])
    assert "another grid" in (segment(scan, tmp_path / "third") / "faults.json").read_text()


def test_unknown_preset_is_refused():
    with pytest.raises(ToolError, match="no preset slow"):
        samseg.Samseg().options("slow")
