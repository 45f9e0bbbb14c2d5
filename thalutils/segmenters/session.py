"""Every tool on every contrast of a visit, and the ensembles of its masks."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from thalutils import choices, stage
from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ToolError, UsageError
from thalutils.files import hash_file, read_json
from thalutils.imaging import brain_mask, masks
from thalutils.process import cached, code_hash
from thalutils.segmenters import deep_grey, registry
from thalutils.segmenters.dbsegment import BRAIN_FILE
from thalutils.segmenters.deep_grey import ENVELOPES, keep_checked
from thalutils.segmenters.endings import ENSEMBLE_STAGE as ENSEMBLE_STAGE
from thalutils.segmenters.endings import STAGE as STAGE
from thalutils.segmenters.endings import (
    contrast_image,
    ending,
    joined,
    structures_ending,
    suspect_ending,
    there,
)
from thalutils.segmenters.mindglide import MindGlide
from thalutils.segmenters.protocol import (
    INTRACRANIAL_FILE,
    JOINT,
    STRUCTURES_FILE,
    WARNINGS_FILE,
    Reader,
    Segmenter,
    TakesMore,
    method_name,
)
from thalutils.segmenters.registry import SEGMENTERS, segmenter
from thalutils.stage import Rows, Task, derivative, need, usable_scans

# The order in which contrasts stand in a method's name.
ENSEMBLES = (("T1", "FLAIR"), ("T1", "R1"), ("R1", "FLAIR"), ("T1", "R1", "FLAIR"))
DBSEGMENT_BRAIN = "space-T1w_desc-DBSegmentbrain_mask.nii.gz"


def pieces(
    cohort: Cohort, samseg_all: int, samseg_t1: int, paper_tools: int = -1, freesurfer: int = 0
) -> Callable[[Session], list[str]]:
    """Return which tool works on which contrast of a visit, as ``TOOL CONTRAST``.

    A tool whose result serves every contrast runs once a visit, and MindGlide takes all contrasts of a
    visit at once (``MindGlide T1+FLAIR+R1``). Slow tools run on the first visits of the first so many
    people; -1 means every visit of everyone. What is finished already is read, of every visit that has it.
    A contrast that a visit has no aligned image of is passed over: where it had the scan, the stage that
    could not align it says why. What takes all contrasts at once runs where there are two at least; which
    they were is its mask's preset.

    Parameters
    ----------
    cohort : Cohort
    samseg_all, samseg_t1 : int
        People whose visit SAMSEG segments on all contrasts, and on the T1w alone.
    paper_tools : int
        People whose visit FIRST, DBSegment and MindGlide segment, where they are installed.
    freesurfer : int
        People whose visit recon-all takes, where FreeSurfer is installed.
    """
    order = list(cohort.participants["participant_id"])
    limits = {"FreeSurfer": freesurfer, "SAMSEG": samseg_all}

    def runs(tool: Segmenter, session: Session, contrast: str) -> bool:
        if not tool.availability().ok:
            return False
        limit = limits.get(tool.name, paper_tools)
        if tool.name == "SAMSEG" and contrast == "T1" and samseg_all != -1:
            limit = samseg_t1 if samseg_t1 == -1 else max(samseg_t1, samseg_all)
        place = order.index(session.participant_id)
        first = session == first_visit(cohort, session)
        return not tool.slow or limit == -1 or (first and place < limit)

    def chosen(session: Session) -> list[str]:
        found = []
        for tool in SEGMENTERS:
            ready = has_finished(tool, cohort, session)
            mine = [one for one in tool.contrasts if there(cohort, session, one)]
            mine = [one for one in mine if one in ready or runs(tool, session, one)]
            if isinstance(tool, MindGlide):
                mine = ["+".join(mine)] if mine else []
            found += [f"{tool.name} {contrast}" for contrast in mine]
        return found

    return chosen


def memory_gb(cohort: Cohort, participants: str, pieces: Callable[[Session], list[str]]) -> float:
    """Return what one process of the stage may need, by the tools that have work in it."""
    names = {piece.split()[0] for session in cohort.sessions(participants) for piece in pieces(session)}
    return registry.memory_gb(names)


def has_finished(tool: Segmenter, cohort: Cohort, session: Session) -> tuple[str, ...]:
    """Return the contrasts of which a tool's finished result of a visit can be read."""
    if isinstance(tool, MindGlide):
        return tuple(one for one in tool.contrasts if _is_there(partial(tool.finished, cohort, session, one)))
    ready = isinstance(tool, Reader) and _is_there(partial(tool.finished, cohort, session))
    return tool.contrasts if ready else ()


def _is_there(find: Callable[[], object]) -> bool:
    """Return whether a finished result is there, usable or not: its piece of work says what is wrong."""
    try:
        return bool(find())
    except ToolError:
        return True


