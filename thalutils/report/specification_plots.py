"""The specification curve: one slope of the study under every choice of the analysis."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from thalutils.report.figures import colour
from thalutils.report.panels import GREY
from thalutils.stats import regression, specification

CHOICES = {
    "subset": ("People", tuple(specification.SUBSETS)),
    "covariates": ("Adjusted for", tuple(specification.COVARIATE_SETS)),
    "winsor": ("Winsorised (%)", tuple(specification.WINSOR)),
    "se_type": ("Standard error", regression.SE_TYPES),
}
PAPER = {"subset": "all", "covariates": "paper", "winsor": "none", "se_type": "HC3"}
# Fits that agree to so many decimals are of the same people and columns.
SAME_DECIMALS = 9
LEVEL = 0.05
ESTIMATES = ["beta", "beta_low", "beta_high", "p"]


def distinct(found: pd.DataFrame) -> pd.DataFrame:
    """Count each fit once that several specifications share.

    In a group of one diagnosis adjusting for the diagnosis changes nothing, and where no control has the
    outcome all are patients.

    Parameters
    ----------
    found
        The table ``specification_curve``.

    Returns
    -------
    DataFrame
        A row a method and fit with a slope, by ``method`` in the order in which they come and rising
        ``beta``: ``n``, ``beta``, its interval, ``p``, for each of :data:`CHOICES` the set of choices that
        give it, and ``paper``: whether the paper's is among them.
    """
    known = found.dropna(subset=["beta", "p"])
    known = known.assign(paper=(known[list(PAPER)] == pd.Series(PAPER)).all(axis=1))
    keys = [known["method"], known["n"], *(known[name].round(SAME_DECIMALS) for name in ESTIMATES)]
    summary = {name: (name, "first") for name in ["method", "n", *ESTIMATES]}
    summary |= {name: (name, frozenset) for name in CHOICES} | {"paper": ("paper", "any")}
    fits = known.groupby(keys, sort=False).agg(**summary).reset_index(drop=True)
    place = {method: place for place, method in enumerate(fits["method"].unique())}
    return fits.sort_values(["method", "beta"], key=lambda one: one.map(place) if one.name == "method" else one,
                            ignore_index=True)  # fmt: skip


def curve(fits: pd.DataFrame, reported: float | None, limits: tuple[float, float]) -> Figure:
    """Draw one method's slopes in rising order with their intervals, and below which choices give each.

    Parameters
    ----------
    fits
        Rows of :func:`distinct` of one method.
    reported
        The slope that the paper reports for the method, if it does.
    limits
        Lowest and highest slope drawn, the same for methods that are to be compared.
    """
    rows = [option for _, options in CHOICES.values() for option in options]
    fig = Figure(figsize=(9.0, 3.4 + 0.27 * len(rows)), layout="constrained")
    top, below = fig.subplots(2, 1, sharex=True, height_ratios=[3.2, 0.27 * len(rows)])
    _slopes(top, fits, reported)
    top.set_ylim(limits)
    _choices(below, fits)
    below.set_xlabel(f"Specifications, by slope ({len(fits)} that differ)")
    return fig


def limits(fits: pd.DataFrame) -> tuple[float, float]:
    """Return the range of slopes and intervals, with some room."""
    low, high = min(fits["beta_low"].min(), 0), max(fits["beta_high"].max(), 0)
    room = 0.04 * (high - low)
    return low - room, high + room


def _slopes(ax: Axes, fits: pd.DataFrame, reported: float | None) -> None:
    shade = colour(fits["method"].iloc[0])
    ax.axhline(0, color=GREY, linestyle="--", linewidth=1.2)
    at = np.arange(len(fits))
    significant = (fits["p"] < LEVEL).to_numpy()
    for chosen, line, label in ((significant, shade, f"p < {LEVEL}"), (~significant, "0.72", f"p ≥ {LEVEL}")):
        ax.vlines(at[chosen], fits["beta_low"][chosen], fits["beta_high"][chosen], color=line, linewidth=1.6)
        ax.scatter(
            at[chosen], fits["beta"][chosen], facecolor=line, edgecolor="0.15", linewidth=0.5, s=20, zorder=3,
            label=label,
        )  # fmt: skip
    mine = fits["paper"].to_numpy()
    ax.scatter(
        at[mine], fits["beta"][mine], facecolor="none", edgecolor="black", linewidth=1.8, s=130, zorder=4,
        label="as the paper has it",
    )  # fmt: skip
    if reported is not None and mine.any():
        ax.scatter(
            at[mine], [reported], marker="D", facecolor="white", edgecolor="black", s=40, zorder=4,
            label="the paper's value",
        )  # fmt: skip
    ax.set_ylabel("EDSS points per mL")
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.legend(fontsize=11, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0), handletextpad=0.2,
              columnspacing=1.2)  # fmt: skip


def _choices(ax: Axes, fits: pd.DataFrame) -> None:
    labels, row = [], 0
    for name, (title, options) in CHOICES.items():
        ax.text(1.01, row + (len(options) - 1) / 2, title.replace(" ", "\n"), transform=ax.get_yaxis_transform(),
                va="center", fontsize=11)  # fmt: skip
        for option in options:
            at = np.flatnonzero([option in chosen for chosen in fits[name]])
            ax.scatter(at, np.full(len(at), row), marker="|", color="0.15", s=26, linewidth=1.6)
            labels.append(option)
            row += 1
        if row < sum(len(options) for _, options in CHOICES.values()):
            ax.axhline(row - 0.5, color="0.8", linewidth=1)
    ax.set_yticks(range(len(labels)), labels, fontsize=11)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(visible=False)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
