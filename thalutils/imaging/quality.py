"""Whether a scan is fit to be used: read whole, in space, with something in it."""

import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.openers import ImageOpener

from thalutils.errors import ImageError

SMALLEST_MM, LARGEST_MM = 0.2, 6.0
SMALLEST_EXTENT_MM, LARGEST_EXTENT_MM = 60.0, 500.0
FORM_TOLERANCE_MM = 0.5
# NIfTI codes of spaces in which a head lies as scanned or as aligned with another scan of the person. To a template (3, 4)
# a head is moved, so that the two forms differ by right.
PERSONS_SPACES = {1, 2}
READY_MAP = "R1"


def load(path: str | Path, *, holes: bool = False) -> nib.Nifti1Image:
    """Read a 3D scan whole and check that it is fit to be used.

    Parameters
    ----------
    path : path
        A NIfTI file.
    holes : bool
        Whether voxels may be NaN or infinite, as where a map could not be computed; they become 0.

    Returns
    -------
    Nifti1Image
        With its data in memory as float32.

    Raises
    ------
    ImageError
        Where the file is empty, cut short, not 3D, holds NaN or infinite values or nothing but one
        value, has no or an implausible voxel size, or two orientations that disagree.
    """
    path = Path(path)
    if not path.is_file() or path.stat().st_size == 0:
        raise ImageError(f"{path.name}: the file is missing or empty. Copy it again from its source.")
    try:
        image = nib.load(path)
        _check_stored_size(image, path)
        image = nib.squeeze_image(image)  # (x, y, z, 1) is a volume too
        check_geometry(image, path.name)
        data = np.asanyarray(image.dataobj).astype(np.float32)
    except ImageError:
        raise
    except Exception as error:  # nibabel, zlib and gzip each have their own for a damaged file
        raise ImageError(
            f"{path.name}: cannot be read to its end ({type(error).__name__}). Copy it again from its source."
        ) from None
    if holes:
        data = np.nan_to_num(data, nan=0.0, posinf=0.0, neginf=0.0)
    check_values(data, path.name)
    return nib.Nifti1Image(data, image.affine, image.header)


def _check_stored_size(image: nib.spatialimages.SpatialImage, path: Path) -> None:
    # nibabel turns a size of 0 into 1 mm as it reads, so the file itself is asked
    if isinstance(image, nib.Nifti1Image):
        with ImageOpener(path) as handle:
            size = type(image.header).from_fileobj(handle, check=False)["pixdim"][1 : 1 + min(3, image.ndim)]
        if not np.isfinite(size).all() or not size.all():
            raise ImageError(f"{path.name}: its header gives voxels of {_by(size)} mm. Convert it anew.")


def check_geometry(image: nib.spatialimages.SpatialImage, name: str) -> None:
    """Check dimensions, voxel size, units and orientation.

    Raises
    ------
    ImageError
        Naming the image and the fault.
    """
    shape = image.shape
    if len(shape) != 3:
        raise ImageError(
            f"{name}: has {len(shape)} dimensions {shape} where 3 are due. Split it into volumes."
        )
    size = np.linalg.norm(image.affine[:3, :3], axis=0)
    extent = size * np.array(shape)
    if not np.isfinite(image.affine).all() or (size < SMALLEST_MM).any() or (size > LARGEST_MM).any():
        raise ImageError(
            f"{name}: voxels of {_by(size)} mm. Its header's size or units are wrong; convert it anew."
        )
    if (extent < SMALLEST_EXTENT_MM).any() or (extent > LARGEST_EXTENT_MM).any():
        raise ImageError(f"{name}: covers {_by(extent)} mm, which is not a head. Check its voxel size.")
    if isinstance(image, nib.AnalyzeImage) and not isinstance(image, nib.Nifti1Pair):
        raise ImageError(
            f"{name}: an Analyze file does not say which side is left. Convert the scan to NIfTI anew."
        )
    if isinstance(image, nib.Nifti1Pair):
        units = image.header.get_xyzt_units()[0]
        if units not in ("mm", "unknown"):
            raise ImageError(f"{name}: its header gives lengths in {units}. Convert it to millimetres.")
        _check_forms(image, name)


def _check_forms(image: nib.Nifti1Pair, name: str) -> None:
    sform, s_code = image.get_sform(coded=True)
    qform, q_code = image.get_qform(coded=True)
    if not s_code and not q_code:
        raise ImageError(f"{name}: its header has no orientation (sform and qform code 0). Convert it anew.")
    if not s_code or not q_code:
        return
    if s_code == q_code or {int(s_code), int(q_code)} <= PERSONS_SPACES:
        corners = np.array(list(itertools.product(*((0, edge - 1) for edge in image.shape), (1,))))
        apart = np.abs(corners @ (sform - qform).T).max()
        if apart > FORM_TOLERANCE_MM:
            raise ImageError(
                f"{name}: its sform and qform disagree by {apart:.1f} mm. Decide which is right and set both."
            )
    if np.linalg.det(sform[:3, :3]) * np.linalg.det(qform[:3, :3]) < 0:
        raise ImageError(
            f"{name}: its sform and qform disagree on which side is left. Decide which is right and set both."
        )


def check_values(data: np.ndarray, name: str) -> None:
    """Check that values are finite and not all the same.

    Raises
    ------
    ImageError
        Naming the image and the fault.
    """
    bad = int(data.size - np.isfinite(data).sum())
    if bad:
        raise ImageError(
            f"{name}: {bad} voxels are NaN or infinite. Replace them, or reconstruct the image anew."
        )
    if data.min() == data.max():
        raise ImageError(f"{name}: every voxel is {data.flat[0]:g}. There is no image in it.")


def _by(values: np.ndarray) -> str:
    return " x ".join(f"{value:.3g}" for value in values)
