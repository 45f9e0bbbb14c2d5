"""The twin: a simulated study-scale cohort of tables, calibrated to what the paper reports."""

import numpy as np
import pandas as pd

from thalutils import reported, tables
from thalutils.cohort import Cohort
from thalutils.files import hash_json, read_json, write_json
from thalutils.process import code_hash
from thalutils.schemas import SCHEMAS
from thalutils.simulate import twin_calibration, twin_masks
from thalutils.simulate.twin_masks import METHODS
from thalutils.simulate.twin_people import HEALTHY, NAMES
from thalutils.simulate.twin_study import Studies, draw, stream

BASIS = "simulation input"
ENGINE, ICV_SOURCE, RATER, PRESET = "SIENA", "FreeSurfer", "rater-1", "simulated"
VISITS = ("ses-01", "ses-02")
STATE = "made.json"
SCORES = ("edss", "t25fw_1_s", "t25fw_2_s", "nhpt_1_s", "nhpt_2_s", "sdmt")
ATTACKS_PER_YEAR = 0.35


def make(cohort: Cohort) -> str:
    """Make the twin's tables where they are not there yet; return a sentence on what they are.

    They are drawn again where the seed, the switch or the code that draws them has changed.
    """
    settings = cohort.settings.twin
    folder = cohort.root / cohort.settings.tables
    key = hash_json([settings.model_dump(mode="json"), code_hash(__name__), reported.values()])
    if read_json(folder / STATE) != key:
        (folder / STATE).unlink(missing_ok=True)
        model = twin_calibration.calibrate(settings.switch)
        drawn = drawn_tables(draw(model, 1, settings.seed), settings.seed)
        many = draw(model, twin_calibration.STUDIES, twin_calibration.SEED)
        for name, frame in (drawn | {"repeatability": repeatability(many)}).items():
            tables.write(name, frame, folder / f"{name}.tsv")
        write_json(folder / STATE, key)
    n = len(tables.read(folder / "participants.tsv"))
    return (
        f"{n} people were drawn from the model with seed {settings.seed}; what ties EDSS to volume change is "
        f"set to {settings.switch}."
    )


def drawn_tables(studies: Studies, seed: int) -> dict[str, pd.DataFrame]:
    """Return the first of some studies as the contract's tables, people in random order.

    Parameters
    ----------
    studies : Studies
    seed : int
        Of the order of people and of what only tables have (attacks, containment).
    """
    one = _first(studies)
    order = np.random.default_rng([seed, 99]).permutation(one.people["group"].size)
    ids = np.array([f"sub-{place + 1:03d}" for place in range(order.size)])
    sizes = {name: one.sizes[name][order] for name in ("manual", *METHODS)}
    later = {name: one.sizes_later[name][order] for name in METHODS}
    people = {name: column[order] for name, column in one.people.items()}
    reference = one.reference[order]
    frames = {
        "participants": _participants(ids, people, reference),
        "sessions": _sessions(ids, order, one, people, seed),
        "volumes": _volumes(ids, sizes, later, reference, people["followed"]),
        "intracranial": pd.DataFrame(
            {"participant_id": ids, "icv_ml": people["icv_ml"].round(1), "source": ICV_SOURCE}
        ),
        "overlap": _overlap(ids, sizes, {m: one.inside[m][order] for m in METHODS}, reference),
        "containment": _containment(ids, sizes, seed),
        "brain_change": pd.DataFrame(
            {"participant_id": ids, "engine": ENGINE, "pbvc_percent": one.pbvc_percent[order].round(4)}
        )[people["followed"]],
    }
    return {name: tables.check(name, frame) for name, frame in frames.items()}


def _first(studies: Studies) -> Studies:
    """Return the first study alone, each array of shape (321,)."""
    fields = {}
    for name, value in vars(studies).items():
        fields[name] = (
            {key: array[0] for key, array in value.items()} if isinstance(value, dict) else value[0]
        )
    return Studies(**fields)


def _participants(ids: np.ndarray, people: dict, reference: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "participant_id": ids,
            "sex": np.where(people["male"], "M", "F"),
            "group": NAMES[people["group"]],
            "site": None,
            "in_ground_truth": reference,
        }
    )


