"""What each method makes of a true volume: sizes, overlap with the reference, and the nested masks.

MindGlide's three masks are three sets. Seven disjoint parts (in all three, in two, in one alone) give
the sizes of all seven masks of the family, single, union and majority, so that every union contains its
members and the majority lies in every union. The published medians determine the mean of each part.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from thalutils.simulate.twin_people import RATER_SD_ML, Columns

TOOLS = ("FreeSurfer", "FIRST", "DBSegment")
FAMILY = (
    "MindGlide-T1", "MindGlide-FLAIR", "MindGlide-R1", "MindGlide-T1-FLAIR", "MindGlide-T1-R1",
    "MindGlide-R1-FLAIR", "MindGlide-T1-R1-FLAIR",
)  # fmt: skip
METHODS = (*TOOLS, *FAMILY)
CORE = "core"
# The parts beside the core, by the contrasts that see them; 1 is T1w, 2 FLAIR, 3 R1.
PARTS = ("12", "13", "23", "1", "2", "3")
_MEMBERS = {
    "MindGlide-T1": "1", "MindGlide-FLAIR": "2", "MindGlide-R1": "3", "MindGlide-T1-FLAIR": "12",
    "MindGlide-T1-R1": "13", "MindGlide-R1-FLAIR": "23",
}  # fmt: skip
PART_SPREAD = 0.5  # of a part's logarithm, between people
# Loading of each method's error on the error that all share; MindGlide follows FIRST, its envelope.
SHARED_ERROR = {"FreeSurfer": 0.6, "FIRST": 0.8, "DBSegment": 0.4, CORE: 0.8}
LARGEST_SHARE_OF_ENVELOPE = 0.99
# Median share of the smaller mask that lies in the other, and its spread on the logit scale (assumed).
INTERSECTIONS = {
    ("FreeSurfer", "FIRST"): 0.93, ("FreeSurfer", "DBSegment"): 0.97, ("FIRST", "DBSegment"): 0.975,
    ("FreeSurfer", "MindGlide-T1"): 0.97, ("DBSegment", "MindGlide-T1"): 0.86,
}  # fmt: skip
INTERSECTION_SPREAD = 0.35


@dataclass(frozen=True)
class Measurement:
    """How a method (or MindGlide's core) reads the true volume.

    size = ``offset_ml`` + ``gain`` x true + ``icv_ml`` x head size (SD) + ``error_ml`` x N(0, 1)
    """

    offset_ml: float
    gain: float
    icv_ml: float
    error_ml: float


@dataclass(frozen=True)
class Overlap:
    """The share of the smaller of mask and reference that lies in both: median's logit and its spread."""

    centre: float
    spread: float


@dataclass(frozen=True)
class MaskModel:
    """What calibration finds for sizes and overlaps; parts in mL, ``part_inside`` a share of the part."""

    sizes: Mapping[str, Measurement]
    parts_ml: Mapping[str, float]
    part_inside: Mapping[str, float]
    overlaps: Mapping[str, Overlap]


def family(parts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the sizes of MindGlide's seven masks from the core and the six parts beside it.

    Examples
    --------
    >>> sizes = family({"core": 9.0, "12": 0.3, "13": 0.2, "23": 0.1, "1": 0.1, "2": 0.0, "3": 0.4})
    >>> round(sizes["MindGlide-T1"], 1), round(sizes["MindGlide-T1-R1-FLAIR"], 1)
    (9.6, 9.6)
    """
    sizes = {
        mask: parts[CORE] + sum(parts[part] for part in PARTS if set(part) & set(members))
        for mask, members in _MEMBERS.items()
    }
    return sizes | {"MindGlide-T1-R1-FLAIR": parts[CORE] + parts["12"] + parts["13"] + parts["23"]}


def parts_of(sizes: Mapping[str, float]) -> dict[str, float]:
    """Return the core and the six parts that have these seven sizes: the inverse of :func:`family`."""
    both = {
        "12": sizes["MindGlide-T1"] + sizes["MindGlide-FLAIR"] - sizes["MindGlide-T1-FLAIR"],
        "13": sizes["MindGlide-T1"] + sizes["MindGlide-R1"] - sizes["MindGlide-T1-R1"],
        "23": sizes["MindGlide-R1"] + sizes["MindGlide-FLAIR"] - sizes["MindGlide-R1-FLAIR"],
    }
    core = (sum(both.values()) - sizes["MindGlide-T1-R1-FLAIR"]) / 2
    parts = {CORE: core} | {pair: size - core for pair, size in both.items()}
    for single, mask in (("1", "MindGlide-T1"), ("2", "MindGlide-FLAIR"), ("3", "MindGlide-R1")):
        shared = core + sum(size for pair, size in parts.items() if pair in both and single in pair)
        parts[single] = sizes[mask] - shared
    return parts


def draw_sizes(
    people: Columns, true_ml: np.ndarray, model: MaskModel, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Draw the sizes of all masks at the first visit, and MindGlide's parts, in mL.

    Returns
    -------
    sizes, parts : dict of arrays
        Each (studies, 321), by method (``manual`` for everyone) and by part.
    """
    common = rng.standard_normal(true_ml.shape)
    sizes = {"manual": true_ml + RATER_SD_ML * rng.standard_normal(true_ml.shape)}
    for name in (*TOOLS, CORE):
        load = SHARED_ERROR[name]
        error = load * common + np.sqrt(1 - load**2) * rng.standard_normal(true_ml.shape)
        how = model.sizes[name]
        sizes[name] = how.offset_ml + how.gain * true_ml + how.icv_ml * people["icv_z"] + how.error_ml * error
    parts = {CORE: sizes.pop(CORE)}
    for part in PARTS:
        noise = rng.standard_normal(true_ml.shape)
        parts[part] = model.parts_ml[part] * np.exp(PART_SPREAD * noise - PART_SPREAD**2 / 2)
    parts = inside_envelope(parts, sizes["FIRST"])
    sizes = {name: np.maximum(size, 1.0) for name, size in sizes.items()}
    return sizes | family(parts), parts


def inside_envelope(parts: Mapping[str, np.ndarray], envelope: np.ndarray) -> dict[str, np.ndarray]:
    """Return the parts, shrunk where together they would not fit inside FIRST's mask."""
    whole = sum(parts.values())
    shrink = np.minimum(1.0, LARGEST_SHARE_OF_ENVELOPE * envelope / whole)
    return {name: size * shrink for name, size in parts.items()}


def draw_overlap(
    sizes: Mapping[str, np.ndarray], parts: Mapping[str, np.ndarray], model: MaskModel, rng: np.random.Generator
) -> dict[str, np.ndarray]:  # fmt: skip
    """Draw how much of each mask lies in the reference, in mL, by method.

    Precision is this over the mask's size, sensitivity over the reference's, so that their ratio is the
    ratio of the sizes in every person.
    """
    manual = sizes["manual"]
    person = rng.standard_normal(manual.shape)
    inside = {}
    for name in (*TOOLS, CORE):
        how = model.overlaps[name]
        noise = 0.6 * person + 0.8 * rng.standard_normal(manual.shape)
        smaller = np.minimum(parts[CORE] if name == CORE else sizes[name], manual)
        inside[name] = expit(how.centre + how.spread * noise) * smaller
    tried = {CORE: inside.pop(CORE)}
    tried |= {part: model.part_inside[part] * parts[part] for part in PARTS}
    # What lies outside the reference lies inside FIRST too, and so does what lies in both.
    within = np.minimum(1.0, LARGEST_SHARE_OF_ENVELOPE * inside["FIRST"] / sum(tried.values()))
    return inside | family({part: size * within for part, size in tried.items()})


def draw_containment(
    sizes: Mapping[str, np.ndarray], rng: np.random.Generator
) -> dict[tuple[str, str], np.ndarray]:
    """Draw the share of each T1w mask that lies in each other one, for everyone."""
    masks = [*TOOLS, "MindGlide-T1"]
    shares = {(name, name): np.ones_like(sizes[name]) for name in masks}
    pairs = INTERSECTIONS | {("FIRST", "MindGlide-T1"): None}
    for (one, other), median in pairs.items():
        smaller = np.minimum(sizes[one], sizes[other])
        if median is None:  # the envelope
            common = sizes[other]
        else:
            centre = np.log(median / (1 - median))
            common = expit(centre + INTERSECTION_SPREAD * rng.standard_normal(smaller.shape)) * smaller
        shares[one, other], shares[other, one] = common / sizes[one], common / sizes[other]
    return shares
