"""Figures of the page on sites."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from thalutils.report.panels import GREY

STATES = ("raw", "harmonised")
EDGES = (5, 95)
COLOURS = {"raw": GREY, "harmonised": "#1f6fd0"}


def boxes(volumes: pd.DataFrame) -> Figure:
    """Draw the volumes of each site, raw beside harmonised, a panel a method.

    Parameters
    ----------
    volumes : DataFrame
        ``site``, ``method``, ``state`` (of :data:`STATES`) and ``volume_ml``.
    """
    methods, sites = volumes["method"].unique(), sorted(volumes["site"].unique())
    fig = Figure(figsize=(8, 0.6 + len(methods) * (0.7 + 0.45 * len(sites))), layout="constrained")
    for ax, method in zip(fig.subplots(len(methods), squeeze=False)[:, 0], methods, strict=True):
        for offset, state in ((-0.18, "raw"), (0.18, "harmonised")):
            mine = volumes[(volumes["method"] == method) & (volumes["state"] == state)]
            places = [place for place, site in enumerate(sites) if (mine["site"] == site).any()]
            values = [mine.loc[mine["site"] == sites[place], "volume_ml"] for place in places]
            if values:
                ax.boxplot(
                    values, positions=[place + offset for place in places], widths=0.3, whis=EDGES, showfliers=False,
                    orientation="horizontal", patch_artist=True,
                    boxprops={"facecolor": COLOURS[state], "alpha": 0.6}, medianprops={"color": "black"},
                )  # fmt: skip
        ax.set(yticks=range(len(sites)), yticklabels=sites, xlabel="thalamus (mL)", title=method)
        ax.invert_yaxis()
    handles = [Patch(facecolor=COLOURS[state], alpha=0.6, edgecolor="black", label=state) for state in STATES]
    fig.legend(handles=handles, loc="outside upper right")
    return fig
