"""Label maps of whole heads: what a phantom is deformed from."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from thalutils import fetch
from thalutils.cohort import Cohort
from thalutils.errors import ImageError
from thalutils.files import hash_file
from thalutils.process import cached
from thalutils.segmenters import samseg

# SynthSeg's label maps split what lies outside the brain into unnamed intensity clusters and
# name some ventricles' edges apart; here each becomes the structure it stands for.
SYNTHSEG = {25: 77, 57: 77, 136: 4, 137: 5, 163: 43, 164: 44} | dict.fromkeys(range(500, 531), 258)
SMOOTHING_MM = 0.6
THALAMI_MM = np.array([0.0, -18.0, 7.0])


@dataclass(frozen=True)
class Anatomy:
    """A whole-head label map.

    Attributes
    ----------
    structure : ndarray of uint8, shape (x, y, z)
        An index into `values`.
    values : ndarray of int
        The FreeSurfer label of each index.
    affine : ndarray, shape (4, 4)
        From voxels to RAS millimetres.
    source : str
        Where the anatomy comes from, for the page.
    """

    structure: np.ndarray
    values: np.ndarray
    affine: np.ndarray
    source: str

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in mL."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000


def load(cohort: Cohort) -> Anatomy:
    """Load the anatomy that a phantom's YAML names, made once and kept in the cache.

    ``auto`` is SAMSEG's atlas where SAMSEG is installed, else a real person's label map; ``atlas`` insists on
    the former; a path takes any label map with FreeSurfer's or SynthSeg's labels.

    Raises
    ------
    ImageError
        Where no anatomy can be had, with what to do.
    """
    wanted = cohort.settings.phantom.anatomy
    available = samseg.Samseg().availability()
    if wanted == "atlas" and not available.ok:
        raise ImageError(f"{cohort.path}: anatomy is atlas, and SAMSEG is {available.reason}")
    if wanted == "atlas" or (wanted == "auto" and available.ok):
        return atlas(cohort.cache)
    return of_label_map(cohort.cache, cohort.root / wanted if wanted != "auto" else fetch.label_map())


def atlas(cache: Path) -> Anatomy:
    """Load SAMSEG's atlas, rasterised once and kept in the cache.

    Raises
    ------
    ImageError
        Where SAMSEG is not installed.
    """
    available = samseg.Samseg().availability()
    if not available.ok:
        raise ImageError(f"SAMSEG's atlas cannot be had: SAMSEG is {available.reason}")
    key = {"samseg": available.version, "code": samseg.atlas_code()}
    folder = cached(cache, "anatomy", key, _rasterise)
    return _load(folder / "anatomy.npz", f"the atlas of SAMSEG {available.version}")


def of_label_map(cache: Path, path: Path) -> Anatomy:
    """Load a label map with FreeSurfer's or SynthSeg's labels, made finer once and kept in the cache."""
    key = {"map": hash_file(path), "code": hash_file(__file__), "scipy": version("scipy")}
    folder = cached(cache, "anatomy", key, lambda to: _refine(path, to))
    return _load(folder / "anatomy.npz", f"the label map {path.name} of a real person")


def _rasterise(folder: Path) -> None:
    samseg.Samseg().rasterise_atlas(folder / "anatomy.npz")


def _load(path: Path, source: str) -> Anatomy:
    with np.load(path) as content:
        return Anatomy(content["labels"], content["values"], content["affine"], source)


def _refine(path: Path, folder: Path) -> None:
    image = nib.as_closest_canonical(nib.load(path))
    labels = np.asarray(image.dataobj).astype(np.int16)
    for before, after in SYNTHSEG.items():
        labels[labels == before] = after
    values, structure = np.unique(labels, return_inverse=True)
    affine = image.affine.copy()
    middle = np.argwhere(np.isin(labels, (10, 49))).mean(0)
    affine[:3, 3] = THALAMI_MM - affine[:3, :3] @ middle  # where the simulated scanner looks for a head
    structure, affine = finer(structure.reshape(labels.shape).astype(np.uint8), affine)
    np.savez_compressed(folder / "anatomy.npz", labels=structure, values=values, affine=affine)


def finer(structure: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a label map on a grid twice as fine, its steps smoothed by a Gaussian of 0.6 mm.

    Parameters
    ----------
    structure : ndarray of uint8, shape (x, y, z)
        Indices of structures at about 1 mm.
    affine : ndarray, shape (4, 4)
        From voxels to RAS millimetres.

    Returns
    -------
    structure : ndarray of uint8, shape (2x, 2y, 2z)
    affine : ndarray, shape (4, 4)
    """
    sigma = SMOOTHING_MM / np.linalg.norm(affine[:3, :3], axis=0)
    fine = tuple(2 * size for size in structure.shape)
    best = np.zeros(fine, dtype=np.float32)
    winner = np.zeros(fine, dtype=np.uint8)
    for value, box in enumerate(ndimage.find_objects(structure + 1), start=0):
        if box is None:
            continue
        wide = tuple(
            slice(max(0, part.start - 4), min(size, part.stop + 4))
            for part, size in zip(box, structure.shape, strict=True)
        )
        share = ndimage.gaussian_filter((structure[wide] == value).astype(np.float32), sigma)
        share = ndimage.zoom(share, 2, order=1, grid_mode=True, mode="nearest")
        place = tuple(slice(2 * part.start, 2 * part.stop) for part in wide)
        better = share > best[place]
        best[place][better] = share[better]
        winner[place][better] = value
    half = affine.copy()
    half[:3, :3] /= 2
    half[:3, 3] = affine[:3, 3] - affine[:3, :3] @ np.full(3, 0.25)
    return winner, half
