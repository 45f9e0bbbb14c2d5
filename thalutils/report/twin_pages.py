"""What the page on the twin's model shows: its parameters, what they give, its switch, and coverage."""

from __future__ import annotations

import pandas as pd
from IPython.display import HTML

from thalutils.report import figures, tables, twin_plots
from thalutils.report.order import in_order
from thalutils.simulate import twin_change, twin_masks, twin_outcomes, twin_people
from thalutils.simulate.coverage import STATISTICS
from thalutils.simulate.twin_study import TwinModel

SECTIONS = {
    "populations": "the populations (section 3.1)",
    "voxel_agreement": "voxel agreement (Table 1), medians with quartiles",
    "volume_agreement": "volumetric agreement (section 3.3, Table 2)",
    "cross_sectional": "cross-sectional slopes (section 3.4)",
    "volume_change": "volume change (section 3.5)",
    "brain_volume_change": "brain volume change (section 3.5)",
    "longitudinal": "longitudinal slopes of EDSS (section 3.6)",
}
CALIBRATED, ASSUMED = "calibrated", "assumed"
SWITCH_WORDS = "switch, method, the paper's slope, that of a very large sample and that of this sample"


def parameters(model: TwinModel) -> HTML:
    """Tabulate the model's constants: symbol, meaning, value and where it comes from."""
    volume, outcomes = model.volume, model.outcomes
    rows = [
        ("c", "Centre of the true volume", volume.centre_ml, "mL", CALIBRATED),
        ("a", "Age, per year", twin_people.AGE_SLOPE_ML, "mL", ASSUMED),
        ("m", "Men", twin_people.MALE_ML, "mL", ASSUMED),
        ("h", "Head size, per standard deviation", volume.icv_slope_ml, "mL", CALIBRATED),
        ("d", "Duration, per year", volume.duration_slope_ml, "mL", CALIBRATED),
        ("g_PMS", "Progressive MS, against relapsing-remitting", volume.progressive_ml, "mL", CALIBRATED),
        ("σ_T", "Spread that nothing explains", volume.residual_sd_ml, "mL", CALIBRATED),
        ("σ_R", "Error of the rater", twin_people.RATER_SD_ML, "mL", ASSUMED),
        ("κ_EDSS", "Latent EDSS per mL", outcomes.slopes["edss"], "1/mL", CALIBRATED),
        ("κ_T25FW", "Logarithm of T25FW per mL", outcomes.slopes["t25fw"], "1/mL", CALIBRATED),
        ("κ_9HPT", "Logarithm of 9HPT per mL", outcomes.slopes["nhpt"], "1/mL", ASSUMED),
        ("κ_SDMT", "SDMT per mL", outcomes.slopes["sdmt"], "1/mL", CALIBRATED),
        ("ω", "EDSS per standard deviation of the tie", twin_change.TIED_EDSS, "points", ASSUMED),
        ("σ_E", "Other change of EDSS", twin_outcomes.EDSS_CHANGE_SPREAD, "points", ASSUMED),
        ("q", "EDSS per % of true change", twin_outcomes.EDSS_PER_PERCENT, "points/%", ASSUMED),
    ]
    frame = pd.DataFrame(rows, columns=["symbol", "meaning", "value", "units", "basis"])
    caption = "Constants of the model, as the equations name them. Not in the paper."
    return tables.show(frame, caption=caption, name="twin-parameters", digits=3)


def measurements(model: TwinModel) -> HTML:
    """Tabulate how each method reads the true volume and its change; core is what MindGlide's masks share."""
    change, sizes = model.change, model.masks.sizes
    names = list(sizes)
    rows = [
        ("o", "Offset", "mL", *(sizes[name].offset_ml for name in names)),
        ("γ", "Gain", "1", *(sizes[name].gain for name in names)),
        ("h", "Head size, per standard deviation", "mL", *(sizes[name].icv_ml for name in names)),
        ("σ", "Error", "mL", *(sizes[name].error_ml for name in names)),
        ("λ", "Share of that error with other methods", "1", *(twin_masks.SHARED_ERROR[name] for name in names)),
        ("μ", "Mean change", "%", *(change.means[name] for name in names)),
        ("s", "Spread of change", "%", *(change.spreads[name] for name in names)),
        ("ρ", "Loading on brain volume change", "1", *(change.brain[name] for name in names)),
        ("τ", "Loading on the tie with EDSS", "1", *(change.ties[name] for name in names)),
    ]  # fmt: skip
    caption = (
        "How each method reads the true volume, and its change over a year; all calibrated but λ, which is assumed. core "
        "is what MindGlide's three masks have in common. Not in the paper."
    )
    frame = pd.DataFrame(rows, columns=["symbol", "meaning", "units", *names])
    return tables.show(frame, caption=caption, name="twin-measurements", digits=3)


