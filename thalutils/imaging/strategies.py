"""The strategies by which an image is brought onto the T1w of its visit, and what each of them gives."""

from pathlib import Path

import nibabel as nib
import numpy as np

from thalutils import programs
from thalutils.errors import ToolError
from thalutils.files import write_json
from thalutils.imaging import flirt, quality, registration
from thalutils.imaging.mutual_information import mutual_information

FOUND = "found.json"


def tried(image: str, with_flirt: bool) -> tuple[str, ...]:
    """Return the strategies that are tried for an image: FLIRT's in place of SimpleITK's where it is here."""
    if image == "R1":
        ours = registration.R1_STRATEGIES
        return (*flirt.R1_STRATEGIES, ours[-1]) if with_flirt else ours
    return (flirt.FLAIR_STRATEGY,) if with_flirt else (registration.FLAIR_STRATEGY,)


def flirt_version(wanted: bool) -> str | None:
    """Return the version of FSL whose FLIRT is used, or ``None`` where it is not wanted or not here."""
    try:
        return programs.find(programs.FSL).version if wanted else None
    except ToolError:
        return None


def moved_file(strategy: str) -> str:
    """Return the name of the file that holds the image as a strategy moved it."""
    return f"{strategy}.nii.gz"


def try_all(
    image: str, t1w_path: Path, mask_path: Path, moving_path: Path, folder: Path, *,
    bins: int, r1_percentile: float, with_flirt: bool,
) -> None:  # fmt: skip
    """Register an image by every strategy; leave what each made in a folder, and ``found.json``.

    Parameters
    ----------
    image : str
        ``R1`` or ``FLAIR``.
    t1w_path, mask_path, moving_path : Path
        The T1w, its brain mask, and the image as it came.
    folder : Path
        Gets the moved image of each strategy, of R1 also rescaled, and a list of each strategy's mutual information (nat) and
        transform.
    bins, r1_percentile, with_flirt
        As the stage's parameters.
    """
    t1w = quality.load(t1w_path)
    mask = nib.load(mask_path)
    inside = np.asarray(mask.dataobj) > 0
    original = nib.load(moving_path)
    moving = registration.clean_r1(original) if image == "R1" else original
    fixed_values = t1w.get_fdata(dtype=np.float32)
    found = []
    for strategy in tried(image, with_flirt):
        if strategy.startswith("flirt"):
            transform = flirt.register(t1w, moving, strategy, mask, folder)
        else:
            transform = registration.register(t1w, moving, strategy, mask=mask)
        order = "bspline" if strategy.startswith(("sitk", "flirt")) and image == "R1" else "linear"
        moved = registration.resample(moving, t1w, transform, interpolation=order)
        values = moved.get_fdata(dtype=np.float32)
        if image == "R1":
            values = np.clip(values, 0, registration.R1_MAX_PER_S)  # splines overshoot at edges
        moved = nib.Nifti1Image(values, t1w.affine)
        information = mutual_information(fixed_values, values, inside, bins=bins)
        nib.save(moved, folder / moved_file(strategy))
        if image == "R1":
            rescaled = registration.rescale_r1(moved, mask, percentile=r1_percentile)
            nib.save(rescaled, folder / moved_file(f"{strategy}_rescaled"))
        found.append(
            {"strategy": strategy, "mutual_information": information, "transform": transform.tolist()}
        )
    write_json(folder / FOUND, found)
