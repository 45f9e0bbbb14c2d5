"""Known changes and what is measured of them: slopes, biases, scatter and what a group could detect."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.stats.power import NormalIndPower

from thalutils.stats import recovery

LOSSES = np.array([0.0, -0.3, -0.7, -1.0, -2.0, -5.0])


def pairs(heads=40, slope=0.9, bias=0.2, first=0.3, second=0.4, seed=1, **more):
    """Return pairs of heads whose first visit is shared, so that its error is too."""
    rng = np.random.default_rng(seed)
    shared = np.repeat(rng.normal(0, first, heads), len(LOSSES))
    true = np.tile(LOSSES, heads)
    measured = bias + slope * true + shared + rng.normal(0, second, len(true))
    return pd.DataFrame(
        {
            "heads": "phantom", "anatomy": "phantom", "head": np.repeat(np.arange(heads).astype(str), len(LOSSES)), "method": "A-T1",
            "contrast": "T1", "processing": "independent", "disturbance": "rescan", "planned_percent": true,
            "true_percent": true, "measured_percent": measured,
        }
        | more
    )  # fmt: skip


def test_what_was_put_in_comes_out():
    [row] = recovery.recovery(pairs(heads=200)).to_dict("records")
    assert row["slope"] == pytest.approx(0.9, abs=0.02) and row["bias_percent"] == pytest.approx(
        0.2, abs=0.07
    )
    assert row["sd_percent"] == pytest.approx(np.hypot(0.3, 0.4), rel=0.06)
    assert (row["n"], row["n_heads"], row["n_missed"]) == (1200, 200, 0)


def test_without_noise_the_line_is_exact():
    [row] = recovery.recovery(pairs(heads=3, first=0, second=0)).to_dict("records")
    assert row["slope"] == pytest.approx(0.9) and row["slope_high"] - row["slope_low"] < 1e-9
    assert row["sd_percent"] == pytest.approx(0, abs=1e-9)


def test_the_interval_holds_the_truth_as_often_as_it_promises():
    held = []
    for seed in range(200):
        row = recovery.recovery(pairs(heads=6, seed=seed)).iloc[0]
        held.append(row["slope_low"] <= 0.9 <= row["slope_high"])
    assert np.mean(held) == pytest.approx(0.95, abs=0.04)


def test_pairs_of_one_head_are_no_independent_evidence():
    """Were the pairs independent, the bias of 6 heads would look surer than their shared first visits allow."""
    frame = pairs(heads=6, first=1.0, second=0.1)
    row = recovery.recovery(frame).iloc[0]
    naive = (
        sm.OLS(frame["measured_percent"], sm.add_constant(frame["true_percent"]))
        .fit()
        .conf_int()
        .loc["const"]
    )
    assert row["bias_percent_high"] - row["bias_percent_low"] > 1.5 * (naive[1] - naive[0])


def test_the_slope_of_balanced_heads_is_that_of_least_squares():
    frame = pairs(heads=8)
    fit = sm.OLS(frame["measured_percent"], sm.add_constant(frame["true_percent"])).fit()
    assert recovery.recovery(frame).iloc[0]["slope"] == pytest.approx(fit.params["true_percent"])


def test_two_heads_give_no_interval():
    row = recovery.recovery(pairs(heads=2)).iloc[0]
    assert np.isfinite(row["slope"]) and np.isfinite(row["sd_percent"]) and np.isnan(row["slope_low"])


def test_scatter_agrees_with_a_mixed_model():
    frame = pairs(heads=60)
    design = sm.add_constant(frame["true_percent"])
    fit = sm.MixedLM(frame["measured_percent"], design, groups=frame["head"]).fit(reml=True)
    total = np.sqrt(float(fit.cov_re.iloc[0, 0]) + fit.scale)
    assert recovery.recovery(frame).iloc[0]["sd_percent"] == pytest.approx(total, rel=0.01)


def test_one_pair_a_head_scatters_by_itself():
    values = np.random.default_rng(0).normal(0, 1, 50)
    assert recovery.scatter(values, np.arange(50)) == pytest.approx(values.std(ddof=1))
    assert np.isnan(recovery.scatter(values, np.zeros(50)))


@pytest.mark.parametrize("people", recovery.GROUP_SIZES)
def test_the_smallest_loss_is_found_with_80_percent_power(people):
    """One sample against a known value: statsmodels' normal power with no second group."""
    loss = recovery.detectable(0.6, 0.8, people)
    power = NormalIndPower(ddof=0).power(0.8 * loss / 0.6, nobs1=people, alpha=0.05, ratio=0)
    assert power == pytest.approx(0.8, abs=1e-4)


