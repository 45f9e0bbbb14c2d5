"""The flow of people through the study, drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import fill

import pandas as pd
from matplotlib.figure import Figure

from thalutils.report.panels import GREY


def flow(
    counts: Sequence[tuple[str, int]], exclusions: pd.DataFrame, *,
    write: Callable[[int], str] = str, by_stage: bool = True,
) -> Figure:  # fmt: skip
    """Draw how many people are left after each step, and how many things each stage left out.

    Parameters
    ----------
    counts
        Label and number of people of each step, the first step first.
    exclusions
        The table of that name.
    write
        How a number of people is written.
    by_stage
        Whether what was left out, and who is lost between two steps, is told for each; else in total.
    """
    fig = Figure(figsize=(9, 1.35 * len(counts) + 0.2), layout="constrained")
    ax = fig.subplots()
    box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": "black"}
    for step, (label, n) in enumerate(counts):
        ax.text(0.27, -step, f"{fill(label, 38)}\nn = {write(n)}", ha="center", va="center", bbox=box)
        if step:
            between = {"arrowstyle": "->", "color": "black", "shrinkA": 30, "shrinkB": 30}
            ax.annotate("", (0.27, -step), (0.27, 1 - step), arrowprops=between)
            lost = counts[step - 1][1] - n
            if lost and by_stage:
                ax.text(0.29, 0.5 - step, f"{lost} fewer", va="center", color=GREY)
    kinds = exclusions["stage"] if by_stage else pd.Series("in all", index=exclusions.index)
    left_out = exclusions["participant_id"].groupby(kinds.to_numpy()).agg(["size", "nunique"])
    lines = [
        f"{kind}: {row['size']} from {write(row['nunique'])} people" for kind, row in left_out.iterrows()
    ]
    lines = [
        fill(line.replace(" from 1 people", " from 1 person"), 38, subsequent_indent="   ") for line in lines
    ]
    text = "\n".join(["Left out, by stage" if by_stage else "Left out", *(lines or ["nothing"])])
    ax.text(0.58, (1 - len(counts)) / 2, text, va="center", bbox=box | {"edgecolor": GREY, "linestyle": "--"})
    ax.set(xlim=(0, 1), ylim=(0.5 - len(counts), 0.5))
    ax.set_axis_off()
    return fig
