"""One simulated head at one visit: which tissue is where, and the exact volumes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from thalutils.simulate import deformation as warp
from thalutils.simulate import tissues
from thalutils.simulate.anatomy import Anatomy
from thalutils.simulate.people import Person, generator

FIELD_MM = 2.5
TRUTH_MM = 0.5
BRAIN_MM = 1.0
VOLUME_TOLERANCE = 1e-4
PERSON_SCALES = [(24.0, 2.4), (10.0, 0.4)]
TEXTURE_MM, TEXTURE_SHARE = 5.0, 0.03
LATERAL_GAIN = 0.06
MARGIN_MM = 12.0


@dataclass(frozen=True)
class Head:
    """Which tissue is where in a head, in its own coordinates (RAS mm, no movement).

    Attributes
    ----------
    anatomy : Anatomy
        The label map, with this visit's lesions.
    field : warp.Field
        From the head's points to the anatomy's.
    texture : ndarray of float32, shape (x, y, z, 1)
        Relative variation within tissues, on `texture_grid`, in the anatomy's coordinates.
    texture_grid : warp.Grid
    """

    anatomy: Anatomy
    field: warp.Field
    texture: np.ndarray
    texture_grid: warp.Grid

    def structure_at(self, points_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the structure's index and the point in the anatomy, for points (n, 3) of the head."""
        there = self.field.move(points_mm.astype(np.float32))
        return lookup(self.anatomy, there), there

    def texture_at(self, there_mm: np.ndarray) -> np.ndarray:
        """Return the relative variation at points (n, 3) of the anatomy, float32."""
        return warp.sample(self.texture, self.texture_grid, there_mm)[:, 0]

    def subsamples(
        self, voxels: np.ndarray, to_head: np.ndarray, count: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Go through `count`\\ :sup:`3` points in each voxel, all voxels at a time.

        Parameters
        ----------
        voxels : ndarray, shape (n, 3)
            Indices of voxels.
        to_head : ndarray, shape (4, 4)
            From voxel indices to the head's millimetres.
        count : int
            Points along each edge of a voxel.

        Yields
        ------
        structure, texture : ndarray, shape (n,)
        """
        steps = (np.arange(count) + 0.5) / count - 0.5
        base = (voxels @ to_head[:3, :3].T + to_head[:3, 3]).astype(np.float32)
        for offset in np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3):
            structure, there = self.structure_at(base + (to_head[:3, :3] @ offset).astype(np.float32))
            yield structure, self.texture_at(there)

    def thalamus_ml(self) -> tuple[float, float]:
        """Return the exact left and right thalamus volume, counted on a grid of 0.5 mm."""
        counts = self._count(self._thalamus_box())
        return counts[tissues.LEFT_THALAMUS], counts[tissues.RIGHT_THALAMUS]

    def brain_ml(self, spacing_mm: float = BRAIN_MM) -> float:
        """Return the volume of brain tissue (no fluid), counted at one point in each cube of this edge.

        The points lie anywhere in their cubes, so that a border that moves by less than a voxel of the label map is
        counted too; they are always the same.
        """
        structure, _ = self.structure_at(self.field.grid.points().reshape(-1, 3))
        inside = ~_is(self.anatomy, structure, tissues.OUTSIDE_SKULL).reshape(self.field.grid.shape)
        # beyond two nodes from the skull's inside there is no brain to count
        near = ndimage.binary_dilation(inside, iterations=2)
        everywhere = warp.Grid.around(*_bounds(self.field.grid), spacing_mm)
        counts = self._count(everywhere, np.random.default_rng(0), near)
        fluid = {*tissues.FLUID, *tissues.OUTSIDE_BRAIN}
        return sum(volume for label, volume in counts.items() if label not in fluid)

    def _thalamus_box(self) -> warp.Grid:
        nodes = self.field.grid.points().reshape(-1, 3)
        structure, _ = self.structure_at(nodes)
        inside = nodes[_is(self.anatomy, structure, (tissues.LEFT_THALAMUS, tissues.RIGHT_THALAMUS))]
        return warp.Grid.around(inside.min(0) - 5.0, inside.max(0) + 5.0, TRUTH_MM)

    def _count(
        self, grid: warp.Grid, anywhere: np.random.Generator | None = None, near: np.ndarray | None = None
    ) -> dict[int, float]:
        """Count structures at the points of a grid, each moved within its cell; only near some of the field's nodes."""
        counts = np.zeros(len(self.anatomy.values), dtype=np.int64)
        if near is not None:
            nodes = [_nearest(grid, self.field.grid, axis) for axis in range(3)]
        for place, slab in enumerate(grid.points()):  # a slice at a time keeps the memory small
            slab = slab.reshape(-1, 3)
            if anywhere is not None:
                slab = slab + grid.spacing_mm * (
                    anywhere.random(slab.shape, dtype=np.float32) - np.float32(0.5)
                )
            if near is not None:
                slab = slab[near[nodes[0][place]][np.ix_(*nodes[1:])].reshape(-1)]
            if not len(slab):
                continue
            structure, _ = self.structure_at(slab)
            counts += np.bincount(structure, minlength=len(counts))
        size = grid.spacing_mm**3 / 1000
        return {
            int(value): float(count * size) for value, count in zip(self.anatomy.values, counts, strict=True)
        }


def lookup(anatomy: Anatomy, there_mm: np.ndarray) -> np.ndarray:
    """Return the index of the structure nearest to each point (n, 3); index of air outside the map."""
    to_voxel = np.linalg.inv(anatomy.affine).astype(np.float32)
    index = np.rint(there_mm @ to_voxel[:3, :3].T + to_voxel[:3, 3]).astype(np.int32)
    shape = np.array(anatomy.structure.shape, dtype=np.int32)
    inside = np.ones(len(index), dtype=bool)
    for along, size in zip(index.T, shape, strict=True):
        inside &= (along >= 0) & (along < size)
    flat = (index[:, 0] * shape[1] + index[:, 1]) * shape[2] + index[:, 2]
    flat[~inside] = 0
    found = anatomy.structure.reshape(-1)[flat]
    found[~inside] = np.flatnonzero(anatomy.values == 0)[0]
    return found


def _nearest(grid: warp.Grid, nodes: warp.Grid, axis: int) -> np.ndarray:
    """Return which node of a second grid lies nearest to each of a first one's, along one axis."""
    along = grid.origin_mm[axis] + grid.spacing_mm * np.arange(grid.shape[axis])
    place = np.rint((along - nodes.origin_mm[axis]) / nodes.spacing_mm).astype(int)
    return np.clip(place, 0, nodes.shape[axis] - 1)


def _is(anatomy: Anatomy, structure: np.ndarray, labels: tuple[int, ...]) -> np.ndarray:
    return np.isin(anatomy.values, labels)[structure]


def _bounds(grid: warp.Grid) -> tuple[np.ndarray, np.ndarray]:
    return grid.origin_mm, grid.origin_mm + grid.spacing_mm * (np.array(grid.shape) - 1)


def anatomy_grid(anatomy: Anatomy, spacing_mm: float, margin_mm: float = 0.0) -> warp.Grid:
    """Return a grid over the whole of an anatomy."""
    corners = np.array([[x, y, z, 1] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
    corners[:, :3] *= np.array(anatomy.structure.shape) - 1
    corners = (corners @ anatomy.affine.T)[:, :3]
    return warp.Grid.around(corners.min(0) - margin_mm, corners.max(0) + margin_mm, spacing_mm)


def visits(person: Person, anatomy: Anatomy, seed: int, count: int) -> list[Head]:
    """Return a person's head at each visit, with the true volumes that were drawn for them."""
    rng = generator(seed, person.number, 2)
    grid = anatomy_grid(anatomy, FIELD_MM, MARGIN_MM)
    texture_grid = anatomy_grid(anatomy, FIELD_MM)
    texture = _texture(anatomy, texture_grid, rng)
    shape = _person_field(grid, person, rng)
    with_lesions = add_lesions(anatomy, person.lesions, rng)
    base = Head(with_lesions, shape, texture, texture_grid)
    first = changed(base, person.thalamus_ml, -person.ventricle_ml)
    heads = [first]
    if count == 1:
        return heads
    volume, brain = sum(first.thalamus_ml()), first.brain_ml()
    for visit in range(1, count):
        years = visit * person.interval_years
        later = volume * (1 - person.yearly_loss_percent / 100 * years)
        lost = -brain * person.yearly_brain_loss_percent / 100 * years
        lesions = add_lesions(first.anatomy, int(rng.poisson(person.lesions / 20)), rng)
        heads.append(changed(Head(lesions, first.field, texture, texture_grid), later, lost))
    return heads


def lose(head: Head, thalamus_percent: float, brain_percent: float) -> Head:
    """Return the head after a loss of thalamus and of brain, in percent of what it has; nothing else changes."""
    if thalamus_percent == 0 and brain_percent == 0:
        return head
    later = sum(head.thalamus_ml()) * (1 - thalamus_percent / 100)
    lost = head.brain_ml() * brain_percent / 100 if brain_percent else 0.0
    return changed(head, later, -lost)


def _person_field(grid: warp.Grid, person: Person, rng: np.random.Generator) -> warp.Field:
    shape = warp.exponential(warp.random_velocity(grid, rng, PERSON_SCALES))
    nodes = grid.points()
    centre = nodes.reshape(-1, 3).mean(0)
    size = warp.Field(grid, (nodes - centre) * np.float32(1 / person.head_scale - 1))
    return warp.compose(shape, size)


def _texture(anatomy: Anatomy, grid: warp.Grid, rng: np.random.Generator) -> np.ndarray:
    """Return a smooth variation, and the rise of myelin towards the thalamus's lateral side."""
    noise = ndimage.gaussian_filter(rng.standard_normal(grid.shape), TEXTURE_MM / grid.spacing_mm)
    texture = TEXTURE_SHARE * noise / noise.std()
    nodes = grid.points()
    structure = lookup(anatomy, nodes.reshape(-1, 3)).reshape(grid.shape)
    for label in (tissues.LEFT_THALAMUS, tissues.RIGHT_THALAMUS):
        inside = _is(anatomy, structure, (label,))
        across = np.abs(nodes[..., 0])
        low, high = np.percentile(across[inside], (5, 95))
        lateral = np.clip((across - low) / (high - low), 0, 1) - 0.5
        near = ndimage.binary_dilation(inside, iterations=1)
        texture = np.where(near, texture + 2 * LATERAL_GAIN * lateral, texture)
    return np.clip(texture, -0.2, 0.2)[..., None].astype(np.float32)


def add_lesions(anatomy: Anatomy, count: int, rng: np.random.Generator) -> Anatomy:
    """Return the anatomy with `count` more ellipsoid lesions in the white matter about the ventricles."""
    if count == 0:
        return anatomy
    structure, values = anatomy.structure.copy(), anatomy.values
    if tissues.LESION not in values:
        values = np.append(values, tissues.LESION)
    lesion = np.uint8(np.flatnonzero(values == tissues.LESION)[0])
    coarse = structure[::4, ::4, ::4]
    spacing = 4 * np.abs(np.linalg.norm(anatomy.affine[:3, :3], axis=0))
    distance = ndimage.distance_transform_edt(~_is(anatomy, coarse, tissues.VENTRICLES), sampling=spacing)
    white = _is(anatomy, coarse, tissues.WHITE_MATTER)
    candidates = np.argwhere(white & (distance > 2) & (distance < 14)) * 4
    if len(candidates) == 0:
        return anatomy
    voxel = np.abs(np.linalg.norm(anatomy.affine[:3, :3], axis=0))
    for centre in candidates[rng.integers(len(candidates), size=count)]:
        radii = rng.uniform(1.5, 4.5) * rng.uniform(0.7, 1.4, 3) / voxel
        low = np.maximum(np.floor(centre - radii).astype(int), 0)
        high = np.minimum(np.ceil(centre + radii).astype(int) + 1, structure.shape)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        axes = np.ogrid[box]
        inside = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radii, strict=True)) <= 1
        patch = structure[box]
        # by the values with lesions among them: two may overlap
        patch[inside & np.isin(values, tissues.WHITE_MATTER)[patch]] = lesion
    return Anatomy(structure, values, anatomy.affine, anatomy.source)


def changed(head: Head, thalamus_ml: float, brain_ml: float) -> Head:
    """Return the head with its thalami brought to a volume and its brain changed by another.

    What the tissue gives the ventricles and sulci take: two flows in the head's own coordinates,
    from the thalami into the ventricles, and from the brain into all fluid. Neither passes the
    skull, which stays where it is. The flow out of the thalami is found by the secant rule on the
    volume that is counted.
    """
    grid = head.field.grid
    structure, _ = head.structure_at(grid.points().reshape(-1, 3))
    structure = structure.reshape(grid.shape)
    cell_ml = grid.spacing_mm**3 / 1000
    thalami = _is(head.anatomy, structure, (tissues.LEFT_THALAMUS, tissues.RIGHT_THALAMUS))
    ventricles = _is(head.anatomy, structure, tissues.VENTRICLES)
    fluid = ventricles | _is(head.anatomy, structure, (24,))
    brain = _is(head.anatomy, structure, (*tissues.WHITE_MATTER, *tissues.CORTEX))
    gain = 0.6 * ventricles / _ml(ventricles, cell_ml) + 0.4 * fluid / _ml(fluid, cell_ml)
    shrink = ventricles / _ml(ventricles, cell_ml) - thalami / _ml(thalami, cell_ml)
    # Displacements that point from the changed head back to the head before: hence the minus.
    inside = ~_is(head.anatomy, structure, tissues.OUTSIDE_SKULL)
    thalamus_flow = -warp.flow_from_sources(grid, shrink, inside, smoothing_mm=1.5).vectors
    spread = gain - brain / _ml(brain, cell_ml)
    brain_flow = -warp.flow_from_sources(grid, spread, inside, smoothing_mm=1.5).vectors

    def moved(shift_ml: float) -> Head:
        velocity = warp.Field(grid, np.float32(shift_ml) * thalamus_flow - np.float32(brain_ml) * brain_flow)
        field = warp.compose(warp.exponential(velocity), head.field)
        return Head(head.anatomy, field, head.texture, head.texture_grid)

    before = sum(head.thalamus_ml())
    tries = [(guess, sum(moved(guess).thalamus_ml()) - thalamus_ml) for guess in (0.0, before - thalamus_ml)]
    for _ in range(6):
        (a, off_a), (b, off_b) = tries[-2:]
        if abs(off_b) < VOLUME_TOLERANCE * thalamus_ml or off_a == off_b:
            break
        guess = b - off_b * (b - a) / (off_b - off_a)
        tries.append((guess, sum(moved(guess).thalamus_ml()) - thalamus_ml))
    best = min(tries, key=lambda found: abs(found[1]))[0]
    return moved(best)


def _ml(mask: np.ndarray, cell_ml: float) -> float:
    return max(float(mask.sum()) * cell_ml, cell_ml)
