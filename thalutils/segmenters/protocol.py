"""What every segmentation tool is to the study: available or not, and a way to run it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import nibabel as nib
import numpy as np

from thalutils.errors import ToolError

LEFT, RIGHT = 10, 49
# Stands for a contrast where a tool draws one mask from all contrasts of a visit at once.
JOINT = "joint"
LABELS_FILE = "thalamus.nii.gz"
# What a tool says against its own mask, where it judges itself: ``warnings``, a list of sentences.
WARNINGS_FILE = "warnings.json"


@dataclass(frozen=True)
class Availability:
    """Whether a tool can run here: its version if so, the reason and the way out if not."""

    ok: bool
    version: str = ""
    reason: str = ""


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


def method_name(tool: Segmenter, contrast: str) -> str:
    """Return what the ``method`` column calls a tool on a contrast."""
    return f"{tool.name}-{contrast}" if tool.per_contrast else tool.name


def write_thalamus(labels: np.ndarray, like: nib.spatialimages.SpatialImage, folder: Path, tool: str) -> None:
    """Write left and right thalamus on the grid of `like`.

    Raises
    ------
    ToolError
        Where a side is empty or the grid differs.
    """
    if labels.shape != like.shape[:3]:
        raise ToolError(f"{tool} left a mask of {labels.shape} voxels for an image of {like.shape[:3]}.")
    kept = np.where(np.isin(labels, (LEFT, RIGHT)), labels, 0).astype(np.uint8)
    missing = [side for side, label in (("left", LEFT), ("right", RIGHT)) if not (kept == label).any()]
    if missing:
        raise ToolError(f"{tool} found no {' and no '.join(missing)} thalamus.")
    nib.save(nib.Nifti1Image(kept, like.affine), folder / LABELS_FILE)
