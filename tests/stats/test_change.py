import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thalutils.stats.change import change_pairwise, change_summary, percent_by_method

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "change.json").read_text())
CHANGES = pd.DataFrame(ORACLE["changes"])


def changes(wide, group="RRMS", **clinical):
    """Return what stats.frames.change would, from a column of percentages a method."""
    wide = wide.assign(participant_id=[f"sub-{place:02d}" for place in range(len(wide))], group=group)
    defaults = dict.fromkeys(("delta_edss", "delta_t25fw_s", "delta_nhpt_s", "delta_sdmt"), 0.0)
    wide = wide.assign(**defaults | clinical)
    names = [name for name in wide if name not in {"participant_id", "group", *defaults}]
    keys = ["participant_id", "group", *defaults]
    frame = wide.melt(id_vars=keys, value_vars=names, var_name="method", value_name="percent")
    return frame.assign(volume_ml=10.0, delta_ml=frame["percent"] / 10)


def test_summary_of_each_method_is_that_of_r():
    found = change_summary(changes(CHANGES[["A", "B", "C"]])).set_index(["group", "quantity", "method"])
    for method in "ABC":
        expected = ORACLE["described"][method]
        percent = found.loc[("all", "volume_percent", method)]
        ml = found.loc[("all", "volume_ml", method)]
        assert percent[list(expected)].to_dict() == pytest.approx(expected)
        assert ml[["mean", "q3"]].tolist() == pytest.approx([expected["mean"] / 10, expected["q3"] / 10])


def test_isolated_syndromes_are_summarised_together():
    frame = changes(pd.DataFrame({"A": [1.0, 2.0, 3.0, 8.0]}), group=["CIS", "RIS", "HC", "iON"])
    found = change_summary(frame).query("quantity == 'volume_percent'")
    assert found["group"].tolist() == ["all", "HC", "isolated"]
    assert found["mean"].tolist() == pytest.approx([3.5, 3.0, 11 / 3])


def test_a_clinical_change_counts_each_person_once():
    frame = changes(pd.DataFrame({"A": [1.0, 2.0], "B": [1.0, 2.0]}), delta_edss=[0.5, np.nan])
    found = change_summary(frame).query("group == 'all'").set_index("quantity")
    assert found.loc["edss", ["n", "n_missing", "mean"]].tolist() == [1, 1, 0.5]
    assert pd.isna(found.loc["edss", "method"])
    assert set(found.index) == {"volume_percent", "volume_ml", "edss", "t25fw_s", "nhpt_s", "sdmt"}


@pytest.mark.parametrize(
    ("case", "first", "second", "people"),
    [("exact", "A", "B", 40), ("asymptotic", "A", "B", 60), ("ties_and_zeros", "coarse_A", "C", 60)],
)
def test_signed_ranks_are_those_of_r(case, first, second, people):
    [row] = change_pairwise(changes(CHANGES[[first, second]][:people])).to_dict("records")
    expected = ORACLE["wilcoxon"][case]
    assert {key: row[key] for key in expected} == pytest.approx(expected, rel=1e-9)


def test_p_is_adjusted_among_all_pairs():
    found = change_pairwise(changes(CHANGES[["A", "B", "C"]]))
    assert found[["method_i", "method_j"]].to_numpy().tolist() == [["A", "B"], ["A", "C"], ["B", "C"]]
    ordered = np.sort(found["p"])
    # Benjamini and Hochberg: p times m over rank, no later one smaller
    expected = np.minimum.accumulate((ordered * 3 / [1, 2, 3])[::-1])[::-1]
    assert np.sort(found["p_adjusted"]) == pytest.approx(expected)
    assert set(found["family"]) == {"3 tests: all"}


def test_a_person_without_one_method_is_left_out_of_its_pairs():
    wide = CHANGES[["A", "B", "C"]].copy()
    wide.loc[:4, "B"] = np.nan
    assert change_pairwise(changes(wide))["n"].tolist() == [55, 60, 55]


@pytest.mark.filterwarnings("error")
def test_a_change_from_an_empty_mask_is_missing():
    wide = CHANGES[["A", "B"]].copy()
    wide.loc[0] = np.inf
    frame = changes(wide)
    assert percent_by_method(frame).isna().sum().tolist() == [1, 1]
    assert change_pairwise(frame)["n"].tolist() == [59]
    found = change_summary(frame).query("quantity == 'volume_percent' and group == 'all'")
    assert found["n_missing"].tolist() == [1, 1]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("columns", [["A"], ["A", "B"]])
def test_nobody_and_few_people_have_rows_without_numbers(columns):
    few = change_pairwise(changes(CHANGES[columns][:2]))
    assert few["p"].isna().all()
    assert few["note"].str.contains("too few").all()
    assert len(few) == len(columns) - 1
    nobody = changes(CHANGES[columns][:0])
    assert len(change_pairwise(nobody)) == 0
    assert (change_summary(nobody)["n"] == 0).all()
