"""Plots of overlap and volume: a dot for each person, no summary of fewer than three."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thalutils.report.figures import colour, marker
from thalutils.report.panels import GREY, LINE_INCH, name_rows, panel_grid, row_offsets, shown_panels
from thalutils.segmenters.session import methods as known_methods
from thalutils.stats.agreement import FEWEST, REFERENCES, first_visits, paired, volume_agreement

MEASURES = {
    "dice": "Dice",
    "precision": "Precision",
    "sensitivity": "Sensitivity",
    "hd95_mm": "95 % Hausdorff distance (mm)",
    "mean_surface_mm": "Mean surface distance (mm)",
}


def agreement_boxes(
    overlap: pd.DataFrame,
    *,
    reference: str,
    measures: Sequence[str] = ("dice", "precision", "sensitivity"),
) -> Figure:
    """Draw the overlap of each method with a reference: Tukey boxes over a dot for each person.

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
    methods = _ordered(mine["method"])
    fig, [axes] = panel_grid(1, len(measures), _height(methods), sharey=True)
    for ax, measure in zip(axes, measures, strict=True):
        for row, method in enumerate(methods):
            values = mine.loc[mine["method"] == method, measure].dropna().to_numpy()
            if len(values) >= FEWEST:
                ax.boxplot(
                    values, positions=[row], orientation="horizontal", widths=0.6, showfliers=False,
                    medianprops={"color": "black", "linewidth": 2}, boxprops={"color": GREY},
                )  # fmt: skip
            ax.scatter(values, row + row_offsets(len(values)), **_dot(method))
        ax.set_xlabel(MEASURES[measure])
    people = mine.groupby("method")["participant_id"].nunique()
    name_rows(axes[0], [f"{method} (n = {people[method]})" for method in methods])
    return fig


def containment_heat(containment: pd.DataFrame) -> Figure:
    """Draw how much of each method's mask (rows) lies in each other's (columns), the mean over people.

    Takes the table ``containment``, of which first visits count.
    """
    mean = first_visits(containment).pivot_table(index="method_i", columns="method_j", values="containment")
    order = _ordered([*mean.index, *mean.columns])
    side = 2.6 + 0.62 * len(order)
    fig = Figure(figsize=(side + 1, side), layout="constrained")
    ax = fig.subplots()
    sns.heatmap(
        mean.reindex(index=order, columns=order), ax=ax, annot=True, fmt=".2f", cmap="cividis", vmax=1,
        square=True, linewidths=0.5, annot_kws={"fontsize": 11},
        cbar_kws={"label": "Share of mask i in mask j", "shrink": 0.8},
    )  # fmt: skip
    ax.set(xlabel="in mask j", ylabel="Mask i")
    ax.tick_params(axis="x", rotation=45)
    for label in ax.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    ax.grid(visible=False)
    return fig


def volume_scatter(volumes: pd.DataFrame, reference: str) -> Figure:
    """Draw each method's volume against a reference's, with the line of identity and the fitted one.

    Takes the table ``volumes``, of which first visits count, and ``manual`` or ``truth``.
    """
    pairs = paired(volumes, reference)
    both = pairs[["volume_ml", "reference_ml"]].to_numpy()
    span = (both.min() - 0.5, both.max() + 0.5) if len(both) else (0, 1)
    fig, panels = _panels(volumes, pairs, reference)
    for ax, method, mine, found in panels:
        ax.plot(span, span, color=GREY, linestyle="--", linewidth=1.2)
        ax.scatter(mine["reference_ml"], mine["volume_ml"], **_dot(method))
        text = f"n = {len(mine)}" + (", no fit" if len(mine) < FEWEST else "")
        if pd.notna(found["slope"]):
            ends = np.array([mine["reference_ml"].min(), mine["reference_ml"].max()])
            middle = mine["volume_ml"].mean() - found["slope"] * mine["reference_ml"].mean()
            ax.plot(ends, middle + found["slope"] * ends, color=colour(method), linewidth=2)
            text += f", slope {found['slope']:.2f}"
        ax.set_title(f"{method}\n{text}", fontsize=12)
        ax.set(xlim=span, ylim=span, aspect="equal")
    fig.supxlabel(f"Thalamus, {reference} (mL)")
    fig.supylabel("Thalamus, method (mL)")
    return fig


