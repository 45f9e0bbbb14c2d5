"""What the page on voxel agreement shows, or a note where a reference or masks are missing."""

import pandas as pd
from IPython.display import HTML

from thalutils.report import downloads, figures, overlap_plots, pair_plots, privacy, tables
from thalutils.report.embed import note
from thalutils.report.order import in_order
from thalutils.report.words import IN_WORDS, TOO_FEW, interval, span
from thalutils.stats import raters
from thalutils.stats.agreement import first_visits
from thalutils.stats.voxelwise import COMPARED, MEASURES

DIGITS = {"dice": 3, "precision": 3, "sensitivity": 3, "hd95_mm": 2, "mean_surface_mm": 2}
LABELS = {
    "dice": "Dice", "precision": "Precision", "sensitivity": "Sensitivity",
    "hd95_mm": "95 % Hausdorff distance", "mean_surface_mm": "Mean surface distance",
}  # fmt: skip
UNITS = {"hd95_mm": "mm", "mean_surface_mm": "mm"}


def _without(reference: str) -> HTML:
    return note(
        f"This cohort has no overlap with <code>{reference}</code>: with that reference on scans, or with the table "
        "<code>overlap</code>, its figures and tables stand here."
    )


def boxes(overlap: pd.DataFrame, reference: str) -> HTML:
    """Draw Dice, precision and sensitivity of each method: Figure 2a of the paper."""
    mine = overlap[overlap["reference"] == reference]
    if mine.empty:
        return _without(reference)
    mine = privacy.shareable_groups(mine, ["method"])
    if mine.empty:
        return note(TOO_FEW)
    fig = overlap_plots.agreement_boxes(mine, reference=reference)
    paper = ", as Figure 2a of the paper shows it for its own methods" if reference == "manual" else ""
    caption = (
        f"Overlap of each method's masks with {IN_WORDS[reference]} at the first visit{paper}. A point is a "
        "person; boxes are quartiles with the median, whiskers reach to the last person within 1.5 "
        "interquartile ranges, and boxes stand where there are three people or more."
    )
    methods = ", ".join(in_order(mine["method"]))
    alt = f"Three panels of boxes and points, Dice, precision and sensitivity, a row each for {methods}."
    return figures.figure(fig, caption=caption, alt=alt, name=f"overlap-{reference}")


def summary_table(summary: pd.DataFrame, reference: str) -> HTML:
    """Tabulate medians and quartiles of the overlap by method: Table 1 of the paper."""
    mine = summary[summary["reference"] == reference]
    if mine.empty:
        return _without(reference)
    mine, became = privacy.shareable(mine)
    paper = ", laid out as Table 1 of the paper" if reference == "manual" else ""
    measured = [name for name in MEASURES if mine.loc[mine["measure"] == name, "median"].notna().any()]
    caption = f"Overlap with {IN_WORDS[reference]} at the first visit: median [quartiles] by method{paper}. {became}"
    columns = measured or list(COMPARED)
    wide = summary_cells(mine, columns)
    units = {LABELS[name]: unit for name, unit in UNITS.items()}
    return tables.show(wide, caption=caption.strip(), name=f"overlap-{reference}", units=units)


def against_truth(overlap: pd.DataFrame, summary: pd.DataFrame) -> list[HTML]:
    """Return the figure and the table of overlap with the truth, or one sentence where it is not known."""
    if "truth" not in set(overlap["reference"]):
        return [_without("truth")]
    return [boxes(overlap, "truth"), summary_table(summary, "truth")]


def summary_cells(summary: pd.DataFrame, measures: list[str]) -> pd.DataFrame:
    """Lay medians and quartiles out with a row for each method and a column for each measure.

    Parameters
    ----------
    summary
        Rows of one reference of the table ``overlap_summary``.
    measures
        The measures, in order; `n` of the first is shown.
    """
    keyed = summary.set_index(["method", "measure"])
    rows = []
    for method in in_order(summary["method"]):
        row = {"method": method, "n": keyed.loc[(method, measures[0]), "n"]}
        for name in measures:
            found, digits = keyed.loc[(method, name)], DIGITS[name]
            alone = found["n"] == 1
            row[LABELS[name]] = interval(found["median"], None if alone else found["q1"], found["q3"], digits)
        rows.append(row)
    return pd.DataFrame(rows)


