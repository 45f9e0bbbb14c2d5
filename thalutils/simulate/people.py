"""Who the phantom's people are: diagnosis, head size, true volumes and losses, clinical scores."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from thalutils import tables
from thalutils.cohort import Phantom
from thalutils.schemas import EDSS_STEPS

# The first people cover the study's groups; the cycle then goes on.
GROUP_CYCLE = ("RRMS", "PMS", "HC", "RRMS", "NMOSD", "MOGAD", "RRMS", "CIS", "RRMS", "RRMS")
SMALLEST_ML, LARGEST_ML = 11.0, 19.0
LARGEST_YEARLY_LOSS_PERCENT = 1.5


@dataclass(frozen=True)
class Group:
    """How a diagnosis shifts what is drawn; volumes in mL, losses in % a year."""

    thalamus_ml: float
    thalamus_ml_per_year: float
    ventricle_ml: float
    lesions: float
    yearly_loss_percent: float
    edss: float


GROUPS = {
    "HC": Group(0.0, 0.0, 0.0, 0, 0.15, 0.0),
    "CIS": Group(-0.3, -0.03, 1.0, 4, 0.5, 1.0),
    "RRMS": Group(-0.6, -0.06, 3.0, 10, 0.7, 1.5),
    "PMS": Group(-1.5, -0.07, 9.0, 16, 1.1, 4.0),
    "NMOSD": Group(-0.4, -0.03, 2.0, 3, 0.5, 2.0),
    "MOGAD": Group(-0.4, -0.03, 2.0, 4, 0.9, 1.5),
}


@dataclass(frozen=True)
class Person:
    """One simulated person: what is drawn before any image is made.

    Attributes
    ----------
    number : int
        1, 2, ...; with the cohort's seed it decides everything about the person.
    head_scale : float
        Linear size of the head over the anatomy's.
    thalamus_ml : float
        True volume at the first visit.
    ventricle_ml : float
        Volume that the ventricles and sulci gain over the anatomy's, from the brain.
    yearly_loss_percent, yearly_brain_loss_percent : float
        True yearly loss of the thalamus and of the whole brain.
    """

    number: int
    participant_id: str
    sex: str
    group: str
    age_years: float
    disease_duration_years: float
    head_scale: float
    thalamus_ml: float
    ventricle_ml: float
    lesions: int
    yearly_loss_percent: float
    yearly_brain_loss_percent: float
    interval_years: float
    frailty: float


def generator(seed: int, number: int, purpose: int) -> np.random.Generator:
    """Return the random generator of one person and purpose, the same on every run."""
    return np.random.default_rng([seed, number, purpose])


def draw(settings: Phantom) -> list[Person]:
    """Draw the people of a phantom cohort; a person does not depend on how many there are."""
    return [_draw_one(settings.seed, number) for number in range(1, settings.participants + 1)]


def _draw_one(seed: int, number: int) -> Person:
    rng = generator(seed, number, 0)
    group = GROUP_CYCLE[(number - 1) % len(GROUP_CYCLE)]
    traits = GROUPS[group]
    sex = "F" if rng.random() < 0.66 else "M"
    age = float(np.clip(rng.normal(50 if group == "PMS" else 42, 9), 20, 69))
    longest = max(0.5, age - 18)
    years = 0.0 if group == "HC" else float(np.clip(rng.gamma(2.0, 9 if group == "PMS" else 5), 0.5, longest))
    scale = float(np.clip(rng.normal(1.0 + (0.025 if sex == "M" else -0.01), 0.025), 0.93, 1.07))
    thalamus = (
        16.2 * scale**3 - 0.02 * (age - 40) + traits.thalamus_ml + traits.thalamus_ml_per_year * years
        + rng.normal(0, 0.7)
    )  # fmt: skip
    loss = float(np.clip(rng.normal(traits.yearly_loss_percent, 0.3), 0.0, LARGEST_YEARLY_LOSS_PERCENT))
    return Person(
        number=number,
        participant_id=f"sub-{number:02d}",
        sex=sex,
        group=group,
        age_years=round(age, 1),
        disease_duration_years=round(years, 1),
        head_scale=scale,
        thalamus_ml=float(np.clip(thalamus, SMALLEST_ML, LARGEST_ML)),
        ventricle_ml=float(np.clip(traits.ventricle_ml + 0.15 * (age - 40) + rng.normal(0, 3), -8, 20)),
        lesions=int(rng.poisson(traits.lesions)),
        yearly_loss_percent=loss,
        yearly_brain_loss_percent=float(np.clip(0.1 + 0.4 * loss + rng.normal(0, 0.15), 0, 1.2)),
        interval_years=round(float(np.clip(rng.normal(0.96, 0.12), 0.6, 1.5)), 2),
        frailty=float(rng.normal()),
    )


def participants_table(people: list[Person]) -> pd.DataFrame:
    """Return the contract's participants table."""
    rows = [
        {
            "participant_id": person.participant_id,
            "sex": person.sex,
            "group": person.group,
            "site": "simulated",
            "in_ground_truth": True,
        }
        for person in people
    ]
    return tables.check("participants", pd.DataFrame(rows))


