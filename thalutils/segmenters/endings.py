"""What the files of masks are called among a cohort's derivatives, and which image is which contrast."""

from pathlib import Path

from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.imaging import alignment
from thalutils.segmenters.protocol import JOINT
from thalutils.stage import Task, derivative, need, usable_scans

STAGE, ENSEMBLE_STAGE = "2-6-2-segmentation", "2-6-2-ensembles"
IMAGES = {"FLAIR": alignment.ENDINGS["FLAIR"], "R1": alignment.RESCALED}
SUSPECT = "suspect"


def ending(method: str) -> str:
    """Return how the file of a method's mask ends."""
    return f"space-T1w_desc-{method.replace('-', '')}_dseg.nii.gz"


def structures_ending(method: str) -> str:
    """Return how the file of all structures that a method drew ends."""
    return f"space-T1w_desc-{method.replace('-', '')}structures_dseg.nii.gz"


def suspect_ending(method: str) -> str:
    """Return how the file of a mask that is not believed ends."""
    return f"space-T1w_desc-{method.replace('-', '')}{SUSPECT}_dseg.nii.gz"


def there(cohort: Cohort, session: Session, contrast: str) -> bool:
    """Return whether a visit may have a contrast on the T1w's grid, or two at least where they are joined."""
    if contrast == JOINT:
        return len(joined(cohort, session)) > 1
    return contrast == "T1" or derivative(cohort, session, IMAGES[contrast]).exists()


def joined(cohort: Cohort, session: Session) -> list[str]:
    """Return the contrasts that a visit may have on the T1w's grid."""
    return [contrast for contrast in ("T1", "R1", "FLAIR") if there(cohort, session, contrast)]


def contrast_image(task: Task, contrast: str) -> Path:
    """Return the image of one contrast on the T1w's grid.

    Raises
    ------
    ImageError
        Where the visit has none.
    """
    if contrast == "T1":
        found = usable_scans(task.cohort, task.session).get("T1w")
        return need(found if found else Path("absent"), "usable T1w")
    return need(task.derivative(IMAGES[contrast]), f"{contrast} on the T1w's grid")