def bland_altman(volumes: pd.DataFrame, reference: str) -> Figure:
    """Draw the difference of each method's volume from a reference's against the mean of the two.

    Takes the table ``volumes``, of which first visits count, and ``manual`` or ``truth``. Bias and
    limits of agreement need three people.
    """
    pairs = paired(volumes, reference)
    fig, panels = _panels(volumes, pairs, reference, sharex=True, sharey=True)
    for ax, method, mine, found in panels:
        ax.axhline(0, color=GREY, linestyle="--", linewidth=1.2)
        mean = (mine["volume_ml"] + mine["reference_ml"]) / 2
        ax.scatter(mean, mine["volume_ml"] - mine["reference_ml"], **_dot(method))
        text = f"n = {len(mine)}, no limits"
        if pd.notna(found["sd_ml"]):
            ax.axhline(found["bias_ml"], color=colour(method), linewidth=2)
            ax.axhspan(
                found["loa_low_ml"], found["loa_high_ml"], color=colour(method), alpha=0.15, linewidth=0
            )
            text = f"n = {len(mine)}, {found['bias_ml']:+.2f} ± {found['sd_ml']:.2f} mL"
        ax.set_title(f"{method}\n{text}", fontsize=12)
    fig.supxlabel(f"Mean of method and {reference} (mL)")
    fig.supylabel(f"Method - {reference} (mL)")
    return fig


def volume_dots(volumes: pd.DataFrame) -> Figure:
    """Draw every volume: a row for each method, a dot for each visit, first visits full.

    Takes the table ``volumes``. References stand on a grey ground; a line joins one person's visits.
    """
    volumes = volumes.reset_index(drop=True)
    methods = _ordered(volumes["method"])
    fig, [[ax]] = panel_grid(1, 1, _height(methods) + 0.4)
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
                ax.scatter(visits["volume_ml"][chosen], at[chosen], **_dot(method) | {"facecolor": inside})
    name_rows(ax, [f"{name} (reference)" if name in REFERENCES else name for name in methods])
    ax.set_xlabel("Thalamus, both sides (mL)")
    handles = [
        Line2D([], [], color="black", marker="o", mfc=inside, linestyle="", label=label)
        for inside, label in (("black", "first visit"), ("white", "later visit"))
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=2)
    return fig


def _ordered(names: Iterable[str]) -> list[str]:
    """Return names once each: methods in the order of the study, others as they come, references last."""
    order = [*known_methods(), *sorted(set(names) - {*known_methods(), *REFERENCES}), *REFERENCES]
    return [name for name in order if name in set(names)]


def _height(rows: Sequence[str]) -> float:
    return 1.2 + LINE_INCH * len(rows)


def _panels(
    volumes: pd.DataFrame, pairs: pd.DataFrame, reference: str, **sharing: object
) -> tuple[Figure, Iterator[tuple[Axes, str, pd.DataFrame, pd.Series]]]:
    """Return a figure and, for each method, its panel, its pairs and its agreement."""
    agreement = volume_agreement(volumes).set_index(["method", "reference"])
    methods = _ordered(pairs["method"])
    across = min(3, max(len(methods), 1))
    down = max(-(-len(methods) // across), 1)
    fig, grid = panel_grid(down, across, 9 / across * down + 0.5, **sharing)
    panels = shown_panels(grid, len(methods))
    mine = (pairs[pairs["method"] == method] for method in methods)
    found = (agreement.loc[(method, reference)] for method in methods)
    return fig, zip(panels, methods, mine, found, strict=True)


def _dot(method: str) -> dict[str, object]:
    shade = colour(method)
    return {
        "marker": marker(method),
        "facecolor": shade,
        "edgecolor": "0.25",
        "linewidth": 0.6,
        "s": 34,
        "zorder": 3,
        "alpha": 0.85,
    }
