"""ThalNet beside a second opinion: every two masks of a head, ThalNet's first."""

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import ToolError
from thalutils.files import write_json
from thalutils.segmenters import real_heads
from thalutils.segmenters.protocol import LABELS_FILE, WARNINGS_FILE
from thalutils.segmenters.real_heads import Found
from thalutils.training import real_scans


def mask(folder, size, warnings=()):
    """A cube of `size` voxels of 2 mm along each edge."""
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[:size, :size, :size] = 10
    folder.mkdir()
    nib.save(nib.Nifti1Image(labels, np.diag([2.0, 2.0, 2.0, 1.0])), folder / LABELS_FILE)
    write_json(folder / WARNINGS_FILE, {"warnings": list(warnings)})
    return folder / LABELS_FILE


def test_two_masks_of_a_head_are_compared_with_those_of_thalnet_first(tmp_path):
    drawn = {
        "SAMSEG-T1": mask(tmp_path / "s", 4),
        "ThalNet-T1": mask(tmp_path / "t", 5),
        "ThalNet-FLAIR": mask(tmp_path / "f", 5, ["unsure"]),
    }
    table = real_scans.pairs(Found([], {("MNI152", "1"): drawn}, [])).set_index(["method", "other"])
    assert list(table.index) == [
        ("ThalNet-T1", "ThalNet-FLAIR"), ("ThalNet-T1", "SAMSEG-T1"), ("ThalNet-FLAIR", "SAMSEG-T1"),
    ]  # fmt: skip
    row = table.loc[("ThalNet-T1", "SAMSEG-T1")]
    assert row["dice"] == pytest.approx(2 * 64 / (64 + 125))
    assert (row["volume_ml"], row["other_ml"]) == (pytest.approx(1.0), pytest.approx(0.512))
    assert table["warned"].tolist() == [True, False, True]


def test_a_table_that_would_lack_a_scan_is_not_kept(tmp_path, monkeypatch):
    asked = {}

    def study(cache, preset, samseg_scans, heads):
        asked.update(preset=preset, scans=samseg_scans, heads=[head.name for head in heads])
        return Found([], {}, ["Colin27, visit 1: not here."])

    monkeypatch.setattr(real_heads, "study", study)
    with pytest.raises(ToolError, match="Colin27"):
        real_scans.run(tmp_path)
    assert not (tmp_path / real_scans.DATA).exists()
    assert asked["preset"] == "full"
    assert asked["heads"][: asked["scans"]] == ["MNI152", "MS 07", "MS 26", "Colin27"]
