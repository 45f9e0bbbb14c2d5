"""The brain mask that DBSegment left beside its labels, where a cohort's finished results hold one."""

from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to

from thalutils import finished
from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ToolError

TOOL = "DBSegment"
ITS_BRAINS = "*_brainmask.nii.gz"
SMALLEST_ML, LARGEST_ML = 600.0, 2300.0
# What may be lost where the mask's grid is not the scan's: half a voxel all round is some 1 %.
MOST_LOST = 0.03


def find(cohort: Cohort, session: Session) -> Path | None:
    """Return a visit's finished brain mask, or ``None``.

    Raises
    ------
    ToolError
        Where several are the visit's.
    """
    within = finished.folder(cohort, TOOL)
    return None if within is None else finished.find(within, session, f"*T1w{ITS_BRAINS}", ITS_BRAINS)


def read(found: Path, t1w: Path) -> nib.Nifti1Image:
    """Return a finished mask as 0 and 1 on the grid of the T1w, by both headers.

    Raises
    ------
    ToolError
        Where it cannot be read, is empty, has no brain's volume (600 to 2300 mL) or lies outside the T1w.
    """
    try:
        image, like = nib.squeeze_image(nib.load(found)), nib.load(t1w)
        inside = nib.Nifti1Image((np.asarray(image.dataobj) > 0).astype(np.uint8), image.affine)
    except Exception as error:  # nibabel, zlib and gzip each have their own for a damaged file
        raise ToolError(f"{found.name} cannot be read ({type(error).__name__}).") from None
    if inside.ndim != 3:
        raise ToolError(f"{found.name} has {inside.ndim} dimensions.")
    volume = volume_ml(inside)
    if not SMALLEST_ML <= volume <= LARGEST_ML:
        raise ToolError(
            f"{found.name} holds {volume:.0f} mL, outside {SMALLEST_ML:.0f} to {LARGEST_ML:.0f} mL."
        )
    placed = resample_from_to(inside, (like.shape[:3], like.affine), order=0, mode="constant", cval=0)
    lost = 1 - volume_ml(placed) / volume
    if lost > MOST_LOST:
        raise ToolError(
            f"{found.name} lies with {100 * lost:.0f} % of it outside the T1w. Is it of this scan?"
        )
    return nib.Nifti1Image(np.asarray(placed.dataobj), like.affine)


def volume_ml(mask: nib.Nifti1Image) -> float:
    """Return the volume of what is not 0, in mL."""
    size_ml = abs(np.linalg.det(mask.affine[:3, :3])) / 1000
    return float((np.asarray(mask.dataobj) > 0).sum() * size_ml)
