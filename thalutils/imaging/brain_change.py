"""Brain volume change of every person with two visits, by every engine that this machine has."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine

from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ImageError, ThalutilsError
from thalutils.files import hash_file, read_json, write_json
from thalutils.imaging import brain_mask, halfway, jacobian, pbvc, quality, registration, siena
from thalutils.imaging.halfway import Halfway
from thalutils.process import cached, code_hash
from thalutils.stage import Rows, Task, derivative, exclusion, need, usable_scans

STAGE = "2-6-4-brain-change"
MOTION_ENDING = "desc-edgemotion_map.nii.gz"
MOTION_FILE, FOUND_FILE = "edge-motion.nii.gz", "found.json"
# What an engine tells beside what the table has: the registration that it rests on, 4x4, from scan to scan.
MOVEMENT = "movement"
# Of so many voxels of the brain one is asked how far its registration is off.
EVERY = 50


@dataclass(frozen=True)
class Pair:
    """The first and the last visit of a person, as the engines take them.

    Attributes
    ----------
    scans, masks : tuple of Path
        The T1w of each, and its brain mask.
    """

    scans: tuple[Path, Path]
    masks: tuple[Path, Path]

    @cached_property
    def registered(self) -> Halfway:
        """The pair halfway, registered when an engine first asks for it."""
        images = [quality.load(path) for path in self.scans]
        return halfway.bring_halfway(*images, tuple(nib.load(path) for path in self.masks))


@dataclass(frozen=True)
class Engine:
    """A way to measure brain volume change.

    Attributes
    ----------
    name : str
    measure : callable
        Takes a :class:`Pair` and an empty folder, returns ``engine``, ``pbvc_percent``, :data:`MOVEMENT` and what
        else of ``brain_change_checks`` it knows.
    version : callable
        What its result depends on besides the pair; ``None`` where it cannot run on this machine.
    """

    name: str
    measure: Callable[[Pair, Path], dict[str, Any]]
    version: Callable[[], Any]


def _by_edges(pair: Pair, folder: Path) -> dict[str, Any]:
    found = pbvc.of_pair(pair.registered)
    nib.save(pbvc.motion_map(found, registration.load(pair.scans[0])), folder / MOTION_FILE)
    return {
        "engine": found.engine,
        "pbvc_percent": found.percent,
        "forward_percent": found.forward.percent,
        "backward_percent": pbvc.of_first(found.backward.percent),
        "calibration": (found.forward.calibration + found.backward.calibration) / 2,
        "found_share": min(found.forward.found, found.backward.found),
        "skull_points": found.pair.skull_points,
        MOVEMENT: pair.registered.transform.tolist(),
    }


def _by_jacobian(pair: Pair, folder: Path) -> dict[str, Any]:
    found = jacobian.brain_change(pair.registered)
    return {
        "engine": found.engine,
        "pbvc_percent": found.percent,
        "forward_percent": found.forward_percent,
        "backward_percent": found.backward_percent,
        "skull_points": pair.registered.skull_points,
        MOVEMENT: pair.registered.transform.tolist(),
    }


ENGINES = (
    Engine(pbvc.ENGINE, _by_edges, lambda: code_hash("thalutils.imaging.pbvc")),
    Engine(jacobian.ENGINE, _by_jacobian, lambda: code_hash("thalutils.imaging.jacobian")),
)


def pieces(cohort: Cohort) -> Callable[[Session], list[None]]:
    """Return how often the stage works on a visit: once on a person's last one, where there is one before."""

    def chosen(session: Session) -> list[None]:
        visits = cohort.sessions(session.participant_id)
        return [None] if len(visits) > 1 and session == visits[-1] else []

    return chosen


