"""What the pages on associations show: slopes, their tables, and whether the models' assumptions hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd
from IPython.display import HTML

from thalutils import reported
from thalutils.cohort import Cohort
from thalutils.errors import TableError
from thalutils.report import association_plots, association_tables, figures, outcomes, residual_plots, tables
from thalutils.report.embed import note
from thalutils.report.order import in_order
from thalutils.stats import assumptions
from thalutils.stats.models import Model

STARRED = "Asterisks: adjusted p below 0.05 (*), 0.01 (**) and 0.001 (***)."
DIAMONDS = "Open diamonds are the paper's slopes, with the interval that its standard error implies."
EVERYONE = "all"
CHECKED = {
    "outcome": "outcome", "method": "method", "n": "n", "skewness": "skewness", "normal_p": "normal p",
    "breusch_pagan_p": "spread p", "warning": "warning",
}  # fmt: skip
INPUTS = ("participants", "sessions", "volumes", "intracranial")


def inputs(study: Cohort) -> list[pd.DataFrame]:
    """Read what the models are made from: people, visits, volumes and intracranial volumes."""
    return [study.table(name) for name in INPUTS]


def names(listed: str) -> tuple[str, ...]:
    """Return the names of a parameter that lists them with commas.

    Examples
    --------
    >>> names("FreeSurfer, Template"), names("")
    (('FreeSurfer', 'Template'), ())
    """
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def slopes(found: pd.DataFrame, analysis: str, section: str, caption: str) -> HTML:
    """Draw the slopes of one analysis beside the paper's.

    Parameters
    ----------
    found
        The table ``associations`` or ``change_associations``.
    analysis
        Which of its analyses.
    section
        Where the paper's slopes stand: ``cross_sectional`` or ``longitudinal``.
    caption
        What the figure is; how to read it follows.
    """
    mine = found[found["analysis"] == analysis]
    if mine["beta"].isna().all():
        return association_tables.unfitted(mine)
    theirs = _reported(section, "rrms_beta" if analysis == "RRMS" else "beta")
    fig = association_plots.slopes(mine, theirs)
    without = mine.groupby("outcome", sort=False)["beta"].count().loc[lambda count: count == 0].index
    absent = ", ".join(map(outcomes.name, without))
    parts = [caption, STARRED, DIAMONDS if theirs["method"].isin(mine["method"]).any() else "",
             f"No slope could be had for {absent}." if absent else ""]  # fmt: skip
    alt = f"Slopes per mL with 95 % intervals, one panel an outcome: {_in_words(mine)}."
    return figures.figure(
        fig, caption=" ".join(filter(None, parts)), alt=alt, name=f"{section}-slopes-{analysis}"
    )


def odds_ratios(found: pd.DataFrame, caption: str) -> HTML:
    """Draw the odds ratios of the ordinal models of EDSS."""
    mine = found[found["analysis"] == "ordinal"]
    if mine["beta"].isna().all():
        return association_tables.unfitted(mine)
    fig = association_plots.odds_ratios(mine)
    return figures.figure(
        fig, caption=f"{caption} {STARRED}", alt="Odds ratios with 95 % intervals, one row a method.",
        name="ordinal-odds-ratios",
    )  # fmt: skip


def residuals(models: Iterable[Model], method: str, caption: str) -> HTML:
    """Draw one method's QQ plots, and its residuals against fitted values.

    Parameters
    ----------
    models
        All of the page; those of everyone (``all``) are drawn.
    method
        Whose; the first with a slope where it is empty.
    caption
        Whose models these are.

    Raises
    ------
    TableError
        Where no model is of `method`.
    """
    everyone = [model for model in models if model.analysis == EVERYONE]
    there = in_order(model.method for model in everyone)
    if method and method not in there:
        raise TableError(f"{method} is not among the methods: {', '.join(there)}.")
    found = assumptions.residuals(model for model in everyone if method in ("", model.method))
    if found.empty:
        return note("No model could be fitted, so there are no residuals to look at.")
    shown = method or in_order(found["method"])[0]
    mine = found[found["method"] == shown]
    units = {model.outcome: outcomes.unit(model.outcome, model.transform) for model in everyone}
    whose = f"{caption}, volumes by {shown}"
    return HTML(
        figures.figure(
            residual_plots.qq(mine), name=f"qq-{shown}", alt="QQ plots, one panel an outcome.",
            caption=f"QQ plots of {whose}. Dots on the line are residuals that are normally distributed.",
        ).data
        + figures.figure(
            residual_plots.spread(mine, units), name=f"residuals-{shown}",
            alt="Residuals against fitted values, one panel an outcome.",
            caption=f"Residuals against fitted values of {whose}; a dot is a person. Black: mean and standard deviation in fifths of the people, which should be level and equally long.",
        ).data
    )  # fmt: skip


def assumption_table(checks: pd.DataFrame, caption: str, name: str) -> HTML:
    """Tabulate the tests of the residuals of everyone's models, with their warnings."""
    mine = checks[(checks["analysis"] == EVERYONE) & checks["skewness"].notna()]
    if mine.empty:
        return note("No model could be fitted, so there are no assumptions to test.")
    shown = mine.assign(outcome=mine["outcome"].map(outcomes.name))[list(CHECKED)].rename(columns=CHECKED)
    shown = shown.dropna(axis=1, how="all").reset_index(drop=True)
    return tables.show(
        shown, caption=caption, name=name, digits={"skewness": 2, "normal p": 3, "spread p": 3}
    )


def proportional_odds(found: pd.DataFrame, caption: str) -> HTML:
    """Tabulate how many got better and worse, and the test of one slope for both."""
    if found.empty:
        return note(association_tables.NOBODY)
    shown = found.drop(columns="analysis").dropna(axis=1, how="all")
    return tables.show(shown, caption=caption, name="proportional-odds", digits={"chi2": 2, "p": 3})


def _reported(section: str, quantity: str) -> pd.DataFrame:
    flat = reported.flat()
    return flat[(flat["section"] == section) & (flat["quantity"] == quantity)]


def _in_words(mine: pd.DataFrame) -> str:
    parts: Sequence[str] = [
        f"{outcomes.name(outcome)} {(rows['p_adjusted'] < 0.05).sum()} of {rows['beta'].count()} significant"
        for outcome, rows in mine.groupby("outcome", sort=False)
    ]
    return ", ".join(parts)
