"""What was asked of ThalNet: the worst contrast decides, and what is not there is not reached."""

import numpy as np
import pandas as pd
import pytest

from thalutils.report import thalnet_targets

PEOPLE, PHANTOM = "people", "phantom"


@pytest.fixture
def accuracy():
    """Two contrasts that reach everything: of two people with 15 heads each, and of 30 heads of one atlas."""
    rows = [
        {"heads": heads, "contrast": contrast, "n": 30, "n_persons": persons, "dice": 0.95, "dice_lowest": 0.9,
         "bias_percent": 1.0, "bias_percent_low": 0.4, "bias_percent_high": 1.6, "slope": 1.0, "icc_a1": 0.97}
        for heads, persons in ((PEOPLE, 2), (PHANTOM, 30)) for contrast in ("T1", "R1")
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def recovery():
    rows = [
        {"heads": PHANTOM, "contrast": contrast, "n": 60, "slope": 1.0, "rescan_sd_percent": 0.5}
        for contrast in ("T1", "R1")
    ]
    return pd.DataFrame(rows)


def found(accuracy, recovery):
    return thalnet_targets.judged(accuracy, recovery).set_index(["heads", "target"])


def test_where_all_is_reached_all_is_said_to_be(accuracy, recovery):
    table = found(accuracy, recovery)
    assert set(table["reached"]) == {"yes"}
    assert table.loc[(PEOPLE, "heads of each person"), "worst"] == "15"
    assert (PHANTOM, "heads of each person") not in table.index
    assert (PEOPLE, "pairs of visits") not in table.index, "people kept out have one visit"
    assert len(table) == 6 + 8


@pytest.mark.parametrize(
    ("target", "column", "value", "shown"),
    [
        ("median Dice", "dice", 0.929, "0.929"),
        ("lowest Dice", "dice_lowest", 0.879, "0.879"),
        ("bias of volume (%)", "bias_percent", -3.1, "−3.10 [0.40, 1.60]"),
        ("bias of volume (%)", "bias_percent", 3.1, "3.10 [0.40, 1.60]"),
        ("slope of volume", "slope", 0.89, "0.89"),
        ("slope of volume", "slope", 1.11, "1.11"),
        ("ICC(A,1) of volume", "icc_a1", 0.94, "0.940"),
        ("heads of each person", "n", 28, "14"),
    ],
)
def test_one_contrast_that_lies_beyond_is_enough_to_miss(accuracy, recovery, target, column, value, shown):
    accuracy.loc[1, column] = value
    table = found(accuracy, recovery)
    missed = table[table["reached"] != "yes"]
    assert list(missed.index) == [(PEOPLE, target)]
    assert (
        missed["worst"].iloc[0].replace("\N{NO-BREAK SPACE}", " ") == shown and missed["in"].iloc[0] == "R1"
    )


def test_both_ends_of_a_range_are_in_it(accuracy, recovery):
    accuracy["bias_percent"], accuracy["slope"], accuracy["dice"] = -3.0, 1.1, 0.93
    assert set(found(accuracy, recovery)["reached"]) == {"yes"}


@pytest.mark.parametrize(
    ("target", "column", "value"),
    [
        ("pairs of visits", "n", 59),
        ("slope of change", "slope", 0.79),
        ("SD of a volume scanned again (%)", "rescan_sd_percent", 1.01),
    ],
)
def test_changes_are_held_against_theirs(accuracy, recovery, target, column, value):
    recovery.loc[0, column] = value
    table = found(accuracy, recovery)
    assert list(table.index[table["reached"] == "no"]) == [(PHANTOM, target)]


def test_what_could_not_be_computed_is_not_reached(accuracy, recovery):
    recovery["rescan_sd_percent"] = np.nan
    row = found(accuracy, recovery).loc[(PHANTOM, "SD of a volume scanned again (%)")]
    assert row["reached"] == "not known" and pd.isna(row["worst"]) and row["asked"] == "at most 1"


@pytest.fixture
def real():
    """Masks on real scans that reach everything."""
    rows = [
        *(("MNI152", "1", "ThalNet-T1", "SAMSEG-T1", 0.9, 18.0, 18.0), ("Colin27", "1", "ThalNet-T1", "SAMSEG-T1", 0.9, 16.0, 16.0)),
        *(
            (head, "1", "ThalNet-T1", other, 0.9, 12.0, 12.0)
            for head in ("MS 07", "MS 26") for other in ("ThalNet-FLAIR", "SAMSEG-T1")
        ),
        *(("MS 01", visit, "ThalNet-T1", "ThalNet-FLAIR", 0.8, 14.0, 13.0) for visit in "12"),
    ]  # fmt: skip
    columns = ["head", "visit", "method", "other", "dice", "volume_ml", "other_ml"]
    return pd.DataFrame(rows, columns=columns).assign(warned=False)


def test_real_scans_that_agree_reach_what_was_asked(real):
    table = thalnet_targets.judged_real(real)
    assert len(table) == 6 and set(table["reached"]) == {"yes"}


@pytest.mark.parametrize(
    ("head", "visit", "other", "column", "value", "missed", "where"),
    [
        ("Colin27", "1", "SAMSEG-T1", "dice", 0.87, "Dice with SAMSEG", "Colin27"),
        ("MNI152", "1", "SAMSEG-T1", "volume_ml", 20.0, "volume less SAMSEG's (%)", "MNI152"),
        ("MS 26", "1", "SAMSEG-T1", "dice", 0.84, "Dice with SAMSEG", "MS 26"),
        ("MS 07", "1", "ThalNet-FLAIR", "dice", 0.84, "Dice of T1w with FLAIR", "MS 07"),
        ("MS 01", "2", "ThalNet-FLAIR", "dice", 0.74, "Dice of T1w with FLAIR", "MS 01, visit 2"),
        ("MS 01", "2", "ThalNet-FLAIR", "volume_ml", 12.0, "second visit's volume less the first's (%)", "ThalNet-T1"),
        ("MS 01", "1", "ThalNet-FLAIR", "other_ml", 11.0, "second visit's volume less the first's (%)", "ThalNet-FLAIR"),
    ],
)  # fmt: skip
def test_one_real_scan_that_lies_beyond_is_enough_to_miss(
    real, head, visit, other, column, value, missed, where
):
    row = (real["head"] == head) & (real["visit"] == visit) & (real["other"] == other)
    real.loc[row, column] = value
    table = thalnet_targets.judged_real(real)
    [found] = table[table["reached"] != "yes"].to_dict("records")
    assert (found["target"], found["in"]) == (missed, where)


def test_real_scans_that_are_not_there_reach_nothing(real):
    table = thalnet_targets.judged_real(real[real["head"] == "MNI152"]).set_index("heads")
    assert set(table.loc["patient with MS, thick slices", "reached"]) == {"not known"}
