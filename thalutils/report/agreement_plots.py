"""Plots of volumes against a reference: a panel for each method, a dot for each person."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from thalutils.report.figures import colour
from thalutils.report.order import in_order
from thalutils.report.panels import GREY, dot, name_rows, panel_grid, row_offsets, rows_height, shown_panels
from thalutils.report.words import interval, signed
from thalutils.stats.agreement import REFERENCES, first_visits, paired, volume_agreement

ACROSS, PANEL_INCH, SMALL = 3, 2.9, 11.5
MARGIN_ML = 0.5
IDENTITY = {"color": GREY, "linestyle": "--", "linewidth": 1.2}
FITTED = {"color": "black", "linewidth": 2}
DEMING = {"color": "black", "linestyle": ":", "linewidth": 1.8}
BAND = {"linewidth": 0, "zorder": 1}
DRIFT = {"color": "black", "linestyle": "-.", "linewidth": 1.4}


def volume_scatter(volumes: pd.DataFrame, reference: str) -> Figure:
    """Draw each method's volume against a reference's, with the line of identity and the fitted ones.

    Takes the table ``volumes``, of which first visits count, and ``manual`` or ``truth``. Above each panel
    stand Lin's concordance, the least-squares slope (both with 95 % intervals) and the residual SD.
    """
    fig, panels = _panels(volumes, reference)
    everyone = paired(volumes, reference)["reference_ml"]
    wide = np.array([everyone.min() - MARGIN_ML, everyone.max() + MARGIN_ML])
    for ax, method, mine, found in panels:
        x, y = mine["reference_ml"], mine["volume_ml"]
        ends = np.array([x.min(), x.max()])
        ax.plot(wide, wide, **IDENTITY)
        ax.scatter(x, y, **dot(method, many=len(mine)))
        lines = ["no line and no concordance"]
        if pd.notna(found["slope"]):
            for slope, look in ((found["slope"], FITTED), (found["deming_slope"], DEMING)):
                ax.plot(ends, y.mean() + slope * (ends - x.mean()), **look)
            lines = [
                f"CCC {interval(found['ccc'], found['ccc_low'], found['ccc_high'])}",
                f"slope {interval(found['slope'], found['slope_low'], found['slope_high'])}",
                f"residual SD {found['residual_sd_ml']:.2f} mL",
            ]
        _head(ax, method, len(mine), lines)
    fig.supxlabel(f"Thalamus, {reference} (mL)")
    fig.supylabel("Thalamus, method (mL)")
    handles = [
        Line2D([], [], **look, label=label)
        for look, label in ((IDENTITY, "identity"), (FITTED, "least squares"), (DEMING, "Deming"))
    ]
    fig.legend(handles=handles, loc="outside upper left", ncols=3)
    return fig


def bland_altman(volumes: pd.DataFrame, reference: str) -> Figure:
    """Draw the difference of each method's volume from a reference's against the mean of the two.

    Takes the table ``volumes``, of which first visits count, and ``manual`` or ``truth``. Bias and limits
    of agreement need three people; bands are their 95 % intervals.
    """
    fig, panels = _panels(volumes, reference)
    for ax, method, mine, found in panels:
        ax.axhline(0, **IDENTITY)
        mean = (mine["volume_ml"] + mine["reference_ml"]) / 2
        ax.scatter(mean, mine["volume_ml"] - mine["reference_ml"], **dot(method, many=len(mine)))
        lines = ["no limits"]
        if pd.notna(found["sd_ml"]):
            for name, look in (("bias", "-"), ("loa_lower", "--"), ("loa_upper", "--")):
                ax.axhline(found[name], color=colour(method), linestyle=look, linewidth=2)
                if pd.notna(found[f"{name}_low"]):
                    ax.axhspan(
                        found[f"{name}_low"], found[f"{name}_high"], color=colour(method), alpha=0.2, **BAND
                    )
            lines = [
                f"bias {signed(found['bias'], plus=True)} ± {found['sd_ml']:.2f} mL",
                f"limits {signed(found['loa_lower'])} to {signed(found['loa_upper'])} mL",
            ]
        if pd.notna(found["ba_slope"]):
            ends = np.array([mean.min(), mean.max()])
            ax.plot(ends, found["bias"] + found["ba_slope"] * (ends - mean.mean()), **DRIFT)
            lines.append(
                f"slope {interval(found['ba_slope'], found['ba_slope_low'], found['ba_slope_high'])}"
            )
        _head(ax, method, len(mine), lines)
    fig.supxlabel(f"Mean of method and {reference} (mL)")
    fig.supylabel(f"Method minus {reference} (mL)")
    handles = [
        Line2D([], [], color=GREY, linewidth=2, label="bias"),
        Line2D([], [], color=GREY, linewidth=2, linestyle="--", label="limits of agreement"),
        Patch(color=GREY, alpha=0.3, label="their 95 % intervals"),
        Line2D([], [], **DRIFT, label="difference on mean"),
    ]
    fig.legend(handles=handles, loc="outside upper left", ncols=4, fontsize=SMALL)
    return fig


def volume_dots(volumes: pd.DataFrame) -> Figure:
    """Draw every volume: a row for each method, a dot for each visit, first visits full.

    Takes the table ``volumes``. References stand on a grey ground; a line joins one person's visits.
    """
    volumes = volumes.reset_index(drop=True)
    methods = in_order(volumes["method"])
    fig, [[ax]] = panel_grid(1, 1, rows_height(methods) + 0.4)
    first = first_visits(volumes).index
    people = list(volumes["participant_id"].unique())
    offset = dict(zip(people, row_offsets(len(people)), strict=True))
    for row, method in enumerate(methods):
        if method in REFERENCES:
            ax.axhspan(row - 0.5, row + 0.5, color="0.92", linewidth=0, zorder=0)
        for (person, _), visits in volumes[volumes["method"] == method].groupby(
            ["participant_id", "rater"], dropna=False
        ):
            at = np.full(len(visits), row + offset[person])
            ax.plot(visits["volume_ml"], at, color=colour(method), linewidth=1)
            full = visits.index.isin(first)
            for chosen, inside in ((full, colour(method)), (~full, "white")):
                ax.scatter(visits["volume_ml"][chosen], at[chosen], **dot(method) | {"facecolor": inside})
    name_rows(ax, [f"{name} (reference)" if name in REFERENCES else name for name in methods])
    ax.set_xlabel("Thalamus, both sides (mL)")
    handles = [
        Line2D([], [], color="black", marker="o", mfc=inside, linestyle="", label=label)
        for inside, label in (("black", "first visit"), ("white", "later visit"))
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=2)
    return fig


def _panels(
    volumes: pd.DataFrame, reference: str
) -> tuple[Figure, Iterator[tuple[Axes, str, pd.DataFrame, pd.Series]]]:
    """Return a figure and, for each method, its panel, its pairs and its agreement."""
    pairs = paired(volumes, reference)
    agreement = volume_agreement(volumes).set_index(["method", "reference"])
    methods = in_order(pairs["method"])
    across = min(ACROSS, max(len(methods), 1))
    down = max(-(-len(methods) // across), 1)
    fig, grid = panel_grid(down, across, PANEL_INCH * down + 1, sharex=True, sharey=True)
    panels = shown_panels(grid, len(methods))
    for ax in panels[-across:]:
        ax.tick_params(labelbottom=True)
    mine = (pairs[pairs["method"] == method] for method in methods)
    found = (agreement.loc[(method, reference)] for method in methods)
    return fig, zip(panels, methods, mine, found, strict=True)


def _head(ax: Axes, method: str, n: int, lines: list[str]) -> None:
    """Name a panel, write its statistics above it and the number of people into it."""
    ax.set_title("\n".join([method, *lines]), fontsize=SMALL, loc="left", linespacing=1.25)
    ground = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1.5}
    ax.text(0.98, 0.03, f"n = {n}", transform=ax.transAxes, ha="right", fontsize=SMALL, bbox=ground)
