"""Rigid co-registration of R1 and FLAIR to T1w, and how far to believe it (section 2.5.2).

A transform here is a 4x4 array that sends world coordinates (RAS, mm) of the *fixed* image, the
T1w, to those of the *moving* one: the direction in which resampling asks. FSL is not needed:
SimpleITK stands in for its two FLIRT strategies, whose command lines are in
:mod:`thalutils.imaging.flirt`.

R1 maps hold ratios of noise in air: pass them through :func:`clean_r1` first.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from nibabel.affines import apply_affine
from nibabel.spatialimages import SpatialImage
from scipy import ndimage

from thalutils.errors import ImageError

# Threads sum the metric in whatever order they finish, which changes the last digits.
sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)

Image = str | Path | SpatialImage
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
R1_MAX_PER_S = 2.0
# Voxels compared at each step: enough for a steady gradient, few enough for seconds.
SITK_SAMPLES = 150_000
ANTS_VOXEL_MM = 2.0
# The optimiser measures a step over all parameters alike. With lengths in head radii a radian, a unit
# of translation and a unit of stretch each move the scalp equally; in mm, once the translation has
# settled, a first step of "1" may turn the head by a radian.
HEAD_RADIUS_MM = 70.0
IN_HEAD_RADII = np.diag([1 / HEAD_RADIUS_MM] * 3 + [1.0])
INTERPOLATORS = {
    "linear": sitk.sitkLinear,
    "nearest": sitk.sitkNearestNeighbor,
    "bspline": sitk.sitkBSpline,
}


@dataclass(frozen=True)
class Strategy:
    """How one strategy compares images: its metric, whether in the mask only, whether affine."""

    metric: str
    masked: bool = False
    affine: bool = False


STRATEGIES = {
    "sitk-mi": Strategy("mi", affine=True),
    "sitk-ncc-masked": Strategy("ncc", masked=True),
    "ants-rigid": Strategy("ants"),
    "sitk-mi-rigid": Strategy("mi"),
}
# In the order in which they are tried, the last resort last.
R1_STRATEGIES, FLAIR_STRATEGY = ("sitk-mi", "sitk-ncc-masked", "ants-rigid"), "sitk-mi-rigid"


def load(image: Image) -> nib.Nifti1Image:
    """Return a three-dimensional image with finite float32 voxels, from a file or from memory.

    Raises
    ------
    ImageError
        If the file cannot be read, or the image is not 3D, or a voxel or the affine is not finite.
    """
    loaded = _read(image)
    if not (np.isfinite(loaded.dataobj).all() and np.isfinite(loaded.affine).all()):
        raise ImageError(f"{_name(image)}: holds NaN or infinity; clean it (clean_r1 for R1 maps)")
    return loaded


def _read(image: Image) -> nib.Nifti1Image:
    """Return a 3D image with float32 voxels, finite or not."""
    try:
        loaded = nib.load(image) if isinstance(image, str | Path) else image
        data = loaded.get_fdata(dtype=np.float32, caching="unchanged")
    except (OSError, EOFError, nib.filebasedimages.ImageFileError) as error:
        raise ImageError(f"{_name(image)}: cannot be read as an image ({error})") from error
    if data.ndim != 3:
        raise ImageError(f"{_name(image)}: has {data.ndim} dimensions; give one 3D volume")
    return nib.Nifti1Image(data, loaded.affine)


def _name(image: Image) -> str:
    """Return what a message should call the image."""
    return str(image) if isinstance(image, str | Path) else image.get_filename() or "an image"


def to_sitk(image: Image) -> sitk.Image:
    """Return the image as SimpleITK has it: z, y, x order and LPS world, any orientation kept."""
    image = load(image)
    affine = RAS_TO_LPS @ image.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    result = sitk.GetImageFromArray(np.ascontiguousarray(image.get_fdata(dtype=np.float32).T))
    result.SetSpacing(spacing.tolist())
    result.SetOrigin(affine[:3, 3].tolist())
    result.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    return result


def from_sitk(image: sitk.Image) -> nib.Nifti1Image:
    """Return a SimpleITK image as nibabel has it: x, y, z order and RAS world."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return nib.Nifti1Image(sitk.GetArrayFromImage(image).T, RAS_TO_LPS @ affine)


def to_sitk_transform(transform: np.ndarray) -> sitk.AffineTransform:
    """Return a 4x4 RAS world transform as SimpleITK's, which works in LPS."""
    lps = RAS_TO_LPS @ transform @ RAS_TO_LPS
    return sitk.AffineTransform(lps[:3, :3].ravel().tolist(), lps[:3, 3].tolist())


