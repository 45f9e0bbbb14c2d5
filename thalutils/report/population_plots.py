"""The distribution of volumes by method, drawn beside each other for several sets of people."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from thalutils.report.figures import colour
from thalutils.report.order import in_order
from thalutils.report.panels import dot, name_rows, panel_grid, rows_height

# A smoothed distribution of fewer people shows the smoothing.
FEWEST_SMOOTHED = 10
ABOVE, BELOW = 0.42, 0.34


def distributions(sets: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw each method's volumes in each set of people: dots, their smoothed outline above, and the mean.

    Parameters
    ----------
    sets
        A panel for each, by its title: frames with ``method`` and ``volume_ml``, a row a person and method.
    """
    methods = in_order(name for frame in sets.values() for name in frame["method"])
    fig, [axes] = panel_grid(1, len(sets), 1.25 * rows_height(methods), sharex=True, sharey=True)
    for ax, (title, frame) in zip(axes, sets.items(), strict=True):
        groups = dict(tuple(frame.groupby("method")["volume_ml"]))
        for row, method in enumerate(methods):
            if method not in groups:
                continue
            volumes = groups[method].to_numpy()
            if len(volumes) >= FEWEST_SMOOTHED and np.ptp(volumes) > 0:
                drawn = ax.violinplot(
                    volumes, positions=[row], orientation="horizontal", widths=2 * ABOVE, side="low",
                    showextrema=False,
                )  # fmt: skip
                drawn["bodies"][0].set(facecolor=colour(method), edgecolor="0.25", alpha=0.6)
            at = row + BELOW * _spread(len(volumes))
            ax.scatter(volumes, at, **dot(method, many=len(volumes)))
            mean = volumes.mean()
            if len(volumes) > 1:
                ax.plot([mean, mean], [row - ABOVE, row + BELOW], color="black", linewidth=2.5, zorder=4)
            ax.text(
                1.0,
                row,
                f"{mean:.2f}",
                transform=ax.get_yaxis_transform(),
                ha="left",
                va="center",
                fontsize=11,
            )
        sizes = frame.groupby("method").size()
        least, most = sizes.min(), sizes.max()
        ax.set_title(
            f"{title}, n = {most}" if least == most else f"{title}, n = {least} to {most}", loc="left"
        )
    name_rows(axes[0], methods)
    fig.supxlabel("Thalamus, both sides (mL); means at the right")
    return fig


def _spread(n: int) -> np.ndarray:
    """Return where n dots lie between 0 and 1, so that neighbours in order lie far apart."""
    golden = (np.sqrt(5) - 1) / 2
    return 0.12 + 0.88 * (np.arange(n) * golden % 1) if n > 1 else np.full(n, 0.5)
