"""Overlap, surface distances and containment of ten masks on a grid of 0.8 mm."""

import numpy as np
import SimpleITK as sitk
import torch

from benchmarks.harness import Peer, Work
from thalutils.imaging import masks

SHAPE, VOXEL_MM = (208, 300, 320), (0.8, 0.8, 0.8)
COUNT = 10


def drawn() -> tuple[np.ndarray, list[np.ndarray]]:
    """Return a reference of two thalami, about 15 mL, and ten masks that differ from it at the border."""
    rng = np.random.default_rng(5)
    axes = np.meshgrid(*(np.arange(size, dtype=np.float32) for size in SHAPE), indexing="ij", sparse=True)
    middle = np.array(SHAPE) / 2

    def pair(shift: np.ndarray, grow: float) -> np.ndarray:
        found = np.zeros(SHAPE, dtype=bool)
        for side in (-1, 1):
            centre = middle + np.array([side * 15, 0, 0]) + shift
            away = sum(
                ((axis - c) / (r * grow)) ** 2 for axis, c, r in zip(axes, centre, (12, 19, 15), strict=True)
            )
            found |= away < 1
        return found

    reference = pair(np.zeros(3), 1.0)
    return reference, [pair(rng.normal(0, 1, 3), 1 + rng.normal(0, 0.06)) for _ in range(COUNT)]


def works() -> list[Work]:
    """Return the works on masks and their peers."""
    reference, some = drawn()
    named = {str(place): mask for place, mask in enumerate(some)}

    def measured() -> np.ndarray:
        rows = [masks.overlap(mask, reference, VOXEL_MM) for mask in some]
        return np.array([(row.dice, row.hd95_mm, row.mean_surface_mm) for row in rows])

    return [
        Work("Dice, HD95 and mean surface distance of 10 masks", measured, (
            Peer("MONAI", lambda: _monai(some, reference), _most_apart),
            Peer("SimpleITK and its distance maps", lambda: _sitk(some, reference), _most_apart),
        ), repeats=3),
        Work("containment of 10 masks in each other", lambda: masks.containment_matrix(named)["containment"].to_numpy(), (
            Peer("numpy over the whole grid", lambda: _containment(some), _most_apart),
        )),
    ]  # fmt: skip


def _most_apart(ours: np.ndarray, theirs: np.ndarray) -> str:
    return f"largest difference {np.abs(ours - theirs).max():.2g}"


def _monai(some: list[np.ndarray], reference: np.ndarray) -> np.ndarray:
    from monai.metrics import compute_average_surface_distance, compute_dice, compute_hausdorff_distance

    truth = torch.from_numpy(reference)[None, None].float()
    rows = []
    for mask in some:
        one = torch.from_numpy(mask)[None, None].float()
        options = {"include_background": True, "spacing": VOXEL_MM}
        dice = compute_dice(one, truth).item()
        far = compute_hausdorff_distance(one, truth, percentile=95, **options).item()
        mean = compute_average_surface_distance(one, truth, symmetric=True, **options).item()
        rows.append((dice, far, mean))
    return np.array(rows)


def _sitk(some: list[np.ndarray], reference: np.ndarray) -> np.ndarray:
    """Do it as SimpleITK's notebooks do: distances read from a distance map on the other's contour."""
    truth = _image(reference)
    rows = []
    for mask in some:
        one = _image(mask)
        labels = sitk.LabelOverlapMeasuresImageFilter()
        labels.Execute(one, truth)
        apart = [_directed(a, b) for a, b in ((one, truth), (truth, one))]
        rows.append(
            (
                labels.GetDiceCoefficient(),
                max(np.percentile(d, 95) for d in apart),
                np.concatenate(apart).mean(),
            )
        )
    return np.array(rows)


def _image(mask: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(VOXEL_MM)
    return image


def _directed(one: sitk.Image, other: sitk.Image) -> np.ndarray:
    surface = sitk.GetArrayFromImage(sitk.LabelContour(one)) > 0
    contour = sitk.LabelContour(other)
    away = sitk.Abs(sitk.SignedMaurerDistanceMap(contour, squaredDistance=False, useImageSpacing=True))
    distances = sitk.GetArrayFromImage(away)
    inside = sitk.GetArrayFromImage(contour) > 0
    distances[inside] = 0  # the map is signed about a contour one voxel thick
    return distances[surface]


def _containment(some: list[np.ndarray]) -> np.ndarray:
    return np.array([np.logical_and(a, b).sum() / a.sum() for a in some for b in some])
