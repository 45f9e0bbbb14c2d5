"""Every tool on every contrast of a visit, and the ensembles of its masks."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ToolError
from thalutils.files import hash_file, read_json
from thalutils.imaging import alignment, brain_mask, masks
from thalutils.imaging.envelope import envelope_checks
from thalutils.process import cached, code_hash
from thalutils.segmenters.protocol import JOINT, LABELS_FILE, WARNINGS_FILE, method_name
from thalutils.segmenters.registry import NOT_RUN, SEGMENTERS, segmenter
from thalutils.segmenters.samseg import STRUCTURES_FILE
from thalutils.stage import Rows, Task, derivative, need, usable_scans

STAGE = "2-6-2-segmentation"
ENSEMBLE_STAGE = "2-6-2-ensembles"
# The order in which contrasts stand in a method's name.
ENSEMBLES = (("T1", "FLAIR"), ("T1", "R1"), ("R1", "FLAIR"), ("T1", "R1", "FLAIR"))
IMAGES = {"FLAIR": alignment.ENDINGS["FLAIR"], "R1": alignment.RESCALED}
THALAMUS_ML = (3.0, 25.0)
# Thalamus, caudate, putamen, pallidum, amygdala, accumbens: what MindGlide's one label joins.
DEEP_GREY = (10, 11, 12, 13, 18, 26, 49, 50, 51, 52, 54, 58)


def ending(method: str) -> str:
    """Return how the file of a method's mask ends."""
    return f"space-T1w_desc-{method.replace('-', '')}_dseg.nii.gz"


def structures_ending(method: str) -> str:
    """Return how the file of all structures that a method drew ends."""
    return f"space-T1w_desc-{method.replace('-', '')}structures_dseg.nii.gz"


def pieces(cohort: Cohort, samseg_all: int, samseg_t1: int) -> Callable[[Session], list[str]]:
    """Return which tool runs on which contrast of a visit, as ``TOOL CONTRAST``.

    A tool whose result serves every contrast runs once a visit. SAMSEG, the one slow tool, runs on
    all contrasts of the first visits of the first `samseg_all` people and on the T1w of the first visits
    of the first `samseg_t1`; -1 means every visit of everyone. A contrast that a visit has no aligned image
    of is passed over: where it had the scan, the stage that could not align it says why. What takes all
    contrasts at once runs where there are two at least; which they were is its mask's preset.
    """
    order = list(cohort.participants["participant_id"])

    def chosen(session: Session) -> list[str]:
        place = order.index(session.participant_id)
        baseline = session == first_visit(cohort, session)
        found = []
        for tool in SEGMENTERS:
            if not tool.availability().ok:
                continue
            for contrast in (one for one in tool.contrasts if _there(cohort, session, one)):
                limit = samseg_all if contrast != "T1" else max(samseg_t1, samseg_all)
                within = samseg_all == -1 or (contrast == "T1" and samseg_t1 == -1)
                if not tool.slow or within or (baseline and place < limit):
                    found.append(f"{tool.name} {contrast}")
        return found

    return chosen


def _there(cohort: Cohort, session: Session, contrast: str) -> bool:
    if contrast == JOINT:
        return len(_joined(cohort, session)) > 1
    return contrast == "T1" or derivative(cohort, session, IMAGES[contrast]).exists()


def _joined(cohort: Cohort, session: Session) -> list[str]:
    """Return the contrasts that a visit has on the T1w's grid."""
    return [contrast for contrast in ENSEMBLES[-1] if _there(cohort, session, contrast)]


