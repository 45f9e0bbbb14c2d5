"""What the page on methods held against each other shows: one scale, and slopes corrected for error."""

from __future__ import annotations

from html import escape

import pandas as pd
from IPython.display import HTML

from thalutils.report import comparison_plots, downloads, figures, outcomes, privacy, tables
from thalutils.report.association_tables import COARSE, FINE, cells, joined, noted, unfitted
from thalutils.report.embed import note
from thalutils.report.words import IN_WORDS
from thalutils.stats.agreement import REFERENCES

BOOTSTRAP = "Lines are 95 % intervals of a bootstrap over people."


def standardised(found: pd.DataFrame) -> HTML:
    """Draw the standardised slopes of every method in the same people."""
    if found["beta_std"].isna().all():
        return unfitted(found)
    fig = comparison_plots.standardised(found)
    caption = f"Standardised slopes in the people whom every method measured, adjusted for diagnosis as well: SD of the outcome per SD of volume (last panel, where there is one: of their changes). {BOOTSTRAP} The paper has no such figure."
    return figures.figure(
        fig, caption=caption, alt="Standardised slopes, one row a method.", name="standardised-slopes"
    )


def differences(found: pd.DataFrame) -> HTML:
    """Draw how much steeper each standardised slope is than that of the method held against."""
    if found["difference_std"].isna().all():
        return note("Fewer than two methods have slopes in the same people: there is no difference to show.")
    against = found["against"].iloc[0]
    fig = comparison_plots.differences(found)
    caption = f"How much steeper each method's standardised slope is than that of {against}, without its sign: right of the line, the method goes more closely with the outcome. {BOOTSTRAP} People are drawn for both methods at once."
    return figures.figure(
        fig, caption=caption, alt=f"Differences from {against}, one row a method.", name="slope-differences"
    )


def like_table(found: pd.DataFrame) -> HTML:
    """Tabulate standardised slopes, partial R2 and differences."""
    known = found[found["beta_std"].notna()].reset_index(drop=True)
    if known.empty:
        return note("There are no standardised slopes to tabulate.")
    later = known["design"] == "longitudinal"
    named = known["outcome"].map(outcomes.name)
    shown = {
        "outcome": named.mask(later, "change of " + named),
        "method": known["method"],
        "n": known["n"],
        "SD per SD [95 % interval]": cells(known, "beta_std", 2),
        "partial R²": cells(known, "partial_r2", 3),
        f"more than {known['against'].iloc[0]}": cells(known, "difference_std", 2),
    }
    table = tables.show(
        pd.DataFrame(shown),
        caption="Like with like: standardised slopes (not in the paper).",
        name="like-with-like",
    )
    whole = downloads.tidy(found, name="like-with-like-tidy", what="every number of the comparison")
    return joined(table, *_left_out(found), whole)


def _left_out(found: pd.DataFrame) -> list[HTML]:
    """Say of each method without a slope why."""
    shareable, _ = privacy.shareable(found.reset_index(drop=True))
    without = shareable[shareable["beta_std"].isna() & shareable["note"].notna()]
    reasons = without.drop_duplicates(["method", "note"])[["method", "note"]].itertuples(index=False)
    sentences = [f"{escape(method)}: {escape(text)}" for method, text in reasons]
    return [note(" ".join(sentences))] if sentences else []


def corrected(found: pd.DataFrame) -> HTML:
    """Draw attenuation and corrected slopes, one figure for each reference that allows it."""
    if found.empty:
        return note(
            "This cohort has no reference masks: with some, slopes per mL of the reference stand here."
        )
    drawn = [_corrected(found[found["reference"] == name], name) for name in REFERENCES]
    parts = [part for part in drawn if part]
    return HTML("".join(parts)) if parts else unfitted(found)


def _corrected(mine: pd.DataFrame, reference: str) -> str:
    if mine["beta_corrected"].isna().all():
        return ""
    fig = comparison_plots.corrected(mine)
    caption = f"First panel: attenuation, mL of {IN_WORDS[reference]} per mL of each method at equal covariates; 1 (dashed) would need no correction. Other panels: slopes per mL as measured (filled) and per mL of {IN_WORDS[reference]} (open). {BOOTSTRAP} The paper has no such figure."
    alt = "Attenuation in the first panel, then slopes as measured and corrected, one panel an outcome."
    return figures.figure(fig, caption=caption, alt=alt, name=f"corrected-slopes-{reference}").data


def corrected_table(found: pd.DataFrame) -> HTML:
    """Tabulate attenuation and corrected slopes, a table for each reference."""
    known = found[found["beta_corrected"].notna()].reset_index(drop=True)
    if known.empty:
        return note("There are no corrected slopes to tabulate.")
    parts = [_corrected_table(rows, name) for name, rows in known.groupby("reference", sort=False)]
    whole = downloads.tidy(found, name="error-corrected-tidy", what="every number of the correction")
    shareable, _ = privacy.shareable(found.reset_index(drop=True))
    said = " ".join(map(escape, noted(shareable, "beta_corrected")))
    return joined(*parts, note(said), whole)


def _corrected_table(rows: pd.DataFrame, reference: str) -> HTML:
    logged = rows["outcome"].isin(comparison_plots.LOGGED)
    shown = {
        "outcome": rows["outcome"]
        .map(outcomes.name)
        .mask(logged, "ln " + rows["outcome"].map(outcomes.name)),
        "method": rows["method"],
        "n": rows["n"],
        "n_calibration": rows["n_calibration"],
        "attenuation [95 % interval]": cells(rows, "attenuation", 2),
        "per mL of the reference": cells(rows, "beta_corrected", logged.map({True: FINE, False: COARSE})),
    }
    caption = f"Slopes per mL, corrected to {IN_WORDS[reference]} (not in the paper)."
    return tables.show(
        pd.DataFrame(shown).reset_index(drop=True), caption=caption, name=f"error-corrected-{reference}"
    )
