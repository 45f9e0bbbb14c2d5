import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thalutils.stats.description import describe

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "change.json").read_text())


@pytest.mark.parametrize("name", list(ORACLE["described"]))
def test_description_is_that_of_r(name):
    found = describe(pd.Series(ORACLE["changes"][name]))
    expected = ORACLE["described"][name]
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-12)
    assert found["n_missing"] == 0


def test_what_is_missing_or_infinite_is_counted_and_left_out():
    found = describe(pd.Series([2.0, np.nan, 4.0, -np.inf]))
    assert (found["n"], found["n_missing"]) == (2, 2)
    assert (found["mean"], found["median"], found["sd"]) == pytest.approx((3.0, 3.0, np.sqrt(2)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("values", "empty"), [([], "mean sd median q1 q3"), ([5.0], "sd"), ([np.nan], "mean")]
)
def test_too_few_numbers_leave_cells_empty(values, empty):
    found = describe(pd.Series(values, dtype=float))
    assert all(np.isnan(found[name]) for name in empty.split())
