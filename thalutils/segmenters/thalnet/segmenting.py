"""One scan to one mask: find the thalami, draw them in a box, and judge whether the result can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from nibabel.affines import apply_affine
from scipy import ndimage
from scipy.spatial.transform import Rotation

from thalutils.errors import ImageError, ToolError
from thalutils.imaging import masks, quality
from thalutils.imaging.masks import LEFT, RIGHT
from thalutils.segmenters.thalnet import pose
from thalutils.segmenters.thalnet.network import (
    BOX_MM,
    BOX_SHAPE,
    CUT,
    HEAD_SHAPE,
    JOINT,
    LOCATE_MM,
    STRUCTURES,
    THALAMI,
    Networks,
    load,
)
from thalutils.segmenters.thalnet.sampling import onto_grid, scale

MULTIPLE = 8
# How the scan is turned before the first look, about x, y and z. The frame's heads bow: those of people in a
# scanner, and of templates, lie some 20 degrees from it.
STARTS_DEG = ((20, 0, 0), (-10, 0, 0), (50, 0, 0), (20, 30, 0), (20, -30, 0), (20, 0, 30), (20, 0, -30))
# A structure counts as found from so much of its usual size, in mL; a thalamus has 5 to 10.
LEAST_ML = 1.0
FEWEST_STRUCTURES = 6
WORST_FIT_MM = 14.0
SIDE_ML = (1.5, 12.5)
LIKELY = 0.5
# Below the first there is no mask, below the second it is to be looked at: thick slices of real patients had a
# certainty of 0.85 at least and agreed with their mirror image by 0.94; a head cut off within the thalami 0.83 and 0.87.
LEAST_CERTAINTY, GOOD_CERTAINTY = 0.78, 0.84
LEAST_FLIP_DICE, GOOD_FLIP_DICE = 0.75, 0.90
MOST_ASYMMETRY = 0.18  # of the sum
MOST_TURN_DEG = 65.0
DARKEST = 0.005
# A further contrast that covers less of the box is told of: where it has nothing, it counts as absent.
LEAST_COVERED = 0.5
NOT_FOUND = "no thalamus found"


@dataclass(frozen=True)
class Thalami:
    """Both thalami as drawn on one scan.

    Attributes
    ----------
    labels : ndarray of uint8, shape of the scan
        10 left, 49 right, else 0.
    affine : ndarray, shape (4, 4)
        The scan's.
    left_ml, right_ml : float
        Volumes of the mask.
    certainty : float
        Mean probability of the side that was chosen, where the mask is more likely thalamus than not; 0 to 1.
    flip_dice : float
        Dice between what the network draws in the box and in its mirror image.
    warnings : tuple of str
        Why the mask should be looked at; empty where nothing speaks against it.
    probability : ndarray of float32, shape of the scan
        Of being thalamus, left or right, 0 to 1, before the mask is drawn from it; 0 beyond the box about them.
    """

    labels: np.ndarray
    affine: np.ndarray
    left_ml: float
    right_ml: float
    certainty: float
    flip_dice: float
    warnings: tuple[str, ...]
    probability: np.ndarray

    @property
    def volume_ml(self) -> float:
        """Volume of both thalami in mL."""
        return self.left_ml + self.right_ml

    def image(self) -> nib.Nifti1Image:
        """Return the mask as an image on the scan's grid."""
        return self._on_grid(self.labels)

    def probability_image(self) -> nib.Nifti1Image:
        """Return the probability of being thalamus as an image on the scan's grid."""
        return self._on_grid(self.probability)

    def _on_grid(self, values: np.ndarray) -> nib.Nifti1Image:
        image = nib.Nifti1Image(values, self.affine)
        image.header.set_xyzt_units("mm")
        return image


def segment(
    scan: str | Path | nib.spatialimages.SpatialImage,
    networks: Networks | None = None,
    *,
    holes: bool = False,
) -> Thalami:
    """Draw both thalami on one scan.

    Parameters
    ----------
    scan : path or image
        Any contrast of a head (T1w, FLAIR, T2w, PDw, R1), any orientation, with or without skull.
    networks : Networks, optional
        Loaded before, where many scans follow each other.
    holes : bool
        Whether voxels may be NaN or infinite, as where a map could not be computed; they become 0.

    Raises
    ------
    ImageError
        Where the scan cannot be used.
    ToolError
        Where no thalamus is found.
    """
    networks = networks or load()
    image, data = _loaded(scan, holes=holes)
    with torch.inference_mode():
        to_frame = find(data, image.affine, networks)
        boxed = in_box(data, image.affine, to_frame)
        return _judged(*draw(boxed, networks.draw), CUT["draw"], to_frame, image)


