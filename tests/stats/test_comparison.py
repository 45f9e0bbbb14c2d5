import numpy as np
import pandas as pd
import pytest

from thalutils.errors import TableError
from thalutils.stats.comparison import like_with_like
from thalutils.stats.regression import fit
from thalutils.stats.resampling import resampled_counts

pytestmark = pytest.mark.filterwarnings("error")

COVARIATES = ["age_years", "sex", "icv_z", "group"]


def the_row(table, outcome, method):
    [row] = table.query("outcome == @outcome and method == @method").to_dict("records")
    return row


def compared(frame, design="cross-sectional", **settings):
    return like_with_like(frame, design, **{"resamples": 200} | settings)


def test_slopes_are_adjusted_for_diagnosis_as_well(baseline_frame, change_frame):
    frame = baseline_frame()
    mine = frame[frame["method"] == "A"]
    table = compared(frame)
    assert set(table["outcome"]) == {"edss", "t25fw", "nhpt", "sdmt", "disease_duration"}
    for outcome, column, transform in (("sdmt", "sdmt", "none"), ("t25fw", "t25fw_s", "log")):
        expected = fit(mine, column, "volume_ml", COVARIATES, transform=transform)
        row = the_row(table, outcome, "A")
        for name in ("n", "beta_std", "partial_r2"):
            assert row[name] == pytest.approx(expected[name])
    frame = change_frame()
    later = [*COVARIATES, "steroids_since_last", "interval_years"]
    expected = fit(frame[frame["method"] == "A"], "delta_edss", "delta_ml", later)
    row = the_row(compared(frame, "longitudinal"), "edss", "A")
    assert (row["design"], row["beta_std"]) == ("longitudinal", pytest.approx(expected["beta_std"]))


def test_methods_are_fitted_to_the_people_whom_all_measured(baseline_frame):
    frame = baseline_frame()
    lacking = (frame["method"] == "FIRST") & frame["participant_id"].isin(["sub-010", "sub-020"])
    row = the_row(compared(frame[~lacking]), "sdmt", "A")
    assert row["n"] == 118
    shared = frame[(frame["method"] == "A") & ~frame["participant_id"].isin(["sub-010", "sub-020"])]
    assert row["beta_std"] == pytest.approx(fit(shared, "sdmt", "volume_ml", COVARIATES)["beta_std"])


def test_a_method_with_few_people_does_not_take_them_from_the_others(baseline_frame):
    frame = baseline_frame(methods=["A", "FIRST", "rare"])
    table = compared(frame[(frame["method"] != "rare") | (frame["participant_id"] < "sub-030")])
    assert the_row(table, "sdmt", "A")["n"] == 120
    row = the_row(table, "sdmt", "rare")
    assert np.isnan(row["beta_std"])
    assert row["note"] == "30 of the people, fewer than half of them: not compared."


def test_scale_of_a_method_does_not_matter_and_people_are_drawn_in_pairs(baseline_frame):
    frame = baseline_frame(methods=["FIRST"])
    scaled = frame.assign(method="scaled", volume_ml=20 + 3 * frame["volume_ml"])
    # The same people, though their rows come in another order.
    table = compared(pd.concat([frame, scaled.sample(frac=1, random_state=0)], ignore_index=True))
    for outcome in ("edss", "sdmt"):
        row, other = the_row(table, outcome, "scaled"), the_row(table, outcome, "FIRST")
        assert row["beta_std"] == pytest.approx(other["beta_std"])
        assert row["beta_std_low"] == pytest.approx(other["beta_std_low"])
        for name in ("difference_std", "difference_std_low", "difference_std_high"):
            assert row[name] == pytest.approx(0, abs=1e-9)
        for name in ("partial_r2", "partial_r2_low", "partial_r2_high"):
            assert row[name] == pytest.approx(other[name])


