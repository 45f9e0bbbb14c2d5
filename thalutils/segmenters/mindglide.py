"""MindGlide (Goebl et al. 2025): a network of whole-brain structures on any contrast, run or read.

It has no thalamus but one label of all deep grey matter, of which :mod:`thalutils.segmenters.deep_grey`
cuts the thalamus.
"""

import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import nibabel as nib
import numpy as np

from thalutils import finished
from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ToolError
from thalutils.files import hash_file, write_json
from thalutils.process import run_program, tool_environment
from thalutils.programs import time_limit_s
from thalutils.segmenters.installed import installed_version
from thalutils.segmenters.protocol import (
    FAULTS_FILE,
    GRID_TOLERANCE_MM,
    Availability,
    load_result,
    onto_grid,
)

WEIGHTS_VARIABLE = "MODEL_PATH"
DEVICE_VARIABLE = "THALUTILS_MINDGLIDE_DEVICE"
TIME_LIMIT_S = 2 * 3600.0
DEEP_GREY = 3
# How the scans' names end of which a finished result is, by contrast.
SCANS = {"T1": ("T1w",), "FLAIR": ("FLAIR",), "R1": ("R1map", "R1")}


class MindGlide:
    """MindGlide's labels of each contrast of a visit, its network loaded once a visit."""

    name = "MindGlide"
    contrasts = ("T1", "FLAIR", "R1")
    per_contrast = True
    slow = True

    def availability(self) -> Availability:
        """Tell whether MindGlide is installed, in its environment or in this one."""
        environment = tool_environment("mindglide")
        named = self.options("")["weights"]
        weights = f", weights {named[:8]}" if named else ""
        found = installed_version(environment, "mindglide")
        if found and (environment / "bin" / "mindglide").exists():
            return Availability(True, f"{found}{weights}", where=str(environment))
        try:
            return Availability(True, f"{version('mindglide')}{weights}", where="this environment")
        except PackageNotFoundError:
            reason = (
                "not installed: run thalutils tools install mindglide; it downloads its weights "
                f"(123 MB) as it first runs, or {WEIGHTS_VARIABLE} names the file."
            )
            return Availability(False, reason=reason)

    def options(self, preset: str) -> dict[str, object]:
        """Return the adapter's own source and the weights that are named, if any are."""
        weights = os.environ.get(WEIGHTS_VARIABLE)
        named = hash_file(weights) if weights and Path(weights).is_file() else None
        return {"adapter": hash_file(__file__), "weights": named, "device": _device()}

    def label(self, images: Mapping[str, Path], folder: Path) -> dict[str, str]:
        """Label images of one visit, by contrast, in one load; leave what :func:`save_labels` leaves of each.

        An image that cannot be labelled leaves the others: MindGlide goes on past it, and ends with an error.

        Returns
        -------
        dict of str
            By contrast, why it has no labels, of those that have none.
        """
        scans, out = folder / "in", folder / "out"
        scans.mkdir()
        out.mkdir()
        faults = self._run(images, scans, out, folder / "mindglide.log")
        for contrast, path in images.items():
            name, made = f"{self.name} on {contrast}", out / f"{contrast}_seg.nii.gz"
            if contrast in faults and not made.is_file():
                continue
            try:
                save_labels(load_result(made, name), nib.load(path), folder, contrast, name)
                faults.pop(contrast, None)
            except ToolError as error:  # what was cut short as the program was stopped
                faults[contrast] = f"{error} {faults.get(contrast, '')}".strip()
        for leftover in (*scans.iterdir(), *out.iterdir()):
            leftover.unlink()
        scans.rmdir()
        out.rmdir()
        return faults

    def _run(self, images: Mapping[str, Path], scans: Path, out: Path, log: Path) -> dict[str, str]:
        """Run MindGlide on what is fit for it; return by contrast what may be why it has no labels."""
        faults = {}
        for contrast, path in images.items():
            try:
                nib.save(cleaned(nib.load(path), f"{self.name} on {contrast}"), scans / f"{contrast}.nii.gz")
            except ToolError as error:
                faults[contrast] = str(error)
        fit = [contrast for contrast in images if contrast not in faults]
        try:
            if fit:
                limit = time_limit_s("mindglide", TIME_LIMIT_S)
                run_program(self.command(scans, out), log=log, timeout_s=limit)
        except ToolError as error:
            faults |= dict.fromkeys(fit, f"{self.name}: {error}")
        return faults

    def command(self, scans: Path, out: Path) -> list[str | Path]:
        """Return the command line that labels every scan of a folder.

        Raises
        ------
        ToolError
            Where the weights that are named are not there: it would download others.
        """
        own = tool_environment("mindglide") / "bin" / "mindglide"
        program = [own] if own.exists() else [sys.executable, "-m", "mindglide"]
        weights = os.environ.get(WEIGHTS_VARIABLE)
        if weights and not Path(weights).is_file():
            raise ToolError(f"{WEIGHTS_VARIABLE} is {weights}, which is no file. Correct it.")
        given = ["--model-path", Path(weights).absolute()] if weights else []
        return [*program, "-i", scans, "-o", out, "--device", _device(), "--sw-batch-size", "1", *given]

    def finished(self, cohort: Cohort, session: Session, contrast: str) -> Path | None:
        """Return the visit's finished labels of a contrast, as MindGlide names them: ``<scan>_seg.nii.gz``.

        Raises
        ------
        ToolError
            Where several files could be meant.
        """
        within = finished.folder(cohort, self.name)
        if within is None:
            return None
        return finished.find(within, session, *(f"*_{name}_seg.nii*" for name in SCANS[contrast]))


