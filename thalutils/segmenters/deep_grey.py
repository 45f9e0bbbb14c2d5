"""A label of all deep grey matter, and the thalamus that another tool's mask cuts out of it."""

from pathlib import Path

import nibabel as nib
import numpy as np

from thalutils.errors import ToolError
from thalutils.files import beside, hash_file, hash_json, place, read_json, write_json
from thalutils.imaging import brain_mask
from thalutils.imaging.envelope import deep_grey_in_envelope, envelope_checks
from thalutils.process import FAILED_LOGS, cached, code_hash, is_cached, keep_logs
from thalutils.segmenters.endings import (
    ENSEMBLE_STAGE,
    STAGE,
    contrast_image,
    ending,
    structures_ending,
    suspect_ending,
)
from thalutils.segmenters.mindglide import DEEP_GREY, MindGlide, faults_file, save_labels, suspect_file
from thalutils.segmenters.protocol import LABELS_FILE, check, load_result, write_thalamus
from thalutils.stage import Rows, Task, exclusion, need

# What cuts, the first that a visit has: the paper's, else the one that every visit has.
ENVELOPES = ("FIRST", "Template")
ORIGIN_FILE = "space-T1w_desc-{}structures_dseg.json"
# Thalamus, caudate, putamen, pallidum, amygdala, accumbens: what MindGlide's one label joins.
SAMSEG_DEEP_GREY = (10, 11, 12, 13, 18, 26, 49, 50, 51, 52, 54, 58)


def label(task: Task, tool: MindGlide, contrasts: tuple[str, ...]) -> Rows:
    """Run MindGlide on all contrasts of a visit at once, or read its finished labels; keep the labels.

    A contrast whose result cannot be used becomes an exclusion, with its deep grey matter kept aside, to be shown; the
    others go on.
    """
    rows: Rows = {"exclusions": []}
    for contrast in contrasts:
        for old in (structures_ending, ending, suspect_ending):
            task.derivative(old(f"{tool.name}-{contrast}")).unlink(missing_ok=True)
        _origin_path(task, f"{tool.name}-{contrast}").unlink(missing_ok=True)
    images = {contrast: contrast_image(task, contrast) for contrast in contrasts}
    for contrast, image in list(images.items()):
        try:
            ready = tool.finished(task.cohort, task.session, contrast)
            if ready is None:
                continue
            made = _read_finished(task, tool, contrast, ready, image)
            _keep(task, tool, contrast, made, {"origin": "read", "version": ""})
        except ToolError as error:
            rows["exclusions"].append(exclusion(task, STAGE, str(error), f"{tool.name}-{contrast}"))
        del images[contrast]  # what was given is not made anew, be it usable or not
    state = tool.availability()
    if not images or not state.ok:
        return rows
    made, faults = _run(task, tool, images, state.version)
    for contrast in images:
        try:
            if contrast in faults:
                raise ToolError(faults[contrast])
            _keep(task, tool, contrast, made[contrast], {"origin": "run", "version": state.version})
        except ToolError as error:
            rows["exclusions"].append(exclusion(task, STAGE, str(error), f"{tool.name}-{contrast}"))
    return rows


def _run(
    task: Task, tool: MindGlide, images: dict[str, Path], version: str
) -> tuple[dict[str, Path], dict[str, str]]:
    """Label in one load what is not labelled yet; return by contrast the folder of its labels, or why there is none."""
    step, cache = f"segment-{tool.name}", task.cohort.cache
    keys = {
        contrast: {
            "contrast": contrast, "image": hash_file(path), "tool": [tool.name, version],
            "options": tool.options(task.options["preset"]),
        }
        for contrast, path in images.items()
    }  # fmt: skip
    wanted = {one: path for one, path in images.items() if not is_cached(cache, step, keys[one])}
    with beside(cache / step / "load") as scratch:
        faults = {}
        if wanted:
            scratch.mkdir()
            faults = tool.label(wanted, scratch)
        if faults:
            kept = keep_logs(scratch, cache / FAILED_LOGS / f"{step}-{hash_json(keys)[:24]}")
            faults = {contrast: f"{reason}{kept}" for contrast, reason in faults.items()}

        def take(contrast: str, folder: Path) -> None:
            for path in (*scratch.glob(f"{contrast}[.-]*"), *scratch.glob("*.log")):
                place(path, folder / path.name)

        made = {
            contrast: cached(cache, step, keys[contrast], lambda to, one=contrast: take(one, to))
            for contrast in images
            if contrast not in faults
        }
    return made, faults


def _read_finished(task: Task, tool: MindGlide, contrast: str, found: Path, image: Path) -> Path:
    """Return the folder with a finished result of one contrast on the T1w's grid."""
    name = f"{tool.name} on {contrast}"
    key = {
        "result": hash_file(found), "image": hash_file(image),
        "code": [hash_file(__file__), code_hash("thalutils.segmenters.mindglide")],
    }  # fmt: skip

    def bring(folder: Path) -> None:
        labels = load_result(found, name)
        save_labels(labels, nib.load(image), folder, contrast, f"{name} ({found.name})")

    return cached(task.cohort.cache, f"read-{tool.name}", key, bring)


