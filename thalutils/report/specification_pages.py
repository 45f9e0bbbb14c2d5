"""What the page of the specification curve shows: the curves of a few methods, and shares of all."""

from __future__ import annotations

from html import escape

import pandas as pd
from IPython.display import HTML

from thalutils import reported
from thalutils.errors import TableError
from thalutils.report import downloads, figures, specification_plots, tables
from thalutils.report.association_pages import names
from thalutils.report.association_tables import joined, unfitted
from thalutils.report.embed import note
from thalutils.report.order import in_order
from thalutils.report.words import interval

PREFERRED = ("FIRST", "DBSegment", "MindGlide-T1-R1-FLAIR")
FEW = 3
LEVEL = specification_plots.LEVEL
PERCENT = 100
SHOWN = {
    "specifications": "fits",
    "positive": "% positive",
    "positive_significant": "% sig. positive",
    "negative_significant": "% sig. negative",
}


def chosen(found: pd.DataFrame, listed: str) -> list[str]:
    """Return the methods to draw: those listed, else those of :data:`PREFERRED`, else the first three.

    Raises
    ------
    TableError
        Where a listed method is not in the table.

    Examples
    --------
    >>> chosen(pd.DataFrame({"method": ["DBSegment", "Mine"]}), ""), chosen(pd.DataFrame({"method": ["Mine"]}), "")
    (['DBSegment'], ['Mine'])
    """
    there = in_order(found["method"])
    unknown = [name for name in names(listed) if name not in there]
    if unknown:
        raise TableError(f"{', '.join(unknown)} is not among the methods: {', '.join(there)}.")
    return list(names(listed)) or [name for name in PREFERRED if name in there] or there[:FEW]


def curves(found: pd.DataFrame, listed: str) -> HTML:
    """Draw the specification curve of each chosen method, all on one scale.

    Parameters
    ----------
    found
        The table ``specification_curve``.
    listed
        Methods with commas, or nothing: see :func:`chosen`.
    """
    methods = chosen(found, listed)
    fits = specification_plots.distinct(found[found["method"].isin(methods)])
    if fits.empty:
        return unfitted(found)
    limits = specification_plots.limits(fits)
    return joined(*(_curve(fits, method, limits) for method in methods))


def _curve(fits: pd.DataFrame, method: str, limits: tuple[float, float]) -> HTML:
    mine = fits[fits["method"] == method].reset_index(drop=True)
    if mine.empty:
        return note(f"{escape(method)}: no specification has a slope.")
    flat = reported.flat()
    theirs = flat[
        (flat["section"] == "longitudinal") & (flat["quantity"] == "beta") & (flat["method"] == method)
    ]
    value = theirs.loc[theirs["outcome"] == "edss", "reported"]
    fig = specification_plots.curve(mine, float(value.iloc[0]) if len(value) else None, limits)
    caption = f"Specification curve of {method}: the slope of EDSS change on thalamic change, with its 95 % interval, under every choice of the analysis; the marks below say which. Slopes that several choices share are drawn once. The paper has no such figure."
    alt = f"{len(mine)} slopes in rising order, {(mine['beta'] > 0).sum()} of them positive, above a matrix of choices."
    return figures.figure(fig, caption=caption, alt=alt, name=f"specification-curve-{method}")


def shares(found: pd.DataFrame) -> pd.DataFrame:
    """Return how many specifications of each method agree in sign, and in significance.

    Parameters
    ----------
    found
        The table ``specification_curve``.

    Returns
    -------
    DataFrame
        A row a method in the order of the study: ``specifications`` (that differ), the lowest, median and
        highest ``beta``, and the shares in % with a positive slope, and with p below 0.05 and a positive, or
        a negative, slope.
    """
    fits = specification_plots.distinct(found)
    positive, significant = fits["beta"] > 0, fits["p"] < LEVEL
    marked = fits.assign(
        positive=PERCENT * positive,
        positive_significant=PERCENT * (positive & significant),
        negative_significant=PERCENT * (~positive & significant),
    )
    summary = marked.groupby("method").agg(
        specifications=("beta", "size"), lowest=("beta", "min"), median=("beta", "median"),
        highest=("beta", "max"), positive=("positive", "mean"),
        positive_significant=("positive_significant", "mean"),
        negative_significant=("negative_significant", "mean"),
    )  # fmt: skip
    return summary.reindex(in_order(fits["method"])).rename_axis("method").reset_index()


def share_table(found: pd.DataFrame) -> HTML:
    """Tabulate the shares of every method."""
    summary = shares(found)
    if summary.empty:
        return note("There are no slopes to count.")
    shown = summary.rename(columns=SHOWN)
    slopes = shown[["median", "lowest", "highest"]].itertuples(index=False)
    shown.insert(2, "median [lowest, highest]", [interval(*numbers) for numbers in slopes])
    table = tables.show(
        shown.drop(columns=["median", "lowest", "highest"]), name="specification-shares", digits=0,
        caption="Slopes of EDSS change under all specifications that differ (not in the paper).",
    )  # fmt: skip
    explained = note(f"Slopes are in EDSS points per mL. Significant (sig.): p below {LEVEL}, not adjusted.")
    whole = downloads.tidy(found, name="specification-curve", what="every specification")
    return joined(table, explained, whole)
