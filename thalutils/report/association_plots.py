"""Plots of slopes: a row for each method, a panel for each outcome, the paper's values beside."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from thalutils.report import outcomes
from thalutils.report.figures import colour, marker
from thalutils.report.order import in_order
from thalutils.report.panels import GREY, name_rows, panel_grid, shown_panels

STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
ROW_INCH = 0.36
PANEL_INCH = 1.15
# Below a method's own row, so that neither interval hides the other.
BESIDE = 0.3
# A mL is a tenth of a thalamus; people lose less than a tenth of that in a year.
ODDS_STEP_ML = 0.1
Estimate = tuple[str, str, str]


def stars(p: float) -> str:
    """Return the paper's asterisks of an adjusted p.

    Examples
    --------
    >>> [stars(p) for p in (0.0001, 0.001, 0.03, 0.05, float("nan"))]
    ['***', '**', '*', '', '']
    """
    return next((mark for limit, mark in STARS if p < limit), "")


def slopes(found: pd.DataFrame, reported: pd.DataFrame) -> Figure:
    """Draw the slope of every outcome on every method's volume with its 95 % interval.

    Parameters
    ----------
    found
        Rows of ``associations`` or ``change_associations`` of one analysis. An outcome without any slope
        has no panel.
    reported
        What the paper reports: ``outcome``, ``method``, ``reported``, ``reported_low``, ``reported_high``.
        Methods that `found` lacks are left out.
    """
    names = list(found.dropna(subset=["beta"])["outcome"].unique())

    def draw(ax: Axes, outcome: str, methods: list[str]) -> None:
        mine = found[found["outcome"] == outcome].set_index("method").reindex(methods)
        intervals(ax, mine, ("beta", "beta_low", "beta_high"))
        theirs = reported[reported["outcome"] == outcome].set_index("method").reindex(methods)
        diamonds(ax, theirs)
        for row, p in enumerate(mine["p_adjusted"]):
            ax.text(1.02, row, stars(p), transform=ax.get_yaxis_transform(), va="center", fontsize=12)
        transform = mine["transform"].dropna().iloc[0]
        ax.set_xlabel(f"{outcomes.unit(outcome, transform)} per mL")

    fig = panels(found[found["outcome"].isin(names)], names, draw)
    if names and reported["method"].isin(found["method"]).any():
        handles = [
            Line2D([], [], color="black", marker="o", linewidth=2, label="this cohort"),
            Line2D([], [], color=GREY, marker="D", mfc="white", mec="black", linewidth=1, label="the paper"),
        ]
        fig.legend(handles=handles, loc="outside lower center", ncols=2)
    return fig


def odds_ratios(found: pd.DataFrame) -> Figure:
    """Draw the odds ratio of a worse EDSS category per 0.1 mL of thalamic change.

    Takes the rows of ``change_associations`` whose analysis is ordinal.
    """
    mine = found.assign(
        **{name: np.exp(found[name] * ODDS_STEP_ML) for name in ("beta", "beta_low", "beta_high")}
    )
    methods = in_order(mine["method"])
    fig, [[ax]] = panel_grid(1, 1, PANEL_INCH + ROW_INCH * len(methods))
    mine = mine.set_index("method").reindex(methods)
    ax.set_xscale("log")
    intervals(ax, mine, ("beta", "beta_low", "beta_high"), nothing=1.0)
    for row, p in enumerate(mine["p_adjusted"]):
        ax.text(1.02, row, stars(p), transform=ax.get_yaxis_transform(), va="center", fontsize=12)
    name_rows(ax, methods)
    ticks = [tick for tick in (0.25, 0.5, 0.8, 1.0, 1.25, 1.5, 2.0, 4.0) if _within(ax, tick)]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel(f"Odds ratio of a worse EDSS category per {ODDS_STEP_ML:g} mL of change")
    return fig


def _within(ax: Axes, tick: float) -> bool:
    low, high = ax.get_xlim()
    return low <= tick <= high


def panels(
    found: pd.DataFrame, names: Sequence[str], draw: Callable[[Axes, str, list[str]], None],
    titles: Callable[[str], str] = outcomes.name,
) -> Figure:  # fmt: skip
    """Draw a panel for each of `names`, a row for each method in it, methods in the order of the study."""
    methods = in_order(found["method"])
    across = {0: 1, 4: 2}.get(len(names), min(3, len(names)))
    down = max(-(-len(names) // across), 1)
    height = (PANEL_INCH + ROW_INCH * len(methods)) * down + 0.3
    fig, grid = panel_grid(down, across, height, sharey=True)
    for ax, one in zip(shown_panels(grid, len(names)), names, strict=True):
        draw(ax, one, methods)
        name_rows(ax, methods)
        ax.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
        ax.tick_params(axis="x", labelsize=11)
        ax.set_title(titles(one), fontsize=13)
    return fig


def intervals(ax: Axes, mine: pd.DataFrame, estimate: Estimate, nothing: float = 0.0) -> None:
    """Draw each method's estimate and interval in a row of its own, and a line where there is no effect.

    `mine` has a row a method, which is its index, and the columns `estimate`: the value and both ends.
    """
    value, low, high = estimate
    ax.axvline(nothing, color=GREY, linestyle="--", linewidth=1.2, zorder=1)
    for row, (method, one) in enumerate(mine.iterrows()):
        if np.isnan(one[value]):
            ax.text(
                0.5, row, "none", transform=ax.get_yaxis_transform(), ha="center", va="center", color=GREY
            )
            continue
        ax.plot([one[low], one[high]], [row, row], color=colour(str(method)), linewidth=2.6, zorder=2)
        ax.scatter(
            one[value], row, marker=marker(str(method)), facecolor=colour(str(method)), edgecolor="0.15",
            linewidth=0.7, s=46, zorder=3,
        )  # fmt: skip


def diamonds(ax: Axes, theirs: pd.DataFrame) -> None:
    """Draw the paper's values as open diamonds just below the rows of their methods, which are the index."""
    for row, one in enumerate(theirs.itertuples()):
        if not np.isnan(one.reported):
            at = row + BESIDE
            ax.plot([one.reported_low, one.reported_high], [at, at], color=GREY, linewidth=1, zorder=2)
            ax.scatter(
                one.reported,
                at,
                marker="D",
                facecolor="white",
                edgecolor="black",
                linewidth=1,
                s=22,
                zorder=3,
            )
