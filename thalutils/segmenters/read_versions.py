"""Which version of a tool made a cohort's finished results, as far as the results themselves say."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from thalutils import finished
from thalutils.cohort import Cohort
from thalutils.errors import ToolError
from thalutils.files import read_json
from thalutils.imaging import hmri
from thalutils.segmenters.freesurfer import STATS, FreeSurfer

NOT_RECORDED = "not recorded"
STAMP = Path("scripts") / "build-stamp.txt"
DESCRIPTION = "dataset_description.json"
# As which program BIDS derivatives may name what made them.
NAMES = {"FIRST": ("first", "fsl"), "SIENA": ("siena", "fsl"), "hMRI toolbox": ("hmri",)}
FOLDERS = {"hMRI toolbox": "hMRI"}
_VERSION = re.compile(r"(?<![\d.])v?(\d+\.\d+(?:\.\d+)*\w*)")


def read_version(cohort: Cohort, tool: str) -> str:
    """Return the versions that a tool's finished results name, with commas, or that none is recorded.

    FreeSurfer writes its build beside each subject and into ``aseg.stats``, the hMRI toolbox its version into the JSON
    file of each map. For the others BIDS has ``GeneratedBy`` in ``dataset_description.json`` of the folder.

    Parameters
    ----------
    cohort : Cohort
        Of scans.
    tool : str
        As :data:`thalutils.segmenters.catalogue.CARDS` names it.
    """
    within = finished.folder(cohort, FOLDERS.get(tool, tool)) if tool in READ else None
    if within is None:
        return NOT_RECORDED
    every = set(READ[tool](cohort)) if READ[tool] else {None}
    described = _described(within, tool)
    found = {version or described for version in every or {None}}
    words = sorted(version for version in found if version)
    if words and None in found:
        words.append(f"{NOT_RECORDED} in some")
    return ", ".join(words) or NOT_RECORDED


def freesurfer_version(subject: Path) -> str | None:
    """Return the version that made a FreeSurfer subject, or ``None``.

    Up to 5.3 ``aseg.stats`` names the revision of one source file, which is no version of FreeSurfer.
    """
    stamp = _text(subject / STAMP)
    found = _VERSION.search(stamp.replace("-", " "))
    if found:
        return found[1]
    named = re.search(r"^# cvs_version\s+(\d\S*)", _text(subject / STATS), re.MULTILINE)
    return named[1] if named else None


def hmri_version(image: Path) -> str | None:
    """Return the version that the JSON file beside a map of the hMRI toolbox names, or ``None``."""
    said: Any = read_json(image.with_name(f"{image.name.removesuffix('.gz').removesuffix('.nii')}.json"))
    for key in ("history", "procstep", "version"):
        said = said.get(key) if isinstance(said, dict) else None
    found = _VERSION.search(said) if isinstance(said, str) else None
    return found[1] if found else None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _subjects(cohort: Cohort) -> Iterator[str | None]:
    for session in cohort.sessions():
        try:
            subject = FreeSurfer().finished(cohort, session)
        except ToolError:  # its stage has said why
            continue
        if subject is not None:
            yield freesurfer_version(subject)


def _maps(cohort: Cohort) -> Iterator[str | None]:
    for session in cohort.sessions():
        try:
            found = hmri.find(cohort, session)
        except ToolError:  # its stage has said why
            continue
        if found:
            yield hmri_version(found["R1map"])


def _described(within: Path, tool: str) -> str | None:
    said = read_json(within / DESCRIPTION)
    programs = said.get("GeneratedBy") if isinstance(said, dict) else None
    for one in programs if isinstance(programs, list) else []:
        name = str(one.get("Name", "")) if isinstance(one, dict) else ""
        if any(word in name.casefold() for word in NAMES.get(tool, (tool.casefold(),))):
            version = one.get("Version")
            return str(version) if version else None
    return None


# By tool, what gives the version of each of its results; where it gives none, the description of all tells.
READ = {
    "FreeSurfer": _subjects, "FIRST": None, "DBSegment": None, "MindGlide": None, "SIENA": None, "hMRI toolbox": _maps,
}  # fmt: skip
