"""What differs between two visits beside the head: another scanner, and water in the tissue."""

import numpy as np
import pytest

from thalutils.cohort import Phantom
from thalutils.simulate import scanner, sequences, tissues
from thalutils.simulate.anatomy import Anatomy
from thalutils.simulate.deformation import Field
from thalutils.simulate.head import Head, anatomy_grid
from thalutils.simulate.scanner import Conditions, Frame

QUIET = Phantom(structural_mm=4.0, supersampling=1, snr=1e6)
WHITE, THALAMUS = (tissues.TISSUES[place] for place in (1, 6))


@pytest.fixture(scope="module")
def head() -> Head:
    """White matter with a thalamus of 30 mm on either side; no texture."""
    x, y, z = np.ogrid[-60:61, -60:61, -60:61]
    structure = np.zeros((121, 121, 121), dtype=np.uint8)
    structure[np.sqrt(x**2 + y**2 + z**2) < 55] = 1
    for side, index in ((-1, 2), (1, 3)):
        structure[np.sqrt((x - side * 25) ** 2 + y**2 + z**2) < 15] = index
    affine = np.eye(4)
    affine[:3, 3] = -60 + scanner.CENTRE_MM
    anatomy = Anatomy(structure, np.array([0, 2, 10, 49]), affine, "a test")
    grid = anatomy_grid(anatomy, 5.0, 5.0)
    still = Field(grid, np.zeros((*grid.shape, 3), dtype=np.float32))
    return Head(anatomy, still, np.zeros((*grid.shape, 1), dtype=np.float32), grid)


def levels(head: Head, conditions: Conditions, kind: str = "T1w") -> tuple[float, float]:
    """Return the brightness of white matter and thalamus where the coil's shading is 1."""
    frame = Frame.whole_head(4.0, np.eye(4))
    found = scanner.together(head, frame, (kind,), QUIET, np.random.default_rng(0), conditions)[kind]
    middle = np.rint(np.linalg.inv(frame.affine) @ [*scanner.CENTRE_MM, 1])[:3].astype(int)
    aside = middle + np.array([6, 0, 0])
    return float(found[tuple(middle)]), float(found[tuple(aside)])


def test_another_protocol_gives_the_contrast_of_its_signal_equation(head):
    other = {"tr_s": 2.3, "ti_s": 0.9, "flip_deg": 9.0, "echo_spacing_s": 0.0071, "n_echoes": 176}
    white, thalamus = levels(head, Conditions(mprage=other, receive=0.0))
    signals = [sequences.mprage(one.r1_per_s, one.pd_percent, **other) for one in (WHITE, THALAMUS)]
    assert thalamus / white == pytest.approx(float(signals[1] / signals[0]), rel=0.003)
    study = levels(head, Conditions(receive=0.0))
    assert abs(study[1] / study[0] - thalamus / white) > 0.005


def test_less_water_changes_brightness_and_nothing_else(head):
    drier = Conditions(receive=0.0, water_percent={"white matter": -2.0})
    plain, dry = (levels(head, one, "R1") for one in (Conditions(receive=0.0), drier))
    assert dry[0] / plain[0] == pytest.approx(1.06, rel=0.002), "R1 rises threefold"
    assert dry[1] / plain[1] == pytest.approx(1.0, rel=0.002)
    table, before = tissues.parameter_table(water_percent={"thalamus": -1.0}), tissues.parameter_table()
    assert table["pd_percent"][6] / before["pd_percent"][6] == pytest.approx(0.99)
    assert table["t2_s"][6] / before["t2_s"][6] == pytest.approx(1 / 1.03)
    assert (table["pd_percent"][:6] == before["pd_percent"][:6]).all()


def test_a_coil_shades_by_its_strength(head):
    flat, shaded = (
        scanner.together(head, Frame.whole_head(4.0, np.eye(4)), ("T1w",), QUIET, np.random.default_rng(0), Conditions(receive=strength))["T1w"]
        for strength in (0.0, 0.3)
    )  # fmt: skip
    inside = flat > 500
    ratio = shaded[inside] / flat[inside]
    assert flat[inside].std() < 100 and ratio.std() > 0.02 and ratio.min() >= 0.4


def test_the_first_scan_is_the_same_whatever_follows_it(head):
    frame = Frame.whole_head(4.0, np.eye(4))
    alone, first = (
        scanner.together(head, frame, kinds, Phantom(snr=60), np.random.default_rng(5))["T1w"]
        for kinds in (("T1w",), ("T1w", "FLAIR", "R1"))
    )
    np.testing.assert_array_equal(alone, first)


def test_the_truth_says_how_much_of_a_voxel_is_its_tissue(head):
    settings = Phantom(supersampling=4, snr=1e6)
    frame = Frame.whole_head(8.0, np.eye(4))
    _, _, truth = scanner.multi_parameter(head, frame, settings, np.random.default_rng(0))
    of_white, of_thalamus = truth["tissue"] == 2, truth["tissue"] == 7
    share, r1 = truth["share"], truth["R1"]
    pure, mixed = of_thalamus & (share == 1), of_thalamus & (share < 1)
    assert pure.sum() > 5 and mixed.sum() > 20
    assert r1[pure] == pytest.approx(THALAMUS.r1_per_s)
    assert r1[of_white & (share == 1)] == pytest.approx(WHITE.r1_per_s)
    # deep in the ball a voxel holds these two only: the true R1 is their mean, each by its share
    between = share * THALAMUS.r1_per_s + (1 - share) * WHITE.r1_per_s
    np.testing.assert_allclose(r1[mixed], between[mixed], rtol=1e-5)
    assert share[mixed].min() >= 0.5 and not share[truth["tissue"] == 0].any()
    near = of_white & (np.linalg.norm(frame.world() - scanner.CENTRE_MM, axis=-1) < 45)
    voxel_ml = 8.0**3 / 1000
    held_ml = voxel_ml * (share[of_thalamus].sum() + (1 - share[near]).sum())
    assert held_ml == pytest.approx(2 * 4 / 3 * np.pi * 1.5**3, rel=0.03)
