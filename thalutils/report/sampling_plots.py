"""Histograms of those who could be drawn for the reference set, of those who were, and of those who have one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from thalutils.report.panels import GREY, panel_grid
from thalutils.stats.sampling import EDGES, FRAME, OUTSIDE, REFERENCE, SAMPLE

LABELS = {
    "age_years": "Age (years)", "disease_duration_years": "Disease duration (years)", "edss": "EDSS",
}  # fmt: skip
NAMES = {FRAME: "who could be drawn", SAMPLE: "drawn here", REFERENCE: "with a reference mask"}
LOOKS = {SAMPLE: {"color": "#1f6fd0", "linestyle": "-"}, REFERENCE: {"color": "#b80f14", "linestyle": "--"}}


def histograms(counts: pd.DataFrame, bins: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the share of each set that falls in each bin, a panel for each variable.

    Parameters
    ----------
    counts
        What :func:`thalutils.stats.sampling.strata_table` counts in `bins`.
    bins
        The edges of the bins of each variable. Dotted lines mark those of the strata.
    """
    fig, [axes] = panel_grid(1, len(bins), 3.9)
    for ax, (variable, edges) in zip(axes, bins.items(), strict=True):
        mine = counts[(counts["variable"] == variable) & (counts["category"] != OUTSIDE)]
        shares = {name: 100 * rows["share"].to_numpy() for name, rows in mine.groupby("set", sort=False)}
        ax.stairs(shares[FRAME], edges, fill=True, color="0.8", label=NAMES[FRAME])
        for name, look in LOOKS.items():
            if mine.loc[mine["set"] == name, "n"].sum():
                ax.stairs(shares[name], edges, linewidth=2.4, label=NAMES[name], **look)
        for edge in EDGES[variable]:
            ax.axvline(edge, color=GREY, linestyle=":", linewidth=1.3, zorder=0)
        ax.set(xlabel=LABELS[variable], xlim=(edges[0], edges[-1]))
        ax.grid(visible=False, axis="x")
    axes[0].set_ylabel("Share of the set (%)")
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=3)
    return fig
