"""Which tool runs where, what its files are called, and which masks are not believed."""

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import ToolError
from thalutils.segmenters import registry, session
from thalutils.segmenters.protocol import Availability


@pytest.fixture
def all_tools(monkeypatch):
    for tool in registry.SEGMENTERS:
        monkeypatch.setattr(type(tool), "availability", lambda self: Availability(True, "1"))


def chosen(cohort, samseg_all: int, samseg_t1: int) -> dict[str, list[str]]:
    choose = session.pieces(cohort, samseg_all, samseg_t1)
    return {visit.key: choose(visit) for visit in cohort.sessions()}


def test_slow_tools_run_where_the_parameters_say(all_tools, make_dataset):
    found = chosen(make_dataset(), samseg_all=1, samseg_t1=2)
    assert found["sub-01_ses-01"] == ["Template T1", "SAMSEG T1", "SAMSEG FLAIR", "SAMSEG R1"]
    assert found["sub-02_ses-01"] == ["Template T1", "SAMSEG T1"]
    assert found["sub-01_ses-02"] == found["sub-02_ses-02"] == ["Template T1"]


def test_minus_one_is_everyone(all_tools, make_dataset):
    found = chosen(make_dataset(), samseg_all=-1, samseg_t1=-1)
    assert all(len(pieces) == 4 for pieces in found.values())


def test_an_absent_tool_leaves_no_piece(monkeypatch, make_dataset):
    for tool in registry.SEGMENTERS:
        monkeypatch.setattr(type(tool), "availability", lambda self: Availability(False, reason="absent"))
    assert not any(chosen(make_dataset(), -1, -1).values())


def test_ensembles_are_named_as_in_the_paper():
    names = session.methods()
    assert [name for name in names if name.startswith("SAMSEG")] == [
        "SAMSEG-T1", "SAMSEG-FLAIR", "SAMSEG-R1", "SAMSEG-T1-FLAIR", "SAMSEG-T1-R1", "SAMSEG-R1-FLAIR",
        "SAMSEG-T1-R1-FLAIR", "SAMSEG-T1-R1-FLAIR-STAPLE",
    ]  # fmt: skip
    assert len({session.ending(name) for name in names}) == len(names)


def save(tmp_path, left_x: slice, right_x: slice):
    labels = np.zeros((60, 40, 40), np.uint8)
    labels[left_x, 10:30, 10:30], labels[right_x, 10:30, 10:30] = 10, 49
    affine = np.eye(4)
    affine[0, 3] = -30
    path = tmp_path / "mask.nii.gz"
    nib.save(nib.Nifti1Image(labels, affine), path)
    return path


def test_a_plausible_mask_passes(tmp_path):
    session.check_plausible(save(tmp_path, slice(10, 25), slice(35, 50)), "X")


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        (slice(35, 50), slice(10, 25), "left thalamus lies on the right"),
        (slice(10, 12), slice(48, 50), "1.6 mL, outside 3 to 25"),
    ],
)
def test_implausible_masks_are_refused(tmp_path, left, right, words):
    with pytest.raises(ToolError, match=words):
        session.check_plausible(save(tmp_path, left, right), "X")
