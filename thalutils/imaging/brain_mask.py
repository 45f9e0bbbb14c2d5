"""Brain mask of a visit's T1w by deepbet (Fisch et al. 2024), for review like the registrations."""

from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from thalutils import stage
from thalutils.cohort import Cohort
from thalutils.files import hash_file, read_json
from thalutils.imaging import brain_extraction, review, reviewed, verdicts
from thalutils.imaging.brain_extraction import PACKAGES, extract
from thalutils.process import cached, code_hash
from thalutils.stage import Rows, Task, exclusion, usable_scans

STAGE = "2-5-2-brain-mask"
ENDING = "desc-brain_mask.nii.gz"
SMALLEST_ML, LARGEST_ML = 600.0, 2300.0


def run(cohort: Cohort, participants: str) -> dict[str, pd.DataFrame]:
    """Extract the brains of the chosen people; return the tables ``brain_masks`` and ``exclusions``.

    Raises
    ------
    TableError
        Before anything is removed, where the table of verdicts cannot be used.
    StageFailure
        After all the rest is written, where a task failed in an unforeseen way.
    """
    verdicts.check(cohort)
    try:
        return stage.run(cohort, STAGE, participants, make_mask, makes=["brain_masks"])
    finally:
        review.gather(cohort)


def make_mask(task: Task) -> Rows:
    """Extract one visit's brain and keep its mask among the derivatives.

    Raises
    ------
    ImageError
        Where the visit has no usable T1w.
    """
    t1w = usable_scans(task.cohort, task.session).get("T1w")
    target = task.derivative(ENDING)
    target.unlink(missing_ok=True)
    review.clear(task.cohort, task.session, reviewed.BRAIN)
    if t1w is None:
        return {}
    key = {
        "t1w": hash_file(t1w),
        "packages": {name: version(name) for name in PACKAGES},
        "code": code_hash(brain_extraction.__name__),
    }
    made = cached(task.cohort.cache, "brain-mask", key, lambda to: extract(t1w, to))
    review.keep_brain(task, t1w, made / "brain.nii.gz", reviewed.BRAIN_TOOL)
    volume = read_json(made / "volume.json")["brain_ml"]
    seen = verdicts.verdict(task.cohort, task.session, reviewed.BRAIN, reviewed.BRAIN_TOOL)
    row = task.row(source=reviewed.BRAIN_TOOL, brain_ml=volume, dice_truth=None, verdict=seen)
    if not SMALLEST_ML <= volume <= LARGEST_ML:
        reason = f"brain mask of {volume:.0f} mL, outside {SMALLEST_ML:.0f} to {LARGEST_ML:.0f} mL. Look at the T1w."
        return {"brain_masks": [row], "exclusions": [exclusion(task, STAGE, reason, "brain")]}
    if seen == "fail":
        reason = f"brain mask failed on visual review ({task.cohort.verdicts.name})."
        return {"brain_masks": [row], "exclusions": [exclusion(task, STAGE, reason, "brain")]}
    task.keep(made, {"brain.nii.gz": ENDING})
    row["dice_truth"] = _dice_with_truth(task, target)
    return {"brain_masks": [row]}


def _dice_with_truth(task: Task, mask: Path) -> float | None:
    folder = task.cohort.settings.references.get("truth")
    if folder is None:
        return None
    session = task.session
    place = task.cohort.bids / folder / session.participant_id / session.session_id / "anat"
    truth = place / f"{session.key}_desc-brain_mask.nii.gz"
    if not truth.exists():
        return None
    true, made = (np.asarray(nib.load(path).dataobj) > 0 for path in (truth, mask))
    return float(2 * (true & made).sum() / (true.sum() + made.sum()))
