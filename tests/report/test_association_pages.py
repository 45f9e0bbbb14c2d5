import numpy as np
import pandas as pd
import pytest
from association_rows import slopes

from thalutils.errors import TableError
from thalutils.report import association_pages
from thalutils.stats import assumptions, models, ordinal

PEOPLE = 40


def frame(methods=("Mine", "FIRST")):
    """Return people as :func:`thalutils.stats.frames.baseline` does, each measured by every method."""
    rng = np.random.default_rng(3)
    found = {
        "participant_id": [f"sub-{i:02d}" for i in range(PEOPLE)],
        "group": "RRMS",
        "sex": np.where(np.arange(PEOPLE) % 2, "M", "F"),
    }
    columns = (
        "age_years",
        "icv_z",
        "edss",
        "t25fw_s",
        "nhpt_s",
        "sdmt",
        "disease_duration_years",
        "volume_ml",
    )
    found |= {name: 5 + rng.random(PEOPLE) for name in columns}
    return pd.concat([pd.DataFrame(found).assign(method=method) for method in methods], ignore_index=True)


def test_the_caption_says_which_outcome_has_no_slope_and_whose_values_the_diamonds_are():
    found = slopes(("edss", "FIRST", -0.3, 0.2), ("sdmt", "FIRST", np.nan, np.nan))
    html = association_pages.slopes(found, "all", "cross_sectional", "Fig. 4.").data
    assert "No slope could be had for SDMT." in html
    assert association_pages.DIAMONDS.replace("'", "&#x27;") in html
    mine = slopes(("edss", "Mine", -0.3, 0.2))
    assert "diamonds" not in association_pages.slopes(mine, "all", "cross_sectional", "Fig. 4.").data


def test_rrms_is_set_beside_the_papers_rrms():
    everyone, rrms = (association_pages._reported("cross_sectional", name) for name in ("beta", "rrms_beta"))
    assert {"FIRST", "DBSegment"} <= set(everyone["method"])
    assert set(rrms["method"]) == {"DBSegment"}
    mine = slopes(("edss", "FIRST", -0.3, 0.2), analysis="RRMS")
    assert "diamonds" not in association_pages.slopes(mine, "RRMS", "cross_sectional", "Fig. S3.").data


def test_an_analysis_that_could_not_be_fitted_says_why():
    found = slopes(("edss", "FIRST", np.nan, np.nan), note="6 people for 6 parameters.")
    html = association_pages.slopes(found, "all", "longitudinal", "Fig. 6.").data
    assert "6 people for 6 parameters." in html
    assert "<img" not in html


def test_residuals_are_of_the_chosen_method_else_of_the_first_of_the_study():
    fitted = models.cross_sectional(frame())
    assert "volumes by FIRST" in association_pages.residuals(fitted, "", "these models").data
    assert "volumes by Mine" in association_pages.residuals(fitted, "Mine", "these models").data
    with pytest.raises(TableError, match="Other is not among the methods: FIRST, Mine"):
        association_pages.residuals(fitted, "Other", "these models")


def test_too_few_people_have_no_residuals_and_no_tests():
    fitted = models.cross_sectional(frame().groupby("method").head(6))
    checks = assumptions.assumptions(fitted, "cross-sectional")
    for html in (
        association_pages.residuals(fitted, "", "these models"),
        association_pages.assumption_table(checks, "Tests.", "tests"),
    ):
        assert "No model could be fitted" in html.data
        assert "<img" not in html.data


def test_tests_of_residuals_are_shown_for_everyone_with_their_warnings():
    checks = assumptions.assumptions(models.cross_sectional(frame(["FIRST"])), "cross-sectional")
    checks.loc[checks["analysis"] == "RRMS", "warning"] = "of RRMS"
    checks.loc[0, "warning"] = "of everyone"
    html = association_pages.assumption_table(checks, "Tests.", "tests").data
    assert "of everyone" in html
    assert "of RRMS" not in html
    assert html.count("<tr>") == 1 + 5


def test_nobody_with_two_visits_has_no_odds():
    empty = ordinal.proportional_odds(pd.DataFrame({"method": []}))
    assert "<table>" not in association_pages.proportional_odds(empty, "Odds.").data
    found = slopes(("edss", "FIRST", np.nan, np.nan), analysis="ordinal", note="Nobody.")
    assert "<img" not in association_pages.odds_ratios(found, "Odds.").data
