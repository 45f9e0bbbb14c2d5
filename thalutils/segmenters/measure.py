"""Volumes of every mask of a visit, and its overlap with references and with other masks."""

from typing import Any

import nibabel as nib
import numpy as np

from thalutils import tables
from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ImageError
from thalutils.files import read_json
from thalutils.imaging import brain_mask, masks
from thalutils.segmenters.session import STAGE, first_visit, made, methods, structures_ending
from thalutils.stage import Rows, Task

VOLUME_STAGE, OVERLAP_STAGE = "2-6-3-volumes", "2-7-2-overlap"
REFERENCES = ("manual", "truth")
RATER = {"manual": "rater-1", "truth": None}


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
    for name in REFERENCES:
        found = _reference_volume(task, name)
        if found:
            rows.append(_volume(task, name, None, RATER[name], *found))
    return {"volumes": rows, "intracranial": _intracranial(task)}


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
    shard = task.cohort.results / tables.SHARDS / STAGE / session.participant_id / "masks.tsv"
    table = tables.read(shard)
    mine = table[table["session_id"] == session.session_id].set_index("method")["preset"].to_dict()
    fused = {method: mine.get("-".join(method.split("-")[:2])) for method in methods()}
    return fused | mine


def _volume(
    task: Task, method: str, preset: str | None, rater: str | None, left: float, right: float
) -> dict[str, Any]:
    sides = {"left_ml": left, "right_ml": right}
    return task.row(method=method, preset=preset, rater=rater, volume_ml=left + right) | sides


def _reference_volume(task: Task, name: str) -> tuple[float, float] | None:
    """Return a reference's left and right volume; the truth's exact one, not that of its voxels."""
    path = task.cohort.reference(name, task.session)
    if path is None:
        return None
    exact = read_json(path.with_name(f"{task.session.key}_volumes.json"))
    if exact:
        return exact["left_ml"], exact["right_ml"]
    image = nib.load(path)
    return masks.sides_ml(np.asarray(image.dataobj), image.affine)


def _intracranial(task: Task) -> list[dict[str, Any]]:
    """Return the volume inside the brain mask of a person's first visit."""
    path = task.derivative(brain_mask.ENDING)
    if task.session != first_visit(task.cohort, task.session) or not path.exists():
        return []
    image = nib.load(path)
    size = tuple(float(edge) for edge in image.header.get_zooms()[:3])
    volume = masks.volume_ml(np.asarray(image.dataobj) > 0, size)
    return [{"participant_id": task.session.participant_id, "icv_ml": volume, "source": "deepbet"}]


def measure_overlap(task: Task) -> Rows:
    """Return every mask's overlap with every reference of a visit, and the containment of all pairs."""
    found = {
        method: np.asarray(nib.load(path).dataobj) > 0
        for method, path in made(task.cohort, task.session).items()
    }
    rows = []
    for name in REFERENCES:
        reference, voxel_mm = load_reference(task.cohort, name, task.session)
        if reference is None:
            continue
        for method, mask in found.items():
            measured = masks.overlap(mask, reference, voxel_mm)
            rows.append(task.row(method=method, reference=name, rater=RATER[name]) | measured._asdict())
    pairs = masks.containment_matrix(found) if found else None
    contained = [] if pairs is None else [task.row(**row) for row in pairs.to_dict("records")]
    return {"overlap": rows, "containment": contained}


def load_reference(
    cohort: Cohort, name: str, session: Session
) -> tuple[np.ndarray | None, tuple[float, float, float]]:
    """Return a reference of a visit as a mask with its voxel size in mm, or ``None``.

    Raises
    ------
    ImageError
        Where it is empty.
    """
    path = cohort.reference(name, session)
    if path is None:
        return None, (0.0, 0.0, 0.0)
    image = nib.load(path)
    mask = np.asarray(image.dataobj) > 0
    if not mask.any():
        raise ImageError(f"{path.name}: the reference is empty. Draw it, or remove the file.")
    return mask, tuple(float(edge) for edge in image.header.get_zooms()[:3])
