"""Brain volume change of two visits by FSL's SIENA (Smith et al. 2002): run, or its finished report read.

SIENA is a program of FSL; nothing of it is here but its command line and the reading of its report.
"""

import re
from pathlib import Path
from typing import Any

import nibabel as nib

from thalutils import finished, programs
from thalutils.cohort import Cohort
from thalutils.errors import ImageError, ToolError
from thalutils.files import hash_file, place
from thalutils.process import cached
from thalutils.stage import usable_scans

ENGINE = "SIENA"
REPORT = "report.siena"
TIME_LIMIT_S = 4 * 3600.0
_FINAL = re.compile(r"^\s*finalPBVC\s+(\S+)\s*%", re.MULTILINE)
# Beyond this the registration failed or the report is another's: in a year people lose about 1 %.
LARGEST_PERCENT = 30.0


def available(cohort: Cohort, participant_id: str) -> bool:
    """Return whether a person's change can be measured: a finished report is there, or FSL and two visits."""
    if finished_report(cohort, participant_id) is not None:
        return True
    try:
        programs.find(programs.FSL)
    except ToolError:
        return False
    return len(cohort.sessions(participant_id)) > 1


def measure(cohort: Cohort, participant_id: str) -> dict[str, Any]:
    """Return a person's row of the table ``brain_change``, from the first visit to the last.

    A finished report is read; without one, SIENA runs on both T1w.

    Raises
    ------
    ImageError
        Where a visit has no usable T1w, or there is one visit only.
    ToolError
        Where SIENA is absent, fails, or reports nothing that can be.
    """
    report = finished_report(cohort, participant_id)
    if report is None:
        visits = cohort.sessions(participant_id)
        if len(visits) < 2:
            raise ImageError(f"{participant_id} has one visit: there is no change to measure.")
        scans = [usable_scans(cohort, visit).get("T1w") for visit in (visits[0], visits[-1])]
        if None in scans:
            raise ImageError(f"{participant_id}: the first or the last visit has no usable T1w.")
        key = {
            "t1w": [hash_file(scan) for scan in scans],
            "fsl": programs.find(programs.FSL).version,
            "adapter": hash_file(__file__),
        }
        made = cached(cohort.cache, "siena", key, lambda to: run(*scans, to))
        report = made / REPORT
    return {"participant_id": participant_id, "engine": ENGINE, "pbvc_percent": read(report)}


def finished_report(cohort: Cohort, participant_id: str) -> Path | None:
    """Return the report of a person in the cohort's folder for SIENA, or ``None``.

    It may lie in ``sub-XX``, in a folder below, or in one named by the person and the visits.

    Raises
    ------
    ToolError
        Where there are several.
    """
    within = finished.folder(cohort, ENGINE)
    if within is None:
        return None
    folders = [within / participant_id, *sorted(within.glob(f"{participant_id}_*"))]
    found = [path for one in folders if one.is_dir() for path in sorted(one.rglob(REPORT))]
    if len(found) > 1:
        listed = ", ".join(str(path.relative_to(within)) for path in found)
        raise ToolError(
            f"{within}: {listed} are all of {participant_id}. Leave that of the first and last visit."
        )
    return found[0] if found else None


def has_report(cohort: Cohort, participant_id: str) -> bool:
    """Return whether a person has a finished report, or several, of which none is read."""
    try:
        return finished_report(cohort, participant_id) is not None
    except ToolError:
        return True


def command() -> list[str]:
    """Return the command line; SIENA takes bare file names, so that it runs in their folder."""
    return ["siena", "A.nii.gz", "B.nii.gz", "-o", "out"]


def run(first: Path, second: Path, folder: Path) -> float:
    """Run SIENA on two T1w with skull; return the change in percent and leave ``report.siena`` in `folder`.

    Raises
    ------
    ToolError
        Where it fails, or reports nothing that can be.
    """
    for name, scan in (("A", first), ("B", second)):
        _as_gz(scan, folder / f"{name}.nii.gz")
    programs.run(
        programs.FSL, command(), log=folder / "siena.log", folders=[folder], folder=folder,
        timeout_s=programs.time_limit_s("siena", TIME_LIMIT_S),
    )  # fmt: skip
    report = folder / "out" / REPORT
    if not report.is_file():
        raise ToolError(f"SIENA ended without its {REPORT}.")
    change = read(report)
    place(report, folder / REPORT)
    for copy in ("A", "B"):
        (folder / f"{copy}.nii.gz").unlink()
    return change


def _as_gz(scan: Path, target: Path) -> None:
    if scan.name.endswith(".nii.gz"):
        place(scan, target)
    else:
        nib.save(nib.load(scan), target)


def read(report: Path) -> float:
    """Return the percentage brain volume change that a ``report.siena`` ends with.

    Raises
    ------
    ToolError
        Where it does not end so, as that of a run that was cut short, or the number cannot be.
    """
    found = _FINAL.findall(report.read_text(encoding="utf-8", errors="replace"))
    if not found:
        raise ToolError(f"{report}: has no line finalPBVC. SIENA did not come to its end; run it again.")
    try:
        percent = float(found[-1])
    except ValueError:
        percent = float("nan")
    if not abs(percent) <= LARGEST_PERCENT:
        raise ToolError(
            f"{report}: finalPBVC is {found[-1]} %, which no brain does. Look at its registration."
        )
    return percent