def measure(task: Task) -> Rows:
    """Measure the change of brain volume from a person's first visit to this one by every engine.

    FSL's SIENA is one of them where it is installed, or where its report of the person is there to read.
    """
    first = task.cohort.sessions(task.session.participant_id)[0]
    target = derivative(task.cohort, task.session, MOTION_ENDING)
    target.unlink(missing_ok=True)
    visits = (first, task.session)
    rows: Rows = {"brain_change": [], "brain_change_checks": [], "exclusions": []}
    _add_siena(task, rows)
    pair = _pair(task.cohort, visits)
    if isinstance(pair, str):
        rows["exclusions"].append(exclusion(task, STAGE, pair))
        return rows
    truth = true_percent(task.cohort, *visits)
    for engine in ENGINES:
        version = engine.version()
        if version is None:
            continue
        try:
            found, folder = _kept(task.cohort, engine, version, pair)
        except ThalutilsError as error:
            rows["exclusions"].append(exclusion(task, STAGE, str(error), engine.name))
            continue
        if (folder / MOTION_FILE).exists():
            task.keep(folder, {MOTION_FILE: MOTION_ENDING})
        error = {"movement_error_mm": _movement_error_mm(task.cohort, visits, found.pop(MOVEMENT), pair)}
        person = {"participant_id": task.session.participant_id}
        change = {"engine": found["engine"], "pbvc_percent": found["pbvc_percent"]}
        rows["brain_change"].append(person | change)
        visited = {"session_i": first.session_id, "session_j": task.session.session_id}
        rows["brain_change_checks"].append(person | visited | found | error | {"truth_percent": truth})
    return rows


def _add_siena(task: Task, rows: Rows) -> None:
    person = task.session.participant_id
    try:
        if siena.available(task.cohort, person):
            rows["brain_change"].append(siena.measure(task.cohort, person))
    except ThalutilsError as error:
        rows["exclusions"].append(exclusion(task, STAGE, str(error), siena.ENGINE))


def _pair(cohort: Cohort, visits: tuple[Session, Session]) -> Pair | str:
    """Return two visits as the engines take them, or a sentence where one lacks its T1w or its brain mask."""
    try:
        masks = [
            need(derivative(cohort, one, brain_mask.ENDING), f"brain mask of {one.session_id}")
            for one in visits
        ]
        return Pair(tuple(_t1w(cohort, one) for one in visits), tuple(masks))
    except ImageError as error:
        return str(error)


def _t1w(cohort: Cohort, visit: Session) -> Path:
    found = usable_scans(cohort, visit).get("T1w")
    if found is None:
        raise ImageError(f"no usable T1w of {visit.session_id}: brain volume change needs two.")
    return found


def _kept(cohort: Cohort, engine: Engine, version: Any, pair: Pair) -> tuple[dict[str, Any], Path]:
    key = {
        "engine": [engine.name, version, MOVEMENT],
        "scans": [hash_file(path) for path in pair.scans],
        "masks": [hash_file(path) for path in pair.masks],
    }

    def make(folder: Path) -> None:
        write_json(folder / FOUND_FILE, engine.measure(pair, folder))

    made = cached(cohort.cache, "brain-change", key, make)
    return read_json(made / FOUND_FILE), made


def true_percent(cohort: Cohort, first: Session, last: Session) -> float | None:
    """Return the true change of brain volume in percent of the first visit's, where it is known."""
    folder = cohort.settings.references.get("truth")
    if folder is None:
        return None
    volumes = []
    for visit in (first, last):
        place = cohort.bids / folder / visit.participant_id / visit.session_id / "anat"
        known = read_json(place / f"{visit.key}_volumes.json") or {}
        volumes.append(known.get("brain_ml"))
    return None if None in volumes else 100 * (volumes[1] / volumes[0] - 1)


def _movement_error_mm(
    cohort: Cohort, visits: tuple[Session, Session], movement: list[list[float]], pair: Pair
) -> float | None:
    """Return by how much the registration of a pair is off at the brain's voxels, the median, where that is known."""
    folder = cohort.settings.references.get("truth")
    first, last = visits
    if folder is None:
        return None
    place = cohort.bids / folder / last.participant_id / last.session_id / "anat"
    known = place / f"{last.key}_from-{first.session_id.replace('-', '')}T1w_to-T1w_xfm.txt"
    if not known.exists():
        return None
    mask = nib.load(pair.masks[0])
    points = apply_affine(mask.affine, np.argwhere(np.asarray(mask.dataobj) > 0)[::EVERY])
    return registration.displacement_error_mm(np.array(movement), np.loadtxt(known), points).median_mm
