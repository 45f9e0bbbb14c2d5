"""The page of the real heads: which are here, and the lesions that raters drew on them."""

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import ImageError
from thalutils.report import real_pages
from thalutils.segmenters import real_heads
from thalutils.segmenters.real_heads import HEADS, Found, Prepared

SHAPE = (40, 44, 36)


def saved(path, values):
    nib.save(nib.Nifti1Image(values, np.diag([1.0, 1, 1, 1])), path)
    return path


@pytest.fixture
def found(tmp_path):
    """One patient with a FLAIR, lesions of 0.027 mL and thalami."""
    [head] = [one for one in HEADS if one.name == "MS 07"]
    rng = np.random.default_rng(0)
    scan = rng.uniform(50, 100, SHAPE).astype(np.float32)
    lesions, thalami = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    lesions[5:8, 5:8, 5:8] = 1
    thalami[12:18, 16:26, 14:22], thalami[22:28, 16:26, 14:22] = 10, 49
    paths = {name: saved(tmp_path / f"{name}.nii.gz", values) for name, values in {"t1w": scan, "flair": scan, "brain": np.ones(SHAPE, np.uint8), "lesions": lesions, "thalami": thalami}.items()}  # fmt: skip
    ready = Prepared(head, paths["t1w"], paths["brain"], paths["flair"], paths["lesions"])
    return Found([ready], {("MS 07", "1"): {"ThalNet-FLAIR": paths["thalami"]}}, [])


def test_lesions_stand_in_the_list_and_on_the_flair(found):
    assert real_pages.lesions_ml(found.prepared[0].lesions) == pytest.approx(0.027)
    text = real_pages.heads(found).data
    assert "lesions_ml" in text and "Colin27" in text
    [sheet] = real_pages.diseased(found)
    assert "ThalNet-FLAIR" in sheet.data and "lesions as raters drew them" in sheet.data


def test_without_a_patient_the_page_says_so(found):
    [said] = real_pages.diseased(Found([], {}, []))
    assert "No patient" in said.data


def test_a_head_that_another_package_brings_is_asked_for_by_name(tmp_path):
    with pytest.raises(ImageError, match="mricron-data"):
        real_heads._source(tmp_path, ("file", str(tmp_path / "ch2.nii.gz")))