def sessions_table(person: Person, seed: int, visits: int) -> pd.DataFrame:
    """Return one person's rows of the sessions table: scores tied to the true volumes, with noise.

    A thalamus one mL smaller goes with about 0.3 more EDSS, 2.5 fewer SDMT answers and 3 % more time in
    both timed tests, the order of the published slopes; everything else is noise and the visit's own.
    """
    rng = generator(seed, person.number, 1)
    attacks = int(rng.poisson(1 + 0.3 * person.disease_duration_years))
    rows = []
    for visit in range(visits):
        attacks += int(visit > 0 and rng.random() < 0.3)
        years = visit * person.interval_years
        lost_ml = 16.0 - person.thalamus_ml * (1 - person.yearly_loss_percent / 100 * years)
        edss = 0.0
        if person.group != "HC":
            edss = GROUPS[person.group].edss + 0.3 * lost_ml + 0.7 * person.frailty + rng.normal(0, 0.25)
        slow = np.exp(0.03 * lost_ml + 0.08 * person.frailty + rng.normal(0, 0.04))
        walk, pegs = 4.6 * slow * (1 + 0.04 * edss), 18.5 * slow * (1 + 0.02 * edss)
        rows.append(
            {
                "participant_id": person.participant_id,
                "session_id": f"ses-{visit + 1:02d}",
                "age_years": round(person.age_years + years, 2),
                "disease_duration_years": _or_missing(
                    person, round(person.disease_duration_years + years, 2)
                ),
                "attacks": _or_missing(person, attacks),
                "edss": edss_step(edss),
                "t25fw_1_s": round(walk * np.exp(rng.normal(0, 0.03)), 2),
                "t25fw_2_s": round(walk * np.exp(rng.normal(0, 0.03)), 2),
                "nhpt_1_s": round(pegs * np.exp(rng.normal(0, 0.03)), 2),
                "nhpt_2_s": round(pegs * np.exp(rng.normal(0, 0.03)), 2),
                "sdmt": int(
                    np.clip(round(58 - 2.5 * lost_ml - 3 * person.frailty + rng.normal(0, 3)), 5, 110)
                ),
                "interval_years": round(years, 2),
                "steroids_since_last": None if visit == 0 else int(rng.random() < 0.15),
            }
        )
    return tables.check("sessions", pd.DataFrame(rows))


def _or_missing(person: Person, value: float) -> float | None:
    return None if person.group == "HC" else value


def edss_step(value: float) -> float:
    """Return the nearest step of the EDSS, which has no 0.5.

    Examples
    --------
    >>> [edss_step(value) for value in (-1.0, 0.4, 0.6, 2.3, 12.0)]
    [0.0, 0.0, 1.0, 2.5, 10.0]
    """
    steps = np.array(EDSS_STEPS)
    return float(steps[np.argmin(np.abs(steps - value))])
