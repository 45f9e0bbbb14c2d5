import numpy as np
import pandas as pd
import pytest

from thalutils.errors import TableError
from thalutils.schemas import SCHEMAS
from thalutils.stats import coefficients
from thalutils.stats.agreement import paired, volume_agreement

INTERVALS = ("ccc", "slope", "deming_slope", "icc3", "icc_a1", "bias", "loa_lower", "loa_upper", "ba_slope")
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
ENDS = [f"{name}_{end}" for name in INTERVALS for end in ("low", "high")]


def volumes(*rows):
    """Return the table from rows of person, visit, method, rater, volume."""
    frame = pd.DataFrame(rows, columns=["participant_id", "session_id", "method", "rater", "volume_ml"])
    frame = frame.assign(preset="quick", left_ml=frame["volume_ml"] / 2, right_ml=frame["volume_ml"] / 2)
    return frame[list(SCHEMAS["volumes"].columns)]


def series(method, reference, against="manual"):
    """Return the table of people in whom one method and one reference found these volumes."""
    people = [f"sub-{i:02d}" for i in range(len(method))]
    rows = [(who, "ses-1", "A", None, value) for who, value in zip(people, method, strict=True)]
    rows += [(who, "ses-1", against, "x", value) for who, value in zip(people, reference, strict=True)]
    return volumes(*rows)


def the_row(frame):
    [row] = frame.to_dict("records")
    return row


def test_a_row_holds_every_coefficient_of_method_and_reference():
    random = np.random.default_rng(27)
    reference = random.normal(9, 2, 20)
    method = 4 + 0.7 * reference + random.normal(0, 1, 20)
    row = the_row(volume_agreement(series(method, reference)))
    for function in (
        coefficients.concordance, coefficients.icc, coefficients.least_squares, coefficients.deming,
        coefficients.bland_altman,
    ):  # fmt: skip
        for name, value in function(method, reference).items():
            assert row[name] == pytest.approx(value), name
    assert row["n"] == 20
    assert row["mean_ml"] - row["reference_mean_ml"] == pytest.approx(row["bias"])
    assert row["method_sd_ml"] == pytest.approx(np.std(method, ddof=1))
    assert row["reference_sd_ml"] == pytest.approx(np.std(reference, ddof=1))
    assert row["pearson_r"] == pytest.approx(np.corrcoef(method, reference)[0, 1])
    assert pd.isna(row["note"])
    assert not [name for name, value in row.items() if name != "note" and pd.isna(value)]


def test_the_ratio_of_errors_reaches_the_deming_slope_alone():
    random = np.random.default_rng(28)
    reference = random.normal(9, 2, 20)
    method = reference + random.normal(0, 1, 20)
    equal, unequal = (the_row(volume_agreement(series(method, reference), ratio)) for ratio in (1.0, 4.0))
    assert unequal["deming_slope"] == pytest.approx(coefficients.deming(method, reference, 4)["deming_slope"])
    changed = {name for name in equal if equal[name] != unequal[name] and name != "note"}
    assert changed == {"deming_slope", "deming_slope_low", "deming_slope_high"}


def test_slope_is_that_of_method_on_reference():
    reference = np.array([6.0, 7.0, 9.0, 12.0])
    noise = np.array([1.0, -1.0, -1.0, 1.0])
    method = 4 + 0.5 * reference + (noise - np.polyval(np.polyfit(reference, noise, 1), reference))
    row = the_row(volume_agreement(series(method, reference, "truth")))
    assert row["reference"] == "truth"
    assert row["slope"] == pytest.approx(0.5)
    assert row["intercept_ml"] == pytest.approx(4)
    assert row["bias"] == pytest.approx(4 - 0.5 * 8.5)


@pytest.mark.parametrize(("n", "people"), [(1, "1 person"), (2, "2 people")])
def test_few_people_have_means_and_nothing_more(n, people):
    row = the_row(volume_agreement(series([10.0, 11.0][:n], [9.0, 9.0][:n])))
    assert row["bias"] == pytest.approx(np.mean([1.0, 2.0][:n]))
    assert row["reference_mean_ml"] == 9
    means = {"method", "reference", "n", "note", "bias", "mean_ml", "reference_mean_ml"}
    assert all(np.isnan(value) for name, value in row.items() if name not in means)
    assert row["note"].startswith(people)


def test_three_people_are_enough():
    row = the_row(volume_agreement(series([9.0, 10.0, 12.0], [8.0, 9.0, 10.0])))
    assert row["sd_ml"] == pytest.approx(np.sqrt(1 / 3))
    assert row["slope"] == pytest.approx(1.5)
    assert row["note"].endswith("3 people: the intervals are rough.")
    assert np.isfinite(row["ccc"])
    assert np.isnan(row["ccc_low"])


