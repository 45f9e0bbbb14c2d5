"""Who the twin's people are: group, sex, age, duration, head size, true volume, scores, references."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from thalutils import reported
from thalutils.schemas import EDSS_STEPS

Columns = dict[str, np.ndarray]
OLDEST, YOUNGEST, EARLIEST_ONSET = 80.0, 18.0, 10.0
EDSS_SCORES = np.array(EDSS_STEPS[: len(EDSS_STEPS) - 3])  # up to 8.5
MEN_ICV_ML, WOMEN_ICV_ML = 1600.0, 1430.0


@dataclass(frozen=True)
class Group:
    """One diagnosis: how many, and how it differs; everything but the counts is an assumption.

    Attributes
    ----------
    n, n_followed, n_women, n_women_followed : int
        People, those with a second visit, and women among both.
    age_offset : float
        Mean age relative to RRMS, in years.
    duration : float
        Mean time since first symptom relative to RRMS (a ratio); 0 for controls.
    volume_ml : float
        Thalamus relative to RRMS, on the rater's scale, before duration acts.
    edss : float
        Shift of the latent disability, in its standard deviations.
    """

    name: str
    n: int
    n_followed: int
    n_women: int
    n_women_followed: int
    age_offset: float
    duration: float
    volume_ml: float
    edss: float


# RIS, CIS and iON are reported together (20 and 14). Women by group are assumed within the totals.
GROUPS = (
    Group("RRMS", 203, 162, 137, 110, 0.0, 1.0, 0.0, 0.0),
    Group("PMS", 16, 14, 8, 7, 12.0, 2.2, -0.45, 1.4),
    Group("NMOSD", 42, 24, 35, 20, 6.0, 0.75, 0.25, 0.4),
    Group("MOGAD", 30, 13, 17, 7, -1.0, 0.55, 0.25, -0.1),
    Group("RIS", 4, 3, 3, 2, -3.0, 0.2, 0.4, -1.2),
    Group("CIS", 9, 7, 6, 5, -6.0, 0.2, 0.4, -0.7),
    Group("iON", 7, 4, 4, 2, -6.0, 0.2, 0.4, -0.7),
    Group("HC", 10, 7, 7, 5, -4.0, 0.0, 0.8, 0.0),
)
NAMES = np.array([group.name for group in GROUPS])
HEALTHY = NAMES.tolist().index("HC")
PROGRESSIVE = NAMES.tolist().index("PMS")
RELAPSING = NAMES.tolist().index("RRMS")

# Assumptions, all on the scale of the rater's volume in mL. The last two before the correlation were chosen
# among a few values by how well the twelve reported slopes at baseline are met.
AGE_SLOPE_ML = -0.03
MALE_ML = 0.2
ICV_SLOPE_ML = 0.8  # per standard deviation of head size
CONDITIONAL_VARIANCE = 0.86  # of the true volume, given age, sex and head size
RATER_SD_ML = 1.24
AGE_DURATION_CORRELATION = 0.5
# A distribution with the reported median and quartiles; the paper gives no more.
EDSS_SHARES = (0.07, 0.14, 0.17, 0.20, 0.13, 0.09, 0.07, 0.05, 0.02, 0.015, 0.01, 0.015, 0.015, 0.005)


@dataclass(frozen=True)
class Outcome:
    """One outcome at baseline: how it depends on age, sex and what of the volume they do not explain.

    ``spread`` is the standard deviation of what is left; values in the outcome's own units, log for times.
    """

    mean: float
    age_slope: float
    male: float
    spread: float


OUTCOMES = {
    "edss": Outcome(0.0, 0.025, 0.1, 0.85),  # latent; scores follow from its quantiles
    "t25fw": Outcome(np.log(4.7), 0.005, -0.02, 0.22),
    "nhpt": Outcome(np.log(20.0), 0.004, 0.03, 0.16),
    "sdmt": Outcome(53.0, -0.35, -2.0, 10.2),
}


def draw_people(studies: int, rng: np.random.Generator) -> Columns:
    """Draw the people of several studies at once, everything but volumes and scores.

    Parameters
    ----------
    studies : int
        How many studies of 321 people.

    Returns
    -------
    dict of arrays
        Each of shape (studies, 321): ``group`` (index into :data:`NAMES`), ``male``, ``followed``,
        ``age_years``, ``duration_years`` (NaN for controls), ``icv_ml``, ``icv_z`` (in standard
        deviations of the population's).
    """
    group = np.repeat(np.arange(len(GROUPS)), [one.n for one in GROUPS])
    # In each group women come first, and in each sex those who are followed.
    male = np.concatenate([np.arange(one.n) >= one.n_women for one in GROUPS])
    followed = np.concatenate([_followed(one) for one in GROUPS])
    shape = (studies, group.size)
    latent = rng.standard_normal((2, *shape))
    latent[1] = AGE_DURATION_CORRELATION * latent[0] + np.sqrt(1 - AGE_DURATION_CORRELATION**2) * latent[1]
    age = _ages(stats.norm.cdf(latent[0]), group)
    duration = np.minimum(_durations(stats.norm.cdf(latent[1]), group), age - EARLIEST_ONSET)
    icv = np.where(male, MEN_ICV_ML, WOMEN_ICV_ML) + 105.0 * rng.standard_normal(shape)
    share_men = male.mean()
    spread = np.hypot(105.0, (MEN_ICV_ML - WOMEN_ICV_ML) * np.sqrt(share_men * (1 - share_men)))
    centre = share_men * MEN_ICV_ML + (1 - share_men) * WOMEN_ICV_ML
    return {
        "group": np.broadcast_to(group, shape),
        "male": np.broadcast_to(male, shape),
        "followed": np.broadcast_to(followed, shape),
        "age_years": age,
        "duration_years": duration,
        "icv_ml": icv,
        "icv_z": (icv - centre) / spread,
    }


def _followed(group: Group) -> np.ndarray:
    place = np.arange(group.n)
    women = place < group.n_women
    return np.where(
        women,
        place < group.n_women_followed,
        place - group.n_women < group.n_followed - group.n_women_followed,
    )


def _ages(uniform: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return ages whose mean and SD over all groups are the reported ones (a beta on 18 to 80)."""
    target = reported.values()["populations"]["cross_sectional"]["age"]
    offsets = np.array([one.age_offset for one in GROUPS])
    shares = np.array([one.n for one in GROUPS]) / group.size
    means = target["mean"] + offsets - shares @ offsets
    within = target["sd"] ** 2 - shares @ (means - target["mean"]) ** 2
    span = OLDEST - YOUNGEST
    centre, spread = (means - YOUNGEST) / span, within / span**2
    size = centre * (1 - centre) / spread - 1
    return YOUNGEST + span * stats.beta.ppf(uniform, (centre * size)[group], ((1 - centre) * size)[group])


def _durations(uniform: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return durations whose mean and SD over patients are the reported ones (gamma), NaN for controls."""
    target = reported.values()["populations"]["cross_sectional"]["disease_duration_years"]
    ratios = np.array([one.duration for one in GROUPS])
    shares = np.array([one.n if one.duration else 0 for one in GROUPS], float)
    shares /= shares.sum()
    means = ratios * target["mean"] / (shares @ ratios)
    # A gamma's variance is its mean squared over its shape, the same shape in every group. The age of
    # onset cuts the longest durations; the mean and spread before the cut allow for what it takes away.
    between = shares @ (means - target["mean"]) ** 2
    shape = (shares @ means**2) / ((target["sd"] * _CUT["sd"]) ** 2 - between)
    scale = np.where(ratios > 0, means * _CUT["mean"] / shape, np.nan)
    return stats.gamma.ppf(uniform, shape, scale=scale[group])


# By how much mean and SD have to be larger before the cut; found by iteration on 300 studies.
_CUT = {"mean": 1.02, "sd": 1.05}


@dataclass(frozen=True)
class VolumeModel:
    """What calibration finds for the true volume, in mL on the rater's scale.

    The volume is ``centre_ml`` + the group's shift (``progressive_ml`` for PMS) + slopes times age, sex,
    head size and duration + a normal residual.
    """

    centre_ml: float
    progressive_ml: float
    icv_slope_ml: float
    duration_slope_ml: float
    residual_sd_ml: float


def true_volumes(people: Columns, model: VolumeModel, rng: np.random.Generator) -> np.ndarray:
    """Return the true volume, in mL on the rater's scale, shape (studies, 321)."""
    shifts = np.array([one.volume_ml for one in GROUPS])
    shifts[PROGRESSIVE] = model.progressive_ml
    duration = np.nan_to_num(people["duration_years"], nan=0.0)
    return (
        model.centre_ml
        + shifts[people["group"]]
        + AGE_SLOPE_ML * people["age_years"]
        + MALE_ML * people["male"]
        + model.icv_slope_ml * people["icv_z"]
        + model.duration_slope_ml * duration
        + model.residual_sd_ml * rng.standard_normal(duration.shape)
    )


def explained(people: Columns, values: np.ndarray) -> np.ndarray:
    """Return what age, sex and head size explain of `values` by least squares over all studies."""
    design = np.stack(
        [
            np.ones(values.size),
            people["age_years"].ravel(),
            people["male"].ravel(),
            people["icv_z"].ravel(),
        ],
        axis=1,
    )
    slopes, *_ = np.linalg.lstsq(design, values.ravel(), rcond=None)
    return (design @ slopes).reshape(values.shape)


def draw_reference(people: Columns, edss: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return who has a reference mask: every PMS, and RRMS drawn evenly over the reported strata.

    The strata of age, duration and EDSS are filled in turn, one person at a time in random order, until
    the reported number is reached. Filling them evenly, not in proportion, is what lets the reference
    set be older and ill for longer than the cohort, as reported; within a stratum women and men take
    turns, as half of the reported set are women.

    Returns
    -------
    array of bool, shape (studies, 321)
    """
    strata = reported.values()["populations"]["gt_sampling_strata"]
    edges = {
        name: np.array([low for low, _ in strata[name]])
        for name in ("age_years", "disease_duration_years", "edss")
    }
    cell = (
        9 * np.searchsorted(edges["age_years"], people["age_years"], side="right")
        + 3
        * np.searchsorted(
            edges["disease_duration_years"], np.nan_to_num(people["duration_years"]), side="right"
        )
        + np.searchsorted(edges["edss"], np.nan_to_num(edss), side="right")
    )
    last = {name: strata[name][-1][1] for name in edges}
    inside = (
        (people["age_years"] <= last["age_years"])
        & (people["age_years"] >= edges["age_years"][0])
        & (np.nan_to_num(people["duration_years"], nan=np.inf) <= last["disease_duration_years"])
        & (np.nan_to_num(edss, nan=np.inf) <= last["edss"])
    )
    eligible = inside & (people["group"] == RELAPSING)
    chosen = people["group"] == PROGRESSIVE
    for study in range(len(chosen)):
        candidates = rng.permutation(np.flatnonzero(eligible[study]))
        turn = _turns(cell[study, candidates], people["male"][study, candidates])
        # Of those whose turn it is together, chance decides, not the order of the strata.
        order = np.lexsort((rng.random(turn.size), turn))
        chosen[study, candidates[order[: strata["drawn_rrms"]]]] = True
    return chosen


def _turns(cell: np.ndarray, male: np.ndarray) -> np.ndarray:
    """Return each candidate's turn: 0 for the first of each stratum and sex, 1 for the second, and so on."""
    order = np.lexsort((np.arange(cell.size), male, cell))
    key = cell[order] * 2 + male[order]
    starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    turn = np.empty(cell.size, dtype=int)
    turn[order] = np.arange(key.size) - np.repeat(starts, np.diff(np.r_[starts, key.size]))
    return turn
