"""Brain masks are kept by their scan and by the code that drew them."""

from pathlib import Path

import nibabel as nib
import numpy as np

from thalutils import process
from thalutils.files import hash_file, write_json
from thalutils.imaging import brain_mask
from thalutils.stage import Task


def test_a_mask_is_drawn_again_when_the_code_that_draws_it_changes(make_dataset, monkeypatch):
    """Its key was the scan and a name of deepbet, so that masks of other code were taken for these."""
    cohort = make_dataset()
    task = Task(cohort, cohort.sessions("sub-01")[0])
    (scan,) = (cohort.bids / "sub-01" / "ses-01").rglob("*_T1w.nii.gz")
    drawn = []

    def extract(t1w: Path, folder: Path) -> None:
        drawn.append(t1w)
        nib.save(nib.Nifti1Image(np.ones((2, 2, 2), np.uint8), np.eye(4)), folder / "brain.nii.gz")
        write_json(folder / "volume.json", {"brain_ml": 1200.0})

    monkeypatch.setattr(brain_mask, "extract", extract)
    monkeypatch.setattr(brain_mask, "usable_scans", lambda *_: {"T1w": scan})
    for _ in range(2):
        assert brain_mask.make_mask(task)["brain_masks"][0]["brain_ml"] == 1200
    assert len(drawn) == 1
    monkeypatch.setattr(
        process,
        "hash_file",
        lambda path: "other" if Path(path).name == "brain_extraction.py" else hash_file(path),
    )
    brain_mask.make_mask(task)
    assert len(drawn) == 2
