"""FreeSurfer (Fischl et al. 2002): recon-all run on T1w and T2w, or its finished subjects read."""

import math
import re
from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np

from thalutils import finished, programs
from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ToolError
from thalutils.files import hash_file, place, write_json
from thalutils.imaging import masks
from thalutils.segmenters.lta import read_lta
from thalutils.segmenters.protocol import (
    INTRACRANIAL_FILE,
    LEFT,
    RIGHT,
    STRUCTURES_FILE,
    WARNINGS_FILE,
    Availability,
    load_result,
    onto_grid,
    write_thalamus,
)

TIME_LIMIT_S = 24 * 3600.0
SUBJECT = "subject"
ASEG, STATS = Path("mri") / "aseg.mgz", Path("stats") / "aseg.stats"
MEASURE = "EstimatedTotalIntraCranialVol"
# Its statistics weigh voxels that it shares with a neighbour, which is a matter of a few percent.
SAME_RUN = 0.1


class FreeSurfer:
    """FreeSurfer's aseg; of the longitudinal stream where every visit of a person has it."""

    name = "FreeSurfer"
    contrasts = ("T1",)
    per_contrast = False
    slow = True
    others = ("T2w",)

    def availability(self) -> Availability:
        """Tell whether recon-all and its licence are here."""
        try:
            place = programs.find(programs.FREESURFER)
        except ToolError as error:
            return Availability(False, reason=str(error))
        licence = programs.environment(place).get("FS_LICENSE")
        if licence is None:
            reason = "FS_LICENSE is not set, and a container has no licence of its own: name the file of yours by it."
            return Availability(False, reason=reason)
        if not Path(licence).is_file():
            reason = f"its licence {licence} is absent: name it by FS_LICENSE."
            return Availability(False, reason=reason)
        return Availability(True, place.version, where=place.words)

    def options(self, preset: str) -> dict[str, object]:
        """Return the adapter's own source: recon-all runs as it comes, whatever the preset."""
        return {"adapter": hash_file(__file__)}

    def segment(self, image: Path, mask: Path, folder: Path, preset: str) -> None:
        """Run recon-all on one T1w (hours); also leaves all structures and eTIV."""
        self.segment_with(image, {}, mask, folder, preset)

    def segment_with(
        self, image: Path, others: Mapping[str, Path], mask: Path, folder: Path, preset: str
    ) -> None:
        """Run recon-all on a T1w and, where there is one, the T2w of the visit."""
        work = folder / "subjects"
        work.mkdir()
        # A container sees the folder alone: what a link among the scans leads to may lie anywhere.
        scans = {name: _placed(scan, name, folder) for name, scan in {"T1w": image, **others}.items()}
        programs.run(
            programs.FREESURFER, recon_all(scans["T1w"], scans.get("T2w"), work), folders=[folder],
            log=folder / "recon-all.log", timeout_s=programs.time_limit_s("freesurfer", TIME_LIMIT_S),
        )  # fmt: skip
        for scan in scans.values():
            scan.unlink()
        for link in filter(Path.is_symlink, work.iterdir()):
            link.unlink()  # recon-all links fsaverage
        self.read(work / SUBJECT, image, folder)

    def finished(self, cohort: Cohort, session: Session) -> Path | None:
        """Return the visit's folder in SUBJECTS_DIR, where it holds an aseg."""
        within = finished.folder(cohort, self.name)
        if within is None:
            return None
        mine = cohort.sessions(session.participant_id)
        streams = {one: _longitudinal(within, one) for one in mine}
        if all(streams.values()):
            return streams[session]
        names = [*session.stems, *([session.participant_id] if len(mine) == 1 else [])]
        found = (within / name for name in names)
        return next((path for path in found if (path / ASEG).is_file()), None)

    def depends_on(self, found: Path) -> list[Path]:
        """Return aseg and its statistics, and the transform of the longitudinal stream."""
        paths = [found / ASEG, found / STATS]
        return [path for path in (*paths, _transform(found)) if path is not None and path.is_file()]

    def read(self, found: Path, image: Path, folder: Path) -> None:
        """Bring aseg onto the T1w's grid by the headers; also leaves all structures and eTIV."""
        like, aseg = nib.load(image), load_result(found / ASEG, self.name)
        aseg = nib.Nifti1Image(np.asarray(aseg.dataobj).astype(np.int16), _in_scan(aseg, found))
        placed = onto_grid(aseg, like)
        write_thalamus(placed, like, folder, self.name)
        nib.save(placed, folder / STRUCTURES_FILE)
        stats = found / STATS
        volume = read_etiv_ml(stats) if stats.is_file() else None
        write_json(folder / INTRACRANIAL_FILE, {"icv_ml": volume})
        if stats.is_file():
            size = tuple(float(edge) for edge in placed.header.get_zooms()[:3])
            drawn = masks.volume_ml(np.isin(np.asarray(placed.dataobj), (LEFT, RIGHT)), size)
            write_json(folder / WARNINGS_FILE, {"warnings": _other_run(drawn, sum(read_volumes_ml(stats)))})


