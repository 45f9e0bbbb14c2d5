"""Registration is held to motions that are known and to numbers that can be worked out by hand."""

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine, from_matvec
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform
from scipy.spatial.transform import Rotation
from scipy.special import expit

from thalutils.errors import ImageError
from thalutils.imaging import flirt
from thalutils.imaging import registration as reg

CONVERSION_TOLERANCE_MM = 1e-6
SINGLE_PRECISION_TOLERANCE_MM = 1e-3
RECOVERY_TOLERANCE_MM = 0.7  # a fifth of the phantom's voxel
VOXEL_MM = 3.5
SIDE = 48
CENTRE_MM = np.array([6.0, -11.0, 4.0])
OBLIQUE = Rotation.from_euler("xyz", [14, -9, 21], degrees=True).as_matrix()
ORIENTATIONS = ["RAS", "LAS", "LPS", "LIA", "oblique", "oblique-LAS"]


def affine_of(orientation: str, shape=(SIDE,) * 3, zooms=(VOXEL_MM,) * 3) -> np.ndarray:
    """An affine of that orientation whose middle voxel lies at CENTRE_MM."""
    axes = orientation.removeprefix("oblique").removeprefix("-") or "RAS"
    turn = OBLIQUE if orientation.startswith("oblique") else np.eye(3)
    flips = inv_ornt_aff(ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(axes)), shape)[:3, :3]
    linear = turn @ np.linalg.inv(flips) @ np.diag(zooms)
    return from_matvec(linear, CENTRE_MM - linear @ ((np.array(shape) - 1) / 2))


def world_of(affine: np.ndarray, shape=(SIDE,) * 3) -> np.ndarray:
    return apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))


def motion(degrees: float, shift_mm, axis=(1.0, 2.0, -1.5), stretch: float = 1.0) -> np.ndarray:
    """Fixed world to moving world: a turn about the head's centre, then a shift."""
    unit = np.array(axis) / np.linalg.norm(axis)
    linear = stretch * Rotation.from_rotvec(np.deg2rad(degrees) * unit).as_matrix()
    return from_matvec(linear, CENTRE_MM + shift_mm - linear @ CENTRE_MM)


def head(points_mm: np.ndarray, tissue: tuple[float, ...]) -> np.ndarray:
    """A head drawn in world space: scalp, skull, and white matter folded into grey.

    The folds repeat nowhere within the head, so that every turn and shift can be seen; edges are as
    soft as a voxel is wide, as sharp ones would carry the grid's steps and hold it in place.
    """
    scalp, bone, white, grey = tissue
    x, y, z = np.moveaxis(points_mm - CENTRE_MM, -1, 0)
    radius = np.sqrt((x / 62) ** 2 + (y / 72) ** 2 + (z / 66) ** 2)
    folds = np.sin(x / 9 + y / 31) + np.sin(y / 11 - z / 23) + np.sin(z / 8 + x / 37)
    image = white + (grey - white) * expit(4 * (folds - 0.4))
    for edge, outer in ((0.8, bone), (0.9, scalp), (1.0, 0.0)):
        image = image + (outer - image) * expit((radius - edge) * 65 / 1.5)
    return image


T1W, R1, FLAIR = (900.0, 150.0, 1000.0, 600.0), (1.5, 0.3, 1.0, 0.6), (700.0, 80.0, 400.0, 650.0)


def scan(tissue, orientation="RAS", truth=None, noise=0.02) -> nib.Nifti1Image:
    """A scan of the head in a given contrast, after the motion ``truth``, with noise of its own."""
    affine = affine_of(orientation)
    unmoved_mm = world_of(affine)
    if truth is not None:
        unmoved_mm = apply_affine(np.linalg.inv(truth), unmoved_mm)
    data = head(unmoved_mm, tissue)
    data += np.random.default_rng([int(truth is not None), int(tissue[0])]).normal(
        scale=noise * max(tissue), size=data.shape
    )
    return nib.Nifti1Image(np.abs(data).astype(np.float32), affine)


def brain_mask(orientation="RAS") -> nib.Nifti1Image:
    affine = affine_of(orientation)
    x, y, z = np.moveaxis(world_of(affine) - CENTRE_MM, -1, 0)
    inside = (x / 62) ** 2 + (y / 72) ** 2 + (z / 66) ** 2 < 0.75**2
    return nib.Nifti1Image(inside.astype(np.float32), affine)


