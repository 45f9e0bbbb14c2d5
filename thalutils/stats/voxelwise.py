"""How well the masks of each method overlap with a reference, and which methods differ (section 2.7.2)."""

import pandas as pd

from thalutils import tables
from thalutils.stats import multiplicity, pairwise
from thalutils.stats.agreement import REFERENCES, VISIT, first_visits

MEASURES = ("dice", "precision", "sensitivity", "hd95_mm", "mean_surface_mm")
# The paper tests these three, its Table S4.
COMPARED = ("dice", "precision", "sensitivity")
FAMILY = ("reference", "measure")


def overlap_summary(overlap: pd.DataFrame) -> pd.DataFrame:
    """Summarise each method's overlap with each reference over people's first visits, as Table 1 does.

    Parameters
    ----------
    overlap : DataFrame
        The table ``overlap``.

    Returns
    -------
    DataFrame
        The table ``overlap_summary``: a row for each reference there is, method and measure (of
        :data:`MEASURES`), in the measure's own units. A missing distance lowers only its own ``n``.

    Raises
    ------
    TableError
        Where the table breaks the contract.
    """
    checked = tables.check("overlap", overlap)
    rows = []
    for reference in REFERENCES:
        mine = _one_mask_a_person(checked, reference)
        for method in mine["method"].unique():
            for measure in MEASURES:
                values = mine.loc[mine["method"] == method, measure].dropna()
                q1, median, q3 = values.quantile([0.25, 0.5, 0.75])
                rows.append((method, reference, measure, len(values), median, q1, q3))
    columns = list(tables.empty("overlap_summary").columns)
    return tables.check("overlap_summary", pd.DataFrame(rows, columns=columns))


def overlap_pairwise(overlap: pd.DataFrame) -> pd.DataFrame:
    """Test every pair of methods for a difference in overlap, on people whose first visit has both masks.

    Parameters
    ----------
    overlap : DataFrame
        The table ``overlap``.

    Returns
    -------
    DataFrame
        The table ``overlap_pairwise``: a row for each reference there is, measure of :data:`COMPARED` and
        pair of methods, with Wilcoxon's signed-rank test (see :func:`pairwise.signed_rank` for zeros and
        small samples). p is adjusted among the pairs of one reference and measure.

    Raises
    ------
    TableError
        Where the table breaks the contract.
    """
    checked = tables.check("overlap", overlap)
    found = []
    for reference in REFERENCES:
        mine = _one_mask_a_person(checked, reference)
        methods = mine["method"].unique()
        for measure in COMPARED:
            wide = mine.pivot_table(measure, "participant_id", "method", aggfunc="first")
            pairs = pairwise.wilcoxon_pairs(wide.reindex(columns=methods))
            found.append(pairs.assign(reference=reference, measure=measure))
    found = [pairs for pairs in found if len(pairs)]
    frame = pd.concat(found, ignore_index=True) if found else tables.empty("overlap_pairwise")
    return tables.check("overlap_pairwise", multiplicity.adjust(frame, FAMILY))


def _one_mask_a_person(overlap: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return the first visits with this reference; of several raters, the first by name."""
    mine = first_visits(overlap[overlap["reference"] == reference])
    return mine.sort_values("rater", kind="stable").drop_duplicates([*VISIT, "method"]).sort_index()
