import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thalutils.stats.pairwise import signed_rank, wilcoxon_pairs

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "pairwise.json").read_text(encoding="utf-8"))
MISSING = ("statistic", "p")
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def pair(name):
    return pd.Series(ORACLE[name]["x"], dtype=float), pd.Series(ORACLE[name]["y"], dtype=float)


@pytest.mark.parametrize("name", ["exact", "exact_few", "ties", "zeros_and_ties"])
def test_as_r_without_continuity_correction(name):
    found = signed_rank(*pair(name))
    for column in ("median_difference", "statistic", "p"):
        assert found[column] == pytest.approx(ORACLE[name][column], abs=1e-9)


def test_fifty_people_without_ties_are_exact():
    assert len(ORACLE["exact"]["x"]) == 50
    assert ORACLE["exact"]["zeros"] == ORACLE["exact"]["ties"] == 0


def test_few_people_with_ties_and_zeros_are_permuted():
    found = signed_rank(*pair("permuted"))
    assert found["p"] == pytest.approx(ORACLE["permuted"]["p"])


def test_zeros_are_counted_in_n_and_told():
    found = signed_rank(*pair("zeros_and_ties"))
    assert found["n"] == 30
    assert found["note"] == f"{ORACLE['zeros_and_ties']['zeros']} of 30 differences are zero and not ranked."
    assert signed_rank(*pair("exact"))["note"] is None


def test_differences_that_rounding_tells_apart_tie():
    first = pd.Series([0.8, 0.9, 0.7, 0.75])
    assert len(set(first - [0.7, 0.8, 0.8, 0.65])) > 2  # 0.1 in different last digits
    found = signed_rank(first, pd.Series([0.7, 0.8, 0.8, 0.65]))
    assert found["statistic"] == 2.5


def test_a_person_who_lacks_either_is_left_out():
    x, y = pair("exact")
    x[3], y[4] = np.nan, np.nan
    whole = signed_rank(x.drop([3, 4]), y.drop([3, 4]))
    assert signed_rank(x, y) == whole
    assert whole["n"] == 48


def test_swapping_turns_the_difference_round_and_nothing_else():
    x, y = pair("exact")
    there, back = signed_rank(x, y), signed_rank(y, x)
    assert there["median_difference"] == -back["median_difference"] > 0
    assert there["p"] == back["p"]


@pytest.mark.parametrize(
    ("x", "y", "n", "note"),
    [
        ([], [], 0, "Nobody has both."),
        ([1.0, np.nan], [np.nan, 1.0], 0, "Nobody has both."),
        ([1.0, 2.0], [2.0, 4.0], 2, "2 people with both: too few for a test."),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 3, "The two give everyone the same value: there is nothing to rank."),
    ],
)  # fmt: skip
def test_without_a_test_the_note_says_why(x, y, n, note):
    found = signed_rank(pd.Series(x, dtype=float), pd.Series(y, dtype=float))
    assert found["n"] == n
    assert found["note"] == note
    assert np.isnan([found[name] for name in MISSING]).all()


def test_few_ranks_cannot_reach_significance_and_say_so():
    found = signed_rank(pd.Series([1.0, 2.0, 4.0, 8.0, 9.0]), pd.Series([0.0, 0.0, 0.0, 0.0, 9.0]))
    assert found["p"] == 0.125
    assert found["note"].endswith("With 4 ranks p cannot be below 0.125.")
    assert signed_rank(pd.Series([1.0, 2, 4, 8, 9, 3]), pd.Series(np.zeros(6)))["note"] is None


def test_every_pair_once_in_the_order_of_columns():
    wide = pd.DataFrame({"B": [1.0, 2, 3], "A": [0.0, 0, 0], "C": [3.0, 2, np.nan]})
    found = wilcoxon_pairs(wide)
    assert found[["method_i", "method_j", "n", "median_difference"]].to_numpy().tolist() == [
        ["B", "A", 3, 2], ["B", "C", 2, -1], ["A", "C", 2, -2.5],
    ]  # fmt: skip
    assert wilcoxon_pairs(wide[["B"]]).empty
