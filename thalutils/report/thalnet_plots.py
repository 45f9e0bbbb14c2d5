"""Plots of the network's training, and of what it measures against what is true."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thalutils.report.figures import colour, marker
from thalutils.report.panels import panel_grid, shown_panels

CONTRASTS = ("T1", "FLAIR", "R1", "T1-R1-FLAIR", "joint")
MAP_MARKERS = "osD"


def curves(logs: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the loss over the steps of each network, and the Dice on the watched person."""
    fig, grid = panel_grid(-(-len(logs) // 2), 2, 3.4 * -(-len(logs) // 2))
    for ax, (part, log) in zip(shown_panels(grid, len(logs)), logs.items(), strict=True):
        ax.plot(log["step"], log["loss"], color="0.3", label="loss on new images")
        known = log.dropna(subset=["watched_dice"])
        ax.plot(
            known["step"],
            known["watched_dice"],
            color=colour("ThalNet"),
            marker="o",
            label="Dice, watched person",
        )
        ax.set(xlabel="step", title=part, ylim=(0, None))
        ax.legend()
    return fig


def cuts(means: pd.DataFrame, chosen: Mapping[str, float]) -> Figure:
    """Draw the bias of volume and the Dice by the probability from which on a voxel is thalamus, for each network."""
    fig, grid = panel_grid(1, 2, 3.6)
    named = {"draw": "ThalNet-T1", "joint": "ThalNet-joint"}
    ups = (("bias_percent", "bias of volume (%)"), ("dice", "Dice with the truth"))
    for ax, (column, words) in zip(shown_panels(grid, 2), ups, strict=True):
        for part, method in named.items():
            mine = means[means["network"] == part]
            ax.plot(mine["cut"], mine[column], color=colour(method), marker=marker(method), label=part)
            ax.axvline(
                chosen[part],
                color=colour(method),
                linestyle="--",
                label=f"{part}: {chosen[part]:.2f} is taken",
            )
        ax.set(xlabel="thalamus from this probability on", ylabel=words)
    grid[0, 0].axhline(0, color="0.6")
    fig.legend(*grid[0, 1].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig


def volumes(frame: pd.DataFrame) -> Figure:
    """Draw measured on true volume, a panel for each set of heads; contrasts by colour and marker."""

    def draw(ax: Axes, mine: pd.DataFrame) -> None:
        _dots(ax, mine, "truth_ml", "volume_ml")
        ax.set(xlabel="true volume (mL)", ylabel="ThalNet (mL)")

    return _by_heads(frame, draw)


def changes(frame: pd.DataFrame) -> Figure:
    """Draw measured on true change, a panel for each set of heads; contrasts by colour and marker."""

    def draw(ax: Axes, mine: pd.DataFrame) -> None:
        _dots(ax, mine, "true_percent", "measured_percent")
        ax.set(xlabel="true change (%)", ylabel="ThalNet (%)")

    return _by_heads(frame, draw)


def _by_heads(frame: pd.DataFrame, draw) -> Figure:
    names = list(frame["heads"].unique())
    fig, grid = panel_grid(1, max(2, len(names)), 4.6)
    for ax, name in zip(shown_panels(grid, len(names)), names, strict=True):
        draw(ax, frame[frame["heads"] == name])
        ax.set_title(name)
    fig.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(CONTRASTS) + 1)
    return fig


def _dots(ax: Axes, mine: pd.DataFrame, across: str, up: str) -> None:
    known = mine.dropna(subset=[across, up])
    ends = np.array([known[[across, up]].min().min(), known[[across, up]].max().max()])
    ax.plot(ends, ends, color="0.4", linestyle="--", label="equal")
    for contrast in CONTRASTS:
        some = known[known["contrast"] == contrast]
        name = f"ThalNet-{contrast}"
        ax.scatter(
            some[across],
            some[up],
            s=22,
            marker=marker(name),
            color=colour(name),
            edgecolor="0.25",
            linewidth=0.4,
            label=contrast,
        )


def gains(table: pd.DataFrame) -> Figure:
    """Draw the gain in Dice by added map and contrast at the border, a panel for each way of joining contrasts."""
    ways = list(table["way"].unique())
    fig, grid = panel_grid(1, len(ways), 4.2)
    maps = list(table["added"].unique())
    for ax, way in zip(shown_panels(grid, len(ways)), ways, strict=True):
        for place, added in enumerate(maps):
            mine = table[(table["way"] == way) & (table["added"] == added)]
            across = np.arange(len(mine)) + 0.14 * (place - (len(maps) - 1) / 2)
            reach = [mine["dice_gain"] - mine["dice_gain_low"], mine["dice_gain_high"] - mine["dice_gain"]]
            ax.errorbar(
                across, mine["dice_gain"], reach, fmt=MAP_MARKERS[place], label=f"with {added}", capsize=3
            )
        ax.axhline(0, color="0.4", linestyle="--")
        ax.set_xticks(range(len(mine)), [f"{value:g}" for value in mine["border_contrast"]])
        ax.set(
            title=way, xlabel="contrast at the border (1: literature)", ylabel="Dice with less Dice without"
        )
    fig.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(maps))
    return fig
