"""Volumes of several sites: known shifts and scales are found and taken away, what is biology is kept."""

import numpy as np
import pandas as pd
import pytest

from thalutils.errors import TableError
from thalutils.stats import frames, models
from thalutils.stats.harmonisation import harmonise

PER_SITE, SHIFT_ML, SCALE, LOSS_ML = 200, 2.0, 1.6, 0.3


@pytest.fixture
def study():
    """Two sites of two hundred people each; the second draws thalami larger and spreads them wider."""
    rng = np.random.default_rng(5)
    n = 2 * PER_SITE
    ids = [f"sub-{number:03}" for number in range(n)]
    second = np.arange(n) >= PER_SITE
    age, men, icv = rng.uniform(20, 60, n) + 8 * second, rng.integers(0, 2, n), rng.normal(1500, 100, n)
    ill = rng.random(n) < np.where(second, 0.7, 0.3)
    expected = 14 - 0.05 * (age - 40) + 0.004 * (icv - 1500) + 0.4 * men - 1.0 * ill
    noise = rng.normal(0, 0.6, n)
    people = pd.DataFrame({
        "participant_id": ids, "sex": np.where(men, "M", "F"), "group": np.where(ill, "RRMS", "HC"),
        "site": np.where(second, "B", "A"), "in_ground_truth": False,
    })  # fmt: skip
    visits = pd.concat(
        pd.DataFrame({"participant_id": ids, "session_id": name, "age_years": age, "edss": 2.0})
        for name in ("ses-01", "ses-02")
    )
    columns = ["disease_duration_years", "attacks", "t25fw_1_s", "t25fw_2_s", "nhpt_1_s", "nhpt_2_s", "sdmt", "interval_years",
               "steroids_since_last"]  # fmt: skip
    visits = visits.assign(**dict.fromkeys(columns, np.nan))
    first = expected + noise * np.where(second, SCALE, 1) + SHIFT_ML * second
    later = first - LOSS_ML * np.where(second, SCALE, 1)
    volumes = pd.concat(
        pd.DataFrame({"participant_id": ids, "session_id": name, "method": "FIRST", "preset": None, "rater": None,
                      "volume_ml": values, "left_ml": values / 2, "right_ml": values / 2})
        for name, values in (("ses-01", first), ("ses-02", later))
    )  # fmt: skip
    intracranial = pd.DataFrame({"participant_id": ids, "icv_ml": icv, "source": "deepbet"})
    return people, visits, volumes, intracranial, expected + noise


def harmonised(study, **more):
    return harmonise(frames.baseline(*study[:4]), study[2], **more)


def test_known_shift_and_scale_are_found(study):
    effects = harmonised(study).effects.set_index("site")
    assert effects.loc["B", "shift_ml"] - effects.loc["A", "shift_ml"] == pytest.approx(SHIFT_ML, abs=0.25)
    assert effects.loc["B", "scale"] / effects.loc["A", "scale"] == pytest.approx(SCALE, rel=0.15)


def test_sites_differ_no_more_and_what_is_biology_stays(study):
    people, *_, truth = study
    found = harmonised(study).volumes.query("session_id == 'ses-01'").set_index("participant_id")["volume_ml"]
    moved = found.loc[people["participant_id"]].to_numpy()
    second = people["site"].eq("B").to_numpy()
    bias = [np.mean(moved[one] - truth[one]) for one in (second, ~second)]
    assert bias[0] == pytest.approx(
        bias[1], abs=0.25
    )  # the ages and diagnoses that tell sites apart are kept
    ill = people["group"].eq("RRMS").to_numpy()
    raw = study[2].query("session_id == 'ses-01'")["volume_ml"].to_numpy()
    assert abs(moved[ill].mean() - moved[~ill].mean()) > abs(raw[ill].mean() - raw[~ill].mean())


def test_both_visits_of_a_person_are_treated_alike(study):
    effects = harmonised(study).effects.set_index("site")["scale"]
    wide = harmonised(study).volumes.pivot_table(
        index="participant_id", columns="session_id", values="volume_ml"
    )
    change = wide["ses-02"] - wide["ses-01"]
    site = study[0].set_index("participant_id")["site"]
    for name, scale in (("A", 1.0), ("B", SCALE)):
        mine = change[site == name]
        assert mine.std() < 1e-9
        assert mine.mean() == pytest.approx(-LOSS_ML * scale / effects[name])


def test_a_site_with_few_people_is_left_out_and_said(study):
    people, visits, volumes, intracranial, _ = study
    kept = [*people["participant_id"][:PER_SITE], *people["participant_id"][-9:]]
    few = (people[people["participant_id"].isin(kept)], visits, volumes, intracranial)
    found = harmonised(few)
    assert found.volumes.empty
    notes = found.effects.set_index("site")["note"]
    assert (
        notes["B"] == "Fewer than 10 people: left out." and notes["A"] == "No other site with enough people."
    )


def test_diagnoses_that_only_one_site_has_are_not_held_fixed(study):
    people = study[0].assign(group=np.where(study[0]["site"] == "B", "RRMS", "HC"))
    found = harmonised((people, *study[1:]))
    assert found.effects["note"].str.startswith("Diagnoses and sites determine one another").all()
    assert len(found.volumes) == len(study[2])


def test_several_sites_are_a_covariate_of_the_models_and_one_site_is_none(study):
    people, visits, volumes, intracranial, truth = study
    visits = visits.assign(sdmt=np.clip(np.tile(2 * truth, 2), 0, 110).round())
    frame = frames.baseline(people, visits, volumes, intracranial)
    both = models.cross_sectional(frame)
    alone = models.cross_sectional(frame.assign(site="A"))
    betas = [next(one for one in each if one.outcome == "sdmt").row()["beta"] for each in (both, alone)]
    assert "site B" in both[0].prepared.columns and "site B" not in alone[0].prepared.columns
    assert betas[0] > betas[1]  # the shift between sites flattens the slope where it is ignored


def test_more_covariates_are_columns_of_the_frame(study):
    frame = frames.baseline(*study[:4])
    design = models.adjusted(models.CROSS_SECTIONAL, frame, ["group"])
    assert design.covariates == ("age_years", "sex", "icv_z", "group", "site")
    for name in ("shoe_size", "volume_ml", "edss"):
        with pytest.raises(TableError, match=f"{name} is no covariate of cross-sectional models"):
            models.adjusted(models.CROSS_SECTIONAL, frame, [name])
