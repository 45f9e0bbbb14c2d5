import numpy as np
import pytest
from association_rows import specifications
from plot_checks import drawn, rows

from thalutils.report import specification_plots

FOUND = specifications(
    ("Mine", "all", "paper", "none", "HC3", 40, 0.5, 0.01),
    ("Mine", "patients", "paper", "none", "HC3", 40, 0.5, 0.01),
    ("Mine", "RRMS", "none", "5-95", "nonrobust", 30, -0.1, 0.6),
    ("Mine", "MS", "none", "none", "nonrobust", 30, np.nan, np.nan),
    ("FIRST", "all", "none", "none", "nonrobust", 40, 0.5, 0.01),
)


def test_fits_that_several_specifications_share_count_once():
    fits = specification_plots.distinct(FOUND)
    assert fits["method"].tolist() == ["Mine", "Mine", "FIRST"]
    assert fits["beta"].tolist() == [-0.1, 0.5, 0.5]
    assert fits["subset"].iloc[1] == {"all", "patients"}
    assert fits["paper"].tolist() == [False, True, False]


def test_slopes_that_agree_by_chance_alone_stay_apart():
    other = FOUND.iloc[[0, 1]].assign(n=[40.0, 39.0])
    assert len(specification_plots.distinct(other)) == 2


def test_a_table_without_slopes_has_no_fits():
    assert specification_plots.distinct(FOUND.iloc[[3]]).empty
    assert specification_plots.distinct(FOUND.iloc[:0]).empty


def test_the_curve_rises_and_marks_every_choice_of_each_fit():
    fits = specification_plots.distinct(FOUND).query("method == 'Mine'")
    fig = drawn(specification_plots.curve(fits, 0.52, specification_plots.limits(fits)))
    top, below = fig.axes
    labels = rows(below)
    assert labels[:4] == ["all", "RRMS", "MS", "patients"]
    marked = [set(one.get_offsets()[:, 0]) if len(one.get_offsets()) else set() for one in below.collections]
    assert marked[:4] == [{1.0}, {0.0}, set(), {1.0}]
    assert sum(map(len, marked)) == 4 + 5
    drawn_at = {round(float(y), 2): float(x) for one in top.collections for x, y in _offsets(one)}
    assert drawn_at[-0.1] == 0
    assert drawn_at[0.5] == 1
    assert drawn_at[0.52] == 1


def test_a_method_the_paper_does_not_report_has_no_diamond():
    fits = specification_plots.distinct(FOUND).query("method == 'Mine'")
    top = specification_plots.curve(fits, None, (-1, 1)).axes[0]
    assert "the paper's value" not in [text.get_text() for text in top.get_legend().texts]
    assert top.get_ylim() == (-1, 1)


def test_limits_hold_all_intervals_and_zero():
    low, high = specification_plots.limits(specification_plots.distinct(FOUND.iloc[[0]]))
    assert low < 0
    assert high > 0.8
    assert high == pytest.approx(0.8 + 0.04 * 0.8)


def _offsets(one):
    return one.get_offsets() if type(one).__name__ == "PathCollection" else []
