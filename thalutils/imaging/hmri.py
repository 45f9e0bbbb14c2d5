"""Maps that the hMRI toolbox has made (Tabelow et al. 2019), read in place of the study's own.

Its versions differ in names and units. R1 is in 1/s, or in 1000/s in old ones; R2* in 1/s, or in 1/ms; PD
and MT saturation in percent. Which, is told by the values: no tissue has an R1 of 1000/s.
"""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from thalutils import finished
from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ImageError
from thalutils.files import write_json

SOURCE = "hMRI"


@dataclass(frozen=True)
class Kind:
    """What is known of one kind of map.

    Attributes
    ----------
    endings : tuple of str
        How its files' names end, BIDS's first.
    usual : tuple of float
        Between which values, in the study's units, the median of a head's positive voxels lies.
    factors : tuple of float
        From the units that there are to the study's.
    largest : float
        In the study's units; more is no tissue and becomes 0.
    """

    endings: tuple[str, ...]
    usual: tuple[float, float]
    factors: tuple[float, ...]
    largest: float


KINDS = {
    "R1map": Kind(("R1map", "R1"), (0.1, 3.0), (1.0, 1e-3, 1e3), 2.0),
    "PDmap": Kind(("PDmap", "PD"), (10.0, 200.0), (1.0,), 200.0),
    "MTsat": Kind(("MTsat", "MTsatmap", "MT"), (0.05, 10.0), (1.0,), 100.0),
    "R2starmap": Kind(("R2starmap", "R2s_WLS", "R2s_OLS", "R2s"), (2.0, 200.0), (1.0, 1e3), 1000.0),
}


def find(cohort: Cohort, session: Session) -> dict[str, Path]:
    """Return a visit's maps by the study's names; empty without an R1 map.

    They lie in the cohort's folder for hMRI, or in a folder ``Results`` there, as the toolbox makes it.

    Raises
    ------
    ToolError
        Where several files are the same map.
    """
    within = finished.folder(cohort, SOURCE)
    if within is None:
        return {}
    person = within / session.participant_id
    places = (within, person / session.session_id / "Results", person / "Results")
    found: dict[str, Path] = {}
    for name, kind in KINDS.items():
        patterns = [f"*_{ending}{suffix}" for ending in kind.endings for suffix in (".nii", ".nii.gz")]
        for place in (one for one in places if one.is_dir()):
            path = finished.find(place, session, *patterns)
            if path:
                found[name] = path
                break
    return found if "R1map" in found else {}


def read(paths: dict[str, Path], folder: Path) -> None:
    """Write maps in the study's units and names, the voxels that are valid, and the factors used.

    Leaves ``<name>.nii.gz`` (float32, no NaN), ``valid.nii.gz`` and ``factors.json`` in `folder`.

    Raises
    ------
    ImageError
        Where a map cannot be read, its values are of no known unit, or the maps lie on several grids.
    """
    factors, grid = {}, None
    for name, path in paths.items():
        image = _load(path)
        grid = image if grid is None else grid
        if image.shape != grid.shape or not np.allclose(image.affine, grid.affine, atol=1e-3):
            raise ImageError(f"{path.name}: lies on another grid than the visit's R1 map.")
        values = image.get_fdata(dtype=np.float32)
        kind = KINDS[name]
        factors[name] = factor(values, kind, path.name)
        scaled = np.nan_to_num(values * np.float32(factors[name]), nan=0, posinf=0, neginf=0)
        scaled = np.where((scaled > 0) & (scaled <= kind.largest), scaled, np.float32(0))
        nib.save(nib.Nifti1Image(scaled.astype(np.float32), image.affine), folder / f"{name}.nii.gz")
        if name == "R1map":
            nib.save(nib.Nifti1Image((scaled > 0).astype(np.uint8), image.affine), folder / "valid.nii.gz")
    write_json(folder / "factors.json", factors)


def _load(path: Path) -> nib.Nifti1Image:
    try:
        image = nib.squeeze_image(nib.load(path))
        image.get_fdata(dtype=np.float32)
    except Exception as error:  # nibabel and zlib each have their own for a damaged file
        raise ImageError(f"{path.name}: cannot be read to its end ({type(error).__name__}).") from None
    if image.ndim != 3:
        raise ImageError(f"{path.name}: has {image.ndim} dimensions where 3 are due.")
    return image


def factor(values: np.ndarray, kind: Kind, name: str) -> float:
    """Return what a map's values are multiplied by to be in the study's units.

    Raises
    ------
    ImageError
        Where no known unit makes its median that of a head.

    Examples
    --------
    >>> factor(np.full(9, 950.0), KINDS["R1map"], "R1")
    0.001
    """
    positive = values[np.isfinite(values) & (values > 0)]
    median = float(np.median(positive)) if positive.size else float("nan")
    for one in kind.factors:
        if kind.usual[0] <= median * one <= kind.usual[1]:
            return one
    raise ImageError(
        f"{name}: its median is {median:.3g}, which is in no unit that the hMRI toolbox has. "
        "Convert it to 1/s (R1, R2*) or percent (PD, MTsat)."
    )
