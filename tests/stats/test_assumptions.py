import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thalutils.stats import models
from thalutils.stats.assumptions import assumptions, residuals

pytestmark = pytest.mark.filterwarnings("error")

# R's lm and lmtest's bptest; made by oracles/regression.R.
ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "regression.json").read_text())


def oracle_models(hc3=(), log=("t25fw_s",)):
    people = pd.DataFrame(ORACLE["people"]).assign(method="A")
    people = people.assign(nhpt_s=np.nan, sdmt=np.nan, disease_duration_years=np.nan)
    return models.cross_sectional(people, hc3=hc3, log=log, subsets={"all": None})


def the_row(table, outcome, method="A"):
    [row] = table.query("outcome == @outcome and method == @method").to_dict("records")
    return row


@pytest.mark.parametrize(("outcome", "name"), [("edss", "edss"), ("t25fw", "t25fw_s")])
def test_tests_of_residuals_are_those_of_r(outcome, name):
    row = the_row(assumptions(oracle_models(), "cross-sectional"), outcome)
    assert (row["design"], row["analysis"], row["n"]) == ("cross-sectional", "all", 60)
    for key in ("skewness", "normal_p", "breusch_pagan_p"):
        assert row[key] == pytest.approx(ORACLE["models"][name][key], rel=1e-6)


def test_residuals_and_their_quantiles_are_those_of_r():
    found = residuals(oracle_models()).query("outcome == 'edss'")
    for key in ("fitted", "residual", "standardised", "quantile"):
        assert found[key].tolist() == pytest.approx(ORACLE["residuals"][key], abs=1e-7)
    assert found["participant_id"].tolist() == ORACLE["people"]["participant_id"]


def test_a_warning_where_the_standard_error_disagrees():
    # Breusch-Pagan's p is .053 for edss and .035 for the logarithm of t25fw.
    plain = assumptions(oracle_models(), "cross-sectional")
    assert pd.isna(the_row(plain, "edss")["warning"])
    assert "(Breusch-Pagan p = 0.035)" in the_row(plain, "t25fw")["warning"]
    assert "HC3 would hold" in the_row(plain, "t25fw")["warning"]
    robust = assumptions(oracle_models(hc3=("edss", "t25fw_s")), "cross-sectional")
    assert "not called for" in the_row(robust, "edss")["warning"]
    assert pd.isna(the_row(robust, "t25fw")["warning"])


def test_a_warning_where_residuals_are_skewed(baseline_frame):
    frame = baseline_frame()
    skewed = np.exp(np.random.default_rng(8).normal(0, 1, 120))
    frame["t25fw_s"] = np.tile(skewed, 2)
    raw = the_row(
        assumptions(models.cross_sectional(frame, log=(), hc3=()), "cross-sectional").iloc[:10], "t25fw"
    )
    assert raw["skewness"] > 1
    assert "and the outcome is not transformed" in raw["warning"]
    logged = assumptions(models.cross_sectional(frame), "cross-sectional").iloc[:10]
    assert abs(the_row(logged, "t25fw")["skewness"]) < 1
    assert pd.isna(the_row(logged, "t25fw")["warning"])
    frame["t25fw_s"] = np.exp(np.tile(skewed, 2))
    twice = assumptions(models.cross_sectional(frame), "cross-sectional").iloc[:10]
    assert "strongly skewed" in the_row(twice, "t25fw")["warning"]
    assert "after the logarithm" in the_row(twice, "t25fw")["warning"]


def test_both_designs_fit_in_one_table(baseline_frame, change_frame):
    across = assumptions(models.cross_sectional(baseline_frame()), "cross-sectional")
    along = assumptions(models.longitudinal(change_frame()), "longitudinal")
    both = pd.concat([across, along])
    assert len(both) == 20 + 32
    assert not both.duplicated(["design", "analysis", "outcome", "method"]).any()


def test_a_model_without_an_answer_says_why():
    row = the_row(assumptions(oracle_models(), "cross-sectional"), "sdmt")
    assert np.isnan(row["skewness"]) and np.isnan(row["breusch_pagan_p"])
    assert row["warning"] == "Missing in everyone: sdmt."
    assert set(residuals(oracle_models())["outcome"]) == {"edss", "t25fw"}


def test_someone_of_leverage_one_has_no_standardised_residual(baseline_frame):
    frame = baseline_frame(methods=["A"]).assign(sex="F")
    frame.loc[4, "sex"] = "M"
    found = residuals(models.cross_sectional(frame, subsets={"all": None})).query("outcome == 'sdmt'")
    assert np.isnan(found["standardised"]).tolist() == (found["participant_id"] == "sub-004").tolist()


def test_no_model_makes_empty_frames():
    assert assumptions([], "longitudinal").empty
    assert residuals([]).columns.tolist()[:4] == ["analysis", "outcome", "method", "participant_id"]
