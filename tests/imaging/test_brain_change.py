"""Which pairs of visits are measured, what becomes of an engine that fails, and where the truth is read."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import ToolError
from thalutils.files import write_json
from thalutils.imaging import brain_change
from thalutils.imaging.brain_change import Engine
from thalutils.stage import Task, derivative

MOVED = np.eye(4)
MOVED[:3, 3] = 3.0, 0.0, 0.0


def measured(pair, folder):
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2), np.float32), np.eye(4)), folder / brain_change.MOTION_FILE)
    found = {"engine": "mine, rigid", "pbvc_percent": -0.5, "skull_points": 0}
    return found | {brain_change.MOVEMENT: MOVED.tolist()}


def failing(pair, folder):
    raise ToolError("it broke")


@pytest.fixture
def cohort(make_dataset, monkeypatch):
    """Two people with two visits; their T1w are usable and have a brain mask each."""
    found = make_dataset(references={"truth": "derivatives/truth"})
    for visit in found.sessions():
        path = derivative(found, visit, "desc-brain_mask.nii.gz")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(visit.key)
    monkeypatch.setattr(brain_change, "usable_scans", lambda cohort, visit: {"T1w": visit.image("T1w")})
    engines = (Engine("broken", failing, lambda: 1), Engine("mine", measured, lambda: 1), Engine("absent", failing, lambda: None))  # fmt: skip
    monkeypatch.setattr(brain_change, "ENGINES", engines)
    return found


def last_visit(cohort) -> Task:
    return Task(cohort, cohort.sessions("sub-01")[-1])


def test_each_person_is_measured_once_from_the_first_visit_to_the_last(cohort):
    choose = brain_change.pieces(cohort)
    found = {visit.key: choose(visit) for visit in cohort.sessions()}
    assert found == {"sub-01_ses-01": [], "sub-01_ses-02": [None], "sub-02_ses-01": [], "sub-02_ses-02": [None]}  # fmt: skip


def test_one_visit_alone_is_no_pair(make_dataset):
    alone = make_dataset("alone", visits=["ses-01"])
    assert brain_change.pieces(alone)(alone.sessions()[0]) == []


def test_an_engine_that_fails_is_listed_and_the_others_go_on(cohort):
    task = last_visit(cohort)
    rows = brain_change.measure(task)
    assert rows["brain_change"] == [
        {"participant_id": "sub-01", "engine": "mine, rigid", "pbvc_percent": -0.5}
    ]
    [left_out] = rows["exclusions"]
    assert (left_out["method"], left_out["reason"]) == ("broken", "it broke")
    assert task.derivative(brain_change.MOTION_ENDING).exists()


def test_the_truth_stands_beside_in_percent_of_the_first_visit(cohort):
    for visit, volume in zip(cohort.sessions("sub-01"), (1250.0, 1240.0), strict=True):
        place = cohort.bids / "derivatives/truth" / visit.participant_id / visit.session_id / "anat"
        place.mkdir(parents=True)
        write_json(place / f"{visit.key}_volumes.json", {"brain_ml": volume})
    [checked] = brain_change.measure(last_visit(cohort))["brain_change_checks"]
    assert checked["truth_percent"] == pytest.approx(-0.8)
    assert (checked["session_i"], checked["session_j"]) == ("ses-01", "ses-02")


def test_the_registration_is_held_against_the_true_movement_over_the_brain(cohort):
    """Here the head turned about z by what moves a voxel 10 mm off the axis by 0.1 mm, beside the movement that was found."""
    truth = MOVED.copy()
    turn = 0.01
    truth[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    task = last_visit(cohort)
    place = cohort.bids / "derivatives/truth/sub-01/ses-02/anat"
    place.mkdir(parents=True)
    brain = np.zeros((30, 30, 30), np.uint8)
    brain[10, 0, :] = 1
    mask = derivative(cohort, cohort.sessions("sub-01")[0], "desc-brain_mask.nii.gz")
    nib.save(nib.Nifti1Image(brain, np.eye(4)), mask)
    [checked] = brain_change.measure(task)["brain_change_checks"]
    assert checked["movement_error_mm"] is None
    np.savetxt(place / "sub-01_ses-02_from-ses01T1w_to-T1w_xfm.txt", truth)
    [checked] = brain_change.measure(task)["brain_change_checks"]
    assert checked["movement_error_mm"] == pytest.approx(0.1, rel=1e-3)


def test_a_result_is_kept_until_a_scan_or_mask_changes(cohort, monkeypatch):
    brain_change.measure(last_visit(cohort))
    broken = tuple(replace(engine, measure=failing) for engine in brain_change.ENGINES)
    monkeypatch.setattr(brain_change, "ENGINES", broken)
    assert len(brain_change.measure(last_visit(cohort))["brain_change"]) == 1
    derivative(cohort, cohort.sessions("sub-01")[0], "desc-brain_mask.nii.gz").write_text("another mask")
    assert brain_change.measure(last_visit(cohort))["brain_change"] == []


def test_a_visit_without_its_mask_is_said_to_lack_it(cohort):
    derivative(cohort, cohort.sessions("sub-01")[0], "desc-brain_mask.nii.gz").unlink()
    [left_out] = brain_change.measure(last_visit(cohort))["exclusions"]
    assert left_out["reason"].startswith("no brain mask of ses-01")


def test_a_report_of_siena_fills_its_engine_whatever_becomes_of_the_others(cohort, monkeypatch):
    folder = cohort.root / "siena" / "sub-01"
    folder.mkdir(parents=True)
    (folder / "report.siena").write_text("finalPBVC -0.75 %\n")
    cohort.settings.finished["SIENA"] = str(folder.parent)
    derivative(cohort, cohort.sessions("sub-01")[0], "desc-brain_mask.nii.gz").unlink()
    rows = brain_change.measure(last_visit(cohort))
    assert rows["brain_change"] == [{"participant_id": "sub-01", "engine": "SIENA", "pbvc_percent": -0.75}]
