"""Coefficients of agreement against R, published examples and cases with a known answer."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats

from thalutils.errors import TableError
from thalutils.stats.coefficients import bland_altman, concordance, deming, icc, least_squares

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "agreement.json").read_text(encoding="utf-8"))
VOLUME, REFERENCE = np.array(ORACLE["volume"]), np.array(ORACLE["reference"])
# Shrout and Fleiss 1979, Table 2, and its coefficients as Table 4 has them.
JUDGES = np.array(ORACLE["judges"], dtype=float).T
# Bland and Altman, Lancet 1986, Table 1: first reading of peak flow (l/min) by two meters.
WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427.0])
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451.0])
# NCSS Statistical Software, chapter 303, example 1: the error of X has four times the variance of Y's.
DEMING_X = np.array([7, 8.3, 10.5, 9, 5.1, 8.2, 10.2, 10.3, 7.1, 5.9])
DEMING_Y = np.array([7.9, 8.2, 9.6, 9, 6.5, 7.3, 10.2, 10.6, 6.3, 5.2])
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
EXACT = {"rel": 1e-8, "abs": 1e-8}


def interval(found, name):
    return [found[name], found[f"{name}_low"], found[f"{name}_high"]]


def test_concordance_and_its_interval_are_those_of_epir():
    assert interval(concordance(VOLUME, REFERENCE, ddof=0), "ccc") == pytest.approx(ORACLE["ccc"], **EXACT)


def test_concordance_has_the_sample_variances_of_the_paper():
    found = concordance(VOLUME, REFERENCE)["ccc"]
    (s_yy, s_xy), (_, s_xx) = np.cov(VOLUME, REFERENCE)
    assert found == pytest.approx(2 * s_xy / (s_xx + s_yy + (VOLUME.mean() - REFERENCE.mean()) ** 2))
    assert 0 < found - ORACLE["ccc"][0] < 1 / (4 * len(VOLUME))


def test_the_interval_of_concordance_holds_the_truth_as_often_as_it_says():
    random = np.random.default_rng(1989)
    truth = 2 * 0.8 / (1 + 1 + 0.5**2)
    held = 0
    for _ in range(1500):
        x, noise = random.normal(size=(2, 60))
        found = concordance(0.5 + 0.8 * x + 0.6 * noise, x)
        held += found["ccc_low"] < truth < found["ccc_high"]
    assert held / 1500 == pytest.approx(0.95, abs=0.02)


def test_concordance_of_opposed_and_of_unrelated_series():
    x = np.array([-1.0, 0.0, 1.0, 0.0])
    assert concordance(-x + 0.1, x)["ccc"] < -0.9
    unrelated = concordance(np.array([0.0, 1.0, 0.0, -1.0]), x)
    assert unrelated["ccc"] == pytest.approx(0)
    assert unrelated["ccc_low"] == pytest.approx(-unrelated["ccc_high"])


def test_equal_series_agree_perfectly_and_have_no_interval():
    found = concordance(REFERENCE, REFERENCE) | icc(REFERENCE, REFERENCE)
    for name in ("ccc", "icc3", "icc_a1"):
        assert found[name] == pytest.approx(1)
        assert np.isnan(interval(found, name)[1:]).all()


@pytest.mark.parametrize(("name", "published"), [("icc_a1", 0.29), ("icc3", 0.71)])
def test_intraclass_correlations_of_shrout_and_fleiss(name, published):
    found = interval(icc(*JUDGES), name)
    assert round(found[0], 2) == published
    assert found == pytest.approx(ORACLE["icc_judges"][name], **EXACT)


@pytest.mark.parametrize("name", ["icc_a1", "icc3"])
def test_intraclass_correlations_of_two_are_those_of_psych(name):
    found = interval(icc(VOLUME, REFERENCE), name)
    assert found == pytest.approx(ORACLE["icc"][name], **EXACT)
    assert found == pytest.approx(interval(icc(REFERENCE, VOLUME), name))


def test_intraclass_correlations_are_those_of_pingouin():
    n = len(VOLUME)
    long = pd.DataFrame({"who": [*range(n)] * 2, "rater": ["a"] * n + ["b"] * n, "ml": [*VOLUME, *REFERENCE]})
    theirs = pingouin.intraclass_corr(long, targets="who", raters="rater", ratings="ml").set_index("Type")
    found = icc(VOLUME, REFERENCE)
    for name, label in (("icc3", "ICC(C,1)"), ("icc_a1", "ICC(A,1)")):
        assert found[name] == pytest.approx(theirs.loc[label, "ICC"])
        assert interval(found, name)[1:] == pytest.approx(theirs.loc[label, "CI95"], abs=0.0051)


def test_a_constant_offset_costs_absolute_agreement_and_no_consistency():
    near, far = icc(VOLUME, REFERENCE), icc(VOLUME + 5, REFERENCE)
    assert interval(far, "icc3") == pytest.approx(interval(near, "icc3"))
    assert far["icc_a1"] < near["icc_a1"] / 2


def test_a_correlation_far_below_zero_has_no_interval_of_absolute_agreement():
    found = icc(np.array([8.0, 10.0, 10.0, 8.0, 6.0, 12.0]), np.array([10.0, 8.0, 8.0, 10.0, 12.0, 6.0]))
    assert found["icc_a1"] == pytest.approx(-6 / 4)  # -n / (n - 2), the lowest there is
    assert np.isnan(interval(found, "icc_a1")[1:]).all()
    assert interval(found, "icc3") == pytest.approx([-1, -1, -1])


def test_an_intraclass_correlation_takes_two_raters():
    with pytest.raises(TableError, match="There is one rater"):
        icc(VOLUME)


def test_the_fitted_line_is_that_of_r():
    found, theirs = least_squares(VOLUME, REFERENCE), ORACLE["least_squares"]
    assert interval(found, "slope") == pytest.approx(theirs["slope"], **EXACT)
    assert found["intercept_ml"] == pytest.approx(theirs["intercept"], **EXACT)
    assert found["residual_sd_ml"] == pytest.approx(theirs["residual_sd"], **EXACT)


def test_published_deming_slope_and_jackknife_interval():
    found = interval(deming(DEMING_Y, DEMING_X, error_ratio=1 / 4), "deming_slope")
    assert [round(value, 5) for value in found] == [1.00119, 0.56956, 1.43283]


@pytest.mark.parametrize("ratio", ["1", "0.25"])
def test_deming_slope_is_the_principal_axis_that_r_finds(ratio):
    found = interval(deming(VOLUME, REFERENCE, float(ratio)), "deming_slope")
    assert found == pytest.approx(ORACLE["deming"][ratio], **EXACT)


def test_deming_lies_between_both_regressions():
    (s_yy, s_xy), (_, s_xx) = np.cov(VOLUME, REFERENCE)
    assert deming(VOLUME, REFERENCE, 1e9)["deming_slope"] == pytest.approx(s_xy / s_xx)
    assert deming(VOLUME, REFERENCE, 1e-9)["deming_slope"] == pytest.approx(s_yy / s_xy)


def test_deming_of_uncorrelated_series_is_flat_or_missing():
    wide, narrow = np.array([2.0, 0.0, -2.0, 0.0]), np.array([0.0, 1.0, 0.0, -1.0])
    assert deming(narrow, wide)["deming_slope"] == 0
    for volume, reference in ((wide, narrow), (narrow, narrow[[1, 2, 3, 0]])):
        assert np.isnan(interval(deming(volume, reference), "deming_slope")).all()


@pytest.mark.parametrize("ratio", [0.0, -1.0, np.nan])
def test_a_ratio_of_variances_is_positive(ratio):
    with pytest.raises(TableError, match="give a positive one"):
        deming(VOLUME, REFERENCE, ratio)


def test_published_bias_and_limits_of_agreement():
    found = bland_altman(WRIGHT, MINI)
    assert [round(value, 1) for value in interval(found, "bias")] == [-2.1, -22.0, 17.8]
    assert round(found["sd_ml"], 1) == 38.8
    assert found["loa_lower"] == pytest.approx(-2.118 - 1.96 * 38.765, abs=0.01)
    assert found["loa_upper"] == pytest.approx(-2.118 + 1.96 * 38.765, abs=0.01)
    # The paper has -114.3 to -45.1 and 40.9 to 110.1 about limits of 2 SD, with 3 for 1 + 1.96² / 2 n / (n - 1).
    for name in ("loa_lower", "loa_upper"):
        assert found[f"{name}_high"] - found[f"{name}_low"] == pytest.approx(69.2, rel=0.01)
        assert interval(found, name)[0] == pytest.approx(np.mean(interval(found, name)[1:]))


def test_the_interval_of_a_limit_follows_from_bias_and_sd_being_independent():
    found = bland_altman(VOLUME, REFERENCE)
    n, sd = len(VOLUME), found["sd_ml"]
    reach = stats.t.ppf(0.975, n - 1) * np.sqrt(sd**2 / n + 1.96**2 * sd**2 / (2 * (n - 1)))
    assert found["loa_upper_high"] - found["loa_upper"] == pytest.approx(reach)
    assert found["loa_lower"] - found["loa_lower_low"] == pytest.approx(reach)


def test_bias_and_drift_are_those_of_r():
    found = bland_altman(VOLUME, REFERENCE)
    assert interval(found, "bias") == pytest.approx(ORACLE["bias"], **EXACT)
    assert found["sd_ml"] == pytest.approx(ORACLE["sd"], **EXACT)
    assert interval(found, "ba_slope") == pytest.approx(ORACLE["ba_slope"], **EXACT)


def test_differences_about_one_mean_have_no_drift():
    x = np.array([8.0, 9.0, 10.0])
    found = bland_altman(18 - x, x)
    assert found["sd_ml"] == pytest.approx(2)
    assert np.isnan(interval(found, "ba_slope")).all()


@pytest.mark.parametrize("function", [concordance, icc, least_squares, deming, bland_altman])
@pytest.mark.parametrize(
    ("volume", "reference", "message"),
    [
        ([1.0, 2.0], [1.0, 3.0], "There are 2 pairs"),
        ([1.0, 2.0, 3.0], [1.0, 3.0], "shapes \\(3,\\), \\(2,\\)"),
        ([1.0, 2.0, np.nan], [1.0, 3.0, 4.0], "missing or infinite"),
    ],
)
def test_what_cannot_be_compared_is_refused(function, volume, reference, message):
    with pytest.raises(TableError, match=message):
        function(np.array(volume), np.array(reference))


@pytest.mark.parametrize("function", [concordance, icc, least_squares, deming])
def test_a_constant_series_is_refused(function):
    for pair in ((np.full(3, 9.0), REFERENCE[:3]), (VOLUME[:3], np.full(3, 9.0))):
        with pytest.raises(TableError, match="same volume for everyone"):
            function(*pair)
