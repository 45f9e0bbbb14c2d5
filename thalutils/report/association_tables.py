"""Tables of slopes: laid out to be read, with what they leave out in sentences, and the whole to save."""

from __future__ import annotations

from html import escape

import pandas as pd
from IPython.display import HTML

from thalutils.report import downloads, outcomes, privacy, tables
from thalutils.report.embed import note
from thalutils.report.words import interval
from thalutils.stats import models

NOBODY = "There is nobody to fit a model to: no method measured anybody at the visits that this takes."
UNFITTED = "No model could be fitted here. The table below says why."
COMMONEST = 10
SLOPE = "slope [95 % interval]"
DIGITS = {"SE": 3, "p": 3, "adjusted p": 3, "R²": 3}
# A slope of a logarithm is a share, and a hundredth of it matters.
FINE, COARSE = 3, 2


def cells(frame: pd.DataFrame, name: str, digits: int | pd.Series) -> list[str | None]:
    """Return an estimate of a table of the contract with its 95 % interval, as text, of so many decimals."""
    columns = [frame[column] for column in (name, f"{name}_low", f"{name}_high")]
    decimals = pd.Series(digits, index=frame.index)
    return [interval(*numbers) for numbers in zip(*columns, decimals, strict=True)]


def laid_out(mine: pd.DataFrame) -> pd.DataFrame:
    """Lay slopes out with a row an outcome and method, estimate and interval together.

    Parameters
    ----------
    mine
        Rows of ``associations`` or ``change_associations``, of one analysis.

    Returns
    -------
    DataFrame
        Outcomes without any slope are left out.
    """
    parts = []
    for outcome, rows in mine.groupby("outcome", sort=False):
        if rows["beta"].isna().all():
            continue
        logged = (rows["transform"] == "log").any()
        part = {
            "outcome": f"{'ln ' if logged else ''}{outcomes.name(str(outcome))}",
            "method": rows["method"],
            "n": rows["n"],
            SLOPE: cells(rows, "beta", FINE if logged else COARSE),
            "SE": rows["se"],
            "p": rows["p"],
            "adjusted p": rows["p_adjusted"],
            "R²": rows["r2"],
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def remarks(mine: pd.DataFrame) -> list[str]:
    """Say of slopes among which tests p is adjusted, where HC3 and logarithms are taken, and what is missing."""
    found = []
    families = mine["family"].dropna().unique()
    if len(families):
        several = "" if len(families) == 1 else f"{len(families)} families, the first of "
        found.append(f"p is adjusted within its family ({several}{families[0]}).")
    robust = _outcomes(mine[mine["se_type"] == "HC3"])
    if robust:
        found.append(f"HC3 standard errors: {robust}.")
    if (mine["transform"] == "log").any():
        found.append("Slopes of a logarithm (ln) are shares: 0.01 is about 1 %.")
    return found + noted(mine, "beta")


def noted(mine: pd.DataFrame, estimate: str) -> list[str]:
    """Repeat each note of a table once, with the outcomes and, where not all, the methods that it is of."""
    found = []
    for text, rows in mine[mine["note"].notna()].groupby("note", sort=False):
        missing = " has no slope" if rows[estimate].isna().all() else ""
        everyone = len(rows) == mine["outcome"].isin(rows["outcome"]).sum()
        whose = "" if everyone else f" ({', '.join(rows['method'].unique())})"
        found.append(f"{_outcomes(rows)}{whose}{missing}: {text}")
    return found


def slopes(found: pd.DataFrame, analysis: str, caption: str, name: str) -> HTML:
    """Tabulate the slopes of one analysis, with a link to the whole of it.

    Parameters
    ----------
    found
        The table ``associations`` or ``change_associations``.
    analysis
        Which of its analyses.
    caption, name
        As of :func:`thalutils.report.tables.show`.
    """
    mine = found[found["analysis"] == analysis].reset_index(drop=True)
    if mine["beta"].isna().all():
        return note("No model of this analysis could be fitted, so its table is left out.")
    table = tables.show(laid_out(mine), caption=caption, name=name, digits=DIGITS)
    whole = downloads.tidy(mine, name=f"{name}-tidy", what="every number of these models")
    shareable, _ = privacy.shareable(mine)
    return joined(table, note(" ".join(map(escape, remarks(shareable)))), whole)


def unfitted(mine: pd.DataFrame) -> HTML:
    """Say that no model could be fitted, and why, in a table of the commonest reasons."""
    if mine.empty:
        return note(NOBODY)
    reasons = mine.groupby(["n", "note"], dropna=False, sort=False).size().rename("models").reset_index()
    shown = reasons.nlargest(COMMONEST, "models")[["n", "models", "note"]].reset_index(drop=True)
    table = tables.show(shown, caption="Why models could not be fitted: people, models and the reason.")
    return joined(note(UNFITTED), table)


def joined(*parts: HTML) -> HTML:
    """Put pieces of a page one below the other."""
    return HTML("".join(part.data for part in parts))


def _outcomes(rows: pd.DataFrame) -> str:
    order = [name for name in models.NAMES.values() if name in set(rows["outcome"])]
    return ", ".join(map(outcomes.name, order))
