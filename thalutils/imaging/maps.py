"""Quantitative maps of a visit: from its multi-parameter scans to R1, PD, MTsat and R2*, or from flip angles to R1."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.processing import resample_from_to

from thalutils import stage
from thalutils.bids import CONTRASTS, Session
from thalutils.cohort import Cohort
from thalutils.errors import ImageError
from thalutils.files import hash_file, read_json
from thalutils.imaging import accuracy, echoes, gibbs, hmri, proton_density, qmri, quality, vfa
from thalutils.imaging.registration import R1_MAX_PER_S
from thalutils.process import cached, code_hash
from thalutils.scan_source import MAP_UNITS, suffix
from thalutils.stage import Rows, Task, usable_scans

STAGE = "2-5-1-quantitative-maps"
UNITS = {"R1map": "1/s", "PDmap": "percent", "MTsat": "percent", "R2starmap": "1/s"}
OWN, FLIPS, DATASET = "study", "study (VFA)", "dataset"
VALID = "desc-valid_mask.nii.gz"
SIDECAR_KEYS = ("RepetitionTimeExcitation", "EchoTime", "FlipAngle")
# What a spoiled gradient echo of a head can have; in milliseconds or radians the same falls outside.
PLAUSIBLE = (
    ("RepetitionTimeExcitation", 0.002, 1.0, "seconds"),
    ("EchoTime", 0.0003, 0.2, "seconds"),
    ("FlipAngle", 1.0, 90.0, "degrees"),
)
LARGEST_FRACTION = 10.0
# The median of a head's R1 lies near 1 1/s, so that factors of 1000 tell units apart.
MEDIAN_R1_PER_S = (0.1, 10.0)
TO_R1_PER_S = {"1/s": 1.0, "1/ms": 1000.0, "s": 1.0, "ms": 1000.0}


def run(cohort: Cohort, participants: str, options: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Make the maps of the chosen people; return the tables ``map_accuracy``, ``maps`` and ``exclusions``.

    How many echoes visits of the whole dataset have is counted first, since a missing last echo shows nowhere else.

    Raises
    ------
    StageFailure
        After all the rest is written, where a task failed in an unforeseen way.
    """
    return stage.run(
        cohort, STAGE, participants, make_maps, makes=["map_accuracy", "maps"],
        options=options | {"protocols": echoes.protocols(cohort)},
    )  # fmt: skip


def make_maps(task: Task) -> Rows:
    """Reconstruct one visit's maps, keep them among the derivatives, and hold them against the truth.

    Maps that the hMRI toolbox has made, or a map of R1 or T1 among the scans, are read instead. Where there are neither
    these nor multi-parameter scans, R1 is fitted to scans of several flip angles. A visit without any of these has no
    maps.

    Raises
    ------
    ImageError
        Where an echo, a contrast, the transmit field or an entry of a sidecar is missing, or a map that was
        made already cannot be used.
    """
    for name in (*(f"{name}.nii.gz" for name in UNITS), VALID):
        task.derivative(name).unlink(
            missing_ok=True
        )  # what cannot be made any more must not stay from before
    found = _found(task)
    if found is None:
        return {}
    made, source = found
    names = {f"{name}.nii.gz": f"{name}.nii.gz" for name in UNITS if (made / f"{name}.nii.gz").exists()}
    task.keep(made, names | {"valid.nii.gz": VALID})
    factors = read_json(made / "factors.json") or {}
    rows = [
        task.row(map=name, source=source, factor=factors.get(name, 1.0))
        for name in UNITS
        if f"{name}.nii.gz" in names
    ]
    return {"map_accuracy": _accuracy(task), "maps": rows}


def _found(task: Task) -> tuple[Path, str] | None:
    """Return the folder with a visit's maps and where they are from; ``None`` where nothing gives any."""
    toolbox = hmri.find(task.cohort, task.session)
    if toolbox:
        return _read(task, toolbox), hmri.SOURCE
    scans = usable_scans(task.cohort, task.session)
    if quality.READY_MAP in scans:
        return _take(task, scans[quality.READY_MAP]), DATASET
    if any(task.session.echoes(contrast) for contrast in CONTRASTS):
        return _make(task, scans), OWN
    return (_fit_flips(task, scans), FLIPS) if task.session.flips() else None


