import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thalutils.errors import TableError
from thalutils.stats.regression import ESTIMATES, fit, winsorise

pytestmark = pytest.mark.filterwarnings("error")

# R's lm, sandwich and lmtest; made by oracles/regression.R.
ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "regression.json").read_text())
PAPER = ["age_years", "sex", "icv_z"]
TESTED = ("beta", "se", "beta_low", "beta_high", "statistic", "p")


@pytest.fixture
def people():
    return pd.DataFrame(ORACLE["people"])


def assert_empty(row, *words):
    """A row without a single number, and a note that has these words."""
    assert all(np.isnan(row[name]) for name in ESTIMATES)
    assert all(word in row["note"] for word in words), row["note"]


@pytest.mark.parametrize("se_type", ["nonrobust", "HC3"])
@pytest.mark.parametrize("name", ["edss", "t25fw_s", "group"])
def test_every_number_is_that_of_r(people, name, se_type):
    oracle = ORACLE["models"][name]
    outcome, transform = ("t25fw_s", "log") if name == "t25fw_s" else ("edss", "none")
    row = fit(people, outcome, "volume_ml", oracle["covariates"], se_type, transform)
    assert row["n"] == oracle["n"] == 60
    assert {key: row[key] for key in TESTED} == pytest.approx(oracle[se_type], rel=1e-7)
    for key in ("r2", "partial_r2", "beta_std"):
        assert row[key] == pytest.approx(oracle[key], rel=1e-7)
    assert (row["se_type"], row["transform"], row["note"]) == (se_type, transform, None)


def test_standardised_slope_without_covariates_is_the_correlation(people):
    row = fit(people, "edss", "volume_ml", [])
    correlation = np.corrcoef(people["edss"], people["volume_ml"])[0, 1]
    assert row["beta_std"] == pytest.approx(correlation)
    assert row["r2"] == pytest.approx(correlation**2)
    assert row["partial_r2"] == pytest.approx(correlation**2)


def test_people_with_anything_missing_drop_out(people):
    whole = people.iloc[:50]
    for place, column in zip(range(50, 55), ["edss", "volume_ml", "age_years", "sex", "icv_z"], strict=True):
        people.loc[place, column] = None
    assert fit(people.iloc[:55], "edss", "volume_ml", PAPER) == fit(whole, "edss", "volume_ml", PAPER)


def test_a_covariate_that_all_share_is_left_out_and_named(people):
    women = people[people["sex"] == "F"].assign(group="RRMS")
    row = fit(women, "edss", "volume_ml", [*PAPER, "group"])
    assert row["note"] == "Left out, the same in everyone: sex, group."
    assert row["beta"] == fit(women, "edss", "volume_ml", ["age_years", "icv_z"])["beta"]


@pytest.mark.parametrize(("n", "enough"), [(14, False), (15, True)])
def test_ten_residual_degrees_of_freedom_are_needed(people, n, enough):
    mixed = people.assign(sex=["F", "M"] * 30)
    row = fit(mixed.iloc[:n], "edss", "volume_ml", PAPER)
    assert row["n"] == n
    if enough:
        assert row["note"] is None
        assert np.isfinite(row["beta"])
    else:
        assert_empty(row, "14 people for 5 parameters", "fewer than 10")


def test_no_slope_where_outcome_or_volume_is_the_same_in_everyone(people):
    # Sums of the same seconds in another order differ by rounding alone.
    same = np.where(people.index % 2, 0.1 + 0.2, 0.3)
    assert_empty(fit(people.assign(edss=same), "edss", "volume_ml", PAPER), "same edss")
    assert_empty(fit(people.assign(volume_ml=9.0), "edss", "volume_ml", PAPER), "same volume_ml")


def test_no_slope_where_volume_and_covariates_determine_each_other(people):
    rounded = (people["volume_ml"] / 7 + people["age_years"] / 3).round(9)
    assert_empty(fit(people.assign(icv_z=rounded), "edss", "volume_ml", PAPER), "collinear")


