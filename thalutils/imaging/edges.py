"""Edges of brain and skull as points, and how far an edge moved along its normal between two scans."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from nibabel.affines import apply_affine
from scipy import ndimage
from skimage.measure import marching_cubes
from sklearn.mixture import GaussianMixture

from thalutils.errors import ImageError

STEP_MM = 0.25
# An edge is compared within this distance, the far half of it faded out, and followed for as far as REACH_MM. What is not
# found there is sought as far as FAR_MM, as walls of ventricles that widen much; all edges would find others, in the next sulcus.
WINDOW_MM, REACH_MM, FAR_MM = 3.0, 2.5, 5.0
# How far the level at which a point was put may lie from the steepest place of its edge.
RECENTRE_MM = 1.5
LEAST_CORRELATION = 0.6
SURFACE_SMOOTHING_MM, NORMAL_SMOOTHING_MM, MASK_SMOOTHING_MM = 0.5, 1.0, 3.0
ALIGNED = 0.7
SPECK_MM3 = 100.0
SAMPLED_VOXELS = 60_000
# From the brain outward, this far, a scan brightens nowhere as steeply as from bone to the scalp's fat.
SKULL_MM = (2.0, 30.0)
# In parts of the brain's brightness: how much it brightens, and how dark the bone is, this far from the edge.
BESIDE_MM, BONE_BRIGHTEST = 2.0, 0.6
LEAST_RISE = 0.2
# Neck and face move by themselves: only what lies beside the upper part of the brain is skull that holds still.
LOWER_SHARE = 0.35
BATCH = 50_000


@dataclass(frozen=True)
class Scan:
    """A T1w without its bias field, with its brain, and where it is looked at from.

    Attributes
    ----------
    data : ndarray of float32, shape (x, y, z)
    mask : ndarray of bool, shape (x, y, z)
        The brain.
    affine : ndarray, shape (4, 4)
        From voxels to the space in which points are given (RAS, mm); not mirrored.
    """

    data: np.ndarray
    mask: np.ndarray
    affine: np.ndarray

    @cached_property
    def spline(self) -> np.ndarray:
        """Coefficients of the cubic spline through the voxels."""
        return ndimage.spline_filter(self.data, order=3, output=np.float32, mode="nearest")

    @property
    def voxel_mm(self) -> np.ndarray:
        """Voxel size along each axis."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    def sample(self, points_mm: np.ndarray) -> np.ndarray:
        """Interpolate the scan at points (..., 3); beyond its box its edge goes on."""
        # in single precision, which is a micrometre, points take half of the time and memory
        to_voxel = np.linalg.inv(self.affine).astype(np.float32)
        where = to_voxel[:3, :3] @ points_mm.reshape(-1, 3).T.astype(np.float32) + to_voxel[:3, 3:]
        found = ndimage.map_coordinates(
            self.spline, where, order=3, prefilter=False, mode="nearest", output=np.float32
        )
        return found.reshape(points_mm.shape[:-1])

    def moved(self, motion: np.ndarray) -> "Scan":
        """Return the scan with its head moved by a 4x4 transform of the space in which points are given."""
        seen = replace(self, affine=motion @ self.affine)
        seen.__dict__["spline"] = self.spline  # the same voxels
        return seen


