"""Two scans of one head brought to the space halfway between them, the head's size fixed by the skull.

All is done in both directions and averaged: the order of the scans changes signs and nothing else.
"""

from dataclasses import dataclass

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from scipy import linalg, ndimage

from thalutils.errors import ImageError
from thalutils.imaging import edges as edge
from thalutils.imaging import registration
from thalutils.imaging.edges import Edges, Scan
from thalutils.imaging.registration import Image

ROUNDS = 2
BRAIN_POINTS = 30_000
# Where fewer of the rays from the brain meet a skull, or fewer of its points are found in the other scan, the
# head's size is not fixed by it.
LEAST_SKULL = 0.3
HUBER_MM, HUBER_ROUNDS = 0.2, 10
FIELD_VOXEL_MM = 4.0
# Two scans of one head and one scanner do not differ more than this in size.
LARGEST_STRETCH = 0.05


@dataclass(frozen=True)
class Halfway:
    """A pair of scans of one head, each seen from the space halfway between them.

    Attributes
    ----------
    scans : tuple of Scan
        Both in that space.
    edges : tuple of Edges
        The brain's, found in each of them.
    volumes_mm3 : tuple of float
        Brain tissue in each.
    transform : ndarray, shape (4, 4)
        From the first scan's world to the second's (RAS, mm).
    skull_points : int
        How many fixed scale and skew; 0 where the registration is rigid.
    """

    scans: tuple[Scan, Scan]
    edges: tuple[Edges, Edges]
    volumes_mm3: tuple[float, float]
    transform: np.ndarray
    skull_points: int


def bring_halfway(
    first: Image, second: Image, masks: tuple[Image, Image], *, skull: bool | None = None
) -> Halfway:
    """Register two scans of one head to the space halfway between them.

    The brains are matched rigidly (squared correlation within the mask). Then the skull's edges of each scan
    are sought in the other, and an affine transform is fitted to how far they moved; its scale and skew are kept,
    so that a brain that shrank within its skull stays smaller, and a change of the scanner's gradients is taken
    out. Last, rotation and translation are fitted to the brain's edges likewise.

    Parameters
    ----------
    first, second
        3D T1w images, in the order of time.
    masks
        Brain masks on their grids.
    skull
        Whether scale and skew are fixed by the skull; by default where both scans have one.

    Raises
    ------
    ImageError
        If a mask is missing, empty or off its grid; if the scans do not match; if a skull is asked for and
        there is none.
    """
    native = tuple(prepared(image, mask) for image, mask in zip((first, second), masks, strict=True))
    transform = _rigid(*native)
    found = [edge.brain_edges(scan) for scan in native]
    skulls = [edge.skull_edges(scan) for scan in native] if skull is not False else []
    seen = min((share for _, share in skulls), default=0.0)
    if skull and seen < LEAST_SKULL:
        raise ImageError(
            f"only {100 * seen:.0f} % of the rays from the brain meet a skull: it cannot fix the head's size."
        )
    points = 0
    for _ in range(ROUNDS if seen >= LEAST_SKULL else 0):
        to_half = halves(transform)
        both = tuple(edges for edges, _ in skulls)
        motion, points = _motion(native, both, to_half, rising=True, rigid=False)
        if points < LEAST_SKULL * min(len(edges) for edges in both):
            raise ImageError("the skulls of the two scans do not match. Are they of one head?")
        transform = np.linalg.inv(to_half[1]) @ motion @ to_half[0]
    some = tuple(edges.thinned(BRAIN_POINTS) for edges, _ in found)
    for _ in range(ROUNDS):
        to_half = halves(transform)
        motion, _ = _motion(native, some, to_half, rising=False, rigid=True)
        transform = np.linalg.inv(to_half[1]) @ motion @ to_half[0]
    to_half = halves(transform)
    return Halfway(
        tuple(scan.moved(half) for scan, half in zip(native, to_half, strict=True)),
        tuple(edges.moved(half) for (edges, _), half in zip(found, to_half, strict=True)),
        tuple(volume for _, volume in found),
        transform,
        points,
    )


def prepared(image: Image, mask: Image) -> Scan:
    """Return a T1w with its bias field taken out (N4, Tustison et al. 2010), and its brain.

    Raises
    ------
    ImageError
        If either is no usable 3D image, or the mask is empty or off the grid.
    """
    image, mask = registration.load(image), registration.load(mask)
    if mask.shape != image.shape or not np.allclose(mask.affine, image.affine, atol=1e-3):
        raise ImageError(f"the brain mask {mask.shape} is not on the scan's grid {image.shape}.")
    image, mask = registration.reorient(image), registration.reorient(mask)
    inside = mask.get_fdata() > 0.5
    if not inside.any():
        raise ImageError("the brain mask is empty. Check the brain mask.")
    data = image.get_fdata(dtype=np.float32)
    field = _bias_field(image, mask)
    return Scan((data / field).astype(np.float32), inside, image.affine)


