"""The page on brain volume change: agreement as computed by hand, and what a private cohort shows."""

import re
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from thalutils import tables
from thalutils.report import brain_change_pages, pictures, privacy
from thalutils.schemas import SCHEMAS
from thalutils.stats import known_truth

COLUMNS = list(SCHEMAS["brain_change_checks"].columns)


def checks(truth=(-1.0, 0.0, -0.5)) -> pd.DataFrame:
    values = {"edges": (-1.1, 0.1, -0.5), "Jacobians": (-0.8, 0.0, -0.3)}
    rows = [
        {"participant_id": f"sub-0{number}", "session_i": "ses-01", "session_j": "ses-02", "engine": engine,
         "pbvc_percent": value, "truth_percent": true}
        for engine, column in values.items()
        for number, (value, true) in enumerate(zip(column, truth, strict=True), start=1)
    ]  # fmt: skip
    return tables.check("brain_change_checks", pd.DataFrame(rows).reindex(columns=COLUMNS))


def test_agreement_is_the_mean_and_spread_of_differences():
    found = brain_change_pages.agreement(checks()).set_index("compared")
    assert list(found.index) == ["edges minus Jacobians", "edges minus truth", "Jacobians minus truth"]
    row = found.loc["edges minus truth"]
    assert row["n"] == 3
    assert row["mean_percent"] == pytest.approx(0.0, abs=1e-12)
    assert row["sd_percent"] == pytest.approx(0.1)
    assert row["largest_percent"] == pytest.approx(0.1)


def test_without_a_truth_the_engines_are_held_against_each_other():
    unknown = checks((np.nan,) * 3)
    assert list(brain_change_pages.agreement(unknown)["compared"]) == ["edges minus Jacobians"]
    assert "against the first" in brain_change_pages.points(unknown).data
    assert "against the truth" in brain_change_pages.points(checks()).data


def test_no_pair_of_visits_is_said_so():
    nothing = tables.empty("brain_change_checks")
    for show in (brain_change_pages.changes, brain_change_pages.points):
        assert brain_change_pages.NOTHING in show(nothing).data
    assert "nothing" not in brain_change_pages.agreement_table(nothing).data


def test_a_private_cohort_shows_nobody(monkeypatch):
    monkeypatch.setattr(privacy, "_page_of", None)
    shown = brain_change_pages.points(checks()).data + brain_change_pages.changes(checks()).data
    assert not re.search(r"sub-0\d", shown)
    monkeypatch.setattr(privacy, "_page_of", SimpleNamespace(publishes_individuals=True))
    assert "sub-01" in brain_change_pages.changes(checks()).data


def test_the_view_of_moved_edges_is_of_the_person_whose_brain_changed_most(monkeypatch, tmp_path):
    shifts = np.zeros((30, 34, 28), np.float32)
    shifts[8:10, 10:20, 10:20], shifts[20:22, 10:20, 10:20], shifts[2, 2, 2] = -0.8, 0.5, 0.1
    scan = nib.Nifti1Image(np.random.default_rng(0).uniform(0, 9, shifts.shape).astype(np.float32), np.eye(4))
    paths = {"map": tmp_path / "map.nii.gz", "t1w": tmp_path / "t1w.nii.gz"}
    nib.save(nib.Nifti1Image(shifts, np.eye(4)), paths["map"])
    nib.save(scan, paths["t1w"])
    monkeypatch.setattr(privacy, "_page_of", SimpleNamespace(publishes_individuals=True))
    here = {"sub-02": tmp_path / "nothing", "sub-01": paths["map"]}
    monkeypatch.setattr(brain_change_pages, "derivative", lambda _, visit, __: here[visit.participant_id])
    monkeypatch.setattr(brain_change_pages, "usable_scans", lambda *_: {"T1w": paths["t1w"]})

    def sessions(person):
        return [SimpleNamespace(participant_id=person, session_id=name) for name in ("ses-01", "ses-02")]

    two = checks((-1.0, -2.0, 0.0)).query("participant_id != 'sub-03'")
    two.loc[two["participant_id"] == "sub-02", "pbvc_percent"] = -5.0
    row, _, found = brain_change_pages._most_moved(SimpleNamespace(sessions=sessions), two)
    assert row["participant_id"] == "sub-01", "of those whose map is there"
    assert np.asarray(found.dataobj).min() == np.float32(-0.8)
    text = brain_change_pages.motion_viewer(SimpleNamespace(sessions=sessions), two).data
    assert "edges inward by over 0.3 mm" in text and "edges outward by over 0.3 mm" in text
    none = brain_change_pages.motion_viewer(SimpleNamespace(sessions=sessions), two.iloc[:0])
    assert brain_change_pages.NO_MAP in none.data


def test_the_motion_of_edges_is_coloured_by_its_direction():
    rng = np.random.default_rng(0)
    scan = nib.Nifti1Image(rng.uniform(500, 1000, (30, 34, 28)).astype(np.float32), np.eye(4))
    motion = np.zeros(scan.shape, np.float32)
    motion[5:25, 5:29, 5:23] = -0.8
    fig = pictures.motion_sheet(scan, nib.Nifti1Image(motion, np.eye(4)))
    overlays = [ax.images[1] for ax in fig.axes if len(ax.images) == 2]
    assert len(overlays) == 9
    colour = overlays[0].cmap(overlays[0].norm(-0.8))
    assert colour[2] > colour[0]  # inward is blue
    assert {image.get_array().mask.any() for image in overlays} == {True}


def test_pairs_of_known_change_are_kept_and_shown_with_both_engines():
    kept = brain_change_pages.known()
    assert set(kept["heads"]) == set(brain_change_pages.HEADS.values())
    assert (kept.groupby(["heads", "number"])["engine"].nunique() == 2).all()
    table = known_truth.brain_change(kept).set_index(["heads", "engine"])
    shown = brain_change_pages.accuracy_table(kept).data
    assert all(engine in shown for engine in kept["engine"])
    assert f"{table['slope'].iloc[0]:.2f}" in shown
    assert "Measured on true change" in brain_change_pages.known_changes(kept).data
