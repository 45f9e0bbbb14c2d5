"""The page of the real heads: which are here, the lesions that raters drew on them, and how volumes of tools compare."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from thalutils import fetch
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


def test_a_head_that_was_not_asked_for_is_told_from_one_that_could_not_be_had(found):
    assert "left out by real_visits" not in real_pages.heads(found).data
    few = Found(found.prepared, found.masks, [], real_heads.first(2))
    assert real_pages.heads(few).data.count("left out by real_visits") == len(HEADS) - 2


def test_without_a_patient_the_page_says_so(found):
    [said] = real_pages.diseased(Found([], {}, []))
    assert "No patient" in said.data


def test_a_head_that_another_package_brings_is_asked_for_by_name(tmp_path, monkeypatch):
    monkeypatch.setitem(fetch.INSTALLED, "colin27", tmp_path / "ch2.nii.gz")
    assert fetch.at_hand("colin27") == {}
    with pytest.raises(ImageError, match="mricron-data"):
        real_heads._source(tmp_path, ("installed", "colin27"))


def volumes(**methods):
    return pd.DataFrame(
        [
            {"head": f"head {place}", "visit": "1", "method": method, "volume_ml": volume}
            for method, found in methods.items()
            for place, volume in enumerate(found)
        ]
    ).replace({"ThalNet": "ThalNet-T1", "SAMSEG": "SAMSEG-T1"})


def test_the_difference_is_the_mean_over_scans_that_both_drew():
    found = real_pages.numbers(volumes(ThalNet=[11.0, 12.0, 99.0], SAMSEG=[10.0, 10.0], Template=[22.0]))
    assert found["real.samseg_percent"] == pytest.approx(15) and found["real.samseg_n"] == 2
    assert found["real.template_percent"] == pytest.approx(-50) and found["real.template_n"] == 1


def test_a_tool_that_drew_nothing_is_not_known():
    found = real_pages.numbers(volumes(ThalNet=[11.0]))
    assert found == dict.fromkeys(
        ("real.samseg_n", "real.samseg_percent", "real.template_n", "real.template_percent")
    )
