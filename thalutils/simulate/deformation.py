"""Smooth invertible deformations of a head: people who differ, and tissue that is lost."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy import ndimage, sparse

SQUARINGS = 6


@dataclass(frozen=True)
class Grid:
    """A regular grid in RAS millimetres, axes along the world's.

    Attributes
    ----------
    shape : tuple of int
        Nodes along x, y, z.
    origin_mm : ndarray, shape (3,)
        Position of the first node.
    spacing_mm : float
        Distance between nodes.
    """

    shape: tuple[int, int, int]
    origin_mm: np.ndarray
    spacing_mm: float

    @classmethod
    def around(cls, low_mm: np.ndarray, high_mm: np.ndarray, spacing_mm: float) -> "Grid":
        """Return the grid that covers a box."""
        shape = tuple(int(size) for size in np.ceil((high_mm - low_mm) / spacing_mm).astype(int) + 1)
        return cls(shape, np.asarray(low_mm, dtype=float), spacing_mm)

    @property
    def affine(self) -> np.ndarray:
        """From nodes to RAS millimetres, shape (4, 4)."""
        affine = np.diag([self.spacing_mm] * 3 + [1.0])
        affine[:3, 3] = self.origin_mm
        return affine

    def points(self) -> np.ndarray:
        """Return the positions of all nodes, shape (x, y, z, 3), float32, in mm."""
        return mesh(
            [
                origin + self.spacing_mm * np.arange(size)
                for origin, size in zip(self.origin_mm, self.shape, strict=True)
            ]
        )


def mesh(axes: list[np.ndarray]) -> np.ndarray:
    """Return the points of a grid of three axes, shape (x, y, z, 3), float32."""
    points = np.empty((*map(len, axes), 3), dtype=np.float32)
    for place, axis in enumerate(axes):
        points[..., place] = np.expand_dims(axis, [other for other in range(3) if other != place])
    return points


@dataclass(frozen=True)
class Field:
    """A displacement in millimetres on a grid; zero beyond it is the edge's value.

    Attributes
    ----------
    grid : Grid
    vectors : ndarray of float32, shape (x, y, z, 3)
    """

    grid: Grid
    vectors: np.ndarray

    @cached_property
    def channels(self) -> torch.Tensor:
        """The vectors as torch wants them, shape (1, 3, x, y, z), made once for all points."""
        return _channels(self.vectors)

    def at(self, points_mm: np.ndarray) -> np.ndarray:
        """Return the displacement at points of shape (..., 3), interpolated linearly, float32."""
        return _sample(self.channels, self.grid, points_mm)

    def move(self, points_mm: np.ndarray) -> np.ndarray:
        """Return the points, each moved by the field."""
        return points_mm + self.at(points_mm)


def sample(values: np.ndarray, grid: Grid, points_mm: np.ndarray) -> np.ndarray:
    """Interpolate `values` (x, y, z, channels) linearly at points (..., 3) in mm; edges go on outside."""
    return _sample(_channels(values), grid, points_mm)


def _channels(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(values, -1, 0)))[None]


def _sample(volume: torch.Tensor, grid: Grid, points_mm: np.ndarray) -> np.ndarray:
    flat = torch.from_numpy(np.ascontiguousarray(points_mm.reshape(-1, 3), dtype=np.float32))
    last = torch.tensor([size - 1 for size in grid.shape], dtype=torch.float32)
    origin = torch.tensor(grid.origin_mm, dtype=torch.float32)
    where = (flat - origin) * (2.0 / grid.spacing_mm / last) - 1.0
    found = torch.nn.functional.grid_sample(
        volume,
        where.flip(-1)[None, None, None],  # torch orders coordinates last axis first
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )
    return found[0, :, 0, 0].T.numpy().reshape(*points_mm.shape[:-1], volume.shape[1])


def exponential(velocity: Field) -> Field:
    """Integrate a stationary velocity by scaling and squaring (Arsigny et al. 2006): a diffeomorphism."""
    flow = Field(velocity.grid, velocity.vectors / np.float32(2**SQUARINGS))
    nodes = velocity.grid.points()
    for _ in range(SQUARINGS):
        flow = Field(flow.grid, flow.vectors + flow.at(nodes + flow.vectors))
    return flow


def compose(*fields: Field) -> Field:
    """Return the field that moves points by the first field, then the second, and so on."""
    start = fields[0].grid.points()
    points = start
    for field in fields:
        points = field.move(points)
    return Field(fields[0].grid, points - start)


def jacobian_determinant(field: Field) -> np.ndarray:
    """Return how much `field` stretches volume at each node, shape (x, y, z); 1 = not at all."""
    gradient = np.stack(np.gradient(field.vectors, field.grid.spacing_mm, axis=(0, 1, 2)), axis=-1)
    return np.linalg.det(gradient + np.eye(3, dtype=np.float32))


def random_velocity(grid: Grid, rng: np.random.Generator, scales: list[tuple[float, float]]) -> Field:
    """Return a smooth random velocity: the sum of Gaussian fields.

    Parameters
    ----------
    grid : Grid
    rng : numpy.random.Generator
    scales : list of (sigma_mm, rms_mm)
        Width of the smoothing and root-mean-square size along each axis.
    """
    total = np.zeros((*grid.shape, 3), dtype=np.float32)
    for sigma_mm, rms_mm in scales:
        for axis in range(3):
            noise = rng.standard_normal(grid.shape).astype(np.float32)
            smooth = ndimage.gaussian_filter(noise, sigma_mm / grid.spacing_mm, mode="nearest")
            total[..., axis] += rms_mm * smooth / smooth.std()
    return Field(grid, total)


def flow_from_sources(
    grid: Grid, sources: np.ndarray, within: np.ndarray, *, smoothing_mm: float = 1.0
) -> Field:
    """Return the velocity whose divergence is `sources` and that no wall lets through: tissue shrinks where it is negative.

    The sources are smoothed and made to sum to zero, and Poisson's equation is solved in the largest
    connected part of `within`; the flow is zero outside it and along the normal of its walls.

    Parameters
    ----------
    grid : Grid
    sources : ndarray, shape (x, y, z)
        Relative rate of growth of volume.
    within : ndarray of bool, shape (x, y, z)
        Where there may be flow.
    smoothing_mm : float
        Width of the Gaussian that smooths the sources.
    """
    parts, count = ndimage.label(within)
    if count == 0:
        return Field(grid, np.zeros((*grid.shape, 3), dtype=np.float32))
    within = parts == 1 + np.bincount(parts.reshape(-1))[1:].argmax()
    rate = ndimage.gaussian_filter(sources.astype(np.float64), smoothing_mm / grid.spacing_mm)[within]
    rate -= rate.mean()
    number = np.full(grid.shape, -1)
    number[within] = np.arange(len(rate))
    faces = [_faces(number, axis) for axis in range(3)]
    low, high = (np.concatenate(side) for side in zip(*faces, strict=True))
    each = np.ones(len(low))
    across = sparse.coo_array((each, (low, high)), shape=(len(rate), len(rate))).tocsr()
    across = across + across.T
    # The negative Laplacian is positive, and singular only for a constant, which a sum of zero leaves out.
    laplacian = sparse.diags_array(across.sum(axis=1)) - across
    potential, failed = sparse.linalg.cg(laplacian, -rate * grid.spacing_mm**2, rtol=1e-6, maxiter=5000)
    if failed:
        raise ArithmeticError("a flow between sources was not found in 5000 steps")
    vectors = np.zeros((*grid.shape, 3), dtype=np.float32)
    for axis, (below, above) in enumerate(faces):
        flux = (potential[above] - potential[below]) / grid.spacing_mm
        node = np.bincount(below, flux, len(rate)) + np.bincount(above, flux, len(rate))
        vectors[within, axis] = node / 2
    return Field(grid, vectors)


def _faces(number: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the nodes on both sides of each face along an axis; -1 is no node."""
    ahead = (slice(None),) * axis
    below, above = number[(*ahead, slice(None, -1))], number[(*ahead, slice(1, None))]
    open_ = (below >= 0) & (above >= 0)
    return below[open_], above[open_]
