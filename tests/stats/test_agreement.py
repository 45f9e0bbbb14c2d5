import numpy as np
import pandas as pd
import pytest

from thalutils import tables
from thalutils.errors import TableError
from thalutils.stats.agreement import MEASURES, overlap_summary, paired, volume_agreement

# Bland and Altman, Lancet 1986, Table 1: first reading of peak flow (l/min) by two meters.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def volumes(*rows):
    """Return the table from rows of person, visit, method, rater, volume."""
    frame = pd.DataFrame(rows, columns=["participant_id", "session_id", "method", "rater", "volume_ml"])
    frame = frame.assign(preset="quick", left_ml=frame["volume_ml"] / 2, right_ml=frame["volume_ml"] / 2)
    return frame[list(tables.SCHEMAS["volumes"].columns)]


def series(method, reference, against="manual"):
    """Return the table of people in whom one method and one reference found these volumes."""
    people = [f"sub-{i:02d}" for i in range(len(method))]
    rows = [(who, "ses-1", "A", None, value) for who, value in zip(people, method, strict=True)]
    rows += [(who, "ses-1", against, "x", value) for who, value in zip(people, reference, strict=True)]
    return volumes(*rows)


def the_row(frame):
    [row] = frame.to_dict("records")
    return row


def test_published_limits_of_agreement():
    row = the_row(volume_agreement(series(WRIGHT, MINI)))
    assert row["n"] == 17
    assert round(row["bias_ml"], 1) == -2.1
    assert round(row["sd_ml"], 1) == 38.8
    assert round(row["pearson_r"], 2) == 0.94
    assert row["loa_low_ml"] == pytest.approx(-2.118 - 1.96 * 38.765, abs=0.01)
    assert row["loa_high_ml"] == pytest.approx(-2.118 + 1.96 * 38.765, abs=0.01)
    assert pd.isna(row["note"])


def test_slope_is_that_of_method_on_reference():
    reference = np.array([6.0, 7.0, 9.0, 12.0])
    noise = np.array([1.0, -1.0, -1.0, 1.0])
    method = 4 + 0.5 * reference + (noise - np.polyval(np.polyfit(reference, noise, 1), reference))
    row = the_row(volume_agreement(series(method, reference, "truth")))
    assert row["reference"] == "truth"
    assert row["slope"] == pytest.approx(0.5)
    assert row["bias_ml"] == pytest.approx(4 - 0.5 * 8.5)


@pytest.mark.parametrize(("n", "people"), [(1, "1 person"), (2, "2 people")])
def test_few_people_have_a_bias_and_nothing_more(n, people):
    row = the_row(volume_agreement(series([10.0, 11.0][:n], [9.0, 9.0][:n])))
    assert row["bias_ml"] == pytest.approx(np.mean([1.0, 2.0][:n]))
    assert all(np.isnan(row[name]) for name in ("sd_ml", "loa_low_ml", "loa_high_ml", "slope", "pearson_r"))
    assert row["note"].startswith(people)


def test_three_people_are_enough():
    row = the_row(volume_agreement(series([9.0, 10.0, 12.0], [8.0, 9.0, 10.0])))
    assert row["sd_ml"] == pytest.approx(np.sqrt(1 / 3))
    assert row["slope"] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("constant", "method", "reference"),
    [("method", [9.0] * 3, [8.0, 9.0, 10.0]), ("reference", [8.0, 9.0, 10.0], [9.0] * 3)],
)
def test_a_constant_column_has_limits_but_no_slope(constant, method, reference):
    row = the_row(volume_agreement(series(method, reference)))
    assert row["sd_ml"] == pytest.approx(1.0)
    assert np.isnan(row["slope"])
    assert np.isnan(row["pearson_r"])
    assert f"The {constant} " in row["note"]


def test_a_method_without_a_pair_is_named_and_not_dropped():
    frame = volumes(("sub-1", "ses-1", "A", None, 9.0), ("sub-2", "ses-1", "manual", "x", 8.0))
    row = the_row(volume_agreement(frame))
    assert row["n"] == 0
    assert np.isnan(row["bias_ml"])
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
    assert found[["method", "reference", "bias_ml"]].to_numpy().tolist() == [
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
    assert list(found.columns) == list(tables.SCHEMAS["volume_agreement"].columns)


def test_an_unknown_reference_is_refused():
    with pytest.raises(TableError, match="A is not a reference; give manual or truth"):
        paired(series([1.0], [1.0]), "A")


def overlap(*rows):
    """Return the table from rows of person, visit, reference, dice; Hausdorff distance 10 times dice."""
    frame = pd.DataFrame(rows, columns=["participant_id", "session_id", "reference", "dice"])
    same = dict.fromkeys(("precision", "sensitivity", "mean_surface_mm"), frame["dice"])
    frame = frame.assign(method="A", rater=None, hd95_mm=10 * frame["dice"], **same)
    return frame[list(tables.SCHEMAS["overlap"].columns)]


def test_summary_is_of_first_visits_and_one_reference():
    rows = [(f"sub-{i}", "ses-1", "truth", 0.1 * i) for i in (1, 2, 3, 4, 9)]
    frame = overlap(*rows, ("sub-9", "ses-2", "truth", 1.0), ("sub-9", "ses-1", "manual", 1.0))
    found = overlap_summary(frame, "truth").set_index("measure")
    assert list(found.index) == list(MEASURES)
    assert found.loc["dice", ["n", "median", "q1", "q3"]].tolist() == pytest.approx([5, 0.3, 0.2, 0.4])
    assert found.loc["hd95_mm", ["n", "median", "q1", "q3"]].tolist() == pytest.approx([5, 3, 2, 4])


def test_a_missing_distance_lowers_only_its_own_n():
    frame = overlap(("sub-1", "ses-1", "truth", 0.5), ("sub-2", "ses-1", "truth", 0.7))
    frame.loc[0, "hd95_mm"] = np.nan
    found = overlap_summary(frame, "truth").set_index("measure")
    assert found.loc["hd95_mm", ["n", "median"]].tolist() == pytest.approx([1, 7])
    assert found.loc["dice", ["n", "median"]].tolist() == pytest.approx([2, 0.6])
