"""Brain volume change by integrating the Jacobian of a deformable registration: a second, independent estimate.

The pair lies halfway already (:mod:`thalutils.imaging.halfway`), so that the skull has fixed the head's size. ANTs' SyN
(Avants et al. 2008) finds the deformation from each scan to the other; the mean of its Jacobian determinant over the
brain tissue of the first is the tissue's volume in the second over that in the first.
"""

import tempfile
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from thalutils.errors import ImageError
from thalutils.imaging import edges as edge
from thalutils.imaging.edges import Scan
from thalutils.imaging.halfway import Halfway
from thalutils.imaging.pbvc import of_first

ENGINE, RIGID_ENGINE = "Jacobian integration", "Jacobian integration, rigid"
VOXEL_MM, MARGIN_MM = 2.0, 10.0
# A scan is smoothed to about the voxel it is thinned to.
SMOOTHING_MM = 0.6
BRIGHTEST = 2.0
ITERATIONS = (40, 20, 20)
GRADIENT_STEP = 0.25
CC_RADIUS_VOXELS, BINS = 2, 32


@dataclass(frozen=True)
class JacobianChange:
    """Percentage brain volume change between two scans; negative is loss.

    Attributes
    ----------
    engine : str
    percent : float
        Mean of both directions, in percent of the first scan's volume.
    forward_percent, backward_percent : float
        From the first to the second, found by deforming the first and by deforming the second.
    """

    engine: str
    percent: float
    forward_percent: float
    backward_percent: float


def brain_change(pair: Halfway) -> JacobianChange:
    """Measure the change of brain volume of a pair that is registered.

    Raises
    ------
    ImageError
        Where ANTs finds no deformation.
    """
    grid = _grid(pair)
    images = tuple(_thinned(scan, grid) for scan in pair.scans)
    shares = tuple(_tissue_share(scan, grid) for scan in pair.scans)
    forward = _grown_percent(*images, shares[0])
    backward = of_first(_grown_percent(*images[::-1], shares[1]))
    engine = ENGINE if pair.skull_points else RIGID_ENGINE
    return JacobianChange(engine, (forward + backward) / 2, forward, backward)


def _grid(pair: Halfway) -> np.ndarray:
    """Return the points of a grid about both brains in the space halfway, shape (x, y, z, 3)."""
    points = np.concatenate([edges.points_mm for edges in pair.edges])
    low, high = points.min(axis=0) - MARGIN_MM, points.max(axis=0) + MARGIN_MM
    axes = [np.arange(start, stop + VOXEL_MM, VOXEL_MM) for start, stop in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).astype(np.float32)


def _thinned(scan: Scan, grid: np.ndarray) -> np.ndarray:
    """Return the scan on the grid; the median of the brain is 1."""
    smooth = ndimage.gaussian_filter(scan.data, SMOOTHING_MM / scan.voxel_mm)
    values = Scan(smooth, scan.mask, scan.affine).sample(grid) / np.median(scan.data[scan.mask])
    return np.clip(values, 0, BRIGHTEST)


def _tissue_share(scan: Scan, grid: np.ndarray) -> np.ndarray:
    """Return how much of each voxel of the grid is brain tissue rather than fluid, 0 to 1."""
    fluid, level = edge.tissue_level(scan.data, scan.mask)
    share = np.clip((scan.data - fluid) / (2 * (level - fluid)), 0, 1) * scan.mask
    smooth = ndimage.gaussian_filter(share.astype(np.float32), SMOOTHING_MM / scan.voxel_mm)
    return np.clip(Scan(smooth, scan.mask, scan.affine).sample(grid), 0, 1)


def _grown_percent(fixed: np.ndarray, moving: np.ndarray, share: np.ndarray) -> float:
    """Return by how much the tissue of the fixed image is larger in the moving one, in percent."""
    vectors = deformation(fixed, moving, VOXEL_MM, metric="meansquares", iterations=ITERATIONS)
    return float(100 * (np.average(growth(vectors, VOXEL_MM), weights=share) - 1))


def growth(vectors: np.ndarray, voxel_mm: float) -> np.ndarray:
    """Return the volume of each voxel's tissue in the moving image over that in the fixed one, shape (x, y, z)."""
    gradient = np.stack(np.gradient(vectors, voxel_mm, axis=(0, 1, 2)), axis=-1)
    return np.linalg.det(gradient + np.eye(3, dtype=np.float32))


def deformation(
    fixed: np.ndarray, moving: np.ndarray, voxel_mm: float, *, metric: str, iterations: tuple[int, ...]
) -> np.ndarray:
    """Find the deformation between two images on one grid by ANTs' SyN (Avants et al. 2008).

    Parameters
    ----------
    fixed, moving : ndarray of float32, shape (x, y, z)
    voxel_mm : float
        Edge of the (cubic) voxels.
    metric : str
        ``meansquares`` where brightness is alike, ``CC`` (local correlation) where it need not be.
    iterations : tuple of int
        At each level, coarse to fine.

    Returns
    -------
    ndarray of float32, shape (x, y, z, 3)
        In mm along the grid's axes: what is at a point of the fixed image is that much farther in the moving one.

    Raises
    ------
    ImageError
        Where ANTs finds none.
    """
    import ants  # seconds and 300 MB, which only those who deform should pay

    still, moved = (ants.from_numpy(image, spacing=[voxel_mm] * 3) for image in (fixed, moving))
    ants.config.set_ants_deterministic(True, 1)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = ants.registration(
                still,
                moved,
                type_of_transform="SyNOnly",
                initial_transform="Identity",
                syn_metric=metric,
                syn_sampling=CC_RADIUS_VOXELS if metric == "CC" else BINS,
                reg_iterations=iterations,
                grad_step=GRADIENT_STEP,
                outprefix=f"{folder}/",
            )
            warps = [path for path in found["fwdtransforms"] if path.endswith("Warp.nii.gz")]
            return ants.image_read(warps[0]).numpy()
        except (RuntimeError, IndexError) as error:
            raise ImageError(f"ANTs found no deformation between the two scans ({error}).") from error