def test_a_method_that_measures_no_loss_detects_none():
    assert np.isnan(recovery.detectable(1.0, 0.0, 100)) and np.isnan(recovery.detectable(1.0, -0.2, 100))


def test_where_nothing_changed_there_is_a_bias_and_no_slope():
    frame = pairs(heads=20, bias=-0.5, disturbance="water").query("true_percent == 0")
    row = recovery.recovery(frame).iloc[0]
    assert row["bias_percent_low"] < -0.5 < row["bias_percent_high"]
    assert np.isnan(row["slope"]) and np.isnan(row["detectable_25_percent"])


def test_a_loss_without_a_line_is_no_bias():
    frame = pairs(heads=20, bias=-0.5).query("true_percent in (0, -5)")
    row = recovery.recovery(frame).iloc[0]
    assert row["bias_percent"] == pytest.approx(-0.5, abs=0.3) and np.isnan(row["slope"])
    lost = recovery.recovery(frame.query("true_percent == -5")).iloc[0]
    assert np.isnan(lost["bias_percent"]) and lost["n"] == 20


def test_what_was_not_measured_is_counted():
    frame = pairs(heads=5)
    frame.loc[frame["head"] == "0", "measured_percent"] = np.nan
    row = recovery.recovery(frame).iloc[0]
    assert (row["n"], row["n_missed"], row["n_heads"]) == (24, 6, 4)


def test_several_sets_of_heads_are_told_apart_and_joined():
    frame = pd.concat([pairs(slope=1.0), pairs(slope=0.5, seed=2).assign(heads="unseen")])
    frame["head"] = frame["heads"] + frame["head"]
    found = recovery.recovery(frame).set_index("heads")
    assert list(found.index) == ["phantom", "unseen", recovery.ALL]
    assert found.loc[recovery.ALL, "slope"] == pytest.approx(0.75, abs=0.02)


def several():
    kinds = [("A-T1", 1.2, 0.2), ("B-T1", 0.95, 0.9), ("C-T1", 0.7, 0.4)]
    parts = [pairs(slope=slope, second=sd, seed=seed, method=name) for seed, (name, slope, sd) in enumerate(kinds)]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_ranks_are_by_what_is_lost_and_beside_them_by_other_scores():
    scores = {"dice": pd.Series({"A-T1": 0.95, "B-T1": 0.90, "C-T1": 0.92}), "ccc": pd.Series({"A-T1": 0.9})}
    found = recovery.ranks(several(), lambda same: scores).set_index("method")
    assert list(found.index) == ["B-T1", "A-T1", "C-T1"], "the slope nearest to 1 first, above or below"
    assert found["detectable_rank"].to_dict() == {"A-T1": 1, "C-T1": 2, "B-T1": 3}
    assert found["dice_rank"].to_dict() == {"A-T1": 1, "C-T1": 2, "B-T1": 3}
    assert found["ccc"].notna().sum() == 1 and found["ccc_rank"].isna().all(), "one method is no order"
    assert found["beta_rank"].isna().all()
    assert found["beside_best"].to_dict() == {
        "B-T1": recovery.BEST, "A-T1": recovery.FARTHER, "C-T1": recovery.FARTHER,
    }  # fmt: skip


def test_methods_are_ranked_on_the_pairs_that_all_of_them_measured():
    frame = several()
    frame.loc[frame["method"].eq("C-T1") & (frame["head"].astype(int) >= 5), "measured_percent"] = np.nan
    given = []
    found = recovery.ranks(frame, lambda same: given.append(same) or {}).set_index("method")
    assert set(found["n"]) == {5 * len(LOSSES)} and set(found["n_heads"]) == {5}
    assert set(given[0]["head"]) == set("01234")
    alone = frame[frame["method"].eq("A-T1") & (frame["head"].astype(int) < 5)]
    assert found.loc["A-T1", "slope"] == pytest.approx(recovery.recovery(alone).iloc[0]["slope"])


def test_where_no_pair_was_measured_by_all_nothing_is_ranked():
    frame = several().assign(heads=lambda table: table["method"])
    assert recovery.ranks(frame, lambda same: {}).empty


