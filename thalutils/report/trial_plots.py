"""Plots of what a trial needs and of the smallest change that one person's scans can show."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thalutils.report.figures import colour, marker
from thalutils.report.order import in_order
from thalutils.report.panels import LINE_INCH, name_rows, panel_grid

WIDEST = 1e6
NO_EXCESS, NO_SIZE = "none is large enough", "too few people to tell"
INSIDE = 0.985  # of the axis: how far an arrow without an end goes


def trial_sizes(table: pd.DataFrame) -> Figure:
    """Draw the people per arm of each method, a panel for each slowing, on a logarithmic axis.

    Parameters
    ----------
    table
        The table ``trial_size``. A line is the bootstrap interval, an arrow where it has no upper end. A method
        without a size says why.
    """
    methods = in_order(table["method"])
    slowings = sorted(table["slowing_percent"].unique())
    powers = sorted(table["power"].unique())
    fig, [axes] = panel_grid(
        1, max(len(slowings), 1), 1.5 + LINE_INCH * len(methods), sharex=True, sharey=True
    )
    offsets = dict(
        zip(powers, np.linspace(-0.17, 0.17, len(powers)) if len(powers) > 1 else [0.0], strict=True)
    )
    limits = _limits(table)
    for ax, slowing in zip(axes, slowings, strict=False):
        ax.set_xscale("log")
        ax.set_xlim(limits)
        for found in table[table["slowing_percent"] == slowing].itertuples():
            _size(ax, found, methods.index(found.method) + offsets[found.power], found.power == powers[0])
        ax.set_title(f"{slowing:g} % less loss", fontsize=12)
        ax.set_xlabel("People per arm")
    name_rows(axes[0], methods)
    handles = [
        Line2D([], [], color="0.25", marker="o", mfc="0.25" if power == powers[0] else "white", linestyle="", label=f"power {power:g}")
        for power in powers
    ]  # fmt: skip
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles) or 1)
    return fig


def minimal_changes(table: pd.DataFrame, yearly: pd.Series) -> Figure:
    """Draw the smallest change that shows in one person, in %, beside the mean change of the cohort.

    Parameters
    ----------
    table
        The table ``minimal_change``.
    yearly
        Mean change from first to second visit in %, by method; its size is drawn.
    """
    known = table.dropna(subset=["change_percent"])
    known = known.set_index("method", drop=False).loc[in_order(known["method"])]
    several = len(known["basis"].unique()) > 1
    labels = [f"{row.method} ({row.basis})" if several else row.method for row in known.itertuples()]
    fig, [[ax]] = panel_grid(1, 1, 1.5 + LINE_INCH * max(len(known), 1))
    for row, found in enumerate(known.itertuples()):
        ax.plot([0, found.change_percent], [row, row], color=colour(found.method), linewidth=2)
        ax.plot(
            found.change_percent,
            row,
            marker=marker(found.method),
            color=colour(found.method),
            mec="0.25",
            ms=8,
        )
        mean = abs(yearly.get(found.method, np.nan))
        ax.plot(mean, row, marker="|", color="black", ms=15, mew=2.5, linestyle="")
    name_rows(ax, labels)
    ax.set_xlim(left=0)
    ax.set_xlabel("Change of thalamus (% of the mean volume)")
    handles = [
        Line2D([], [], color="0.45", marker="o", mec="0.25", label="smallest change that shows in one person"),
        Line2D([], [], color="black", marker="|", ms=13, mew=2.5, linestyle="", label="mean change of all, without its sign"),
    ]  # fmt: skip
    fig.legend(handles=handles, loc="outside lower center", ncols=1)
    return fig


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the axis: a little beyond everything finite."""
    finite = table[["n_per_arm", "n_per_arm_low", "n_per_arm_high"]].to_numpy(dtype=float)
    finite = finite[np.isfinite(finite) & (finite > 0)]
    if not len(finite):
        return 1.0, WIDEST
    return max(finite.min() / 2, 1.0), min(max(finite.max() * 3, 1000.0), WIDEST)


def _size(ax: Axes, found: tuple, row: float, full: bool) -> None:
    """Draw one size and its interval; `found` is a row of the table."""
    if pd.isna(found.n_per_arm_low):
        text = NO_EXCESS if pd.notna(found.excess_percent) else NO_SIZE
        if full:
            ax.text(0.04, round(row), text, transform=ax.get_yaxis_transform(), va="center", fontsize=11)
        return
    shade = colour(found.method)
    end = ax.get_xlim()[1] * INSIDE
    open_ended = pd.isna(found.n_per_arm_high) or found.n_per_arm_high > end
    ax.plot(
        [found.n_per_arm_low, end if open_ended else found.n_per_arm_high],
        [row, row],
        color=shade,
        linewidth=1.8,
    )
    ends = [found.n_per_arm_low] if open_ended else [found.n_per_arm_low, found.n_per_arm_high]
    ax.plot(ends, [row] * len(ends), marker="|", color=shade, linestyle="", ms=7)
    if open_ended:
        ax.plot(end, row, marker=">", color=shade, ms=7, clip_on=False)
    if pd.notna(found.n_per_arm):
        ax.plot(
            min(found.n_per_arm, end), row, marker=marker(found.method), color=shade, mec="0.25", ms=7,
            mfc=shade if full else "white",
        )  # fmt: skip