def segment(task: Task) -> Rows:
    """Run one tool on one contrast of one visit, and keep its mask among the derivatives.

    Raises
    ------
    ImageError
        Where the contrast was left out before.
    ToolError
        Where the tool fails, or its mask is not plausible.
    """
    name, contrast = task.what.split()
    tool = segmenter(name)
    method = method_name(tool, contrast)
    target = task.derivative(ending(method))
    target.unlink(missing_ok=True)
    joined = _joined(task.cohort, task.session) if contrast == JOINT else [contrast]
    images = {one: contrast_image(task, one) for one in joined}
    mask = need(task.derivative(brain_mask.ENDING), "brain mask")
    preset = task.options["preset"]
    key = {
        "image": [hash_file(image) for image in images.values()],
        "contrasts": joined,
        "mask": hash_file(mask),
        "tool": [tool.name, tool.availability().version],
        "options": tool.options(preset),
    }

    def draw(folder: Path) -> None:
        if contrast == JOINT:
            tool.segment_together(images, folder)
        else:
            tool.segment(images[contrast], mask, folder, preset)

    made = cached(task.cohort.cache, f"segment-{tool.name}", key, draw)
    check_plausible(made / LABELS_FILE, method)
    names = {LABELS_FILE: ending(method)}
    if (made / STRUCTURES_FILE).exists():
        names[STRUCTURES_FILE] = structures_ending(method)
    task.keep(made, names)
    told = (read_json(made / WARNINGS_FILE) or {}).get("warnings", [])
    made_with = "+".join(joined) if contrast == JOINT else preset
    rows: Rows = {"masks": [task.row(method=method, preset=made_with, warning="; ".join(told) or None)]}
    icv = read_json(made / "icv.json")
    if icv and icv["icv_ml"] and contrast == "T1" and task.session == first_visit(task.cohort, task.session):
        person = {"participant_id": task.session.participant_id}
        rows["intracranial"] = [person | {"icv_ml": icv["icv_ml"], "source": tool.name}]
    return rows


def first_visit(cohort: Cohort, session: Session) -> Session:
    """Return the first visit of a visit's person."""
    return cohort.sessions(session.participant_id)[0]


def contrast_image(task: Task, contrast: str) -> Path:
    """Return the image of one contrast on the T1w's grid.

    Raises
    ------
    ImageError
        Where the visit has none.
    """
    if contrast == "T1":
        found = usable_scans(task.cohort, task.session).get("T1w")
        return need(found if found else Path("absent"), "usable T1w")
    return need(task.derivative(IMAGES[contrast]), f"{contrast} on the T1w's grid")


def check_plausible(path: Path, method: str) -> None:
    """Check a mask's size and sides.

    Raises
    ------
    ToolError
        Where the volume lies outside 3 to 25 mL, or left lies right of right.
    """
    image = nib.load(path)
    labels = np.asarray(image.dataobj)
    left, right = masks.sides_ml(labels, image.affine)
    low, high = THALAMUS_ML
    if not low <= left + right <= high:
        raise ToolError(f"{method}: thalamus of {left + right:.1f} mL, outside {low:.0f} to {high:.0f} mL.")
    middles = [
        nib.affines.apply_affine(image.affine, np.argwhere(labels == label)).mean(0)[0] for label in (10, 49)
    ]
    if middles[0] > middles[1]:
        raise ToolError(f"{method}: its left thalamus lies on the right. Check the image's orientation.")


def fuse(task: Task) -> Rows:
    """Build the ensembles of one visit, and rehearse the cut of a deep-grey label by an envelope."""
    for tool in SEGMENTERS:
        if tool.per_contrast:
            for contrasts in ENSEMBLES:
                _fuse_contrasts(task, tool.name, contrasts)
    return {"envelope": _envelope(task)}


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


def _envelope(task: Task) -> list[dict[str, object]]:
    """Cut SAMSEG's deep grey matter on T1w by Template's mask, and measure what the cut decided."""
    structures = task.derivative(structures_ending("SAMSEG-T1"))
    envelope = task.derivative(ending("Template"))
    if not structures.exists() or not envelope.exists():
        return []
    image = nib.load(structures)
    deep_grey = np.isin(np.asarray(image.dataobj), DEEP_GREY)
    inside = np.asarray(nib.load(envelope).dataobj) > 0
    size = tuple(float(edge) for edge in image.header.get_zooms()[:3])
    checks = envelope_checks(deep_grey, inside, size)
    return [task.row(method="SAMSEG-T1-DGM", envelope="Template") | checks._asdict()]


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


def tools_table() -> pd.DataFrame:
    """List every tool of the study: whether it runs here, its version, and why not."""
    rows = []
    for tool in SEGMENTERS:
        state = tool.availability()
        rows.append((tool.name, "yes" if state.ok else "no", state.version or None, state.reason or None))
    rows += [(name, "no", None, reason) for name, reason in NOT_RUN.items()]
    return pd.DataFrame(rows, columns=["tool", "available", "version", "reason"])
