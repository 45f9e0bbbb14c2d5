import numpy as np
import pytest
from matplotlib.colors import to_hex
from plot_checks import drawn, rows, table

from thalutils.report import agreement_plots
from thalutils.report.figures import colour

METHODS = ("SAMSEG-T1", "Template")  # not the order of the study


def volumes(truth, bias=1.0, methods=METHODS, visits=("ses-1",)):
    rows = []
    for i, volume in enumerate(truth):
        for visit in visits:
            found = {"truth": volume} | dict.fromkeys(methods, volume + bias)
            for method, ml in found.items():
                rows.append((f"sub-{i}", visit, method, None, None, ml, ml / 2, ml / 2))
    return table("volumes", rows)


def dots(ax):
    return [tuple(point) for one in ax.collections for point in one.get_offsets() if len(one.get_offsets())]


def title(ax):
    return ax.get_title(loc="left").replace("\N{NO-BREAK SPACE}", " ").splitlines()


def test_scatter_fits_from_three_people_on():
    reference = np.array([6.0, 8.0, 9.0])
    frame = volumes(reference)
    halved = frame["method"].ne("truth")
    frame.loc[halved, "volume_ml"] = 5 + frame.loc[halved, "left_ml"]
    ax = drawn(agreement_plots.volume_scatter(frame, "truth")).axes[0]
    identity, fit, deming = ax.lines
    assert np.array_equal(*identity.get_data())
    for line in (fit, deming):  # the points lie on one line
        slope = np.diff(line.get_ydata()) / np.diff(line.get_xdata())
        assert slope == pytest.approx(0.5)
        assert line.get_ydata()[0] == pytest.approx(5 + (6 + 1) / 2)
    name, ccc, slope, spread = title(ax)
    assert (name, slope, spread) == ("Template", "slope 0.50 [0.50, 0.50]", "residual SD 0.00 mL")
    assert ccc.startswith("CCC 0.")
    assert [text.get_text() for text in ax.texts] == ["n = 3"]
    few = agreement_plots.volume_scatter(volumes([6.0, 8.0]), "truth").axes[0]
    assert len(few.lines) == 1
    assert title(few) == ["Template", "no line and no concordance"]


def test_the_deming_line_is_steeper_than_least_squares_where_points_scatter():
    frame = volumes([6.0, 8.0, 9.0, 11.0])
    frame.loc[frame["method"].eq("Template"), "volume_ml"] = [7.0, 10.0, 8.0, 11.0]
    _, fit, deming = agreement_plots.volume_scatter(frame, "truth").axes[0].lines
    assert np.ptp(deming.get_ydata()) > np.ptp(fit.get_ydata()) * 1.05


def test_bland_altman_draws_difference_over_mean():
    few = drawn(agreement_plots.bland_altman(volumes([6.0, 8.0], bias=1.5), "truth")).axes[0]
    assert np.array(sorted(dots(few))) == pytest.approx(np.array([(6.75, 1.5), (8.75, 1.5)]))
    assert title(few) == ["Template", "no limits"]
    assert not few.patches
    frame = volumes([6.0, 8.0, 10.0])
    frame.loc[frame["method"].eq("Template"), "volume_ml"] = [7.0, 10.0, 13.0]
    enough = drawn(agreement_plots.bland_altman(frame, "truth")).axes[0]
    levels = [line.get_ydata()[0] for line in enough.lines[:4]]
    assert levels == pytest.approx([0, 2, 2 - 1.96, 2 + 1.96])
    t, lower = 4.302653, enough.patches[1]  # t with 2 degrees of freedom; bias, lower, upper
    reach = t * np.sqrt(1 / 3 + 1.96**2 / 4)
    assert lower.get_y() == pytest.approx(2 - 1.96 - reach, abs=1e-5)
    assert lower.get_height() == pytest.approx(2 * reach, abs=1e-5)
    assert title(enough)[:3] == ["Template", "bias +2.00 ± 1.00 mL", "limits 0.04 to 3.96 mL"]
    assert title(enough)[3].startswith("slope 0.40 [")
    drift = enough.lines[4]
    assert np.diff(drift.get_ydata()) / np.diff(drift.get_xdata()) == pytest.approx(0.4)


def test_ten_methods_get_a_panel_each_three_across():
    methods = [f"Method{i}" for i in range(10)]
    fig = drawn(agreement_plots.bland_altman(volumes([6.0, 8.0, 9.0], methods=methods), "truth"))
    shown = [ax for ax in fig.axes if ax.get_visible()]
    assert [title(ax)[0] for ax in shown] == methods
    assert len({round(ax.get_position().x0, 3) for ax in shown}) == 3


def test_a_reference_that_pairs_with_nothing_makes_an_empty_figure():
    frame = volumes([6.0], methods=())
    for plot in (agreement_plots.volume_scatter, agreement_plots.bland_altman):
        assert not any(ax.get_visible() for ax in drawn(plot(frame, "truth")).axes)


def test_dots_are_full_at_the_first_visit_only_and_references_are_marked():
    frame = volumes([8.0, 9.0], visits=("ses-1", "ses-2"))
    frame.loc[frame["session_id"].eq("ses-2"), "volume_ml"] -= 0.5
    frame.index = [0] * len(frame)  # as tables put together may have it
    ax = drawn(agreement_plots.volume_dots(frame)).axes[0]
    assert rows(ax) == ["Template", "SAMSEG-T1", "truth (reference)"]
    shades = {}
    for one in ax.collections:
        for x, y in one.get_offsets():
            shades[round(float(x), 2), round(float(y))] = to_hex(one.get_facecolor()[0])
    assert len(ax.patches) == 1
    assert shades[9.0, 0] == colour("Template")
    assert shades[8.5, 0] == "#ffffff"
    assert shades[8.0, 2] == colour("truth")
