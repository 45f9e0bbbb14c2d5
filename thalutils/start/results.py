"""Looks for what other programs have finished already: among a dataset's derivatives, and where FreeSurfer keeps its subjects."""

import os
import re
from pathlib import Path

from thalutils.bids import Session
from thalutils.finished import DEFAULTS
from thalutils.schemas import PARTICIPANT
from thalutils.start.finding import Finding, times

SUBJECTS_VARIABLE = "SUBJECTS_DIR"
# What tells a tool's results: files that no other program names so, wherever they lie, ...
MARKS = {
    "FreeSurfer": ("*/mri/aseg.mgz",), "FIRST": ("**/*_firstseg.nii*",), "DBSegment": ("preprocessed_v3/*.nii*",),
    "SIENA": ("**/report.siena",),
}  # fmt: skip
# ... and files of a common name, in the folder that is the tool's.
MARKS_AT_HOME = {
    "DBSegment": ("*.nii*", "sub-*/**/*.nii*"), "MindGlide": ("**/*_seg.nii*",), "hMRI": ("**/*_R1.nii*", "**/*_R1map.nii*"),
}  # fmt: skip
_PERSON = re.compile(PARTICIPANT.strip("^$"))


def look(bids: Path, every: list[Session]) -> Finding:
    """Look for finished results of the tools that the study reads; return what to write under ``finished``.

    Where a tool's lie in the folder that is looked into anyway, nothing is to be written. FreeSurfer's may lie in the
    folder that ``SUBJECTS_DIR`` names, where its subjects are people of the dataset.

    Parameters
    ----------
    bids : Path
        The dataset.
    every : list of Session
        Its visits.
    """
    found = Finding(settings={})
    people = {one.participant_id for one in every}
    for tool, usual in DEFAULTS.items():
        places = {str(place.relative_to(bids)): _people(place, tool, people, place == bids / usual)
                  for place in (bids / "derivatives").glob("*") if place.is_dir()}  # fmt: skip
        offers = {place: whose for place, whose in sorted(places.items()) if whose}
        if tool == "FreeSurfer" and not offers:
            offers = _subjects(people)
        if offers:
            _choose(tool, offers, usual, len(people), found)
    if not found.remarks:
        found.remarks.append("None was seen.")
    return found


def _people(place: Path, tool: str, people: set[str], home: bool) -> set[str]:
    """Return of which people a folder has results of a tool."""
    marks = MARKS.get(tool, ()) + (MARKS_AT_HOME.get(tool, ()) if home else ())
    names = (str(path.relative_to(place)) for mark in marks for path in place.glob(mark))
    return {one for name in names for one in _PERSON.findall(name)} & people


def _subjects(people: set[str]) -> dict[str, set[str]]:
    """Return FreeSurfer's own folder of subjects, where it has people of the dataset."""
    given = os.environ.get(SUBJECTS_VARIABLE)
    place = Path(given).expanduser().resolve() if given else None
    if place is None or not place.is_dir():
        return {}
    whose = _people(place, "FreeSurfer", people, home=False)
    return {str(place): whose} if whose else {}


def _choose(tool: str, offers: dict[str, set[str]], usual: str, people: int, found: Finding) -> None:
    best = usual if usual in offers else max(offers, key=lambda place: len(offers[place]))
    if best != usual:
        found.settings[tool] = best
    found.remarks.append(
        f"{tool} has finished {len(offers[best])} of {times(people, 'person').replace('persons', 'people')} in {best}: what "
        "is there is read in place of a run."
    )
    others = [place for place in offers if place != best]
    if others:
        found.questions.append(
            f"results of {tool} lie in {', '.join(others)} as well. If they are meant, write {tool}: {others[0]}"
        )
