"""The choice among strategies, case by case of the paper's rule."""

import numpy as np
import pandas as pd
import pytest

from thalutils.errors import TableError
from thalutils.imaging.strategy_choice import choose

FIRST, SECOND, ANTS = "sitk-mi", "sitk-ncc-masked", "ants-rigid"


@pytest.mark.parametrize(
    ("information", "verdicts", "passed", "selected"),
    [
        ((0.40, 0.50, 0.90), {}, (1, 1, 1), SECOND),
        ((0.50, 0.40, 0.90), {}, (1, 1, 1), FIRST),
        ((0.24, 0.40, 0.90), {}, (0, 1, 1), SECOND),
        ((0.40, 0.24, 0.90), {}, (1, 0, 1), FIRST),
        ((0.40, 0.24, 0.20), {}, (1, 0, 0), FIRST),
        ((0.24, 0.24, 0.31), {}, (0, 0, 1), ANTS),
        ((0.24, 0.24, 0.29), {}, (0, 0, 0), None),
        ((0.25, 0.24, 0.30), {}, (1, 0, 1), FIRST),
        ((np.nan, np.nan, 0.40), {}, (0, 0, 1), ANTS),
        ((0.40, 0.50, 0.90), {SECOND: "fail"}, (1, 0, 1), FIRST),
        ((0.40, 0.50, 0.90), {FIRST: "fail", SECOND: "fail"}, (0, 0, 1), ANTS),
        ((0.40, 0.50, 0.90), dict.fromkeys((FIRST, SECOND, ANTS), "fail"), (0, 0, 0), None),
        ((0.24, 0.40, 0.20), {FIRST: "pass", ANTS: "pass"}, (0, 1, 0), SECOND),
    ],
)
def test_choose_follows_the_papers_rule(information, verdicts, passed, selected):
    table = pd.DataFrame(
        {
            "strategy": [FIRST, SECOND, ANTS],
            "mutual_information": information,
            "cutoff": [0.25, 0.25, 0.30],
        },
        index=[0, 0, 0],
    )
    before = table.copy()
    chosen = choose(table, verdicts=verdicts)
    assert chosen["passed"].tolist() == [bool(flag) for flag in passed]
    assert chosen.loc[chosen["selected"], "strategy"].tolist() == ([selected] if selected else [])
    pd.testing.assert_frame_equal(table, before)


def test_choose_refuses_tables_and_verdicts_it_cannot_read():
    table = pd.DataFrame({"strategy": [FIRST], "mutual_information": [0.5], "cutoff": [0.2]})
    with pytest.raises(TableError, match="cutoff"):
        choose(table.drop(columns="cutoff"))
    with pytest.raises(TableError, match="twice"):
        choose(pd.concat([table, table]))
    with pytest.raises(TableError, match="maybe"):
        choose(table, verdicts={FIRST: "maybe"})
    with pytest.raises(TableError, match=ANTS):
        choose(table, verdicts={ANTS: "fail"})
