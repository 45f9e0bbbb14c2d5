"""What the scorecard's page shows: verdicts, claims, and the reported beside the recomputed numbers."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thalutils.cohort import Cohort
from thalutils.errors import TableError
from thalutils.report import cohort_facts, figures, scorecard, tables
from thalutils.report.embed import note
from thalutils.report.panels import LINE_INCH, name_rows, panel_grid, shown_panels
from thalutils.result_schemas import RESULT_SCHEMAS

# What describes the paper's people, which is no finding in other people.
WHO = "populations"
PAPER_SAYS = "The paper: "
READ = ("overlap", "brain_change", "registration", *RESULT_SCHEMAS)
# The forest's panels: (section, quantity, outcome) and what they show, by figure.
FORESTS: Mapping[str, Mapping[tuple[str, str, str | None], str]] = {
    "Populations": {
        ("populations", "age_mean", None): "Mean age (years)",
        ("populations", "disease_duration_years_mean", None): "Mean disease duration (years)",
        ("populations", "edss_median", None): "Median EDSS",
    },
    "Voxel agreement": {
        ("voxel_agreement", "dice_median", None): "Median Dice",
        ("voxel_agreement", "precision_median", None): "Median precision",
        ("voxel_agreement", "sensitivity_median", None): "Median sensitivity",
    },
    "Volumetric agreement": {
        ("volume_agreement", "ccc", None): "Concordance (CCC)",
        ("volume_agreement", "icc3", None): "ICC3",
        ("volume_agreement", "bias_mean", None): "Bias (mL)",
        ("volume_agreement", "slope", None): "Slope on the reference",
        ("volume_agreement", "ba_slope", None): "Slope of difference on mean",
    },
    "Associations at baseline": {
        ("cross_sectional", "beta", "edss"): "EDSS per mL",
        ("cross_sectional", "beta", "t25fw"): "log T25FW per mL",
        ("cross_sectional", "beta", "sdmt"): "SDMT per mL",
        ("cross_sectional", "beta", "disease_duration"): "Disease duration (years per mL)",
    },
    "Change over the year": {
        ("volume_change", "change_mean", None): "Mean volume change (%)",
        ("brain_volume_change", "pearson_r", None): "Correlation with brain volume change",
        ("longitudinal", "beta", "edss"): "EDSS change per mL of change",
    },
}
VERDICT_COLOURS = {scorecard.AGREES: "#1b6e3c", scorecard.DIFFERS: "#b8420f", scorecard.UNKNOWN: "0.5"}


def gather(cohort: Cohort) -> dict[str, pd.DataFrame]:
    """Return the cohort's result tables that there are and hold rows, by name."""
    found = {}
    for name in READ:
        if name not in ("scorecard", "claims"):
            try:
                found[name] = cohort.table_or_empty(name)
            except TableError:  # left by an older version; its stage will run again
                continue
    return {name: frame for name, frame in found.items() if len(frame)}


def numbers(card: pd.DataFrame, judged: pd.DataFrame) -> dict[str, int | None]:
    """Count verdicts for the prose, of all results and of those that are findings."""
    built_in = int((card["basis"] == "calibrated").sum())
    found: dict[str, int | None] = {"scorecard.n": len(card), "scorecard.claims": len(judged)}
    found["scorecard.n_calibrated"] = built_in or None
    findings = card["section"] != WHO
    found["scorecard.findings"] = int(findings.sum())
    for verdict in (scorecard.AGREES, scorecard.DIFFERS, scorecard.UNKNOWN):
        word = verdict.split()[0]
        mine = card[card["verdict"] == verdict]
        found[f"scorecard.{word}"] = len(mine)
        found[f"scorecard.findings_{word}"] = int(findings[mine.index].sum())
        found[f"scorecard.{word}_emergent"] = int((mine["basis"] != "calibrated").sum())
    for verdict in ("holds", "fails", "cannot"):
        mine = judged[judged["verdict"].str.startswith(verdict)]
        found[f"scorecard.claims_{verdict}"] = len(mine)
        found[f"scorecard.claims_{verdict}_emergent"] = int((mine["basis"] != "calibrated").sum())
    return found


def verdicts(card: pd.DataFrame) -> HTML:
    """Tabulate the verdicts by section of the paper and basis."""
    return tables.show(
        scorecard.counts(card),
        caption="Reported results that this cohort agrees with, differs from, or cannot judge, by section and by what the recomputed number rests on.",
        name="scorecard-counts",
    )


