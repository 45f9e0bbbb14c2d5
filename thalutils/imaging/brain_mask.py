"""Brain mask of a visit's T1w by deepbet (Fisch et al. 2024), for review like the registrations."""

import warnings
from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from thalutils import stage
from thalutils.cohort import Cohort
from thalutils.files import hash_file, read_json, write_json
from thalutils.imaging import quality, verdicts
from thalutils.process import cached, code_hash
from thalutils.stage import Rows, Task, exclusion, usable_scans

STAGE = "2-5-2-brain-mask"
ENDING = "desc-brain_mask.nii.gz"
# deepbet's two networks hold what lies inside the skull's inner table less the outer fluid.
PACKAGES = ("deepbet", "torch")
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
    return stage.run(cohort, STAGE, participants, make_mask, makes=["brain_masks"])


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
    if t1w is None:
        return {}
    key = {
        "t1w": hash_file(t1w),
        "packages": {name: version(name) for name in PACKAGES},
        "code": code_hash(__name__),
    }
    made = cached(task.cohort.cache, "brain-mask", key, lambda to: extract(t1w, to))
    volume = read_json(made / "volume.json")["brain_ml"]
    seen = verdicts.verdict(task.cohort, task.session, verdicts.BRAIN, verdicts.BRAIN_TOOL)
    row = task.row(source=verdicts.BRAIN_TOOL, brain_ml=volume, dice_truth=None, verdict=seen)
    if not SMALLEST_ML <= volume <= LARGEST_ML:
        reason = f"brain mask of {volume:.0f} mL, outside {SMALLEST_ML:.0f} to {LARGEST_ML:.0f} mL. Look at the T1w."
        return {"brain_masks": [row], "exclusions": [exclusion(task, STAGE, reason, "brain")]}
    if seen == "fail":
        reason = f"brain mask failed on visual review ({task.cohort.verdicts.name})."
        return {"brain_masks": [row], "exclusions": [exclusion(task, STAGE, reason, "brain")]}
    task.keep(made, {"brain.nii.gz": ENDING})
    row["dice_truth"] = _dice_with_truth(task, target)
    return {"brain_masks": [row]}


def extract(t1w: Path, folder: Path) -> None:
    """Write ``brain.nii.gz`` (0/1, on the T1w's grid) and ``volume.json`` (mL) into `folder`."""
    import torch  # here, since it takes seconds and most stages do without
    from deepbet.bet import BrainExtraction

    torch.set_num_threads(1)
    image = quality.load(t1w)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, mask, _ = BrainExtraction(no_gpu=True).run(image)
    inside = np.asarray(mask.dataobj) > 0
    nib.save(nib.Nifti1Image(inside.astype(np.uint8), image.affine), folder / "brain.nii.gz")
    size_ml = abs(np.linalg.det(image.affine[:3, :3])) / 1000
    write_json(folder / "volume.json", {"brain_ml": round(float(inside.sum() * size_ml), 3)})


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
