"""Extraction of the brain from a T1w by deepbet (Fisch et al. 2024)."""

import warnings
from pathlib import Path

import nibabel as nib
import numpy as np

from thalutils.files import write_json
from thalutils.imaging import quality

# deepbet's two networks hold what lies inside the skull's inner table less the outer fluid.
PACKAGES = ("deepbet", "torch")


def extract(t1w: Path, folder: Path) -> None:
    """Write ``brain.nii.gz`` (0/1, on the T1w's grid) and ``volume.json`` (mL) into `folder`."""
    import torch  # here, since it takes seconds and most stages do without
    from deepbet.bet import BrainExtraction

    torch.set_num_threads(1)
    image = quality.load(t1w)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, mask, _ = BrainExtraction(no_gpu=True).run(image)
    inside = np.asarray(mask.dataobj) > 0
    nib.save(nib.Nifti1Image(inside.astype(np.uint8), image.affine), folder / "brain.nii.gz")
    size_ml = abs(np.linalg.det(image.affine[:3, :3])) / 1000
    write_json(folder / "volume.json", {"brain_ml": round(float(inside.sum() * size_ml), 3)})
