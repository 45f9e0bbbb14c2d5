"""SAMSEG's longitudinal model, up to the program: its command, its options file, its outputs."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import ToolError
from thalutils.segmenters import samseg_long

AFFINE = np.eye(4)


def both_sides(right: int) -> np.ndarray:
    labels = np.zeros((12, 12, 12))
    labels[2:5, 4:8, 4:8], labels[7:right, 4:8, 4:8], labels[5:7] = 10, 49, 14
    return labels


@pytest.fixture
def scans(tmp_path) -> tuple[Path, Path]:
    paths = tmp_path / "first.nii.gz", tmp_path / "second.nii.gz"
    for path in paths:
        nib.save(nib.Nifti1Image(np.ones((12, 12, 12), np.float32), AFFINE), path)
    return paths


@pytest.fixture
def program(monkeypatch):
    """A stand-in for the program, which keeps its command and options and writes a label map for each visit."""
    seen = {}

    def run(argv, *, log, timeout_s):
        words = [str(word) for word in argv]
        seen["argv"] = words
        seen["options"] = json.loads(Path(words[words.index("--options") + 1]).read_text())
        for place, right in ((1, 10), (2, 9)):
            folder = Path(words[words.index("-o") + 1]) / f"tp{place:03d}"
            folder.mkdir(parents=True)
            if not seen.get("fails") or place == 1:
                nib.save(nib.MGHImage(both_sides(right).astype(np.int32), AFFINE), folder / "seg.mgz")
        return ""

    monkeypatch.setattr(samseg_long, "run_program", run)
    return seen


def test_each_visit_is_a_timepoint_and_gets_its_own_mask(scans, program, tmp_path):
    before, after = samseg_long.segment_pair(scans, tmp_path, "fast")
    assert program["argv"].count("-t") == 2 and Path(program["argv"][0]).name == "run_samseg_long"
    order = [program["argv"].index(str(path)) for path in scans]
    assert order == sorted(order)
    levels = program["options"]["optimizationOptions"]["multiResolutionSpecification"]
    assert len(levels) == 1, "the fast preset of single visits"
    assert (before == np.where(np.isin(both_sides(10), (10, 49)), both_sides(10), 0)).all()
    assert (before > 0).sum() - (after > 0).sum() == 16
    assert not (tmp_path / "work-long").exists()


def test_a_visit_without_a_result_is_a_fault(scans, program, tmp_path):
    program["fails"] = True
    with pytest.raises(ToolError, match="longitudinal model ended without seg"):
        samseg_long.segment_pair(scans, tmp_path, "fast")
