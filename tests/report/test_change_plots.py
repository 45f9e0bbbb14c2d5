import numpy as np
import pytest
from change_rows import brain, changes
from plot_checks import drawn, rows

from thalutils.report import change_plots
from thalutils.stats.correlations import brain_change_correlation


def dots(ax):
    return [tuple(point) for one in ax.collections for point in one.get_offsets()]


def test_boxes_are_in_the_order_of_the_study_with_a_dot_for_each_person():
    frame = changes()
    ax = drawn(change_plots.change_boxes(frame)).axes[0]
    assert rows(ax) == ["FIRST (n = 8)", "MindGlide-T1 (n = 8)"]
    first = sorted(x for x, y in dots(ax) if y < 0.5)
    assert first == pytest.approx(sorted(frame.loc[frame["method"] == "FIRST", "percent"]))
    assert "%" in ax.get_xlabel()


def test_people_can_be_left_out_and_boxes_stay():
    ax = drawn(change_plots.change_boxes(changes(), people=False)).axes[0]
    assert not dots(ax)
    medians = [line for line in ax.lines if line.get_color() == "black"]
    assert len(medians) == 2


def test_the_box_is_the_methods_own():
    frame = changes()
    ax = change_plots.change_boxes(frame).axes[0]
    medians = [line.get_xdata()[0] for line in ax.lines if line.get_color() == "black"]
    wanted = frame.groupby("method")["percent"].median()
    assert medians == pytest.approx([wanted["FIRST"], wanted["MindGlide-T1"]])


def test_a_missing_or_infinite_change_is_not_counted():
    frame = changes()
    frame.loc[0, "percent"], frame.loc[1, "percent"] = np.nan, np.inf
    ax = drawn(change_plots.change_boxes(frame)).axes[0]
    assert rows(ax)[1] == "MindGlide-T1 (n = 6)"
    assert len(dots(ax)) == 14


def test_two_people_make_no_box():
    ax = drawn(change_plots.change_boxes(changes(("RRMS", "RRMS")))).axes[0]
    assert not [line for line in ax.lines if line.get_color() == "black"]
    assert len(dots(ax)) == 4


def test_every_diagnosis_has_a_panel_and_isolated_syndromes_share_one():
    frame = changes(("RRMS", "RIS", "CIS", "iON", "HC"))
    fig = drawn(change_plots.change_by_group(frame))
    shown = [ax for ax in fig.axes if ax.get_visible()]
    assert [ax.get_title() for ax in shown] == ["HC (n = 1)", "RRMS (n = 1)", "isolated (n = 3)"]
    assert len(dots(shown[2])) == 6


def test_columns_that_end_early_keep_their_axis():
    fig = drawn(change_plots.change_by_group(changes(("RRMS", "PMS", "HC", "NMOSD"))))
    shown = [ax for ax in fig.axes if ax.get_visible()]
    named = [bool(ax.xaxis.get_tick_params()["labelbottom"]) for ax in shown]
    assert named == [False, True, True, True]


def test_scatter_has_the_line_of_its_correlation():
    frame = changes()
    table = brain(frame)
    found = brain_change_correlation(frame, table)
    fig = drawn(change_plots.brain_scatter(frame, table, found))
    ax = next(ax for ax in fig.axes if ax.get_title().startswith("FIRST"))
    mine = frame[frame["method"] == "FIRST"].merge(table, on="participant_id")
    slope, middle = np.polyfit(mine["pbvc_percent"], mine["percent"], 1)
    line = next(line for line in ax.lines if line.get_color() == "black")
    assert line.get_ydata() == pytest.approx(middle + slope * line.get_xdata())
    r = np.corrcoef(mine["pbvc_percent"], mine["percent"])[0, 1]
    assert ax.get_title() == f"FIRST\nn = 8, r = {r:.2f}"


def test_scatter_without_a_correlation_says_so():
    frame = changes(("RRMS", "RRMS"))
    table = brain(frame)
    fig = drawn(change_plots.brain_scatter(frame, table, brain_change_correlation(frame, table)))
    assert fig.axes[0].get_title() == "FIRST\nn = 2, no correlation"
