"""What other programs have finished already, outside this study: where it lies and whose it is."""

import os
from fnmatch import fnmatchcase
from pathlib import Path

from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import CohortError, ToolError

# Where each tool's results lie unless the cohort's YAML says otherwise: as BIDS derivatives.
DEFAULTS = {
    "FreeSurfer": "derivatives/freesurfer",
    "FIRST": "derivatives/first",
    "DBSegment": "derivatives/dbsegment",
    "MindGlide": "derivatives/mindglide",
    "SIENA": "derivatives/siena",
    "hMRI": "derivatives/hmri",
}
# What is looked at in them, for telling whether it has changed.
WATCHED = (
    "*/mri/aseg.mgz", "*/stats/aseg.stats", "*/mri/transforms/*_to_*.lta", "**/report.siena", "**/*.nii",
    "**/*.nii.gz", "*/scripts/build-stamp.txt", "dataset_description.json",
)  # fmt: skip


def folder(cohort: Cohort, tool: str) -> Path | None:
    """Return the folder of a tool's finished results, or ``None``.

    Raises
    ------
    CohortError
        Where the cohort's YAML names one that is not there.
    """
    if cohort.kind != "scans":
        return None
    given = cohort.settings.finished.get(tool)
    if given is None:
        usual = cohort.bids / DEFAULTS[tool]
        return usual if usual.is_dir() else None
    path = cohort.bids / Path(os.path.expandvars(given)).expanduser()
    if not path.is_dir():
        raise CohortError(f"{path}: no such folder. Correct `finished: {tool}` in {cohort.path}.")
    return path


def find(within: Path, session: Session, *patterns: str, but: str = "") -> Path | None:
    """Return the one file of a visit that matches the first of `patterns` that any matches, or ``None``.

    Looked through are the folder itself and the person's and the visit's in it (BIDS), with ``anat``. Files that match
    `but` are passed over.

    Raises
    ------
    ToolError
        Where several files match: which is meant cannot be told.
    """
    person = within / session.participant_id
    places = (within, person, person / session.session_id)
    names = [
        path
        for place in (*places, *(place / "anat" for place in places))
        if place.is_dir()
        for path in sorted(place.iterdir())
        if any(path.name.startswith(f"{stem}_") or path.name == stem for stem in session.stems)
    ]
    for pattern in patterns:
        found = [
            path for path in names if fnmatchcase(path.name, pattern) and not fnmatchcase(path.name, but)
        ]
        if len(found) > 1:
            listed = ", ".join(path.name for path in found)
            raise ToolError(f"{within}: {listed} are all of {session.key}. Leave one there.")
        if found:
            return found[0]
    return None


def watched(cohort: Cohort) -> list[Path]:
    """List all that the study reads of other programs' results."""
    if cohort.kind != "scans":
        return []
    found = set()
    for tool in DEFAULTS:
        within = folder(cohort, tool)
        for pattern in WATCHED if within else ():
            found |= set(within.glob(pattern))
    return sorted(found)
