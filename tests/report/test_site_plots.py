"""The figure of sites: each box stands where it should and shows the volumes that it is said to show."""

import numpy as np
import pandas as pd
import pytest
from plot_checks import drawn, rows

from thalutils.report import site_plots

SHIFT_ML = 3.0


def volumes(
    method: str, states: tuple[str, ...] = site_plots.STATES, sites: tuple[str, ...] = ("Kiel", "Ulm")
):
    """Return 101 volumes a site: raw ones apart by a shift, harmonised ones around 12 mL."""
    found = []
    for place, site in enumerate(sites):
        for state in states:
            middle = 12.0 + SHIFT_ML * place if state == "raw" else 12.0
            values = middle + np.linspace(-2, 2, 101)
            found.append(pd.DataFrame({"site": site, "method": method, "state": state, "volume_ml": values}))
    return pd.concat(found, ignore_index=True)


def boxes(ax) -> dict[tuple[float, float], list[float]]:
    """Return by a box's place and median its edges: lower whisker, quartiles, upper whisker."""
    found = {}
    medians = [line for line in ax.lines if line.get_color() == "black" and len(set(line.get_xdata())) == 1
               and abs(np.ptp(line.get_ydata()) - 0.3) < 1e-9]  # fmt: skip
    for line in medians:
        place = round(float(np.mean(line.get_ydata())), 2)
        mine = [one for one in ax.patches if abs(one.get_path().vertices[:4, 1].mean() - place) < 0.05]
        edges = mine[0].get_path().vertices[:, 0]
        whiskers = [
            one.get_xdata() for one in ax.lines if set(np.round(one.get_ydata(), 2)) == {place} and one is not line
        ]  # fmt: skip
        ends = np.concatenate(whiskers)
        found[(place, round(float(line.get_xdata()[0]), 6))] = [
            ends.min(),
            edges.min(),
            edges.max(),
            ends.max(),
        ]
    return found


def test_raw_stands_above_harmonised_at_each_site_with_its_own_quantiles():
    fig = drawn(site_plots.boxes(volumes("FIRST")))
    (ax,) = fig.axes
    assert rows(ax) == ["Kiel", "Ulm"]
    assert (ax.get_title(), ax.get_xlabel()) == ("FIRST", "thalamus (mL)")
    found = boxes(ax)
    # the y axis is turned: the smaller place stands higher
    assert ax.yaxis_inverted()
    assert set(found) == {(-0.18, 12.0), (0.18, 12.0), (0.82, 12.0 + SHIFT_ML), (1.18, 12.0)}
    for (_, median), edges in found.items():
        expected = np.percentile(median + np.linspace(-2, 2, 101), [5, 25, 75, 95])
        assert edges == pytest.approx(list(expected))


def test_each_state_has_its_colour_and_its_words():
    fig = drawn(site_plots.boxes(volumes("FIRST")))
    (legend,) = fig.legends
    assert [text.get_text() for text in legend.texts] == ["raw", "harmonised"]
    colours = [patch.get_facecolor() for patch in fig.axes[0].patches]
    assert len(set(colours)) == 2


def test_a_method_or_site_that_was_not_harmonised_shows_its_raw_boxes_alone():
    both = pd.concat(
        [volumes("FIRST"), volumes("Template", states=("raw",)), volumes("SAMSEG", sites=("Ulm",))]
    )
    fig = drawn(site_plots.boxes(both))
    first, template, samseg = fig.axes
    assert len(boxes(first)) == 4
    assert set(boxes(template)) == {(-0.18, 12.0), (0.82, 12.0 + SHIFT_ML)}
    assert {place for place, _ in boxes(samseg)} == {0.82, 1.18}
    assert rows(samseg) == ["Kiel", "Ulm"]


def test_the_legend_knows_both_states_whatever_the_last_method_has():
    both = pd.concat([volumes("FIRST"), volumes("Template", states=("raw",))])
    (legend,) = drawn(site_plots.boxes(both)).legends
    assert [text.get_text() for text in legend.texts] == ["raw", "harmonised"]
