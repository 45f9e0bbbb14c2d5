import numpy as np
import pandas as pd
import pytest
from scipy import stats

from thalutils.errors import TableError
from thalutils.stats.associations import cross_sectional, longitudinal
from thalutils.stats.frames import OUTCOMES
from thalutils.stats.regression import ESTIMATES, fit

pytestmark = pytest.mark.filterwarnings("error")

PAPER = ["age_years", "sex", "icv_z"]
LATER = [*PAPER, "steroids_since_last", "interval_years"]


def the_row(table, analysis, outcome, method):
    [row] = table.query("analysis == @analysis and outcome == @outcome and method == @method").to_dict(
        "records"
    )
    return row


def same(row, expected):
    return all(row[name] == pytest.approx(expected[name]) for name in ("n", *ESTIMATES))


def test_each_outcome_has_the_model_of_the_paper(baseline_frame):
    frame = baseline_frame()
    table = cross_sectional(frame)
    assert len(table) == 2 * 5 * 2
    chosen = {
        "edss": ("edss", "HC3", "none"),
        "t25fw": ("t25fw_s", "nonrobust", "log"),
        "nhpt": ("nhpt_s", "nonrobust", "log"),
        "sdmt": ("sdmt", "nonrobust", "none"),
        "disease_duration": ("disease_duration_years", "HC3", "none"),
    }
    for analysis, people in (("all", frame), ("RRMS", frame[frame["group"] == "RRMS"])):
        for outcome, (column, se_type, transform) in chosen.items():
            row = the_row(table, analysis, outcome, "FIRST")
            mine = people[people["method"] == "FIRST"]
            assert same(row, fit(mine, column, "volume_ml", PAPER, se_type, transform))
            assert (row["se_type"], row["transform"]) == (se_type, transform)


def test_healthy_controls_have_no_disease_duration_even_where_one_is_entered(baseline_frame):
    frame = baseline_frame()
    entered = frame.fillna({"disease_duration_years": 0.0})
    row = the_row(cross_sectional(entered), "all", "disease_duration", "A")
    patients = (frame["group"] != "HC") & (frame["method"] == "A")
    assert row["n"] == patients.sum() < 120
    assert row["note"] == "Healthy controls have no disease duration and are left out."
    assert row["beta"] == fit(frame[patients], "disease_duration_years", "volume_ml", PAPER)["beta"]
    assert pd.isna(the_row(cross_sectional(entered), "RRMS", "disease_duration", "A")["note"])


def test_standard_errors_transforms_and_people_can_be_chosen(baseline_frame):
    frame = baseline_frame()
    table = cross_sectional(frame, hc3=["sdmt"], log=[], subsets={"PMS+RRMS": ("PMS", "RRMS")})
    mine = frame[frame["group"].isin(["PMS", "RRMS"]) & (frame["method"] == "A")]
    assert set(table["analysis"]) == {"PMS+RRMS"}
    assert same(the_row(table, "PMS+RRMS", "sdmt", "A"), fit(mine, "sdmt", "volume_ml", PAPER, "HC3"))
    assert same(the_row(table, "PMS+RRMS", "t25fw", "A"), fit(mine, "t25fw_s", "volume_ml", PAPER))


def test_change_is_regressed_on_change(change_frame):
    frame = change_frame()
    table = longitudinal(frame)
    assert list(table["analysis"].unique()) == ["all", "RRMS", "winsor-1-99", "winsor-5-95", "ordinal"]
    assert len(table) == 4 * 4 * 2 + 2
    mine = frame[frame["method"] == "A"]
    for outcome, column, se_type in (
        ("edss", "delta_edss", "HC3"), ("t25fw", "delta_t25fw_s", "nonrobust"),
        ("nhpt", "delta_nhpt_s", "HC3"), ("sdmt", "delta_sdmt", "nonrobust"),
    ):  # fmt: skip
        assert same(the_row(table, "all", outcome, "A"), fit(mine, column, "delta_ml", LATER, se_type))
    relapsing = mine[mine["group"] == "RRMS"]
    assert same(the_row(table, "RRMS", "sdmt", "A"), fit(relapsing, "delta_sdmt", "delta_ml", LATER))


def test_volume_changes_are_winsorised_over_the_people_of_the_model(change_frame):
    frame = change_frame()
    # Whoever has no change of SDMT has an extreme change of volume, which must not move the percentiles.
    absent = frame["participant_id"].isin(["sub-003", "sub-004", "sub-005"])
    frame.loc[absent, ["delta_ml", "delta_sdmt"]] = [9.0, np.nan]
    mine = frame[(frame["method"] == "A") & ~absent]
    limits = np.quantile(mine["delta_ml"], [0.05, 0.95])
    clipped = mine.assign(delta_ml=mine["delta_ml"].clip(*limits))
    expected = fit(clipped, "delta_sdmt", "delta_ml", LATER)
    assert same(the_row(longitudinal(frame), "winsor-5-95", "sdmt", "A"), expected)