@dataclass(frozen=True)
class Edges:
    """Points on an edge.

    Attributes
    ----------
    points_mm, normals : ndarray, shape (n, 3)
        The normals have length one and point away from the brain.
    area_mm2 : ndarray, shape (n,)
        Surface for which a point stands.
    """

    points_mm: np.ndarray
    normals: np.ndarray
    area_mm2: np.ndarray

    def __len__(self) -> int:
        """Return how many points."""
        return len(self.points_mm)

    def some(self, keep: np.ndarray | slice) -> "Edges":
        """Return the points that a mask (n,) or a slice keeps."""
        return Edges(self.points_mm[keep], self.normals[keep], self.area_mm2[keep])

    def thinned(self, count: int) -> "Edges":
        """Return about `count` of the points, evenly through their order, which stand for the same area."""
        some = self.some(slice(None, None, max(1, len(self) // count)))
        share = self.area_mm2.sum() / max(some.area_mm2.sum(), 1e-12)
        return replace(some, area_mm2=some.area_mm2 * share)

    def moved(self, motion: np.ndarray) -> "Edges":
        """Return the points moved by a 4x4 transform that is nearly rigid: areas are kept."""
        normals = self.normals @ np.linalg.inv(motion[:3, :3])
        normals /= np.linalg.norm(normals, axis=1)[:, None]
        return replace(self, points_mm=apply_affine(motion, self.points_mm), normals=normals)


def tissue_level(data: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """Return the brightness of fluid, and that halfway between fluid and grey matter, of a T1w.

    A mixture of three Gaussians is fitted to the voxels inside: fluid, grey and white matter.

    Raises
    ------
    ImageError
        Where too little is inside.
    """
    values = data[inside]
    if values.size < 1000:
        raise ImageError(f"the brain mask holds {values.size} voxels of the scan. Check the brain mask.")
    values = values[:: max(1, values.size // SAMPLED_VOXELS)]
    low, high = np.percentile(values, (0.5, 99.5))
    values = values[(values >= low) & (values <= high)].astype(np.float64)[:, None]
    starts = np.percentile(values, (3, 35, 80))[:, None]
    noise = 1e-4 * (high - low) ** 2 + 1e-12
    mixture = GaussianMixture(3, means_init=starts, random_state=0, reg_covar=noise).fit(values)
    fluid, grey, _ = np.sort(mixture.means_.ravel())
    return float(fluid), float((fluid + grey) / 2)


def brain_edges(scan: Scan) -> tuple[Edges, float]:
    """Return the edges between brain tissue and fluid, outside and at the ventricles, and the tissue's volume.

    Parameters
    ----------
    scan : Scan

    Returns
    -------
    edges : Edges
        Where it is the scan that ends the tissue; where the mask cuts through it, as at the brain stem,
        there is no edge.
    volume_mm3 : float
        Volume of the tissue.

    Raises
    ------
    ImageError
        Where there is no tissue inside the mask.
    """
    fluid, level = tissue_level(scan.data, scan.mask)
    voxel_mm3 = float(np.prod(scan.voxel_mm))
    smooth = ndimage.gaussian_filter(scan.data, SURFACE_SMOOTHING_MM / scan.voxel_mm)
    tissue = _largest(scan.mask & (smooth > level))
    tissue |= _small(~tissue, voxel_mm3)
    # outside the tissue the field stays below the level, inside above it: specks make no surface
    sliver = 1e-3 * (level - fluid)
    field = np.where(tissue, np.maximum(smooth, level + sliver), np.minimum(smooth, level - sliver))
    field = np.where(scan.mask | tissue, field, np.minimum(field, fluid))
    surface = _surface(field, level, scan.affine)
    downhill = -_gradient(scan, surface.points_mm)
    real = (downhill * surface.normals).sum(axis=1) > ALIGNED
    edges = replace(surface, normals=downhill).some(real)
    if not len(edges):
        raise ImageError(
            "no edge of the brain was found inside the mask. Is the scan a T1w, and the mask its own?"
        )
    return edges, float(tissue.sum()) * voxel_mm3


def _largest(tissue: np.ndarray) -> np.ndarray:
    """Return the largest connected part."""
    parts, count = ndimage.label(tissue)
    if not count:
        raise ImageError("there is no brain tissue inside the mask. Is the scan a T1w, and the mask its own?")
    return parts == 1 + np.bincount(parts.ravel())[1:].argmax()


def _small(outside: np.ndarray, voxel_mm3: float) -> np.ndarray:
    """Return the connected parts that are too small to be a ventricle: noise, vessels, dark lesions."""
    parts, _ = ndimage.label(outside)
    size = np.bincount(parts.ravel()) * voxel_mm3
    size[0] = np.inf
    return size[parts] < SPECK_MM3


def _surface(field: np.ndarray, level: float, affine: np.ndarray) -> Edges:
    """Return the vertices of the surface on which a field has a level; normals point to lower values."""
    corners, faces, _, _ = marching_cubes(field, level, gradient_direction="ascent")
    points = apply_affine(affine, corners)
    sides = points[faces]
    across = np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0])
    count = len(points)
    normals = np.stack(
        [sum(np.bincount(corner, across[:, axis], count) for corner in faces.T) for axis in range(3)], axis=1
    )
    size = np.linalg.norm(across, axis=1) / 6  # a third of each triangle to each of its corners
    area = sum(np.bincount(corner, size, count) for corner in faces.T)
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-12)[:, None]
    return Edges(points, normals, area)


def _gradient(scan: Scan, points_mm: np.ndarray) -> np.ndarray:
    """Return the direction in which the smoothed scan brightens fastest, of length one, shape (n, 3)."""
    smooth = ndimage.gaussian_filter(scan.data, NORMAL_SMOOTHING_MM / scan.voxel_mm)
    inverse = np.linalg.inv(scan.affine)
    where = apply_affine(inverse, points_mm).T
    by_voxel = np.stack(
        [ndimage.map_coordinates(np.gradient(smooth, axis=axis), where, order=1) for axis in range(3)], axis=1
    )
    uphill = by_voxel @ inverse[:3, :3]
    return uphill / np.maximum(np.linalg.norm(uphill, axis=1), 1e-12)[:, None]


def skull_edges(scan: Scan, *, rays: int = 60_000) -> tuple[Edges, float]:
    """Return points on the skull's outer edge: from the brain outward, the steepest rise, out of the dark.

    Parameters
    ----------
    scan : Scan
    rays : int
        About how many are sent out from the brain's smoothed surface.

    Returns
    -------
    edges : Edges
    share : float
        Of the rays that met one: next to 0 where the scan has no skull.
    """
    outline = ndimage.gaussian_filter(scan.mask.astype(np.float32), MASK_SMOOTHING_MM / scan.voxel_mm)
    surface = _surface(outline, 0.5, scan.affine).thinned(rays)
    heights = surface.points_mm[:, 2]
    surface = surface.some(heights > heights.min() + LOWER_SHARE * np.ptp(heights))
    along = np.arange(0.0, SKULL_MM[1] + STEP_MM, 2 * STEP_MM)
    profiles = scan.sample(surface.points_mm[:, None] + along[:, None] * surface.normals[:, None])
    profiles = ndimage.gaussian_filter1d(profiles, 1.0, axis=1)
    rise = np.where(along >= SKULL_MM[0], np.gradient(profiles, along, axis=1), -np.inf)
    steepest = rise.argmax(axis=1)
    rows, beside = np.arange(len(surface)), round(BESIDE_MM / (2 * STEP_MM))
    bone = profiles[rows, np.maximum(steepest - beside, 0)]
    scalp = profiles[rows, np.minimum(steepest + beside, len(along) - 1)]
    bright = np.median(scan.data[scan.mask])
    found = (scalp - bone > LEAST_RISE * bright) & (bone < BONE_BRIGHTEST * bright)
    points = surface.points_mm + along[steepest][:, None] * surface.normals
    return replace(surface, points_mm=points).some(found), float(found.mean())


def displacement(
    edges: Edges, before: Scan, afters: Sequence[Scan], *, rising: bool = False
) -> list[np.ndarray]:
    """Return how far each edge moved along its normal from one scan to each of some others.

    The profiles along the normal are differentiated and correlated; the peak is refined by a parabola
    (Smith et al. 2002). A point is first brought to the steepest place of its own edge, so that the
    window is the edge's, wherever between dark and bright the point was put.

    Parameters
    ----------
    edges : Edges
        Edges of `before`.
    before, afters : Scan
        In one space, that of the edges.
    rising : bool
        Whether the edges brighten outward, as skull to scalp does; a brain's darken.

    Returns
    -------
    list of ndarray, shape (n,)
        In mm, positive outward; NaN where no edge was found that is like the first.
    """
    moved = np.full((len(afters), len(edges)), np.nan)
    for start in range(0, len(edges), BATCH):
        part = slice(start, start + BATCH)
        moved[:, part] = _displacement(edges.some(part), before, afters, rising)
    return list(moved)


def _displacement(edges: Edges, before: Scan, afters: Sequence[Scan], rising: bool) -> list[np.ndarray]:
    half, wander = (round(size / STEP_MM) for size in (WINDOW_MM, RECENTRE_MM))
    own = _slopes(edges, before, half + wander, rising)
    rows = np.arange(len(edges))
    near = slice(half, half + 2 * wander + 1)
    peak = own[:, near].argmax(axis=1)
    distinct = (peak > 0) & (peak < 2 * wander) & (own[rows, near.start + peak] > 0)
    window = np.arange(2 * half + 1)
    own = own[rows[:, None], peak[:, None] + window]
    edges = replace(edges, points_mm=edges.points_mm + STEP_MM * (peak - wander)[:, None] * edges.normals)
    return [np.where(distinct, _followed(own, edges, after, rising), np.nan) for after in afters]


def _followed(own: np.ndarray, edges: Edges, after: Scan, rising: bool) -> np.ndarray:
    """Return where each profile is found again, nearby or else farther away."""
    half, reach, far = (round(size / STEP_MM) for size in (WINDOW_MM, REACH_MM, FAR_MM))
    moved = _lag(own, _slopes(edges, after, half + reach, rising), reach)
    lost = np.isnan(moved)
    if lost.any():
        moved[lost] = _lag(own[lost], _slopes(edges.some(lost), after, half + far, rising), far)
    return moved


def _slopes(edges: Edges, scan: Scan, reach: int, rising: bool) -> np.ndarray:
    """Return how the scan changes with each step along each normal, shape (n, 2 reach + 1)."""
    along = STEP_MM * (np.arange(-reach, reach + 2) - 0.5)
    profiles = scan.sample(edges.points_mm[:, None] + along[:, None] * edges.normals[:, None])
    return np.diff(profiles, axis=1) if rising else -np.diff(profiles, axis=1)


def _lag(own: np.ndarray, other: np.ndarray, reach: int) -> np.ndarray:
    """Return by how much the second profile lags behind the first, in mm; NaN where they are not alike."""
    width = own.shape[1]
    weights = _window(width // 2)
    power = (weights * own**2).sum(axis=1)
    score = np.empty((len(own), 2 * reach + 1))
    for place in range(score.shape[1]):
        there = other[:, place : place + width]
        size = np.sqrt(power * np.einsum("j,ij,ij->i", weights, there, there))
        score[:, place] = np.einsum("j,ij,ij->i", weights, own, there) / np.maximum(size, 1e-12)
    best = score.argmax(axis=1)
    inner = np.clip(best, 1, 2 * reach - 1)
    low, peak, high = (score[np.arange(len(own)), inner + step] for step in (-1, 0, 1))
    bend = np.minimum(low - 2 * peak + high, -1e-12)
    moved = STEP_MM * (inner - reach + 0.5 * (low - high) / bend)
    return np.where((best == inner) & (peak > LEAST_CORRELATION), moved, np.nan)


def _window(half: int) -> np.ndarray:
    """Return weights that are 1 within half of the window and fade to 0 at its ends."""
    away = np.abs(np.arange(-half, half + 1)) / half
    return np.where(away < 0.5, 1.0, 0.5 - 0.5 * np.cos(2 * np.pi * away)).astype(np.float32)
