"""The flow of people through the study, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import pandas as pd
from matplotlib.figure import Figure

from thalutils.report.panels import GREY


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
