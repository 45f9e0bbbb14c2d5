"""Label maps of real people, brought into ThalNet's frame: what training images are drawn from."""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from thalutils import fetch
from thalutils.files import hash_file
from thalutils.process import cached
from thalutils.segmenters.protocol import LEFT, RIGHT
from thalutils.segmenters.thalnet import pose
from thalutils.segmenters.thalnet.network import STRUCTURES, THALAMI
from thalutils.simulate import anatomy
from thalutils.truth.scans import HELD_OUT

# Billot et al.'s twenty people. Five take no part in the fit: one is watched while it runs, four are the test.
WATCHED = ("17",)
EVERYONE = tuple(f"{number:02d}" for number in range(1, 21))
TRAINED = tuple(person for person in EVERYONE if person not in WATCHED + HELD_OUT)

MARGIN_MM = np.array([36, 40, 40])
ROUNDS = 5


@dataclass(frozen=True)
class Person:
    """One person's label map, whole and finely about the thalami.

    Attributes
    ----------
    name : str
    values : ndarray of int
        The FreeSurfer label of each index; 0 is outside the head.
    whole, fine : ndarray of uint8, shape (x, y, z)
        Indices at 1 mm, and at 0.5 mm about the thalami.
    whole_affine, fine_affine : ndarray, shape (4, 4)
        From voxels to the frame's mm.
    """

    name: str
    values: np.ndarray
    whole: np.ndarray
    whole_affine: np.ndarray
    fine: np.ndarray
    fine_affine: np.ndarray


def load(cache: Path, names: tuple[str, ...]) -> tuple[list[Person], np.ndarray]:
    """Load people in ThalNet's frame, which is the mean of those in training.

    Parameters
    ----------
    cache : Path
        Where what takes long is kept.
    names : tuple of str
        ``01`` to ``20``.

    Returns
    -------
    people : list of Person
    centres_mm : ndarray, shape (structures, 3)
        The structures' centres in the frame.

    Raises
    ------
    ImageError
        Where a label map cannot be had.
    """
    paths = {name: _prepared(cache, name) for name in dict.fromkeys(TRAINED + names)}
    frame = mean_frame(np.stack([_read(paths[name], "centres_mm")["centres_mm"] for name in TRAINED]))
    people = []
    for name in names:
        one = _read(paths[name])
        move = pose.fit_rigid(one["centres_mm"], frame, _rows())
        whole, fine = move @ one["whole_affine"], move @ one["fine_affine"]
        people.append(Person(name, one["values"], one["whole"], whole, one["fine"], fine))
    return people, frame


def mean_frame(centres_mm: np.ndarray) -> np.ndarray:
    """Return the mean of people's centres after rigid alignment, made symmetric, the thalami's middle at 0.

    Parameters
    ----------
    centres_mm : ndarray, shape (people, structures, 3)
        Left structures and their right twins in neighbouring rows; the last row is unpaired.
    """
    pairs = np.append(np.arange(centres_mm.shape[1] - 1).reshape(-1, 2)[:, ::-1].ravel(), len(STRUCTURES) - 1)
    rows = list(_rows())
    frame = centres_mm[0] - centres_mm[0][rows].mean(0)
    for _ in range(ROUNDS):
        moved = []
        for one in centres_mm:
            move = pose.fit_rigid(one, frame, _rows())
            moved.append(one @ move[:3, :3].T + move[:3, 3])
        frame = np.mean(moved, axis=0)
        frame = (frame + frame[pairs] * [-1, 1, 1]) / 2
        frame -= frame[rows].mean(0)
    return frame


def _rows() -> tuple[int, int]:
    return THALAMI[0] - 1, THALAMI[1] - 1


def _prepared(cache: Path, name: str) -> Path:
    path = fetch.label_map(name)
    # as a list: the order of the structures is that of the centres
    key = {
        "map": name,
        "code": [hash_file(anatomy.__file__), hash_file(__file__)],
        "structures": list(STRUCTURES.values()),
    }
    return cached(cache, "training-label-map", key, lambda to: _prepare(path, to)) / "map.npz"


def _read(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Read some arrays of a prepared map, or all."""
    with np.load(path) as content:
        return {name: content[name] for name in names or content.files}


def _prepare(path: Path, folder: Path) -> None:
    image = nib.as_closest_canonical(nib.load(path))
    labels = np.asarray(image.dataobj).astype(np.int16)
    for before, after in anatomy.SYNTHSEG.items():
        if before < 500:  # the clusters outside the brain stay apart here: each gets a brightness of its own
            labels[labels == before] = after
    values, index = np.unique(labels, return_inverse=True)
    index = index.reshape(labels.shape).astype(np.uint8)
    centres = np.array([np.argwhere(np.isin(labels, one)).mean(0) for one in STRUCTURES.values()])
    inside = np.argwhere(np.isin(labels, (LEFT, RIGHT)))
    low, high = inside.min(0) - MARGIN_MM, inside.max(0) + MARGIN_MM + 1
    box = tuple(slice(max(0, a), b) for a, b in zip(low, high, strict=True))
    corner = image.affine.copy()
    corner[:3, 3] = nib.affines.apply_affine(image.affine, [part.start for part in box])
    fine, fine_affine = anatomy.finer(index[box], corner)
    np.savez_compressed(
        folder / "map.npz", values=values, whole=index, whole_affine=image.affine, fine=fine,
        fine_affine=fine_affine, centres_mm=nib.affines.apply_affine(image.affine, centres),
    )  # fmt: skip
