"""Plots of residuals: against the normal distribution, and against what the model gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thalutils.report import outcomes
from thalutils.report.panels import GREY, dot, panel_grid, shown_panels

PARTS = 5
PANEL_INCH = 2.9


def qq(residuals: pd.DataFrame) -> Figure:
    """Draw each outcome's standardised residuals against the quantiles of a normal distribution.

    Takes :func:`thalutils.stats.assumptions.residuals` of one analysis and method.
    """

    def draw(ax: Axes, mine: pd.DataFrame) -> None:
        ends = np.array([mine["quantile"].min(), mine["quantile"].max()])
        ax.plot(ends, ends, color="black", linewidth=1.4, zorder=3)
        ax.scatter(mine["quantile"], mine["standardised"], **dot(mine["method"].iloc[0], len(mine)))

    fig = _panels(residuals, draw)
    fig.supxlabel("Quantile of a normal distribution")
    fig.supylabel("Standardised residual")
    return fig


def spread(residuals: pd.DataFrame, units: Mapping[str, str]) -> Figure:
    """Draw each outcome's residuals against fitted values, with their mean and SD in fifths of the people.

    Parameters
    ----------
    residuals
        :func:`thalutils.stats.assumptions.residuals` of one analysis and method.
    units
        Of each outcome in it, as the models have it.
    """

    def draw(ax: Axes, mine: pd.DataFrame) -> None:
        ax.axhline(0, color=GREY, linestyle="--", linewidth=1.2)
        ax.scatter(mine["fitted"], mine["residual"], **dot(mine["method"].iloc[0], len(mine)))
        parts = by_fitted(mine)
        ax.errorbar(
            parts["fitted"], parts["mean"], yerr=parts["sd"], fmt="o", color="black", markersize=5, capsize=4,
            linewidth=1.8, zorder=4,
        )  # fmt: skip
        ax.set_ylabel(units[mine["outcome"].iloc[0]], fontsize=12)

    fig = _panels(residuals, draw)
    fig.supxlabel("Fitted value, in the same units")
    fig.supylabel("Residual")
    return fig


def by_fitted(mine: pd.DataFrame) -> pd.DataFrame:
    """Return the mean and SD of residuals in fifths of the people, by their fitted values.

    Parameters
    ----------
    mine
        One model's residuals: ``fitted`` and ``residual``.

    Returns
    -------
    DataFrame
        A row a fifth: mean ``fitted``, ``mean`` and ``sd`` of the residuals.
    """
    rank = mine["fitted"].rank(method="first")
    part = np.ceil(rank / len(mine) * PARTS)
    found = mine.groupby(part).agg(
        fitted=("fitted", "mean"), mean=("residual", "mean"), sd=("residual", "std")
    )
    return found.reset_index(drop=True)


def _panels(residuals: pd.DataFrame, draw: Callable[[Axes, pd.DataFrame], None]) -> Figure:
    names = list(residuals["outcome"].unique())
    across = 2 if len(names) == 4 else min(3, max(len(names), 1))
    down = max(-(-len(names) // across), 1)
    fig, grid = panel_grid(down, across, PANEL_INCH * down + 0.4)
    for ax, one in zip(shown_panels(grid, len(names)), names, strict=True):
        mine = residuals[residuals["outcome"] == one]
        draw(ax, mine)
        ax.set_title(f"{outcomes.name(one)} (n = {len(mine)})", fontsize=13)
        ax.tick_params(labelsize=11)
    return fig
