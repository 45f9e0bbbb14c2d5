"""Percentage brain volume change from the displacement of the brain's edges: the method of SIENA.

Written from its papers (Smith et al. 2001, J Comput Assist Tomogr; Smith et al. 2002, NeuroImage), with three
differences. The surface is a mesh at the level between fluid and grey matter, whose triangles weigh the points, where
the papers count edge voxels. Scale, skew and the last rigid step are fitted to the displacements of edges too. And
profiles are read from the scans themselves, through their splines; nothing is resampled.
"""

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine

from thalutils.errors import ImageError
from thalutils.imaging import edges as edge
from thalutils.imaging import halfway
from thalutils.imaging.edges import Edges, Scan
from thalutils.imaging.halfway import Halfway
from thalutils.imaging.registration import Image

ENGINE = "edge-displacement (SIENA method)"
RIGID_ENGINE = "edge-displacement (SIENA method), rigid"
POINTS = 80_000
# The calibration makes a scan larger by this, which is 3 % of volume.
CALIBRATION = 1.01
LEAST_FOUND = 0.5
CALIBRATES = (0.7, 1.4)


@dataclass(frozen=True)
class EdgeMotion:
    """How the brain's edges moved between two scans, in one direction.

    Attributes
    ----------
    edges : Edges
        Those of the scan it starts from, in the space halfway.
    moved_mm : ndarray, shape (n,)
        Positive outward; NaN where an edge was not found again.
    calibration : float
        True change over measured change of a scan that was made larger by a known factor.
    volume_mm3 : float
        Brain tissue of the scan it starts from.
    """

    edges: Edges
    moved_mm: np.ndarray
    calibration: float
    volume_mm3: float

    @property
    def found(self) -> float:
        """The share of the surface that was found again."""
        there = np.isfinite(self.moved_mm)
        return float(self.edges.area_mm2[there].sum() / self.edges.area_mm2.sum())

    @property
    def percent(self) -> float:
        """Change of volume in percent of the scan it starts from."""
        return self.calibration * _percent(self.edges, self.moved_mm, self.volume_mm3)


@dataclass(frozen=True)
class BrainChange:
    """Percentage brain volume change between two scans, with what it comes from.

    Attributes
    ----------
    engine : str
    percent : float
        Mean of both directions; negative is loss.
    forward, backward : EdgeMotion
    pair : Halfway
    """

    engine: str
    percent: float
    forward: EdgeMotion
    backward: EdgeMotion
    pair: Halfway


def brain_change(
    first: Image, second: Image, masks: tuple[Image, Image], *, skull: bool | None = None
) -> BrainChange:
    """Measure the change of brain volume from one scan to another of the same head.

    Parameters
    ----------
    first, second
        3D T1w images, in the order of time.
    masks
        Brain masks on their grids.
    skull
        Whether the skull fixes the head's size; by default where both scans have one. Without it the
        registration is rigid, and a scanner whose scale has drifted looks like atrophy.

    Raises
    ------
    ImageError
        As :func:`thalutils.imaging.halfway.bring_halfway`, and where too few of the edges are found again.
    """
    return of_pair(halfway.bring_halfway(first, second, masks, skull=skull))


def of_pair(pair: Halfway) -> BrainChange:
    """Measure the change of brain volume of a pair that is registered already."""
    forward = _direction(pair.edges[0], *pair.scans, pair.volumes_mm3[0])
    backward = _direction(pair.edges[1], *pair.scans[::-1], pair.volumes_mm3[1])
    # percent of the second scan's volume becomes percent of the first's
    percent = (forward.percent + of_first(backward.percent)) / 2
    engine = ENGINE if pair.skull_points else RIGID_ENGINE
    return BrainChange(engine, percent, forward, backward, pair)


def of_first(percent_of_second: float) -> float:
    """Return the change from the first to the second, given that from the second back to the first.

    Examples
    --------
    >>> of_first(25.0)  # 100 mL from 80 mL: 25 % more; 80 mL from 100 mL: 20 % less
    -20.0
    """
    return -percent_of_second / (1 + percent_of_second / 100)


def _direction(edges: Edges, before: Scan, after: Scan, volume_mm3: float) -> EdgeMotion:
    edges = edges.thinned(POINTS)
    moved, larger = edge.displacement(edges, before, (after, before.moved(_scaling(edges))))
    known = 100 * (CALIBRATION**3 - 1)
    calibration = known / _percent(edges, larger, volume_mm3)
    motion = EdgeMotion(edges, moved, calibration, volume_mm3)
    low, high = CALIBRATES
    if motion.found < LEAST_FOUND or not low < calibration < high:
        raise ImageError(
            f"only {100 * motion.found:.0f} % of the brain's edges were found again (calibration "
            f"{calibration:.2f}). Look at both scans, their masks and their registration."
        )
    return motion


def _scaling(edges: Edges) -> np.ndarray:
    """Return the scaling of the calibration, about the middle of the edges."""
    middle = np.average(edges.points_mm, axis=0, weights=edges.area_mm2)
    scaling = np.diag([CALIBRATION] * 3 + [1.0])
    scaling[:3, 3] = middle - CALIBRATION * middle
    return scaling


def _percent(edges: Edges, moved_mm: np.ndarray, volume_mm3: float) -> float:
    """Return what an edge's motion makes of the volume; edges not found move as the rest does on average."""
    there = np.isfinite(moved_mm)
    area = edges.area_mm2
    if not there.any():
        return np.nan
    mean = np.average(moved_mm[there], weights=area[there])
    return float(100 * mean * area.sum() / volume_mm3)


def motion_map(change: BrainChange, first: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return the motion of the brain's edges on the first scan's grid, in mm, outward positive.

    A voxel holds the mean of the points in it, by the edges of the first scan; 0 where there is no edge.
    """
    motion = change.forward
    there = np.isfinite(motion.moved_mm)
    # from halfway back to the first scan's world, whose grid the map has
    half = halfway.halves(change.pair.transform)[0]
    points = apply_affine(np.linalg.inv(first.affine) @ np.linalg.inv(half), motion.edges.points_mm[there])
    index = np.rint(points).astype(int)
    inside = ((index >= 0) & (index < first.shape)).all(axis=1)
    flat = np.ravel_multi_index(tuple(index[inside].T), first.shape)
    size = int(np.prod(first.shape))
    counts = np.bincount(flat, minlength=size)
    sums = np.bincount(flat, motion.moved_mm[there][inside], minlength=size)
    mean = np.divide(sums, counts, out=np.zeros(size), where=counts > 0)
    return nib.Nifti1Image(mean.reshape(first.shape).astype(np.float32), first.affine)
