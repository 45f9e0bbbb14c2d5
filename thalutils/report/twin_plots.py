"""Plots of the twin's model: what it gives beside what the paper reports, its switch, its parts, coverage."""

from __future__ import annotations

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thalutils.report.figures import colour, marker
from thalutils.report.order import in_order
from thalutils.report.panels import GREY, LINE_INCH, name_rows, panel_grid, shown_panels
from thalutils.simulate.coverage import NOMINAL, STATISTICS

ROW_INCH = 0.31
ACROSS = 3
LINE = 40  # characters of a label
CALIBRATED, EMERGENT = "0.55", "#1f6fd0"
WORDS = {
    "ccc": "concordance", "icc3": "ICC(C,1)", "ba_slope": "slope of difference", "slope": "slope on manual", "dice": "Dice",
    "beta": "slope per mL", "pearson_r": "r with brain change", "pbvc": "brain change", "edss": "EDSS", "t25fw": "T25FW (log)",
    "sdmt": "SDMT", "disease_duration": "duration", "disease_duration_years": "duration", "change": "change",
}  # fmt: skip
UNITS = {
    "age": "years", "disease_duration_years": "years", "interval_years": "years", "volume": "mL", "bias": "mL",
    "change": "%", "pbvc": "%",
}  # fmt: skip
ABOVE, BELOW = -0.25, 0.28  # of a row, so that no mark hides another
QUARTILES = ("_q1", "_median", "_q3")


def calibration(table: pd.DataFrame) -> Figure:
    """Draw what is reported, implied and drawn of one section: a panel a quantity, a row a method.

    Parameters
    ----------
    table
        Rows of the table ``twin_calibration`` of one section. A black bar is the reported value, a dot what
        the model implies and a ring what the sample gives. Quartiles are drawn as a line.
    """
    parts = table.assign(
        panel=[_panel(row) for row in table.itertuples()], row=[_row(row) for row in table.itertuples()]
    )
    panels, rows = list(parts["panel"].unique()), list(parts["row"].unique())
    across = 2 if len(panels) == 4 else min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    fig, grid = panel_grid(down, across, down * (0.85 + ROW_INCH * len(rows)) + 0.6, sharey=True)
    for ax, panel in zip(shown_panels(grid, len(panels)), panels, strict=True):
        _values(ax, parts[parts["panel"] == panel], rows)
        ax.set_title(panel, fontsize=12)
        ax.grid(visible=False, axis="y")
        ax.margins(x=0.12)
        ax.locator_params(axis="x", nbins=4)
    name_rows(grid[0, 0], rows)
    _legend(fig)
    return fig


def switch_slopes(table: pd.DataFrame) -> Figure:
    """Draw the slope of EDSS change on thalamic change under each switch, a panel each.

    Takes what :func:`thalutils.simulate.twin_summary.switches` returns.
    """
    methods, switches = in_order(table["method"]), list(table["switch"].unique())
    fig, [axes] = panel_grid(1, len(switches), 1.5 + ROW_INCH * len(methods), sharex=True, sharey=True)
    for ax, switch in zip(axes, switches, strict=True):
        ax.axvline(0, color=GREY, linewidth=1.2, linestyle="--")
        for found in table[table["switch"] == switch].itertuples():
            row, shade = methods.index(found.method), colour(found.method)
            ax.plot([0, found.implied], [row, row], color=shade, linewidth=1.5)
            ax.plot(found.implied, row, marker="o", color=shade, mec="0.25", ms=7)
            ax.plot(found.drawn, row + BELOW, marker="o", mfc="white", mec=shade, ms=6)
            ax.plot(found.reported, row + ABOVE, marker="|", color="black", ms=11, mew=2.5)
        ax.set_title(switch, fontsize=12)
        ax.set_xlabel("points per mL", fontsize=11)
    name_rows(axes[0], methods)
    _legend(fig, colours=False)
    return fig


def nest(parts: pd.DataFrame) -> Figure:
    """Draw the parts of MindGlide's three masks: how large, and how much of each lies in the reference.

    Takes what :func:`thalutils.simulate.twin_consistency.nest` returns; the largest part has an axis of its own.
    """
    shade = colour("MindGlide")
    fig, axes = panel_grid(2, 1, 1.6 + LINE_INCH * len(parts), height_ratios=[1, len(parts) - 1])
    for ax, rows in zip(axes.flat, (parts.iloc[:1], parts.iloc[1:]), strict=True):
        places = np.arange(len(rows))
        ax.barh(places, rows["size_ml"], color=shade, alpha=0.3, label="the whole part")
        ax.barh(places, rows["inside_ml"], color=shade, label="of it inside the manual mask")
        for place, share, size in zip(places, rows["share"], rows["size_ml"], strict=True):
            ax.text(size, place, f" {share:.0%} inside", va="center", fontsize=11)
        name_rows(ax, list(rows["part"]))
        ax.set_xlim(0, 1.25 * rows["size_ml"].max())
    axes[-1, 0].set_xlabel("Size (mL)")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


