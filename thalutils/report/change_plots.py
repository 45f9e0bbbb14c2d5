"""Plots of thalamic change: boxes by method and by diagnosis, and change against brain volume change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thalutils.report.figures import colour
from thalutils.report.order import in_order
from thalutils.report.panels import GREY, dot, name_rows, panel_grid, shown_panels
from thalutils.stats.coefficients import FEWEST
from thalutils.stats.populations import ALL, by_group

ROW_INCH = 0.36
CHANGE = "Change of thalamus (%)"
ACROSS = 3
LABEL = 13
MANY = 30


def change_boxes(change: pd.DataFrame, *, people: bool = True) -> Figure:
    """Draw each method's change, in % of the first visit: Tukey boxes, over people where they may be seen.

    Parameters
    ----------
    change
        What :func:`thalutils.stats.frames.change` returns, of everyone.
    people
        Whether to draw a point for each person. Boxes need three values.
    """
    methods = in_order(change["method"])
    fig, [[ax]] = panel_grid(1, 1, 1.1 + ROW_INCH * len(methods))
    _boxes(ax, change, methods, people)
    counts = change[np.isfinite(change["percent"])].groupby("method").size()
    name_rows(ax, [f"{method} (n = {counts.get(method, 0)})" for method in methods])
    ax.set_xlabel(CHANGE)
    return fig


def change_by_group(change: pd.DataFrame, *, people: bool = True) -> Figure:
    """Draw the same as :func:`change_boxes`, a panel for each diagnosis; RIS, CIS and iON are one."""
    methods = in_order(change["method"])
    groups = [(name, members) for name, members in by_group(change) if name != ALL]
    across = min(ACROSS, max(len(groups), 1))
    down = max(-(-len(groups) // across), 1)
    fig, grid = panel_grid(down, across, down * (0.75 + 0.28 * len(methods)) + 0.4, sharex=True, sharey=True)
    panels = shown_panels(grid, len(groups))
    for ax, (name, members) in zip(panels, groups, strict=True):
        _boxes(ax, members, methods, people)
        ax.set_title(f"{name} (n = {members['participant_id'].nunique()})", fontsize=12)
    for ax in panels[-across:]:  # the lowest of each column has nothing below it
        ax.tick_params(axis="x", labelbottom=True)
    if panels:
        name_rows(panels[0], methods)
    fig.supxlabel(CHANGE, fontsize=LABEL)
    return fig


def brain_scatter(change: pd.DataFrame, brain: pd.DataFrame, correlation: pd.DataFrame) -> Figure:
    """Draw each method's change against brain volume change by one engine, with the least-squares line.

    Parameters
    ----------
    change
        What :func:`thalutils.stats.frames.change` returns.
    brain
        Rows of the table ``brain_change`` of one engine.
    correlation
        Rows of the table ``brain_change_correlation`` of the same engine, a panel each.
    """
    both = change.merge(brain[["participant_id", "pbvc_percent"]], on="participant_id")
    across = min(ACROSS, max(len(correlation), 1))
    down = max(-(-len(correlation) // across), 1)
    fig, grid = panel_grid(down, across, 2.7 * down + 0.5, sharex=True, sharey=True)
    rows = correlation.set_index("method", drop=False).loc[in_order(correlation["method"])]
    for ax, found in zip(shown_panels(grid, len(rows)), rows.itertuples(), strict=True):
        mine = both[both["method"] == found.method].dropna(subset=["percent", "pbvc_percent"])
        for line in (ax.axhline, ax.axvline):
            line(0, color=GREY, linewidth=0.8, linestyle="--")
        ax.scatter(mine["pbvc_percent"], mine["percent"], **dot(found.method, len(mine)))
        text = f"n = {found.n:.0f}, no correlation"
        if pd.notna(found.r):
            _line(ax, mine, found.r)
            text = f"n = {found.n:.0f}, r = {found.r:.2f}"
        ax.set_title(f"{found.method}\n{text}", fontsize=12)
    fig.supxlabel("Change of brain volume (%)", fontsize=LABEL)
    fig.supylabel(CHANGE, fontsize=LABEL)
    return fig


def _line(ax: Axes, mine: pd.DataFrame, r: float) -> None:
    """Draw the least-squares line that belongs to a correlation."""
    x, y = mine["pbvc_percent"], mine["percent"]
    ends = np.array([x.min(), x.max()])
    ax.plot(ends, y.mean() + r * y.std() / x.std() * (ends - x.mean()), color="black", linewidth=1.8)


def _boxes(ax: Axes, change: pd.DataFrame, methods: Sequence[str], people: bool) -> None:
    """Draw a row for each method: a point for each person under a box from the quartiles."""
    ax.axvline(0, color=GREY, linewidth=1.2, linestyle="--", zorder=0)
    for row, method in enumerate(methods):
        values = change.loc[change["method"] == method, "percent"]
        values = np.sort(values[np.isfinite(values)].to_numpy())
        if people:
            # Neighbours in value go to different heights, the same ones at every drawing.
            heights = row + 0.28 * np.sin(2.4 * np.arange(len(values)))
            size = 9 if len(values) > MANY else 26
            ax.scatter(values, heights, s=size, color=colour(method), alpha=0.55, linewidth=0, zorder=1)
        if len(values) >= FEWEST:
            ax.boxplot(
                values, positions=[row], orientation="horizontal", widths=0.55, showfliers=False,
                patch_artist=True, boxprops={"facecolor": (1, 1, 1, 0.55), "edgecolor": colour(method)},
                medianprops={"color": "black", "linewidth": 2}, whiskerprops={"color": "0.25"},
                capprops={"color": "0.25"}, manage_ticks=False,
            )  # fmt: skip
