"""Volumes and changes against known ones: what is put in comes out."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from thalutils.stats import known_truth


def heads(n=60, persons=4, factor=1.02, noise=0.05, seed=1):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(9, 18, n)
    person = np.repeat([f"p{k}" for k in range(persons)], n // persons)
    return pd.DataFrame(
        {
            "heads": "unseen", "person": person, "contrast": "T1", "truth_ml": truth,
            "volume_ml": factor * truth + rng.normal(0, noise, n), "dice": rng.uniform(0.9, 0.95, n),
            "manual_ml": truth / 2, "dice_manual": 0.8, "number": np.arange(n),
        }
    )  # fmt: skip


def test_a_constant_factor_is_a_bias_and_a_slope():
    [row] = known_truth.accuracy(heads(noise=0.01)).to_dict("records")
    assert row["bias_percent"] == pytest.approx(2, abs=0.05)
    assert row["slope"] == pytest.approx(1.02, abs=0.01)
    assert (row["n"], row["n_persons"], row["n_missed"]) == (60, 4, 0)
    assert row["slope_low"] < row["slope"] < row["slope_high"]
    assert row["icc_a1"] > 0.97 and np.isnan(row["icc_a1_low"]), "four persons give no interval"


def test_with_many_persons_the_agreement_has_an_interval():
    frame = heads(noise=0.4)
    row = known_truth.accuracy(frame.assign(person=np.arange(60).astype(str))).iloc[0]
    assert row["icc_a1_low"] < row["icc_a1"] < row["icc_a1_high"] <= 1


def test_heads_of_one_person_that_are_alike_widen_the_interval():
    frame = heads()
    shift = frame["person"].map({"p0": -0.6, "p1": 0.5, "p2": 0.6, "p3": -0.5})
    alike = known_truth.accuracy(frame.assign(volume_ml=frame["volume_ml"] + shift)).iloc[0]
    alone = known_truth.accuracy(
        frame.assign(volume_ml=frame["volume_ml"] + shift, person=np.arange(60).astype(str))
    ).iloc[0]
    width = lambda row: row["bias_percent_high"] - row["bias_percent_low"]  # noqa: E731
    assert width(alike) > 2 * width(alone)


def test_clustered_intervals_are_those_of_statsmodels():
    frame = heads(noise=0.4)
    fit = smf.ols("volume_ml ~ truth_ml", frame).fit(
        cov_type="cluster", cov_kwds={"groups": pd.factorize(frame["person"])[0]}, use_t=True
    )
    row = known_truth.accuracy(frame).iloc[0]
    assert [row["slope_low"], row["slope_high"]] == pytest.approx(list(fit.conf_int().loc["truth_ml"]))


def test_heads_without_a_mask_are_counted_and_not_measured():
    frame = heads()
    frame.loc[:2, ["volume_ml", "dice"]] = np.nan
    row = known_truth.accuracy(frame).iloc[0]
    assert row["n_missed"] == 3 and row["bias_percent"] == pytest.approx(2, abs=0.3)
    assert row["dice_lowest"] == 0


def test_a_handful_of_heads_has_no_interval():
    row = known_truth.accuracy(heads(n=8)).iloc[0]
    assert row["n"] == 8 and np.isnan(row["slope"]) and np.isfinite(row["dice"])


def test_the_drawing_of_a_rater_stands_beside_the_truth():
    frame = heads(noise=1e-6)
    frame.loc[:29, "dice_manual"] = 0.6
    row = known_truth.accuracy(frame).iloc[0]
    assert row["dice_manual"] == pytest.approx(0.7) and row["bias_manual_percent"] == pytest.approx(104)
    frame.loc[:30, ["volume_ml", "dice", "dice_manual"]] = np.nan
    row = known_truth.accuracy(frame).iloc[0]
    assert row["dice_manual"] == 0 and row["bias_manual_percent"] == pytest.approx(104)


def two_ways(seed=4):
    """Heads of four persons, which the joint network draws better by a little that differs by person."""
    vote = heads(seed=seed).assign(contrast="vote")
    extra = vote["person"].map({"p0": 0.002, "p1": 0.008, "p2": 0.004, "p3": 0.006})
    noise = np.random.default_rng(seed).normal(0, 2e-4, len(vote))
    return pd.concat(
        [
            vote.assign(volume_ml=1.05 * vote["truth_ml"]),
            vote.assign(
                contrast="joint", dice=vote["dice"] + extra + noise, volume_ml=0.98 * vote["truth_ml"]
            ),
        ]
    )


def test_joint_and_vote_are_compared_in_pairs_and_by_person():
    frame = two_ways()
    [row] = known_truth.joint(frame, "vote", "joint").to_dict("records")
    assert (row["n"], row["n_persons"]) == (60, 4)
    assert row["dice_vote"] == pytest.approx(frame.loc[frame["contrast"] == "vote", "dice"].mean())
    assert row["dice_gain"] == pytest.approx(0.005, abs=2e-4)
    assert row["error_vote_percent"] == pytest.approx(5) and row["error_gain_percent"] == pytest.approx(-3)
    width = row["dice_gain_high"] - row["dice_gain_low"]
    assert width < 0.02, "the heads differ by 0.05, the pairs do not"
    apart = frame.assign(person=frame["number"].astype(str))
    [alone] = known_truth.joint(apart, "vote", "joint").to_dict("records")
    assert width > 2 * (alone["dice_gain_high"] - alone["dice_gain_low"]), "heads of one person are alike"


def test_a_head_without_one_of_both_masks_takes_no_part():
    frame = two_ways()
    frame.loc[(frame["contrast"] == "joint") & (frame["number"] < 5), ["dice", "volume_ml"]] = np.nan
    assert known_truth.joint(frame, "vote", "joint")["n"].tolist() == [55]


def pairs(slope=0.9, noise=0.2, seed=3):
    rng = np.random.default_rng(seed)
    true = np.repeat([0.0, -0.3, -0.7, -1.0, -2.0, -5.0], 20)
    measured = slope * true + 0.1 + rng.normal(0, noise, len(true))
    return pd.DataFrame(
        {"heads": "phantom", "contrast": "R1", "true_percent": true, "measured_percent": measured}
    )


def test_the_share_of_a_loss_that_is_seen_is_the_slope():
    [row] = known_truth.recovery(pairs()).to_dict("records")
    assert row["slope"] == pytest.approx(0.9, abs=0.03)
    assert row["slope_low"] < 0.9 < row["slope_high"]
    assert row["sd_percent"] == pytest.approx(0.2, rel=0.2)
    assert row["bias_percent"] == pytest.approx(0.1 + 0.1 * 1.5, abs=0.06)


def test_scatter_without_change_is_that_of_one_scan():
    [row] = known_truth.recovery(pairs(noise=0.4)).to_dict("records")
    assert row["n_rescans"] == 20
    assert row["rescan_sd_percent"] == pytest.approx(0.4 / np.sqrt(2), rel=0.35)


def borders(gain=0.02, heads=12, seed=3):
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(heads):
        base = rng.uniform(0.9, 0.95)
        for border in (0.5, 1.0):
            for way in ("one", "joint"):
                for contrasts, dice in (
                    ("T1-FLAIR", base),
                    ("T1-R1-FLAIR", base + gain * border + rng.normal(0, 1e-3)),
                ):
                    volume = 10.0 * (1.04 if contrasts == "T1-FLAIR" else 0.98)
                    rows.append(
                        {"way": way, "contrasts": contrasts, "number": number, "border_contrast": border,
                         "truth_ml": 10.0, "volume_ml": volume, "dice": dice}
                    )  # fmt: skip
    return pd.DataFrame(rows)


def test_what_a_map_adds_is_the_mean_paired_difference():
    table = known_truth.gain(borders(), "T1-FLAIR")
    assert list(table["way"].unique()) == ["joint"] and list(table["added"].unique()) == ["R1"]
    for row in table.itertuples():
        assert row.n == 12 and row.dice_gain == pytest.approx(0.02 * row.border_contrast, abs=1e-3)
        assert row.dice_gain_low < row.dice_gain < row.dice_gain_high
        assert row.dice_gain_high - row.dice_gain_low < 0.003, "pairs, not two groups that differ by head"
        assert row.error_without_percent == pytest.approx(4) and row.error_gain_percent == pytest.approx(-2)


def test_a_head_that_lacks_a_mask_takes_no_part_and_few_heads_get_no_interval():
    frame = borders()
    lost = (frame["number"] < 3) & (frame["contrasts"] == "T1-R1-FLAIR")
    frame.loc[lost, ["dice", "volume_ml"]] = np.nan
    table = known_truth.gain(frame, "T1-FLAIR")
    assert set(table["n"]) == {9} and table["dice_gain"].isna().all() and table["dice_without"].notna().all()


def brain_pairs(slope, shift, noise, n=12):
    rng = np.random.default_rng(5)
    true = np.resize([0.0, -0.5, 0.0, -1.0, -2.0, -3.0], n)
    measured = slope * true + shift + noise * rng.standard_normal(n)
    pairs = {"true_percent": true, "measured_percent": measured}
    pairs |= {"forward_percent": measured + 0.03, "backward_percent": measured - 0.03}
    return pd.DataFrame(pairs | {"heads": "simulated", "engine": "edges"})


def test_brain_change_that_is_seen_in_part_has_that_slope_and_its_bias_without_change():
    [row] = known_truth.brain_change(brain_pairs(0.9, 0.05, 0.0)).to_dict("records")
    assert row["slope"] == pytest.approx(0.9) and row["sd_percent"] == pytest.approx(0, abs=1e-9)
    assert row["unchanged_percent"] == pytest.approx(0.05) and row["n_unchanged"] == 4
    assert row["directions_percent"] == pytest.approx(0.06)


def test_directions_of_brain_change_are_compared_apart_where_little_changed():
    frame = brain_pairs(1.0, 0.0, 0.0)
    large = frame["true_percent"] < -1
    frame.loc[large, "forward_percent"] += 0.2
    [row] = known_truth.brain_change(frame).to_dict("records")
    assert (row["directions_percent"], row["directions_small_percent"]) == pytest.approx((0.26, 0.06))


def test_scatter_of_brain_change_is_the_noise_and_few_pairs_have_no_slope():
    frame = brain_pairs(1.0, 0.0, 0.1, n=600)
    [row] = known_truth.brain_change(frame).to_dict("records")
    assert row["sd_percent"] == pytest.approx(0.1, rel=0.1)
    assert row["unchanged_sd_percent"] == pytest.approx(0.1, rel=0.15)
    assert row["slope_low"] < 1 < row["slope_high"]
    [few] = known_truth.brain_change(frame[:6]).to_dict("records")
    assert np.isnan(few["slope"]) and np.isnan(few["unchanged_sd_percent"]) and few["n"] == 6


def test_the_finer_map_is_held_against_the_coarser_on_the_same_heads():
    rng = np.random.default_rng(0)
    level = rng.normal(0.95, 0.02, 8)
    rows = [{"number": k, "voxel_mm": size, "dice": level[k] - 0.004 * (size - 0.8) + rng.normal(0, 1e-4)} for k in range(8) for size in (0.8, 1.2, 1.6)]  # fmt: skip
    found = known_truth.finer(pd.DataFrame(rows))
    assert found["n"] == 8 and found["difference"] == pytest.approx(0.0032, abs=2e-4)
    assert 0 < found["difference_low"] < found["difference"] < found["difference_high"] < 0.004
    lacking = pd.DataFrame(rows[:6]).assign(dice=lambda table: table["dice"].where(table["number"] == 0))
    assert known_truth.finer(lacking) == {"n": 1}
