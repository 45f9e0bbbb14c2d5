"""Which of the twin's values are missing: as many as give the reported n of each analysis."""

from collections.abc import Mapping

import numpy as np

from thalutils import reported
from thalutils.simulate.twin_people import HEALTHY, Columns

# The columns of each outcome, whose trials are missing together.
COLUMNS = {
    "edss": ("edss",), "t25fw": ("t25fw_1_s", "t25fw_2_s"), "nhpt": ("nhpt_1_s", "nhpt_2_s"), "sdmt": ("sdmt",),
}  # fmt: skip
PATIENTS_ONLY = ("edss", "disease_duration")
Scores = Mapping[str, np.ndarray]


def leave_out(
    people: Columns, scores: Scores, later: Scores, rng: np.random.Generator
) -> tuple[Columns, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return people and scores with values set to NaN at random.

    What is missing at the first visit is missing in people without a second, so that both reported
    numbers arise: 321 less the reported n there, and what lacks among the 234 at the second visit.
    EDSS and duration are missing in every control.
    """
    population = reported.values()["populations"]
    first, second = reported.values()["cross_sectional"]["n"], reported.values()["longitudinal"]["n"]
    controls = population["cross_sectional"]["groups"]["HC"]
    controls_followed = population["longitudinal"]["groups"]["HC"]
    patient, followed = people["group"] != HEALTHY, people["followed"]
    people, scores, later = dict(people), dict(scores), dict(later)
    for outcome, n in first.items():
        only = outcome in PATIENTS_ONLY
        count = population["cross_sectional"]["n"] - n - (controls if only else 0)
        gone = _chosen(~followed & (patient | (not only)), count, rng)
        if outcome == "disease_duration":
            people["duration_years"] = np.where(gone, np.nan, people["duration_years"])
            continue
        for column in COLUMNS[outcome]:
            scores[column] = np.where(gone, np.nan, scores[column])
        count = population["longitudinal"]["n"] - second[outcome] - (controls_followed if only else 0)
        gone = _chosen(followed & (patient | (not only)), count, rng)
        for column in COLUMNS[outcome]:
            later[column] = np.where(gone, np.nan, later[column])
    return people, scores, later


def _chosen(candidates: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return a mask of `count` of the candidates of each study, at random."""
    order = np.argsort(np.where(candidates, rng.random(candidates.shape), 2.0), axis=1)[:, :count]
    gone = np.zeros(candidates.shape, dtype=bool)
    np.put_along_axis(gone, order, True, axis=1)
    return gone