def beside(cohort: Cohort) -> HTML:
    """Tabulate who and what the paper had beside who and what the cohort has."""
    return tables.show(
        cohort_facts.beside(cohort_facts.read(cohort)),
        caption="What the paper had, and what this cohort has.", name="scorecard-beside",
    )  # fmt: skip


def reasons(card: pd.DataFrame) -> HTML:
    """Tabulate why results cannot be judged, and how many for each reason."""
    mine = card[card["verdict"] == scorecard.UNKNOWN]
    if mine.empty:
        return note("Every reported result can be judged.")
    why = mine["note"].fillna("").map(_without_the_papers_words)
    counts = mine.assign(why=why).groupby(["section", "why"], sort=False).size()
    shown = counts.rename("results").reset_index()
    return tables.show(shown, caption="Why reported results cannot be judged here.", name="scorecard-reasons")


def _without_the_papers_words(text: str) -> str:
    """Return a note without what it quotes.

    Examples
    --------
    >>> _without_the_papers_words("The paper: same pattern (p < 0.01). Nobody here has a second visit.")
    'Nobody here has a second visit.'
    """
    return text.partition(". ")[2] if text.startswith(PAPER_SAYS) else text


def claim_table(judged: pd.DataFrame) -> HTML:
    """Tabulate the paper's claims with a verdict and the numbers that decide it."""
    return tables.show(
        judged,
        caption="Claims of the paper (section in the second column), judged on this cohort's own tables.",
        name="claims",
    )


def forest(card: pd.DataFrame, section: str) -> HTML:
    """Draw reported and recomputed values of one of :data:`FORESTS` side by side."""
    panels = {key: title for key, title in FORESTS[section].items() if len(_shown(card, key))}
    if not panels:
        return note(
            f"{section}: this cohort has nothing of the paper's methods to set side by side; the table above says why."
        )
    caption = f"{section}: what the paper reports (open diamond, with its interval where one is printed) and what this cohort gives (dot and 95 % interval, in the colour of the verdict; the dot is hollow where the number is calibrated)."
    alt = "; ".join(f"{title}: {_words(_shown(card, key))}" for key, title in panels.items())
    return figures.figure(draw_forest(card, panels), caption=caption, alt=alt, name=f"scorecard-{section}")


def draw_forest(card: pd.DataFrame, panels: Mapping[tuple[str, str, str | None], str]) -> Figure:
    """Return the figure of :func:`forest`: a panel a quantity, a row a method."""
    across = min(2, len(panels))
    down = -(-len(panels) // across)
    rows = max(len(_shown(card, key)) for key in panels)
    fig, grid = panel_grid(down, across, down * (1.0 + LINE_INCH * rows) + 0.5)
    for ax, (key, title) in zip(shown_panels(grid, len(panels)), panels.items(), strict=True):
        _panel(ax, _shown(card, key))
        ax.set_xlabel(title)
    handles = [Line2D([], [], color="black", marker="D", mfc="white", linestyle="", label="reported")]
    handles += [
        Line2D([], [], color=shade, marker="o", linestyle="-", label=f"recomputed: {verdict}")
        for verdict, shade in VERDICT_COLOURS.items()
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=2)
    return fig


def _panel(ax: Axes, mine: pd.DataFrame) -> None:
    for row, one in enumerate(mine.itertuples()):
        shade = VERDICT_COLOURS[one.verdict]
        ax.plot([one.low, one.high], [row + 0.16] * 2, color=shade, linewidth=2)
        ax.plot(
            one.recomputed,
            row + 0.16,
            marker="o",
            color=shade,
            mfc="white" if one.basis == "calibrated" else shade,
        )
        ax.plot([one.reported_low, one.reported_high], [row - 0.16] * 2, color="black", linewidth=1)
        ax.plot(one.reported, row - 0.16, marker="D", color="black", mfc="white")
    name_rows(ax, list(mine["method"]))


def _shown(card: pd.DataFrame, key: tuple[str, str, str | None]) -> pd.DataFrame:
    section, quantity, outcome = key
    mine = card[(card["section"] == section) & (card["quantity"] == quantity)]
    mine = mine[mine["outcome"].isna() if outcome is None else mine["outcome"] == outcome]
    return mine.dropna(subset=["reported", "recomputed", "method"])


def _words(mine: pd.DataFrame) -> str:
    return ", ".join(f"{one.method} {one.recomputed:.2f} beside {one.reported:.2f}" for one in mine.itertuples())  # fmt: skip


def whole(card: pd.DataFrame) -> HTML:
    """Show the whole scorecard, to sort and to download."""
    return tables.show(card, caption="The scorecard: every reported result from populations to longitudinal associations.",
                       name="scorecard", digits=3)  # fmt: skip
