"""Plots of the maps' accuracy and of registration."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thalutils.imaging.accuracy import MIXED, PURE
from thalutils.report.panels import GREY, LINE_INCH, name_rows, panel_grid, row_offsets, shown_panels

GOOD_MM, USABLE_MM = 0.3, 1.0
BARS = {PURE: "#1f6fd0", MIXED: "#e8a33d"}
BAR_HEIGHT = 0.38


def accuracy_bars(map_accuracy: pd.DataFrame) -> Figure:
    """Draw the bias ± SD of each map in each tissue's pure and mixed voxels, in percent of the true mean.

    Takes the table ``map_accuracy``. Over several visits, the bar is the mean bias and the whisker the
    root mean square of the SD within a visit.
    """
    maps, tissues = map_accuracy["map"].unique(), list(map_accuracy["tissue"].unique())
    across = min(2, len(maps))
    down = -(-len(maps) // across)
    height = down * (1.2 + 1.3 * LINE_INCH * len(tissues))
    fig, grid = panel_grid(down, across, height, sharex=True, sharey=True)
    for ax, name in zip(shown_panels(grid, len(maps)), maps, strict=True):
        for place, (kind, colour) in enumerate(BARS.items()):
            of_kind = (map_accuracy["map"] == name) & (map_accuracy["voxels"] == kind)
            mine = map_accuracy[of_kind].groupby("tissue")
            bias = mine["bias_percent"].mean().reindex(tissues)
            spread = np.sqrt(mine["sd_percent"].agg(lambda sd: (sd**2).mean())).reindex(tissues)
            at = np.arange(len(tissues)) + (place - 0.5) * BAR_HEIGHT
            look = {"color": colour, "ecolor": "black", "capsize": 2, "height": BAR_HEIGHT}
            ax.barh(at, bias, xerr=spread, label=kind, **look)
            for row, middle, sd in zip(at, bias, spread, strict=True):
                text = f"{middle:+.1f} ± {sd:.1f}" if pd.notna(middle) else "none"
                ax.text(1.01, row, text, transform=ax.get_yaxis_transform(), va="center", fontsize=10)
        ax.axvline(0, color="black", linewidth=1)
        ax.set_title(name)
    name_rows(grid[0][0], tissues)
    fig.supxlabel("Bias ± SD (% of the true mean)")
    handles, kinds = grid[0][0].get_legend_handles_labels()
    fig.legend(handles, [f"{kind} voxels" for kind in kinds], loc="outside upper center", ncols=2)
    return fig


def registration_points(registration: pd.DataFrame) -> Figure:
    """Draw each registration's mutual information with the cut-off, and its error where it is known.

    Takes the table ``registration``: a row of panels for each image, a mark for each visit and strategy.
    """
    images = list(registration["image"].unique())
    known = registration["error_mm"].notna().any()
    most = registration.groupby("image")["strategy"].nunique().max()
    height = len(images) * (1.0 + LINE_INCH * most) + 0.6
    fig, grid = panel_grid(len(images), 2 if known else 1, height, sharex="col")
    for axes, image in zip(grid, images, strict=True):
        mine = registration[registration["image"] == image]
        strategies = list(mine["strategy"].unique())
        for row, strategy in enumerate(strategies):
            tried = mine[mine["strategy"] == strategy]
            at = row + row_offsets(len(tried))
            axes[0].vlines(
                tried["cutoff"].dropna().unique(), row - 0.4, row + 0.4, color="#b80f14", linewidth=2.5
            )
            for ax, column in zip(axes, ("mutual_information", "error_mm"), strict=False):
                _verdicts(ax, tried[column], at, tried)
        for ax in axes:
            name_rows(ax, strategies if ax is axes[0] else [""] * len(strategies))
            ax.set_title(image, loc="left")
        if known:
            axes[1].set_xscale("log")
            axes[1].xaxis.set_major_formatter("{x:g}")
            for mark, style in ((GOOD_MM, ":"), (USABLE_MM, "--")):
                axes[1].axvline(mark, color=GREY, linestyle=style, label=f"{mark:g} mm")
    grid[-1][0].set_xlabel("Mutual information (nat)")
    handles = [
        Line2D([], [], color="black", marker="o", linestyle="", label="in use"),
        Line2D([], [], color="black", marker="o", mfc="none", linestyle="", label="passed"),
        Line2D([], [], color="black", marker="x", linestyle="", label="did not pass"),
        Line2D([], [], color="#b80f14", linewidth=2.5, label="cut-off"),
    ]
    if known:
        grid[-1][1].set_xlabel("Median error at the thalamus (mm)")
        handles += grid[0][1].get_legend_handles_labels()[0]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    return fig


def _verdicts(ax: Axes, values: pd.Series, at: np.ndarray, tried: pd.DataFrame) -> None:
    """Draw registrations: in use, passed, or not."""
    used, passed = tried["selected"].to_numpy(), tried["passed"].to_numpy()
    ax.scatter(values[used], at[used], color="black", s=40, zorder=3)
    ax.scatter(
        values[passed & ~used], at[passed & ~used], facecolor="white", edgecolor="black", s=40, zorder=3
    )
    ax.scatter(values[~passed & ~used], at[~passed & ~used], color="black", marker="x", s=40, zorder=3)
