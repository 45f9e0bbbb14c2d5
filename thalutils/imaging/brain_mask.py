"""Brain mask of a visit's T1w: DBSegment's where it is finished, else by deepbet; for review like the registrations."""

from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from thalutils import stage, tables
from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ToolError
from thalutils.files import hash_file, read_json, write_json
from thalutils.imaging import brain_extraction, finished_brain, review, reviewed, verdicts
from thalutils.imaging.brain_extraction import PACKAGES, extract
from thalutils.imaging.finished_brain import LARGEST_ML, SMALLEST_ML
from thalutils.process import cached, code_hash
from thalutils.stage import Rows, Task, exclusion, usable_scans

STAGE = "2-5-2-brain-mask"
ENDING = "desc-brain_mask.nii.gz"


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
    """Take or extract one visit's brain mask and keep it among the derivatives.

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
    source, made, set_aside = _made(task, t1w)
    review.keep_brain(task, t1w, made / "brain.nii.gz", source)
    volume = read_json(made / "volume.json")["brain_ml"]
    seen = verdicts.verdict(task.cohort, task.session, reviewed.BRAIN, source)
    row = task.row(source=source, brain_ml=volume, set_aside=set_aside, dice_truth=None, verdict=seen)
    if not SMALLEST_ML <= volume <= LARGEST_ML:
        reason = f"brain mask of {volume:.0f} mL, outside {SMALLEST_ML:.0f} to {LARGEST_ML:.0f} mL. Look at the T1w."
        return {"brain_masks": [row], "exclusions": [exclusion(task, STAGE, reason, "brain")]}
    if seen == "fail":
        where = verdicts.failed_in(task.cohort, task.session, reviewed.BRAIN, source)
        reason = f"brain mask failed on visual review ({where})."
        return {"brain_masks": [row], "exclusions": [exclusion(task, STAGE, reason, "brain")]}
    task.keep(made, {"brain.nii.gz": ENDING})
    row["dice_truth"] = _dice_with_truth(task, target)
    return {"brain_masks": [row]}


def _made(task: Task, t1w: Path) -> tuple[str, Path, str | None]:
    """Return who drew the mask, the folder that holds it, and why a finished one was not taken, if there was one."""
    set_aside = None
    try:
        found = finished_brain.find(task.cohort, task.session)
        if found:
            key = {
                "t1w": hash_file(t1w), "mask": hash_file(found), "code": code_hash(finished_brain.__name__),
            }  # fmt: skip
            made = cached(task.cohort.cache, "finished-brain", key, lambda to: _take(found, t1w, to))
            return finished_brain.TOOL, made, None
    except ToolError as error:
        set_aside = str(error).replace(f"{task.cohort.bids}/", "")
    key = {
        "t1w": hash_file(t1w),
        "packages": {name: version(name) for name in PACKAGES},
        "code": code_hash(brain_extraction.__name__),
    }
    made = cached(task.cohort.cache, "brain-mask", key, lambda to: extract(t1w, to))
    return reviewed.BRAIN_TOOL, made, set_aside


def _take(found: Path, t1w: Path, folder: Path) -> None:
    mask = finished_brain.read(found, t1w)
    nib.save(mask, folder / "brain.nii.gz")
    write_json(folder / "volume.json", {"brain_ml": round(finished_brain.volume_ml(mask), 3)})


def source(cohort: Cohort, session: Session) -> str:
    """Return the tool that drew a visit's brain mask, as the stage's rows say."""
    path = cohort.results / tables.SHARDS / STAGE / session.participant_id / "brain_masks.tsv"
    rows = tables.read(path) if path.exists() else tables.empty("brain_masks")
    mine = rows.loc[rows["session_id"] == session.session_id, "source"]
    return reviewed.BRAIN_TOOL if mine.empty else str(mine.iloc[0])


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
