"""What every segmentation tool is to the study: available or not, and a way to run it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to

from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ToolError
from thalutils.files import read_json, write_json
from thalutils.imaging import masks

LEFT, RIGHT = masks.LEFT, masks.RIGHT
# Stands for a contrast where a tool draws one mask from all contrasts of a visit at once.
JOINT = "joint"
LABELS_FILE = "thalamus.nii.gz"
# What a tool says against its own mask, where it judges itself: ``warnings``, a list of sentences.
WARNINGS_FILE = "warnings.json"
# Every structure that a tool drew, not the thalamus alone.
STRUCTURES_FILE = "structures.nii.gz"
# What is wrong with a mask, for which it is not used: a list of sentences.
FAULTS_FILE = "faults.json"
# An intracranial volume that the tool measured: ``icv_ml``.
INTRACRANIAL_FILE = "icv.json"
GRID_TOLERANCE_MM = 1e-3
THALAMUS_ML = (3.0, 25.0)
LEAST_INSIDE = 0.8


@dataclass(frozen=True)
class Availability:
    """Whether a tool can run here: its version and place if so, the reason and the way out if not."""

    ok: bool
    version: str = ""
    reason: str = ""
    where: str = ""


class Segmenter(Protocol):
    """A tool that draws both thalami on one image.

    Attributes
    ----------
    name : str
        As the ``method`` column begins.
    contrasts : tuple of str
        The contrasts it takes, among T1, FLAIR and R1; :data:`JOINT` too where it has a ``segment_together``.
    per_contrast : bool
        Whether its result differs by contrast; if not, it runs on T1 alone and its name stands alone.
    slow : bool
        Whether it takes so long that a stage's parameters say on which visits it runs.
    """

    name: str
    contrasts: tuple[str, ...]
    per_contrast: bool
    slow: bool

    def availability(self) -> Availability:
        """Tell whether the tool can run on this machine."""

    def options(self, preset: str) -> dict[str, object]:
        """Return all that decides the result beside the image: it is part of the cache's key."""

    def segment(self, image: Path, mask: Path, folder: Path, preset: str) -> None:
        """Segment one image; leave ``thalamus.nii.gz`` (10 left, 49 right) on its grid in `folder`.

        Raises
        ------
        ToolError
            Where the tool fails or leaves no usable mask.
        """


@runtime_checkable
class TakesMore(Protocol):
    """A tool that takes other scans of the visit beside the image, where there are any.

    Attributes
    ----------
    others : tuple of str
        Their places, as ``T2w``.
    """

    others: tuple[str, ...]

    def segment_with(
        self, image: Path, others: Mapping[str, Path], mask: Path, folder: Path, preset: str
    ) -> None:
        """Do what ``segment`` does, with the other scans that are there, by their places."""


@runtime_checkable
class Reader(Protocol):
    """A tool whose finished results of a visit can be read instead of running it."""

    def finished(self, cohort: Cohort, session: Session) -> Path | None:
        """Return a visit's finished result, or ``None``.

        Raises
        ------
        ToolError
            Where several results are the visit's.
        """

    def depends_on(self, found: Path) -> list[Path]:
        """Return the files of a finished result that decide what is read."""

    def read(self, found: Path, image: Path, folder: Path) -> None:
        """Bring a finished result onto the image's grid; leave in `folder` what ``segment`` leaves.

        Raises
        ------
        ToolError
            Where it cannot be read.
        """


def method_name(tool: Segmenter, contrast: str) -> str:
    """Return what the ``method`` column calls a tool on a contrast."""
    return f"{tool.name}-{contrast}" if tool.per_contrast else tool.name


def load_result(path: Path, tool: str, log: str = "") -> nib.spatialimages.SpatialImage:
    """Return the label map that a program left.

    Raises
    ------
    ToolError
        Where it left none, or none that can be read to its end.
    """
    if not path.is_file():
        raise ToolError(f"{tool} ended without {path.name}.{log}")
    try:
        image = nib.squeeze_image(nib.load(path))
        np.asarray(image.dataobj)
    except Exception as error:  # nibabel, zlib and gzip each have their own for a damaged file
        raise ToolError(f"{tool} left a {path.name} that cannot be read ({type(error).__name__}).") from None
    if image.ndim != 3:
        raise ToolError(f"{tool} left a {path.name} of {image.ndim} dimensions.")
    return image


