"""The paper's figures of volumetric agreement follow from a few moments, and come back from a sample with them.

Volumes of a method and the drawings of 50 people have five moments: two means, two standard deviations and a
covariance. Bias and its SD, ICC3 and the Bland-Altman slope fix all but the drawings' mean, which the paper
gives. Whatever else it prints must then follow.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import thalutils
from thalutils.schemas import SCHEMAS
from thalutils.stats.agreement import volume_agreement

REPORTED = yaml.safe_load(
    (Path(thalutils.__file__).parent / "data" / "reported.yml").read_text(encoding="utf-8")
)
AGREEMENT = REPORTED["volume_agreement"]
MANUAL = REPORTED["populations"]["ground_truth"]["volume"]
N = REPORTED["populations"]["ground_truth"]["n"]
METHODS = ("FreeSurfer", "FIRST", "DBSegment", "MindGlide-T1", "MindGlide-R1")
# Half a unit of the last printed digit, and a little for the rounding of what is put in.
PRINTED = 0.0065
HALF_DIGIT = 0.005 + 1e-9


def spread(method):
    """Return var x + var y and the covariance, which the SD of the difference and ICC3 fix."""
    total = AGREEMENT[method]["bias"][1] ** 2 / (1 - AGREEMENT[method]["icc3"][0])
    return total, AGREEMENT[method]["icc3"][0] * total / 2


def implied_sd(method):
    """Return the SD of the drawings that the Bland-Altman slope asks for."""
    total, covariance = spread(method)
    return np.sqrt(total / 2 - AGREEMENT[method]["ba_slope"][0] * (total + 2 * covariance) / 4)


def recomputed(method, manual_sd):
    """Return the agreement in a sample of the study's size with exactly these moments."""
    total, covariance = spread(method)
    columns = np.column_stack([np.ones(N), np.random.default_rng(50).normal(size=(N, 2))])
    _, own, other = np.linalg.qr(columns)[0].T * np.sqrt(N - 1)
    slope = covariance / manual_sd
    rest = np.sqrt(total - manual_sd**2 - slope**2)
    found = {
        "manual": MANUAL["mean"] + manual_sd * own,
        method: MANUAL["mean"] + AGREEMENT[method]["bias"][0] + slope * own + rest * other,
    }
    rows = [
        (f"sub-{i}", "ses-1", name, None, None, ml, ml / 2, ml / 2)
        for name, volumes in found.items()
        for i, ml in enumerate(volumes)
    ]
    return volume_agreement(pd.DataFrame(rows, columns=list(SCHEMAS["volumes"].columns))).iloc[0]


def interval(row, name):
    return np.array([row[name], row[f"{name}_low"], row[f"{name}_high"]])


@pytest.mark.parametrize("method", METHODS)
def test_what_is_put_in_comes_back(method):
    row, reported = recomputed(method, implied_sd(method)), AGREEMENT[method]
    assert [row["bias"], row["sd_ml"]] == pytest.approx(reported["bias"])
    assert row["icc3"] == pytest.approx(reported["icc3"][0])
    assert row["ba_slope"] == pytest.approx(reported["ba_slope"][0])
    assert row["reference_mean_ml"] == pytest.approx(MANUAL["mean"])


@pytest.mark.parametrize("method", METHODS)
def test_concordance_and_intervals_follow(method):
    row, reported = recomputed(method, implied_sd(method)), AGREEMENT[method]
    assert interval(row, "ccc") == pytest.approx(reported["ccc"], abs=PRINTED)
    assert interval(row, "icc3") == pytest.approx(reported["icc3"], abs=PRINTED)
    # MindGlide-R1's upper end is printed 0.015 too high: -0.14 lies nearer to its other end.
    ends = slice(0, 2 if method == "MindGlide-R1" else 3)
    assert interval(row, "ba_slope")[ends] == pytest.approx(reported["ba_slope"][ends], abs=PRINTED)


@pytest.mark.parametrize("method", ["FreeSurfer", "FIRST", "DBSegment"])
def test_the_fitted_slope_follows_and_its_printed_interval_does_not(method):
    row, reported = recomputed(method, implied_sd(method)), AGREEMENT[method]
    assert row["slope"] == pytest.approx(reported["slope"][0], abs=PRINTED)
    assert np.abs(interval(row, "slope") - reported["slope"]).max() > 0.02


@pytest.mark.parametrize("method", METHODS)
def test_the_printed_sd_of_the_drawings_agrees_with_all_but_the_drift(method):
    row, reported = recomputed(method, MANUAL["sd"]), AGREEMENT[method]
    assert [row["bias"], row["sd_ml"]] == pytest.approx(reported["bias"])
    assert row["icc3"] == pytest.approx(reported["icc3"][0])
    assert row["ccc"] == pytest.approx(reported["ccc"][0], abs=HALF_DIGIT)
    assert abs(row["ba_slope"] - reported["ba_slope"][0]) > 0.02


def test_all_methods_ask_for_one_larger_sd_of_the_drawings():
    implied = [implied_sd(method) for method in METHODS]
    assert min(implied) > 1.905 > MANUAL["sd"] + HALF_DIGIT
    assert max(implied) < 1.925