def segment(task: Task) -> Rows:
    """Run one tool on a contrast of one visit, or read what it has finished; keep its mask.

    Raises
    ------
    ImageError
        Where the contrast was left out before.
    ToolError
        Where the tool fails, or its mask is not plausible; such a mask is kept aside, to be shown.
    """
    name, contrast = task.what.split()
    tool = segmenter(name)
    if isinstance(tool, MindGlide):
        return deep_grey.label(task, tool, tuple(contrast.split("+")))
    method = method_name(tool, contrast)
    for old in (ending, structures_ending, suspect_ending):
        task.derivative(old(method)).unlink(missing_ok=True)
    contrasts = joined(task.cohort, task.session) if contrast == JOINT else [contrast]
    images = {one: contrast_image(task, one) for one in contrasts}
    brain = need(task.derivative(brain_mask.ENDING), "brain mask")
    found = tool.finished(task.cohort, task.session) if isinstance(tool, Reader) else None
    if found is None:
        made = _run(task, tool, images, brain, contrast)
    else:
        made = _read(task, tool, found, images[contrast])
    keep_checked(task, made, method, brain)
    more = {STRUCTURES_FILE: structures_ending(method), BRAIN_FILE: DBSEGMENT_BRAIN}
    task.keep(made, {name: end for name, end in more.items() if (made / name).exists()})
    told = (read_json(made / WARNINGS_FILE) or {}).get("warnings", [])
    preset = task.options["preset"] if found is None and not isinstance(tool, Reader) else None
    preset = "+".join(contrasts) if contrast == JOINT else preset
    origin = "run" if found is None else "read"
    row = task.row(
        method=method, preset=preset, origin=origin, envelope=None, warning="; ".join(told) or None
    )
    rows: Rows = {"masks": [row]}
    icv = read_json(made / INTRACRANIAL_FILE)
    if icv and icv["icv_ml"] and contrast == "T1" and task.session == first_visit(task.cohort, task.session):
        person = {"participant_id": task.session.participant_id}
        rows["intracranial"] = [person | {"icv_ml": icv["icv_ml"], "source": tool.name}]
    return rows


def _run(task: Task, tool: Segmenter, images: dict[str, Path], brain: Path, contrast: str) -> Path:
    """Return the folder with a tool's result on one image, or on all of them together."""
    preset, image = task.options["preset"], next(iter(images.values()))
    others = {}
    if isinstance(tool, TakesMore):
        scans = usable_scans(task.cohort, task.session)
        others = {name: scans[name] for name in tool.others if name in scans}
    key = {
        "image": {one: hash_file(path) for one, path in images.items()},
        "mask": hash_file(brain),
        "tool": [tool.name, tool.availability().version],
        "options": tool.options(preset),
    } | ({"others": {name: hash_file(path) for name, path in others.items()}} if others else {})

    def make(folder: Path) -> None:
        if contrast == JOINT:
            tool.segment_together(images, folder)
        elif isinstance(tool, TakesMore):
            tool.segment_with(image, others, brain, folder, preset)
        else:
            tool.segment(image, brain, folder, preset)

    return cached(task.cohort.cache, f"segment-{tool.name}", key, make)


def _read(task: Task, tool: Reader, found: Path, image: Path) -> Path:
    """Return the folder with a tool's finished result on the image's grid."""
    key = {
        "result": {path.name: hash_file(path) for path in tool.depends_on(found)},
        "image": hash_file(image),
        "options": tool.options(task.options["preset"]),
    }
    return cached(task.cohort.cache, f"read-{tool.name}", key, lambda to: tool.read(found, image, to))


def run(
    cohort: Cohort,
    participants: str,
    pieces: Callable[[Session], list[str]],
    preset: str,
    envelopes: list[str],
) -> dict[str, pd.DataFrame]:
    """Run or read every tool, then cut and fuse; return the stage's tables and the exclusions.

    Masks of an earlier run that no tool has work on any more (a result that was taken away, a tool that is gone, fewer
    people) are removed first.

    Parameters
    ----------
    cohort : Cohort
    participants : str
        ``all``, or ids with commas.
    pieces : callable
        Which tool works on what, as :func:`pieces` gives it.
    preset : str
        How thorough the tools are.
    envelopes : list of str
        Whose masks may cut MindGlide's thalami out, in order.

    Raises
    ------
    UsageError
        Before anything is removed, where there is no such preset.
    StageFailure
        After all the rest is written, where a task failed in an unforeseen way.
    """
    choices.check({"preset": preset}, STAGE)
    for visit in cohort.sessions(participants):
        _forget(cohort, visit, pieces(visit))
    found = stage.run(
        cohort, STAGE, participants, segment, makes=["masks", "intracranial"], pieces=pieces,
        options={"preset": preset}, memory_gb=memory_gb(cohort, participants, pieces),
    )  # fmt: skip
    return found | stage.run(
        cohort,
        ENSEMBLE_STAGE,
        participants,
        fuse,
        makes=["masks", "envelope"],
        options={"envelopes": envelopes},
    )