def test_resamples_are_those_of_the_seed(baseline_frame):
    table = compared(baseline_frame(), seed=3)
    pd.testing.assert_frame_equal(table, compared(baseline_frame(), seed=3))
    assert (table["beta_std_low"] != compared(baseline_frame(), seed=4)["beta_std_low"]).all()


def test_a_resample_is_fitted_as_the_sample_is(baseline_frame):
    frame = baseline_frame()
    frame["sdmt"] += frame["group"].map({"PMS": 30.0, "HC": -30.0}).fillna(0)
    row = the_row(compared(frame, resamples=1, seed=6), "sdmt", "A")
    mine = frame[frame["method"] == "A"].sort_values("participant_id")
    [counts] = resampled_counts(np.zeros(120), 1, seed=6)
    expected = fit(mine.loc[mine.index.repeat(counts.astype(int))], "sdmt", "volume_ml", COVARIATES)
    assert row["beta_std_low"] == row["beta_std_high"] == pytest.approx(expected["beta_std"])
    assert row["partial_r2_low"] == pytest.approx(expected["partial_r2"])


def test_bootstrap_spreads_as_the_standard_error_says(baseline_frame):
    frame = baseline_frame(n=400)
    mine = frame[frame["method"] == "A"]
    row = the_row(compared(frame, resamples=1000), "sdmt", "A")
    fitted = fit(mine, "sdmt", "volume_ml", COVARIATES)
    width = 2 * 1.96 * fitted["se"] * fitted["beta_std"] / fitted["beta"]
    assert row["beta_std_high"] - row["beta_std_low"] == pytest.approx(width, rel=0.12)
    assert row["beta_std_low"] < fitted["beta_std"] < row["beta_std_high"]


def test_a_method_that_tells_nothing_loses_against_one_that_does(baseline_frame):
    frame = baseline_frame(n=300)
    noise = np.random.default_rng(2).normal(9, 1, 300)
    frame.loc[frame["method"] == "A", "volume_ml"] = noise
    table = compared(frame)
    row = the_row(table, "sdmt", "A")
    assert row["against"] == "FIRST"
    assert row["difference_std_high"] < 0
    first = the_row(table, "sdmt", "FIRST")
    along = np.sign(first["beta_std"])
    assert row["difference_std"] == pytest.approx(along * (row["beta_std"] - first["beta_std"]))
    assert np.isnan(first["difference_std"])


def test_a_slope_of_the_other_sign_is_weaker_by_the_sum_of_both(baseline_frame):
    frame = baseline_frame(methods=["FIRST"], n=300)
    turned = frame.assign(method="turned", volume_ml=20 - frame["volume_ml"])
    row = the_row(compared(pd.concat([frame, turned], ignore_index=True)), "sdmt", "turned")
    assert row["difference_std"] == pytest.approx(-2 * abs(row["beta_std"]))
    assert row["difference_std_high"] < 0


def test_what_methods_are_held_against_can_be_chosen(baseline_frame):
    frame = baseline_frame(methods=["A", "B"])
    assert set(compared(frame)["against"]) == {"A"}
    assert set(compared(frame, against="B")["against"]) == {"B"}
    with pytest.raises(TableError, match="FIRST is not among the methods: A, B"):
        compared(frame, against="FIRST")
    with pytest.raises(TableError, match="sideways is not a design"):
        compared(frame, "sideways")


def test_degenerate_input_says_why(baseline_frame, change_frame):
    frame = baseline_frame()
    flat = compared(frame.assign(volume_ml=frame["volume_ml"].where(frame["method"] == "A", 9.0)))
    assert the_row(flat, "sdmt", "FIRST")["note"] == "Everyone has the same volume_ml: there is no slope."
    row = the_row(flat, "sdmt", "A")
    assert row["note"] == "FIRST has no slope to hold it against."
    assert np.isfinite(row["beta_std_low"]) and np.isnan(row["difference_std"])
    unmeasured = the_row(compared(frame.assign(icv_z=np.nan)), "sdmt", "A")
    assert unmeasured["note"] == "Missing in everyone: icv_z."
    half = (frame["method"] == "A") == (frame["participant_id"] < "sub-060")
    apart = the_row(compared(frame[half]), "sdmt", "A")
    assert (apart["n"], apart["note"]) == (0, "Nobody was measured by every method.")
    few = the_row(compared(frame[frame["participant_id"] < "sub-012"]), "sdmt", "A")
    assert "fewer than 10 residual degrees" in few["note"]
    assert compared(change_frame().iloc[:0], "longitudinal").empty


