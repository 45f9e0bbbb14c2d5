"""R1 and FLAIR of a visit brought onto its T1w, checked, chosen and rescaled."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from thalutils import stage
from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ImageError
from thalutils.files import hash_file, read_json
from thalutils.imaging import brain_mask, registration, review, strategies, verdicts
from thalutils.imaging.mutual_information import mutual_information
from thalutils.imaging.strategy_choice import choose
from thalutils.process import cached, code_hash
from thalutils.stage import Rows, Task, derivative, exclusion, frame, need, usable_scans

STAGE = "2-5-2-coregistration"
IMAGES = ("R1", "FLAIR")
SHIFTS_MM = (0.0, 1.0, 2.0, 3.0, 5.0, 10.0)
ENDINGS = {"R1": "space-T1w_R1map.nii.gz", "FLAIR": "space-T1w_FLAIR.nii.gz"}
RESCALED = "space-T1w_desc-rescaled_R1map.nii.gz"


def pieces(cohort: Cohort) -> Callable[[Session], tuple[str, ...]]:
    """Return which images of a visit are to be registered: those whose scans or maps are there."""

    def chosen(session: Session) -> tuple[str, ...]:
        r1 = bool(session.echoes("PDw") or session.flips()) or session.ready_r1() is not None
        r1 = r1 or derivative(cohort, session, "R1map.nii.gz").exists()
        there = {"R1": r1, "FLAIR": session.image("FLAIR") is not None}
        return tuple(image for image in IMAGES if there[image])

    return chosen


def run(cohort: Cohort, participants: str, options: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Align the images of the chosen people; return the tables ``registration`` and ``exclusions``.

    What was aligned before of images that a visit does not have any more is removed.

    Raises
    ------
    TableError
        Before anything is removed, where the table of verdicts cannot be used.
    StageFailure
        After all the rest is written, where a task failed in an unforeseen way.
    """
    verdicts.check(cohort)
    chosen = pieces(cohort)
    for session in cohort.sessions(participants):
        for image in set(IMAGES) - set(chosen(session)):
            for ending in (ENDINGS[image], *([RESCALED] if image == "R1" else [])):
                derivative(cohort, session, ending).unlink(missing_ok=True)
            review.clear(cohort, session, image)
    try:
        return stage.run(
            cohort, STAGE, participants, align, makes=["registration"], pieces=chosen, options=options
        )
    finally:
        review.gather(cohort)


def align(task: Task) -> Rows:
    """Register one image of one visit by every strategy, choose, and keep what was chosen.

    Raises
    ------
    ImageError
        Where the visit lacks the image, the T1w or the brain mask.
    """
    image = task.what
    for ending in (ENDINGS[image], *([RESCALED] if image == "R1" else [])):
        task.derivative(ending).unlink(missing_ok=True)
    review.clear(task.cohort, task.session, image)
    t1w = usable_scans(task.cohort, task.session).get("T1w")
    if t1w is None:
        raise ImageError("no usable T1w to bring it onto.")
    mask = need(task.derivative(brain_mask.ENDING), "brain mask")
    moving = _moving(task)
    fsl = strategies.flirt_version(task.options["flirt"])
    options = {name: task.options[name] for name in ("bins", "r1_percentile")}
    key = {
        "t1w": hash_file(t1w), "mask": hash_file(mask), "moving": hash_file(moving), "image": image,
        "options": options, "fsl": fsl, "code": code_hash(strategies.__name__),
    }  # fmt: skip

    def make(folder: Path) -> None:
        strategies.try_all(image, t1w, mask, moving, folder, **options, with_flirt=fsl is not None)

    made = cached(task.cohort.cache, "registration", key, make)
    found = read_json(made / strategies.FOUND)
    moved = {one["strategy"]: made / strategies.moved_file(one["strategy"]) for one in found}
    review.keep_registrations(task, t1w, mask, moved, made.name)
    rows = _judge(task, found)
    chosen = [row["strategy"] for row in rows if row["selected"]]
    if not chosen:
        tried = ", ".join(f"{row['strategy']} {row['mutual_information']:.3f}" for row in rows)
        reason = f"no registration passed its cut-off or its review ({tried} nat)."
        return {"registration": rows, "exclusions": [exclusion(task, STAGE, reason)]}
    names = {strategies.moved_file(chosen[0]): ENDINGS[image]}
    if image == "R1":
        names[strategies.moved_file(f"{chosen[0]}_rescaled")] = RESCALED
    task.keep(made, names)
    return {"registration": rows}