def calibration(table: pd.DataFrame, section: str) -> HTML:
    """Draw what is reported, implied and drawn of one section of the table ``twin_calibration``."""
    caption = (
        f"The twin beside the paper: {SECTIONS[section]}. Bars are reported, dots what the model gives in a very large "
        "sample, rings what this sample gives. Blue is what was not used to set the model."
    )
    mine = table[table["section"] == section]
    alt = f"Bars, dots and rings of {len(mine)} reported numbers, a panel a quantity."
    return figures.figure(twin_plots.calibration(mine), caption=caption, alt=alt, name=f"twin-{section}")


def calibration_table(table: pd.DataFrame) -> HTML:
    """Tabulate every reported number beside what the model and the sample give."""
    caption = (
        "Every number of the paper that the twin can be held against: as reported, as the model gives it in a very large "
        "sample, and as this sample gives it."
    )
    digits = dict.fromkeys(("reported", "implied", "drawn"), 3)
    return tables.show(table, caption=caption, name="twin-calibration", digits=digits)


def switches(slopes: pd.DataFrame) -> HTML:
    """Draw and tabulate the slope of EDSS change under every switch.

    Takes what :func:`thalutils.simulate.twin_summary.switches` returns.
    """
    caption = (
        "Slope of EDSS change on thalamic change under each switch, adjusted as in section 3.6 of the paper. Bars are "
        "reported (Fig. 6 of the paper), dots what the model gives in a very large sample, rings a sample of the "
        "study's size with this seed."
    )
    alt = f"Four panels, {', '.join(slopes['switch'].unique())}, a row each for {', '.join(in_order(slopes['method']))}."
    drawn = figures.figure(twin_plots.switch_slopes(slopes), caption=caption, alt=alt, name="twin-switches")
    table = tables.show(
        slopes,
        caption=f"The same in numbers, in points per mL: {SWITCH_WORDS}.",
        name="twin-switches",
        digits=2,
    )
    return HTML(drawn.data + table.data)


def contradictions(table: pd.DataFrame) -> HTML:
    """Tabulate how far the paper's numbers contradict each other."""
    caption = (
        "Places where the paper contradicts itself: what it gives, what its other numbers or its words imply, and the "
        "difference."
    )
    once = table["contradiction"].mask(table["contradiction"].duplicated(), "")
    return tables.show(table.assign(contradiction=once), caption=caption, name="contradictions", digits=3)


def identities(table: pd.DataFrame) -> HTML:
    """Tabulate numbers of the paper that others determine."""
    caption = (
        "Numbers of the paper that its others determine, as given and as implied. ccc, ba_slope (the slope of the "
        "difference on the mean) and bias_sd follow from ICC, bias and slope; dice_median from the medians of precision "
        "and sensitivity, for which it holds nearly."
    )
    return tables.show(table.reset_index(drop=True), caption=caption, name="identities", digits=3)


def nest(parts: pd.DataFrame) -> HTML:
    """Draw the parts of MindGlide's masks that the published medians determine."""
    caption = (
        "The seven disjoint parts of MindGlide's T1w, FLAIR and R1 masks that the paper's figures imply (computed from "
        "Table 1 and section 3.3 of the paper), and what of each lies inside the manual mask."
    )
    alt = "; ".join(f"{row.part}: {row.size_ml:.2f} mL, {row.share:.0%} inside" for row in parts.itertuples())
    return figures.figure(twin_plots.nest(parts), caption=caption, alt=alt, name="twin-parts")


def coverage(table: pd.DataFrame) -> HTML:
    """Draw and tabulate how often intervals hold the truth.

    Takes what :func:`thalutils.simulate.coverage.read` returns.
    """
    draws = int(table["draws"].iloc[0])
    caption = (
        f"How often 95 % intervals hold the truth in {draws} studies drawn from the twin, with the 95 % Wilson interval "
        "of that share. Crosses: the same people dealt to the studies at random. Not in the paper."
    )
    alt = "Dots with lines about 95 per cent, three methods to each of the rows: " + "; ".join(
        STATISTICS.values()
    )
    drawn = figures.figure(twin_plots.coverage(table), caption=caption, alt=alt, name="coverage")
    named = table.assign(statistic=table["statistic"].map(STATISTICS))
    shares = dict.fromkeys(("coverage", "low", "high", "dealt"), 3)
    shown = tables.show(
        named.drop(columns=["nominal", "draws"]), caption="The same in numbers. truth is the value in a very large sample.",
        name="coverage", digits=shares,
    )  # fmt: skip
    return HTML(drawn.data + shown.data)
