"""Training images: a label map deformed, filled with random contrast, blurred, shaded and made noisy.

After the idea of Billot et al. 2023 (SynthSeg, Med Image Anal 86:102789), written anew for one structure: what
is added stands about the thalamus, where real scans differ from flat tissues.
"""

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch.nn import functional

from thalutils.segmenters.protocol import LEFT, RIGHT
from thalutils.segmenters.thalnet import pose
from thalutils.segmenters.thalnet.network import BOX_MM, BOX_SHAPE, HEAD_SHAPE, JOINT, LOCATE_MM, STRUCTURES
from thalutils.segmenters.thalnet.sampling import scale
from thalutils.training import contrasts
from thalutils.training.label_maps import Person

CORNERS = np.stack(np.meshgrid(*[(-0.25, 0.25)] * 3, indexing="ij"), -1).reshape(-1, 3)
# How far a head is turned about each axis (standard deviation), and at times about any axis (at most).
TILT_DEG, WIDE_DEG, WIDE_ODDS = 9.0, 50.0, 0.25
LESION_ODDS = 0.4
# How far white matter beside the thalamus comes to look like it (a share of their difference), and how far it reaches.
CAPSULE, CAPSULE_MM = (-0.1, 0.7), (2.0, 5.0)
# Of the joint network's images: how often each is absent, and how far from the others along each axis (SD).
ABSENT_ODDS, LEFT_MM = 0.3, 0.25


