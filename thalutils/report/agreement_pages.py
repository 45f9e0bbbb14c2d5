"""What the pages on volumes and their agreement show, or a note where a reference is missing."""

import pandas as pd
from IPython.display import HTML

from thalutils.report import agreement_plots, downloads, figures, privacy, tables
from thalutils.report.embed import note
from thalutils.report.order import in_order
from thalutils.report.words import IN_WORDS, TOO_FEW, interval, without
from thalutils.stats.agreement import REFERENCES, first_visits


def volumes(found: pd.DataFrame) -> HTML:
    """Draw every volume by method."""
    if found.empty:
        return note("There are no masks, so there are no volumes.")
    found = privacy.shareable_groups(found, ["method"])
    if found.empty:
        return note(TOO_FEW)
    fig = agreement_plots.volume_dots(found)
    return figures.figure(fig, caption="Thalamus volume, both sides, by method; a point is a visit.",
                          alt="Points of volume in mL per method and reference.", name="volumes")  # fmt: skip


def volume_summary(found: pd.DataFrame) -> pd.DataFrame:
    """Return n, mean and SD of the volume by method at the first visit."""
    first = first_visits(found).drop_duplicates(["participant_id", "method"])
    summary = first.groupby("method")["volume_ml"].agg(n="size", mean_ml="mean", sd_ml="std")
    return summary.loc[in_order(summary.index)].reset_index()


def scatter(volumes_table: pd.DataFrame, reference: str) -> HTML:
    """Draw each method's volume against the reference's: Figure 3a of the paper."""
    if reference not in set(volumes_table["method"]):
        return without(reference)
    shown = _with_reference(volumes_table, reference)
    if shown.empty:
        return note(TOO_FEW)
    fig = agreement_plots.volume_scatter(shown, reference)
    paper = ", as Figure 3a of the paper" if reference == "manual" else ""
    caption = (
        f"Volume by each method against {IN_WORDS[reference]} at the first visit{paper}; a point is a person. Above "
        "each panel, with 95 % intervals: Lin's concordance (CCC), the slope of the least-squares line, and the "
        "standard deviation about that line. Lines need three people."
    )
    alt = f"Scatter plots of volume in mL, one panel each for {_methods(shown)}."
    return figures.figure(fig, caption=caption, alt=alt, name=f"scatter-{reference}")


def bland_altman(volumes_table: pd.DataFrame, reference: str) -> HTML:
    """Draw the difference from the reference against the mean: Figure 3b of the paper."""
    if reference not in set(volumes_table["method"]):
        return without(reference)
    shown = _with_reference(volumes_table, reference)
    if shown.empty:
        return note(TOO_FEW)
    fig = agreement_plots.bland_altman(shown, reference)
    paper = ", as Figure 3b of the paper" if reference == "manual" else ""
    caption = (
        f"Method minus {IN_WORDS[reference]} against the mean of both{paper}; a point is a person. Above each panel: "
        "bias ± standard deviation, the limits of agreement, and the slope of the difference on the mean with its "
        "95 % interval (proportional bias). Bias and limits need three people."
    )
    alt = f"Bland-Altman plots in mL, one panel each for {_methods(shown)}."
    return figures.figure(fig, caption=caption, alt=alt, name=f"bland-altman-{reference}")


def icc_table(agreement: pd.DataFrame, reference: str) -> HTML:
    """Tabulate both intraclass correlations: Table 2 of the paper, and absolute agreement beside it."""
    columns = {"ICC3 (consistency)": ("icc3", 3), "ICC(A,1) (absolute agreement)": ("icc_a1", 3)}
    caption = f"Intraclass correlation of single volumes with {IN_WORDS[reference]} [95 % interval]."
    return _table(
        agreement, reference, columns, caption, "icc", paper="ICC3 is what Table 2 of the paper gives."
    )