def _moving(task: Task) -> Path:
    if task.what == "R1":
        return need(task.derivative("R1map.nii.gz"), "R1 map")
    found = usable_scans(task.cohort, task.session).get("FLAIR")
    if found is None:
        raise ImageError("no usable FLAIR.")
    return found


def _judge(task: Task, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of ``registration``: cut-offs, verdicts, choice and, where known, the error."""
    image, options = task.what, task.options
    seen = {
        one["strategy"]: verdicts.verdict(task.cohort, task.session, image, one["strategy"]) for one in found
    }
    rows = []
    for one in found:
        cutoff = options[_cutoff(image, one["strategy"])]
        row = task.row(image=image, cutoff=cutoff, verdict=seen[one["strategy"]])
        row |= {key: one[key] for key in ("strategy", "mutual_information")} | _error(task, one["transform"])
        rows.append(row)
    entered = {strategy: value for strategy, value in seen.items() if value}
    fallback = "ants-rigid" if image == "R1" else found[0]["strategy"]
    judged = choose(frame("registration", rows), fallback=fallback, verdicts=entered)
    for row, passed, selected in zip(rows, judged["passed"], judged["selected"], strict=True):
        row |= {"passed": bool(passed), "selected": bool(selected)}
    return rows


def _cutoff(image: str, strategy: str) -> str:
    """Return the name of the parameter that holds a registration's cut-off."""
    if image == "FLAIR":
        return "flair_cutoff"
    return "ants_cutoff" if strategy == "ants-rigid" else "sitk_cutoff"


def _error(task: Task, transform: list[list[float]]) -> dict[str, float]:
    """Return the error at the thalamus against the true movement, where that is known."""
    session = task.session
    folder = task.cohort.settings.references.get("truth")
    labels = task.cohort.reference("truth", session)
    if folder is None or labels is None:
        return {}
    name = "MPM" if task.what == "R1" else task.what
    place = task.cohort.bids / folder / session.participant_id / session.session_id / "anat"
    truth = np.loadtxt(place / f"{session.key}_from-T1w_to-{name}_xfm.txt")
    image = nib.load(labels)
    points = nib.affines.apply_affine(image.affine, np.argwhere(np.asarray(image.dataobj) > 0))
    error = registration.displacement_error_mm(np.array(transform), truth, points)
    return {"error_mm": error.median_mm, "error_max_mm": error.max_mm}


def calibration(cohort: Cohort, bins: int) -> pd.DataFrame:
    """Return how mutual information falls when a registered image is moved by a known distance.

    The first visit's chosen registrations are shifted along the diagonal; a cut-off that is to catch an
    error of so many mm lies at the mutual information of that row.

    Returns
    -------
    DataFrame
        ``image``, ``shift_mm``, ``mutual_information`` (nat); empty where nothing is registered.
    """
    rows = []
    for image in IMAGES:
        session = next(
            (one for one in cohort.sessions() if derivative(cohort, one, ENDINGS[image]).exists()), None
        )
        if session is None:
            continue
        t1w = nib.load(usable_scans(cohort, session)["T1w"])
        inside = np.asarray(nib.load(derivative(cohort, session, brain_mask.ENDING)).dataobj) > 0
        moved = nib.load(derivative(cohort, session, ENDINGS[image]))
        fixed = t1w.get_fdata(dtype=np.float32)
        for shift_mm in SHIFTS_MM:
            movement = np.eye(4)
            movement[:3, 3] = shift_mm / np.sqrt(3)
            values = registration.resample(moved, t1w, movement).get_fdata(dtype=np.float32)
            information = mutual_information(fixed, values, inside, bins=bins)
            rows.append({"image": image, "shift_mm": shift_mm, "mutual_information": information})
    return pd.DataFrame(rows, columns=["image", "shift_mm", "mutual_information"])
