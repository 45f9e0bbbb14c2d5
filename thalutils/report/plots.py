"""Plots of the study's tables: a dot for each person, no summary of fewer than three."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import fill

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thalutils.report.figures import colour, marker
from thalutils.segmenters.session import methods as known_methods
from thalutils.stats.agreement import FEWEST, REFERENCES, first_visits, paired, volume_agreement

MEASURES = {
    "dice": "Dice",
    "precision": "Precision",
    "sensitivity": "Sensitivity",
    "hd95_mm": "95 % Hausdorff distance (mm)",
    "mean_surface_mm": "Mean surface distance (mm)",
}
GOOD_MM, USABLE_MM = 0.3, 1.0
GREY, BAR = "0.45", "#1f6fd0"
LINE_INCH = 0.42


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
    fig, [axes] = _grid(1, len(measures), _height(methods), sharey=True)
    for ax, measure in zip(axes, measures, strict=True):
        for row, method in enumerate(methods):
            values = mine.loc[mine["method"] == method, measure].dropna().to_numpy()
            if len(values) >= FEWEST:
                ax.boxplot(
                    values, positions=[row], orientation="horizontal", widths=0.6, showfliers=False,
                    medianprops={"color": "black", "linewidth": 2}, boxprops={"color": GREY},
                )  # fmt: skip
            ax.scatter(values, row + _spread(len(values)), **_dot(method))
        ax.set_xlabel(MEASURES[measure])
    people = mine.groupby("method")["participant_id"].nunique()
    _rows(axes[0], [f"{method} (n = {people[method]})" for method in methods])
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


def accuracy_bars(map_accuracy: pd.DataFrame) -> Figure:
    """Draw the bias ± SD of each map in each tissue, in percent of the true mean.

    Takes the table ``map_accuracy``. Over several visits, the bar is the mean bias and the whisker the
    root mean square of the SD within a visit.
    """
    maps, tissues = map_accuracy["map"].unique(), list(map_accuracy["tissue"].unique())
    across = min(2, len(maps))
    down = -(-len(maps) // across)
    height = down * (1.2 + LINE_INCH * len(tissues))
    fig, grid = _grid(down, across, height, sharex=True, sharey=True)
    for ax, name in zip(_used(grid, len(maps)), maps, strict=True):
        mine = map_accuracy[map_accuracy["map"] == name].groupby("tissue")
        bias = mine["bias_percent"].mean().reindex(tissues)
        spread = np.sqrt(mine["sd_percent"].agg(lambda sd: (sd**2).mean())).reindex(tissues)
        ax.barh(range(len(tissues)), bias, xerr=spread, color=BAR, ecolor="black", capsize=3, height=0.6)
        for row, (middle, sd) in enumerate(zip(bias, spread, strict=True)):
            text = f"{middle:+.1f} ± {sd:.1f}" if pd.notna(middle) else "none"
            ax.text(1.01, row, text, transform=ax.get_yaxis_transform(), va="center", fontsize=11)
        ax.axvline(0, color="black", linewidth=1)
        ax.set_title(name)
    _rows(grid[0][0], tissues)
    fig.supxlabel("Bias ± SD (% of the true mean)")
    return fig


def registration_points(registration: pd.DataFrame) -> Figure:
    """Draw each registration's mutual information with the cut-off, and its error where it is known.

    Takes the table ``registration``: a row of panels for each image, a mark for each visit and strategy.
    """
    images = list(registration["image"].unique())
    known = registration["error_mm"].notna().any()
    most = registration.groupby("image")["strategy"].nunique().max()
    height = len(images) * (1.0 + LINE_INCH * most) + 0.6
    fig, grid = _grid(len(images), 2 if known else 1, height, sharex="col")
    for axes, image in zip(grid, images, strict=True):
        mine = registration[registration["image"] == image]
        strategies = list(mine["strategy"].unique())
        for row, strategy in enumerate(strategies):
            tried = mine[mine["strategy"] == strategy]
            at = row + _spread(len(tried))
            axes[0].vlines(
                tried["cutoff"].dropna().unique(), row - 0.4, row + 0.4, color="#b80f14", linewidth=2.5
            )
            for ax, column in zip(axes, ("mutual_information", "error_mm"), strict=False):
                _verdicts(ax, tried[column], at, tried)
        for ax in axes:
            _rows(ax, strategies if ax is axes[0] else [""] * len(strategies))
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


def volume_dots(volumes: pd.DataFrame) -> Figure:
    """Draw every volume: a row for each method, a dot for each visit, first visits full.

    Takes the table ``volumes``. References stand on a grey ground; a line joins one person's visits.
    """
    volumes = volumes.reset_index(drop=True)
    methods = _ordered(volumes["method"])
    fig, [[ax]] = _grid(1, 1, _height(methods) + 0.4)
    first = first_visits(volumes).index
    people = list(volumes["participant_id"].unique())
    offset = dict(zip(people, _spread(len(people)), strict=True))
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
    _rows(ax, [f"{name} (reference)" if name in REFERENCES else name for name in methods])
    ax.set_xlabel("Thalamus, both sides (mL)")
    handles = [
        Line2D([], [], color="black", marker="o", mfc=inside, linestyle="", label=label)
        for inside, label in (("black", "first visit"), ("white", "later visit"))
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=2)
    return fig


def flow(counts: Sequence[tuple[str, int]], exclusions: pd.DataFrame) -> Figure:
    """Draw how many people are left after each step, and how many things each stage left out.

    Takes label and number of each step, the first step first, and the table ``exclusions``.
    """
    per_stage = exclusions.groupby("stage")["participant_id"].agg(["size", "nunique"])
    fig = Figure(figsize=(9, 1.35 * len(counts) + 0.2), layout="constrained")
    ax = fig.subplots()
    box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": "black"}
    for step, (label, n) in enumerate(counts):
        ax.text(0.27, -step, f"{fill(label, 38)}\nn = {n}", ha="center", va="center", bbox=box)
        if step:
            between = {"arrowstyle": "->", "color": "black", "shrinkA": 30, "shrinkB": 30}
            ax.annotate("", (0.27, -step), (0.27, 1 - step), arrowprops=between)
            lost = counts[step - 1][1] - n
            if lost:
                ax.text(0.29, 0.5 - step, f"{lost} fewer", va="center", color=GREY)
    lines = [f"{stage}: {row['size']} from {row['nunique']} people" for stage, row in per_stage.iterrows()]
    lines = [
        fill(line.replace(" from 1 people", " from 1 person"), 38, subsequent_indent="   ") for line in lines
    ]
    text = "\n".join(["Left out, by stage", *(lines or ["nothing"])])
    ax.text(0.58, (1 - len(counts)) / 2, text, va="center", bbox=box | {"edgecolor": GREY, "linestyle": "--"})
    ax.set(xlim=(0, 1), ylim=(0.5 - len(counts), 0.5))
    ax.set_axis_off()
    return fig


def _ordered(names: Iterable[str]) -> list[str]:
    """Return names once each: methods in the order of the study, others as they come, references last."""
    order = [*known_methods(), *sorted(set(names) - {*known_methods(), *REFERENCES}), *REFERENCES]
    return [name for name in order if name in set(names)]


def _height(rows: Sequence[str]) -> float:
    return 1.2 + LINE_INCH * len(rows)


def _grid(down: int, across: int, height: float, **sharing: object) -> tuple[Figure, np.ndarray]:
    fig = Figure(figsize=(9.0, height), layout="constrained")
    return fig, fig.subplots(down, across, squeeze=False, **sharing)


def _used(grid: np.ndarray, n: int) -> list[Axes]:
    """Return the first panels of a grid and hide the others."""
    for ax in grid.flat[n:]:
        ax.set_visible(False)
    return list(grid.flat[:n])


def _panels(
    volumes: pd.DataFrame, pairs: pd.DataFrame, reference: str, **sharing: object
) -> tuple[Figure, Iterator[tuple[Axes, str, pd.DataFrame, pd.Series]]]:
    """Return a figure and, for each method, its panel, its pairs and its agreement."""
    agreement = volume_agreement(volumes).set_index(["method", "reference"])
    methods = _ordered(pairs["method"])
    across = min(3, max(len(methods), 1))
    down = max(-(-len(methods) // across), 1)
    fig, grid = _grid(down, across, 9 / across * down + 0.5, **sharing)
    panels = _used(grid, len(methods))
    mine = (pairs[pairs["method"] == method] for method in methods)
    found = (agreement.loc[(method, reference)] for method in methods)
    return fig, zip(panels, methods, mine, found, strict=True)


def _rows(ax: Axes, labels: Sequence[str]) -> None:
    """Name the rows of a panel, the first at the top."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")


def _spread(n: int) -> np.ndarray:
    """Return offsets that keep n dots of a row apart."""
    return np.linspace(-0.2, 0.2, n) if n > 1 else np.zeros(n)


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


def _verdicts(ax: Axes, values: pd.Series, at: np.ndarray, tried: pd.DataFrame) -> None:
    """Draw registrations: in use, passed, or not."""
    used, passed = tried["selected"].to_numpy(), tried["passed"].to_numpy()
    ax.scatter(values[used], at[used], color="black", s=40, zorder=3)
    ax.scatter(
        values[passed & ~used], at[passed & ~used], facecolor="white", edgecolor="black", s=40, zorder=3
    )
    ax.scatter(values[~passed & ~used], at[~passed & ~used], color="black", marker="x", s=40, zorder=3)