def from_itk_parameters(
    matrix: Sequence[float], translation_mm: Sequence[float], centre_mm: Sequence[float]
) -> np.ndarray:
    """Return the 4x4 RAS form of ITK's ``matrix (x - centre) + centre + translation`` in LPS."""
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(matrix, (3, 3))
    lps[:3, 3] = np.add(translation_mm, centre_mm) - lps[:3, :3] @ np.asarray(centre_mm)
    return RAS_TO_LPS @ lps @ RAS_TO_LPS


def reorient(image: Image) -> nib.Nifti1Image:
    """Return the image with its axes nearest to right, anterior, superior; no voxel is resampled.

    FSL's ``fslreorient2std`` does the same but for keeping the handedness of the stored axes,
    which changes no voxel's place in the world.
    """
    return nib.as_closest_canonical(load(image))


def clean_r1(r1: Image) -> nib.Nifti1Image:
    """Return an R1 map (1/s) that is finite and within 0 to 2, as the hMRI-toolbox writes it.

    In air an R1 map is a ratio of two noises and takes any value. What is not finite or lies
    outside [0, 2] 1/s is no tissue and becomes 0 rather than the nearest bound, so that air is
    mostly dark, as it is in a T1w image.
    """
    r1 = _read(r1)
    data = r1.get_fdata(dtype=np.float32)
    tissue = (data >= 0) & (data <= R1_MAX_PER_S)
    return nib.Nifti1Image(np.where(tissue, data, np.float32(0)), r1.affine)


def register(
    fixed: Image,
    moving: Image,
    strategy: str,
    *,
    mask: Image | None = None,
    levels_mm: Sequence[float] = (8.0, 4.0, 2.0),
    seed: int = 1,
) -> np.ndarray:
    """Estimate the motion between two contrasts of one head.

    ``sitk-mi`` is rigid by Mattes mutual information, then a small affine refinement by the same;
    ``sitk-ncc-masked`` is rigid by the squared normalised correlation of voxels in the mask;
    ``ants-rigid`` is ANTs' rigid registration by mutual information from identity, with its
    default levels upon a T1w thinned to about 2 mm (a 1 mm one takes eight times as long for 0.02
    mm). These three stand for the paper's three for R1. For FLAIR, ``sitk-mi-rigid`` is rigid
    by mutual information on full images: the paper has FLIRT's normalised correlation there, but
    correlation with this optimiser settled 2 to 16 mm off on three real heads, as FLAIR darkens what
    T1w brightens. SimpleITK starts from the scanner's coordinates, from the middles of the boxes and
    from the centres of mass, and keeps the best at the coarsest level.

    Parameters
    ----------
    fixed, moving
        3D images; the T1w, and the R1 (cleaned) or FLAIR.
    strategy
        One of ``STRATEGIES``.
    mask
        Brain mask on the fixed grid; needed by ``sitk-ncc-masked``, others ignore it.
    levels_mm
        Voxel sizes of the SimpleITK pyramid, coarse to fine.
    seed
        Of the sampled voxels; the same seed and one thread give the same bytes.

    Returns
    -------
    numpy.ndarray, shape (4, 4)
        World coordinates of ``fixed`` (RAS, mm) to those of ``moving``.

    Raises
    ------
    ImageError
        If the strategy is unknown, its mask is missing or off the grid, or nothing overlaps.
    """
    if strategy not in STRATEGIES:
        raise ImageError(f"{strategy!r} is no strategy; choose one of {', '.join(STRATEGIES)}")
    how = STRATEGIES[strategy]
    fixed, moving = load(fixed), load(moving)
    if how.metric == "ants":
        return _register_ants(fixed, moving, seed)
    weights = None
    if how.masked:
        if mask is None:
            raise ImageError(f"{strategy} compares voxels in the brain: give a brain mask")
        weights = _pyramid(_on_grid(mask, fixed), levels_mm)
    levels = list(
        zip(
            _pyramid(fixed, levels_mm),
            _pyramid(moving, levels_mm),
            weights or [None] * len(levels_mm),
            strict=True,
        )
    )
    try:
        transform = _best_start(*levels[0], how.metric, seed)
        for level in levels[1:]:
            transform, _ = _optimise(transform, *level, how.metric, seed)
        if how.affine:
            affine = sitk.AffineTransform(
                transform.GetMatrix(), transform.GetTranslation(), transform.GetCenter()
            )
            transform, _ = _optimise(affine, *levels[-1], how.metric, seed)
    except RuntimeError as error:
        raise ImageError(f"{strategy}: the images cannot be matched ({error})") from error
    in_head_radii = from_itk_parameters(
        transform.GetMatrix(), transform.GetTranslation(), transform.GetCenter()
    )
    return np.linalg.inv(IN_HEAD_RADII) @ in_head_radii @ IN_HEAD_RADII