def test_no_slope_where_no_error_is_left(people):
    exact = 3 - 0.5 * people["volume_ml"] + 0.1 * people["age_years"]
    assert_empty(fit(people.assign(edss=exact), "edss", "volume_ml", PAPER, "HC3"), "exactly")


def test_a_note_says_what_is_missing_in_everyone(people):
    assert_empty(fit(people.assign(icv_z=np.nan), "edss", "volume_ml", PAPER), "Missing in everyone: icv_z.")
    assert_empty(fit(people.iloc[:0], "edss", "volume_ml", PAPER), "nobody")
    holes = people.assign(
        edss=people["edss"].where(people.index < 30), icv_z=people["icv_z"].where(people.index >= 30)
    )
    assert_empty(fit(holes, "edss", "volume_ml", PAPER), "Nobody has a value of everything")


def test_hc3_has_no_error_where_one_person_is_a_group_of_their_own(people):
    alone = people.assign(group=np.where(people.index == 3, "RIS", "RRMS"))
    row = fit(alone, "edss", "volume_ml", [*PAPER, "group"], "HC3")
    assert "1 person of leverage 1" in row["note"]
    assert np.isnan([row[name] for name in ("se", "beta_low", "beta_high", "statistic", "p")]).all()
    # The person's indicator takes all that they tell.
    assert row["beta"] == pytest.approx(fit(people.drop(index=3), "edss", "volume_ml", PAPER)["beta"])


def test_what_has_no_logarithm_is_named(people):
    people.loc[7, "t25fw_s"] = 0.0
    with pytest.raises(TableError, match="t25fw_s: sub-08 has 0, which has no logarithm"):
        fit(people, "t25fw_s", "volume_ml", PAPER, transform="log")


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({"icv_z": np.inf}, {}, "icv_z holds an infinite value"),
        ({}, {"covariates": ["shoe_size"]}, "no column shoe_size"),
        ({}, {"se_type": "HC4"}, "HC4 is not a kind of standard error"),
        ({}, {"transform": "root"}, "root is not a transform"),
    ],
)
def test_faults_are_named(people, change, settings, message):
    arguments = {"covariates": PAPER} | settings
    with pytest.raises(TableError, match=message):
        fit(people.assign(**change), "edss", "volume_ml", **arguments)


def test_winsorising_clips_at_interpolated_percentiles():
    values = pd.Series(np.arange(101.0)).sample(frac=1, random_state=0)
    clipped = winsorise(values, 5, 95)
    assert (clipped.min(), clipped.max()) == (5.0, 95.0)
    inside = values.between(5, 95)
    assert clipped[inside].equals(values[inside])
    assert winsorise(pd.Series([0.0, 1.0]), 10, 90).tolist() == pytest.approx([0.1, 0.9])


def test_what_other_covariates_determine_is_left_out_and_named(people):
    # Each site has a diagnosis of its own, but the third, which shares those of the second.
    site = pd.Series(np.array(["A", "B", "C"])[people.index % 3])
    group = site.map({"A": "HC", "B": "RRMS", "C": "RRMS"})
    both = people.assign(site=site, group=group)
    row = fit(both, "edss", "volume_ml", [*PAPER, "site", "group"])
    assert row["note"] == "Left out as far as other covariates determine it: group."
    assert row == fit(both, "edss", "volume_ml", [*PAPER, "site"]) | {"note": row["note"]}
    turned = fit(both, "edss", "volume_ml", [*PAPER, "group", "site"])
    assert turned["note"] == "Left out as far as other covariates determine it: site."
    assert turned["beta"] == pytest.approx(row["beta"]) and turned["se"] == pytest.approx(row["se"])


def test_a_site_may_be_called_what_a_diagnosis_is_called(people):
    both = people.assign(site=np.where(people.index % 2, "PMS", "Kiel"))
    row = fit(both, "edss", "volume_ml", [*PAPER, "group", "site"])
    named = fit(both.assign(site=both["site"].replace("PMS", "Ulm")), "edss", "volume_ml", [*PAPER, "group", "site"])  # fmt: skip
    assert row == named