def onto_grid(
    labels: nib.spatialimages.SpatialImage, like: nib.spatialimages.SpatialImage
) -> nib.Nifti1Image:
    """Return a label map on another grid by both headers, each voxel with the label nearest to it."""
    values = nib.Nifti1Image(np.asarray(labels.dataobj).astype(np.int16), labels.affine)
    return resample_from_to(values, (like.shape[:3], like.affine), order=0, mode="constant", cval=0)


def sides(labels: np.ndarray, left: Iterable[int], right: Iterable[int]) -> np.ndarray:
    """Return a map of 10 where any label of `left` is and 49 where any of `right` is, shape as given."""
    found = np.where(np.isin(labels, list(left)), LEFT, 0)
    return np.where(np.isin(labels, list(right)), RIGHT, found).astype(np.uint8)


def write_thalamus(
    found: nib.spatialimages.SpatialImage, like: nib.spatialimages.SpatialImage, folder: Path, tool: str
) -> None:
    """Write left and right thalamus on the grid of `like`, and what is wrong with them, if anything is.

    A mask with a fault is kept, so that it can be looked at; see :func:`check`.
    """
    faults = []
    same = found.shape == like.shape[:3] and np.allclose(found.affine, like.affine, atol=GRID_TOLERANCE_MM)
    if not same:
        faults.append(f"its mask lies on another grid ({_grid(found)}) than the image ({_grid(like)})")
    labels = np.asarray((found if same else onto_grid(found, like)).dataobj)
    kept = np.where(np.isin(labels, (LEFT, RIGHT)), labels, 0).astype(np.uint8)
    missing = [side for side, label in (("left", LEFT), ("right", RIGHT)) if not (kept == label).any()]
    if len(missing) == 2:
        faults.append("its mask is empty")
    elif missing:
        faults.append(f"it found no {missing[0]} thalamus")
    nib.save(nib.Nifti1Image(kept, like.affine), folder / LABELS_FILE)
    if faults:
        write_json(
            folder / FAULTS_FILE, [f"{tool}: {fault}. Look at it and at the scan." for fault in faults]
        )


def _grid(image: nib.spatialimages.SpatialImage) -> str:
    size = np.linalg.norm(image.affine[:3, :3], axis=0)
    return f"{'x'.join(map(str, image.shape[:3]))} voxels of {' x '.join(f'{edge:.3g}' for edge in size)} mm"


def check(folder: Path, method: str, brain: Path) -> None:
    """Check a mask that a tool left in a folder.

    Parameters
    ----------
    folder : Path
        With ``thalamus.nii.gz``.
    method : str
        What it is called.
    brain : Path
        The visit's brain mask, on the same grid.

    Raises
    ------
    ToolError
        Where the mask was empty, one-sided or on another grid, its volume lies outside 3 to 25 mL, left
        lies right of right, or a good part of it lies outside the brain.
    """
    faults = read_json(folder / FAULTS_FILE)
    if faults:
        raise ToolError(" ".join(faults))
    image = nib.load(folder / LABELS_FILE)
    labels = np.asarray(image.dataobj)
    left, right = masks.sides_ml(labels, image.affine)
    low, high = THALAMUS_ML
    if not low <= left + right <= high:
        raise ToolError(
            f"{method}: thalamus of {left + right:.1f} mL, outside {low:.0f} to {high:.0f} mL. "
            "Look at it and at the scan."
        )
    middles = [
        nib.affines.apply_affine(image.affine, np.argwhere(labels == label)).mean(0)[0]
        for label in (LEFT, RIGHT)
    ]
    if middles[0] > middles[1]:
        raise ToolError(f"{method}: its left thalamus lies on the right. Check the image's orientation.")
    inside = np.asarray(nib.load(brain).dataobj)[labels > 0] > 0
    if inside.mean() < LEAST_INSIDE:
        raise ToolError(
            f"{method}: only {100 * inside.mean():.0f} % of it lies in the brain mask. Is it of this scan?"
        )
