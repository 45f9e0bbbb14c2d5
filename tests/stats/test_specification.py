import numpy as np
import pandas as pd
import pytest

from thalutils.stats.associations import longitudinal
from thalutils.stats.regression import fit
from thalutils.stats.specification import specification_curve

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def frame(change_frame):
    return change_frame(n=160)


@pytest.fixture
def curve(frame):
    return specification_curve(frame)


def the_row(curve, **choices):
    chosen = {
        "method": "A",
        "covariates": "paper",
        "se_type": "HC3",
        "winsor": "none",
        "subset": "all",
    } | choices
    [row] = curve[(curve[list(chosen)] == pd.Series(chosen)).all(axis=1)].to_dict("records")
    return row


def test_every_combination_is_there_once(curve):
    choices = ["method", "covariates", "se_type", "winsor", "subset"]
    assert len(curve) == len(curve.drop_duplicates(choices)) == 2 * 6 * 2 * 3 * 4
    assert set(curve["outcome"]) == {"edss"}


@pytest.mark.parametrize("winsor", ["none", "1-99", "5-95"])
def test_the_papers_own_choices_give_the_papers_models(frame, curve, winsor):
    analysis = "all" if winsor == "none" else f"winsor-{winsor}"
    paper = longitudinal(frame).set_index(["analysis", "outcome", "method"]).loc[(analysis, "edss", "A")]
    row = the_row(curve, winsor=winsor)
    for name in ("n", "beta", "beta_low", "beta_high", "p"):
        assert row[name] == pytest.approx(paper[name])


@pytest.mark.parametrize(
    ("name", "covariates"),
    [
        ("none", []),
        ("age+sex", ["age_years", "sex"]),
        ("age+sex+icv", ["age_years", "sex", "icv_z"]),
        ("paper+group", ["age_years", "sex", "icv_z", "steroids_since_last", "interval_years", "group"]),
        ("paper+edss", ["age_years", "sex", "icv_z", "steroids_since_last", "interval_years", "edss"]),
    ],
)
def test_covariates_are_those_named(frame, curve, name, covariates):
    mine = frame[frame["method"] == "A"]
    row = the_row(curve, covariates=name, se_type="nonrobust")
    expected = fit(mine, "delta_edss", "delta_ml", covariates)
    assert row["beta"] == pytest.approx(expected["beta"])
    assert row["p"] == pytest.approx(expected["p"])


def test_subsets_are_those_named(frame, curve):
    once = frame[frame["method"] == "A"]["group"]
    sizes = {
        "all": 160,
        "RRMS": once.eq("RRMS").sum(),
        "MS": once.isin(["RRMS", "PMS", "MS"]).sum(),
        "patients": once.ne("HC").sum(),
    }
    assert len(set(sizes.values())) == 4
    assert {name: the_row(curve, subset=name)["n"] for name in sizes} == sizes
    assert (
        the_row(curve, subset="RRMS", covariates="paper+group")["note"]
        == "Left out, the same in everyone: group."
    )


def test_a_subset_of_nobody_says_so(frame):
    curve = specification_curve(frame.assign(group="HC"))
    row = the_row(curve, subset="patients", winsor="5-95")
    assert np.isnan(row["beta"])
    assert row["note"] == "There is nobody to analyse."


def test_winsorising_does_not_hide_what_is_missing(frame):
    row = the_row(specification_curve(frame.assign(icv_z=np.nan)), winsor="1-99")
    assert row["note"] == "Missing in everyone: icv_z."


def test_no_method_makes_an_empty_table(frame):
    assert specification_curve(frame.iloc[:0]).empty


def test_sites_are_a_covariate_wherever_the_papers_are(frame):
    second = frame["participant_id"].str[-3:].astype(int) % 3 == 1
    moved = frame.assign(
        site=np.where(second, "B", "A"), delta_ml=frame["delta_ml"] - 2.0 * second, delta_edss=frame["delta_edss"] + 2.0 * second
    )  # fmt: skip
    curve = specification_curve(moved)
    paper = longitudinal(moved).set_index(["analysis", "outcome", "method"]).loc[("all", "edss", "A")]
    assert the_row(curve)["beta"] == pytest.approx(paper["beta"])
    shifted = frame.assign(site=moved["site"])  # the same people before anybody moved them
    for name in ("paper", "paper+group"):
        before = the_row(specification_curve(shifted), covariates=name)
        assert the_row(curve, covariates=name)["beta"] == pytest.approx(before["beta"])
        assert the_row(curve, covariates=name)["p"] == pytest.approx(before["p"])
    assert the_row(curve, covariates="age+sex+icv")["beta"] < -0.5