def test_a_difference_that_all_heads_share_is_seen_though_the_heads_spread():
    """Slopes of 0.8 to 1.2 by head, and a second method that is 0.05 below in each: their own intervals overlap."""
    rng = np.random.default_rng(3)
    by_head = np.repeat(rng.uniform(0.75, 1.05, 10), len(LOSSES))
    one = pairs(heads=10, first=0, second=0.001, slope=by_head)
    other = pairs(heads=10, first=0, second=0.001, slope=by_head - 0.05, method="B-T1")
    frame = pd.concat([one, other])
    table = recovery.recovery(frame).set_index("method")
    assert table.loc["B-T1", "slope_high"] > table.loc["A-T1", "slope_low"]
    [row] = recovery.beside(frame, "A-T1", "independent").to_dict("records")
    assert row["difference"] == pytest.approx(-0.05, abs=0.002) and row["verdict"] == recovery.FARTHER
    [row] = recovery.beside(frame, "B-T1", "independent").to_dict("records")
    assert row["verdict"] == recovery.NEARER


@pytest.mark.parametrize(("slope", "verdict"), [(1.03, recovery.UNTOLD), (1.2, recovery.FARTHER)])
def test_two_sides_of_one_are_told_apart_by_their_distance_and_not_by_their_difference(slope, verdict):
    frame = pd.concat(
        [pairs(heads=10, slope=0.97, first=0, second=0.05), pairs(heads=10, slope=slope, first=0, second=0.05, seed=2, method="B-T1")]
    )  # fmt: skip
    [row] = recovery.beside(frame, "A-T1", "independent").to_dict("records")
    assert row["difference_low"] > 0 and row["verdict"] == verdict


def test_heads_of_one_anatomy_are_one_voice_where_there_are_several():
    """Three anatomies with slopes of their own: more heads of each make the interval no narrower."""

    def heads(count):
        parts = [pairs(heads=count, slope=slope, first=0, second=0, anatomy=name) for name, slope in (("a", 0.8), ("b", 0.9), ("c", 1.1))]  # fmt: skip
        frame = pd.concat(parts)
        return recovery.recovery(frame.assign(head=frame["anatomy"] + frame["head"])).iloc[0]

    few, many = heads(1), heads(8)
    assert (few["n_heads"], many["n_heads"]) == (3, 24) and few["n_anatomies"] == many["n_anatomies"] == 3
    assert many["slope"] == pytest.approx(np.mean([0.8, 0.9, 1.1]))
    assert many["slope_low"] == pytest.approx(few["slope_low"])


def test_heads_without_a_line_are_not_counted_with_the_slope():
    frame = pairs(heads=5)
    frame = frame[~(frame["head"].isin(("3", "4")) & (frame["true_percent"] < -0.8))]
    row = recovery.recovery(frame).iloc[0]
    assert row["n_heads"] == 3 and row["n"] == len(frame)


def test_a_loss_of_one_percent_that_is_counted_as_nearly_that_still_draws_a_line():
    frame = pairs(heads=4).query("true_percent >= -1")
    frame["true_percent"] *= 0.997
    assert recovery.recovery(frame).iloc[0]["n_heads"] == 4
    assert np.isfinite(recovery.recovery(frame).iloc[0]["slope"])


def test_first_visits_have_dice_and_concordance():
    truth = np.linspace(9, 16, 10)
    frame = pd.DataFrame({"method": "A-T1", "head": np.arange(10), "truth_ml": truth, "volume_ml": truth + 1, "dice": 0.9})  # fmt: skip
    [row] = recovery.first_visits(frame).to_dict("records")
    spread = truth.var(ddof=1)
    assert (
        row["n"] == 10 and row["dice"] == 0.9 and row["ccc"] == pytest.approx(2 * spread / (2 * spread + 1))
    )


def test_the_share_of_an_injected_loss_is_a_slope_through_nothing():
    frame = pd.DataFrame(
        {"head": "h", "injector": "i", "method": "A", "true_percent": [-1.0, -2.0, -5.0, -5.0], "measured_percent": [-0.8, -1.6, -4.0, np.nan]}
    )  # fmt: skip
    [row] = recovery.shares(frame).to_dict("records")
    assert row["share"] == pytest.approx(0.8) and row["n"] == 3 and row["largest_percent"] == -5
