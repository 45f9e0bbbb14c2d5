"""FIRST of FSL (Patenaude et al. 2011): run on the brain-masked T1w, or its finished labels read."""

from pathlib import Path

import nibabel as nib
import numpy as np

from thalutils import finished, programs
from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ToolError
from thalutils.files import hash_file
from thalutils.segmenters.protocol import Availability, load_result, onto_grid, write_thalamus

TIME_LIMIT_S = 3600.0
# How run_first_all ends the names of its labels; which, depends on the boundary correction it chose.
ENDINGS = ("*_all_none_firstseg.nii*", "*_all_fast_firstseg.nii*")


class First:
    """FIRST on the T1w, restricted to both thalami, as the paper ran it."""

    name = "FIRST"
    contrasts = ("T1",)
    per_contrast = False
    slow = True

    def availability(self) -> Availability:
        """Tell whether FSL is here."""
        try:
            place = programs.find(programs.FSL)
        except ToolError as error:
            return Availability(False, reason=str(error))
        return Availability(True, f"FSL {place.version}", where=place.words)

    def options(self, preset: str) -> dict[str, object]:
        """Return the adapter's own source: FIRST has no presets."""
        return {"adapter": hash_file(__file__)}

    def segment(self, image: Path, mask: Path, folder: Path, preset: str) -> None:
        """Mask the T1w, bring it to the standard orientation, run FIRST on it (minutes)."""
        like = nib.load(image)
        inside = np.asarray(nib.load(mask).dataobj) > 0
        brain = np.where(inside, like.get_fdata(dtype=np.float32), np.float32(0))
        nib.save(nib.Nifti1Image(brain, like.affine), folder / "brain.nii.gz")
        limit = programs.time_limit_s("first", TIME_LIMIT_S)
        for argv, log in zip(commands(folder), ("reorient.log", "first.log"), strict=True):
            programs.run(
                programs.FSL, argv, log=folder / log, timeout_s=limit, folders=[folder], folder=folder
            )
        made = finished_labels(folder)
        if made is None:
            raise ToolError("FIRST ended without labels (*_firstseg).")
        self.read(made, image, folder)

    def finished(self, cohort: Cohort, session: Session) -> Path | None:
        """Return the visit's ``_firstseg`` in the cohort's folder for FIRST."""
        within = finished.folder(cohort, self.name)
        return finished.find(within, session, *ENDINGS) if within else None

    def depends_on(self, found: Path) -> list[Path]:
        """Return the label map itself."""
        return [found]

    def read(self, found: Path, image: Path, folder: Path) -> None:
        """Bring a ``_firstseg`` (10 left, 49 right) onto the T1w's grid by the headers."""
        like = nib.load(image)
        write_thalamus(onto_grid(load_result(found, self.name), like), like, folder, self.name)


def commands(folder: Path) -> list[list[str | Path]]:
    """Return the command lines that turn ``brain.nii.gz`` in a folder into FIRST's labels."""
    oriented = folder / "oriented.nii.gz"
    return [
        ["fslreorient2std", folder / "brain.nii.gz", oriented],
        ["run_first_all", "-i", oriented, "-o", folder / "first", "-s", "L_Thal,R_Thal", "-b"],
    ]


def finished_labels(folder: Path) -> Path | None:
    """Return the labels that run_first_all left in a folder, or ``None``."""
    return next((path for ending in ENDINGS for path in sorted(folder.glob(ending))), None)