def _placed(scan: Path, name: str, folder: Path) -> Path:
    """Put a scan into a folder under a plain name; return its path there."""
    target = folder / (f"{name}.nii.gz" if scan.name.endswith(".gz") else f"{name}.nii")
    place(scan, target)
    return target


def recon_all(t1w: Path, t2w: Path | None, subjects: Path) -> list[str | Path]:
    """Return the command line; a T2w refines the pial surface, as the paper's combined run has it."""
    more = ["-T2", t2w, "-T2pial"] if t2w else []
    return ["recon-all", "-subjid", SUBJECT, "-sd", subjects, "-i", t1w, *more, "-all"]


def _other_run(drawn_ml: float, told_ml: float) -> list[str]:
    """Return what is to be said of a mask whose subject's statistics have another volume."""
    if abs(drawn_ml - told_ml) <= SAME_RUN * told_ml:
        return []
    return [
        f"its aseg has {drawn_ml:.1f} mL on the T1w and its statistics {told_ml:.1f} mL: are they of one run, and is the aseg "
        "as recon-all left it?"
    ]


def read_etiv_ml(path: Path) -> float:
    """Return the estimated total intracranial volume, in mL, of an ``aseg.stats``.

    Raises
    ------
    ToolError
        Where the file does not have it in mm^3.
    """
    for measure in _measures(path):
        if measure[0] == MEASURE or measure[1:2] == [MEASURE]:
            return _in_ml(measure[-2], measure[-1], path)
    raise ToolError(f"{path}: has no measure {MEASURE}. Run recon-all to its end.")


def _measures(path: Path) -> list[list[str]]:
    """Return the lines ``# Measure name, field, words, value, unit`` of a statistics file."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    found = (re.match(r"#\s*Measure\s+(.*)", line) for line in lines)
    split = [[part.strip() for part in line.group(1).split(",")] for line in found if line]
    return [parts for parts in split if len(parts) >= 4]


def _in_ml(value: str, unit: str, path: Path) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if unit not in ("mm^3", "mm3") or not number > 0:
        raise ToolError(f"{path}: {MEASURE} is {value} {unit}, and mm^3 are due.")
    return number / 1000


def read_volumes_ml(path: Path) -> tuple[float, float]:
    """Return the left and right thalamus, in mL, of an ``aseg.stats`` of any version.

    Rows are told by SegId: the names changed from ``Left-Thalamus-Proper`` to ``Left-Thalamus``.

    Raises
    ------
    ToolError
        Where a side has no row.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    header = re.search(r"^#\s*ColHeaders\s+(.*)$", text, re.MULTILINE)
    columns = header.group(1).split() if header else []
    if not {"SegId", "Volume_mm3"} <= set(columns):
        raise ToolError(f"{path}: its columns SegId and Volume_mm3 are not named. Is it an aseg.stats?")
    label, volume = columns.index("SegId"), columns.index("Volume_mm3")
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found = {int(row[label]): float(row[volume]) / 1000 for row in rows if len(row) > max(label, volume)}
    if LEFT not in found or RIGHT not in found:
        raise ToolError(f"{path}: has no row of SegId {LEFT} or {RIGHT}.")
    return found[LEFT], found[RIGHT]


def _longitudinal(within: Path, session: Session) -> Path | None:
    """Return a visit's folder of the longitudinal stream, or ``None``.

    Raises
    ------
    ToolError
        Where there are several.
    """
    found = [
        path
        for stem in session.stems
        for path in sorted(within.glob(f"{stem}.long.*"))
        if (path / ASEG).is_file()
    ]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ToolError(f"{within}: {names} are all of {session.key}. Leave one there.")
    return found[0] if found else None


def _transform(found: Path) -> Path | None:
    """Return the transform from a time point to its base, of a folder of the longitudinal stream."""
    point, _, base = found.name.partition(".long.")
    return found.parent / base / "mri" / "transforms" / f"{point}_to_{base}.lta" if base else None


def _in_scan(aseg: nib.spatialimages.SpatialImage, found: Path) -> np.ndarray:
    """Return the affine of an aseg into the scan's world; the longitudinal stream's lies in its base's.

    Raises
    ------
    ToolError
        Where the transform of the longitudinal stream is absent.
    """
    path = _transform(found)
    if path is None:
        return aseg.affine
    if not path.is_file():
        raise ToolError(f"{found.name}: {path} is absent, without which it cannot be brought onto the scan.")
    return np.linalg.inv(read_lta(path)) @ aseg.affine
