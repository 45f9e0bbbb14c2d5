"""What the pages on agreement show: figures and tables, or a note where a reference is missing."""

import pandas as pd
from IPython.display import HTML

from thalutils.report import agreement_plots, figures, tables
from thalutils.report.imaging_pages import note
from thalutils.segmenters.measure import REFERENCES, in_order
from thalutils.stats import agreement

IN_WORDS = {
    "manual": "the rater's drawings",
    "truth": "the whole structure",
}


def _without(reference: str) -> HTML:
    return note(f"This cohort has no reference `{reference}`: with one, its figures and tables stand here.")


def boxes(overlap: pd.DataFrame, reference: str) -> HTML:
    """Draw Dice, precision and sensitivity per method."""
    mine = overlap[overlap["reference"] == reference]
    if mine.empty:
        return _without(reference)
    fig = agreement_plots.agreement_boxes(mine, reference=reference)
    caption = f"Voxel agreement with {IN_WORDS[reference]}. Points are people at their first visit; boxes (quartiles, whiskers to 1.5 IQR) stand where there are three or more."
    return figures.figure(
        fig, caption=caption, alt="Dice, precision and sensitivity per method.", name=f"overlap-{reference}"
    )


def overlap_table(overlap: pd.DataFrame, reference: str) -> HTML:
    """Tabulate medians and quartiles of the overlap per method."""
    mine = overlap[overlap["reference"] == reference]
    if mine.empty:
        return _without(reference)
    summary = _wide(agreement.overlap_summary(mine, reference))
    return tables.show(
        summary,
        caption=f"Agreement with {IN_WORDS[reference]}: median and quartiles.",
        name=f"overlap-{reference}",
    )


def _wide(summary: pd.DataFrame) -> pd.DataFrame:
    """Lay medians and quartiles out as the paper's Table 1 does: a row per method."""
    digits = {"dice": 3, "precision": 3, "sensitivity": 3, "hd95_mm": 2, "mean_surface_mm": 2}
    cells = summary.assign(
        cell=[
            f"{row.median:.{digits[row.measure]}f}"
            + (f" ({row.q1:.{digits[row.measure]}f}–{row.q3:.{digits[row.measure]}f})" if row.n > 1 else "")
            for row in summary.itertuples()
        ]
    )
    wide = cells.pivot_table(index=["method", "n"], columns="measure", values="cell", aggfunc="first")
    return wide.loc[in_order(cells["method"]), list(digits)].reset_index()


def containment(found: pd.DataFrame) -> HTML:
    """Draw the mean containment of every mask in every other."""
    if found.empty:
        return note("There are no masks to compare.")
    fig = agreement_plots.containment_heat(found)
    return figures.figure(fig, caption="Containment of the mask in the row within the mask in the column, mean over people at their first visit.",
                          alt="A square of shares between 0 and 1, one row and column per method.", name="containment")  # fmt: skip


def volumes(found: pd.DataFrame) -> HTML:
    """Draw every volume by method."""
    if found.empty:
        return note("There are no masks, so there are no volumes.")
    fig = agreement_plots.volume_dots(found)
    return figures.figure(fig, caption="Thalamus volume, both sides, by method; a point is a visit.",
                          alt="Points of volume in mL per method and reference.", name="volumes")  # fmt: skip


def volume_summary(found: pd.DataFrame) -> pd.DataFrame:
    """Return n, mean and SD of the volume by method at the first visit."""
    first = found.sort_values("session_id").drop_duplicates(["participant_id", "method"])
    summary = first.groupby("method")["volume_ml"].agg(n="size", mean_ml="mean", sd_ml="std")
    order = [*in_order(summary.index), *[name for name in REFERENCES if name in summary.index]]
    return summary.loc[order].reset_index()


def scatter(volumes_table: pd.DataFrame, reference: str) -> HTML:
    """Draw each method's volume against the reference's."""
    if reference not in set(volumes_table["method"]):
        return _without(reference)
    fig = agreement_plots.volume_scatter(volumes_table, reference)
    return figures.figure(fig, caption=f"Volume by each method against {IN_WORDS[reference]}, with the line of identity and, from three people on, the least-squares fit.",
                          alt="Scatter plots, one per method.", name=f"scatter-{reference}")  # fmt: skip


def bland_altman(volumes_table: pd.DataFrame, reference: str) -> HTML:
    """Draw the difference from the reference against the mean."""
    if reference not in set(volumes_table["method"]):
        return _without(reference)
    fig = agreement_plots.bland_altman(volumes_table, reference)
    return figures.figure(fig, caption=f"Difference of method and {IN_WORDS[reference]} against their mean, with bias and limits of agreement where three or more people allow them.",
                          alt="Bland-Altman plots, one per method.", name=f"bland-altman-{reference}")  # fmt: skip