def concordance_table(agreement: pd.DataFrame, reference: str) -> HTML:
    """Tabulate concordance and both slopes: Table S5 of the paper, and Deming's slope beside it."""
    columns = {
        "CCC": ("ccc", 2), "Slope, least squares": ("slope", 2), "Residual SD (mL)": ("residual_sd_ml", 2),
        "Slope, Deming": ("deming_slope", 2), "Pearson r": ("pearson_r", 2),
    }  # fmt: skip
    caption = (
        f"Concordance with {IN_WORDS[reference]}, and slope of the method on the reference [95 % interval]."
    )
    paper = "Table S5 of the paper; Deming's slope is ours."
    return _table(agreement, reference, columns, caption, "concordance", paper)


def bias_table(agreement: pd.DataFrame, reference: str) -> HTML:
    """Tabulate bias, limits of agreement and proportional bias: Table S6 of the paper."""
    columns = {
        "Bias (mL)": ("bias", 2), "SD (mL)": ("sd_ml", 2), "Lower limit (mL)": ("loa_lower", 2),
        "Upper limit (mL)": ("loa_upper", 2), "Slope of difference on mean": ("ba_slope", 2),
    }  # fmt: skip
    caption = f"Method minus {IN_WORDS[reference]}: bias, limits of agreement and proportional bias [95 % interval]."
    paper = "Table S6 of the paper; the intervals of the limits are ours."
    return _table(agreement, reference, columns, caption, "bland-altman-table", paper)


def against_truth(volumes_table: pd.DataFrame, agreement: pd.DataFrame) -> list[HTML]:
    """Return every figure and table of agreement with the truth, or one sentence where it is not known."""
    if "truth" not in set(volumes_table["method"]):
        return [without("truth")]
    drawn = [page(volumes_table, "truth") for page in (scatter, bland_altman)]
    return drawn + [page(agreement, "truth") for page in (concordance_table, icc_table, bias_table)]


def save(agreement: pd.DataFrame) -> HTML:
    """Return the link that saves the whole table."""
    return downloads.tidy(agreement, name="volume-agreement", what="every number of agreement")


def _table(
    agreement: pd.DataFrame, reference: str, columns: dict[str, tuple[str, int]], caption: str, name: str,
    paper: str,
) -> HTML:  # fmt: skip
    """Show some measures against one reference; `paper` says which table they are, where people drew it."""
    mine = agreement[agreement["reference"] == reference]
    if mine.empty:
        return without(reference)
    shown, became = privacy.shareable(mine)
    laid = laid_out(shown, columns)
    whole = " ".join(part for part in (caption, paper if reference == "manual" else "", became) if part)
    return tables.show(laid, caption=whole, name=f"{name}-{reference}")


def laid_out(agreement: pd.DataFrame, columns: dict[str, tuple[str, int]]) -> pd.DataFrame:
    """Lay measures of agreement out with a row for each method, as text with intervals.

    Parameters
    ----------
    agreement
        Rows of one reference of the table ``volume_agreement``.
    columns
        Its column and decimals, by the header above them; a column with ``_low`` and ``_high`` beside it
        gets its interval.
    """
    keyed = agreement.set_index("method")
    rows = []
    for method in in_order(keyed.index):
        found = keyed.loc[method]
        row = {"method": method, "n": found["n"]}
        for header, (name, digits) in columns.items():
            low, high = found.get(f"{name}_low"), found.get(f"{name}_high")
            row[header] = interval(found[name], low, high, digits)
        rows.append(row | {"note": found["note"]})
    laid = pd.DataFrame(rows)
    return laid if laid["note"].notna().any() else laid.drop(columns="note")


def _with_reference(volumes_table: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return the volumes of people who have the reference, of methods that enough of them have."""
    people = volumes_table.loc[volumes_table["method"] == reference, "participant_id"]
    return privacy.shareable_groups(volumes_table[volumes_table["participant_id"].isin(people)], ["method"])


def _methods(volumes_table: pd.DataFrame) -> str:
    return ", ".join(name for name in in_order(volumes_table["method"]) if name not in REFERENCES)