def frame_with_partial_correlations(wanted):
    """Return a change frame in which method and outcome have exactly these partial correlations.

    Residuals of covariates, outcomes and methods are made orthonormal, and each method's change mixed from
    them: outcomes in the proportions `wanted`, a direction of its own for the rest.
    """
    methods, outcomes = wanted.shape
    n, k = 221, 5
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(np.column_stack([np.ones(n), rng.normal(size=(n, k + outcomes + methods))]))[0]
    covariates, clinical, own = np.split(basis[:, 1:], [k, k + outcomes], axis=1)
    people = pd.DataFrame(covariates, columns=["age_years", "indicator", *LATER[2:]])
    # a number passes for sex in no model: let the other covariates be what they like
    people = people.drop(columns="indicator").assign(
        participant_id=[f"sub-{i:03d}" for i in range(n)], sex="F", group="RRMS", edss=2.0
    )
    for place, name in enumerate(["edss", "t25fw_s", "nhpt_s", "sdmt"]):
        people[f"delta_{name}"] = clinical[:, place]
    rest = np.sqrt(1 - (wanted**2).sum(axis=1))
    each = [
        people.assign(method=f"method-{i}", delta_ml=clinical @ wanted[i] + rest[i] * own[:, i])
        for i in range(methods)
    ]
    return pd.concat(each, ignore_index=True)


def correlation(p, df):
    """Return the partial correlation that has this two-sided p."""
    t = stats.t.isf(np.asarray(p) / 2, df)
    return t / np.sqrt(t**2 + df)


@pytest.mark.parametrize(
    ("family", "adjusted", "label"),
    [
        ("analysis", 0.069, "36 tests: analysis all"),
        ("outcome", 0.01725, "9 tests: analysis all, outcome edss"),
        ("method", 0.069, "4 tests: analysis all, method method-8"),
        ("none", 0.01725, "1 test: analysis all, outcome edss, method method-8"),
    ],
)
def test_adjusted_p_of_dbsegment_is_the_papers_where_all_tests_are_one_family(family, adjusted, label):
    # Slope .60, standard error .25, 221 people: the raw p, ninth of 9 methods x 4 outcomes.
    raw = 2 * stats.t.sf(0.60 / 0.25, 221 - 7)
    assert round(raw, 3) == 0.017
    p = np.full((9, 4), 0.5)
    p[:, 0] = [0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008, raw]
    df = 221 - 6  # everyone is a woman here, which saves a parameter
    table = longitudinal(
        frame_with_partial_correlations(correlation(p, df)), family, hc3=(), subsets={"all": None}
    )
    mine = table[table["analysis"] == "all"]
    assert mine.query("outcome == 'edss'")["p"].to_numpy() == pytest.approx(p[:, 0])
    assert (mine["p"] <= raw + 1e-12).sum() == 9
    row = the_row(table, "all", "edss", "method-8")
    assert row["p_adjusted"] == pytest.approx(adjusted, abs=1e-4)
    assert row["family"] == label


def test_tests_without_an_answer_count_in_no_family(baseline_frame):
    frame = baseline_frame().assign(sdmt=50.0)
    row = the_row(cross_sectional(frame), "all", "sdmt", "A")
    assert np.isnan(row["beta"]) and pd.isna(row["family"])
    assert row["note"] == "Everyone has the same sdmt: there is no slope."
    assert the_row(cross_sectional(frame), "all", "edss", "A")["family"] == "8 tests: analysis all"


def test_a_cohort_without_rrms_says_so(change_frame):
    frame = change_frame().assign(group="NMOSD")
    table = longitudinal(frame)
    assert set(table.query("analysis == 'RRMS'")["note"]) == {"There is nobody to analyse."}


def test_no_method_makes_an_empty_table(baseline_frame, change_frame):
    assert cross_sectional(baseline_frame().iloc[:0]).empty
    assert longitudinal(change_frame().iloc[:0]).empty


def test_unknown_settings_are_named(baseline_frame, change_frame):
    with pytest.raises(TableError, match="method x is not a family"):
        cross_sectional(baseline_frame(), family="method x")
    with pytest.raises(TableError, match="edss_change is no longitudinal outcome; there are delta_edss"):
        longitudinal(change_frame(), hc3=["edss_change"])
    assert "t25fw" not in OUTCOMES
    with pytest.raises(TableError, match="t25fw is no cross-sectional outcome"):
        cross_sectional(baseline_frame(), log=["t25fw"])
