"""What a simulated visit keeps: scans, the truth beside them, and a rater's drawing, on an anatomy that is made in a moment."""

import gzip
import json

import nibabel as nib
import numpy as np
import pytest

from thalutils.cohort import Phantom
from thalutils.simulate import people, phantom, rater, scanner
from thalutils.simulate.anatomy import Anatomy
from thalutils.simulate.deformation import Field
from thalutils.simulate.head import Head, anatomy_grid, lose

SMALL = {"structural_mm": 2.0, "mpm_mm": 4.0, "supersampling": 2, "movement_mm": 0.0, "movement_deg": 0.0}
RADIUS_MM, FLUID_MM = 40, 45
THALAMUS_LOSS, BRAIN_LOSS = 2.0, 1.0


@pytest.fixture(scope="module")
def heads() -> list[Head]:
    """Two visits of a ball of white matter in fluid; two thalami beside a ventricle lose some of their volume."""
    x, y, z = np.ogrid[-48:49, -48:49, -48:49]
    radius = np.sqrt(x**2 + y**2 + z**2)
    structure = np.zeros(radius.shape, dtype=np.uint8)
    structure[radius < FLUID_MM] = 5
    structure[radius < RADIUS_MM] = 1
    for side, index in ((-1, 3), (1, 4)):
        structure[np.sqrt((x - side * 15) ** 2 + (y - 6) ** 2 + z**2) < 12] = index
    structure[(np.abs(x) < 4) & (np.abs(y) < 14) & (np.abs(z) < 12)] = 2
    affine = np.eye(4)
    affine[:3, 3] = scanner.CENTRE_MM - 48
    anatomy = Anatomy(structure, np.array([0, 2, 4, 10, 49, 24]), affine, "a test")
    grid = anatomy_grid(anatomy, 2.5, 5.0)
    nothing = np.zeros((*grid.shape, 3), dtype=np.float32)
    first = Head(anatomy, Field(grid, nothing), nothing[..., :1], grid)
    return [first, lose(first, THALAMUS_LOSS, BRAIN_LOSS)]


@pytest.fixture(scope="module")
def scan(heads, tmp_path_factory):
    """Return a function that scans the visits with some settings changed; it returns the dataset's folder."""

    def make(count, **settings):
        root, first = tmp_path_factory.mktemp("bids"), None
        chosen = Phantom(**SMALL | settings)
        person = people.draw(chosen)[0]
        for number, head in enumerate(heads[:count], start=1):
            scanned = phantom._Visit(root, chosen, person, number, head).scan(first)
            first = first or scanned
        return root

    return make


@pytest.fixture(scope="module")
def dataset(scan):
    return scan(2)


def truth(root, visit, ending):
    return (
        root / "derivatives" / "truth" / "sub-01" / f"ses-0{visit}" / "anat" / f"sub-01_ses-0{visit}_{ending}"
    )


def middle_mm(root, visit):
    """Return where the middle between both thalami lies in a visit's T1w; what they lose medially does not move it."""
    image = nib.load(truth(root, visit, "desc-thalamus_dseg.nii.gz"))
    labels = np.asarray(image.dataobj)
    voxels = np.mean([np.argwhere(labels == side).mean(axis=0) for side in (10, 49)], axis=0)
    return nib.affines.apply_affine(image.affine, voxels)


def test_the_movement_between_visits_brings_a_structure_to_where_it_lies_later(dataset):
    transform = np.loadtxt(truth(dataset, 2, "from-ses01T1w_to-T1w_xfm.txt"))
    assert not truth(dataset, 1, "from-ses01T1w_to-T1w_xfm.txt").exists()
    before, after = middle_mm(dataset, 1), middle_mm(dataset, 2)
    assert np.linalg.norm(after - before) > 2
    assert np.linalg.norm(nib.affines.apply_affine(transform, before) - after) < 0.3
    rotation = transform[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)


def test_contrasts_of_a_head_that_lies_still_are_not_moved(dataset):
    for name in ("FLAIR", "MPM"):
        np.testing.assert_allclose(
            np.loadtxt(truth(dataset, 2, f"from-T1w_to-{name}_xfm.txt")), np.eye(4), atol=1e-6
        )


def test_true_volumes_are_the_anatomys_and_changes_those_that_were_made(dataset):
    first, second = (json.loads(truth(dataset, visit, "volumes.json").read_text()) for visit in (1, 2))
    ball_ml = 4 / 3 * np.pi * RADIUS_MM**3 / 1000
    ventricle_ml = 7 * 27 * 23 / 1000
    assert first["brain_ml"] == pytest.approx(ball_ml - ventricle_ml, rel=0.003)
    assert first["counted_mm"] == second["counted_mm"] == 0.5
    assert "since" not in first and second["since"] == "ses-01"
    assert second["thalamus_change_percent"] == pytest.approx(-THALAMUS_LOSS, abs=0.05)
    assert second["brain_change_percent"] == pytest.approx(-BRAIN_LOSS, abs=0.2)
    assert second["brain_ml"] == pytest.approx(first["brain_ml"] * (1 + second["brain_change_percent"] / 100))


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def drawn_ml(found):
    [data] = [data for path, data in found.items() if "manual" in path.parts]
    image = nib.Nifti1Image.from_bytes(gzip.decompress(data))
    return SMALL["structural_mm"] ** 3 * np.count_nonzero(np.asarray(image.dataobj)) / 1000


def test_the_raters_protocol_changes_the_drawing_and_nothing_else(scan, monkeypatch):
    monkeypatch.setattr(phantom, "TRUTH_MM", 2.0)  # the count of the brain takes longest
    exact = {"manual_noise_mm": 0.0, "manual_habit_mm": 0.0}
    plain = contents(scan(1, **exact))
    ways = {
        "further": {"manual_lateral_mm": 3.5},
        "nearer": {"manual_lateral_mm": 0.0},
        "fluid": {"manual_csf_fraction": 0.5},
    }
    volumes = {}
    for name, way in ways.items():
        other = contents(scan(1, **exact | way))
        assert other.keys() == plain.keys()
        changed = {path for path in plain if plain[path] != other[path]}
        assert changed == {path for path in plain if "manual" in path.parts}, name
        volumes[name] = drawn_ml(other)
    assert volumes["further"] < 0.9 * drawn_ml(plain)
    assert volumes["nearer"] > 1.1 * drawn_ml(plain)
    assert volumes["fluid"] > drawn_ml(plain)


def test_the_protocol_is_that_of_the_settings_and_by_default_the_raters_own():
    assert rater.Protocol.of(Phantom()) == rater.Protocol()
    other = Phantom(manual_lateral_mm=1, manual_csf_fraction=0.2, manual_noise_mm=3, manual_habit_mm=4)
    wanted = rater.Protocol(lateral_margin_mm=1, fluid_share=0.2, wobble_mm=3, habit_mm=4)
    assert rater.Protocol.of(other) == wanted
