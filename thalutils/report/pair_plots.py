"""Every two methods compared, drawn as a square: adjusted p above the diagonal, differences below."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from thalutils.report.order import in_order
from thalutils.report.words import p_text, signed

CELL_INCH, MARGIN_INCH = 0.42, 1.0
# The p below which a cell has a shade, darkest first.
SHADES = ((0.001, "#5c5c5c"), (0.01, "#969696"), (0.05, "#cccccc"), (np.inf, "white"))
DIFFERENCES = colormaps["PuOr"]
DARK = 0.45


def squares(pairs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lay comparisons of methods out as two squares, methods in the order of the study.

    Parameters
    ----------
    pairs
        ``method_i``, ``method_j``, ``median_difference`` (i minus j) and ``p_adjusted``, a row a pair.

    Returns
    -------
    p, difference : DataFrame
        Adjusted p above the diagonal; row minus column below it. Missing where there is none.
    """
    methods = in_order([*pairs["method_i"], *pairs["method_j"]])
    p = pd.DataFrame(np.nan, index=methods, columns=methods)
    difference = p.copy()
    for pair in pairs.itertuples():
        upper, lower = sorted((pair.method_i, pair.method_j), key=methods.index)
        p.loc[upper, lower] = pair.p_adjusted
        sign = 1 if pair.method_i == lower else -1
        difference.loc[lower, upper] = sign * pair.median_difference
    return p, difference


def pair_matrix(pairs: pd.DataFrame, digits: int) -> Figure:
    """Draw both squares of :func:`squares` in one, differences with so many `digits`.

    Columns bear the numbers that stand beside the names of the rows.
    """
    p, difference = squares(pairs)
    n = len(p)
    fig = Figure(figsize=(9, MARGIN_INCH + CELL_INCH * n), layout="constrained")
    ax = fig.subplots()
    largest = np.nanmax([np.nanmax(np.abs(difference.to_numpy()), initial=0), 10.0**-digits])
    scale = Normalize(-largest, largest)
    for row in range(n):
        for column in range(n):
            value, above = (p if column > row else difference).iloc[row, column], column > row
            if row == column:
                _cell(ax, row, column, "0.9", "")
            elif pd.isna(value):
                _cell(ax, row, column, "white", "\N{EN DASH}")
            elif above:
                _cell(ax, row, column, next(shade for limit, shade in SHADES if value < limit), p_text(value))
            else:
                _cell(ax, row, column, DIFFERENCES(scale(value)), signed(value, digits, plus=True))
    ax.set(xlim=(0, n), ylim=(n, 0))
    ax.set_xticks(np.arange(n) + 0.5, range(1, n + 1))
    ax.set_yticks(np.arange(n) + 0.5, [f"{method}  {place}" for place, method in enumerate(p.index, 1)])
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    limits = ["adjusted p < 0.001", "< 0.01", "< 0.05", "0.05 or more"]
    handles = [
        Patch(facecolor=shade, edgecolor="0.6", label=label)
        for (_, shade), label in zip(SHADES, limits, strict=True)
    ]
    fig.legend(handles=handles, loc="outside lower right", ncols=4, fontsize=11)
    return fig


def _cell(ax: Axes, row: int, column: int, shade: str | tuple[float, ...], text: str) -> None:
    drawn = Rectangle((column, row), 1, 1, facecolor=shade, edgecolor="white", linewidth=1.5)
    ax.add_patch(drawn)
    lightness = np.dot(drawn.get_facecolor()[:3], (0.299, 0.587, 0.114))
    ink = "white" if lightness < DARK else "black"
    ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=11, color=ink)
