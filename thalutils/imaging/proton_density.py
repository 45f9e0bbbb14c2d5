"""Proton density from the amplitude of a FLASH fit: the receive field divided out, then percent of water."""

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from thalutils.errors import ImageError


def receive_field_correction(
    amplitude: NDArray[Any],
    mask: NDArray[Any],
    *,
    voxel_size_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    shrink: int = 4,
    iterations: tuple[int, ...] = (50, 50, 50, 50),
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Divide the receive field out of an amplitude map (x, y, z); return map and field.

    N4 (Tustison 2010, IEEE TMI 29:1310) estimates the field inside ``mask`` on a grid coarser by
    ``shrink``, with one thread so that it repeats. The field has mean 1 inside the mask.

    Raises
    ------
    ImageError
        If the shapes differ, the mask is empty or the amplitude in it is not positive and finite.
    """
    inside = np.asarray(mask) > 0
    if np.shape(amplitude) != inside.shape:
        raise ImageError("amplitude and mask differ in shape")
    if not inside.any():
        raise ImageError("the mask is empty")
    amplitude = np.asarray(amplitude, dtype=np.float32)
    usable = np.isfinite(amplitude[inside]) & (amplitude[inside] > 0)
    if not usable.all():
        raise ImageError("amplitude in the mask must be positive: mask with `Maps.valid`")
    image, region = (sitk.GetImageFromArray(array.T) for array in (amplitude, inside.astype(np.uint8)))
    for volume in (image, region):
        volume.SetSpacing(voxel_size_mm)
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetNumberOfThreads(1)
    n4.SetNumberOfWorkUnits(1)
    n4.SetMaximumNumberOfIterations(iterations)
    n4.Execute(*(sitk.Shrink(volume, [shrink] * 3) for volume in (image, region)))
    field = np.exp(sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(image)).T)
    field = (field / field[inside].mean(dtype=np.float64)).astype(np.float32)
    return amplitude / field, field


def calibrate_pd(
    amplitude: NDArray[Any], white_matter_mask: NDArray[Any], reference_percent: float = 69.0
) -> NDArray[Any]:
    """Scale an amplitude map so that its median in white matter is ``reference_percent``.

    69 % is the water content of white matter that Weiskopf 2013 calibrates to; the median keeps
    voxels at the mask's rim from shifting it.

    Raises
    ------
    ImageError
        If the mask is empty or the median in it is not positive.

    Examples
    --------
    >>> calibrate_pd(np.array([10.0, 20.0, 40.0]), np.array([False, True, False])).tolist()
    [34.5, 69.0, 138.0]
    """
    inside = np.asarray(white_matter_mask) > 0
    if inside.shape != amplitude.shape or not inside.any():
        raise ImageError("the mask is empty or misfits")
    median = float(np.median(amplitude[inside]))
    if not median > 0:
        raise ImageError(f"the median amplitude in white matter is {median}: check mask and map")
    return amplitude * (reference_percent / median)