def test_people_without_change_do_not_break_the_bootstrap(change_frame):
    frame = change_frame(n=40)
    frame["delta_edss"] = np.where(frame["participant_id"] == "sub-007", 1.0, 0.0)
    row = the_row(compared(frame, "longitudinal"), "edss", "A")
    assert np.isfinite([row["beta_std_low"], row["beta_std_high"]]).all()


def shifted(frame, predictor, outcome):
    """Return a frame of two sites, the second with larger volumes and lower outcomes than its people have."""
    second = frame["participant_id"].str[-3:].astype(int) % 3 == 1
    moved = frame[[predictor, outcome]] + np.outer(second, [3 * frame[predictor].std(), -20.0])
    return frame.assign(site=np.where(second, "B", "A"), **moved)


@pytest.mark.parametrize(
    ("design", "predictor", "outcome"), [("cross-sectional", "volume_ml", "sdmt"), ("longitudinal", "delta_ml", "delta_sdmt")],
)  # fmt: skip
def test_a_shift_between_sites_does_not_bend_standardised_slopes(
    baseline_frame, change_frame, design, predictor, outcome
):
    plain = (baseline_frame if design == "cross-sectional" else change_frame)(n=300)
    moved = shifted(plain, predictor, outcome)
    tables = {
        name: compared(frame, design)
        for name, frame in {
            "truth": shifted(plain, predictor, outcome).assign(**plain[[predictor, outcome]]),
            "sites": moved,
            "ignored": moved.assign(site="A"),
        }.items()
    }
    rows = {name: the_row(table, "sdmt", "A") for name, table in tables.items()}
    # What the sites share is taken out before: the share explained is as if nobody had moved them.
    assert rows["sites"]["partial_r2"] == pytest.approx(rows["truth"]["partial_r2"])
    for end in ("low", "high"):
        key = f"partial_r2_{end}"
        assert rows["sites"][key] == pytest.approx(rows["truth"][key])
    assert rows["ignored"]["beta_std"] < -0.5 < rows["sites"]["beta_std"]
    assert rows["ignored"]["beta_std_high"] < rows["sites"]["beta_std_low"]


def test_the_bootstrap_is_adjusted_for_sites_by_their_means(baseline_frame):
    frame = shifted(baseline_frame(n=200, methods=["A"]), "volume_ml", "sdmt")
    row = the_row(compared(frame, resamples=1, seed=6), "sdmt", "A")
    [counts] = resampled_counts(np.zeros(200), 1, 6)
    drawn = frame.sort_values("participant_id").reset_index(drop=True)
    drawn = drawn.loc[drawn.index.repeat(counts.astype(int))]
    expected = fit(drawn, "sdmt", "volume_ml", [*COVARIATES, "site"])
    assert row["beta_std_low"] == pytest.approx(expected["beta_std"])
    assert row["partial_r2_low"] == pytest.approx(expected["partial_r2"])


def test_sites_of_one_diagnosis_each_still_have_slopes(baseline_frame):
    frame = baseline_frame()
    row = the_row(compared(frame.assign(site=frame["group"].map(lambda name: f"clinic {name}"))), "sdmt", "A")
    plain = the_row(compared(frame), "sdmt", "A")
    assert row["note"] == "Left out as far as other covariates determine it: group."
    for key in ("beta_std", "partial_r2", "beta_std_low", "partial_r2_high"):
        assert row[key] == pytest.approx(plain[key])
