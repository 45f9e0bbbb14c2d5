"""Heads get the volumes that were drawn for them, on an anatomy small enough to check by hand."""

import numpy as np
import pytest

from thalutils.simulate import people
from thalutils.simulate.anatomy import Anatomy, finer
from thalutils.simulate.deformation import Field, exponential, random_velocity
from thalutils.simulate.head import Head, add_lesions, anatomy_grid, changed, lookup, lose

VALUES = np.array([0, 2, 4, 10, 49, 24, 3, 77])


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    """A ball of white matter in fluid, with two thalami of 24 mm beside a ventricle; 1 mm voxels."""
    x, y, z = np.ogrid[-50:51, -50:51, -50:51]
    structure = np.zeros((101, 101, 101), dtype=np.uint8)
    radius = np.sqrt(x**2 + y**2 + z**2)
    structure[radius < 47] = 5
    structure[radius < 44] = 6
    structure[radius < 38] = 1
    for side, index in ((-1, 3), (1, 4)):
        structure[np.sqrt((x - side * 16) ** 2 + y**2 + z**2) < 12] = index
    structure[(np.abs(x) < 4) & (np.abs(y) < 14) & (np.abs(z) < 12) & np.ones_like(structure, bool)] = 2
    affine = np.eye(4)
    affine[:3, 3] = -50
    return Anatomy(structure, VALUES, affine, "a test")


@pytest.fixture
def head(anatomy) -> Head:
    grid = anatomy_grid(anatomy, 2.5, 5.0)
    still = Field(grid, np.zeros((*grid.shape, 3), dtype=np.float32))
    return Head(anatomy, still, np.zeros((*grid.shape, 1), dtype=np.float32), grid)


@pytest.fixture
def person(head) -> Head:
    """The same head, deformed as people's are: no border lies along the grid on which volume is counted."""
    shape = exponential(random_velocity(head.field.grid, np.random.default_rng(7), [(24.0, 2.0)]))
    return Head(head.anatomy, shape, head.texture, head.texture_grid)


def test_volume_of_an_undeformed_head_is_its_voxels(head, anatomy):
    left, right = head.thalamus_ml()
    assert left == pytest.approx((anatomy.structure == 3).sum() / 1000, rel=0.01)
    assert right == pytest.approx((anatomy.structure == 4).sum() / 1000, rel=0.01)


@pytest.mark.parametrize("share", [0.7, 0.99, 1.1])
def test_thalamus_reaches_its_target(person, share):
    target = share * sum(person.thalamus_ml())
    assert sum(changed(person, target, 0.0).thalamus_ml()) == pytest.approx(target, rel=1e-3)


def test_lost_thalamus_becomes_ventricle(person):
    smaller = changed(person, 0.8 * sum(person.thalamus_ml()), 0.0)
    lost = sum(person.thalamus_ml()) - sum(smaller.thalamus_ml())
    counts = [one._count(one.field.grid) for one in (person, smaller)]
    assert counts[1][4] - counts[0][4] == pytest.approx(lost, rel=0.35)


def test_the_skull_stays_when_the_brain_shrinks(anatomy):
    skull = np.uint8(8)
    x, y, z = np.ogrid[-50:51, -50:51, -50:51]
    structure = anatomy.structure.copy()
    structure[(x**2 + y**2 + z**2 >= 47**2) & (x**2 + y**2 + z**2 < 50**2)] = skull
    grid = anatomy_grid(anatomy, 2.5, 5.0)
    nothing = np.zeros((*grid.shape, 3), dtype=np.float32)
    whole = Anatomy(structure, np.append(VALUES, 165), anatomy.affine, "a test")
    head = Head(whole, Field(grid, nothing), nothing[..., :1], grid)
    smaller = changed(head, sum(head.thalamus_ml()), -0.03 * head.brain_ml())
    assert smaller.brain_ml() < 0.99 * head.brain_ml()
    angles = np.random.default_rng(2).standard_normal((500, 3))
    shell = 49.5 * angles / np.linalg.norm(angles, axis=1)[:, None]
    assert np.abs(smaller.field.at(shell)).max() < 0.05


def test_a_loss_is_in_percent_of_what_there_is(person):
    assert lose(person, 0.0, 0.0) is person
    smaller = lose(person, 2.0, 0.6)
    assert sum(smaller.thalamus_ml()) / sum(person.thalamus_ml()) == pytest.approx(0.98, abs=1e-3)
    assert smaller.brain_ml() < person.brain_ml()


def test_points_outside_the_map_are_air(anatomy):
    found = lookup(anatomy, np.array([[500.0, 0, 0], [-16.0, 0, 0]], dtype=np.float32))
    assert anatomy.values[found].tolist() == [0, 10]


def test_lesions_may_overlap_on_an_anatomy_that_had_none(anatomy):
    none = Anatomy(anatomy.structure, VALUES[:-1], anatomy.affine, anatomy.source)
    found = add_lesions(none, 400, np.random.default_rng(0))
    lesions = found.structure == np.flatnonzero(found.values == 77)[0]
    assert lesions.any() and (anatomy.structure[lesions] == 1).all(), "in white matter only"


def test_lesions_replace_white_matter_only(anatomy):
    with_lesions = add_lesions(anatomy, 8, np.random.default_rng(0))
    new = with_lesions.structure != anatomy.structure
    assert new.any()
    assert set(anatomy.structure[new]) == {1}
    assert set(with_lesions.structure[new]) == {7}


def test_finer_map_keeps_place_and_volume():
    x, y, z = np.ogrid[:24, :24, :24]
    coarse = ((x - 11) ** 2 + (y - 12) ** 2 + (z - 10) ** 2 < 8.3**2).astype(np.uint8)
    fine, affine = finer(coarse, np.diag([1.0, 1.0, 1.0, 1.0]))
    assert (fine == 1).sum() / 8 == pytest.approx((coarse == 1).sum(), rel=0.03)
    middle = np.argwhere(fine == 1).mean(0) @ affine[:3, :3].T + affine[:3, 3]
    np.testing.assert_allclose(middle, np.argwhere(coarse == 1).mean(0), atol=0.05)


def test_a_person_does_not_depend_on_how_many_there_are():
    from thalutils.cohort import Phantom

    few, many = (people.draw(Phantom(participants=n, seed=5)) for n in (2, 9))
    assert few == many[:2]
    for person in people.draw(Phantom(participants=200)):
        assert 11 <= person.thalamus_ml <= 19
        assert 0 <= person.yearly_loss_percent <= 1.5
