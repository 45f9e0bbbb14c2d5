"""What the page on volume change shows, or a note where a cohort has no second visit or no brain change."""

from __future__ import annotations

from html import escape

import pandas as pd
from IPython.display import HTML

from thalutils.report import change_plots, downloads, figures, outcomes, privacy, tables
from thalutils.report.embed import note
from thalutils.report.order import in_order
from thalutils.report.pair_plots import pair_matrix
from thalutils.report.suppression import FEW
from thalutils.report.words import TOO_FEW, interval, p_text, signed, span, unbroken
from thalutils.stats.frames import CHANGING
from thalutils.stats.models import NAMES
from thalutils.stats.populations import pooled

UNCHANGED = "Nobody has a volume at two visits by any method, so nothing can be said of change."
ONE_METHOD = "Fewer than two methods have volumes at two visits, so there is nothing to compare."
NO_BRAIN = "This cohort has no brain volume change. With a table <code>brain_change</code> the comparison stands here."
IN_WORDS = {"volume_percent": "in % of the first visit's volume", "volume_ml": "in mL"}
DIGITS = {"volume_percent": 2, "volume_ml": 3}
PERCENT_DIGITS, R_DIGITS = 2, 2


def boxes(change: pd.DataFrame) -> HTML:
    """Draw every method's change in everyone: Figure 5a of the paper.

    Takes what :func:`thalutils.stats.frames.change` returns.
    """
    shown = _shareable(change, ["method"])
    if isinstance(shown, HTML):
        return shown
    fig = change_plots.change_boxes(shown, people=privacy.publishes())
    caption = (
        "Change of thalamus volume from the first to the second visit, in % of the first, by method (Fig. 5a of "
        f"the paper). {_boxes_in_words()} Left of the dashed line, volume is lost."
    )
    alt = f"A row of one box each for {', '.join(in_order(shown['method']))}; the axis is change in per cent."
    return figures.figure(fig, caption=caption, alt=alt, name="volume-change")


def by_group(change: pd.DataFrame) -> HTML:
    """Draw the same by diagnosis: Figure 5b of the paper."""
    shown = _shareable(change.assign(pooled=pooled(change["group"])), ["pooled", "method"])
    if isinstance(shown, HTML):
        return shown
    fig = change_plots.change_by_group(shown, people=privacy.publishes())
    caption = (
        "The same change by diagnosis (Fig. 5b of the paper); RIS, CIS and isolated optic neuritis are pooled as "
        f"isolated. {_boxes_in_words()}"
    )
    alt = f"One panel of boxes each for {', '.join(dict.fromkeys(shown['pooled']))}, a row a method."
    return figures.figure(fig, caption=caption, alt=alt, name="volume-change-by-diagnosis")


def volume_table(summary: pd.DataFrame, quantity: str) -> HTML:
    """Tabulate mean and standard deviation by diagnosis and method: part of Table S8 of the paper.

    Parameters
    ----------
    summary
        The table ``change_summary``.
    quantity
        ``volume_percent`` or ``volume_ml``.
    """
    mine = summary[summary["quantity"] == quantity]
    if not mine["n"].sum():
        return note(UNCHANGED)
    shown, became = privacy.shareable(mine)
    columns = {}
    for group, found in shown.groupby("group", sort=False):
        counts = pd.to_numeric(found["n"], errors="coerce")
        n = int(counts.max()) if counts.notna().any() else found["n"].iloc[0]
        cells = {row.method: _mean_sd(row, DIGITS[quantity]) for row in found.itertuples()}
        columns[f"{group} {unbroken(f'(n = {n})')}"] = pd.Series(cells, dtype=object)
    wide = pd.DataFrame(columns).reindex(in_order(shown["method"])).rename_axis("method")
    caption = (
        f"Thalamic change {IN_WORDS[quantity]}, by method and diagnosis: mean ± standard deviation (part of Table S8 "
        f"of the paper). n is of the method that most people have. {became}"
    )
    return tables.show(wide, caption=caption.strip(), name=f"change-{quantity.replace('_', '-')}")


def clinical_table(summary: pd.DataFrame) -> HTML:
    """Tabulate the change of the clinical scores by diagnosis: the other part of Table S8 of the paper."""
    mine = summary[summary["quantity"].isin(CHANGING)]
    if not mine["n"].sum():
        return note("Nobody has a clinical score at two visits with a volume at both.")
    named = mine["quantity"].map(lambda name: f"{outcomes.name(NAMES[name])} ({outcomes.unit(NAMES[name])})")
    shown = mine.assign(outcome=named)[
        ["group", "outcome", "n", "n_missing", "mean", "sd", "median", "q1", "q3"]
    ].reset_index(drop=True)
    caption = (
        "Change of the clinical scores from the first to the second visit, by diagnosis (part of Table S8 of the "
        "paper). A higher EDSS and longer times are worse, a higher SDMT is better."
    )
    digits = dict.fromkeys(("mean", "sd", "median", "q1", "q3"), 2)
    return tables.show(shown, caption=caption, name="change-clinical", digits=digits)


def pairs(table: pd.DataFrame) -> HTML:
    """Draw every two methods compared in their percentage change: Table S9 of the paper.

    Takes the table ``change_pairwise``.
    """
    if not table["n"].sum():
        return note(ONE_METHOD if table.empty else UNCHANGED)
    square = _square(
        table, PERCENT_DIGITS, name="change-pairwise",
        what="Percentage change of every two methods, compared on the people who have both{people} (Table S9 of the paper)",
        how="adjusted p of Wilcoxon's signed-rank test; below it the median of row minus column in %, orange where "
        "the row finds more loss and purple where it finds less",
    )  # fmt: skip
    saved = downloads.tidy(table, name="change-pairwise", what=f"all {len(table)} comparisons")
    return HTML(square.data + saved.data)