def _bias_field(image: nib.Nifti1Image, mask: nib.Nifti1Image) -> np.ndarray:
    """Return the bias field over the whole box, 1 on average in the brain, fitted to the brain thinned to 4 mm."""
    whole, brain = registration.to_sitk(image), registration.to_sitk(mask) > 0.5
    step = [max(1, round(FIELD_VOXEL_MM / size)) for size in whole.GetSpacing()]
    small, inside = sitk.Shrink(whole, step), sitk.Shrink(brain, step)
    inside = inside & (small > 0)
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([50, 50])
    n4.SetNumberOfControlPoints([4, 4, 4])
    n4.Execute(small, inside)
    log_field = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(whole)).T
    log_field -= np.median(log_field[mask.get_fdata() > 0.5])
    # far from the brain a spline may go anywhere
    return np.exp(np.clip(log_field, -0.7, 0.7))


def _rigid(first: Scan, second: Scan) -> np.ndarray:
    """Return the mean of the rigid transforms found in both directions, first world to second."""
    images = [nib.Nifti1Image(scan.data, scan.affine) for scan in (first, second)]
    masks = [nib.Nifti1Image(scan.mask.astype(np.uint8), scan.affine) for scan in (first, second)]
    there = registration.register(*images, "sitk-ncc-masked", mask=masks[0])
    back = registration.register(*images[::-1], "sitk-ncc-masked", mask=masks[1])
    logs = [linalg.logm(one).real for one in (there, np.linalg.inv(back))]
    return linalg.expm((logs[0] + logs[1]) / 2)


def halves(transform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the transforms from each scan's world to the space halfway."""
    half = linalg.expm(linalg.logm(transform).real / 2)
    return half, np.linalg.inv(half)


def resampled(image: Image, to_half: np.ndarray) -> nib.Nifti1Image:
    """Return a scan as seen from the space halfway, on its own grid there, by cubic splines.

    Two scans of one grid come to one grid so, and both are interpolated: neither is sharper than the other.

    Parameters
    ----------
    image
        A 3D scan.
    to_half : ndarray, shape (4, 4)
        From its world to the space halfway, as :func:`halves` returns it.
    """
    image = registration.load(image)
    there = np.linalg.inv(image.affine) @ np.linalg.inv(to_half) @ image.affine
    data = image.get_fdata(dtype=np.float32)
    values = ndimage.affine_transform(
        data, there[:3, :3], there[:3, 3], order=3, mode="nearest", output=np.float32
    )
    return nib.Nifti1Image(np.clip(values, data.min(), data.max()), image.affine)


def _motion(
    native: tuple[Scan, Scan], edges: tuple[Edges, Edges], to_half: tuple[np.ndarray, np.ndarray], *,
    rising: bool, rigid: bool,
) -> tuple[np.ndarray, int]:  # fmt: skip
    """Return the motion of the edges from the first scan to the second, and by how many points it was found.

    The motion is rigid, or a pure stretch with what rotation and translation go with it. The edges of
    the second that are found in the first say the same with the opposite sign.
    """
    seen = [scan.moved(half) for scan, half in zip(native, to_half, strict=True)]
    here = [some.moved(half) for some, half in zip(edges, to_half, strict=True)]
    moved = [
        edge.displacement(here[0], seen[0], seen[1:], rising=rising)[0],
        -edge.displacement(here[1], seen[1], seen[:1], rising=rising)[0],
    ]
    points = np.concatenate([some.points_mm for some in here])
    normals = np.concatenate([some.normals for some in here])
    along = np.concatenate(moved)
    good = np.isfinite(along)
    points, normals, along = points[good], normals[good], along[good]
    middle = (here[0].points_mm.mean(axis=0) + here[1].points_mm.mean(axis=0)) / 2
    return _fitted(points, normals, along, middle, rigid), min(int(np.isfinite(one).sum()) for one in moved)


def _fitted(
    points: np.ndarray, normals: np.ndarray, along: np.ndarray, middle: np.ndarray, rigid: bool
) -> np.ndarray:
    """Return the motion whose part along the normals is nearest to `along`, in the sense of Huber (1964)."""
    around = points - middle
    if rigid:
        design = np.column_stack([np.cross(around, normals), normals])
    else:
        design = np.column_stack([(normals[:, :, None] * around[:, None, :]).reshape(-1, 9), normals])
    weights = np.ones(len(along))
    for _ in range(HUBER_ROUNDS):
        weighted = design * weights[:, None]
        found = np.linalg.solve(weighted.T @ design, weighted.T @ along)
        left = np.abs(along - design @ found)
        weights = np.minimum(1.0, HUBER_MM / np.maximum(left, 1e-9))
    rate = np.zeros((4, 4))
    if rigid:
        x, y, z = found[:3]
        rate[:3, :3] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
    else:
        rate[:3, :3] = found[:9].reshape(3, 3)
    rate[:3, 3] = found[-3:]
    if np.abs(rate[:3, :3] + rate[:3, :3].T).max() / 2 > LARGEST_STRETCH:
        raise ImageError(
            "the heads differ too much in size to be one. Check that both scans are of one person."
        )
    about = np.eye(4)
    about[:3, 3] = middle
    # the exponential of minus the rate is the inverse: swapping the scans inverts the motion exactly
    return about @ linalg.expm(rate) @ np.linalg.inv(about)
