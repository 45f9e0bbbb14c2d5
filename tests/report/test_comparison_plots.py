import numpy as np
import pytest
from association_rows import compared, corrected
from plot_checks import drawn, rows

from thalutils.report import comparison_plots


def points(ax):
    return [tuple(map(float, one.get_offsets()[0])) for one in ax.collections]


def panels(fig):
    return {ax.get_title(): ax for ax in fig.axes if ax.get_visible()}


def test_an_outcome_and_its_change_have_panels_of_their_own():
    found = compared(
        ("cross-sectional", "edss", "FIRST", -0.3, np.nan), ("longitudinal", "edss", "FIRST", 0.2, np.nan)
    )
    shown = panels(drawn(comparison_plots.standardised(found)))
    assert list(shown) == ["EDSS", "Change of EDSS"]
    assert points(shown["EDSS"]) == [(-0.3, 0)]
    assert points(shown["Change of EDSS"]) == [(0.2, 0)]


def test_the_method_held_against_has_no_difference():
    found = compared(("cross-sectional", "edss", "FIRST", -0.3, np.nan),
                     ("cross-sectional", "edss", "Mine", -0.2, -0.1))  # fmt: skip
    ax = panels(drawn(comparison_plots.differences(found)))["EDSS"]
    assert rows(ax) == ["Mine"]
    assert points(ax) == [(-0.1, 0)]
    assert list(ax.lines[1].get_xdata()) == pytest.approx([-0.3, 0.1])


def test_corrected_slopes_stand_below_measured_ones_and_attenuation_first():
    shown = panels(
        drawn(
            comparison_plots.corrected(corrected(("sdmt", "FIRST", 2.0, 0.5), ("t25fw", "FIRST", 1.0, 2.0)))
        )
    )
    assert list(shown) == ["Attenuation", "SDMT", "T25FW"]
    assert points(shown["Attenuation"]) == [(0.5, 0)]
    assert list(shown["Attenuation"].lines[0].get_xdata()) == [1, 1]
    assert points(shown["SDMT"]) == [(2.0, 0), (4.0, comparison_plots.BESIDE)]
    assert shown["SDMT"].get_xlabel() == "correct answers per mL"
    assert shown["T25FW"].get_xlabel() == "ln s per mL"