def segment_together(
    scans: Mapping[str, str | Path | nib.spatialimages.SpatialImage], networks: Networks | None = None
) -> Thalami:
    """Draw both thalami once from several scans of one head, which the joint network sees beside each other.

    Parameters
    ----------
    scans : mapping of path or image
        By contrast, among :data:`network.JOINT`; any subset. They lie in one space (co-registered), each on a grid
        of its own. The thalami are looked for on the first, and the mask is on its grid. An R1 map may have holes
        (NaN). A contrast that has next to nothing where the thalami are is warned of: it counts as absent.
    networks : Networks, optional
        As for :func:`segment`.

    Raises
    ------
    ImageError
        Where a scan cannot be used.
    ToolError
        Where no thalamus is found, or a contrast is not one of the three.
    """
    unknown = set(scans) - set(JOINT)
    if unknown or not scans:
        raise ToolError(f"the joint network takes {', '.join(JOINT)}; given: {', '.join(scans) or 'none'}.")
    networks = networks or load()
    loaded = {
        contrast: _loaded(scan, holes=contrast == quality.READY_MAP) for contrast, scan in scans.items()
    }
    first, data = next(iter(loaded.values()))
    with torch.inference_mode():
        to_frame = find(data, first.affine, networks)
        boxed = {name: in_box(values, image.affine, to_frame) for name, (image, values) in loaded.items()}
        absent = torch.zeros((1, *BOX_SHAPE))
        channels = torch.cat([boxed.get(contrast, absent) for contrast in JOINT])
        return _judged(*draw(channels, networks.joint), CUT["joint"], to_frame, first, _uncovered(boxed))


def read(
    scan: str | Path | nib.spatialimages.SpatialImage, *, holes: bool = False
) -> nib.spatialimages.SpatialImage:
    """Return a scan that is fit for use, from its file or from memory; `holes` as for :func:`segment`.

    Raises
    ------
    ImageError
        Where it is not fit.
    """
    try:
        if isinstance(scan, str | Path):
            return quality.load(scan, holes=holes)
        quality.check_geometry(scan, "the scan")
        values = scan.get_fdata(dtype=np.float32)
        if holes:
            values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
            scan = nib.Nifti1Image(values, scan.affine, scan.header)
        quality.check_values(values, "the scan")
    except ImageError as error:
        raise ImageError(f"{NOT_FOUND}, since a scan cannot be used: {error}") from None
    return scan


def _loaded(
    scan: str | Path | nib.spatialimages.SpatialImage, *, holes: bool
) -> tuple[nib.spatialimages.SpatialImage, torch.Tensor]:
    """Return a scan that is fit for use, and its values, shape (1, x, y, z)."""
    image = read(scan, holes=holes)
    values = image.get_fdata(dtype=np.float32)
    return image, _from_zero(torch.from_numpy(np.ascontiguousarray(values))[None])


def _uncovered(boxed: Mapping[str, torch.Tensor]) -> tuple[str, ...]:
    """Say which contrasts beside the first have next to nothing in the box, each of shape (1, *BOX_SHAPE)."""
    covered = {name: float((values > 0).float().mean()) for name, values in list(boxed.items())[1:]}
    return tuple(
        f"{name} covers {100 * share:.0f} % of the box about the thalami: the mask was drawn without it there"
        for name, share in covered.items()
        if share < LEAST_COVERED
    )


def _judged(
    shares: torch.Tensor,
    flip_dice: float,
    cut: float,
    to_frame: np.ndarray,
    image: nib.spatialimages.SpatialImage,
    uncovered: tuple[str, ...] = (),
) -> Thalami:
    """Bring what was drawn in the box onto the scan, and judge it."""
    labels, certainty, probability = _onto_scan(shares, cut, np.linalg.inv(to_frame), image)
    left, right = masks.sides_ml(labels, image.affine)
    for side, volume in (("left", left), ("right", right)):
        if not SIDE_ML[0] <= volume <= SIDE_ML[1]:
            raise ToolError(f"{NOT_FOUND}: what looks like the {side} one has {volume:.1f} mL.")
    if certainty < LEAST_CERTAINTY or flip_dice < LEAST_FLIP_DICE:
        doubt = (
            f"mean probability {certainty:.2f}, Dice with what it draws of the mirror image {flip_dice:.2f}"
        )
        raise ToolError(f"{NOT_FOUND}: the network is not sure of what it drew ({doubt}).")
    turn = float(np.degrees(Rotation.from_matrix(to_frame[:3, :3]).magnitude()))
    told = _warnings(certainty, flip_dice, (left, right), _touches_edge(labels), turn)
    return Thalami(labels, image.affine, left, right, certainty, flip_dice, told + uncovered, probability)


