"""The contract of what the statistics half makes: every result table's columns, units and limits."""

from collections.abc import Mapping

import pandera.pandas as pa

from thalutils.schema_columns import fraction, interval, number, schema, text

_METHOD = {"method": text("The tool and the contrasts it was given")}
_PAIR = {"method_i": text("One method"), "method_j": text("Another method")}
_ANALYSIS = {"analysis": text("Who and how: all, RRMS, winsor-1-99, ...")}
_N = {"n": number("People", "count", 0)}
_NOTE = {"note": text("Why a cell is empty, or what was left out", nullable=True)}
_PERSON = {"participant_id": text("The person")}


def _p_values(what: str = "the statistic") -> Mapping[str, pa.Column]:
    return {
        "p": fraction(f"Two-sided p of {what}"),
        "p_adjusted": fraction("p adjusted within its family (Benjamini-Hochberg)"),
        "family": text("The tests that p was adjusted among", nullable=True),
    }


_DESCRIBED = {
    **_N,
    "n_missing": number("People without a value", "count", 0),
    "mean": number("Mean, in the variable's units"),
    "sd": number("Standard deviation, in the variable's units", "", 0),
    "median": number("Median, in the variable's units"),
    "q1": number("First quartile, in the variable's units"),
    "q3": number("Third quartile, in the variable's units"),
}
_SLOPE = {
    **_ANALYSIS,
    "outcome": text("The outcome, or its change"),
    **_METHOD,
    **_N,
    "beta": number("Slope of the outcome (or its change) per mL of thalamus (or of its change)"),
    "se": number("Standard error of the slope", "", 0),
    "beta_low": number("Slope: lower end of the 95 % interval"),
    "beta_high": number("Slope: upper end of the 95 % interval"),
    "statistic": number("t of the slope; z in an ordinal model"),
    **_p_values("the slope"),
    "r2": number("R2 of the model; McFadden's in an ordinal model", "1"),
    "partial_r2": fraction("Share of what the covariates leave that the volume explains"),
    "beta_std": number("Slope in standard deviations of outcome per standard deviation of volume", "1"),
    "se_type": text("How the standard error was found: nonrobust, HC3 or ml", nullable=True),
    "transform": text("What was done to the outcome: none or log", nullable=True),
    **_NOTE,
}
_ASSUMPTIONS = {
    "design": text("cross-sectional or longitudinal"),
    **_ANALYSIS,
    "outcome": text("The outcome, or its change"),
    **_METHOD,
    **_N,
    "skewness": number("Skewness of the residuals", "1"),
    "normal_p": fraction("p of the Jarque-Bera test of normal residuals"),
    "breusch_pagan_p": fraction("p of the Breusch-Pagan test of constant spread"),
    "warning": text("Where the chosen transform or standard error disagrees", nullable=True),
}
_WILCOXON = {
    **_N,
    "median_difference": number("Median of method i minus method j"),
    "statistic": number("Wilcoxon's signed-rank statistic", "", 0),
    **_p_values(),
    **_NOTE,
}

