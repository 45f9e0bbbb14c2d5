"""Tissue parameters at 3 T, per structure, from the literature; what the simulated scans are made of.

R1, PD, MT saturation and R2* follow the multi-parameter maps of Weiskopf et al. 2013 and Callaghan
et al. 2014 for white matter, cortex and deep grey matter; T2 follows Stanisz et al. 2005 and Wansapura
et al. 1999; lesions follow the ranges of MS lesions in Lommers et al. 2019. The values are rounded:
they set a realistic order of contrasts, and no result of the book should be read as a measurement of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

LEFT_THALAMUS, RIGHT_THALAMUS = 10, 49
LESION = 77
FLUID = (4, 5, 14, 15, 24, 43, 44, 72, 259)
WHITE_MATTER = (2, 41)
VENTRICLES = (4, 5, 14, 43, 44, 72)
CORTEX = (3, 42)
OUTSIDE_SKULL = (0, 165, 258, 259)
OUTSIDE_BRAIN = (*OUTSIDE_SKULL, 24)


@dataclass(frozen=True)
class Tissue:
    """Parameters of one kind of tissue, and the FreeSurfer labels that hold it."""

    name: str
    labels: tuple[int, ...]
    r1_per_s: float
    pd_percent: float
    r2star_per_s: float
    mtsat_percent: float
    t2_s: float


TISSUES = (
    Tissue("air", (0,), 1.0, 0.0, 20.0, 0.0, 0.050),
    Tissue("white matter", (2, 41), 1.05, 69.0, 21.0, 1.75, 0.070),
    Tissue("cortex", (3, 42), 0.64, 82.0, 16.0, 0.85, 0.097),
    Tissue("fluid", FLUID, 0.25, 100.0, 2.0, 0.05, 1.80),
    Tissue("cerebellar white matter", (7, 46), 0.98, 71.0, 20.0, 1.60, 0.075),
    Tissue("cerebellar cortex", (8, 47), 0.66, 81.0, 16.0, 0.85, 0.095),
    Tissue("thalamus", (10, 49), 0.80, 77.0, 20.0, 1.15, 0.080),
    Tissue("caudate", (11, 50), 0.70, 81.0, 20.0, 0.85, 0.082),
    Tissue("putamen", (12, 51), 0.76, 79.0, 23.0, 0.90, 0.075),
    Tissue("pallidum", (13, 52), 0.95, 73.0, 35.0, 1.25, 0.058),
    Tissue("brain stem", (16,), 0.92, 73.0, 19.0, 1.45, 0.078),
    Tissue("hippocampus and amygdala", (17, 18, 53, 54), 0.62, 83.0, 15.5, 0.80, 0.100),
    Tissue("accumbens", (26, 58), 0.66, 82.0, 18.0, 0.80, 0.088),
    Tissue("ventral diencephalon", (28, 60), 0.92, 73.0, 24.0, 1.35, 0.072),
    Tissue("vessel and choroid plexus", (30, 31, 62, 63), 0.50, 88.0, 12.0, 0.40, 0.150),
    Tissue("lesion", (77, 80), 0.70, 83.0, 15.0, 0.95, 0.140),
    Tissue("optic chiasm", (85,), 0.85, 75.0, 20.0, 1.30, 0.080),
    Tissue("skull", (165,), 1.50, 12.0, 60.0, 0.30, 0.030),
    Tissue("scalp", (258,), 1.30, 72.0, 30.0, 0.60, 0.045),
)

PARAMETERS = ("r1_per_s", "pd_percent", "r2star_per_s", "mtsat_percent", "t2_s")

# Relaxation falls faster than water rises, as water is free of what relaxes it: about threefold, chosen by us in the
# order of the linear relation between 1/T1 and 1/water in tissue.
WATER_GAIN = 3.0

# How much each parameter follows the smooth variation of myelin within a tissue.
TEXTURE_WEIGHT = {
    "r1_per_s": 1.0,
    "pd_percent": -0.25,
    "r2star_per_s": 1.0,
    "mtsat_percent": 1.5,
    "t2_s": -0.5,
}


def tissue_index(labels: np.ndarray) -> np.ndarray:
    """Return, for each FreeSurfer label, the place of its tissue in :data:`TISSUES`.

    Raises
    ------
    ValueError
        Where a label belongs to no tissue.

    Examples
    --------
    >>> [TISSUES[i].name for i in tissue_index(np.array([10, 49, 4]))]
    ['thalamus', 'thalamus', 'fluid']
    """
    places = {label: place for place, tissue in enumerate(TISSUES) for label in tissue.labels}
    unknown = [int(label) for label in labels if int(label) not in places]
    if unknown:
        raise ValueError(f"labels {unknown} belong to no tissue")
    return np.array([places[int(label)] for label in labels], dtype=np.uint8)


def parameter_table(
    border_contrast: float = 1.0, water_percent: Mapping[str, float] | None = None
) -> dict[str, np.ndarray]:
    """Return each parameter as an array over :data:`TISSUES`, in its units, as float32.

    Parameters
    ----------
    border_contrast : float
        How far the thalamus's R1 and MT saturation, which follow myelin, lie from those of white matter: 1 as in the
        literature, 0.5 half as far.
    water_percent : mapping from a tissue's name, optional
        By how much its water rose, in percent of what it was; nothing moves. PD follows it, and R1, R2, R2* and
        MT saturation fall by :data:`WATER_GAIN` times as much.

    Examples
    --------
    >>> thalamus = [tissue.name for tissue in TISSUES].index("thalamus")
    >>> round(float(parameter_table(0.5)["r1_per_s"][thalamus]), 3)
    0.925
    >>> drier = parameter_table(water_percent={"thalamus": -1.0})
    >>> round(float(drier["r1_per_s"][thalamus]), 3), round(float(drier["pd_percent"][thalamus]), 2)
    (0.824, 76.23)
    """
    table = {
        name: np.array([getattr(tissue, name) for tissue in TISSUES], dtype=np.float32) for name in PARAMETERS
    }
    names = [tissue.name for tissue in TISSUES]
    white, thalamus = names.index("white matter"), names.index("thalamus")
    for name in ("r1_per_s", "mtsat_percent"):
        values = table[name]
        values[thalamus] = values[white] + border_contrast * (values[thalamus] - values[white])
    for tissue, percent in (water_percent or {}).items():
        place, share = names.index(tissue), np.float32(percent / 100)
        table["pd_percent"][place] *= 1 + share
        table["t2_s"][place] /= 1 - WATER_GAIN * share
        for name in ("r1_per_s", "r2star_per_s", "mtsat_percent"):
            table[name][place] *= 1 - WATER_GAIN * share
    return table


def textured(values: np.ndarray, parameter: str, texture: np.ndarray) -> np.ndarray:
    """Vary a parameter with the smooth relative `texture` of the tissue (0 = none).

    Examples
    --------
    >>> float(textured(np.array(0.8), "r1_per_s", np.array(0.05)).round(3))
    0.84
    """
    return values * (1 + np.float32(TEXTURE_WEIGHT[parameter]) * texture)
