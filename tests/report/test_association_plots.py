import numpy as np
import pandas as pd
import pytest
from association_rows import slopes
from plot_checks import drawn, rows

from thalutils.report import association_plots

REPORTED = ["outcome", "method", "reported", "reported_low", "reported_high"]


def nothing_reported():
    return pd.DataFrame(columns=REPORTED)


def points(ax):
    return [tuple(map(float, one.get_offsets()[0])) for one in ax.collections]


def marks(ax):
    return {text.get_position()[1]: text.get_text() for text in ax.texts if text.get_text()}


def test_each_outcome_has_a_panel_and_each_method_a_row_in_the_order_of_the_study():
    found = slopes(("edss", "DBSegment", -0.1, 0.2), ("edss", "FIRST", -0.3, 0.009),
                   ("sdmt", "DBSegment", 2.0, 0.0001), ("sdmt", "FIRST", 1.0, 0.03))  # fmt: skip
    fig = drawn(association_plots.slopes(found, nothing_reported()))
    edss, sdmt = [ax for ax in fig.axes if ax.get_visible()]
    assert [ax.get_title() for ax in (edss, sdmt)] == ["EDSS", "SDMT"]
    assert rows(edss) == ["FIRST", "DBSegment"]
    assert points(edss) == [(-0.3, 0), (-0.1, 1)]
    assert points(sdmt) == [(1.0, 0), (2.0, 1)]
    assert marks(edss) == {0: "**"}
    assert marks(sdmt) == {0: "*", 1: "***"}
    assert (edss.get_xlabel(), sdmt.get_xlabel()) == ("points per mL", "correct answers per mL")
    assert not fig.legends


def test_intervals_are_drawn_from_end_to_end_beside_the_line_of_no_effect():
    ax = drawn(association_plots.slopes(slopes(("edss", "FIRST", -0.3, 0.009)), nothing_reported())).axes[0]
    zero, interval = ax.lines
    assert list(zero.get_xdata()) == [0, 0]
    assert list(interval.get_xdata()) == pytest.approx([-0.5, -0.1])


def test_an_outcome_without_slopes_has_no_panel_and_a_method_without_one_says_so():
    found = slopes(
        ("edss", "FIRST", -0.3, 0.2), ("edss", "Mine", np.nan, np.nan), ("sdmt", "FIRST", np.nan, np.nan)
    )
    [ax] = [ax for ax in drawn(association_plots.slopes(found, nothing_reported())).axes if ax.get_visible()]
    assert ax.get_title() == "EDSS"
    assert rows(ax) == ["FIRST", "Mine"]
    assert marks(ax) == {1: "none"}


def test_slopes_of_logarithms_say_so():
    found = slopes(("t25fw", "FIRST", -0.02, 0.2), transform="log")
    assert association_plots.slopes(found, nothing_reported()).axes[0].get_xlabel() == "ln s per mL"


def test_the_papers_value_stands_below_its_own_method_alone():
    found = slopes(("edss", "FIRST", -0.3, 0.2), ("edss", "Mine", -0.1, 0.2))
    theirs = pd.DataFrame([("edss", "FIRST", -0.19, -0.31, -0.07), ("edss", "MindGlide-T1", -0.26, -0.4, -0.1),
                           ("sdmt", "Mine", 9.0, 8.0, 10.0)], columns=REPORTED)  # fmt: skip
    fig = drawn(association_plots.slopes(found, theirs))
    assert rows(fig.axes[0]) == ["FIRST", "Mine"]
    [diamond] = [point for point in points(fig.axes[0]) if point[1] % 1]
    assert diamond == (-0.19, association_plots.BESIDE)
    assert [text.get_text() for text in fig.legends[0].texts] == ["this cohort", "the paper"]


def test_odds_ratios_are_per_tenth_of_a_ml_on_a_log_scale():
    found = slopes(("edss", "FIRST", 10 * np.log(2), 0.04), analysis="ordinal")
    ax = drawn(association_plots.odds_ratios(found)).axes[0]
    assert points(ax) == [(pytest.approx(2.0), 0)]
    assert ax.get_xscale() == "log"
    assert list(ax.lines[0].get_xdata()) == [1, 1]
    assert marks(ax) == {0: "*"}