RESULT_SCHEMAS: dict[str, pa.DataFrameSchema] = {
    "reference_sample": schema(
        {
            **_PERSON,
            "stratum": text("Age, duration and EDSS stratum"),
            "in_frame": number("Whether the person could be drawn", "1", 0, 1),
            "drawn": number("Whether the person was drawn at random", "1", 0, 1),
            "in_ground_truth": number("Whether the person has a reference mask", "1", 0, 1),
        },
        ["participant_id"],
    ),
    "population": schema(
        {
            "population": text("Reference set, baseline or follow-up"),
            "group": text("Diagnosis, or all"),
            "variable": text("What is described"),
            **_DESCRIBED,
            "summary": text("mean, median or share: which summary suits it"),
        },
        ["population", "group", "variable"],
    ),
    "overlap_summary": schema(
        {
            **_METHOD,
            "reference": text("The mask it is held against"),
            "measure": text("The measure of overlap"),
            **_N,
            "median": number("Median, in the measure's units"),
            "q1": number("First quartile, in the measure's units"),
            "q3": number("Third quartile, in the measure's units"),
        },
        ["method", "reference", "measure"],
    ),
    "overlap_pairwise": schema(
        {
            "reference": text("The mask they are held against"),
            "measure": text("The measure of overlap"),
            **_PAIR,
            **_WILCOXON,
        },
        ["reference", "measure", "method_i", "method_j"],
    ),
    "volume_agreement": schema(
        {
            **_METHOD,
            "reference": text("The mask it is held against"),
            **_N,
            "mean_ml": number("Mean of the method", "mL", 0),
            "method_sd_ml": number("Standard deviation of the method", "mL", 0),
            "reference_mean_ml": number("Mean of the reference", "mL", 0),
            "reference_sd_ml": number("Standard deviation of the reference", "mL", 0),
            **interval("ccc", "Lin's concordance correlation coefficient"),
            **interval("slope", "Least-squares slope of method on reference"),
            "intercept_ml": number("Intercept of that line", "mL"),
            "residual_sd_ml": number("Residual standard deviation about that line", "mL", 0),
            **interval(
                "deming_slope",
                "Deming slope of method on reference (error variances equal unless told otherwise)",
            ),
            **interval("icc3", "ICC(C,1), consistency, which the paper reports as ICC(3,1)"),
            **interval("icc_a1", "ICC(A,1), absolute agreement"),
            **interval("bias", "Mean of method minus reference", "mL"),
            "sd_ml": number("Standard deviation of the difference", "mL", 0),
            **interval("loa_lower", "Lower limit of agreement", "mL"),
            **interval("loa_upper", "Upper limit of agreement", "mL"),
            **interval("ba_slope", "Slope of the difference on the mean"),
            "pearson_r": number("Pearson correlation", "1", -1, 1),
            **_NOTE,
        },
        ["method", "reference"],
    ),
    "associations": schema(_SLOPE, ["analysis", "outcome", "method"]),
    "change_associations": schema(_SLOPE, ["analysis", "outcome", "method"]),
    "assumptions": schema(_ASSUMPTIONS, ["design", "analysis", "outcome", "method"]),
    "change_assumptions": schema(_ASSUMPTIONS, ["design", "analysis", "outcome", "method"]),
    "proportional_odds": schema(
        {
            **_ANALYSIS,
            **_METHOD,
            **_N,
            "n_better": number("People who got better", "count", 0),
            "n_stable": number("People who stayed", "count", 0),
            "n_worse": number("People who got worse", "count", 0),
            "chi2": number("Likelihood ratio against a slope of its own for each threshold", "", 0),
            "p": fraction("p of that ratio"),
            **_NOTE,
        },
        ["analysis", "method"],
    ),
    "change_summary": schema(
        {
            "group": text("Diagnosis, or all"),
            "quantity": text("volume_percent, volume_ml or a clinical change"),
            "method": text("The method; n/a for a clinical change", nullable=True),
            **_DESCRIBED,
        },
        ["group", "quantity", "method"],
    ),
    "change_pairwise": schema({**_PAIR, **_WILCOXON}, ["method_i", "method_j"]),
    "brain_change_correlation": schema(
        {
            "engine": text("How brain volume change was measured"),
            **_METHOD,
            **_N,
            **interval("r", "Pearson correlation of both changes"),
            "p": fraction("Two-sided p of the correlation"),
            **_NOTE,
        },
        ["engine", "method"],
    ),
    "brain_change_pairwise": schema(
        {
            "engine": text("How brain volume change was measured"),
            **_PAIR,
            **_N,
            "r_i": number("Correlation of method i with brain volume change", "1", -1, 1),
            "r_j": number("Correlation of method j with brain volume change", "1", -1, 1),
            "r_ij": number("Correlation of both methods", "1", -1, 1),
            "steiger_z": number("Steiger's Z for dependent overlapping correlations"),
            "steiger_p": fraction("Its two-sided p"),
            "williams_t": number("Williams' t for the same question"),
            "williams_p": fraction("Its two-sided p"),
            "p_adjusted": fraction("Steiger's p adjusted among all pairs (Benjamini-Hochberg)"),
            **_NOTE,
        },
        ["engine", "method_i", "method_j"],
    ),
    "like_with_like": schema(
        {
            "design": text("cross-sectional or longitudinal"),
            "outcome": text("The outcome, or its change"),
            **_METHOD,
            **_N,
            **interval("beta_std", "Standardised slope, adjusted for diagnosis as well"),
            **interval("partial_r2", "Partial R2 of the volume"),
            **interval(
                "difference_std",
                "Standardised slope minus that of the method it is held against, along the latter's direction",
            ),
            "against": text("That method"),
            **_NOTE,
        },
        ["design", "outcome", "method"],
    ),
    "error_corrected": schema(
        {
            "outcome": text("The outcome"),
            **_METHOD,
            "reference": text("The mask that calibrates it"),
            **_N,
            "n_calibration": number("People with the reference", "count", 0),
            **interval("beta", "Slope per mL as measured"),
            **interval("attenuation", "Slope of the reference on the method, given the covariates"),
            **interval("beta_corrected", "Slope per mL of the reference, by regression calibration"),
            **_NOTE,
        },
        ["outcome", "method", "reference"],
    ),
    "trial_size": schema(
        {
            **_METHOD,
            "slowing_percent": number("Share of the loss beyond controls' that the treatment prevents", "%"),
            "power": fraction("Power of the trial, at a two-sided level of 5 %"),
            "n_patients": number("Patients it is computed from", "count", 0),
            "n_controls": number("Controls it is computed from", "count", 0),
            **interval("excess_percent", "Patients' mean change minus controls'", "%"),
            "sd_percent": number("Standard deviation of patients' change", "%", 0),
            "n_per_arm": number("People per arm; n/a where patients lose no more than controls", "count", 0),
            "n_per_arm_low": number("Size at the lower end of the excess", "count", 0),
            "n_per_arm_high": number(
                "Size at the upper end of the excess; n/a where that reaches 0", "count", 0
            ),
            "unbounded_share": fraction("Share of bootstrap samples whose excess is 0 or more"),
            **_NOTE,
        },
        ["method", "slowing_percent", "power"],
    ),
    "specification_curve": schema(
        {
            "outcome": text("The change"),
            **_METHOD,
            "covariates": text("What is adjusted for"),
            "se_type": text("How the standard error was found"),
            "winsor": text("How far volume changes were winsorised, in percent"),
            "subset": text("Who"),
            **_N,
            **interval("beta", "Slope of the change per mL of thalamic change"),
            "p": fraction("Two-sided p of the slope, unadjusted"),
            **_NOTE,
        },
        ["outcome", "method", "covariates", "se_type", "winsor", "subset"],
    ),
    "minimal_change": schema(
        {
            **_METHOD,
            "basis": text("Where the error comes from: repeated scans, known truth or simulation input"),
            **_N,
            "sem_ml": number("Standard error of one measurement", "mL", 0),
            "change_ml": number("Minimal detectable change of one person, 95 %", "mL", 0),
            "change_percent": number("The same over the mean volume", "%", 0),
            **_NOTE,
        },
        ["method", "basis"],
    ),
    "repeatability": schema(
        {
            **_METHOD,
            "basis": text("Where the error comes from"),
            **_N,
            "sem_ml": number("Standard error of one measurement", "mL", 0),
        },
        ["method", "basis"],
    ),
    "thalnet_accuracy": schema(
        {
            "heads": text("Which simulated heads"),
            "contrast": text(
                "T1, FLAIR, R1, the vote over the three, or joint: the network that sees them at once"
            ),
            "n": number("Heads", "heads", 0),
            "n_persons": number(
                "Clusters: people kept out, or heads where all are deformations of one atlas", "count", 0
            ),
            "n_missed": number("Heads in which no thalami were found", "heads", 0),
            "dice": fraction("Median Dice with the truth, sides told apart"),
            "dice_lowest": fraction("Lowest Dice"),
            **interval("bias_percent", "Mean difference from the true volume", "%"),
            **interval("slope", "Slope of measured on true volume"),
            **interval("icc_a1", "ICC(A,1) with the true volume"),
            "dice_manual": fraction("Median Dice with a simulated rater's drawing, sides not told apart"),
            "bias_manual_percent": number("Mean difference from the drawn volume", "%"),
        },
        ["heads", "contrast"],
    ),
    "thalnet_joint": schema(
        {
            "heads": text("Which simulated heads"),
            "n": number("Heads with both masks", "heads", 0),
            "n_persons": number(
                "Clusters: people kept out, or heads where all are deformations of one atlas", "count", 0
            ),
            "dice_vote": fraction("Mean Dice of the vote with the truth"),
            **interval("dice_gain", "Mean difference of Dice, joint network less vote"),
            "error_vote_percent": number("Mean size of the vote's error of volume", "%", 0),
            **interval("error_gain_percent", "Mean difference of that size, joint network less vote", "%"),
        },
        ["heads"],
    ),
    "thalnet_gain": schema(
        {
            "way": text("How contrasts are joined: vote or joint"),
            "added": text("The map that is added to T1w and FLAIR"),
            "border_contrast": number(
                "R1 and MT saturation of the thalamus less white matter's, over the literature's", "ratio", 0
            ),
            "n": number("Heads", "heads", 0),
            "dice_without": fraction("Mean Dice with the truth, without the map"),
            **interval("dice_gain", "Mean difference of Dice when it is added"),
            "error_without_percent": number("Mean size of the volume's error, without the map", "%", 0),
            **interval("error_gain_percent", "Mean difference of that size when it is added", "%"),
        },
        ["way", "added", "border_contrast"],
    ),
    "thalnet_recovery": schema(
        {
            "heads": text("Which simulated heads"),
            "contrast": text(
                "T1, FLAIR, R1, the vote over the three, or joint: the network that sees them at once"
            ),
            "n": number("Pairs of scans", "pairs", 0),
            **interval("slope", "Slope of measured on true change"),
            **interval("bias_percent", "Mean difference of measured from true change, in points", "%"),
            "sd_percent": number("Standard deviation about the line", "%", 0),
            "n_rescans": number("Pairs without change", "pairs", 0),
            "rescan_sd_percent": number(
                "Standard deviation of a volume between scans without change", "%", 0
            ),
        },
        ["heads", "contrast"],
    ),
    "recovery": schema(
        {
            **_METHOD,
            "contrast": text("What it was given"),
            "processing": text(
                "independent: each visit by itself; halfway: both resampled to the space between them; longitudinal: by the tool itself"
            ),
            "disturbance": text(
                "What differs beside the loss: rescan (position, noise, fields), upgrade (also the scanner's protocol and coil), water (also the tissue's water)"
            ),
            "heads": text("Which simulated heads"),
            "n": number("Pairs of visits measured", "pairs", 0),
            "n_missed": number("Pairs without a mask", "pairs", 0),
            "n_heads": number("Heads that draw a line; where none does, heads measured", "heads", 0),
            "n_anatomies": number(
                "Label maps that they are bent copies of: the unit where there are several", "anatomies", 0
            ),
            **interval("slope", "Slope of measured on true change"),
            **interval("bias_percent", "Measured change where nothing changed", "%"),
            "sd_percent": number("Standard deviation of one person's measured change about the line", "%", 0),
            "detectable_1_percent": number(
                "Smallest true loss that one person shows (80 % power, level 5 %)", "%", 0
            ),
            "detectable_25_percent": number("Smallest true loss that 25 people show", "%", 0),
            "detectable_50_percent": number("Smallest true loss that 50 people show", "%", 0),
            "detectable_100_percent": number("Smallest true loss that 100 people show", "%", 0),
        },
        ["method", "contrast", "processing", "disturbance", "heads"],
    ),
    "recovery_ranks": schema(
        {
            **_METHOD,
            "processing": text("How the visits were brought together"),
            "n": number("Pairs of visits that all these methods measured", "pairs", 0),
            "n_heads": number("Their heads", "heads", 0),
            "slope": number("Slope of measured on true change", "1"),
            "beside_best": text(
                "best, or its slope held against the best one's, on the pairs that both measured: farther from 1, nearer to 1, or not told apart"
            ),
            "slope_rank": number("Rank by distance of the slope from 1", "", 0),
            "detectable_1_percent": number("Smallest true loss that one person shows", "%", 0),
            "detectable_rank": number("Rank by that loss", "", 0),
            "dice": fraction("Median Dice with the truth at the first visit of the same heads"),
            "dice_rank": number("Rank by it", "", 0),
            "ccc": number("Lin's concordance with the true volume there", "1", -1, 1),
            "ccc_rank": number("Rank by it", "", 0),
            "cohort_dice": fraction("Median Dice with this cohort's manual masks"),
            "cohort_dice_rank": number("Rank by it", "", 0),
            "cohort_ccc": number("Concordance with this cohort's manual volumes", "1", -1, 1),
            "cohort_ccc_rank": number("Rank by it", "", 0),
            "beta": number("Mean size of this cohort's standardised slopes of clinical outcomes", "1", 0),
            "beta_rank": number("Rank by it", "", 0),
        },
        ["method"],
    ),
    "r1_resolution": schema(
        {
            "voxel_mm": number("Voxel of the R1 map", "mm", 0),
            "border_contrast": number(
                "R1 and MT saturation of the thalamus less white matter's, over the literature's", "ratio", 0
            ),
            "way": text("How contrasts are joined: vote or joint"),
            "added": text("The map that is added to T1w and FLAIR"),
            "n": number("Heads", "heads", 0),
            "dice_without": fraction("Mean Dice with the truth, without the map"),
            **interval("dice_gain", "Mean difference of Dice when it is added"),
            "error_without_percent": number("Mean size of the volume's error, without the map", "%", 0),
            **interval("error_gain_percent", "Mean difference of that size when it is added", "%"),
        },
        ["voxel_mm", "border_contrast", "way", "added"],
    ),
    "twin_calibration": schema(
        {
            "section": text("The paper's section"),
            "quantity": text("What is reported"),
            "method": text("The method or population", nullable=True),
            "outcome": text("The outcome", nullable=True),
            "reported": number("What the paper reports"),
            "implied": number("What the model gives in a very large sample"),
            "drawn": number("What the sample of the study's size gives"),
            "basis": text("calibrated or emergent"),
        },
        ["section", "quantity", "method", "outcome"],
    ),
    "scorecard": schema(
        {
            "section": text("The paper's section"),
            "quantity": text("What is reported"),
            "method": text("The method, or what else it belongs to", nullable=True),
            "outcome": text("The outcome", nullable=True),
            "reported": number("What the paper reports"),
            "reported_low": number("Lower end of its 95 % interval as reported"),
            "reported_high": number("Upper end of its 95 % interval as reported"),
            "recomputed": number("What this cohort gives"),
            "low": number("Lower end of its 95 % interval"),
            "high": number("Upper end of its 95 % interval"),
            "basis": text("calibrated, emergent, images or data"),
            "verdict": text("agrees, differs or cannot be told"),
            "note": text("Why, where it cannot be told", nullable=True),
        },
        ["section", "quantity", "method", "outcome"],
    ),
    "claims": schema(
        {
            "claim": text("The claim, in our words"),
            "place": text("Where the paper makes it"),
            "verdict": text("holds, fails or cannot be told"),
            "evidence": text("The numbers that decide it"),
            "basis": text(
                "What they rest on: calibrated (built into the simulated cohort), emergent, images or data"
            ),
        },
        ["claim"],
    ),
}
