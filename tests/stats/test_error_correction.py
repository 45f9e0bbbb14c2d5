import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from thalutils.stats.error_correction import error_corrected
from thalutils.stats.resampling import resampled_counts

pytestmark = pytest.mark.filterwarnings("error")


def references(frame, values, method="manual"):
    """Return the table of volumes with the methods of the frame and a reference of some people."""
    masks = frame[["participant_id", "method", "volume_ml"]].assign(preset="quick", rater=None)
    drawn = pd.DataFrame({"participant_id": list(values), "volume_ml": list(values.values())})
    drawn = drawn.assign(method=method, preset=None, rater="x")
    both = pd.concat([masks, drawn], ignore_index=True)
    return both.assign(session_id="ses-01", left_ml=both["volume_ml"] / 2, right_ml=both["volume_ml"] / 2)


def the_row(table, outcome="sdmt", method="A"):
    [row] = table.query("outcome == @outcome and method == @method").to_dict("records")
    return row


def known(frame, share=1.0, seed=0):
    """Give people true volumes, an SDMT that rises 2 per mL of them, and a method that draws all alike."""
    rng = np.random.default_rng([seed, 1])  # other numbers than the frame's
    n = len(frame)
    true = 9 + rng.normal(0, 1.5, n) - 0.02 * (frame["age_years"] - 43)
    frame["sdmt"] = 40 + 2 * true - 0.1 * (frame["age_years"] - 43) + rng.normal(0, 3, n)
    frame["volume_ml"] = 6 + 0.4 * true + rng.normal(0, 0.4, n)
    drawn = frame["participant_id"][: int(share * n)]
    return frame, dict(zip(drawn, true, strict=False))


def least_squares(frame, true):
    """Fit both models by formula, apart from the package."""
    drawn = frame.assign(reference=frame["participant_id"].map(true))
    right = "volume_ml + age_years + sex + icv_z"
    return smf.ols(f"sdmt ~ {right}", frame).fit(), smf.ols(f"reference ~ {right}", drawn).fit()


def test_the_true_slope_comes_back_where_errors_depend_on_size(baseline_frame):
    frame, true = known(baseline_frame(n=4000, methods=["A"]), share=0.5)
    row = the_row(error_corrected(frame, references(frame, true), resamples=200))
    assert (row["n"], row["n_calibration"]) == (4000, 2000)
    # The method compresses: as measured the slope is far too steep, which reliability could not tell.
    assert row["beta_low"] > 2.3
    assert row["beta_corrected"] == pytest.approx(2, abs=0.08)
    assert row["beta_corrected_low"] < 2 < row["beta_corrected_high"]


def test_estimates_are_those_of_least_squares(baseline_frame):
    frame, true = known(baseline_frame(methods=["A"]), share=0.3)
    row = the_row(error_corrected(frame, references(frame, true), resamples=50))
    main, calibration = least_squares(frame, true)
    assert (row["n"], row["n_calibration"]) == (120, 36)
    assert row["beta"] == pytest.approx(main.params["volume_ml"])
    assert row["attenuation"] == pytest.approx(calibration.params["volume_ml"])
    assert row["beta_corrected"] == pytest.approx(main.params["volume_ml"] / calibration.params["volume_ml"])


def test_interval_is_that_of_the_delta_method(baseline_frame):
    frame, true = known(baseline_frame(n=300, methods=["A"], seed=5), share=0.3, seed=5)
    # Whoever has a reference has no outcome, so that both slopes are independent.
    frame["sdmt"] = frame["sdmt"].where(~frame["participant_id"].isin(true))
    row = the_row(error_corrected(frame, references(frame, true)))
    main, calibration = least_squares(frame, true)
    assert (row["n"], row["n_calibration"]) == (210, 90)
    beta, attenuation = main.params["volume_ml"], calibration.params["volume_ml"]
    # Rosner, Spiegelman and Willett 1990, variance of the quotient.
    variance = main.bse["volume_ml"] ** 2 / attenuation**2
    variance += beta**2 * calibration.bse["volume_ml"] ** 2 / attenuation**4
    widths = {"beta_corrected": np.sqrt(variance)}
    widths |= {"beta": main.bse["volume_ml"], "attenuation": calibration.bse["volume_ml"]}
    for name, error in widths.items():
        assert row[f"{name}_high"] - row[f"{name}_low"] == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_a_resample_has_as_many_people_with_a_reference_as_there_are(baseline_frame):
    frame, true = known(baseline_frame(methods=["A"]), share=0.3)
    row = the_row(error_corrected(frame, references(frame, true), resamples=1, seed=6))
    [counts] = resampled_counts(frame["participant_id"].isin(true).to_numpy(), 1, seed=6)
    main, calibration = least_squares(frame.loc[frame.index.repeat(counts.astype(int))], true)
    assert row["beta_low"] == pytest.approx(main.params["volume_ml"])
    assert row["attenuation_low"] == pytest.approx(calibration.params["volume_ml"])


