"""Change of a structure by following its mask from the first scan to the second: one mask, no second drawing.

The pair lies halfway already (:mod:`thalutils.imaging.halfway`). A deformable registration in the box about the
mask, by ANTs' SyN, which treats both scans alike, finds how its tissue moved. The mean Jacobian determinant over the
mask is the structure's volume in the second scan over that in the first, as if the mask were pulled along and
measured again.
"""

import numpy as np
from nibabel.affines import apply_affine
from scipy import ndimage

from thalutils.errors import ImageError
from thalutils.imaging import jacobian, registration
from thalutils.imaging.edges import Scan
from thalutils.imaging.halfway import Halfway, halves
from thalutils.imaging.registration import Image

VOXEL_MM, MARGIN_MM = 1.0, 12.0
# The last level is left out: at the scan's own voxels it took ten times as long and followed noise.
ITERATIONS = (40, 40, 0)
# Local correlation: the scanner may have changed what tissue looks like.
METRIC = "CC"


def structure_change(pair: Halfway, mask: Image) -> float:
    """Measure the change of the structure whose mask in the first scan is given.

    Parameters
    ----------
    pair : Halfway
    mask
        Not 0 in the structure, on the first scan's own grid.

    Returns
    -------
    float
        Change of volume in percent of the first scan's; negative is loss.

    Raises
    ------
    ImageError
        Where the mask is empty, or ANTs finds no deformation.
    """
    mask = registration.load(mask)
    inside = mask.get_fdata() > 0
    if not inside.any():
        raise ImageError("the mask to follow is empty. Look at it and at the first scan.")
    to_half, _ = halves(pair.transform)
    grid = _grid(apply_affine(to_half @ mask.affine, np.argwhere(inside)))
    first, second = (_on(scan, grid) for scan in pair.scans)
    share = _share(inside, to_half @ mask.affine, grid)
    vectors = jacobian.deformation(first, second, VOXEL_MM, metric=METRIC, iterations=ITERATIONS)
    return float(100 * (np.average(jacobian.growth(vectors, VOXEL_MM), weights=share) - 1))


def _grid(points_mm: np.ndarray) -> np.ndarray:
    """Return the points of a grid about others, shape (x, y, z, 3)."""
    low, high = points_mm.min(axis=0) - MARGIN_MM, points_mm.max(axis=0) + MARGIN_MM
    axes = [np.arange(start, stop + VOXEL_MM, VOXEL_MM) for start, stop in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).astype(np.float32)


def _on(scan: Scan, grid: np.ndarray) -> np.ndarray:
    return np.maximum(scan.sample(grid), 0) / np.median(scan.data[scan.mask])


def _share(inside: np.ndarray, affine: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return how much of each point's surroundings is inside, 0 to 1, interpolated linearly."""
    where = apply_affine(np.linalg.inv(affine), grid.reshape(-1, 3)).T
    found = ndimage.map_coordinates(inside.astype(np.float32), where, order=1, mode="constant")
    return found.reshape(grid.shape[:-1])