def _read(task: Task, ready: dict[str, Path]) -> Path:
    """Return the folder with a visit's finished maps in the study's units."""
    key = {
        "maps": {name: hash_file(path) for name, path in ready.items()},
        "code": code_hash("thalutils.imaging.hmri"),
    }
    return cached(task.cohort.cache, "read-hMRI", key, lambda folder: hmri.read(ready, folder))


def _make(task: Task, scans: dict[str, Path]) -> Path:
    """Return the folder with the maps that the study makes of a visit's scans."""
    series = echoes.whole(task.session, scans, task.options.get("protocols", {}))
    b1 = _field_map(scans)
    key = {
        "echoes": {
            name: [(hash_file(path), entries(task.session, path)) for path in paths]
            for name, paths in series.items()
        },
        "b1": hash_file(b1),
        "options": {name: task.options[name] for name in ("form", "weighting", "unring")},
        "code": code_hash("thalutils.imaging.qmri", "thalutils.imaging.maps"),
    }
    return cached(
        task.cohort.cache,
        "maps",
        key,
        lambda folder: _reconstruct(task.session, series, b1, task.options, folder),
    )


def _field_map(scans: dict[str, Path]) -> Path:
    if "TB1map" not in scans:
        raise ImageError("no usable transmit-field map (TB1map): R1 would follow the field, not the tissue.")
    return scans["TB1map"]


def _fit_flips(task: Task, scans: dict[str, Path]) -> Path:
    """Return the folder with the R1 map of a visit's scans of several flip angles."""
    acquired = task.session.flips()
    paths = [path for path in acquired if path in scans.values()]
    if len(paths) < len(acquired):
        raise ImageError(
            f"VFA: {len(acquired) - len(paths)} of {len(acquired)} scans are not usable; see above."
        )
    b1, said = _field_map(scans), [entries(task.session, path) for path in paths]
    for name in ("RepetitionTimeExcitation", "EchoTime"):
        if len({one[name] for one in said}) > 1:
            told = ", ".join(f"{one[name]:g}" for one in said)
            raise ImageError(
                f"VFA: {name} differs between the scans ({told} s), and only the flip angle may."
            )
    key = {
        "scans": [(hash_file(path), one) for path, one in zip(paths, said, strict=True)], "b1": hash_file(b1),
        "code": code_hash("thalutils.imaging.vfa", "thalutils.imaging.maps"),
    }  # fmt: skip

    def write(folder: Path) -> None:
        signal, grid = _stacked(paths)
        flips = [one["FlipAngle"] for one in said]
        field = _field_percent(b1, grid) / 100
        r1, amplitude = vfa.r1_and_amplitude(signal, flips, said[0]["RepetitionTimeExcitation"], field)
        with np.errstate(invalid="ignore"):
            valid = (r1 > 0) & (r1 <= R1_MAX_PER_S) & (amplitude > 0) & (field > 0)
        nib.save(nib.Nifti1Image(np.where(valid, r1, np.float32(0)), grid.affine), folder / "R1map.nii.gz")
        nib.save(nib.Nifti1Image(valid.astype(np.uint8), grid.affine), folder / "valid.nii.gz")

    return cached(task.cohort.cache, "vfa", key, write)


def _take(task: Task, path: Path) -> Path:
    """Return the folder with a finished map of R1 or T1 as the visit's R1 map, in 1/s."""
    source = task.cohort.settings.scans.get(quality.READY_MAP)
    unit = source.unit if source else None
    key = {"map": hash_file(path), "unit": unit, "code": code_hash("thalutils.imaging.maps")}

    def write(folder: Path) -> None:
        image = quality.load(path, holes=True)
        r1 = r1_per_s(image.get_fdata(dtype=np.float32), suffix(path), unit, path.name)
        nib.save(nib.Nifti1Image(r1, image.affine), folder / "R1map.nii.gz")
        nib.save(nib.Nifti1Image((r1 > 0).astype(np.uint8), image.affine), folder / "valid.nii.gz")

    return cached(task.cohort.cache, "ready-maps", key, write)