def _from_zero(data: torch.Tensor) -> torch.Tensor:
    """Return the scan with its darkest values at 0, as which what lies beyond it counts."""
    low = np.quantile(data.numpy(), DARKEST)
    return (data - float(low)).clamp(min=0)


def find(data: torch.Tensor, affine: np.ndarray, networks: Networks) -> np.ndarray:
    """Return the rigid movement from a scan's mm to ThalNet's frame, shape (4, 4).

    The coarse network looks twice: over the whole scan, then again with the head upright. Where it finds
    nothing, it looks again with the scan turned otherwise.

    Parameters
    ----------
    data : Tensor, shape (1, x, y, z)
    affine : ndarray, shape (4, 4)
    networks : Networks

    Raises
    ------
    ToolError
        Where the scan holds no thalami, or too little of a head to tell.
    """
    corners = np.array(np.meshgrid(*((0, size - 1) for size in data.shape[1:]), indexing="ij")).reshape(3, -1)
    reach = apply_affine(affine, corners.T)
    fault: ToolError | None = None
    for turn_deg in STARTS_DEG:
        turn = np.eye(4)
        turn[:3, :3] = Rotation.from_rotvec(turn_deg, degrees=True).as_matrix()
        turned = apply_affine(turn, reach)
        middle, extent = (turned.max(0) + turned.min(0)) / 2, np.ptp(turned, axis=0)
        shape = tuple(int(np.ceil(size / LOCATE_MM / MULTIPLE)) * MULTIPLE for size in extent)
        grid = pose.box_affine(shape, LOCATE_MM)
        grid[:3, 3] += middle
        try:
            to_frame = _fit(data, affine, shape, np.linalg.inv(turn) @ grid, networks)
            upright = np.linalg.inv(to_frame) @ pose.box_affine(HEAD_SHAPE, LOCATE_MM)
            return _fit(data, affine, HEAD_SHAPE, upright, networks)
        except ToolError as error:
            fault = error
    raise fault


def _fit(
    data: torch.Tensor, affine: np.ndarray, shape: tuple[int, ...], grid: np.ndarray, networks: Networks
) -> np.ndarray:
    coarse = scale(onto_grid(data, affine, shape, grid))
    probability = networks.locate(coarse[None]).softmax(1)[0].numpy()
    centres = np.full((len(STRUCTURES), 3), np.nan)
    for row in range(len(STRUCTURES)):
        middle = _centre(probability[row + 1])
        if middle is not None:
            centres[row] = apply_affine(grid, middle)
    thalami = (THALAMI[0] - 1, THALAMI[1] - 1)
    if np.isnan(centres[list(thalami)]).any():
        raise ToolError(f"{NOT_FOUND}: nothing in the scan looks like both thalami.")
    found = ~np.isnan(centres[:, 0])
    if found.sum() < FEWEST_STRUCTURES:
        raise ToolError(f"{NOT_FOUND}: too little of a head is in the scan to be sure of it.")
    to_frame = pose.fit_rigid(centres, networks.centres_mm, thalami)
    off = np.linalg.norm(apply_affine(to_frame, centres[found]) - networks.centres_mm[found], axis=1)
    if np.median(off) > WORST_FIT_MM:
        raise ToolError(f"{NOT_FOUND}: what is in the scan does not lie as the parts of a head do.")
    return to_frame


def _centre(probability: np.ndarray) -> np.ndarray | None:
    """Return the centre of a structure's largest piece, in voxels; ``None`` where there is too little of it."""
    pieces, count = ndimage.label(probability > 0.5)
    if not count:
        return None
    weight = ndimage.sum_labels(probability, pieces, np.arange(1, count + 1))
    largest = int(weight.argmax()) + 1
    if weight[largest - 1] * LOCATE_MM**3 / 1000 < LEAST_ML:
        return None
    return np.array(ndimage.center_of_mass(probability, pieces, largest))


