"""What the page on trial sizes and on the smallest change in one person shows, or why it cannot."""

from __future__ import annotations

import pandas as pd
from IPython.display import HTML

from thalutils.report import figures, privacy, tables, trial_plots
from thalutils.report.embed import note
from thalutils.report.order import in_order
from thalutils.report.words import interval, unbroken
from thalutils.stats.change import percent_by_method
from thalutils.stats.trial import CONTROLS, PATIENTS

NO_SIZES = (
    "No method has patients and controls at two visits in numbers that give a trial size; the table says why."
)
NO_CHANGE = "Nobody has a volume at two visits by any method, so no trial can be planned from this cohort."
NO_MINIMAL = (
    "There is no error of measurement to start from: neither a table <code>repeatability</code> nor true volumes at "
    "two visits."
)
WITHOUT_END = "\N{INFINITY}"
SIZE_COLUMNS = [
    "method", "slowing", "power", "n_patients", "n_controls", "n_per_arm", "interval", "unbounded", "note",
]  # fmt: skip


def sizes(table: pd.DataFrame) -> HTML:
    """Draw the people per arm of each method.

    Takes the table ``trial_size``.
    """
    if table.empty:
        return note(NO_CHANGE)
    shown, _ = privacy.shareable(table)
    shown = shown.assign(
        **{name: pd.to_numeric(shown[name], errors="coerce") for name in table.select_dtypes("number")}
    )
    if shown["excess_percent"].isna().all():
        return note(NO_SIZES)
    caption = (
        "People in each arm of a trial as long as the follow-up, to see a treatment that prevents a part of patients' "
        "loss beyond controls', at a two-sided level of 5 % (not in the paper). Lines are 95 % bootstrap-t intervals; "
        "an arrow has no upper end."
    )
    methods = ", ".join(in_order(table["method"]))
    alt = f"Two panels, one for each slowing, with a row each for {methods}; people per arm on a logarithmic axis."
    return figures.figure(trial_plots.trial_sizes(shown), caption=caption, alt=alt, name="trial-size")


def sizes_table(table: pd.DataFrame) -> HTML:
    """Tabulate the sizes with their intervals."""
    if table.empty:
        return note(NO_CHANGE)
    found = table.assign(
        n_per_arm=[_people(row.n_per_arm) if pd.notna(row.excess_percent) else None for row in table.itertuples()],
        interval=[
            unbroken(f"{_people(row.n_per_arm_low)} to {_people(row.n_per_arm_high)}") if pd.notna(row.excess_percent) else None
            for row in table.itertuples()
        ],
        slowing=table["slowing_percent"],
        unbounded=100 * table["unbounded_share"],
    )  # fmt: skip
    # Where there is an excess, the signs of infinity say what a note would.
    found["note"] = found["note"].where(found["excess_percent"].isna(), None)
    shown = found[SIZE_COLUMNS].dropna(axis=1, how="all").reset_index(drop=True)
    caption = (
        "People per arm with the 95 % bootstrap-t interval, and the share of bootstrap samples without an excess of loss, "
        f"in which no trial is large enough ({WITHOUT_END}; not in the paper). With few controls that share is too "
        "near 0 or 100 %; the interval allows for it."
    )
    units = {"slowing": "%", "unbounded": "%"}
    return tables.show(
        shown, caption=caption, name="trial-size", units=units, digits={"power": 1, "unbounded": 1}
    )


def excess_table(table: pd.DataFrame) -> HTML:
    """Tabulate what the sizes come from: the excess of patients' loss and its spread, once a method."""
    once = table.drop_duplicates("method")
    if once["excess_percent"].isna().all():
        return note("No method has an excess of loss over controls.")
    shown = once.assign(
        excess=[interval(row.excess_percent, row.excess_percent_low, row.excess_percent_high) for row in once.itertuples()]
    )  # fmt: skip
    columns = {"method": "method", "n_patients": "n_patients", "n_controls": "n_controls", "excess": "excess",
               "sd_percent": "sd of patients"}  # fmt: skip
    shown = shown[list(columns)].rename(columns=columns).reset_index(drop=True)
    caption = (
        f"Patients' ({', '.join(PATIENTS)}) mean change minus controls' ({', '.join(CONTROLS)}), with its 95 % bootstrap-t "
        "interval, and the standard deviation of patients' change (not in the paper). Negative: patients lose more."
    )
    units = {"excess": "%", "sd of patients": "%"}
    return tables.show(shown, caption=caption, name="trial-excess", units=units, digits={"sd of patients": 2})


def minimal(table: pd.DataFrame, change: pd.DataFrame) -> HTML:
    """Draw the smallest change that shows in one person beside the cohort's mean change.

    Takes the table ``minimal_change`` and what :func:`thalutils.stats.frames.change` returns.
    """
    kept = privacy.shareable(table)[0]
    known = table[pd.to_numeric(kept["change_percent"], errors="coerce").notna().to_numpy()]
    if known.empty:
        return note(NO_MINIMAL)
    shown = privacy.shareable_groups(change, ["method"])
    yearly = percent_by_method(shown).mean() if len(shown) else pd.Series(dtype=float)
    caption = (
        "The smallest change of one person that is more than error of measurement, at 95 %, beside the mean change of "
        f"everyone (not in the paper). Where the error comes from: {', '.join(known['basis'].unique())}."
    )
    alt = f"A row each for {', '.join(in_order(known['method']))}, with a dot and a bar in per cent of the volume."
    return figures.figure(
        trial_plots.minimal_changes(known, yearly), caption=caption, alt=alt, name="minimal-change"
    )


def minimal_table(table: pd.DataFrame) -> HTML:
    """Tabulate the smallest change that shows in one person, or say what is missing."""
    if table.empty:
        return note(NO_MINIMAL)
    shown = table.set_index("method", drop=False).loc[in_order(table["method"])].reset_index(drop=True)
    caption = (
        "Standard error of one measurement, and the smallest change that shows in one person at 95 % (not in the "
        "paper). basis says where the error comes from."
    )
    units = {"sem_ml": "mL", "change_ml": "mL", "change_percent": "%"}
    digits = {"sem_ml": 3, "change_ml": 3, "change_percent": 2}
    return tables.show(
        shown.dropna(axis=1, how="all"), caption=caption, name="minimal-change", units=units, digits=digits
    )


def _people(n: float) -> str:
    return WITHOUT_END if pd.isna(n) else f"{n:.0f}"
