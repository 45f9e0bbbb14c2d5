"""Smooth invertible deformations of a head: people who differ, and tissue that is lost."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import fft, ndimage

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
        axes = [
            origin + self.spacing_mm * np.arange(size)
            for origin, size in zip(self.origin_mm, self.shape, strict=True)
        ]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).astype(np.float32)


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

    def at(self, points_mm: np.ndarray) -> np.ndarray:
        """Return the displacement at points of shape (..., 3), interpolated linearly, float32."""
        return sample(self.vectors, self.grid, points_mm)

    def move(self, points_mm: np.ndarray) -> np.ndarray:
        """Return the points, each moved by the field."""
        return points_mm + self.at(points_mm)


def sample(values: np.ndarray, grid: Grid, points_mm: np.ndarray) -> np.ndarray:
    """Interpolate `values` (x, y, z, channels) linearly at points (..., 3) in mm; edges go on outside."""
    flat = torch.from_numpy(np.ascontiguousarray(points_mm.reshape(-1, 3), dtype=np.float32))
    last = torch.tensor([size - 1 for size in grid.shape], dtype=torch.float32)
    origin = torch.tensor(grid.origin_mm, dtype=torch.float32)
    where = (flat - origin) * (2.0 / grid.spacing_mm / last) - 1.0
    volume = torch.from_numpy(np.ascontiguousarray(np.moveaxis(values, -1, 0)))[None]
    found = torch.nn.functional.grid_sample(
        volume,
        where.flip(-1)[None, None, None],  # torch orders coordinates last axis first
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )
    return found[0, :, 0, 0].T.numpy().reshape(*points_mm.shape[:-1], values.shape[-1])


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


def flow_from_sources(grid: Grid, sources: np.ndarray, *, smoothing_mm: float = 1.0) -> Field:
    """Return the curl-free velocity whose divergence is `sources`: where it is negative tissue shrinks.

    The sources are smoothed, made to sum to zero, and Poisson's equation is solved by cosine transforms,
    with no flow through the box's walls.

    Parameters
    ----------
    grid : Grid
    sources : ndarray, shape (x, y, z)
        Relative rate of growth of volume.
    smoothing_mm : float
        Width of the Gaussian that smooths them.
    """
    rate = ndimage.gaussian_filter(sources.astype(np.float64), smoothing_mm / grid.spacing_mm)
    rate -= rate.mean()
    wave = [2 * np.cos(np.pi * np.arange(size) / size) - 2 for size in grid.shape]
    laplacian = wave[0][:, None, None] + wave[1][None, :, None] + wave[2][None, None, :]
    laplacian[0, 0, 0] = 1.0
    potential = fft.dctn(rate, type=2) / laplacian * grid.spacing_mm**2
    potential[0, 0, 0] = 0.0
    potential = fft.idctn(potential, type=2)
    vectors = np.stack(np.gradient(potential, grid.spacing_mm), axis=-1)
    return Field(grid, vectors.astype(np.float32))
