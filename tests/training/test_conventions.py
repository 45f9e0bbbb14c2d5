"""The thalami's share of the brain, in label maps and as tools draw it."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from thalutils.segmenters.protocol import LABELS_FILE, STRUCTURES_FILE
from thalutils.segmenters.real_heads import Found
from thalutils.training import conventions

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


def drawn(folder, labels, file):
    folder.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(labels, AFFINE), folder / file)
    return folder / LABELS_FILE


def test_each_tool_has_its_own_thalami_beside_the_brain_that_samseg_drew(tmp_path):
    structures = np.zeros((10, 10, 10), np.uint8)
    structures[:8], structures[:2, :5], structures[0, 0] = 3, 10, 4
    small = np.where(structures == 10, 10, 0).astype(np.uint8)
    large = small.copy()
    large[2, :5] = 49
    masks = {
        "SAMSEG-T1": drawn(tmp_path / "s", small, LABELS_FILE),
        "ThalNet-T1": drawn(tmp_path / "t", large, LABELS_FILE),
    }
    drawn(tmp_path / "s", structures, STRUCTURES_FILE)
    found = Found([], {("MS 07", "1"): masks, ("MS 26", "1"): {"ThalNet-T1": masks["ThalNet-T1"]}}, [])
    rows = pd.DataFrame(conventions.of_tools(found))
    assert rows["drawn_by"].tolist() == ["SAMSEG-T1", "ThalNet-T1"] and set(rows["head"]) == {"MS 07"}
    assert rows["thalamus_ml"].tolist() == pytest.approx([0.72, 1.12])  # 90 and 140 voxels of 8 mm3
    assert rows["brain_ml"].tolist() == pytest.approx([6.32, 6.32])  # 800 voxels but for 10 of a ventricle
    shares = conventions.shares(rows).set_index("drawn_by")
    assert shares.loc["ThalNet-T1", "mean_percent"] == pytest.approx(100 * 1.12 / 6.32)


def test_fluid_skull_and_vessels_are_no_brain():
    assert conventions.sizes_ml(np.array([[[4, 24, 30, 165, 258, 0]]]), (10, 10, 10)) == {
        "thalamus_ml": 0.0,
        "brain_ml": 0.0,
    }
