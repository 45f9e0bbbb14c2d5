from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from change_rows import brain, changes
from plot_checks import table

from thalutils import tables
from thalutils.report import change_numbers, privacy
from thalutils.simulate import coverage
from thalutils.stats import change, correlations
from thalutils.stats.trial import trial_size


def of_change(frame, brain_change):
    return change_numbers.change(
        change.change_summary(frame),
        change.change_pairwise(frame),
        correlations.brain_change_correlation(frame, brain_change),
        correlations.brain_change_pairwise(frame, brain_change),
    )


def test_the_methods_with_most_and_least_loss_are_named():
    frame = changes()
    found = of_change(frame, brain(frame))
    means = frame.groupby("method")["percent"].mean()
    assert found["change.n"] == "8"
    assert found["change.most_loss_method"] == "FIRST"
    assert found["change.most_loss_percent"] == pytest.approx(means["FIRST"], abs=1e-4)
    assert found["change.least_loss_method"] == "MindGlide-T1"
    assert (found["change.n_tested"], found["change.n_different"]) == (1, 1)
    assert found["change.brain_most_r"] >= found["change.brain_least_r"]
    assert found["change.brain.n_tested"] == 1


def test_what_cannot_be_computed_is_nothing_and_not_zero():
    found = of_change(changes(()), tables.empty("brain_change"))
    assert found["change.most_loss_percent"] is None
    assert found["change.brain_most_method"] is None
    assert found["change.n_tested"] is None


def test_two_people_rank_no_method():
    found = of_change(changes(("RRMS",) * 2), tables.empty("brain_change"))
    assert found["change.n"] == "2"
    assert found["change.most_loss_method"] is None


def test_four_people_leave_no_number_where_individuals_are_not_published(monkeypatch):
    monkeypatch.setattr(privacy, "_page_of", SimpleNamespace(publishes_individuals=False))
    frame = changes(("RRMS",) * 4)
    found = of_change(frame, brain(frame))
    assert found["change.n"] == "<5"
    assert found["change.most_loss_percent"] is None
    assert found["change.brain_most_r"] is None


def test_trials_without_an_upper_end_are_counted():
    frame = changes(("RRMS",) * 30 + ("HC",) * 6, methods=("FIRST", "Mine"))
    patient, mine = frame["group"] == "RRMS", frame["method"] == "Mine"
    frame.loc[patient & mine, "percent"] -= 8
    frame.loc[patient & ~mine, "percent"] += 8
    smallest = table("minimal_change", [("FIRST", "known truth", 20, 0.1, 0.3, 2.5, None)])
    sizes = trial_size(frame, resamples=200)
    found = change_numbers.trial(sizes, smallest)
    assert (found["trial.n_patients"], found["trial.n_controls"]) == ("30", "6")
    assert (found["trial.n_told"], found["trial.n_unbounded"]) == (2, 1)
    row = sizes.query("method == 'Mine' and slowing_percent == 50 and power == 0.8").iloc[0]
    assert (found["trial.smallest_method"], found["trial.smallest_n"]) == ("Mine", row["n_per_arm"])
    assert found["trial.minimal_percent"] == 2.5


def test_the_twins_numbers_count_what_was_used_and_what_holds():
    calibration = pd.DataFrame({"basis": ["calibrated", "emergent", "emergent"]})
    slopes = pd.DataFrame({"switch": ["nothing", "nothing", "pseudoatrophy"], "implied": [-0.05, 0.01, 0.6]})
    found = change_numbers.twin(calibration, slopes, coverage.read())
    assert (found["twin.n_calibrated"], found["twin.n_emergent"]) == (1, 2)
    assert (found["twin.slope_nothing_low"], found["twin.slope_nothing_high"]) == (-0.05, 0.01)
    assert found["twin.slope_pseudoatrophy_high"] == 0.6
    assert found["twin.divisor_percent"] == pytest.approx(100 * (np.sqrt(50 / 49) - 1), abs=1e-3)
    assert 0 < found["twin.intervals_hold"] <= found["twin.intervals"] == len(coverage.read())
