"""The paper's FLIRT strategies: their command lines, running them, and FSL's matrices in the common form."""

from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.spatialimages import SpatialImage

from thalutils import programs
from thalutils.errors import ImageError, ToolError
from thalutils.imaging.registration import reorient

R1_STRATEGIES, FLAIR_STRATEGY = ("flirt-mi", "flirt-ncc-masked"), "flirt-ncc"
TIME_LIMIT_S = 3600.0


def register(
    fixed: SpatialImage, moving: SpatialImage, strategy: str, mask: SpatialImage, folder: Path
) -> np.ndarray:
    """Run one of the paper's FLIRT strategies; return its transform in the common form.

    All images are brought to the standard orientation first, as in the paper.

    Parameters
    ----------
    fixed, moving, mask
        3D images; the T1w, R1 (cleaned) or FLAIR, and the brain mask on the T1w's grid.
    strategy
        One of :data:`R1_STRATEGIES` or :data:`FLAIR_STRATEGY`.
    folder
        An empty folder to work in; its logs stay there.

    Returns
    -------
    numpy.ndarray, shape (4, 4)
        World coordinates of `fixed` (RAS, mm) to those of `moving`.

    Raises
    ------
    ToolError
        Where FSL is absent, FLIRT fails, or it leaves no matrix.
    """
    images = {"fixed": reorient(fixed), "moving": reorient(moving), "mask": reorient(mask)}
    paths = {name: folder / f"{name}.nii.gz" for name in images}
    for name, image in images.items():
        nib.save(image, paths[name])
    lines = flirt_commands(strategy, paths["fixed"], paths["moving"], folder / "moved", paths["mask"])
    limit = programs.time_limit_s("flirt", TIME_LIMIT_S)
    for step, argv in enumerate(lines, start=1):
        log = folder / f"{strategy}-{step}.log"
        programs.run(programs.FSL, argv, log=log, timeout_s=limit, folders=[folder])
    matrix = read_matrix(folder / "moved.mat")
    for left in (*paths.values(), *folder.glob("moved*")):
        left.unlink(missing_ok=True)
    return flirt_to_world(matrix, images["moving"], images["fixed"])


def read_matrix(path: Path) -> np.ndarray:
    """Return the 4x4 matrix of a FLIRT ``.mat`` file, which is text.

    Raises
    ------
    ToolError
        Where it is absent, or holds no invertible 4x4 matrix.
    """
    try:
        matrix = np.loadtxt(path)
        if matrix.shape == (4, 4) and np.isfinite(matrix).all() and abs(np.linalg.det(matrix)) > 1e-6:
            return matrix
    except (OSError, ValueError):
        pass
    raise ToolError(f"FLIRT left no 4x4 matrix in {path.name}.")


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
