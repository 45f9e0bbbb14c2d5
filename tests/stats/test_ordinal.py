import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thalutils.stats import ordinal
from thalutils.stats.regression import ESTIMATES

pytestmark = pytest.mark.filterwarnings("error")

# R's polr, clm and nominal_test; made by oracles/ordinal.R.
ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "ordinal.json").read_text())
# polr stops its search earlier than clm does: their own slopes differ by 4e-6.
LIKE_CLM, LIKE_POLR = 1e-6, 1e-5
# glm's standard errors are those of its last step but one.
LIKE_GLM = 5e-5


@pytest.fixture
def people():
    return pd.DataFrame(ORACLE["people"]).assign(method="A")


def the_row(frame):
    [row] = ordinal.rows(frame)
    return row


def the_test(frame):
    [row] = ordinal.proportional_odds(frame).to_dict("records")
    return row


@pytest.mark.parametrize(
    ("baseline", "worse", "better"),
    [(0.0, 1.5, None), (1.0, 1.0, -1.0), (5.5, 1.0, -1.0), (6.0, 0.5, -0.5), (9.5, 0.5, -0.5)],
)
def test_a_change_counts_from_the_step_of_its_baseline(baseline, worse, better):
    changes = [worse, worse - 0.5] + ([better, better + 0.5] if better else [])
    found = ordinal.categories(pd.Series([baseline] * len(changes)), pd.Series(changes))
    assert found.tolist() == [1, 0, -1, 0][: len(changes)]


def test_steps_can_be_chosen_and_missing_stays_missing():
    baseline, change = pd.Series([2.0, 2.0, np.nan, 2.0]), pd.Series([0.5, -0.5, 1.0, np.nan])
    found = ordinal.categories(baseline, change, steps=[(10.0, 0.5)])
    assert found.tolist()[:2] == [1, -1]
    assert found.isna().tolist() == [False, False, True, True]


def test_categories_are_those_of_the_oracle(people):
    assert ordinal.categories(people["edss"], people["delta_edss"]).tolist() == people["category"].tolist()


@pytest.mark.parametrize(("program", "near"), [("clm", LIKE_CLM), ("polr", LIKE_POLR)])
def test_slope_is_that_of_r(people, program, near):
    row, oracle = the_row(people), ORACLE[program]
    for name, value in oracle.items():
        assert row[name] == pytest.approx(value, rel=10 * near if name == "p" else near)
    assert row["beta_low"] == pytest.approx(oracle["beta"] - 1.959964 * oracle["se"], rel=LIKE_POLR)
    assert row["beta_high"] == pytest.approx(oracle["beta"] + 1.959964 * oracle["se"], rel=LIKE_POLR)
    assert (row["n"], row["se_type"], row["transform"], row["note"]) == (160, "ml", "none", None)


def test_slope_is_per_ml_whatever_the_spread(people):
    wide = the_row(people.assign(delta_ml=1000 * people["delta_ml"]))
    assert 1000 * wide["beta"] == pytest.approx(the_row(people)["beta"], rel=LIKE_POLR)


def test_likelihood_ratio_of_proportional_odds_is_that_of_r(people):
    row = the_test(people)
    assert {name: row[name] for name in ORACLE["counts"]} == ORACLE["counts"]
    assert row["chi2"] == pytest.approx(ORACLE["nominal"]["chi2"], abs=1e-5)
    assert row["p"] == pytest.approx(ORACLE["nominal"]["p"], abs=1e-5)
    assert (row["analysis"], row["n"]) == ("ordinal", 160)


def test_proportional_odds_fail_where_volume_moves_one_threshold_alone():
    rng = np.random.default_rng(5)
    n = 600
    size = rng.normal(0, 1, n)
    better = rng.random(n) < 0.2
    worse = ~better & (rng.random(n) < 1 / (1 + np.exp(1 - 2 * size)))
    frame = pd.DataFrame({
        "participant_id": [f"sub-{i}" for i in range(n)], "method": "A", "sex": "F", "age_years": 40 + rng.normal(0, 9, n),
        "icv_z": rng.normal(0, 1, n), "steroids_since_last": 0.0, "interval_years": 1.0, "edss": 3.0,
        "delta_ml": size, "delta_edss": np.select([better, worse], [-1.0, 1.0], 0.0),
    })  # fmt: skip
    row = the_test(frame)
    assert row["p"] < 1e-6
    assert row["note"] == "Left out, the same in everyone: sex, steroids_since_last, interval_years."


def test_no_likelihood_ratio_where_one_threshold_alone_is_separated(people):
    # Whoever is better lost most, so that the volume's slope at the first threshold has no end; who of the
    # others is worse, it does not tell.
    worse = np.arange(len(people)) % 3 == 0
    changed = people.assign(
        edss=3.0, delta_edss=np.where(people["delta_ml"] < -0.4, -1.5, np.where(worse, 1.5, 0))
    )
    assert np.isfinite(the_row(changed)["beta"])
    row = the_test(changed)
    assert np.isnan(row["chi2"])
    assert row["note"] == "The model with a slope for each threshold did not converge."