@pytest.mark.parametrize(
    ("constant", "method", "reference"),
    [("method", [9.0] * 3, [8.0, 9.0, 10.0]), ("reference", [8.0, 9.0, 10.0], [9.0] * 3)],
)
def test_a_constant_column_has_limits_but_no_slope(constant, method, reference):
    row = the_row(volume_agreement(series(method, reference)))
    assert row["sd_ml"] == pytest.approx(1.0)
    assert row["loa_upper_low"] < row["loa_upper"] < row["loa_upper_high"]
    unknown = ("slope", "pearson_r", "ccc", "icc3", "icc_a1", "deming_slope", "ba_slope", "ba_slope_low")
    assert all(np.isnan(row[name]) for name in unknown)
    assert f"The {constant} " in row["note"]


@pytest.mark.parametrize("offset", [0.0, 1.5])
def test_a_constant_difference_has_no_interval(offset):
    reference = np.array([7.1, 8.3, 9.2, 10.7])
    row = the_row(volume_agreement(series(reference + offset, reference)))
    assert row["bias"] == pytest.approx(offset)
    for name in ("slope", "deming_slope", "icc3", "pearson_r"):
        assert row[name] == pytest.approx(1)
    assert all(np.isnan(row[name]) for name in ENDS)
    assert row["note"].startswith("The difference is the same for everyone: no interval.")


def test_opposed_volumes_have_no_interval_of_absolute_agreement():
    reference = np.array([10.0, 8.0, 8.0, 10.0, 12.0, 6.0])
    row = the_row(volume_agreement(series(18 - reference, reference)))
    assert row["icc_a1"] < -1
    assert np.isnan(row["icc_a1_low"])
    assert np.isnan(row["ba_slope"])
    assert row["note"] == (
        "ICC(A,1) is too far below zero for an interval. The mean of both is the same for everyone: no slope of"
        " the difference. 6 people: the intervals are rough."
    )


def test_uncorrelated_volumes_have_no_deming_slope():
    row = the_row(volume_agreement(series([11.0, 9.0, 7.0, 9.0], [9.0, 10.0, 9.0, 8.0])))
    assert np.isnan(row["deming_slope"])
    assert row["slope"] == pytest.approx(0)
    assert "no Deming slope" in row["note"]


def test_a_method_without_a_pair_is_named_and_not_dropped():
    frame = volumes(("sub-1", "ses-1", "A", None, 9.0), ("sub-2", "ses-1", "manual", "x", 8.0))
    row = the_row(volume_agreement(frame))
    assert row["n"] == 0
    assert np.isnan(row["bias"])
    assert "Nobody" in row["note"]


def test_later_visits_do_not_count_even_where_the_first_lacks_the_mask():
    frame = volumes(
        ("sub-1", "ses-2", "A", None, 20.0), ("sub-1", "ses-2", "truth", None, 9.0),
        ("sub-1", "ses-1", "A", None, 10.0), ("sub-1", "ses-1", "truth", None, 9.5),
        ("sub-2", "ses-1", "B", None, 7.0), ("sub-2", "ses-1", "truth", None, 8.0),
        ("sub-2", "ses-2", "A", None, 7.0), ("sub-2", "ses-2", "truth", None, 8.0),
    )  # fmt: skip
    pairs = paired(frame, "truth")
    assert pairs[
        ["participant_id", "session_id", "method", "volume_ml", "reference_ml"]
    ].to_numpy().tolist() == [
        ["sub-1", "ses-1", "A", 10.0, 9.5],
        ["sub-2", "ses-1", "B", 7.0, 8.0],
    ]


def test_references_are_no_methods_and_each_has_its_rows():
    frame = volumes(
        ("sub-1", "ses-1", "A", None, 10.0), ("sub-1", "ses-1", "manual", "x", 9.0),
        ("sub-1", "ses-1", "truth", None, 8.0),
    )  # fmt: skip
    found = volume_agreement(frame)
    assert found[["method", "reference", "bias"]].to_numpy().tolist() == [
        ["A", "manual", 1.0],
        ["A", "truth", 2.0],
    ]


def test_one_rater_a_person():
    frame = volumes(
        ("sub-1", "ses-1", "A", None, 10.0), ("sub-1", "ses-1", "manual", "y", 7.0),
        ("sub-1", "ses-1", "manual", "x", 9.0),
    )  # fmt: skip
    row = the_row(paired(frame, "manual"))
    assert (row["rater"], row["reference_ml"]) == ("x", 9.0)


def test_no_reference_no_rows():
    found = volume_agreement(volumes(("sub-1", "ses-1", "A", None, 10.0)))
    assert found.empty
    assert list(found.columns) == list(SCHEMAS["volume_agreement"].columns)


def test_an_unknown_reference_is_refused():
    with pytest.raises(TableError, match="A is not a reference; give manual or truth"):
        paired(series([1.0], [1.0]), "A")
