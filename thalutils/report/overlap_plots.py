"""Plots of overlap: a dot for each person over the boxes, and how far masks lie in each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from thalutils.report.figures import colour
from thalutils.report.order import from_t1w, in_order
from thalutils.report.panels import dot, name_rows, panel_grid, row_offsets, rows_height
from thalutils.stats.agreement import FEWEST, first_visits

MEASURES = {
    "dice": "Dice",
    "precision": "Precision",
    "sensitivity": "Sensitivity",
    "hd95_mm": "95 % Hausdorff distance (mm)",
    "mean_surface_mm": "Mean surface distance (mm)",
}
BOX = {
    "orientation": "horizontal", "widths": 0.62, "showfliers": False, "patch_artist": True, "zorder": 2,
    "medianprops": {"color": "black", "linewidth": 2.2},
}  # fmt: skip


def agreement_boxes(
    overlap: pd.DataFrame,
    *,
    reference: str,
    measures: Sequence[str] = ("dice", "precision", "sensitivity"),
) -> Figure:
    """Draw the overlap of each method with a reference: Tukey boxes under a dot for each person.

    Parameters
    ----------
    overlap
        The table ``overlap``; only first visits count.
    reference
        ``manual`` or ``truth``.
    measures
        Columns of the table, each a panel. A method with fewer than three values gets dots alone.
    """
    mine = first_visits(overlap[overlap["reference"] == reference])
    methods = in_order(mine["method"])
    fig, [axes] = panel_grid(1, len(measures), rows_height(methods), sharey=True)
    for ax, measure in zip(axes, measures, strict=True):
        for row, method in enumerate(methods):
            values = mine.loc[mine["method"] == method, measure].dropna().to_numpy()
            if len(values) >= FEWEST:
                [box] = ax.boxplot(values, positions=[row], **BOX)["boxes"]
                box.set(facecolor=colour(method), alpha=0.35)
            ax.scatter(values, row + row_offsets(len(values)), **dot(method, many=len(values)))
        ax.set_xlabel(MEASURES[measure])
    people = mine.groupby("method")["participant_id"].nunique()
    alike = len(set(people)) == 1
    name_rows(axes[0], [method if alike else f"{method} (n = {people[method]})" for method in methods])
    if alike:
        axes[0].set_title(f"n = {people.iloc[0]} each", loc="left", fontsize=12)
    return fig


def containment_heat(containment: pd.DataFrame) -> Figure:
    """Draw how much of each method's mask (rows) lies in each other's (columns), the mean over people.

    Takes the table ``containment``, of which first visits count. Masks drawn from the T1w alone come
    first, and a white line parts them from the others.
    """
    mean = first_visits(containment).pivot_table(index="method_i", columns="method_j", values="containment")
    names = in_order([*mean.index, *mean.columns])
    order = sorted(names, key=lambda name: not from_t1w(name))
    side = 2.6 + 0.62 * len(order)
    fig = Figure(figsize=(side + 1, side), layout="constrained")
    ax = fig.subplots()
    shown = mean.reindex(index=order, columns=order)
    sns.heatmap(
        shown, ax=ax, annot=True, fmt=".2f", cmap="cividis", vmin=min(0.5, np.nanmin(shown)), vmax=1,
        square=True, linewidths=0.5, annot_kws={"fontsize": 11},
        cbar_kws={"label": "Share of mask i in mask j", "shrink": 0.8},
    )  # fmt: skip
    first = sum(map(from_t1w, order))
    if 0 < first < len(order):
        ax.axhline(first, color="white", linewidth=5)
        ax.axvline(first, color="white", linewidth=5)
    ax.set(xlabel="in mask j", ylabel="Mask i")
    ax.tick_params(axis="x", rotation=45)
    for label in ax.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    ax.grid(visible=False)
    return fig