def in_box(data: torch.Tensor, affine: np.ndarray, to_frame: np.ndarray) -> torch.Tensor:
    """Return a scan in the box about the thalami, scaled as the networks take it, shape (1, *BOX_SHAPE)."""
    box = np.linalg.inv(to_frame) @ pose.box_affine(BOX_SHAPE, BOX_MM)
    return scale(onto_grid(data, affine, BOX_SHAPE, box))


def draw(boxed: torch.Tensor, network: torch.nn.Module) -> tuple[torch.Tensor, float]:
    """Return the probability of the left and the right thalamus in the box, and how well its mirror agrees.

    Parameters
    ----------
    boxed : Tensor, shape (channels, *BOX_SHAPE)
    network : torch.nn.Module
        ``draw`` or ``joint`` of :class:`Networks`.

    Returns
    -------
    shares : Tensor, shape (2, *BOX_SHAPE)
    flip_dice : float
    """
    image = boxed[None]
    plain = network(image).softmax(1)[0]
    mirrored = network(image.flip(2)).softmax(1)[0].flip(1)[[0, 2, 1]]
    one, other = plain.argmax(0), mirrored.argmax(0)
    both = ((one == other) & (one > 0)).sum()
    sizes = (one > 0).sum() + (other > 0).sum()
    return ((plain + mirrored) / 2)[1:], float(2 * both / sizes) if sizes else 0.0


def _onto_scan(
    shares: torch.Tensor, cut: float, from_frame: np.ndarray, image: nib.spatialimages.SpatialImage
) -> tuple[np.ndarray, float, np.ndarray]:
    """Bring probabilities from the box to the scan's voxels, and decide; return labels, certainty and probability."""
    box = from_frame @ pose.box_affine(BOX_SHAPE, BOX_MM)
    corners = np.array(np.meshgrid(*((0, size - 1) for size in BOX_SHAPE), indexing="ij")).reshape(3, -1)
    there = apply_affine(np.linalg.inv(image.affine) @ box, corners.T)
    low = np.maximum(np.floor(there.min(0)).astype(int), 0)
    high = np.minimum(np.ceil(there.max(0)).astype(int) + 1, image.shape)
    labels = np.zeros(image.shape, dtype=np.uint8)
    if (high <= low).any():
        raise ToolError(f"{NOT_FOUND}: the place where they should be lies outside the scan.")
    part = image.affine.copy()
    part[:3, 3] = apply_affine(image.affine, low)
    there = onto_grid(shares, box, tuple((high - low).tolist()), part).numpy()
    either = there.sum(0)
    inside = either >= cut
    side = np.where(there[0] >= there[1], LEFT, RIGHT)
    drawn = np.zeros(inside.shape, dtype=np.uint8)
    for label in (LEFT, RIGHT):
        pieces, count = ndimage.label(inside & (side == label))
        if count:
            largest = np.bincount(pieces.ravel())[1:].argmax() + 1
            drawn[ndimage.binary_fill_holes(pieces == largest)] = label
    place = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    labels[place] = drawn
    probability = np.zeros(image.shape, dtype=np.float32)
    probability[place] = np.clip(either, 0, 1)
    kept = (drawn > 0) & (either >= LIKELY)
    return labels, float(there.max(0)[kept].mean()) if kept.any() else 0.0, probability


def _touches_edge(labels: np.ndarray) -> bool:
    """Return whether the mask reaches the outermost voxels of the scan."""
    places = np.argwhere(labels > 0)
    return bool((places.min(0) == 0).any() or (places.max(0) == np.array(labels.shape) - 1).any())


def _warnings(
    certainty: float, flip_dice: float, sides_ml: tuple[float, float], cut: bool, turn_deg: float
) -> tuple[str, ...]:
    left, right = sides_ml
    told = []
    if certainty < GOOD_CERTAINTY:
        told.append(f"the network is unsure of the border (mean probability {certainty:.2f})")
    if flip_dice < GOOD_FLIP_DICE:
        told.append(f"it draws the mirror image otherwise (Dice {flip_dice:.2f})")
    if abs(left - right) / (left + right) > MOST_ASYMMETRY:
        told.append(f"left and right differ much ({left:.1f} and {right:.1f} mL)")
    if cut:
        told.append("the mask reaches the scan's edge, which may cut the thalami")
    if turn_deg > MOST_TURN_DEG:
        told.append(
            f"the head lies turned by {turn_deg:.0f} degrees: check the orientation in the scan's header"
        )
    return tuple(told)
