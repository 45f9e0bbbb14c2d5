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
from thalutils.files import hash_file
from thalutils.process import run_program, tool_environment
from thalutils.programs import time_limit_s
from thalutils.segmenters.installed import installed_version
from thalutils.segmenters.protocol import GRID_TOLERANCE_MM, Availability, load_result

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

    def label(self, images: Mapping[str, Path], folder: Path) -> None:
        """Label images of one visit, by contrast, in one load; leave ``<contrast>.nii.gz`` on their grids.

        Raises
        ------
        ToolError
            Where it fails, or leaves a result on another grid.
        """
        scans, out = folder / "in", folder / "out"
        scans.mkdir()
        out.mkdir()
        for contrast, path in images.items():
            nib.save(cleaned(nib.load(path)), scans / f"{contrast}.nii.gz")
        run_program(
            self.command(scans, out), log=folder / "mindglide.log",
            timeout_s=time_limit_s("mindglide", TIME_LIMIT_S),
        )  # fmt: skip
        for contrast, path in images.items():
            labels = load_result(out / f"{contrast}_seg.nii.gz", f"{self.name} on {contrast}")
            save_labels(labels, nib.load(path), folder / f"{contrast}.nii.gz", f"{self.name} on {contrast}")
        for leftover in (*scans.iterdir(), *out.iterdir()):
            leftover.unlink()
        scans.rmdir()
        out.rmdir()

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
            raise ToolError(f"MindGlide: {WEIGHTS_VARIABLE} is {weights}, which is no file. Correct it.")
        given = ["--model-path", Path(weights).absolute()] if weights else []
        return [*program, "-i", scans, "-o", out, "--device", _device(), "--sw-batch-size", "1", *given]

    def finished(self, cohort: Cohort, session: Session) -> dict[str, Path]:
        """Return the visit's finished labels by contrast, as MindGlide names them: ``<scan>_seg.nii.gz``."""
        within = finished.folder(cohort, self.name)
        if within is None:
            return {}
        found = {
            contrast: finished.find(within, session, *(f"*_{name}_seg.nii*" for name in names))
            for contrast, names in SCANS.items()
        }
        return {contrast: path for contrast, path in found.items() if path}


def _device() -> str:
    """Return on what the network runs: the processor, unless the user says otherwise."""
    return os.environ.get(DEVICE_VARIABLE, "cpu")


def cleaned(image: nib.spatialimages.SpatialImage) -> nib.Nifti1Image:
    """Return an image whose voxels are all finite: of one NaN, MindGlide makes an empty mask.

    Raises
    ------
    ToolError
        Where nothing is left.
    """
    values = np.nan_to_num(image.get_fdata(dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if not values.any():
        raise ToolError("MindGlide: the image has no finite voxel beside 0. Look at it.")
    return nib.Nifti1Image(values, image.affine)


def save_labels(
    labels: nib.spatialimages.SpatialImage, like: nib.spatialimages.SpatialImage, target: Path, name: str
) -> None:
    """Keep MindGlide's labels of an image.

    Raises
    ------
    ToolError
        Where they are not on the image's grid, so that FLAIR and R1 labelled before they were brought onto
        the T1w are refused, or hold nothing.
    """
    same = labels.shape == like.shape[:3] and np.allclose(labels.affine, like.affine, atol=GRID_TOLERANCE_MM)
    if not same:
        raise ToolError(
            f"{name}: its labels lie on another grid than the T1w. Label the image that lies on the T1w's."
        )
    values = np.asarray(labels.dataobj).astype(np.uint8)
    if not values.any():
        raise ToolError(f"{name}: every voxel is background. Look at the scan.")
    nib.save(nib.Nifti1Image(values, like.affine), target)