def pairwise(pairs: pd.DataFrame, reference: str) -> list[HTML]:
    """Return a square of the paired tests for each measure, what they left out, and all of them to save.

    Together they are Table S4 of the paper.
    """
    mine = pairs[pairs["reference"] == reference]
    if mine.empty:
        return [note(f"No two methods of this cohort are held against {IN_WORDS[reference]}.")]
    shown, became = privacy.shareable(mine)
    found = [_square(shown, measure, became) for measure in COMPARED]
    everything = f"all {len(mine)} comparisons with {IN_WORDS[reference]}"
    saved = downloads.tidy(mine, name=f"overlap-pairwise-{reference}", what=everything)
    return [*found, *_remarks(shown), saved]


def _square(pairs: pd.DataFrame, measure: str, became: str) -> HTML:
    """Draw the tests of one measure."""
    mine = pairs[pairs["measure"] == measure]
    columns = ["median_difference", "p_adjusted"]
    mine = mine.assign(**{name: pd.to_numeric(mine[name]) for name in columns})
    sizes = pd.to_numeric(mine["n"], errors="coerce").dropna()
    people = f" (n = {span(sizes)})" if len(sizes) else ""
    fig = pair_plots.pair_matrix(mine, digits=DIGITS[measure])
    caption = (
        f"{LABELS[measure]}: every two methods compared on the people who have both{people}, a third of Table S4 of "
        "the paper. Columns are numbered as the rows. Above the diagonal the adjusted p of Wilcoxon's signed-rank "
        f"test; below it the median of row minus column, orange where the row has less and purple where it has more. {became}"
    )
    alt = f"A square of p-values and differences in {LABELS[measure]}, a row and a column for each method."
    return figures.figure(fig, caption=caption.strip(), alt=alt, name=f"pairwise-{measure}")


def _remarks(pairs: pd.DataFrame) -> list[HTML]:
    """Return a sentence with what the tests remark, and on how many pairs."""
    counts = pairs["note"].dropna().value_counts(sort=False)
    if counts.empty:
        return []
    said = " ".join(f"{text} ({times} of {len(pairs)} tests)" for text, times in counts.items())
    return [note(f"Remarks of the tests: {said}")]


def containment(found: pd.DataFrame) -> HTML:
    """Draw the mean containment of every mask in every other: Figure 2b of the paper."""
    if found.empty:
        return note("There are no masks to compare, or no table that compares them.")
    found = privacy.shareable_groups(found, ["method_i", "method_j"])
    if found.empty:
        return note(TOO_FEW)
    fig = overlap_plots.containment_heat(found)
    people = first_visits(found).groupby(["method_i", "method_j"])["participant_id"].nunique()
    caption = (
        "Share of the mask in the row that lies in the mask in the column: mean over the people who have both at "
        f"the first visit (n = {span(people)}), as Figure 2b of the paper. Masks drawn from the T1w alone come first."
    )
    alt = f"A square of shares from 0 to 1, a row and a column each for {', '.join(in_order(found['method_i']))}."
    return figures.figure(fig, caption=caption, alt=alt, name="containment")


def measured(overlap: pd.DataFrame) -> pd.DataFrame:
    """Count the people and visits that each method was measured on, by reference."""
    by = ["reference", "method"]
    visits = overlap.drop_duplicates([*by, "participant_id", "session_id"])
    grouped = visits.groupby(by, sort=False)["participant_id"]
    return grouped.agg(people="nunique", visits="size").reset_index()


def measured_table(overlap: pd.DataFrame) -> HTML:
    """Tabulate how many people and visits each method was measured on."""
    if overlap.empty:
        return note(
            "No mask was held against a reference: nobody of this cohort has a mask drawn by hand, and no truth is known. Masks are "
            "held against each other all the same."
        )
    return tables.show(
        measured(overlap), caption="How many people and visits each method was measured on, by reference.",
        name="overlap-counts",
    )  # fmt: skip


def between_raters(drawn: pd.DataFrame) -> HTML:
    """Tabulate how far those who drew the reference agree with each other.

    Takes the table ``rater_agreement``.
    """
    if drawn.empty:
        return note(
            "Nobody's drawing can be held against another's: with a folder for each rater in the cohort's YAML "
            "(<code>references: manual: [derivatives/a, derivatives/b]</code>), their agreement stands here."
        )
    caption = (
        "Agreement of those who drew the reference, over people's first visits that both drew. Bias is the second "
        "rater's volume less the first's."
    )
    units = dict.fromkeys(("mean_i_ml", "mean_j_ml", "bias_ml", "sd_ml"), "mL")
    return tables.show(raters.between_raters(drawn), caption=caption, name="raters", units=units)
