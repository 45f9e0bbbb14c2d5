"""Scans of one simulated head on one grid, and which of their voxels are thalamus."""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine

from thalutils import fetch
from thalutils.cohort import Phantom
from thalutils.segmenters.protocol import LEFT, RIGHT
from thalutils.simulate import anatomy, rater, scanner
from thalutils.simulate.anatomy import Anatomy
from thalutils.simulate.head import Head
from thalutils.simulate.scanner import STUDY, Conditions, Frame

PHANTOM = "phantom"
# The people whose label maps took no part in the fit of any network.
HELD_OUT = ("04", "08", "12", "15")
VOXEL_MM = 1.0
# Half the edge of the box that holds the thalami, wherever a head was moved.
REACH_VOXELS = 48
MOVEMENT_MM, MOVEMENT_DEG = 4.0, 5.0


@dataclass(frozen=True)
class Scanned:
    """The scans of one head on one grid, and what is true of them.

    Attributes
    ----------
    images : dict of Nifti1Image
        By kind of scan.
    truth : ndarray of uint8
        10 and 49 where most of a voxel is thalamus.
    manual : ndarray of uint8
        1 where a simulated rater draws it.
    """

    images: dict[str, nib.Nifti1Image]
    truth: np.ndarray
    manual: np.ndarray


def anatomy_of(cache: Path, name: str) -> Anatomy:
    """Load SAMSEG's atlas, which is the phantom's anatomy, or a person's label map made fine.

    Raises
    ------
    ImageError
        Where it cannot be had.
    """
    if name == PHANTOM:
        return anatomy.atlas(cache)
    return anatomy.of_label_map(cache, fetch.label_map(name))


def new_position(rng: np.random.Generator) -> Frame:
    """Return the frame of a scan of the whole head in a new position."""
    return Frame.whole_head(VOXEL_MM, scanner.movement(rng, MOVEMENT_MM, MOVEMENT_DEG))


def images(
    head: Head, frame: Frame, kinds: tuple[str, ...], settings: Phantom, rng: np.random.Generator,
    conditions: Conditions = STUDY,
) -> dict[str, nib.Nifti1Image]:  # fmt: skip
    """Scan a head in one position; the images are by kind of scan."""
    found = scanner.together(head, frame, kinds, settings, rng, conditions)
    return {kind: nib.Nifti1Image(data.astype(np.float32), frame.affine) for kind, data in found.items()}


def scan(head: Head, kinds: tuple[str, ...], settings: Phantom, rng: np.random.Generator) -> Scanned:
    """Scan a head in a new position; a rater draws its thalami."""
    frame = new_position(rng)
    shares, box = _shares(head, frame, settings)
    manual = rater.draw(shares["left"], shares["right"], shares["fluid"], VOXEL_MM, rng) > 0
    truth, drawn = (_placed(part, frame, box) for part in (_labels(shares), manual))
    return Scanned(images(head, frame, kinds, settings, rng), truth, drawn)


def true_labels(head: Head, frame: Frame, settings: Phantom) -> np.ndarray:
    """Return 10 and 49 where most of a voxel is left or right thalamus, else 0; shape of the frame."""
    shares, box = _shares(head, frame, settings)
    return _placed(_labels(shares), frame, box)


def _shares(head: Head, frame: Frame, settings: Phantom) -> tuple[dict[str, np.ndarray], tuple[slice, ...]]:
    """Return what each voxel of the box about the thalami holds, and where the box is."""
    middle = apply_affine(np.linalg.inv(frame.affine) @ frame.pose, anatomy.THALAMI_MM)
    low = np.round(middle).astype(int) - REACH_VOXELS
    affine = frame.affine.copy()
    affine[:3, 3] = apply_affine(frame.affine, low)
    small = Frame((2 * REACH_VOXELS,) * 3, affine, frame.pose)
    shares, _ = scanner.tissue_shares(head, small, settings.supersampling)
    return shares, tuple(slice(start, start + 2 * REACH_VOXELS) for start in low)


def _labels(shares: dict[str, np.ndarray]) -> np.ndarray:
    whole = shares["left"] + shares["right"] >= 0.5
    return np.where(whole, np.where(shares["left"] >= shares["right"], LEFT, RIGHT), 0)


def _placed(part: np.ndarray, frame: Frame, box: tuple[slice, ...]) -> np.ndarray:
    found = np.zeros(frame.shape, dtype=np.uint8)
    found[box] = part
    return found