def _device() -> str:
    """Return on what the network runs: the processor, unless the user says otherwise."""
    return os.environ.get(DEVICE_VARIABLE, "cpu")


def cleaned(image: nib.spatialimages.SpatialImage, name: str) -> nib.Nifti1Image:
    """Return an image whose voxels are all finite: of one NaN, MindGlide makes an empty mask.

    `name` says in a message what is labelled.

    Raises
    ------
    ToolError
        Where nothing is left.
    """
    values = np.nan_to_num(image.get_fdata(dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if not values.any():
        raise ToolError(f"{name}: the image has no finite voxel beside 0. Look at it.")
    return nib.Nifti1Image(values, image.affine)


def save_labels(
    labels: nib.spatialimages.SpatialImage, like: nib.spatialimages.SpatialImage, folder: Path, contrast: str,
    name: str,
) -> None:  # fmt: skip
    """Write MindGlide's labels of an image on its grid, and what is wrong with them, if anything is.

    Leaves ``<contrast>.nii.gz``. Labels on another grid (of FLAIR or R1 before they were brought onto the T1w) are not
    believed, nor is a map of nothing but background; of these there are ``<contrast>-faults.json`` and, to be looked at,
    ``<contrast>-suspect.nii.gz`` with the deep grey matter, where the headers place it.
    """
    same = labels.shape == like.shape[:3] and np.allclose(labels.affine, like.affine, atol=GRID_TOLERANCE_MM)
    values = np.asarray((labels if same else onto_grid(labels, like)).dataobj).astype(np.uint8)
    faults = []
    if not same:
        faults.append(
            f"{name}: its labels lie on another grid than the T1w. Label the image that lies on the T1w's."
        )
    if not values.any():
        faults.append(f"{name}: every voxel is background. Look at the scan.")
    nib.save(nib.Nifti1Image(values, like.affine), folder / f"{contrast}.nii.gz")
    if faults:
        write_json(folder / faults_file(contrast), faults)
        grey = np.where(values == DEEP_GREY, DEEP_GREY, 0).astype(np.uint8)
        nib.save(nib.Nifti1Image(grey, like.affine), folder / suspect_file(contrast))


def faults_file(contrast: str) -> str:
    """Return what the file is called that says what is wrong with the labels of a contrast."""
    return f"{contrast}-{FAULTS_FILE}"


def suspect_file(contrast: str) -> str:
    """Return what the file of deep grey matter is called that is not believed."""
    return f"{contrast}-suspect.nii.gz"
