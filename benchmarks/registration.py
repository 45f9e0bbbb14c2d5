"""Rigid registration of two contrasts of one head whose movement is known: time and error together."""

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from nilearn.datasets import load_mni152_template
from scipy.spatial.transform import Rotation

from benchmarks.harness import Peer, Work
from thalutils.imaging import registration

TURN_DEG, SHIFT_MM = (4.0, -3.0, 5.0), (6.0, -4.0, 3.0)
THALAMI_MM = np.array(
    [[x, y, z] for x in (-12.0, 12.0) for y in (-26.0, -19.0, -12.0) for z in (2.0, 8.0, 14.0)]
)


def works() -> list[Work]:
    """Return the work and its peers: the MNI152 T1 and a scan of it with another contrast, noise and a movement."""
    template = load_mni152_template(resolution=1)
    fixed = nib.Nifti1Image((1000 * template.get_fdata()).astype(np.float32), template.affine)
    moving, truth = _moved(fixed)
    fixed_ants, moving_ants = _ants(fixed), _ants(moving)

    def compare(ours: np.ndarray, theirs: np.ndarray) -> str:
        errors = [registration.displacement_error_mm(one, truth, THALAMI_MM).max_mm for one in (ours, theirs)]
        return "error at the thalami {:.3f} mm, peer {:.3f} mm".format(*errors)

    peers = (
        Peer("antspyx, Rigid with its defaults", lambda: _by_ants(fixed_ants, moving_ants), compare),
        Peer("SimpleITK, as in its notebooks", lambda: _by_sitk(fixed, moving), compare),
        Peer("dipy, rigid by mutual information", lambda: _by_dipy(fixed, moving), compare),
    )
    ours = lambda: registration.register(fixed, moving, "sitk-mi-rigid")  # noqa: E731
    return [Work("rigid registration of two contrasts, 1 mm head", ours, peers, repeats=3)]


def _moved(fixed: nib.Nifti1Image) -> tuple[nib.Nifti1Image, np.ndarray]:
    """Return an image with another contrast, moved, and the movement from the fixed world to its own."""
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", TURN_DEG, degrees=True).as_matrix()
    turn[:3, 3] = SHIFT_MM
    values = fixed.get_fdata(dtype=np.float32)
    inside = values > 0
    contrast = np.where(inside, 1200 - values, 0)  # dark where the other is bright, as FLAIR
    contrast = np.where(inside, contrast + np.random.default_rng(3).normal(0, 15, values.shape), 0)
    grid = nib.Nifti1Image(contrast.astype(np.float32), fixed.affine)
    return registration.resample(grid, fixed, np.linalg.inv(turn)), turn


def _ants(image: nib.Nifti1Image):
    import ants

    image.header.set_xyzt_units("mm", "sec")
    return ants.from_nibabel_nifti(image)


def _by_ants(fixed, moving) -> np.ndarray:
    import ants

    found = ants.registration(fixed, moving, "Rigid")["fwdtransforms"][0]
    read = ants.read_transform(found)
    return _to_ras(np.array(read.parameters), np.array(read.fixed_parameters))


def _to_ras(numbers: np.ndarray, centre: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = numbers[:9].reshape(3, 3)
    matrix[:3, 3] = numbers[9:] + centre - matrix[:3, :3] @ centre
    flip = np.diag([-1.0, -1, 1, 1])
    return flip @ matrix @ flip


def _by_sitk(fixed: nib.Nifti1Image, moving: nib.Nifti1Image) -> np.ndarray:
    one, other = (registration.to_sitk(image) for image in (fixed, moving))
    start = sitk.CenteredTransformInitializer(
        one, other, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.01, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsGradientDescent(1.0, 100, 1e-6, 10)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=False)
    found = method.Execute(one, other)
    probes = np.vstack([np.zeros(3), np.eye(3)]) * 100
    there = np.array([found.TransformPoint((probe * [-1, -1, 1]).tolist()) for probe in probes]) * [-1, -1, 1]
    matrix = np.eye(4)
    matrix[:3, 3] = there[0]
    matrix[:3, :3] = ((there[1:] - there[0]) / 100).T
    return matrix


def _by_dipy(fixed: nib.Nifti1Image, moving: nib.Nifti1Image) -> np.ndarray:
    from dipy.align import affine_registration

    data = [image.get_fdata(dtype=np.float32) for image in (moving, fixed)]
    _, found = affine_registration(
        *data,
        moving_affine=moving.affine,
        static_affine=fixed.affine,
        pipeline=["center_of_mass", "translation", "rigid"],
    )
    return found