def engine(table: pd.DataFrame, used: pd.DataFrame) -> HTML:
    """Say which engine of brain volume change this page uses, and which others the cohort has.

    Parameters
    ----------
    table, used
        The table ``brain_change``, and the rows of it that the page uses.
    """
    if used.empty:
        return note(NO_BRAIN)
    name = used["engine"].iloc[0]
    others = [escape(one) for one in table["engine"].unique() if one != name]
    also = f" The cohort also has {', '.join(others)}, which nothing below uses." if others else ""
    return note(f"Brain volume change is that of {escape(name)}.{also}")


def brain(change: pd.DataFrame, brain_change: pd.DataFrame, correlation: pd.DataFrame) -> HTML:
    """Draw each method's change against that of the brain, a figure an engine: Figure S6 of the paper.

    Takes the frame of changes and the tables ``brain_change`` and ``brain_change_correlation``.
    """
    if correlation.empty:
        return note(UNCHANGED if change.empty else NO_BRAIN)
    found = []
    for engine, rows in correlation.groupby("engine", sort=False):
        mine = brain_change[brain_change["engine"] == engine].dropna(subset=["pbvc_percent"])
        shown = _shareable(change[change["participant_id"].isin(mine["participant_id"])], ["method"])
        if isinstance(shown, HTML):
            found.append(shown.data)
            continue
        rows = rows[rows["method"].isin(shown["method"])]
        caption = (
            f"Thalamic change against the change of brain volume measured by {engine}, with the least-squares line and "
            "Pearson's r (Fig. S6 of the paper). A point is a person."
        )
        alt = f"Scatter plots, one panel each for {', '.join(in_order(rows['method']))}."
        fig = change_plots.brain_scatter(shown, mine, rows)
        found.append(figures.figure(fig, caption=caption, alt=alt, name=f"brain-change-{engine}").data)
    return HTML("".join(found))


def correlation_table(correlation: pd.DataFrame) -> HTML:
    """Tabulate the correlations with brain volume change, with their intervals."""
    if correlation.empty:
        return note("Without both changes there is no correlation.")
    shown, became = privacy.shareable(correlation)
    cells = shown.assign(
        r=[interval(row.r, row.r_low, row.r_high, R_DIGITS) for row in shown.itertuples()],
        p=[None if pd.isna(p) else p_text(p) for p in shown["p"]],
    )
    cells = cells[["engine", "method", "n", "r", "p", "note"]].dropna(axis=1, how="all")
    caption = (
        "Pearson correlation of percentage thalamic change with brain volume change, with the 95 % interval of "
        f"Fisher's z; p is not adjusted (shown in Fig. S6 of the paper). {became if FEW not in list(cells['n']) else ''}"
    )
    return tables.show(cells, caption=caption.strip(), name="brain-change-correlation")


def brain_pairs(table: pd.DataFrame) -> HTML:
    """Draw every two methods' correlations compared, a square an engine: Table S16 of the paper.

    Takes the table ``brain_change_pairwise``.
    """
    if table.empty:
        return note("Without two methods and brain volume change there are no correlations to compare.")
    found = []
    for engine, mine in table.groupby("engine", sort=False):
        found.append(
            _square(
                mine.assign(median_difference=mine["r_i"] - mine["r_j"]), R_DIGITS, name=f"brain-change-pairwise-{engine}",
                what=f"Correlations with brain volume change by {engine} of every two methods, compared on the people "
                "who have all three{people} (Table S16 of the paper, which names another test)",
                how="adjusted p of Steiger's Z; below it r of the row minus r of the column, orange where the row's is "
                "lower and purple where it is higher",
            ).data
        )  # fmt: skip
    what = f"all {len(table)} comparisons with Steiger's Z and Williams' t"
    return HTML("".join(found) + downloads.tidy(table, name="brain-change-pairwise", what=what).data)


def _shareable(change: pd.DataFrame, by: list[str]) -> pd.DataFrame | HTML:
    """Return the rows with a change that this page may draw, or a note where there is none."""
    known = change[
        pd.Series(change["percent"], dtype=float).between(-float("inf"), float("inf"), inclusive="neither")
    ]
    if known.empty:
        return note(UNCHANGED)
    shown = privacy.shareable_groups(known, by)
    return note(TOO_FEW) if shown.empty else shown


def _boxes_in_words() -> str:
    boxes_are = "Boxes are quartiles with the median, whiskers reach to the last person within 1.5 interquartile ranges"
    points = "; a point is a person, and" if privacy.publishes() else ";"
    return f"{boxes_are}{points} boxes stand where there are three people or more."


def _square(pairs: pd.DataFrame, digits: int, *, name: str, what: str, how: str) -> HTML:
    """Draw comparisons of methods as a square; `what` they are has a place for the people, `how` says how to read."""
    shown, became = privacy.shareable(pairs)
    numbers = ["median_difference", "p_adjusted"]
    shown = shown.assign(**{column: pd.to_numeric(shown[column]) for column in numbers})
    counts = pd.to_numeric(shown["n"], errors="coerce").dropna()
    about = what.format(people=f" (n = {span(counts)})" if len(counts) else "")
    caption = f"{about}. Columns are numbered as the rows. Above the diagonal the {how}. {became}"
    alt = "A square of p-values and differences, a row and a column for each method."
    return figures.figure(pair_matrix(shown, digits), caption=caption.strip(), alt=alt, name=name)


def _mean_sd(found: tuple, digits: int) -> str | None:
    if pd.isna(found.mean):
        return None
    spread = "" if pd.isna(found.sd) else f" ± {found.sd:.{digits}f}"
    return unbroken(signed(found.mean, digits) + spread)