class Draw:
    """Random numbers of one sample: numpy's for parameters, torch's for fields, from one seed."""

    def __init__(self, *seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.torch = torch.Generator().manual_seed(int(self.rng.integers(2**62)))

    def noise(self, *shape: int) -> torch.Tensor:
        """Return standard normal noise."""
        return torch.randn(shape, generator=self.torch)

    def chance(self, odds: float) -> bool:
        """Return true once in 1 / `odds` times."""
        return bool(self.rng.uniform() < odds)

    def field(
        self, shape: tuple[int, ...], knots_mm: float, voxel_mm: float, channels: int = 1
    ) -> torch.Tensor:
        """Return smooth noise of unit size, shape (channels, x, y, z), with a knot every `knots_mm`."""
        coarse = [max(2, round(size * voxel_mm / knots_mm) + 1) for size in shape]
        rough = functional.interpolate(
            self.noise(1, channels, *coarse), scale_factor=3, mode="trilinear", align_corners=True
        )
        rough = functional.avg_pool3d(rough, 3, 1, 1, count_include_pad=False)
        smooth = functional.interpolate(rough, shape, mode="trilinear", align_corners=True)[0]
        return smooth / smooth.std()


def box_sample(
    person: Person, draw: Draw, kind: str | None = None, *, capsule: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw an image of the box about the thalami, and what is thalamus in it.

    Parameters
    ----------
    person : Person
    draw : Draw
    kind : str, optional
        Of contrast; random where it is left out.
    capsule : bool
        Whether white matter comes to look like the thalamus beside it, as the internal capsule does.

    Returns
    -------
    image : Tensor, shape (1, *BOX_SHAPE)
    target : Tensor, shape (3, *BOX_SHAPE)
        Shares of background, left and right thalamus.
    """
    index, placed, target = _box(person, draw)
    kind = kind or str(draw.rng.choice(contrasts.KINDS, p=contrasts.ODDS))
    filled = _fill(index, person.values, target[1:].sum(0), placed, kind, draw, capsule=capsule)
    return scale(_acquire(filled, draw))[None], target


def joint_sample(person: Person, draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a T1w, a FLAIR and an R1 of the same box, brought together about as well as registration does.

    Some are left out (all zero), never all. Lesions lie in the same place in each; whether they show within the
    thalamus as well is drawn for each image by itself, and so is their brightness.

    Returns
    -------
    image : Tensor, shape (3, *BOX_SHAPE)
        In the order of ``network.JOINT``.
    target : Tensor, shape (3, *BOX_SHAPE)
        As for :func:`box_sample`.
    """
    index, placed, target = _box(person, draw)
    there = draw.rng.uniform(size=len(JOINT)) >= ABSENT_ODDS
    there[draw.rng.integers(len(JOINT))] = True
    lesions = _lesions(BOX_SHAPE, draw.rng) if draw.chance(LESION_ODDS) else torch.zeros(BOX_SHAPE)
    images = []
    for name, present in zip(JOINT, there, strict=True):
        if not present:
            images.append(torch.zeros(BOX_SHAPE))
            continue
        kind = "random" if draw.chance(0.15) else contrasts.JOINT_KINDS[name]
        filled = _fill(
            index, person.values, target[1:].sum(0), placed, kind, draw, capsule=True, lesions=lesions
        )
        images.append(scale(_moved(_acquire(filled, draw), draw)))
    return torch.stack(images), target


def _box(person: Person, draw: Draw) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Deform a person; return the labels' indices in the box, where its voxels lie, and what is thalamus."""
    rng = draw.rng
    grid = _grid(BOX_SHAPE, BOX_MM)
    scales = np.exp(np.clip(rng.normal(0, 0.07), -0.16, 0.16) + np.clip(rng.normal(0, 0.04, 3), -0.1, 0.1))
    placed, linear = _placed(grid, rng, tilt_deg=8.0, shift_mm=2.5, scales=scales)
    placed = placed + _wobble(draw, BOX_SHAPE, BOX_MM, ((20.0, 3.0), (10.0, 0.8)))
    placed = _atrophy(placed, rng)
    mirrored = draw.chance(0.5)
    index = _lookup(person.fine, person.fine_affine, placed, linear * BOX_MM, mirrored, person.values)
    left, right = (index == np.flatnonzero(person.values == label)[0] for label in (LEFT, RIGHT))
    if mirrored:
        left, right = right, left
    shares = torch.stack([left.float().mean(0), right.float().mean(0)]).reshape(2, *BOX_SHAPE)
    return index, placed, torch.cat([1 - shares.sum(0, keepdim=True), shares])


def _moved(image: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Shift an image by what registration leaves, interpolating it as registration does."""
    theta = torch.eye(3, 4)
    shift_mm = np.clip(draw.rng.normal(0, LEFT_MM, 3), -3 * LEFT_MM, 3 * LEFT_MM)
    theta[:, 3] = torch.from_numpy((2 * shift_mm / BOX_MM / np.array(BOX_SHAPE))[::-1].astype(np.float32))
    where = functional.affine_grid(theta[None], (1, 1, *BOX_SHAPE), align_corners=False)
    return functional.grid_sample(image[None, None], where, padding_mode="border", align_corners=False)[0, 0]


def head_sample(person: Person, draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a coarse image of a whole head, in any position, cropped or stripped at times, and its structures.

    Returns
    -------
    image : Tensor, shape (1, *HEAD_SHAPE)
    target : Tensor, shape (structures + 1, *HEAD_SHAPE)
    """
    rng = draw.rng
    shape = HEAD_SHAPE
    grid = _grid(shape, LOCATE_MM)
    if draw.chance(0.04):
        return scale(_nothing(draw, shape))[None], _classes(torch.zeros(shape, dtype=torch.long))
    scales = np.exp(np.clip(rng.normal(0, 0.08), -0.2, 0.2) + rng.normal(0, 0.04, 3))
    placed, linear = _placed(
        grid, rng, tilt_deg=TILT_DEG, shift_mm=12.0, scales=scales, wide=draw.chance(WIDE_ODDS)
    )
    placed = placed + _wobble(draw, shape, LOCATE_MM, ((40.0, 4.0),))
    index = _lookup(person.whole, person.whole_affine, placed, linear * LOCATE_MM, False, person.values)
    classes = np.zeros(len(person.values), dtype=np.int64)
    for number, labels in enumerate(STRUCTURES.values(), start=1):
        classes[np.isin(person.values, labels)] = number
    centre = _lookup(person.whole, person.whole_affine, placed, None, False, person.values)
    target = torch.from_numpy(classes)[centre[0].long()].reshape(shape)
    kind = rng.choice(contrasts.KINDS, p=contrasts.ODDS)
    bright = torch.from_numpy(contrasts.table(person.values, contrasts.brightness(kind, rng), rng))
    if draw.chance(0.4):  # stripped of scalp and skull, at times of the fluid about the brain too
        brain = np.isin(person.values, [one for part in contrasts.TISSUES.values() for one in part])
        brain &= ~np.isin(person.values, (24,) if draw.chance(0.5) else (0,))
        bright = torch.where(torch.from_numpy(brain), bright, torch.zeros(()))
    image = bright[index.long()].mean(0).reshape(shape)
    image = image * (1 + rng.uniform(0, 0.08) * draw.field(shape, 30, LOCATE_MM)[0])
    keep = _cropped(grid, draw, placed).reshape(shape)
    image, target = image * keep, target * keep
    return scale(_acquire(image, draw, voxel_mm=LOCATE_MM))[None], _classes(target)


def _grid(shape: tuple[int, ...], spacing_mm: float) -> np.ndarray:
    """Return the frame's mm of every voxel of a box, shape (n, 3), float32."""
    affine = pose.box_affine(shape, spacing_mm)
    axes = [affine[k, k] * np.arange(size) + affine[k, 3] for k, size in enumerate(shape)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3).astype(np.float32)


def _placed(
    grid: np.ndarray, rng: np.random.Generator, *, tilt_deg: float, shift_mm: float, scales: np.ndarray, wide: bool = False
) -> tuple[torch.Tensor, np.ndarray]:  # fmt: skip
    """Return where each voxel lies in the person's frame, and the linear part of the map to it."""
    turn = rng.normal(0, np.radians(tilt_deg), 3)
    if wide:
        turn *= rng.uniform(0, np.radians(WIDE_DEG)) / np.linalg.norm(turn)
    turn = Rotation.from_rotvec(turn)
    shear = np.eye(3) + np.triu(rng.normal(0, 0.03, (3, 3)), 1)
    linear = turn.as_matrix() @ shear @ np.diag(1 / scales)
    shift = np.clip(rng.normal(0, shift_mm, 3), -2.5 * shift_mm, 2.5 * shift_mm)
    return torch.from_numpy((grid @ linear.T + shift).astype(np.float32)), linear


def _wobble(
    draw: Draw, shape: tuple[int, ...], voxel_mm: float, scales: tuple[tuple[float, float], ...]
) -> torch.Tensor:
    """Return a smooth displacement, shape (n, 3): for each (knots_mm, most_mm) up to `most_mm` root mean square."""
    total = torch.zeros(())
    for knots_mm, most_mm in scales:
        total = total + draw.rng.uniform(0, most_mm) * draw.field(shape, knots_mm, voxel_mm, 3)
    return total.reshape(3, -1).T


def _atrophy(placed: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Shrink or swell each thalamus, and widen the third ventricle, by smooth displacements."""
    shared = rng.normal(0.04, 0.08)
    for side in (-1, 1):
        centre = torch.tensor([side * 12.3, 0.0, 0.0])
        away = placed - centre
        near = torch.exp(-(away**2).sum(1, keepdim=True) / (2 * rng.uniform(11, 17) ** 2))
        placed = placed + np.clip(shared + rng.normal(0, 0.04), -0.18, 0.3) * near * away
    widen = rng.uniform(0, 3.0) if rng.uniform() < 0.5 else 0.0
    near = torch.exp(-(placed[:, 0] ** 2) / (2 * 9.0**2) - (placed[:, 1:] ** 2).sum(1) / (2 * 25.0**2))
    placed = placed.clone()
    placed[:, 0] -= widen * torch.tanh(placed[:, 0] / (1.5 + widen)) * near
    return placed


def _lookup(
    indices: np.ndarray, affine: np.ndarray, placed: torch.Tensor, linear: np.ndarray | None, mirrored: bool,
    values: np.ndarray,
) -> torch.Tensor:  # fmt: skip
    """Return the label's index at eight points in each voxel (or at its middle), shape (points, n)."""
    to_voxel = np.linalg.inv(affine)
    flip = np.diag([-1.0, 1, 1]) if mirrored else np.eye(3)
    whole = torch.from_numpy((to_voxel[:3, :3] @ flip).astype(np.float32))
    base = placed @ whole.T + torch.from_numpy(to_voxel[:3, 3].astype(np.float32))
    steps = np.zeros((1, 3)) if linear is None else CORNERS @ (to_voxel[:3, :3] @ flip @ linear).T
    flat = torch.from_numpy(indices.reshape(-1))
    size = torch.tensor(indices.shape)
    air = int(np.flatnonzero(values == 0)[0])
    found = []
    for step in steps.astype(np.float32):
        at = (base + torch.from_numpy(step)).round_().int()
        inside = ((at >= 0) & (at < size)).all(1)
        place = (at[:, 0] * size[1] + at[:, 1]) * size[2] + at[:, 2]
        label = flat[torch.where(inside, place, 0)]
        found.append(torch.where(inside, label, torch.tensor(air, dtype=torch.uint8)))
    return torch.stack(found)


def _fill(
    index: torch.Tensor,
    values: np.ndarray,
    thalamus: torch.Tensor,
    placed: torch.Tensor,
    kind: str,
    draw: Draw,
    *,
    capsule: bool,
    lesions: torch.Tensor | None = None,
) -> torch.Tensor:
    """Give each voxel its brightness: tissues, their inner variation, the thalamus's nuclei, lesions, plexus."""
    rng, shape = draw.rng, BOX_SHAPE
    drawn = contrasts.brightness(kind, rng)
    bright = torch.from_numpy(contrasts.table(values, drawn, rng))
    image = bright[index.long()].mean(0).reshape(shape)
    white, fluid = (
        torch.from_numpy(np.isin(values, contrasts.TISSUES[name]).astype(np.float32))[index.long()]
        .mean(0)
        .reshape(shape)
        for name in ("white", "csf")
    )
    step = drawn["white"] - drawn["thalamus"]
    span = abs(drawn["white"] - drawn["cortex"]) + 0.05
    # towards the internal capsule the thalamus looks more and more like white matter
    across = placed * torch.tensor([1.0, 0, 0]) + placed * torch.from_numpy(
        rng.normal(0, 0.25, 3).astype(np.float32)
    )
    lateral = ((across[:, 0].abs() + across[:, 1] + across[:, 2] - 12) / 20).clamp(-0.5, 0.6).reshape(shape)
    gain = rng.uniform(-0.1, 0.9) * step if kind != "random" else rng.normal(0, 0.15)
    inner = gain * lateral + rng.uniform(0, 0.3) * span * draw.field(shape, rng.uniform(4, 10), BOX_MM)[0]
    image = image + thalamus * inner
    if capsule:  # beside it white matter is less white than elsewhere (bright on FLAIR), more so the nearer
        near = (2 * _blur(thalamus[None, None], np.full(3, rng.uniform(*CAPSULE_MM)))[0, 0]).clamp(max=1)
        likeness = rng.uniform(*CAPSULE) if kind != "random" else rng.normal(0, 0.3)
        image = image - white * near * likeness * step
    image = image + white * rng.uniform(0, 0.2) * span * draw.field(shape, rng.uniform(5, 20), BOX_MM)[0]
    image = image + (1 - white - thalamus) * rng.uniform(0, 0.12) * span * draw.field(shape, 8, BOX_MM)[0]
    if draw.chance(0.5):  # choroid plexus, and flow in the fluid
        level = rng.uniform(0.2, 1.0) * drawn["cortex"] - drawn["csf"]
        spots = torch.sigmoid(8 * (draw.field(shape, 6, BOX_MM)[0] - rng.uniform(0.8, 2.0)))
        image = image + fluid * spots * level
    if draw.chance(LESION_ODDS) if lesions is None else bool(lesions.any()):
        level = drawn.get("lesion", rng.uniform()) - drawn["white"]
        where = white + (0.5 * thalamus if draw.chance(0.3) else 0)
        image = image + where * (_lesions(shape, rng) if lesions is None else lesions) * level
    return image


def _lesions(shape: tuple[int, ...], rng: np.random.Generator) -> torch.Tensor:
    """Return soft ellipsoids here and there, 0 to 1."""
    axes = torch.meshgrid(*(torch.arange(size, dtype=torch.float32) for size in shape), indexing="ij")
    found = torch.zeros(shape)
    for _ in range(rng.integers(1, 9)):
        centre, radii = rng.uniform(0, shape), rng.uniform(1.5, 5.0) * rng.uniform(0.7, 1.4, 3)
        away = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radii, strict=True))
        found = torch.maximum(found, torch.sigmoid(4 * (1 - away)))
    return found


def _acquire(image: torch.Tensor, draw: Draw, voxel_mm: float = BOX_MM) -> torch.Tensor:
    """Blur, slice thickly at times, shade, bend the grey scale and add noise."""
    rng = draw.rng
    image = image[None, None]
    if draw.chance(0.6):
        image = _blur(image, rng.uniform(0, 0.8 if draw.chance(0.8) else 1.3) * np.ones(3))
    fine = voxel_mm < 2
    if fine and draw.chance(0.3):
        image = _thick(image, int(rng.integers(3)), int(rng.integers(2, 5)), draw)
    shape = tuple(image.shape[2:])
    image = image[0, 0]
    image = image * torch.exp(rng.uniform(0, 0.25) * draw.field(shape, 45 if fine else 110, voxel_mm)[0])
    top = image.max().clamp(min=1e-6)
    image = top * (image.clamp(min=0) / top) ** float(np.exp(rng.normal(0, 0.2)))
    sigma = rng.uniform(0, 0.06) if draw.chance(0.8) else rng.uniform(0, 0.14)
    noise = draw.noise(*shape)
    if draw.chance(0.3):
        noise = _blur(noise[None, None], np.full(3, 0.6))[0, 0] * 2
    if draw.chance(0.5):  # magnitude images: the noise of empty places has no negative half
        return torch.sqrt((image + sigma * top * noise) ** 2 + (sigma * top * draw.noise(*shape)) ** 2)
    return image + sigma * top * noise


def _blur(image: torch.Tensor, sigma: np.ndarray) -> torch.Tensor:
    """Smooth a (1, 1, x, y, z) image by a Gaussian of so many voxels along each axis."""
    for axis, width in enumerate(sigma):
        if width < 0.15:
            continue
        reach = max(1, int(np.ceil(3 * width)))
        kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / float(width)) ** 2)
        shape, pad = [1, 1, 1, 1, 1], [0] * 6
        shape[2 + axis] = -1
        pad[4 - 2 * axis] = pad[5 - 2 * axis] = reach
        image = functional.conv3d(
            functional.pad(image, pad, mode="replicate"), (kernel / kernel.sum()).reshape(shape)
        )
    return image