THALAMUS_MM = CENTRE_MM + np.random.default_rng(7).uniform(-20, 20, size=(200, 3))


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    """The phantom is small: sample a share of it, as of a real head, and save time."""
    monkeypatch.setattr(reg, "SITK_SAMPLES", 30_000)


# Conversions


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_sitk_keeps_every_voxel_at_its_place_in_the_world(orientation):
    """Guards the LPS flip and the z, y, x order; a swap survives a round trip, not this."""
    shape = (7, 5, 4)
    affine = affine_of(orientation, shape, zooms=(0.8, 1.6, 3.0))
    data = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    image = reg.to_sitk(nib.Nifti1Image(data, affine))
    x, y, z = apply_affine(affine, (6, 1, 3))
    assert image.GetPixel(6, 1, 3) == data[6, 1, 3]
    assert image.TransformIndexToPhysicalPoint((6, 1, 3)) == pytest.approx((-x, -y, z))
    back = reg.from_sitk(image)
    np.testing.assert_allclose(back.affine, affine, atol=CONVERSION_TOLERANCE_MM)
    np.testing.assert_array_equal(back.get_fdata(dtype=np.float32), data)


def test_sitk_transform_moves_points_as_the_matrix_does():
    truth = motion(23, [4, -7, 9], stretch=1.1)
    x, y, z = apply_affine(truth, [10.0, 20.0, 30.0])
    moved = reg.to_sitk_transform(truth).TransformPoint((-10.0, -20.0, 30.0))
    assert moved == pytest.approx((-x, -y, z))


def test_itk_parameters_count_the_centre():
    euler = reg.sitk.Euler3DTransform((11.0, -5.0, 8.0), 0.2, -0.1, 0.3, (1.0, 2.0, 3.0))
    ours = reg.from_itk_parameters(euler.GetMatrix(), euler.GetTranslation(), euler.GetCenter())
    x, y, z = euler.TransformPoint((-10.0, -20.0, 30.0))
    assert apply_affine(ours, [10.0, 20.0, 30.0]) == pytest.approx([-x, -y, z])


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_reorient_turns_axes_and_moves_nothing(orientation):
    shape = (6, 7, 8)
    image = nib.Nifti1Image(np.zeros(shape, np.float32), affine_of(orientation, shape, (1, 2, 3)))
    image.dataobj[1, 2, 5] = 1
    turned = reg.reorient(image)
    assert nib.aff2axcodes(turned.affine) == ("R", "A", "S")
    np.testing.assert_allclose(
        apply_affine(turned.affine, np.argwhere(turned.get_fdata() == 1)[0]),
        apply_affine(image.affine, (1, 2, 5)),
    )


def test_clean_r1_leaves_tissue_and_empties_the_rest():
    values = np.array([np.nan, np.inf, -0.1, 0.0, 0.7, 2.0, 2.1, 1e9], dtype=np.float32)
    cleaned = reg.clean_r1(nib.Nifti1Image(values.reshape(2, 2, 2), np.eye(4))).get_fdata()
    assert cleaned.ravel() == pytest.approx([0, 0, 0, 0, 0.7, 2.0, 0, 0])


# Registration


@pytest.mark.parametrize(
    ("strategy", "tissue", "fixed_orientation", "moving_orientation"),
    [
        ("sitk-mi", R1, "RAS", "oblique"),
        ("sitk-mi", R1, "LPS", "LAS"),
        ("sitk-ncc-masked", R1, "LAS", "RAS"),
        ("sitk-ncc-masked", R1, "oblique", "LIA"),
        ("ants-rigid", R1, "oblique-LAS", "RAS"),
        ("sitk-mi-rigid", FLAIR, "LIA", "oblique-LAS"),
        ("sitk-mi-rigid", FLAIR, "RAS", "LPS"),
    ],
)
def test_register_finds_a_known_motion(strategy, tissue, fixed_orientation, moving_orientation):
    """The direction too: the inverse of this motion is 16 mm away."""
    truth = motion(8, [5, -4, 5])
    found = reg.register(
        scan(T1W, fixed_orientation),
        scan(tissue, moving_orientation, truth),
        strategy,
        mask=brain_mask(fixed_orientation),
    )
    error = reg.displacement_error_mm(found, truth, THALAMUS_MM)
    assert error.max_mm < RECOVERY_TOLERANCE_MM


