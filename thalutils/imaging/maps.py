"""Quantitative maps of a visit: from its multi-parameter scans to R1, PD, MTsat and R2*."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to

from thalutils.bids import CONTRASTS
from thalutils.errors import ImageError
from thalutils.files import hash_file, read_json
from thalutils.imaging import accuracy, gibbs, hmri, proton_density, qmri, quality
from thalutils.process import cached, code_hash
from thalutils.stage import Rows, Task, usable_scans

STAGE = "2-5-1-quantitative-maps"
UNITS = {"R1map": "1/s", "PDmap": "percent", "MTsat": "percent", "R2starmap": "1/s"}
OWN = "study"
SIDECAR_KEYS = ("RepetitionTimeExcitation", "EchoTime", "FlipAngle")


def make_maps(task: Task) -> Rows:
    """Reconstruct one visit's maps, keep them among the derivatives, and hold them against the truth.

    Maps that the hMRI toolbox has made are read instead.

    Raises
    ------
    ImageError
        Where an echo, a contrast, the transmit field or an entry of a sidecar is missing, or a map that was
        made already cannot be used.
    """
    ready = hmri.find(task.cohort, task.session)
    made = _read(task, ready) if ready else _make(task)
    names = {f"{name}.nii.gz": f"{name}.nii.gz" for name in UNITS if (made / f"{name}.nii.gz").exists()}
    for name in UNITS:
        task.derivative(f"{name}.nii.gz").unlink(missing_ok=True)
    task.keep(made, names | {"valid.nii.gz": "desc-valid_mask.nii.gz"})
    factors = read_json(made / "factors.json") or {}
    rows = [
        task.row(map=name, source=hmri.SOURCE if ready else OWN, factor=factors.get(name, 1.0))
        for name in UNITS
        if f"{name}.nii.gz" in names
    ]
    return {"map_accuracy": _accuracy(task), "maps": rows}


def _read(task: Task, ready: dict[str, Path]) -> Path:
    """Return the folder with a visit's finished maps in the study's units."""
    key = {
        "maps": {name: hash_file(path) for name, path in ready.items()},
        "code": code_hash("thalutils.imaging.hmri"),
    }
    return cached(task.cohort.cache, "read-hMRI", key, lambda folder: hmri.read(ready, folder))


def _make(task: Task) -> Path:
    """Return the folder with the maps that the study makes of a visit's scans."""
    scans = usable_scans(task.cohort, task.session)
    echoes = _echoes(task, scans)
    b1 = scans.get("TB1map")
    if b1 is None:
        raise ImageError("no usable transmit-field map (TB1map): R1 would follow the field, not the tissue.")
    key = {
        "echoes": {
            name: [(hash_file(path), _entries(path)) for path in paths] for name, paths in echoes.items()
        },
        "b1": hash_file(b1),
        "options": task.options,
        "code": code_hash("thalutils.imaging.qmri", "thalutils.imaging.maps"),
    }
    return cached(
        task.cohort.cache, "maps", key, lambda folder: _reconstruct(echoes, b1, task.options, folder)
    )


def _echoes(task: Task, scans: dict[str, Path]) -> dict[str, list[Path]]:
    """Return each contrast's echoes; every echo that was acquired must be usable."""
    found = {}
    for contrast in CONTRASTS:
        acquired = task.session.echoes(contrast)
        usable = [path for path in acquired if path in scans.values()]
        if len(usable) < len(acquired):
            raise ImageError(
                f"{contrast}: {len(acquired) - len(usable)} of {len(acquired)} echoes are not usable; see above."
            )
        numbers = {name.rsplit("-", 1)[1] for name in scans if name.startswith(f"MPM-{contrast}-")}
        gap = set(map(str, range(1, len(usable) + 1))) - numbers
        if gap:
            raise ImageError(f"{contrast}: echo {', '.join(sorted(gap))} is missing.")
        if usable:
            found[contrast] = usable
    lacking = [contrast for contrast in ("PDw", "T1w") if len(found.get(contrast, [])) < 2]
    if lacking:
        raise ImageError(f"no multi-parameter scans of {' and '.join(lacking)} with two echoes or more.")
    return found


def _entries(path: Path) -> dict[str, float]:
    sidecar = read_json(path.with_name(path.name.split(".")[0] + ".json")) or {}
    lacking = [key for key in SIDECAR_KEYS if not isinstance(sidecar.get(key), int | float)]
    if lacking:
        raise ImageError(
            f"{path.name}: its JSON sidecar lacks {', '.join(lacking)}. Add them (seconds, degrees)."
        )
    return {key: float(sidecar[key]) for key in SIDECAR_KEYS}


def _contrast(paths: list[Path], unring: bool) -> tuple[qmri.Contrast, nib.Nifti1Image]:
    images = [quality.load(path) for path in paths]
    for image, path in zip(images, paths, strict=True):
        if image.shape != images[0].shape or not np.allclose(image.affine, images[0].affine, atol=1e-3):
            raise ImageError(f"{path.name}: lies on another grid than {paths[0].name}.")
    entries = [_entries(path) for path in paths]
    signal = np.stack([image.get_fdata(dtype=np.float32) for image in images], axis=-1)
    contrast = qmri.Contrast(
        signal=gibbs.unring(signal) if unring else signal,
        te_s=tuple(entry["EchoTime"] for entry in entries),
        tr_s=entries[0]["RepetitionTimeExcitation"],
        flip_deg=entries[0]["FlipAngle"],
    )
    return contrast, images[0]


def _reconstruct(echoes: dict[str, list[Path]], b1: Path, options: dict[str, Any], folder: Path) -> None:
    series = {name: _contrast(paths, options["unring"]) for name, paths in echoes.items()}
    contrasts = {name: contrast for name, (contrast, _) in series.items()}
    grid = series["PDw"][1]
    field = resample_from_to(quality.load(b1), grid, order=1, mode="nearest").get_fdata(dtype=np.float32)
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
    """Hold the maps against the true ones in voxels that hold one tissue; nothing where no truth is known."""
    session = task.session
    if "truth" not in task.cohort.settings.references:
        return []
    folder = task.cohort.bids / "derivatives" / "truth" / session.participant_id / session.session_id / "anat"
    pure = folder / f"{session.key}_space-MPM_desc-pure_dseg.nii.gz"
    if not pure.exists():
        return []
    labels = np.asarray(nib.load(pure).dataobj)
    names = {
        int(key): value for key, value in read_json(pure.with_name(f"{pure.name.split('.')[0]}.json")).items()
    }
    rows = []
    for name in UNITS:
        made = task.derivative(f"{name}.nii.gz")
        if not made.exists():
            continue
        truth = nib.load(folder / f"{session.key}_space-MPM_{name}.nii.gz").get_fdata(dtype=np.float32)
        estimate = nib.load(made).get_fdata(dtype=np.float32)
        found = accuracy.bias_and_precision(estimate, truth, labels, names)
        rows += [task.row(map=name, **row) for row in found.to_dict("records")]
    return rows
