"""One or many studies of the twin, drawn from its model at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from thalutils import reported
from thalutils.simulate import twin_change, twin_masks, twin_missing, twin_outcomes, twin_people
from thalutils.simulate.twin_change import ChangeModel
from thalutils.simulate.twin_masks import MaskModel
from thalutils.simulate.twin_outcomes import OutcomeModel
from thalutils.simulate.twin_people import HEALTHY, NAMES, PROGRESSIVE, Columns, VolumeModel

# Each part of the model draws from a stream of its own, so that a changed parameter of one part
# leaves the noise of all others as it was.
STREAMS = (
    "people",
    "volumes",
    "scores",
    "reference",
    "sizes",
    "overlap",
    "containment",
    "tie",
    "change",
    "later",
    "missing",
)


@dataclass(frozen=True)
class TwinModel:
    """The whole generative model; ``switch`` says what ties EDSS change to volume change."""

    volume: VolumeModel
    outcomes: OutcomeModel
    masks: MaskModel
    change: ChangeModel
    switch: str


@dataclass(frozen=True)
class Studies:
    """Several studies of 321 people; every array has shape (studies, 321).

    Attributes
    ----------
    people : dict of arrays
        As :func:`thalutils.simulate.twin_people.draw_people`, and ``steroids``, ``interval_years``.
    true_ml, true_percent, pbvc_percent : arrays
        True volume on the rater's scale, its true change and the brain's, in percent.
    scores, scores_later : dict of arrays
        ``edss``, ``t25fw_1_s`` ... ``sdmt`` at both visits, NaN where missing.
    reference : array of bool
        Who has a reference mask.
    sizes, sizes_later, inside : dict of arrays
        mL by method, at both visits, and what lies in the reference.
    parts : dict of arrays
        MindGlide's disjoint parts at the first visit, in mL.
    """

    people: Columns
    true_ml: np.ndarray
    true_percent: np.ndarray
    pbvc_percent: np.ndarray
    scores: Mapping[str, np.ndarray]
    scores_later: Mapping[str, np.ndarray]
    reference: np.ndarray
    sizes: Mapping[str, np.ndarray]
    sizes_later: Mapping[str, np.ndarray]
    inside: Mapping[str, np.ndarray]
    parts: Mapping[str, np.ndarray]


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream of one part of the model."""
    return np.random.default_rng([seed, STREAMS.index(name)])


def draw(model: TwinModel, studies: int, seed: int) -> Studies:
    """Draw `studies` studies."""
    people = _people(studies, seed)
    true_ml = twin_people.true_volumes(people, model.volume, stream(seed, "volumes"))
    unexplained = true_ml - twin_people.explained(people, true_ml)
    scores = _scores(people, unexplained, model.outcomes, stream(seed, "scores"))
    sizes, parts = twin_masks.draw_sizes(people, true_ml, model.masks, stream(seed, "sizes"))
    inside = twin_masks.draw_overlap(sizes, parts, model.masks, stream(seed, "overlap"))
    tie = twin_change.draw_tie(model.switch, people, stream(seed, "tie"))
    sizes_later, pbvc, true_percent = twin_change.draw_changes(
        people, sizes, parts, tie, model.change, stream(seed, "change")
    )
    rng = stream(seed, "later")
    people = people | _interval(people, tie, rng)
    later = _later(people, scores, tie, true_percent, rng)
    reference = twin_people.draw_reference(people, scores["edss"], stream(seed, "reference"))
    people, scores, later = twin_missing.leave_out(people, scores, later, stream(seed, "missing"))
    return Studies(
        people, true_ml, true_percent, pbvc, scores, later, reference, sizes, sizes_later, inside, parts
    )


@lru_cache(maxsize=1)  # calibration draws the same people many times
def _people(studies: int, seed: int) -> Columns:
    return twin_people.draw_people(studies, stream(seed, "people"))


def _scores(
    people: Columns, unexplained_ml: np.ndarray, model: OutcomeModel, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    values = {
        name: twin_outcomes.latent(name, people, unexplained_ml, model, rng) for name in twin_people.OUTCOMES
    }
    found = {"edss": twin_outcomes.edss_scores(values["edss"], people, model)}
    for name in ("t25fw", "nhpt"):
        found[f"{name}_1_s"], found[f"{name}_2_s"] = twin_outcomes.trials(name, values[name], rng)
    return found | {"sdmt": np.clip(values["sdmt"], 0, 110).round()}


def _interval(people: Columns, tie: np.ndarray, rng: np.random.Generator) -> Columns:
    target = reported.values()["populations"]["longitudinal"]["interval_years"]
    years = target["mean"] + target["sd"] * np.clip(rng.standard_normal(tie.shape), -2.5, 2.5)
    treated = rng.random(tie.shape) < np.where(tie < -1, 0.4, twin_outcomes.STEROIDS_SHARE)
    return {"interval_years": years, "steroids": treated & (people["group"] != HEALTHY)}


def _later(
    people: Columns, scores: Mapping[str, np.ndarray], tie: np.ndarray, true_percent: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:  # fmt: skip
    shape = tie.shape
    change = (
        twin_change.TIED_EDSS * tie
        + twin_outcomes.EDSS_CHANGE_SPREAD * rng.standard_normal(shape)
        + twin_outcomes.EDSS_PER_PERCENT * (true_percent - true_percent.mean())
        + twin_outcomes.NMOSD_EDSS_CHANGE * (people["group"] == NAMES.tolist().index("NMOSD"))
    )
    found = {"edss": twin_outcomes.edss_later(scores["edss"], change)}
    for name in ("t25fw", "nhpt"):
        mean, spread = twin_outcomes.CHANGES[name]
        shift = mean + spread * rng.standard_normal(shape)
        if name == "t25fw":
            shift = shift + twin_outcomes.PROGRESSIVE_WALK_S * (people["group"] == PROGRESSIVE)
        first = (scores[f"{name}_1_s"] + scores[f"{name}_2_s"]) / 2
        log_mean = np.log(np.maximum(first + shift, 0.5 * first))
        found[f"{name}_1_s"], found[f"{name}_2_s"] = twin_outcomes.trials(name, log_mean, rng)
    mean, spread = twin_outcomes.CHANGES["sdmt"]
    found["sdmt"] = np.clip(scores["sdmt"] + mean + spread * rng.standard_normal(shape), 0, 110).round()
    return found
