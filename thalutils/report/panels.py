"""Panels of a figure whose rows have names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
