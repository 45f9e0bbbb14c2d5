"""Panels of a figure whose rows have names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thalutils.report.figures import colour, marker

GREY = "0.45"
LINE_INCH = 0.42


def panel_grid(down: int, across: int, height: float, **sharing: object) -> tuple[Figure, np.ndarray]:
    """Return a figure `height` inches high and its panels, rows by columns."""
    fig = Figure(figsize=(9.0, height), layout="constrained")
    return fig, fig.subplots(down, across, squeeze=False, **sharing)


def shown_panels(grid: np.ndarray, n: int) -> list[Axes]:
    """Return the first panels of a grid and hide the others."""
    for ax in grid.flat[n:]:
        ax.set_visible(False)
    return list(grid.flat[:n])


def name_rows(ax: Axes, labels: Sequence[str]) -> None:
    """Name the rows of a panel, the first at the top."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")


def row_offsets(n: int) -> np.ndarray:
    """Return offsets that keep n dots of a row apart."""
    return np.linspace(-0.2, 0.2, n) if n > 1 else np.zeros(n)


def rows_height(rows: Sequence[str]) -> float:
    """Return the height in inches of a panel with these rows."""
    return 1.2 + LINE_INCH * len(rows)


def dot(method: str, many: int = 1) -> dict[str, object]:
    """Return how a person's dot of a method looks, smaller and fainter where there are `many`."""
    crowded = many > 100
    return {
        "marker": marker(method),
        "facecolor": colour(method),
        "edgecolor": "0.25",
        "linewidth": 0.3 if crowded else 0.6,
        "s": 10 if crowded else 34 if many <= 20 else 18,
        "zorder": 3,
        "alpha": 0.5 if crowded else 0.85,
        "rasterized": crowded,
    }
