"""How images are looked at: slices along the person's own axes, the window of brightness, the edges."""

from __future__ import annotations

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to
from nibabel.spatialimages import SpatialImage
from scipy import ndimage

from thalutils.errors import ImageError

# The axis a plane cuts, its name, and the directions at its left and right edge.
PLANES = ((2, "axial", "LR"), (1, "coronal", "LR"), (0, "sagittal", "PA"))
WINDOW_PERCENTILES = (1, 99.5)
# The head is what is brighter than this share of the window, but for this share at each end of an axis.
HEAD_SHARE, STRAY = 0.15, 0.002
# An edge is drawn where brightness changes by this share of the bright end a mm.
EDGE_STRENGTH_PER_MM, EDGE_SMOOTHING_MM = 0.05, 1.3
# The image under the edges stays greyer than white, so that the lines stand out from it.
EDGE_COLOUR, DIMMING = "#ff8c00", 1.35


def slices(
    image: SpatialImage, *, count: int = 3, mask: SpatialImage | None = None, axis: int = 2
) -> list[int]:
    """Choose evenly spaced slices through the head, or through a mask.

    Parameters
    ----------
    image, mask
        On one grid; without a mask, the head is what is bright.
    count
        How many. A single one lies in the middle.
    axis
        The axis they cut, and along which they are counted, once the image's axes point to right,
        anterior and superior.

    Examples
    --------
    >>> block = np.zeros((4, 4, 21))
    >>> block[:, :, 4:17] = 1
    >>> slices(nib.Nifti1Image(block, np.eye(4)))
    [7, 10, 13]
    """
    low, high = extent(canonical(image), None if mask is None else canonical(mask))[axis]
    return [round(low + (high - low) * (step + 1) / (count + 1)) for step in range(count)]


def canonical(image: SpatialImage) -> SpatialImage:
    """Return an image with its axes towards right, anterior and superior."""
    if len(image.shape) != 3:
        raise ImageError(f"An image has shape {image.shape}: give a three-dimensional one.")
    return nib.as_closest_canonical(image)


def array(image: SpatialImage) -> np.ndarray:
    """Return an image's values as float32, 0 where they are not finite."""
    return np.nan_to_num(np.asarray(image.dataobj, dtype=np.float32), posinf=0.0, neginf=0.0)


def onto(image: SpatialImage, grid: SpatialImage, order: int) -> SpatialImage:
    """Return an image on another's grid; itself where it lies there already."""
    same = image.shape == grid.shape and np.allclose(image.affine, grid.affine, atol=1e-3)
    return image if same else resample_from_to(image, grid, order=order)


def window(values: np.ndarray) -> tuple[float, float]:
    """Return the values shown black and white."""
    seen = values[values != 0]
    low, high = (float(v) for v in np.percentile(seen, WINDOW_PERCENTILES)) if seen.size else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)


def extent(image: SpatialImage, mask: SpatialImage | None) -> list[tuple[int, int]]:
    """Return the first and last slice of a mask, or of the head, along each axis."""
    values = array(image if mask is None else mask)
    inside = values > (0 if mask is not None else HEAD_SHARE * window(values)[1])
    found = []
    for axis, length in enumerate(inside.shape):
        along = inside.sum(axis=tuple({0, 1, 2} - {axis})).cumsum()
        if not along[-1]:
            found.append((0, length - 1))
            continue
        ends = np.searchsorted(along, np.array([STRAY, 1 - STRAY]) * along[-1], side="left")
        found.append((int(ends[0]), int(ends[1])))
    return found


def edges(values: np.ndarray, region: np.ndarray, zooms: tuple[float, ...]) -> np.ndarray:
    """Return a field whose zero crossings are edges (Marr and Hildreth 1980); NaN where none is drawn."""
    sigma = [EDGE_SMOOTHING_MM / zoom for zoom in zooms]
    scaled = np.clip(values / window(values[region])[1], 0, 1)
    smooth = ndimage.gaussian_filter(scaled, sigma)
    steepness = np.sqrt(sum(np.gradient(smooth, zoom, axis=axis) ** 2 for axis, zoom in enumerate(zooms)))
    field = ndimage.gaussian_laplace(scaled, sigma)
    near = ndimage.binary_dilation(region, iterations=2)
    return np.where((steepness > EDGE_STRENGTH_PER_MM) & near, field, np.nan)
