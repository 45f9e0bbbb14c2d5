"""The paper's FLIRT strategies: their command lines, and FSL's matrices in the common form."""

from pathlib import Path

import numpy as np
from nibabel.spatialimages import SpatialImage

from thalutils.errors import ImageError


def flirt_commands(
    strategy: str, fixed: Path, moving: Path, out: Path, mask: Path | None = None
) -> list[list[str]]:
    """Return the command lines of the paper's FLIRT strategies; running them is not done here.

    ``flirt-mi`` and ``flirt-ncc-masked`` are for R1, ``flirt-ncc`` is for FLAIR. The final matrix
    is written beside ``out`` as ``<out>.mat``; see :func:`flirt_to_world`.

    Raises
    ------
    ImageError
        If the strategy is unknown or its mask is missing.
    """
    images = ["flirt", "-in", str(moving), "-ref", str(fixed)]
    results = ["-out", str(out), "-omat", f"{out}.mat"]
    if strategy == "flirt-mi":
        rigid = f"{out}_rigid.mat"
        cost = ["-cost", "mutualinfo"]
        search = ["-searchcost", "mutualinfo", "-interp", "spline", "-omat", rigid]
        refine = ["-init", rigid, "-nosearch", "-interp", "spline"]
        return [
            [*images, "-dof", "6", *cost, *search],
            [*images, "-dof", "12", *cost, *refine, *results],
        ]
    cost = ["-dof", "6", "-cost", "normcorr", "-searchcost", "normcorr"]
    if strategy == "flirt-ncc":
        return [[*images, *cost, "-interp", "trilinear", *results]]
    if strategy != "flirt-ncc-masked":
        raise ImageError(f"{strategy!r} is no FLIRT strategy of the paper")
    if mask is None:
        raise ImageError("flirt-ncc-masked weights voxels in the brain: give a brain mask")
    return [[*images, *cost, "-refweight", str(mask), "-interp", "spline", *results]]


def flirt_to_world(matrix: np.ndarray, moving: SpatialImage, fixed: SpatialImage) -> np.ndarray:
    """Return FLIRT's 4x4 matrix as a transform from fixed to moving world (RAS, mm).

    FLIRT's matrix goes the other way, moving to fixed, between "scaled voxels": voxel indices
    times voxel size, with x counted from the far side where the affine's determinant is positive.
    """
    to_moving = moving.affine @ np.linalg.inv(_scaled_voxels(moving))
    from_fixed = _scaled_voxels(fixed) @ np.linalg.inv(fixed.affine)
    return to_moving @ np.linalg.inv(matrix) @ from_fixed


def world_to_flirt(transform: np.ndarray, moving: SpatialImage, fixed: SpatialImage) -> np.ndarray:
    """Return a transform from fixed to moving world as FLIRT's matrix; undoes flirt_to_world."""
    to_fixed = _scaled_voxels(fixed) @ np.linalg.inv(fixed.affine)
    from_moving = moving.affine @ np.linalg.inv(_scaled_voxels(moving))
    return to_fixed @ np.linalg.inv(transform) @ from_moving


def _scaled_voxels(image: SpatialImage) -> np.ndarray:
    """Return the 4x4 from voxel indices to FSL's scaled voxels (mm)."""
    spacing = np.linalg.norm(image.affine[:3, :3], axis=0)
    scale = np.diag([*spacing, 1.0])
    if np.linalg.det(image.affine) > 0:
        scale[0] = [-spacing[0], 0, 0, (image.shape[0] - 1) * spacing[0]]
    return scale