def r1_per_s(values: np.ndarray, kind: str, unit: str | None, name: str) -> np.ndarray:
    """Return a map of R1 or T1 as R1 in 1/s, 0 where it is no tissue's.

    Parameters
    ----------
    values : array
        Of any shape; 0 or less where the map holds nothing.
    kind : str
        ``R1map`` or ``T1map``.
    unit : str, optional
        ``1/s`` or ``1/ms`` of R1, ``s`` or ``ms`` of T1; where not given, the one that suits the values.
    name : str
        For messages.

    Returns
    -------
    array of float32
        R1 in 1/s, of the same shape, within 0 to 2.

    Raises
    ------
    ImageError
        Where the values are no head's in this unit, or in any.

    Examples
    --------
    >>> r1_per_s(np.array([0.0, 1250.0, 800.0]), "T1map", "ms", "a map").round(2).tolist()
    [0.0, 0.800000011920929, 1.25]
    """
    positive = values > 0
    if not positive.any():
        raise ImageError(f"{name}: no value above 0.")
    median = float(np.median(values[positive]))
    low, high = MEDIAN_R1_PER_S
    for one in (unit,) if unit else MAP_UNITS[kind]:
        factor = TO_R1_PER_S[one]
        middle = median * factor if kind == "R1map" else factor / median
        if low <= middle <= high:
            break
    else:
        raise ImageError(
            f"{name}: half its values lie below {median:.3g}, which no head has in {unit or ' or '.join(MAP_UNITS[kind])}. "
            "Set `scans: R1: unit:` in the YAML, or name another map."
        )
    with np.errstate(divide="ignore"):
        found = values * factor if kind == "R1map" else factor / np.where(positive, values, np.inf)
    return np.where(positive & (found <= R1_MAX_PER_S), found, 0).astype(np.float32)


def entries(session: Session, path: Path) -> dict[str, float]:
    """Return the entries of a scan's sidecars that the maps are computed from, in seconds and degrees.

    Raises
    ------
    ImageError
        Where one is missing, or cannot be in the unit that BIDS asks for.
    """
    said = session.sidecar(path)
    said.setdefault("RepetitionTimeExcitation", said.get("RepetitionTime"))
    lacking = [key for key in SIDECAR_KEYS if not isinstance(said.get(key), int | float)]
    if lacking:
        raise ImageError(
            f"{path.name}: its JSON sidecar lacks {', '.join(lacking)}. Add them (seconds, degrees)."
        )
    found = {key: float(said[key]) for key in SIDECAR_KEYS}
    for key, low, high, unit in PLAUSIBLE:
        if not low <= found[key] <= high:
            raise ImageError(
                f"{path.name}: {key} is {found[key]:g} in its JSON sidecar, and BIDS has it in {unit}: from {low:g} to "
                f"{high:g}. Correct the unit."
            )
    return found


def _stacked(paths: list[Path]) -> tuple[np.ndarray, nib.Nifti1Image]:
    """Return scans of one grid in one array, the scan last, and the first as an image."""
    images = [quality.load(path) for path in paths]
    for image, path in zip(images, paths, strict=True):
        if image.shape != images[0].shape or not np.allclose(image.affine, images[0].affine, atol=1e-3):
            raise ImageError(f"{path.name}: lies on another grid than {paths[0].name}.")
    return np.stack([image.get_fdata(dtype=np.float32) for image in images], axis=-1), images[0]


