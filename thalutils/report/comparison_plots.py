"""Plots of methods held against each other on one scale, and of slopes corrected for their error."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thalutils.report import outcomes
from thalutils.report.association_plots import BESIDE, Estimate, intervals, panels
from thalutils.report.figures import colour, marker
from thalutils.stats.models import CROSS_SECTIONAL

STANDARDISED: Estimate = ("beta_std", "beta_std_low", "beta_std_high")
DIFFERENCE: Estimate = ("difference_std", "difference_std_low", "difference_std_high")
ATTENUATION: Estimate = ("attenuation", "attenuation_low", "attenuation_high")
MEASURED: Estimate = ("beta", "beta_low", "beta_high")
CORRECTED: Estimate = ("beta_corrected", "beta_corrected_low", "beta_corrected_high")
# Outcomes of section 3.4 whose slopes are those of logarithms; the table does not say.
LOGGED = [CROSS_SECTIONAL.outcomes[column] for column in CROSS_SECTIONAL.log]


def standardised(found: pd.DataFrame) -> Figure:
    """Draw the standardised slope of each method, with its bootstrap interval, a panel for each outcome.

    Takes the table ``like_with_like``.
    """
    return _by_outcome(found, STANDARDISED, "SD per SD")


def differences(found: pd.DataFrame) -> Figure:
    """Draw how much steeper each method's standardised slope is than that of the method held against.

    Takes the table ``like_with_like``.
    """
    return _by_outcome(found, DIFFERENCE, "difference, SD per SD")


def _by_outcome(found: pd.DataFrame, estimate: Estimate, label: str) -> Figure:
    known = found.dropna(subset=[estimate[0]]).assign(panel=lambda frame: frame["outcome"])
    later = known["design"] == "longitudinal"
    known.loc[later, "panel"] = "Change of " + known.loc[later, "outcome"].map(outcomes.name)

    def draw(ax: Axes, one: str, methods: list[str]) -> None:
        mine = known[known["panel"] == one].set_index("method").reindex(methods)
        intervals(ax, mine, estimate)
        ax.set_xlabel(label)

    return panels(known, list(known["panel"].unique()), draw, outcomes.name)


def corrected(found: pd.DataFrame) -> Figure:
    """Draw each method's attenuation, and its slopes as measured and per mL of the reference.

    Takes the rows of ``error_corrected`` of one reference. The attenuation is that of the people of the
    first outcome; the others' differ only in who has the outcome.
    """
    known = found.dropna(subset=["beta_corrected"])
    names = ["Attenuation", *known["outcome"].unique()]

    def draw(ax: Axes, one: str, methods: list[str]) -> None:
        if one == names[0]:
            first = known.drop_duplicates("method").set_index("method").reindex(methods)
            intervals(ax, first, ATTENUATION, nothing=1.0)
            ax.set_xlabel("reference mL per mL")
            return
        mine = known[known["outcome"] == one].set_index("method").reindex(methods)
        intervals(ax, mine, MEASURED)
        _open(ax, mine)
        ax.set_xlabel(f"{outcomes.unit(one, 'log' if one in LOGGED else 'none')} per mL")

    fig = panels(known, names, draw, outcomes.name)
    handles = [
        Line2D([], [], color="black", marker="o", linewidth=2, label="per mL as measured"),
        Line2D([], [], color="black", marker="o", mfc="white", linewidth=1, label="per mL of the reference"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=2)
    return fig


def _open(ax: Axes, mine: pd.DataFrame) -> None:
    value, low, high = CORRECTED
    for row, (method, one) in enumerate(mine.iterrows()):
        if pd.notna(one[value]):
            at, shade = row + BESIDE, colour(str(method))
            ax.plot([one[low], one[high]], [at, at], color=shade, linewidth=1.2, zorder=2)
            ax.scatter(
                one[value], at, marker=marker(str(method)), facecolor="white", edgecolor=shade, linewidth=1.4,
                s=30, zorder=3,
            )  # fmt: skip
