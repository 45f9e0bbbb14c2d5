"""What a year changes: brain volume, every mask's size, and what may tie EDSS to both."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from thalutils import reported
from thalutils.simulate.twin_masks import CORE, FAMILY, PARTS, TOOLS, family, inside_envelope
from thalutils.simulate.twin_people import GROUPS, NAMES, Columns

SWITCHES = ("shared-noise", "pseudoatrophy", "relapse-recovery", "nothing")
# Change of each group relative to the cohort's, in % of the volume: the reported pattern, whose figures
# stand only in the supplement, so that these are assumptions.
GROUP_CHANGE = {
    CORE: {"HC": 0.6, "PMS": -0.3, "MOGAD": -0.8, "RIS": -0.2, "CIS": -0.3, "iON": -0.2},
    "FIRST": {"HC": 0.6, "PMS": -0.7, "MOGAD": -0.2, "RIS": -0.1, "CIS": -0.2, "iON": -0.1},
    "DBSegment": {"HC": 0.1, "PMS": -0.5, "NMOSD": 0.15, "MOGAD": -0.1},
    "FreeSurfer": {"HC": 0.5, "PMS": -0.5, "MOGAD": -0.2},
}
BRAIN_CHANGE = {"HC": 0.25, "PMS": -0.3, "MOGAD": -0.1}
# Correlation of what is left after brain volume change with what all masks of one pair of scans share.
SHARED_CHANGE = {CORE: 0.7, "FIRST": 0.6, "FreeSurfer": 0.5, "DBSegment": 0.3}
CHANGE_SPREAD = {"FreeSurfer": 1.9}  # %, where the paper reports none
CHANGE_MEAN = {"FreeSurfer": -0.6}
BRAIN_CORRELATION = {"FreeSurfer": 0.45, "FIRST": 0.48}  # not reported as figures
# Chosen among a few values by the reported spreads of change of MindGlide's masks.
PART_CHANGE_SPREAD = 0.2  # of a part's logarithm, between visits
TRUE_CHANGE = {"mean": -0.5, "spread": 0.6, "brain": 0.6}  # %, and its correlation with PBVC
# Who carries the tie of EDSS and volume, and how it is distributed, by switch.
TIED_SHARE = {"shared-noise": 1.0, "pseudoatrophy": 0.3, "relapse-recovery": 0.15, "nothing": 0.0}
TIED_EDSS = 0.3  # EDSS points per standard deviation of the tie


@dataclass(frozen=True)
class ChangeModel:
    """What calibration finds: means and spreads in %, brain correlations, ties, and parts' mean growth.

    ``ties`` are loadings of each method's change, in its standard deviations, on the tie with EDSS.
    """

    means: Mapping[str, float]
    spreads: Mapping[str, float]
    brain: Mapping[str, float]
    ties: Mapping[str, float]
    part_growth: Mapping[str, float]


def draw_tie(switch: str, people: Columns, rng: np.random.Generator) -> np.ndarray:
    """Draw what ties EDSS change to volume change, of variance 1, zero where nothing does.

    - ``shared-noise``: one normal disturbance of the year for everybody;
    - ``pseudoatrophy``: in some patients inflammation is treated: water leaves the tissue (volume falls)
      and disability falls with it, never the other way round;
    - ``relapse-recovery``: a few came in a relapse, swollen and disabled, and both have gone a year later;
    - ``nothing``: volumes and EDSS change independently but for true loss.
    """
    shape = people["age_years"].shape
    uniform, normal = rng.random(shape), rng.standard_normal(shape)
    share = TIED_SHARE[switch]
    if switch == "nothing":
        return np.zeros(shape)
    if switch == "shared-noise":
        return normal
    depth = -np.abs(normal) if switch == "pseudoatrophy" else -1.0 + 0.3 * normal
    patient = people["group"] != NAMES.tolist().index("HC")
    tie = np.where((uniform < share) & patient, depth, 0.0)
    return (tie - tie.mean()) / tie.std()


def draw_changes(
    people: Columns, sizes: Mapping[str, np.ndarray], parts: Mapping[str, np.ndarray], tie: np.ndarray,
    model: ChangeModel, rng: np.random.Generator,
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:  # fmt: skip
    """Draw the sizes at the second visit, brain volume change and true thalamic change.

    Returns
    -------
    sizes : dict of arrays
        mL by method, (studies, 321), for everyone; who is followed is decided elsewhere.
    pbvc, true : arrays
        Percent.
    """
    target = reported.values()["brain_volume_change"]["cohort"]
    standard = rng.standard_normal(tie.shape)
    pbvc = target[0] + _centred(BRAIN_CHANGE, people) + target[1] * standard
    shared = rng.standard_normal(tie.shape)
    percent = {}
    for name in (*TOOLS, CORE):
        brain, tied, together = model.brain[name], model.ties[name], SHARED_CHANGE[name]
        own = together * shared + np.sqrt(1 - together**2) * rng.standard_normal(tie.shape)
        left = np.sqrt(max(0.0, 1 - brain**2 - tied**2 * (tie.std() > 0)))
        noise = brain * standard + tied * tie + left * own
        percent[name] = model.means[name] + _centred(GROUP_CHANGE[name], people) + model.spreads[name] * noise
    later = {name: sizes[name] * (1 + percent[name] / 100) for name in TOOLS}
    moved = {CORE: parts[CORE] * (1 + percent[CORE] / 100)}
    for part in PARTS:
        noise = rng.standard_normal(tie.shape)
        spread = PART_CHANGE_SPREAD
        moved[part] = parts[part] * (1 + model.part_growth[part]) * np.exp(spread * noise - spread**2 / 2)
    moved = inside_envelope(moved, later["FIRST"])
    how = TRUE_CHANGE
    own = np.sqrt(1 - how["brain"] ** 2) * rng.standard_normal(tie.shape)
    true = (
        how["mean"]
        + _centred(GROUP_CHANGE[CORE], people) / 2
        + how["spread"] * (how["brain"] * standard + own)
    )
    return later | family(moved), pbvc, true


def _centred(by_group: Mapping[str, float], people: Columns) -> np.ndarray:
    """Return each person's group offset, with mean zero over those who are followed."""
    offsets = np.array([by_group.get(group.name, 0.0) for group in GROUPS])
    shares = np.array([group.n_followed for group in GROUPS])
    return (offsets - shares @ offsets / shares.sum())[people["group"]]


def change_percent(first: Mapping[str, np.ndarray], later: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the change of every method in % of the first visit's volume."""
    return {name: 100 * (later[name] / first[name] - 1) for name in (*TOOLS, *FAMILY)}
