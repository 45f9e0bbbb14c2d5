"""What other programs have finished: where it is looked for, and that a change of it is seen."""

import os

import pytest

from thalutils import finished
from thalutils.errors import CohortError, ToolError
from thalutils.staleness import inputs


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_the_usual_folder_is_looked_into_without_a_word(make_dataset):
    cohort = make_dataset()
    assert finished.folder(cohort, "FIRST") is None
    (cohort.bids / "derivatives" / "first").mkdir(parents=True)
    assert finished.folder(cohort, "FIRST") == cohort.bids / "derivatives" / "first"


def test_a_folder_that_is_named_must_be_there(make_dataset, tmp_path):
    cohort = make_dataset(finished={"SIENA": str(tmp_path / "siena")})
    with pytest.raises(CohortError, match="no such folder. Correct `finished: SIENA`"):
        finished.folder(cohort, "SIENA")
    (tmp_path / "siena").mkdir()
    assert finished.folder(cohort, "SIENA") == tmp_path / "siena"


def test_a_tool_that_is_never_read_is_refused(make_dataset):
    with pytest.raises(CohortError, match="finished: SAMSEG: results are read of DBSegment, FIRST"):
        make_dataset(finished={"SAMSEG": "derivatives/samseg"})


def test_files_of_other_visits_and_people_are_not_taken(make_dataset):
    cohort = make_dataset(people=("sub-01", "sub-011"))
    visit = cohort.sessions("sub-01")[0]
    root = cohort.bids / "derivatives" / "x"
    touch(root / "sub-011_ses-01_seg.nii.gz")
    touch(root / "sub-01_ses-011_seg.nii.gz")
    touch(root / "sub-01_ses-02_seg.nii.gz")
    assert finished.find(root, visit, "*_seg.nii.gz") is None
    mine = touch(root / "sub-01" / "ses-01" / "sub-01_ses-01_seg.nii.gz")
    assert finished.find(root, visit, "*_other.nii.gz", "*_seg.nii.gz") == mine
    touch(root / "sub-01_ses-01_run-2_seg.nii.gz")
    with pytest.raises(ToolError, match="Leave one there"):
        finished.find(root, visit, "*_seg.nii.gz")


def test_a_person_s_files_are_those_of_the_one_visit(make_dataset):
    cohort = make_dataset(visits=())
    root = cohort.bids / "derivatives" / "x"
    mine = touch(root / "sub-01_seg.nii.gz")
    assert finished.find(root, cohort.sessions("sub-01")[0], "*_seg.nii.gz") == mine


@pytest.mark.parametrize(
    "name",
    [
        "freesurfer/sub-01_ses-01/mri/aseg.mgz", "freesurfer/sub-01_ses-01/stats/aseg.stats",
        "siena/sub-01/out/report.siena", "first/sub-01/ses-01/sub-01_ses-01_all_none_firstseg.nii.gz",
    ],
)  # fmt: skip
def test_a_result_that_is_new_or_made_again_makes_stages_stale(make_dataset, name):
    cohort = make_dataset()
    before = inputs(cohort)["finished results"]
    path = touch(cohort.bids / "derivatives" / name)
    new = inputs(cohort)["finished results"]
    os.utime(path, ns=(1, 1))
    assert inputs(cohort)["finished results"] == new
    path.write_text("made again, otherwise")
    assert len({before, new, inputs(cohort)["finished results"]}) == 3