def _thick(image: torch.Tensor, axis: int, slices: int, draw: Draw) -> torch.Tensor:
    """Average over slices of `slices` voxels along one axis, and interpolate back."""
    size = image.shape[2 + axis]
    kernel = [1, 1, 1]
    kernel[axis] = slices
    start = int(draw.rng.integers(slices))
    rolled = torch.roll(image, start, 2 + axis)
    thick = functional.avg_pool3d(rolled, kernel, kernel, ceil_mode=True, count_include_pad=False)
    wide = list(image.shape[2:])
    wide[axis] = thick.shape[2 + axis] * slices
    back = functional.interpolate(thick, wide, mode="trilinear", align_corners=False)
    return torch.roll(back.narrow(2 + axis, 0, size), -start, 2 + axis)


def _cropped(grid: np.ndarray, draw: Draw, placed: torch.Tensor) -> torch.Tensor:
    """Return where the scan reaches: at times a slab cuts the head, or the face is taken away."""
    keep = torch.ones(len(grid))
    rng = draw.rng
    if draw.chance(0.5):
        for axis in range(3):
            for side in (-1, 1):
                if draw.chance(0.25):
                    cut = rng.uniform(0, 110) if draw.chance(0.15) else rng.uniform(55, 110)
                    keep *= torch.from_numpy((side * grid[:, axis] < cut).astype(np.float32))
    if draw.chance(0.2):
        down = torch.tensor([0.0, 0.75, -0.65])
        keep *= (placed @ down < rng.uniform(60, 90)).float()
    return keep


def _nothing(draw: Draw, shape: tuple[int, ...]) -> torch.Tensor:
    """Return an image without a head: noise, clouds, or one smooth ball."""
    kind = draw.rng.integers(3)
    if kind == 0:
        return draw.noise(*shape).abs()
    if kind == 1:
        return draw.field(shape, draw.rng.uniform(10, 60), LOCATE_MM)[0].clamp(min=0)
    axes = torch.meshgrid(*(torch.linspace(-1, 1, size) for size in shape), indexing="ij")
    ball = torch.sigmoid(12 * (draw.rng.uniform(0.3, 0.9) - torch.sqrt(sum(axis**2 for axis in axes))))
    return ball * (1 + 0.1 * draw.noise(*shape))


def _classes(labels: torch.Tensor) -> torch.Tensor:
    return functional.one_hot(labels.long(), len(STRUCTURES) + 1).movedim(-1, 0).float()
