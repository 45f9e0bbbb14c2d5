"""Plots of measured against true change, of what is recovered, and of the smallest loss that shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from thalutils.report.figures import colour, marker
from thalutils.report.order import in_order
from thalutils.report.panels import GREY, LINE_INCH, name_rows, panel_grid, row_offsets, shown_panels
from thalutils.stats.recovery import GROUP_SIZES

ACROSS = 3
# How pairs that differ in more than the loss are marked.
DISTURBANCES = {"rescan": ("o", 0.85), "upgrade": ("x", 0.9), "water": ("v", 0.9)}
PROCESSINGS = ("independent", "halfway", "longitudinal")
FILLS = {"independent": "full", "halfway": "none", "longitudinal": "left"}


def measured(pairs: pd.DataFrame) -> Figure:
    """Draw measured on true change, a panel a method; disturbances by marker.

    Parameters
    ----------
    pairs
        A row a pair and method, of one processing for each method.
    """
    methods = in_order(pairs["method"])
    down = -(-len(methods) // ACROSS)
    fig, grid = panel_grid(down, ACROSS, 2.9 * down + 0.6, sharex=True, sharey=True)
    ends = np.array([pairs["true_percent"].min(), 0.3])
    for ax, method in zip(shown_panels(grid, len(methods)), methods, strict=True):
        mine = pairs[pairs["method"] == method]
        ax.plot(ends, ends, color=GREY, linestyle="--", label="equal")
        for name, (mark, alpha) in DISTURBANCES.items():
            some = mine[mine["disturbance"] == name]
            ax.scatter(some["true_percent"], some["measured_percent"], marker=mark, s=26, alpha=alpha, color=colour(method), linewidth=1.2, label=name)  # fmt: skip
        ax.set_title(method, fontsize=11)
        ax.tick_params(labelbottom=True)
    fig.supxlabel("True change (%)", fontsize=12)
    fig.supylabel("Measured change (%)", fontsize=12)
    handles = [Line2D([], [], color=GREY, linestyle="--", label="equal")]
    handles += [Line2D([], [], color="0.3", marker=mark, linestyle="", label=name) for name, (mark, _) in DISTURBANCES.items()]  # fmt: skip
    fig.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return fig


def slopes(table: pd.DataFrame) -> Figure:
    """Draw slopes and biases with their intervals, a row a method; processings by filling, disturbances by panel.

    Parameters
    ----------
    table
        Rows of the table ``recovery`` of one set of heads.
    """
    methods = in_order(table["method"])
    panels = [
        ("slope", "rescan", "Slope, rescan (1: all is seen)", 1.0),
        ("bias_percent", "rescan", "No change, rescan (%)", 0.0),
        ("bias_percent", "upgrade", "No change, other scanner (%)", 0.0),
        ("bias_percent", "water", "No change, less water (%)", 0.0),
    ]
    fig, grid = panel_grid(2, 2, 2 * (0.9 + 0.36 * len(methods)) + 0.5, sharey=True)
    for ax, (column, disturbance, title, reference) in zip(grid.flat, panels, strict=True):
        ax.axvline(reference, color=GREY, linestyle="--")
        _rows(ax, table[table["disturbance"] == disturbance], methods, column)
        ax.set_xlabel(title)
    name_rows(grid[0, 0], methods)
    there = [name for name in PROCESSINGS if (table["processing"] == name).any()]
    fig.legend(handles=[_handle(name) for name in there], loc="outside lower center", ncols=len(there))
    return fig


def _rows(ax: Axes, mine: pd.DataFrame, methods: list[str], column: str) -> None:
    offsets = dict(zip(PROCESSINGS, row_offsets(len(PROCESSINGS)), strict=True))
    for found in mine.dropna(subset=[column]).itertuples():
        place = methods.index(found.method) + offsets[found.processing]
        ends = [getattr(found, f"{column}_low"), getattr(found, f"{column}_high")]
        ax.plot(ends, [place, place], color=colour(found.method), linewidth=2)
        ax.plot(getattr(found, column), place, marker=marker(found.method), fillstyle=FILLS[found.processing], color=colour(found.method), mec="0.25", ms=7)  # fmt: skip


def _handle(processing: str) -> Line2D:
    return Line2D([], [], color="0.3", marker="o", linestyle="", fillstyle=FILLS[processing], label=processing)  # fmt: skip


def detectable(table: pd.DataFrame) -> Figure:
    """Draw the smallest loss that one person, and groups, show by each method, on a logarithmic axis.

    Parameters
    ----------
    table
        Rows of the table ``recovery`` of one set of heads and one disturbance.
    """
    known = table.dropna(subset=["detectable_1_percent"])
    known = known.sort_values("detectable_1_percent", kind="stable")
    labels = [f"{row.method}, {row.processing}" for row in known.itertuples()]
    fig, [[ax]] = panel_grid(1, 1, 1.5 + LINE_INCH * max(len(known), 1))
    for place, found in enumerate(known.itertuples()):
        values = [getattr(found, f"detectable_{size}_percent") for size in GROUP_SIZES]
        ax.plot(values, [place] * len(values), color=colour(found.method), linewidth=1)
        for size, value in zip(GROUP_SIZES, values, strict=True):
            ax.annotate(f"{size}", (value, place), ha="center", va="center", fontsize=9, bbox={"boxstyle": "circle,pad=0.25", "fc": "white", "ec": colour(found.method)})  # fmt: skip
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    name_rows(ax, labels)
    ax.set_xlabel("Smallest true loss that shows (%); in the circles: how many people")
    return fig