def test_register_starts_from_more_than_the_scanners_word():
    """A header that puts the head 60 mm off, as after a lost origin, is not believed."""
    truth = motion(5, [60, 40, -50])
    moving = scan(R1, truth=motion(5, [0, 0, 0]))
    moving.affine[:3, 3] += [60, 40, -50]
    found = reg.register(scan(T1W), moving, "sitk-mi-rigid")
    assert reg.displacement_error_mm(found, truth, THALAMUS_MM).max_mm < RECOVERY_TOLERANCE_MM


def test_affine_refinement_follows_a_stretch_and_rigid_does_not():
    truth = motion(3, [2, 0, -2], stretch=1.03)
    fixed, moving = scan(T1W), scan(R1, truth=truth)
    refined, rigid = (reg.register(fixed, moving, how) for how in ("sitk-mi", "sitk-mi-rigid"))
    assert np.cbrt(np.linalg.det(refined[:3, :3])) == pytest.approx(1.03, abs=0.004)
    assert np.linalg.det(rigid[:3, :3]) == pytest.approx(1, abs=1e-6)


def test_mask_keeps_what_lies_outside_from_pulling():
    """A scalp that slid 10 mm over the brain must not drag the brain along."""
    truth = motion(3, [1, 2, -1])
    moving, slid = scan(R1, truth=truth), scan(R1, truth=motion(3, [11, 2, -1]))
    moved_mm = apply_affine(np.linalg.inv(truth), world_of(moving.affine)) - CENTRE_MM
    outside = np.linalg.norm(moved_mm / [62, 72, 66], axis=-1) > 0.85
    data = np.where(outside, slid.get_fdata(), moving.get_fdata()).astype(np.float32)
    found = reg.register(
        scan(T1W), nib.Nifti1Image(data, moving.affine), "sitk-ncc-masked", mask=brain_mask()
    )
    assert reg.displacement_error_mm(found, truth, THALAMUS_MM).max_mm < RECOVERY_TOLERANCE_MM


@pytest.mark.parametrize("strategy", ["sitk-mi", "ants-rigid"])
def test_register_gives_the_same_bytes_twice(strategy):
    fixed, moving = scan(T1W), scan(R1, truth=motion(4, [2, 1, 0]))
    first, second = (reg.register(fixed, moving, strategy).tobytes() for _ in range(2))
    assert first == second


def test_register_says_so_when_ants_fails():
    """ANTs swallows its own exception and returns identity, which would pass for no motion."""
    away = scan(R1)
    away.affine[:3, 3] += 1000
    with pytest.raises(ImageError, match="ANTs failed"):
        reg.register(scan(T1W), nib.Nifti1Image(away.dataobj, away.affine), "ants-rigid")


def test_register_refuses_what_it_cannot_use(tmp_path):
    fixed = scan(T1W)
    broken = nib.Nifti1Image(np.full((4, 4, 4), np.nan, np.float32), np.eye(4))
    (tmp_path / "not.nii.gz").write_bytes(b"")
    with pytest.raises(ImageError, match="no strategy"):
        reg.register(fixed, fixed, "flirt")
    with pytest.raises(ImageError, match="give a brain mask"):
        reg.register(fixed, fixed, "sitk-ncc-masked")
    with pytest.raises(ImageError, match="not on the image's grid"):
        reg.register(fixed, fixed, "sitk-ncc-masked", mask=brain_mask("LPS"))
    with pytest.raises(ImageError, match="clean_r1"):
        reg.register(fixed, broken, "sitk-mi")
    with pytest.raises(ImageError, match=r"absent\.nii\.gz.*cannot be read"):
        reg.register(tmp_path / "absent.nii.gz", fixed, "sitk-mi")
    with pytest.raises(ImageError, match=r"not\.nii\.gz.*cannot be read"):
        reg.register(tmp_path / "not.nii.gz", fixed, "sitk-mi")
    with pytest.raises(ImageError, match="4 dimensions"):
        reg.register(nib.Nifti1Image(np.zeros((2, 2, 2, 2), np.float32), np.eye(4)), fixed, "sitk-mi")
    empty = nib.Nifti1Image(np.zeros((SIDE,) * 3, np.float32), affine_of("RAS"))
    with pytest.raises(ImageError, match="cannot be matched"):
        reg.register(empty, empty, "sitk-mi")


