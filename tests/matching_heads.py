"""What tests of registration and review do with people whose images lie on each other."""

import nibabel as nib
import numpy as np

from thalutils import stage
from thalutils.cohort import Cohort

OPTIONS = {
    "sitk_cutoff": 0.3, "ants_cutoff": 0.3, "flair_cutoff": 0.3, "bins": 64, "r1_percentile": 99.0, "flirt": False,
}  # fmt: skip


def add_r1(cohort: Cohort) -> None:
    """Give every visit an R1 map: its T1w, scaled."""
    for visit in cohort.sessions():
        head = nib.load(visit.image("T1w"))
        path = stage.derivative(cohort, visit, "R1map.nii.gz")
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(head.get_fdata(dtype=np.float32) / 1000, head.affine), path)
