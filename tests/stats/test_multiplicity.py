import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thalutils.errors import TableError
from thalutils.stats.multiplicity import adjust

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "pairwise.json").read_text(encoding="utf-8"))
# Benjamini and Hochberg 1995, section 4.1: 15 tests, of which theirs finds 4 at 5 % and Bonferroni's 3.
PUBLISHED = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
             0.6528, 0.7590, 1.0]  # fmt: skip


def frame_of(*rows):
    return pd.DataFrame(rows, columns=["analysis", "outcome", "p"])


def test_published_example():
    found = adjust(pd.DataFrame({"p": PUBLISHED}), [])
    assert (found["p_adjusted"] <= 0.05).sum() == 4
    assert found["p_adjusted"].iloc[3] == pytest.approx(0.0095 * 15 / 4)


def test_adjusted_as_r_does_with_ties_and_missing():
    found = adjust(pd.DataFrame({"p": np.array(ORACLE["p"], dtype=float)}), [])
    theirs = np.array(ORACLE["p_adjusted"], dtype=float)
    assert found["p_adjusted"].to_numpy() == pytest.approx(theirs, nan_ok=True)
    assert np.isnan(theirs).sum() == 1


def test_families_do_not_touch_and_rows_keep_their_order():
    frame = frame_of(
        ("all", "edss", 0.04), ("all", "sdmt", 0.03), ("all", "edss", 0.02), ("RRMS", "edss", 0.01)
    )
    frame.index = [7, 7, 3, 1]
    found = adjust(frame, ["analysis", "outcome"])
    assert found["p_adjusted"].tolist() == pytest.approx([0.04, 0.03, 0.04, 0.01])
    assert found["family"].tolist() == [
        "2 tests: analysis all, outcome edss", "1 test: analysis all, outcome sdmt",
        "2 tests: analysis all, outcome edss", "1 test: analysis RRMS, outcome edss",
    ]  # fmt: skip
    assert found.index.tolist() == [7, 7, 3, 1]
    assert adjust(frame, ["analysis"])["p_adjusted"].tolist() == pytest.approx([0.04, 0.04, 0.04, 0.01])
    assert adjust(frame, [])["family"].unique().tolist() == ["4 tests: all"]


def test_a_missing_p_stays_missing_and_does_not_count():
    found = adjust(
        frame_of(("all", "edss", 0.04), ("all", "sdmt", np.nan), ("all", "t25fw", 0.02)), ["analysis"]
    )
    assert found["p_adjusted"].tolist() == pytest.approx([0.04, np.nan, 0.04], nan_ok=True)
    assert found["family"].isna().tolist() == [False, True, False]
    assert found["family"].dropna().unique().tolist() == ["2 tests: analysis all"]


def test_earlier_adjustments_are_replaced():
    frame = frame_of(("all", "edss", 0.04)).assign(p_adjusted=0.9, family="other")
    assert adjust(frame, ["analysis"])[["p_adjusted", "family"]].to_numpy().tolist() == [
        [0.04, "1 test: analysis all"]
    ]


@pytest.mark.parametrize("frame", [frame_of(), frame_of(("all", "edss", np.nan))])
def test_nothing_to_adjust(frame):
    found = adjust(frame, ["analysis"])
    assert len(found) == len(frame)
    assert found["p_adjusted"].isna().all()
    assert found["family"].isna().all()


@pytest.mark.parametrize("p", [-0.1, 1.1, np.inf])
def test_what_is_no_p_is_refused(p):
    with pytest.raises(TableError, match="between 0 and 1"):
        adjust(frame_of(("all", "edss", p)), [])


def test_a_family_of_unknown_columns_is_refused():
    with pytest.raises(TableError, match="Column method is missing"):
        adjust(frame_of(("all", "edss", 0.1)), ["analysis", "method"])