def _forget(cohort: Cohort, visit: Session, wanted: list[str]) -> None:
    """Remove what is left of masks that are not wanted of a visit; ensembles follow from what stays."""
    work = {(name, one) for name, _, contrasts in (piece.partition(" ") for piece in wanted) for one in contrasts.split("+")}  # fmt: skip
    for tool in SEGMENTERS:
        for contrast in tool.contrasts:
            if (tool.name, contrast) in work:
                continue
            method = method_name(tool, contrast)
            for old in (ending, structures_ending, suspect_ending):
                derivative(cohort, visit, old(method)).unlink(missing_ok=True)
            if tool.name == "DBSegment":
                derivative(cohort, visit, DBSEGMENT_BRAIN).unlink(missing_ok=True)


def possible_envelopes() -> list[str]:
    """Return the names of masks that may cut MindGlide's thalami out: all but its own."""
    return [name for name in methods() if not name.startswith("MindGlide")]


def envelope_names(given: str) -> list[str]:
    """Return the envelopes that a parameter names, with commas between them, in order.

    Raises
    ------
    UsageError
        Where a name is not that of a tool whose mask could be one.

    Examples
    --------
    >>> envelope_names("FIRST, Template")
    ['FIRST', 'Template']
    """
    known = possible_envelopes()
    names = [name.strip() for name in given.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UsageError(f"envelopes: {given!r}: give names of masks: {', '.join(known)}.")
    return names


def first_visit(cohort: Cohort, session: Session) -> Session:
    """Return the first visit of a visit's person."""
    return cohort.sessions(session.participant_id)[0]


def fuse(task: Task) -> Rows:
    """Cut MindGlide's thalami, build the ensembles, and rehearse the cut on SAMSEG's deep grey matter."""
    envelopes = tuple(task.options.get("envelopes", ENVELOPES))
    rows: Rows = {"masks": [], "envelope": [], "exclusions": []}
    for tool in SEGMENTERS:
        if isinstance(tool, MindGlide):
            for table, found in deep_grey.cut(task, tool, envelopes).items():
                rows[table] += found
        if tool.per_contrast:
            for contrasts in ENSEMBLES:
                _fuse_contrasts(task, tool.name, contrasts)
    rows["envelope"] += deep_grey.rehearse(task)
    return rows


def _fuse_contrasts(task: Task, tool: str, contrasts: tuple[str, ...]) -> None:
    """Fuse a tool's masks on some contrasts by vote, and three of them by STAPLE too."""
    method = "-".join((tool, *contrasts))
    names = {"vote.nii.gz": ending(method)}
    if len(contrasts) == 3:
        names["staple.nii.gz"] = ending(f"{method}-STAPLE")
    for name in names.values():
        task.derivative(name).unlink(missing_ok=True)
    paths = [task.derivative(ending(f"{tool}-{contrast}")) for contrast in contrasts]
    if not all(path.exists() for path in paths):
        return

    def vote(folder: Path) -> None:
        images = [nib.load(path) for path in paths]
        labels = [np.asarray(image.dataobj) for image in images]
        fused = {"vote.nii.gz": masks.ensemble(labels)}
        if len(contrasts) == 3:
            sides = [masks.staple([one == side for one in labels]) * np.uint8(side) for side in (10, 49)]
            fused["staple.nii.gz"] = np.maximum(*sides)
        for name, values in fused.items():
            nib.save(nib.Nifti1Image(values.astype(np.uint8), images[0].affine), folder / name)

    key = {"masks": [hash_file(path) for path in paths], "code": code_hash("thalutils.imaging.masks")}
    task.keep(cached(task.cohort.cache, "ensemble", key, vote), names)


def methods() -> list[str]:
    """List every method this version can make, in the order in which they are shown."""
    names = []
    for tool in SEGMENTERS:
        names += [method_name(tool, contrast) for contrast in tool.contrasts]
        if tool.per_contrast:
            names += ["-".join((tool.name, *contrasts)) for contrasts in ENSEMBLES]
            names.append("-".join((tool.name, *ENSEMBLES[-1], "STAPLE")))
    return names


def made(cohort: Cohort, session: Session) -> dict[str, Path]:
    """Return the masks of a visit that exist, by method, in order."""
    found = {method: derivative(cohort, session, ending(method)) for method in methods()}
    return {method: path for method, path in found.items() if path.exists()}