def test_each_reference_outcome_and_method_has_a_row(baseline_frame):
    frame = baseline_frame()
    true = dict(
        zip(
            frame["participant_id"][:60],
            frame["volume_ml"][:60] + 0.1 * frame["icv_z"][:60] ** 2,
            strict=True,
        )
    )
    both = pd.concat([references(frame, true), references(frame, true, "truth").query("method == 'truth'")])
    table = error_corrected(frame, both, resamples=50)
    assert len(table) == 2 * 5 * 2
    assert set(table["reference"]) == {"manual", "truth"}
    assert error_corrected(frame, references(frame, {}), resamples=50).empty


def test_no_bounded_interval_where_the_method_may_tell_nothing_of_the_reference(baseline_frame):
    frame = baseline_frame(methods=["A"])
    rng = np.random.default_rng(9)
    true = dict(zip(frame["participant_id"][:30], rng.normal(9, 1, 30), strict=True))
    row = the_row(error_corrected(frame, references(frame, true)))
    assert row["attenuation_low"] < 0 < row["attenuation_high"]
    assert np.isfinite(row["beta_corrected"])
    assert np.isnan(row["beta_corrected_low"]) and np.isnan(row["beta_corrected_high"])
    assert "no bounded interval" in row["note"]


def test_few_references_do_not_calibrate(baseline_frame):
    frame, true = known(baseline_frame(methods=["A"]), share=0.1)
    row = the_row(error_corrected(frame, references(frame, true)))
    assert row["note"].startswith("Calibration: 12 people for 5 parameters")
    assert np.isnan([row["attenuation"], row["beta_corrected"], row["beta_low"]]).all()
    assert np.isfinite(row["beta"])


def test_a_covariate_that_cannot_be_calibrated_is_named(baseline_frame):
    frame, true = known(baseline_frame(methods=["A"]))
    women = set(frame.loc[frame["sex"] == "F", "participant_id"])
    drawn = {who: value for who, value in true.items() if who in women}
    row = the_row(error_corrected(frame, references(frame, drawn), resamples=50))
    assert row["note"] == "Calibration: Left out, the same in everyone: sex."
    assert np.isfinite(row["beta_corrected_low"])
    alone = the_row(error_corrected(frame[frame["sex"] == "F"], references(frame, drawn), resamples=50))
    assert alone["note"] == "Left out, the same in everyone: sex."


def test_a_shift_between_sites_bends_neither_slope(baseline_frame):
    frame, true = known(baseline_frame(n=4000, methods=["A"]), share=0.5)
    second = frame.index.to_numpy() % 2 == 1
    # The second site's scanner makes thalami larger by the method alone, and its people do worse.
    moved = frame.assign(
        site=np.where(second, "B", "A"), volume_ml=frame["volume_ml"] + 3.0 * second, sdmt=frame["sdmt"] - 15.0 * second
    )  # fmt: skip
    row = the_row(error_corrected(moved, references(moved, true), resamples=200))
    ignored = the_row(error_corrected(moved.assign(site="A"), references(moved, true), resamples=200))
    plain = the_row(error_corrected(frame, references(frame, true), resamples=2))
    assert row["beta"] == pytest.approx(plain["beta"], rel=0.02)
    assert row["attenuation"] == pytest.approx(plain["attenuation"], rel=0.02)
    assert row["beta_corrected_low"] < 2 < row["beta_corrected_high"]
    assert ignored["beta_high"] < 0 and ignored["attenuation"] < 0.5 * row["attenuation"]


def test_a_reference_of_one_site_calibrates_without_the_site_and_says_so(baseline_frame):
    frame, true = known(baseline_frame(methods=["A"]))
    frame = frame.assign(site=np.where(frame.index % 2, "B", "A"))
    at_a = set(frame.loc[frame["site"] == "A", "participant_id"])
    drawn = {who: value for who, value in true.items() if who in at_a}
    row = the_row(error_corrected(frame, references(frame, drawn), resamples=50))
    assert row["note"] == "Calibration: Left out, the same in everyone: site."
    assert np.isfinite(row["beta_corrected"])