def _pyramid(image: nib.Nifti1Image, levels_mm: Sequence[float]) -> list[sitk.Image]:
    """Return the image smoothed and thinned to each voxel size, coarse to fine, in head radii."""
    levels = []
    blurred_mm = 0.0
    for voxel_mm in sorted(levels_mm):
        image = _thinned(image, voxel_mm, blurred_mm)
        blurred_mm = voxel_mm / 2
        levels.append(to_sitk(nib.Nifti1Image(image.dataobj, IN_HEAD_RADII @ image.affine)))
    return levels[::-1]


def _thinned(image: nib.Nifti1Image, voxel_mm: float, blurred_mm: float = 0.0) -> nib.Nifti1Image:
    """Return the image smoothed by half of a voxel size, with every nth voxel kept to reach it.

    ITK shrinks all axes alike; clinical scans with thick slices need each axis thinned by itself.
    """
    spacing_mm = np.linalg.norm(image.affine[:3, :3], axis=0)
    sigma = np.sqrt((voxel_mm / 2) ** 2 - blurred_mm**2) / spacing_mm
    step = np.maximum(np.rint(voxel_mm / spacing_mm).astype(int), 1)
    data = ndimage.gaussian_filter(image.get_fdata(dtype=np.float32), sigma, truncate=3)
    return nib.Nifti1Image(data[:: step[0], :: step[1], :: step[2]], image.affine @ np.diag([*step, 1.0]))


def _best_start(
    fixed: sitk.Image, moving: sitk.Image, weights: sitk.Image | None, metric: str, seed: int
) -> sitk.Euler3DTransform:
    """Return the best coarse fit from three starts: the scanner's word, the boxes, the masses."""
    rules = sitk.CenteredTransformInitializerFilter
    boxes, masses = (
        sitk.Euler3DTransform(sitk.CenteredTransformInitializer(fixed, moving, sitk.Euler3DTransform(), rule))
        for rule in (rules.GEOMETRY, rules.MOMENTS)
    )
    scanner = sitk.Euler3DTransform(masses)
    scanner.SetTranslation([0.0, 0.0, 0.0])
    fits = []
    for start in (scanner, boxes, masses):
        try:
            fits.append(_optimise(start, fixed, moving, weights, metric, seed))
        except RuntimeError as error:
            # A start that misses the head is no failure while another meets it.
            missed = error
    if not fits:
        raise missed
    return min(fits, key=lambda fit: fit[1])[0]


def _optimise(
    start: sitk.Transform,
    fixed: sitk.Image,
    moving: sitk.Image,
    weights: sitk.Image | None,
    metric: str,
    seed: int,
) -> tuple[sitk.Transform, float]:
    """Return the transform after gradient descent at one resolution, and its cost."""
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    if metric == "mi":
        method.SetMetricAsMattesMutualInformation(32)
    else:
        method.SetMetricAsCorrelation()
    # ITK would blur gradients by the thickest slice, so that they no longer point down this metric:
    # on real 3 mm scans that stopped the descent a millimetre short.
    method.SetMetricUseFixedImageGradientFilter(False)
    method.SetMetricUseMovingImageGradientFilter(False)
    if weights is not None:
        method.SetMetricFixedMask(weights > 0.5)
    share = min(1.0, SITK_SAMPLES / fixed.GetNumberOfPixels())
    # Regular sampling would fall on the same few columns where its stride divides a row.
    method.SetMetricSamplingStrategy(method.RANDOM if share < 1 else method.NONE)
    method.SetMetricSamplingPercentage(share, seed)
    method.SetInterpolator(sitk.sitkLinear)
    voxel = min(fixed.GetSpacing())
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=voxel / 2,
        minStep=voxel / 1000,
        numberOfIterations=100,
        gradientMagnitudeTolerance=1e-6,
    )
    method.SetOptimizerScales([1.0] * start.GetNumberOfParameters())
    transform = type(start)(start)
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed, moving)
    return transform, method.GetMetricValue()


