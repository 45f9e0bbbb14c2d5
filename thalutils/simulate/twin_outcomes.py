"""The twin's clinical scores at both visits, on their real scales."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from thalutils.simulate.twin_people import EDSS_SCORES, EDSS_SHARES, GROUPS, HEALTHY, OUTCOMES, Columns

TRIAL_SPREAD = {"t25fw": 0.05, "nhpt": 0.04}  # of the logarithm, between two trials of one visit
# Changes of a year: mean and spread in the outcome's own units, an assumption except where zero means
# "negligible" in the paper; SDMT improves a little with practice.
CHANGES = {"t25fw": (0.02, 0.45), "nhpt": (0.0, 1.6), "sdmt": (1.2, 5.5)}
PROGRESSIVE_WALK_S = 0.35  # "somewhat larger increases in PMS"
EDSS_CHANGE_SPREAD = 0.5  # chosen by the reported standard errors of the yearly slopes
EDSS_PER_PERCENT = -0.05  # points per % of true thalamic change
NMOSD_EDSS_CHANGE = 0.12  # "a small increase in NMOSD"
STEROIDS_SHARE = 0.15
LONGEST_S = 180.0


@dataclass(frozen=True)
class OutcomeModel:
    """What calibration finds: each outcome's slope on the unexplained true volume, and EDSS's scale.

    ``slopes`` are per mL on the rater's scale: of the latent EDSS, of log seconds, of SDMT. ``edss_mean``
    and ``edss_sd`` standardise the latent EDSS of patients, whose quantiles give the scores.
    """

    slopes: Mapping[str, float]
    edss_mean: float = 0.0
    edss_sd: float = 1.0


def latent(
    name: str, people: Columns, unexplained_ml: np.ndarray, model: OutcomeModel, rng: np.random.Generator
) -> np.ndarray:
    """Return an outcome before it is rounded, cut or exponentiated, shape (studies, 321)."""
    how = OUTCOMES[name]
    shift = np.array([one.edss for one in GROUPS])[people["group"]]
    # Disability that EDSS sees is seen by the other tests too, to a lesser degree.
    share = {"edss": 1.0, "t25fw": 0.3 * how.spread, "nhpt": 0.3 * how.spread, "sdmt": -0.3 * how.spread}
    return (
        how.mean
        + how.age_slope * (people["age_years"] - 43.4)
        + how.male * people["male"]
        + share[name] * shift
        + model.slopes[name] * unexplained_ml
        + how.spread * rng.standard_normal(unexplained_ml.shape)
    )


def edss_scores(latent_edss: np.ndarray, people: Columns, model: OutcomeModel) -> np.ndarray:
    """Return scores on the real scale (0, 1.0, 1.5 ...), NaN for controls, who were not scored."""
    steps = stats.norm.ppf(np.cumsum(EDSS_SHARES)[:-1])
    standard = (latent_edss - model.edss_mean) / model.edss_sd
    scores = EDSS_SCORES[np.searchsorted(steps, standard)]
    return np.where(people["group"] == HEALTHY, np.nan, scores)


def edss_later(first: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Return the score a change later: the nearest step of the scale, between 0 and its highest here.

    Examples
    --------
    >>> edss_later(np.array([0.0, 2.0, 3.0]), np.array([0.4, 0.3, -0.9])).tolist()
    [0.0, 2.5, 2.0]
    """
    wanted = np.clip(first + change, EDSS_SCORES[0], EDSS_SCORES[-1])
    middles = (EDSS_SCORES[1:] + EDSS_SCORES[:-1]) / 2
    return np.where(np.isnan(first), np.nan, EDSS_SCORES[np.searchsorted(middles, wanted)])


def trials(name: str, log_mean: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the seconds of two trials, to a tenth."""
    noise = TRIAL_SPREAD[name] * rng.standard_normal((2, *log_mean.shape))
    seconds = np.minimum(np.exp(log_mean + noise), LONGEST_S).round(1)
    return seconds[0], seconds[1]
