"""Which tool runs where, what its files are called, and which masks are not believed."""

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import ToolError
from thalutils.segmenters import registry, session
from thalutils.segmenters.protocol import Availability
from thalutils.stage import derivative


@pytest.fixture
def all_tools(monkeypatch):
    for tool in registry.SEGMENTERS:
        monkeypatch.setattr(type(tool), "availability", lambda self: Availability(True, "1"))


@pytest.fixture
def cohort(make_dataset):
    """Two people with two visits, each with FLAIR and R1 on the T1w's grid, but the last one's R1."""
    found = make_dataset()
    for visit in found.sessions():
        for contrast, name in session.IMAGES.items():
            if (visit.key, contrast) != ("sub-02_ses-02", "R1"):
                path = derivative(found, visit, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
    return found


def chosen(cohort, samseg_all: int, samseg_t1: int) -> dict[str, list[str]]:
    choose = session.pieces(cohort, samseg_all, samseg_t1)
    return {visit.key: choose(visit) for visit in cohort.sessions()}


FAST = ["Template T1", "ThalNet T1", "ThalNet FLAIR", "ThalNet R1", "ThalNet joint"]


def test_slow_tools_run_where_the_parameters_say(all_tools, cohort):
    found = chosen(cohort, samseg_all=1, samseg_t1=2)
    assert sorted(found["sub-01_ses-01"]) == sorted([*FAST, "SAMSEG T1", "SAMSEG FLAIR", "SAMSEG R1"])
    assert sorted(found["sub-02_ses-01"]) == sorted([*FAST, "SAMSEG T1"])
    assert found["sub-01_ses-02"] == FAST


def test_a_contrast_that_is_not_there_is_passed_over(all_tools, cohort):
    assert chosen(cohort, 1, 2)["sub-02_ses-02"] == [
        "Template T1",
        "ThalNet T1",
        "ThalNet FLAIR",
        "ThalNet joint",
    ]


def test_what_joins_contrasts_needs_two(all_tools, make_dataset):
    alone = make_dataset()
    assert chosen(alone, 0, 0)["sub-01_ses-01"] == ["Template T1", "ThalNet T1"]


def test_minus_one_is_everyone(all_tools, cohort):
    found = chosen(cohort, samseg_all=-1, samseg_t1=-1)
    assert [len(pieces) for pieces in found.values()] == [8, 8, 8, 6]


def test_an_absent_tool_leaves_no_piece(monkeypatch, make_dataset):
    for tool in registry.SEGMENTERS:
        monkeypatch.setattr(type(tool), "availability", lambda self: Availability(False, reason="absent"))
    assert not any(chosen(make_dataset(), -1, -1).values())


@pytest.mark.parametrize("tool", ["SAMSEG", "ThalNet"])
def test_ensembles_are_named_as_in_the_paper(tool):
    names = session.methods()
    contrasts = ("T1", "FLAIR", "R1", "T1-FLAIR", "T1-R1", "R1-FLAIR", "T1-R1-FLAIR", "T1-R1-FLAIR-STAPLE")
    mine = [name for name in names if name.startswith(tool) and not name.endswith("-joint")]
    assert mine == [f"{tool}-{one}" for one in contrasts]
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
