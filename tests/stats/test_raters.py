"""Agreement between those who drew the reference."""

import numpy as np
import pandas as pd
import pytest

from thalutils.stats.coefficients import icc
from thalutils.stats.raters import between_raters

ANNA, BEN = [8.0, 9.0, 10.0, 11.0], [8.5, 9.0, 11.0, 11.5]


def drawn(people: int = 4, second_visit: bool = False) -> pd.DataFrame:
    rows = [
        {
            "participant_id": f"sub-{n}", "session_id": "ses-01", "rater_i": "anna", "rater_j": "ben",
            "dice": 0.8 + n / 100, "mean_surface_mm": 0.5, "volume_i_ml": ANNA[n], "volume_j_ml": BEN[n],
        }
        for n in range(people)
    ]  # fmt: skip
    if second_visit:
        rows.append(rows[0] | {"session_id": "ses-02", "dice": 0.1, "volume_j_ml": 99.0})
    return pd.DataFrame(rows)


def test_a_pair_is_summarised_over_people_s_first_visits():
    (row,) = between_raters(drawn(second_visit=True)).to_dict("records")
    assert (row["rater_i"], row["rater_j"], row["n"]) == ("anna", "ben", 4)
    assert row["dice_median"] == pytest.approx(0.815)
    assert row["dice_lowest"] == pytest.approx(0.8)
    assert row["bias_ml"] == pytest.approx(0.5)  # (0.5 + 0 + 1 + 0.5) / 4
    assert row["sd_ml"] == pytest.approx(np.sqrt(0.5 / 3))
    assert row["icc3"] == icc(np.array(ANNA), np.array(BEN))["icc3"]
    assert row["icc3"] > row["icc_a1"]


def test_two_people_have_no_reliability():
    (row,) = between_raters(drawn(2)).to_dict("records")
    assert np.isnan(row["icc3"])
    assert row["bias_ml"] == pytest.approx(0.25)


def test_nobody_is_an_empty_table():
    assert between_raters(drawn().iloc[:0]).empty
