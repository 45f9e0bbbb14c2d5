"""Heads of nested ellipsoids, whose volumes are known exactly, as T1w scans with their brain masks."""

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine
from scipy.spatial.transform import Rotation

VOXEL_MM, SIZE = 1.5, 68
AIR, FLUID, GREY, WHITE, BONE, SCALP = 0.0, 150.0, 600.0, 1000.0, 120.0, 1300.0
BRAIN = np.array([27.0, 32.0, 24.0])
VENTRICLE, MIDDLE = np.array([7.0, 12.0, 6.0]), np.array([0.0, -3.0, 2.0])
INNER_SKULL, OUTER_SKULL, SKIN = (BRAIN + extra for extra in (4.0, 8.0, 13.0))


def volume_mm3(brain: float = 1.0, ventricle: float = 1.0) -> float:
    """Return the volume of tissue where all radii of brain and ventricle are multiplied."""
    return 4 / 3 * np.pi * float(np.prod(BRAIN * brain) - np.prod(VENTRICLE * ventricle))


def pose(turn_deg=(0.0, 0.0, 0.0), shift_mm=(0.0, 0.0, 0.0), scale: float = 1.0) -> np.ndarray:
    """Return where a head lies, and how much larger the scanner makes it."""
    matrix = np.eye(4)
    matrix[:3, :3] = scale * Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


def scan(
    brain: float = 1.0, ventricle: float = 1.0, place: np.ndarray | None = None, *, seed: int = 0,
    noise: float = 12.0, bias: float = 0.0, skull: bool = True,
) -> tuple[nib.Nifti1Image, nib.Nifti1Image]:  # fmt: skip
    """Return a scan and its brain mask, which ends between brain and bone."""
    rng = np.random.default_rng(seed)
    affine = np.diag([VOXEL_MM] * 3 + [1.0])
    affine[:3, 3] = -VOXEL_MM * (SIZE - 1) / 2
    grid = np.stack(np.meshgrid(*[np.arange(SIZE)] * 3, indexing="ij"), axis=-1)
    world = apply_affine(affine, grid)
    head = apply_affine(np.linalg.inv(pose() if place is None else place), world)

    def share(radii: np.ndarray, middle: np.ndarray | float = 0.0) -> np.ndarray:
        """Return how much of each voxel lies in an ellipsoid: 1/2 on its surface exactly."""
        around = (head - middle) / radii
        level = (around**2).sum(-1)
        slope = 2 * np.linalg.norm(around / radii, axis=-1)
        return np.clip(0.5 - (level - 1) / np.maximum(slope, 1e-6) / VOXEL_MM, 0, 1)

    values = np.full(grid.shape[:3], AIR)
    for radii, inside in ((SKIN, SCALP), (OUTER_SKULL, BONE), (INNER_SKULL, FLUID), (BRAIN * brain, GREY), (BRAIN * brain - 6, WHITE)):  # fmt: skip
        part = share(radii)
        values = (1 - part) * values + part * inside
    part = share(VENTRICLE * ventricle, MIDDLE)
    values = (1 - part) * values + part * FLUID
    mask = share(BRAIN + 2.5) > 0.5
    if not skull:
        values = np.where(mask, values, 0)
    values *= 1 + bias * world[..., 0] / 50 - bias * (world[..., 2] / 50) ** 2
    values += noise * rng.standard_normal(values.shape) * (skull | mask)
    return nib.Nifti1Image(values.astype(np.float32), affine), nib.Nifti1Image(mask.astype(np.uint8), affine)