def _sessions(ids: np.ndarray, order: np.ndarray, one: Studies, people: dict, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng([seed, 98])
    patient = people["group"] != HEALTHY
    attacks = np.where(
        patient, 1 + rng.poisson(ATTACKS_PER_YEAR * np.nan_to_num(people["duration_years"])), np.nan
    )
    first = {
        "age_years": people["age_years"],
        "disease_duration_years": people["duration_years"],
        "attacks": attacks,
    }
    first |= {name: one.scores[name][order] for name in SCORES}
    first |= {"interval_years": np.zeros(ids.size), "steroids_since_last": np.full(ids.size, np.nan)}
    years = people["interval_years"]
    relapse = rng.poisson(ATTACKS_PER_YEAR * years) * patient
    second = {
        "age_years": people["age_years"] + years,
        "disease_duration_years": people["duration_years"] + years,
        "attacks": attacks + np.maximum(relapse, people["steroids"]),
    }
    second |= {name: one.scores_later[name][order] for name in SCORES}
    second |= {"interval_years": years, "steroids_since_last": people["steroids"].astype(float)}
    frames = [
        pd.DataFrame({"participant_id": ids, "session_id": visit, **columns})
        for visit, columns in zip(VISITS, (first, second), strict=True)
    ]
    both = pd.concat([frames[0], frames[1][people["followed"]]])
    both = both.sort_values(["participant_id", "session_id"], ignore_index=True)
    return both[list(SCHEMAS["sessions"].columns)].round(3)


def _volumes(
    ids: np.ndarray, sizes: dict, later: dict, reference: np.ndarray, followed: np.ndarray
) -> pd.DataFrame:
    frames = []
    for method in ("manual", *METHODS):
        drawn = method == "manual"
        for visit, volumes in zip(VISITS, (sizes, later), strict=True):
            if drawn and visit == VISITS[1]:
                continue
            who = reference if drawn else (followed if visit == VISITS[1] else np.ones_like(followed))
            frames.append(
                pd.DataFrame(
                    {
                        "participant_id": ids[who], "session_id": visit, "method": method,
                        "preset": None if drawn else PRESET, "rater": RATER if drawn else None,
                        "volume_ml": volumes[method][who].round(5), "left_ml": np.nan, "right_ml": np.nan,
                    }
                )
            )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def _overlap(ids: np.ndarray, sizes: dict, inside: dict, reference: np.ndarray) -> pd.DataFrame:
    frames = []
    manual = sizes["manual"][reference]
    for method in METHODS:
        common, mask = inside[method][reference], sizes[method][reference]
        frames.append(
            pd.DataFrame(
                {
                    "participant_id": ids[reference], "session_id": VISITS[0], "method": method,
                    "reference": "manual", "rater": RATER, "dice": 2 * common / (mask + manual),
                    "precision": common / mask, "sensitivity": common / manual,
                    "hd95_mm": np.nan, "mean_surface_mm": np.nan,
                }
            )
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def _containment(ids: np.ndarray, sizes: dict, seed: int) -> pd.DataFrame:
    shares = twin_masks.draw_containment(sizes, stream(seed, "containment"))
    frames = [
        pd.DataFrame(
            {
                "participant_id": ids,
                "session_id": VISITS[0],
                "method_i": i,
                "method_j": j,
                "containment": share,
            }
        )
        for (i, j), share in shares.items()
    ]
    return pd.concat(frames, ignore_index=True)


def repeatability(studies: Studies) -> pd.DataFrame:
    """Return each method's standard error of measurement: what of its change nothing true explains.

    The spread of the change in mL that true change and brain volume change leave, over the square root of
    two, since a change holds two measurements. What ties a change to EDSS counts as error here: it is no
    loss of tissue.
    """
    true = studies.true_percent.ravel()
    known = np.stack([np.ones_like(true), true, studies.pbvc_percent.ravel()], axis=1)
    rows = []
    for method in METHODS:
        change = (studies.sizes_later[method] - studies.sizes[method]).ravel()
        left = change - known @ np.linalg.lstsq(known, change, rcond=None)[0]
        rows.append((method, BASIS, len(change), left.std(ddof=3) / np.sqrt(2)))
    return pd.DataFrame(rows, columns=list(SCHEMAS["repeatability"].columns))
