"""Volumes of every mask of a visit, and its overlap with references and with other masks."""

from itertools import combinations
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import pandas as pd

from thalutils import tables
from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ImageError
from thalutils.files import read_json
from thalutils.imaging import brain_mask, masks
from thalutils.segmenters.endings import ENSEMBLE_STAGE, STAGE, structures_ending
from thalutils.segmenters.protocol import GRID_TOLERANCE_MM, LEFT, RIGHT
from thalutils.segmenters.session import first_visit, made, methods
from thalutils.stage import Rows, Task, exclusion, usable_scans

VOLUME_STAGE, OVERLAP_STAGE = "2-6-3-volumes", "2-7-2-overlap"
REFERENCES = ("manual", "truth")


def measure_volumes(task: Task) -> Rows:
    """Return the volume of every mask and reference of a visit, and the brain mask's as intracranial.

    The option ``structures``, from a name to its left and right label, adds volumes of other structures from the
    label maps of tools that draw them all, as methods of their own: ``SAMSEG-T1-caudate``.
    """
    presets = _presets(task)
    rows = []
    for method, path in made(task.cohort, task.session).items():
        image = nib.load(path)
        left, right = masks.sides_ml(np.asarray(image.dataobj), image.affine)
        rows.append(_volume(task, method, presets.get(method), None, left, right))
        rows += _other_structures(task, method, presets.get(method))
    faults = []
    for name in REFERENCES:
        for rater in task.cohort.raters(name):
            try:
                found = _reference_volume(task, name, rater)
            except ImageError as error:
                faults.append(exclusion(task, VOLUME_STAGE, str(error), name))
                continue
            if found:
                rows.append(_volume(task, name, None, rater, *found))
    return {"volumes": rows, "intracranial": _intracranial(task), "exclusions": faults}


def _other_structures(task: Task, method: str, preset: str | None) -> list[dict[str, Any]]:
    """Return the volumes of other structures that a method drew, where its label map was kept."""
    path = task.derivative(structures_ending(method))
    wanted = task.options.get("structures", {})
    if not wanted or not path.exists():
        return []
    image = nib.load(path)
    labels = np.asarray(image.dataobj)
    size = tuple(float(edge) for edge in image.header.get_zooms()[:3])
    rows = []
    for name, sides in wanted.items():
        left, right = (masks.volume_ml(labels == side, size) for side in sides)
        rows.append(_volume(task, f"{method}-{name}", preset, None, left, right))
    return rows


def _presets(task: Task) -> dict[str, str]:
    """Return the preset that made each mask of the visit; that of a fused mask is its first part's."""
    session = task.session
    shards = task.cohort.results / tables.SHARDS
    table = pd.concat(
        tables.read(shards / stage / session.participant_id / "masks.tsv")
        for stage in (STAGE, ENSEMBLE_STAGE)
    )
    mine = table[table["session_id"] == session.session_id].set_index("method")["preset"].to_dict()
    fused = {method: mine.get("-".join(method.split("-")[:2])) for method in methods()}
    return fused | mine


def _volume(
    task: Task, method: str, preset: str | None, rater: str | None, left: float, right: float
) -> dict[str, Any]:
    sides = {"left_ml": left, "right_ml": right}
    return task.row(method=method, preset=preset, rater=rater, volume_ml=left + right) | sides


def _reference_volume(task: Task, name: str, rater: str | None) -> tuple[float, float] | None:
    """Return a reference's left and right volume; the truth's exact one, not that of its voxels."""
    path = task.cohort.reference(name, task.session, rater)
    if path is None:
        return None
    exact = read_json(path.with_name(f"{task.session.key}_volumes.json")) if name == "truth" else None
    if exact:
        return exact["left_ml"], exact["right_ml"]
    found = load_reference(task.cohort, name, task.session, rater)
    return masks.sides_ml(found.labels, found.affine)


