import numpy as np
import pandas as pd
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


def overlap(dice, visit="ses-1"):
    rows = [
        (f"sub-{i}", visit, method, "truth", None, value, value, value, 1.0, 1.0)
        for i, value in enumerate(dice)
        for method in METHODS
    ]
    return table("overlap", rows)


def dots(ax):
    return [tuple(point) for one in ax.collections for point in one.get_offsets() if len(one.get_offsets())]


def test_boxes_need_three_values_and_dots_do_not():
    few = drawn(agreement_plots.agreement_boxes(overlap([0.8, 0.9]), reference="truth"))
    enough = drawn(agreement_plots.agreement_boxes(overlap([0.7, 0.8, 0.9]), reference="truth"))
    assert not few.axes[0].lines
    assert len(dots(few.axes[0])) == 4
    assert len(enough.axes[0].lines) >= 2 * 5  # a box is more than its median
    assert len(dots(enough.axes[0])) == 6


def test_boxes_are_in_the_order_of_the_study_with_n():
    fig = agreement_plots.agreement_boxes(overlap([0.8, 0.9]), reference="truth")
    assert rows(fig.axes[0]) == ["Template (n = 2)", "SAMSEG-T1 (n = 2)"]
    assert [ax.get_xlabel() for ax in fig.axes] == ["Dice", "Precision", "Sensitivity"]


def test_a_later_visit_does_not_count_as_a_person():
    both = pd.concat([overlap([0.8, 0.9]), overlap([0.1, 0.1], "ses-2")])
    assert min(x for x, _ in dots(agreement_plots.agreement_boxes(both, reference="truth").axes[0])) == 0.8


def test_containment_has_contained_masks_in_rows():
    found = [(f"sub-{i}", "ses-1", a, b, share) for i, plus in enumerate((0.0, 0.1))
             for a, b, share in (("Template", "SAMSEG-T1", 0.4 + plus), ("SAMSEG-T1", "Template", 0.8 + plus),
                                 ("Template", "Template", 1.0), ("SAMSEG-T1", "SAMSEG-T1", 1.0))]  # fmt: skip
    ax = drawn(agreement_plots.containment_heat(table("containment", found))).axes[0]
    assert rows(ax) == ["Template", "SAMSEG-T1"]
    assert [text.get_text() for text in ax.texts] == ["1.00", "0.45", "0.85", "1.00"]


def test_scatter_fits_from_three_people_on():
    reference = np.array([6.0, 8.0, 9.0])
    frame = volumes(reference)
    halved = frame["method"].ne("truth")
    frame.loc[halved, "volume_ml"] = 5 + frame.loc[halved, "left_ml"]
    ax = drawn(agreement_plots.volume_scatter(frame, "truth")).axes[0]
    identity, fit = ax.lines
    assert np.array_equal(*identity.get_data())
    slope = np.diff(fit.get_ydata()) / np.diff(fit.get_xdata())
    assert slope == pytest.approx(0.5)
    assert fit.get_ydata()[0] == pytest.approx(5 + (6 + 1) / 2)
    assert ax.get_title() == "Template\nn = 3, slope 0.50"
    assert ax.get_xlim() == ax.get_ylim()
    few = agreement_plots.volume_scatter(volumes([6.0, 8.0]), "truth").axes[0]
    assert len(few.lines) == 1
    assert few.get_title() == "Template\nn = 2, no fit"


def test_bland_altman_draws_difference_over_mean():
    few = drawn(agreement_plots.bland_altman(volumes([6.0, 8.0], bias=1.5), "truth")).axes[0]
    assert np.array(sorted(dots(few))) == pytest.approx(np.array([(6.75, 1.5), (8.75, 1.5)]))
    assert few.get_title().endswith("n = 2, no limits")
    assert not few.patches
    frame = volumes([6.0, 8.0, 10.0])
    frame.loc[frame["method"].eq("Template"), "volume_ml"] = [7.0, 10.0, 13.0]
    enough = drawn(agreement_plots.bland_altman(frame, "truth")).axes[0]
    [band] = enough.patches
    assert band.get_y() == pytest.approx(2 - 1.96)
    assert band.get_y() + band.get_height() == pytest.approx(2 + 1.96)
    assert enough.get_title().endswith("n = 3, +2.00 ± 1.00 mL")


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
