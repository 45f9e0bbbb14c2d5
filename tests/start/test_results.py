"""What other programs have finished is seen by `init`, and what it writes makes the study read it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from thalutils import cli
from thalutils.cohort import Cohort
from thalutils.segmenters.first import First
from thalutils.segmenters.freesurfer import FreeSurfer
from thalutils.start import results


@pytest.fixture
def cohort(make_dataset, monkeypatch) -> Cohort:
    monkeypatch.delenv("SUBJECTS_DIR", raising=False)
    return make_dataset()


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def init(cohort: Cohort) -> tuple[Cohort, str]:
    done = CliRunner().invoke(cli.app, ["init", "new", "--bids", str(cohort.bids)])
    assert done.exit_code == 0, done.output
    return Cohort.load("new"), (cohort.root / "cohorts" / "new.yml").read_text()


def test_subjects_of_freesurfer_outside_the_dataset_are_written_down(cohort, tmp_path, monkeypatch):
    for name in ("sub-01_ses-01", "bert"):
        touch(tmp_path / "subjects" / name / "mri" / "aseg.mgz")
    monkeypatch.setenv("SUBJECTS_DIR", str(tmp_path / "subjects"))
    new, text = init(cohort)
    monkeypatch.delenv("SUBJECTS_DIR")  # another shell
    assert "FreeSurfer has finished 1 of 2 people in" in text
    first, second = new.sessions("sub-01")
    assert FreeSurfer().finished(new, first) == tmp_path / "subjects" / "sub-01_ses-01"
    assert FreeSurfer().finished(new, second) is None


@pytest.mark.parametrize("subject", ["bert", "sub-011", "sub-09_ses-01"])
def test_subjects_of_other_people_are_not(cohort, tmp_path, monkeypatch, subject):
    touch(tmp_path / "subjects" / subject / "mri" / "aseg.mgz")
    monkeypatch.setenv("SUBJECTS_DIR", str(tmp_path / "subjects"))
    found = results.look(cohort.bids, cohort.sessions())
    assert found.settings == {} and found.remarks == ["None was seen."]


def test_the_datasets_own_subjects_go_before_those_of_the_variable(cohort, tmp_path, monkeypatch):
    touch(tmp_path / "subjects" / "sub-01_ses-01" / "mri" / "aseg.mgz")
    monkeypatch.setenv("SUBJECTS_DIR", str(tmp_path / "subjects"))
    touch(cohort.bids / "derivatives" / "freesurfer" / "sub-02_ses-01" / "mri" / "aseg.mgz")
    new, text = init(cohort)
    assert "\nfinished:" not in text
    assert "FreeSurfer has finished 1 of 2 people in derivatives/freesurfer: what is there is read" in text
    assert FreeSurfer().finished(new, new.sessions("sub-02")[0]).name == "sub-02_ses-01"


def test_results_in_a_folder_of_another_name_are_read_and_a_second_one_is_asked_about(cohort):
    for folder, person in (("fsl", "sub-01"), ("fsl", "sub-02"), ("old", "sub-01")):
        name = f"{person}_ses-01_all_none_firstseg.nii.gz"
        touch(cohort.bids / "derivatives" / folder / person / "ses-01" / "anat" / name)
    new, text = init(cohort)
    assert "\nfinished:\n  FIRST: derivatives/fsl\n" in text
    assert "QUESTION: results of FIRST lie in derivatives/old as well." in text
    assert First().finished(new, new.sessions("sub-02")[0]) is not None


def test_a_folder_of_a_tools_name_without_results_is_none(cohort):
    """As a field map that lies among the hMRI toolbox's derivatives."""
    touch(cohort.bids / "derivatives" / "hmri" / "sub-01" / "fmap" / "sub-01_TB1map.nii.gz")
    touch(cohort.bids / "derivatives" / "other" / "sub-01" / "anat" / "sub-01_seg.nii.gz")
    assert results.look(cohort.bids, cohort.sessions()).remarks == ["None was seen."]
    touch(cohort.bids / "derivatives" / "hmri" / "sub-01" / "Results" / "sub-01_R1.nii")
    assert (
        results.look(cohort.bids, cohort.sessions()).remarks[0].startswith("hMRI has finished 1 of 2 people")
    )