def _intracranial(task: Task) -> list[dict[str, Any]]:
    """Return the volume inside the brain mask of a person's first visit."""
    path = task.derivative(brain_mask.ENDING)
    if task.session != first_visit(task.cohort, task.session) or not path.exists():
        return []
    image = nib.load(path)
    size = tuple(float(edge) for edge in image.header.get_zooms()[:3])
    volume = masks.volume_ml(np.asarray(image.dataobj) > 0, size)
    source = brain_mask.source(task.cohort, task.session)
    return [{"participant_id": task.session.participant_id, "icv_ml": volume, "source": source}]


def measure_overlap(task: Task) -> Rows:
    """Return every mask's overlap with every reference of a visit, and that of masks and raters among each other."""
    found = {
        method: np.asarray(nib.load(path).dataobj) > 0
        for method, path in made(task.cohort, task.session).items()
    }
    rows: Rows = {"overlap": [], "rater_agreement": [], "exclusions": []}
    for name in REFERENCES:
        drawn: dict[str | None, Reference] = {}
        for rater in task.cohort.raters(name):
            try:
                reference = load_reference(task.cohort, name, task.session, rater)
            except ImageError as error:
                rows["exclusions"].append(exclusion(task, OVERLAP_STAGE, str(error), name))
                continue
            if reference is None:
                continue
            drawn[rater] = reference
            for method, mask in found.items():
                measured = masks.overlap(mask, reference.labels > 0, reference.voxel_mm)
                row = task.row(method=method, reference=name, rater=rater)
                rows["overlap"].append(row | measured._asdict())
        rows["rater_agreement"] += [_between(task, drawn, *pair) for pair in combinations(drawn, 2)]
    pairs = masks.containment_matrix(found) if found else None
    rows["containment"] = [] if pairs is None else [task.row(**row) for row in pairs.to_dict("records")]
    return rows


def _between(task: Task, drawn: "dict[str | None, Reference]", one: str, other: str) -> dict[str, Any]:
    """Return how two raters' drawings of one visit agree."""
    first, second = drawn[one], drawn[other]
    measured = masks.overlap(first.labels > 0, second.labels > 0, first.voxel_mm)
    volumes = [sum(masks.sides_ml(each.labels, each.affine)) for each in (first, second)]
    return task.row(
        rater_i=one, rater_j=other, dice=measured.dice, mean_surface_mm=measured.mean_surface_mm,
        volume_i_ml=volumes[0], volume_j_ml=volumes[1],
    )  # fmt: skip


class Reference(NamedTuple):
    """A reference of one visit on the T1w's grid: 10 in the left and 49 in the right thalamus."""

    labels: np.ndarray
    affine: np.ndarray
    voxel_mm: tuple[float, float, float]


def load_reference(cohort: Cohort, name: str, session: Session, rater: str | None) -> Reference | None:
    """Return what a rater drew of a visit, or ``None``; a plain mask is split into its sides.

    Raises
    ------
    ImageError
        Where it is empty, cannot be read, or lies on another grid than the T1w.
    """
    path = cohort.reference(name, session, rater)
    if path is None:
        return None
    where = f"{path.relative_to(cohort.bids)}" if path.is_relative_to(cohort.bids) else str(path)
    try:
        image = nib.squeeze_image(nib.load(path))
        labels = np.asarray(image.dataobj)
    except Exception as error:  # nibabel and zlib each have their own for a damaged file
        raise ImageError(f"{where}: cannot be read to its end ({type(error).__name__}).") from None
    if not labels.any():
        raise ImageError(f"{where}: the reference is empty. Draw it, or remove the file.")
    t1w = usable_scans(cohort, session).get("T1w")
    like = nib.load(t1w) if t1w else None
    if like is not None and not (
        labels.shape == like.shape[:3] and np.allclose(image.affine, like.affine, atol=GRID_TOLERANCE_MM)
    ):
        raise ImageError(
            f"{where}: lies on another grid than the visit's T1w. Draw on the T1w, or resample it."
        )
    if not np.isin(labels, (0, LEFT, RIGHT)).all():
        labels = masks.split_sides(labels > 0, image.affine)
    size = tuple(float(edge) for edge in image.header.get_zooms()[:3])
    return Reference(labels.astype(np.uint8), image.affine, size)
