"""Images brought onto ThalNet's grids and back, and to the range of values that its networks take."""

from itertools import product

import numpy as np
import torch
from nibabel.affines import apply_affine, voxel_sizes
from torch.nn import functional

CLIP = (0.005, 0.995)
# Points along each edge of a voxel at which an image is read, at most.
MOST_POINTS = 4


def scale(image: torch.Tensor) -> torch.Tensor:
    """Bring an image to the range that the networks take: percentiles 0.5 and 99.5 become 0 and 1.

    Examples
    --------
    >>> ramp = scale(torch.arange(1001.0) * 3 - 500)
    >>> ramp.min().item(), ramp.max().item(), round(ramp[500].item(), 2)
    (0.0, 1.0, 0.5)
    """
    values = image.flatten()
    low, high = (torch.kthvalue(values, max(1, round(share * values.numel())))[0] for share in CLIP)
    return ((image - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)


def onto_grid(
    image: torch.Tensor, affine: np.ndarray, shape: tuple[int, ...], grid_affine: np.ndarray
) -> torch.Tensor:
    """Average an image over the voxels of a grid; zero outside the image.

    Parameters
    ----------
    image : Tensor of float32, shape (channels, x, y, z)
    affine : ndarray, shape (4, 4)
        From its voxels to mm.
    shape : tuple of int
    grid_affine : ndarray, shape (4, 4)
        From the grid's voxels to the same mm.

    Returns
    -------
    Tensor of float32, shape (channels, *shape)
    """
    image, affine = _pooled(image, affine, float(voxel_sizes(grid_affine).min()) / 2)
    ratio = voxel_sizes(grid_affine) / voxel_sizes(affine).min()
    counts = np.clip(np.ceil(ratio + 0.5), 2, MOST_POINTS).astype(int)
    to_image = np.linalg.inv(affine) @ grid_affine
    total = torch.zeros((image.shape[0], *shape))
    for offset in product(*((np.arange(count) + 0.5) / count - 0.5 for count in counts)):
        total += _sample(image, to_image, shape, np.array(offset))
    return total / float(counts.prod())


def _pooled(image: torch.Tensor, affine: np.ndarray, most_mm: float) -> tuple[torch.Tensor, np.ndarray]:
    """Average an image over blocks of voxels as long as a block's edge stays within `most_mm`."""
    blocks = [max(1, int(most_mm / size + 0.05)) for size in voxel_sizes(affine)]
    if max(blocks) == 1:
        return image, affine
    pooled = functional.avg_pool3d(image[None], blocks, blocks, ceil_mode=True, count_include_pad=False)[0]
    coarse = affine @ np.diag([*blocks, 1.0])
    coarse[:3, 3] = apply_affine(affine, (np.array(blocks) - 1) / 2)
    return pooled, coarse


def _sample(
    image: torch.Tensor, to_image: np.ndarray, shape: tuple[int, ...], offset: np.ndarray
) -> torch.Tensor:
    """Interpolate an image linearly at the voxels of a grid, each moved by `offset` voxels."""
    size = np.array(image.shape[1:])
    # from the grid's voxels to torch's coordinates, in which -1 and 1 are the outer faces of the image
    theta = np.diag([*(2 / size), 1.0]) @ to_image
    theta[:3, 3] += (theta[:3, :3] @ offset) + 1 / size - 1
    where = torch.zeros((*shape, 3))
    for axis, count in enumerate(shape):
        step = torch.from_numpy(np.outer(np.arange(count), theta[:3, axis]).astype(np.float32))
        view = [1, 1, 1, 3]
        view[axis] = count
        where += step.reshape(view)
    where += torch.from_numpy(theta[:3, 3].astype(np.float32))
    return functional.grid_sample(
        image[None], where.flip(-1)[None], mode="bilinear", padding_mode="zeros", align_corners=False
    )[0]
