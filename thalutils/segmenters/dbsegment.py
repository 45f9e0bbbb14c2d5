"""DBSegment (Baniasadi et al. 2023): an nnU-Net of deep brain structures on T1w, run or read."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np

from thalutils import finished
from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.files import hash_file
from thalutils.imaging.finished_brain import ITS_BRAINS
from thalutils.process import run_program, tool_environment
from thalutils.programs import time_limit_s
from thalutils.segmenters.installed import installed_version
from thalutils.segmenters.protocol import (
    STRUCTURES_FILE,
    Availability,
    load_result,
    onto_grid,
    sides,
    write_thalamus,
)

MODELS_VARIABLE = "THALUTILS_DBSEGMENT_MODELS"
TIME_LIMIT_S = 4 * 3600.0
LEFT_LABELS, RIGHT_LABELS = (24, 26, 30), (25, 27, 31)
# The labels on DBSegment's own grid of 1 mm. Its native ones went through a registration of the image
# with itself; a header says the same without one.
CONFORMED = "preprocessed_v3"
BRAIN_FILE = "dbsegment-brain.nii.gz"


class DBSegment:
    """DBSegment in an environment of its own, with all five folds and mirroring, as the paper ran it."""

    name = "DBSegment"
    contrasts = ("T1",)
    per_contrast = False
    slow = True

    def availability(self) -> Availability:
        """Tell whether DBSegment is installed in its environment."""
        environment = tool_environment("dbsegment")
        version = installed_version(environment, "dbsegment")
        if version is None or not (environment / "bin" / "DBSegment").exists():
            reason = "not installed: run thalutils tools install dbsegment; it downloads its weights (3 GB) as it first runs."
            return Availability(False, reason=reason)
        return Availability(True, version, where=str(environment))

    def options(self, preset: str) -> dict[str, object]:
        """Return the adapter's own source: the paper's run has no presets."""
        return {"adapter": hash_file(__file__)}

    def segment(self, image: Path, mask: Path, folder: Path, preset: str) -> None:
        """Segment one T1w; also leaves all structures and DBSegment's brain mask on its grid."""
        scans, out = folder / "in", folder / "out"
        scans.mkdir()
        out.mkdir()
        like = nib.load(image)
        copy = nib.Nifti1Image(like.get_fdata(dtype=np.float32), like.affine)
        copy.set_qform(like.affine, 1)  # DBSegment believes the qform alone
        nib.save(copy, scans / "head.nii.gz")
        models = Path(os.environ.get(MODELS_VARIABLE) or tool_environment("dbsegment") / "models")
        models.mkdir(parents=True, exist_ok=True)
        run_program(
            command(scans, out, models), log=folder / "dbsegment.log",
            timeout_s=time_limit_s("dbsegment", TIME_LIMIT_S),
        )  # fmt: skip
        self.read(out / CONFORMED / "head.nii.gz", image, folder)

    def finished(self, cohort: Cohort, session: Session) -> Path | None:
        """Return the visit's labels at 1 mm in the cohort's folder for DBSegment, else its native ones."""
        within = finished.folder(cohort, self.name)
        if within is None:
            return None
        places = (within / CONFORMED, within)
        patterns = ("*T1w*.nii.gz", "*.nii.gz")
        found = (finished.find(one, session, *patterns, but=ITS_BRAINS) for one in places if one.is_dir())
        return next((path for path in found if path), None)

    def depends_on(self, found: Path) -> list[Path]:
        """Return the label map itself."""
        return [found]

    def read(self, found: Path, image: Path, folder: Path) -> None:
        """Bring DBSegment's labels onto the T1w's grid by the headers."""
        like = nib.load(image)
        placed = onto_grid(load_result(found, self.name), like)
        labels = np.asarray(placed.dataobj)
        thalamus = sides(labels, LEFT_LABELS, RIGHT_LABELS)
        write_thalamus(nib.Nifti1Image(thalamus, like.affine), like, folder, self.name)
        nib.save(placed, folder / STRUCTURES_FILE)
        # label 1 is the rest of the brain
        nib.save(nib.Nifti1Image((labels > 0).astype(np.uint8), like.affine), folder / BRAIN_FILE)


def command(scans: Path, out: Path, models: Path) -> list[str | Path]:
    """Return the command line: five folds; ``--disable_tta False`` keeps the mirroring."""
    program = tool_environment("dbsegment") / "bin" / "DBSegment"
    folds = [str(fold) for fold in range(5)]
    # DBSegment joins the models' folder and a file's name without a separator.
    places = ["-i", scans, "-o", out, "-mp", f"{models}{os.sep}"]
    threads = ["--num_threads_preprocessing", "1", "--num_threads_nifti_save", "1"]
    return [program, *places, "-f", *folds, "--disable_tta", "False", *threads]