def _keep(task: Task, tool: MindGlide, contrast: str, made: Path, origin: dict[str, str]) -> None:
    """Keep the labels of one contrast; those that are not believed go aside.

    Raises
    ------
    ToolError
        Saying why they are not believed.
    """
    method = f"{tool.name}-{contrast}"
    faults = read_json(made / faults_file(contrast))
    if faults:
        task.keep(made, {suspect_file(contrast): suspect_ending(method)})
        raise ToolError(" ".join(faults))
    task.keep(made, {f"{contrast}.nii.gz": structures_ending(method)})
    write_json(_origin_path(task, method), origin)


def _origin_path(task: Task, method: str) -> Path:
    return task.derivative(ORIGIN_FILE.format(method.replace("-", "")))


def cut(task: Task, tool: MindGlide, envelopes: tuple[str, ...]) -> Rows:
    """Cut the thalamus of each contrast's deep-grey label by the first of `envelopes` that the visit has.

    Returns
    -------
    Rows
        Of ``masks`` (with the envelope, by which the mask was drawn), ``envelope`` and ``exclusions``.
    """
    rows: Rows = {"masks": [], "envelope": [], "exclusions": []}
    for contrast in tool.contrasts:
        method = f"{tool.name}-{contrast}"
        task.derivative(ending(method)).unlink(missing_ok=True)
        labels = task.derivative(structures_ending(method))
        if not labels.exists():
            continue  # a suspect is then one of the labels themselves
        task.derivative(suspect_ending(method)).unlink(missing_ok=True)
        try:
            _cut_one(task, method, labels, envelopes, rows)
        except ToolError as error:
            rows["exclusions"].append(exclusion(task, ENSEMBLE_STAGE, str(error), method))
    return rows


def _cut_one(task: Task, method: str, labels: Path, envelopes: tuple[str, ...], rows: Rows) -> None:
    chosen = next((name for name in envelopes if task.derivative(ending(name)).exists()), None)
    if chosen is None:
        raise ToolError(
            f"{method}: the visit has no mask by {' or '.join(envelopes)} to cut the thalamus out with."
        )
    by = task.derivative(ending(chosen))
    brain = need(task.derivative(brain_mask.ENDING), "brain mask")

    def intersect(folder: Path) -> None:
        image, sides = nib.load(labels), np.asarray(nib.load(by).dataobj)
        inside = deep_grey_in_envelope(np.asarray(image.dataobj) == DEEP_GREY, sides > 0)
        found = nib.Nifti1Image(np.where(inside, sides, 0).astype(np.uint8), image.affine)
        write_thalamus(found, image, folder, method)

    key = {
        "labels": hash_file(labels), "by": hash_file(by),
        "code": [code_hash("thalutils.imaging.envelope"), hash_file(__file__)],
    }  # fmt: skip
    made = cached(task.cohort.cache, "deep-grey", key, intersect)
    keep_checked(task, made, method, brain)
    origin = read_json(_origin_path(task, method)) or {}
    rows["masks"].append(
        task.row(method=method, preset=None, origin=origin.get("origin"), envelope=chosen, warning=None)
    )
    rows["envelope"].append(
        measure(task, method, nib.load(labels), (DEEP_GREY,), np.asarray(nib.load(by).dataobj) > 0, chosen)
    )


def keep_checked(task: Task, made: Path, method: str, brain: Path) -> None:
    """Keep the mask of a folder among the derivatives; one that is not believed goes aside, to be shown.

    Raises
    ------
    ToolError
        Saying why it is not believed.
    """
    try:
        check(made, method, brain)
    except ToolError:
        task.keep(made, {LABELS_FILE: suspect_ending(method)})
        raise
    task.keep(made, {LABELS_FILE: ending(method)})


def rehearse(task: Task) -> list[dict[str, object]]:
    """Cut SAMSEG's deep grey matter on T1w by Template's mask, and measure what the cut decided."""
    structures = task.derivative(structures_ending("SAMSEG-T1"))
    envelope = task.derivative(ending("Template"))
    if not structures.exists() or not envelope.exists():
        return []
    inside = np.asarray(nib.load(envelope).dataobj) > 0
    return [measure(task, "SAMSEG-T1-DGM", nib.load(structures), SAMSEG_DEEP_GREY, inside, "Template")]


def measure(
    task: Task, method: str, labels: nib.spatialimages.SpatialImage, deep_grey: tuple[int, ...],
    inside: np.ndarray, envelope: str,
) -> dict[str, object]:  # fmt: skip
    """Return the row of ``envelope`` that says how far an envelope drew a mask."""
    grey = np.isin(np.asarray(labels.dataobj), deep_grey)
    size = tuple(float(edge) for edge in labels.header.get_zooms()[:3])
    return task.row(method=method, envelope=envelope) | envelope_checks(grey, inside, size)._asdict()