# Resampling


@pytest.mark.parametrize("moving_orientation", ORIENTATIONS)
@pytest.mark.parametrize("interpolation", ["linear", "bspline"])
def test_resample_asks_the_moving_image_where_the_transform_says(moving_orientation, interpolation):
    """An image whose value is a world coordinate comes back as that coordinate, transformed."""
    slope = np.array([0.3, -0.5, 0.8])
    moving_affine = affine_of(moving_orientation, (40, 40, 40), zooms=(2.0, 2.5, 3.0))
    ramp = (world_of(moving_affine, (40, 40, 40)) @ slope).astype(np.float32)
    fixed = nib.Nifti1Image(np.zeros((9, 10, 11), np.float32), affine_of("LPS", (9, 10, 11)))
    transform = motion(10, [3, -2, 1])
    moved = reg.resample(nib.Nifti1Image(ramp, moving_affine), fixed, transform, interpolation=interpolation)
    np.testing.assert_array_equal(moved.affine, fixed.affine)
    expected = apply_affine(transform, world_of(fixed.affine, fixed.shape)) @ slope
    np.testing.assert_allclose(moved.get_fdata(), expected, atol=SINGLE_PRECISION_TOLERANCE_MM)


def test_resample_nearest_keeps_labels_and_fills_the_unscanned_with_zero():
    labels = np.random.default_rng(0).choice([10, 49], size=(8, 8, 8)).astype(np.float32)
    fixed = nib.Nifti1Image(np.zeros((8, 8, 8), np.float32), np.eye(4))
    shift = from_matvec(np.eye(3), [3.4, 0, 0])
    moved = reg.resample(
        nib.Nifti1Image(labels, np.eye(4)), fixed, shift, interpolation="nearest"
    ).get_fdata()
    np.testing.assert_array_equal(moved[:5], labels[3:])
    assert not moved[5:].any()


def test_resample_reads_files(tmp_path):
    image = nib.Nifti1Image(np.arange(60, dtype=np.float32).reshape(3, 4, 5), affine_of("LAS"))
    nib.save(image, tmp_path / "image.nii.gz")
    moved = reg.resample(str(tmp_path / "image.nii.gz"), tmp_path / "image.nii.gz", np.eye(4))
    np.testing.assert_allclose(moved.get_fdata(), image.get_fdata(), rtol=1e-4, atol=1e-4)


def test_resample_refuses_an_unknown_interpolation():
    image = nib.Nifti1Image(np.zeros((4, 4, 4), np.float32), np.eye(4))
    with pytest.raises(ImageError, match="no interpolation 'sinc'"):
        reg.resample(image, image, np.eye(4), interpolation="sinc")


# Error and scaling


def test_displacement_is_the_chord_of_the_turn():
    """Half a turn about z moves a point by twice its distance from the axis."""
    half_turn = np.diag([-1.0, -1.0, 1.0, 1.0])
    points = np.array([[1.0, 0, 5], [0, 2, 0], [3, 0, -5]])
    assert reg.displacement_error_mm(half_turn, np.eye(4), points) == pytest.approx((4, 6))


def test_rescale_r1_clips_in_the_mask_and_empties_the_rest():
    r1 = np.linspace(0, 1, 1000).reshape(10, 10, 10)
    r1[9, 9, 9], r1[0, 0, 1] = 50.0, -1.0
    mask = np.ones_like(r1)
    mask[5] = 0
    r1[5] = 40.0
    scaled = reg.rescale_r1(
        nib.Nifti1Image(r1.astype(np.float32), np.eye(4)),
        nib.Nifti1Image(mask.astype(np.float32), np.eye(4)),
    ).get_fdata()
    top = np.percentile(r1[mask > 0], 99)
    assert scaled[9, 9, 9] == scaled.max() == pytest.approx(1000)
    assert scaled[0, 0, 1] == 0
    assert not scaled[5].any()
    assert scaled[3, 4, 6] == pytest.approx(1000 * r1[3, 4, 6] / top, rel=1e-5)


