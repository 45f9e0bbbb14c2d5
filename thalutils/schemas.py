"""The contract between images and statistics: every table's columns, their units and what they may hold."""

import pandera.pandas as pa

from thalutils.result_schemas import RESULT_SCHEMAS
from thalutils.schema_columns import column, flag, fraction, interval, number, schema, text

GROUPS = ("HC", "RRMS", "PMS", "RIS", "CIS", "iON", "NMOSD", "MOGAD", "MS", "unknown")
EDSS_STEPS = (0.0, *(1.0 + 0.5 * step for step in range(19)))
PARTICIPANT = r"^sub-[A-Za-z0-9]+$"
SESSION = r"^ses-[A-Za-z0-9]+$"

_PERSON = {"participant_id": text("The person", pa.Check.str_matches(PARTICIPANT))}
_VISIT = _PERSON | {"session_id": text("The visit", pa.Check.str_matches(SESSION))}
_HEAD = {"head": text("The real head"), "visit": text("Its visit")}
_METHOD = {"method": text("The tool and the contrasts it was given, or the reference")}
_RATER = {"rater": text("Who drew the reference; n/a for a program", nullable=True)}

SCHEMAS: dict[str, pa.DataFrameSchema] = {
    "participants": schema(
        _PERSON
        | {
            "sex": text("Sex", pa.Check.isin(("F", "M")), nullable=True),
            "group": text("Diagnosis", pa.Check.isin(GROUPS)),
            "site": text("Where the scans were made", nullable=True),
            "in_ground_truth": flag("Whether a reference mask was drawn"),
        },
        ["participant_id"],
    ),
    "sessions": schema(
        _VISIT
        | {
            "age_years": number("Age at the visit", "years", 0, 120),
            "disease_duration_years": number("Time since first symptom", "years", 0, 100),
            "attacks": number("Attacks so far", "count", 0),
            "edss": column(
                float, "Expanded Disability Status Scale", "1", pa.Check.isin(EDSS_STEPS), nullable=True
            ),
            "t25fw_1_s": number("Timed 25-foot walk, first trial", "s", 0),
            "t25fw_2_s": number("Timed 25-foot walk, second trial", "s", 0),
            "nhpt_1_s": number("Nine-hole peg test, first trial", "s", 0),
            "nhpt_2_s": number("Nine-hole peg test, second trial", "s", 0),
            "sdmt": number("Symbol Digit Modalities Test, correct answers", "count", 0, 110),
            "interval_years": number("Time since the first visit", "years", 0),
            "steroids_since_last": number("Corticosteroids for a relapse since the last visit", "1", 0, 1),
        },
        ["participant_id", "session_id"],
    ),
    "masks": schema(
        _VISIT
        | _METHOD
        | {
            "preset": text("How the tool was set; n/a for what is fused from masks", nullable=True),
            "origin": text(
                "Whether the study ran the tool or read its finished result",
                pa.Check.isin(("run", "read")),
                nullable=True,
            ),
            "envelope": text("Whose mask cut it out of a larger label, if any did", nullable=True),
            "warning": text("What the tool itself says against its mask", nullable=True),
        },
        ["participant_id", "session_id", "method"],
    ),
    "volumes": schema(
        _VISIT
        | _METHOD
        | {"preset": text("How the tool was set", nullable=True)}
        | _RATER
        | {
            "volume_ml": number("Thalamus, both sides", "mL", 0),
            "left_ml": number("Left thalamus", "mL", 0),
            "right_ml": number("Right thalamus", "mL", 0),
        },
        ["participant_id", "session_id", "method", "rater"],
    ),
    "site_effects": schema(
        {
            "method": text("The tool and the contrasts it was given"),
            "site": text("Where the scans were made"),
            "n": number("People", "count", 0),
            "shift_ml": number(
                "How far the site's volumes lie above those of all, covariates held fixed", "mL"
            ),
            "scale": number("Spread of the site's volumes over that of all", "1", 0),
            "note": text("Why a cell is empty, or what was left out", nullable=True),
        },
        ["method", "site"],
    ),
    "site_slopes": schema(
        {
            "treatment": text("What was done about sites: nothing, covariate or harmonised"),
            "outcome": text("The outcome"),
            "method": text("The tool and the contrasts it was given"),
            "n": number("People", "count", 0),
            "beta": number("Slope of the outcome per mL of thalamus"),
            "se": number("Standard error of the slope", "", 0),
            "beta_low": number("Slope: lower end of the 95 % interval"),
            "beta_high": number("Slope: upper end of the 95 % interval"),
            "p": fraction("Two-sided p of the slope"),
            "note": text("Why a cell is empty, or what was left out", nullable=True),
        },
        ["treatment", "outcome", "method"],
    ),
    "intracranial": schema(
        _PERSON
        | {
            "icv_ml": number("Intracranial volume", "mL", 0),
            "source": text("The tool that measured it"),
        },
        ["participant_id", "source"],
    ),
    "overlap": schema(
        _VISIT
        | _METHOD
        | {"reference": text("The mask it is held against")}
        | _RATER
        | {
            "dice": fraction("Dice coefficient"),
            "precision": fraction("Share of the mask that lies in the reference"),
            "sensitivity": fraction("Share of the reference that lies in the mask"),
            "hd95_mm": number("95 % Hausdorff distance, the larger of both directions", "mm", 0),
            "mean_surface_mm": number("Mean distance between the surfaces, both directions", "mm", 0),
        },
        ["participant_id", "session_id", "method", "reference", "rater"],
    ),
    "rater_agreement": schema(
        _VISIT
        | {
            "rater_i": text("One who drew the reference"),
            "rater_j": text("Another who drew the same"),
            "dice": fraction("Dice coefficient of the two drawings"),
            "mean_surface_mm": number("Mean distance between the surfaces, both directions", "mm", 0),
            "volume_i_ml": number("Volume of the one's drawing, both sides", "mL", 0),
            "volume_j_ml": number("Volume of the other's drawing, both sides", "mL", 0),
        },
        ["participant_id", "session_id", "rater_i", "rater_j"],
    ),
    "containment": schema(
        _VISIT
        | {
            "method_i": text("The mask whose share is taken"),
            "method_j": text("The mask in which it lies"),
            "containment": fraction("Share of mask i that lies in mask j"),
        },
        ["participant_id", "session_id", "method_i", "method_j"],
    ),
    "registration": schema(
        _VISIT
        | {
            "image": text("The image that was moved onto the T1w"),
            "strategy": text("How"),
            "mutual_information": number("Mutual information with the T1w in the brain mask", "nat", 0),
            "cutoff": number("Least mutual information that passes", "nat", 0),
            "verdict": text("A reviewer's verdict: pass, fail, or n/a if none was entered", nullable=True),
            "passed": flag("Whether it passed cut-off and verdict"),
            "selected": flag("Whether its result is used"),
            "error_mm": number("Median error at the thalamus, where the truth is known", "mm", 0),
            "error_max_mm": number("Largest error at the thalamus, where the truth is known", "mm", 0),
        },
        ["participant_id", "session_id", "image", "strategy"],
    ),
    "brain_change": schema(
        _PERSON
        | {
            "engine": text("How it was measured"),
            "pbvc_percent": number("Change of brain volume from first to last visit", "%"),
        },
        ["participant_id", "engine"],
    ),
    "brain_change_accuracy": schema(
        {
            "heads": text("Which heads: simulated, or a real one in which loss was put"),
            "engine": text("How the change was measured"),
            "n": number("Pairs of scans", "pairs", 0),
            **interval("slope", "Slope of measured on true change"),
            "sd_percent": number("Standard deviation about the line", "%", 0),
            "n_unchanged": number("Pairs without change", "pairs", 0),
            **interval("unchanged_percent", "Mean measured change where there is none", "%"),
            "unchanged_sd_percent": number("Standard deviation of the change where there is none", "%", 0),
            "directions_percent": number("Largest difference of forward and backward", "%", 0),
            "directions_small_percent": number("The same, of pairs that changed by 1 % at most", "%", 0),
        },
        ["heads", "engine"],
    ),
    "brain_change_checks": schema(
        _PERSON
        | {
            "session_i": text("The first visit"),
            "session_j": text("The last visit"),
            "engine": text("How it was measured"),
            "pbvc_percent": number("Change of brain volume from first to last visit", "%"),
            "forward_percent": number("The same, from edges or tissue of the first visit alone", "%"),
            "backward_percent": number("The same, from edges or tissue of the last visit alone", "%"),
            "calibration": number("Known over measured change of a scan that was made larger", "1", 0),
            "found_share": fraction("Share of the brain's edges that were found in the other scan"),
            "skull_points": number(
                "Points that fixed the head's size; 0 is a rigid registration", "count", 0
            ),
            "movement_error_mm": number(
                "Median over the brain of how far the registration of the two visits is off, where that is known",
                "mm",
                0,
            ),
            "truth_percent": number("True change of brain volume, where it is known", "%"),
        },
        ["participant_id", "engine"],
    ),
    "exclusions": schema(
        {
            "participant_id": text("The person, or the row that names nobody"),
            "session_id": text("The visit; n/a for the whole person", nullable=True),
            "stage": text("The stage that left it out"),
            "method": text("The image or method left out; n/a for all", nullable=True),
            "reason": text("Why, and what to do"),
        },
        None,
    ),
    "scans": schema(
        _VISIT
        | {
            "image": text("The scan's place in the study"),
            "file": text("Path in the dataset"),
            "shape": text("Voxels along each axis; n/a where it cannot be read", nullable=True),
            "voxel_mm": text("Voxel size along each axis; n/a where it cannot be read", nullable=True),
            "usable": flag("Whether it passed the checks"),
        },
        ["participant_id", "session_id", "image"],
    ),
    "maps": schema(
        _VISIT
        | {
            "map": text("The quantitative map"),
            "source": text(
                "Who made it: study, dataset (a map that came among the scans), or the program whose map was read"
            ),
            "factor": number("What its values were multiplied by to be in the study's units", "1", 0),
        },
        ["participant_id", "session_id", "map"],
    ),
    "map_accuracy": schema(
        _VISIT
        | {
            "map": text("The quantitative map"),
            "tissue": text("The tissue that the voxels hold most of"),
            "voxels": text(
                "Which of its voxels: pure (all of the voxel is the tissue), mixed (less than all) or all",
                pa.Check.isin(("pure", "mixed", "all")),
            ),
            "n_voxels": number("Voxels that are valid in the map", "count", 0),
            "n_left_out": number(
                "Voxels of the tissue that are not valid in the map, and left out", "count", 0
            ),
            "share_mean": fraction("Mean share of the valid voxels that the tissue fills"),
            "truth_mean": number(
                "True mean, in the map's units; a voxel's truth is the mean of what its tissues have"
            ),
            "bias_percent": number("Mean error over the true mean", "%"),
            "sd_percent": number("Standard deviation of the error over the true mean", "%"),
        },
        ["participant_id", "session_id", "map", "tissue", "voxels"],
    ),
    "brain_masks": schema(
        _VISIT
        | {
            "source": text("The tool that drew it"),
            "brain_ml": number("Volume inside the mask", "mL", 0),
            "set_aside": text(
                "Why a finished mask of DBSegment was not taken, where there is one", nullable=True
            ),
            "dice_truth": fraction("Dice with all that lies inside the true skull, where it is known"),
            "verdict": text("A reviewer's verdict: pass, fail, or n/a if none was entered", nullable=True),
        },
        ["participant_id", "session_id"],
    ),
    "envelope": schema(
        _VISIT
        | {
            "method": text("Deep-grey-matter label and contrast"),
            "envelope": text("The mask it is intersected with"),
            "dgm_ml": number("Deep grey matter", "mL", 0),
            "volume_ml": number("What is left inside the envelope", "mL", 0),
            "envelope_filled": fraction("Share of the envelope that the result fills"),
            "touches_envelope": fraction("Share of the result's surface that the envelope drew"),
            "components": number("Separate pieces of more than 1 % of the result", "count", 0),
        },
        ["participant_id", "session_id", "method", "envelope"],
    ),
    "real_volumes": schema(
        _HEAD
        | _METHOD
        | {
            "preset": text("How the tool was set"),
            "volume_ml": number("Thalamus, both sides", "mL", 0),
            "left_ml": number("Left thalamus", "mL", 0),
            "right_ml": number("Right thalamus", "mL", 0),
        },
        ["head", "visit", "method"],
    ),
    "real_overlap": schema(
        _HEAD
        | {
            "method_i": text("One mask"),
            "method_j": text("Another mask of the same head"),
            "dice": fraction("Dice coefficient of the two"),
        },
        ["head", "visit", "method_i", "method_j"],
    ),
} | RESULT_SCHEMAS