def test_two_categories_are_a_logistic_regression_and_say_so(people):
    some = people[people["category"] >= 0]
    row = the_row(some)
    assert row["beta"] == pytest.approx(ORACLE["binary"]["beta"], rel=LIKE_GLM)
    assert row["se"] == pytest.approx(ORACLE["binary"]["se"], rel=LIKE_GLM)
    assert row["note"] == "Nobody is better: the other categories alone."
    tested = the_test(some)
    assert np.isnan(tested["chi2"])
    assert "nothing to test" in tested["note"]


def assert_empty(frame, word):
    row, tested = the_row(frame), the_test(frame)
    assert all(np.isnan(row[name]) for name in ESTIMATES)
    assert np.isnan(tested["chi2"]) and np.isnan(tested["p"])
    assert word in row["note"] and word in tested["note"]


def test_one_category_has_no_slope(people):
    assert_empty(people.assign(delta_edss=0.0), "Everyone has the same edss_category")


def test_separated_categories_have_no_slope(people):
    ranked = np.select([people["delta_ml"] > 0.1, people["delta_ml"] < -0.3], [1.5, -1.5], 0.0)
    assert_empty(people.assign(edss=3.0, delta_edss=ranked), "separated by delta_ml")


def test_a_covariate_that_separates_is_named(people):
    treated = people["steroids_since_last"].eq(1)
    worse = people.assign(edss=3.0, delta_edss=np.where(treated, 2.0, people["category"]))
    assert_empty(worse, "separated by steroids_since_last:")


def test_few_people_have_no_slope(people):
    assert_empty(people.iloc[:16], "fewer than 10 residual degrees of freedom")


def test_nobody_has_no_row():
    frame = pd.DataFrame({name: [] for name in ["method", "edss", "delta_edss"]})
    assert ordinal.rows(frame) == []
    assert ordinal.proportional_odds(frame).empty


def two_sites(n=3000):
    """Return changes whose odds follow the volume by 1.5 per mL, in two sites that move both on their own."""
    rng = np.random.default_rng(3)
    second = np.arange(n) % 3 == 0
    size = rng.normal(0, 0.5, n) - 1.0 * second  # the second site's scanner was changed between the visits
    latent = 1.5 * size + 3.0 * second + rng.logistic(0, 1, n)
    return pd.DataFrame({
        "participant_id": [f"sub-{i}" for i in range(n)], "method": "A", "site": np.where(second, "B", "A"),
        "sex": "F", "age_years": 40 + rng.normal(0, 9, n), "icv_z": rng.normal(0, 1, n), "steroids_since_last": 0.0,
        "interval_years": 1.0, "edss": 3.0, "delta_ml": size,
        "delta_edss": np.select([latent < -1.5, latent > 1.5], [-1.0, 1.0], 0.0), "group": "RRMS",
    })  # fmt: skip


def test_a_shift_between_sites_does_not_bend_the_slope():
    frame = two_sites()
    known, ignored = the_row(frame), the_row(frame.assign(site="A"))
    assert known["beta_low"] < 1.5 < known["beta_high"]
    assert known["beta"] == pytest.approx(1.5, abs=0.2)
    assert ignored["beta_high"] < 1.0  # the shift, ignored, hides most of it
    assert "site" not in known["note"]
    assert ignored["note"] == known["note"]
    assert the_test(frame)["p"] > 0.01 > the_test(frame.assign(site="A"))["p"]


NUMBERS = ("n", "beta", "se", "p")


@pytest.mark.parametrize("change", [2.0, -2.0])
@pytest.mark.parametrize("name", ["A small one", "C"])
def test_a_site_of_which_all_are_worse_tells_nothing_of_the_slope_and_is_left_out(change, name):
    """Its indicator has no finite estimate, by name the first or the last; the slope is that of the others."""
    frame = two_sites(600)
    lone = frame["participant_id"].isin([f"sub-{n}" for n in range(5)])
    odd = frame.assign(
        site=frame["site"].where(~lone, name), delta_edss=frame["delta_edss"].where(~lone, change)
    )
    row, others = the_row(odd), the_row(odd[~lone])
    assert {key: row[key] for key in NUMBERS} == {key: others[key] for key in NUMBERS}
    assert f"Left out, since all of the site are worse or all better: {name}." in row["note"]
    assert the_test(odd)["chi2"] == the_test(odd[~lone])["chi2"]
    assert the_test(odd)["n"] == len(frame) - 5
    # with one of the site in another category the indicator is finite, and the slope hardly another
    mixed = the_row(odd.assign(delta_edss=odd["delta_edss"].where(odd["participant_id"] != "sub-0", 0.0)))
    assert mixed["n"] == len(frame) and mixed["beta"] == pytest.approx(row["beta"], rel=0.1)


def test_where_all_sites_are_one_sided_there_is_no_slope():
    frame = two_sites(300)
    split = frame.assign(delta_edss=np.where(frame["site"] == "B", 2.0, 0.0))
    assert_empty(split, "There is nobody to analyse")


def test_more_covariates_can_be_named(people):
    tall = people.assign(group=np.where(people["age_years"] > people["age_years"].median(), "PMS", "RRMS"))
    [plain], [more] = ordinal.rows(tall), ordinal.rows(tall, covariates=["group"])
    assert more["beta"] != pytest.approx(plain["beta"], rel=1e-4)
    tested = ordinal.proportional_odds(tall, covariates=["group"])
    assert tested["chi2"].item() != pytest.approx(the_test(tall)["chi2"], rel=1e-4)