def _field_percent(b1: Path, grid: nib.Nifti1Image) -> np.ndarray:
    """Return the transmit field on a grid, in percent of nominal."""
    field = resample_from_to(quality.load(b1), grid, order=1, mode="nearest").get_fdata(dtype=np.float32)
    if np.percentile(field, 90) < LARGEST_FRACTION:  # 1 is nominal, not 100
        field = 100 * field
    return field


def _contrast(session: Session, paths: list[Path], unring: bool) -> tuple[qmri.Contrast, nib.Nifti1Image]:
    signal, grid = _stacked(paths)
    said = [entries(session, path) for path in paths]
    contrast = qmri.Contrast(
        signal=gibbs.unring(signal) if unring else signal,
        te_s=tuple(entry["EchoTime"] for entry in said),
        tr_s=said[0]["RepetitionTimeExcitation"],
        flip_deg=said[0]["FlipAngle"],
    )
    return contrast, grid


def _reconstruct(
    session: Session, series: dict[str, list[Path]], b1: Path, options: dict[str, Any], folder: Path
) -> None:
    read = {name: _contrast(session, paths, options["unring"]) for name, paths in series.items()}
    contrasts = {name: contrast for name, (contrast, _) in read.items()}
    grid = read["PDw"][1]
    field = _field_percent(b1, grid)
    maps = qmri.quantitative_maps(
        contrasts["PDw"], contrasts["T1w"], contrasts.get("MTw"), field,
        form=options["form"], weighting=options["weighting"],
    )  # fmt: skip
    amplitude = maps.pd_percent
    # Tissue is told from air by the PDw signal: the receive field is fitted where there is any.
    signal = contrasts["PDw"].signal[..., 0]
    head = maps.valid & (signal > 0.1 * np.percentile(signal, 99))
    size = tuple(float(edge) for edge in grid.header.get_zooms()[:3])
    amplitude, _ = proton_density.receive_field_correction(amplitude, head, voxel_size_mm=size)
    white = head & (maps.r1_per_s > 0.9) & (maps.r1_per_s < 1.2)
    if white.sum() > 1000:
        amplitude = proton_density.calibrate_pd(amplitude, white)
    found = {
        "R1map": maps.r1_per_s,
        "PDmap": np.clip(np.where(maps.valid, amplitude, 0), 0, 200),
        "MTsat": maps.mtsat_percent,
        "R2starmap": maps.r2star_per_s,
    }
    for name, values in found.items():
        if values is not None:
            nib.save(nib.Nifti1Image(values.astype(np.float32), grid.affine), folder / f"{name}.nii.gz")
    nib.save(nib.Nifti1Image(maps.valid.astype(np.uint8), grid.affine), folder / "valid.nii.gz")


def _accuracy(task: Task) -> list[dict[str, Any]]:
    """Hold the maps against the true ones, in pure voxels and in mixed ones; nothing where no truth is known."""
    session = task.session
    if "truth" not in task.cohort.settings.references:
        return []
    folder = task.cohort.bids / "derivatives" / "truth" / session.participant_id / session.session_id / "anat"
    majority = f"{session.key}_space-MPM_desc-majority"
    if not (folder / f"{majority}_dseg.nii.gz").exists():
        return []
    labels = np.asarray(nib.load(folder / f"{majority}_dseg.nii.gz").dataobj)
    shares = np.asarray(nib.load(folder / f"{majority}_probseg.nii.gz").dataobj)
    valid = np.asarray(nib.load(task.derivative(VALID)).dataobj)
    names = {int(key): value for key, value in read_json(folder / f"{majority}_dseg.json").items()}
    rows = []
    for name in UNITS:
        made = task.derivative(f"{name}.nii.gz")
        if not made.exists():
            continue
        truth = nib.load(folder / f"{session.key}_space-MPM_{name}.nii.gz").get_fdata(dtype=np.float32)
        estimate = nib.load(made).get_fdata(dtype=np.float32)
        found = accuracy.bias_and_precision(estimate, truth, valid, labels, shares, names)
        rows += [task.row(map=name, **row) for row in found.to_dict("records")]
    return rows