def coverage(table: pd.DataFrame) -> Figure:
    """Draw the coverage of each interval with its Monte Carlo interval, and where people are dealt at random.

    Takes what :func:`thalutils.simulate.coverage.read` returns.
    """
    methods, statistics = list(table["method"].unique()), list(table["statistic"].unique())
    offsets = dict(zip(methods, np.linspace(-0.25, 0.25, len(methods)), strict=True))
    fig, [[ax]] = panel_grid(1, 1, 1.8 + 0.5 * len(statistics))
    ax.axvline(100 * NOMINAL, color=GREY, linewidth=1.4, linestyle="--")
    for found in table.itertuples():
        row, shade = statistics.index(found.statistic) + offsets[found.method], colour(found.method)
        ax.plot([100 * found.low, 100 * found.high], [row, row], color=shade, linewidth=2)
        ax.plot(100 * found.coverage, row, marker=marker(found.method), color=shade, mec="0.25", ms=7)
        ax.plot(100 * found.dealt, row, marker="x", color="0.25", ms=5)
    name_rows(ax, [fill(STATISTICS[name], LINE) for name in statistics])
    ax.tick_params(axis="y", labelsize=11)
    ax.set_xlabel("Studies whose 95 % interval holds the truth (%)")
    handles = [
        Line2D([], [], color=colour(name), marker=marker(name), mec="0.25", label=name) for name in methods
    ]
    handles.append(Line2D([], [], color="0.25", marker="x", linestyle="", label="people dealt at random"))
    fig.legend(handles=handles, loc="outside lower center", ncols=2)
    return fig


def _panel(found: tuple) -> str:
    """Return what a panel is called: the quantity with its units, quartiles with their median.

    Examples
    --------
    >>> row = pd.Series({"quantity": "volume_rrms_mean", "outcome": None})
    >>> _panel(row), _panel(pd.Series({"quantity": "rrms_beta", "outcome": "edss"}))
    ('volume, mean (mL)', 'EDSS, slope per mL')
    """
    name = found.quantity
    for part in ("rrms_", "pms_"):
        name = name.replace(part, "")
    for ending in QUARTILES:
        name = name.removesuffix(ending)
    stem, statistic = name, ""
    for ending in ("mean", "sd"):
        if name.endswith(f"_{ending}"):
            stem, statistic = name.removesuffix(f"_{ending}"), f", {ending.replace('sd', 'SD')}"
    words = WORDS.get(stem, stem.replace("_years", "").replace("_", " "))
    of = f"{WORDS.get(found.outcome, found.outcome)}, " if isinstance(found.outcome, str) else ""
    return of + words + statistic + (f" ({UNITS[stem]})" if stem in UNITS else "")


def _row(found: tuple) -> str:
    """Return whose row it is; what is of a part of the people says so."""
    method = found.method if isinstance(found.method, str) else "brain"
    for part in ("rrms", "pms"):
        if f"_{part}_" in f"_{found.quantity}":
            return f"{method.replace('_', ' ')}, {part.upper()}"
    return method.replace("_", " ")


def _values(ax: Axes, found: pd.DataFrame, rows: list[str]) -> None:
    """Draw one panel: reported above, implied and drawn below it, so that none hides another."""
    for name, mine in found.groupby("row", sort=False):
        kinds = mine.set_index(mine["quantity"].str.extract(r"(_q1|_q3)$")[0].fillna("middle"))
        shade = CALIBRATED if (mine["basis"] == "calibrated").all() else EMERGENT
        if "middle" in kinds.index:
            shade = CALIBRATED if kinds.loc["middle", "basis"] == "calibrated" else EMERGENT
        for source, height, style in (
            ("reported", ABOVE, {"marker": "|", "color": "black", "ms": 11, "mew": 2.5}),
            ("implied", 0.0, {"marker": "o", "color": shade, "mec": "0.25", "ms": 7}),
            ("drawn", BELOW, {"marker": "o", "color": shade, "mec": "0.25", "mfc": "white", "ms": 6}),
        ):
            at = rows.index(name) + height
            if {"_q1", "_q3"} <= set(kinds.index):
                ax.plot(kinds.loc[["_q1", "_q3"], source], [at, at], color=style["color"], linewidth=1.5)
            if "middle" in kinds.index:
                ax.plot(kinds.loc["middle", source], at, linestyle="", **style)


def _legend(fig: Figure, colours: bool = True) -> None:
    handles = [
        Line2D([], [], color="black", marker="|", ms=11, mew=2.5, linestyle="", label="reported"),
        Line2D([], [], color="0.25", marker="o", linestyle="", label="implied, very large sample"),
        Line2D([], [], color="0.25", marker="o", mfc="white", linestyle="", label="this sample"),
    ]
    if colours:
        handles += [
            Line2D([], [], color=shade, marker="o", mec="0.25", linestyle="", label=label)
            for shade, label in ((CALIBRATED, "calibrated"), (EMERGENT, "emergent"))
        ]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