def _register_ants(fixed: nib.Nifti1Image, moving: nib.Nifti1Image, seed: int) -> np.ndarray:
    """Return ANTs' rigid transform from identity, at antspyx's default resolutions."""
    # Two seconds and 300 MB, which only this strategy should pay.
    import ants

    def to_ants(image: nib.Nifti1Image) -> ants.ANTsImage:
        affine = RAS_TO_LPS @ image.affine
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        return ants.from_numpy(
            image.get_fdata(dtype=np.float32),
            origin=affine[:3, 3].tolist(),
            spacing=spacing.tolist(),
            direction=affine[:3, :3] / spacing,
        )

    ants.config.set_ants_deterministic(True, seed)
    with tempfile.TemporaryDirectory() as folder:
        found = ants.registration(
            to_ants(_thinned(fixed, ANTS_VOXEL_MM)),
            to_ants(moving),
            type_of_transform="Rigid",
            initial_transform="Identity",
            outprefix=f"{folder}/",
        )
        transform = ants.read_transform(found["fwdtransforms"][0])
    parameters = np.asarray(transform.parameters)
    result = from_itk_parameters(parameters[:9], parameters[9:], transform.fixed_parameters)
    # ANTs prints its own errors and hands back the start; even an image and itself part by microns.
    if np.array_equal(result, np.eye(4)):
        raise ImageError("ants-rigid: ANTs failed; do the images overlap in the world?")
    return result


def resample(
    moving: Image, fixed: Image, transform: np.ndarray, *, interpolation: str = "linear"
) -> nib.Nifti1Image:
    """Return the moving image on the fixed image's exact grid; 0 where it was not scanned.

    ``transform`` is a 4x4 from fixed to moving world (RAS, mm); ``interpolation`` is ``linear``,
    ``nearest`` (labels) or ``bspline`` (cubic; overshoots at edges). Voxels are float32.

    Raises
    ------
    ImageError
        If the interpolation is unknown or an image is not usable.
    """
    if interpolation not in INTERPOLATORS:
        raise ImageError(f"no interpolation {interpolation!r}; choose {', '.join(INTERPOLATORS)}")
    fixed = load(fixed)
    moved = sitk.Resample(
        to_sitk(moving),
        to_sitk(fixed),
        to_sitk_transform(transform),
        INTERPOLATORS[interpolation],
        0.0,
        sitk.sitkFloat32,
    )
    return nib.Nifti1Image(sitk.GetArrayFromImage(moved).T, fixed.affine)


class DisplacementError(NamedTuple):
    """How far two transforms part, in mm, over a set of points."""

    median_mm: float
    max_mm: float


def displacement_error_mm(
    transform: np.ndarray, truth: np.ndarray, points_mm: np.ndarray
) -> DisplacementError:
    """Return the distance between where two 4x4 transforms send points of shape (n, 3).

    With the thalamus' voxels (fixed world, mm) as points this is the error that its volume feels.
    """
    apart_mm = np.linalg.norm(apply_affine(transform, points_mm) - apply_affine(truth, points_mm), axis=-1)
    return DisplacementError(float(np.median(apart_mm)), float(np.max(apart_mm)))


def rescale_r1(r1: Image, mask: Image, *, percentile: float = 99.0, top: float = 1000.0) -> nib.Nifti1Image:
    """Return an R1 map (1/s) on a T1w-like scale, 0 to ``top``, and 0 outside the mask.

    Clipped from 0 to its percentile in the mask, then scaled; 0 1/s stays 0, so that one number,
    and no stray minimum, sets the scale.

    Raises
    ------
    ImageError
        If the mask is off the grid or empty, or the map is not positive within it.
    """
    r1 = load(r1)
    inside = _on_grid(mask, r1).get_fdata() > 0
    if not inside.any():
        raise ImageError("the brain mask is empty; check the brain-mask stage")
    data = r1.get_fdata(dtype=np.float32)
    high = np.percentile(data[inside], percentile)
    if high <= 0:
        raise ImageError("the R1 map is not positive within the brain mask; check the map")
    scaled = np.where(inside, np.clip(data, 0, high) * (top / high), 0)
    return nib.Nifti1Image(scaled.astype(np.float32), r1.affine)


def _on_grid(mask: Image, image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return the mask, having seen that it lies on the image's grid."""
    mask = load(mask)
    if mask.shape != image.shape or not np.allclose(mask.affine, image.affine, atol=1e-3):
        raise ImageError(f"the mask {mask.shape} is not on the image's grid {image.shape}")
    return mask
