"""DBSegment's finished brain mask is taken where it is sound; elsewhere deepbet's, with the reason."""

import nibabel as nib
import numpy as np
import pytest

from thalutils import stage, staleness
from thalutils.imaging import brain_mask
from thalutils.imaging.reviewed import Reviewed

GRID = np.diag([-1.5, 1.5, 1.5, 1.0])  # of other voxels and axes than the scans of 2 mm
GRID[:3, 3] = (75, -90, -75)
RADIUS_MM = 60.0  # 905 mL


def ball(radius_mm: float = RADIUS_MM, shift_mm: float = 0.0) -> nib.Nifti1Image:
    world = nib.affines.apply_affine(GRID, np.stack(np.indices((101, 121, 101)), -1))
    inside = np.linalg.norm(world, axis=-1) < radius_mm
    affine = GRID.copy()
    affine[0, 3] += shift_mm
    return nib.Nifti1Image(inside.astype(np.uint8), affine)


def leave(cohort, image: nib.Nifti1Image, person: str = "sub-01") -> None:
    folder = cohort.bids / "derivatives" / "dbsegment"
    folder.mkdir(parents=True, exist_ok=True)
    nib.save(image, folder / f"{person}_ses-01_T1w_brainmask.nii.gz")
    nib.save(image, folder / f"{person}_ses-01_T1w.nii.gz")  # the labels, beside which it lies


def test_a_sound_mask_is_taken_onto_the_scans_grid(matching_heads):
    cohort = matching_heads()
    before = staleness.inputs(cohort)["finished results"]
    leave(cohort, ball())
    assert staleness.inputs(cohort)["finished results"] != before
    rows = brain_mask.run(cohort, "all")["brain_masks"].set_index("participant_id")
    assert rows["source"].to_dict() == {"sub-01": "DBSegment", "sub-02": "deepbet"}
    assert rows["set_aside"].isna().all()
    assert rows.loc["sub-01", "brain_ml"] == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3 / 1000, rel=0.01)
    visit = cohort.sessions()[0]
    kept = nib.load(stage.derivative(cohort, visit, brain_mask.ENDING))
    scan = nib.load(visit.image("T1w"))
    assert kept.shape == scan.shape and np.array_equal(kept.affine, scan.affine)
    middle = nib.affines.apply_affine(scan.affine, np.argwhere(np.asarray(kept.dataobj) > 0)).mean(0)
    np.testing.assert_allclose(middle, 0, atol=0.5)
    assert (cohort.review / f"{Reviewed('sub-01', 'ses-01', 'brain', 'DBSegment').code}.jpg").exists()
    assert [brain_mask.source(cohort, one) for one in cohort.sessions()] == ["DBSegment", "deepbet"]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (ball(radius_mm=0.0), "holds 0 mL, outside 600 to 2300 mL"),
        (ball(radius_mm=40.0), "holds 268 mL"),
        (ball(shift_mm=60.0), "% of it outside the T1w. Is it of this scan?"),
        (None, "cannot be read"),
    ],
)
def test_another_is_set_aside_with_the_reason_and_deepbet_draws(matching_heads, image, words):
    cohort = matching_heads(people=("sub-01",))
    leave(cohort, image or ball())
    if image is None:
        path = cohort.bids / "derivatives" / "dbsegment" / "sub-01_ses-01_T1w_brainmask.nii.gz"
        path.write_bytes(path.read_bytes()[:500])
    (row,) = brain_mask.run(cohort, "all")["brain_masks"].itertuples()
    assert row.source == "deepbet"
    assert words in row.set_aside


def test_two_masks_of_a_visit_are_no_choice(matching_heads):
    cohort = matching_heads(people=("sub-01",))
    leave(cohort, ball())
    folder = cohort.bids / "derivatives" / "dbsegment"
    nib.save(ball(), folder / "sub-01_ses-01_run-2_T1w_brainmask.nii.gz")
    (row,) = brain_mask.run(cohort, "all")["brain_masks"].itertuples()
    assert row.source == "deepbet" and "Leave one there" in row.set_aside