def test_rescale_r1_refuses_a_mask_or_map_of_nothing():
    ones = nib.Nifti1Image(np.ones((3, 3, 3), np.float32), np.eye(4))
    zeros = nib.Nifti1Image(np.zeros((3, 3, 3), np.float32), np.eye(4))
    with pytest.raises(ImageError, match="mask is empty"):
        reg.rescale_r1(ones, zeros)
    with pytest.raises(ImageError, match="not positive"):
        reg.rescale_r1(zeros, ones)
    with pytest.raises(ImageError, match="not on the image's grid"):
        reg.rescale_r1(ones, nib.Nifti1Image(np.ones((3, 3, 3), np.float32), np.eye(4) * 2))


# FLIRT


def test_flirt_commands_say_the_papers_words():
    first, refine = (" ".join(c) for c in flirt.flirt_commands("flirt-mi", "t1w.nii", "r1.nii", "out"))
    assert first == (
        "flirt -in r1.nii -ref t1w.nii -dof 6 -cost mutualinfo -searchcost mutualinfo "
        "-interp spline -omat out_rigid.mat"
    )
    assert refine == (
        "flirt -in r1.nii -ref t1w.nii -dof 12 -cost mutualinfo -init out_rigid.mat -nosearch "
        "-interp spline -out out -omat out.mat"
    )
    [masked] = flirt.flirt_commands("flirt-ncc-masked", "t1w.nii", "r1.nii", "out", "brain.nii")
    assert " ".join(masked) == (
        "flirt -in r1.nii -ref t1w.nii -dof 6 -cost normcorr -searchcost normcorr "
        "-refweight brain.nii -interp spline -out out -omat out.mat"
    )
    [flair] = flirt.flirt_commands("flirt-ncc", "t1w.nii", "flair.nii", "out")
    assert " ".join(flair) == (
        "flirt -in flair.nii -ref t1w.nii -dof 6 -cost normcorr -searchcost normcorr "
        "-interp trilinear -out out -omat out.mat"
    )
    with pytest.raises(ImageError, match="give a brain mask"):
        flirt.flirt_commands("flirt-ncc-masked", "t1w.nii", "r1.nii", "out")
    with pytest.raises(ImageError, match="no FLIRT strategy"):
        flirt.flirt_commands("sitk-mi", "t1w.nii", "r1.nii", "out")


@pytest.mark.parametrize("moving_sign", [-1, 1])
@pytest.mark.parametrize("fixed_sign", [-1, 1])
def test_flirt_sees_one_head_in_either_storage(fixed_sign, moving_sign):
    """Guards the flip of x where the determinant is positive, by hand.

    FLIRT's x counts leftward in both storages. On grids that cover the same box, 5 voxels of 2 mm
    with centres at world x = -4 to 4, scaled x is 4 - world x in each. A FLIRT matrix of +3 mm,
    moving to fixed, therefore says world x - 3, and fixed to moving is world x + 3.
    """
    fixed, moving = (
        nib.Nifti1Image(np.zeros((5, 5, 5), np.float32), from_matvec(np.diag([2 * s, 2, 2]), [-4 * s, 1, 2]))
        for s in (fixed_sign, moving_sign)
    )
    shift = from_matvec(np.eye(3), [3.0, 0, 0])
    np.testing.assert_allclose(flirt.flirt_to_world(shift, moving, fixed), shift, atol=1e-12)


@pytest.mark.parametrize("fixed_orientation", ORIENTATIONS)
@pytest.mark.parametrize("moving_orientation", ORIENTATIONS)
def test_flirt_round_trip(fixed_orientation, moving_orientation):
    fixed_shape, moving_shape = (10, 11, 12), (7, 8, 9)
    fixed = nib.Nifti1Image(
        np.zeros(fixed_shape, np.float32), affine_of(fixed_orientation, fixed_shape, (1, 2, 3))
    )
    moving = nib.Nifti1Image(
        np.zeros(moving_shape, np.float32), affine_of(moving_orientation, moving_shape, (2, 1, 4))
    )
    truth = motion(12, [4, 5, -6])
    matrix = flirt.world_to_flirt(truth, moving, fixed)
    np.testing.assert_allclose(flirt.flirt_to_world(matrix, moving, fixed), truth, atol=1e-9)
