"""Where the paper's numbers contradict each other and where they fit: sizes computed from the numbers alone."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from thalutils import reported
from thalutils.simulate.twin_calibration import mean_sizes, moments
from thalutils.simulate.twin_masks import CORE, PARTS, parts_of

CONTRADICTIONS = ("contradiction", "quantity", "given", "implied", "difference", "units")
IDENTITIES = ("quantity", "method", "given", "implied", "difference")
UPPER = 0.975
NETWORKS = ("DBSegment", "MindGlide-T1", "MindGlide-R1")
SMALL_SD = 2
PART_NAMES = {
    CORE: "all three", "12": "T1 and FLAIR", "13": "T1 and R1", "23": "FLAIR and R1", "1": "T1 alone",
    "2": "FLAIR alone", "3": "R1 alone",
}  # fmt: skip
Row = tuple[str, float, float, str]


def contradictions() -> pd.DataFrame:
    """Return how far the paper's numbers are from what its other numbers, or its words, imply.

    Returns
    -------
    DataFrame
        :data:`CONTRADICTIONS`. ``contradiction`` is one of ``claims.contradictions`` in ``reported.yml``, in its
        order; ``given`` is missing where the paper gives no such number; ``difference`` is given minus
        implied.
    """
    sizes = (_networks, _small_volumes, _duration, _populations, _slope_interval, _dice)
    texts = reported.values()["claims"]["contradictions"]
    rows = [
        (text, quantity, given, implied, given - implied, units)
        for text, size in zip(texts, sizes, strict=True)
        for quantity, given, implied, units in size()
    ]
    return pd.DataFrame(rows, columns=list(CONTRADICTIONS))


def identities() -> pd.DataFrame:
    """Return numbers of the paper that others determine, beside what those give.

    Slope (or the spread of the difference), ICC and bias of a method determine its concordance and its
    proportional bias; precision and sensitivity determine Dice in one person, and nearly in medians.

    Returns
    -------
    DataFrame
        :data:`IDENTITIES`.
    """
    rows = []
    for method, found in reported.values()["volume_agreement"].items():
        if "bias" not in found:
            continue
        vy, cov = moments(method)
        vx = _reference()["sd"] ** 2
        implied = {
            "ccc": 2 * cov / (vx + vy + found["bias"][0] ** 2),
            "ba_slope": 2 * (vy - vx) / (vx + vy + 2 * cov),
        }
        if "slope" in found:
            implied["bias_sd"] = np.sqrt(vx + vy - 2 * cov)
        for quantity, value in implied.items():
            given = found["bias"][1] if quantity == "bias_sd" else found[quantity][0]
            rows.append((quantity, method, given, value, given - value))
    for method, found in reported.values()["voxel_agreement"].items():
        value = _dice_of(found["precision"][0], found["sensitivity"][0])
        rows.append(("dice_median", method, found["dice"][0], value, found["dice"][0] - value))
    return pd.DataFrame(rows, columns=list(IDENTITIES)).sort_values("quantity", kind="stable")


def nest() -> pd.DataFrame:
    """Return the disjoint parts of MindGlide's three masks that the published medians determine.

    Returns
    -------
    DataFrame
        A row a part: ``part`` (who sees it), ``size_ml``, ``inside_ml`` (what of it lies in the
        reference) and ``share``. Were the seven medians not those of three sets with their unions and
        majority, a part could come out negative, or larger inside than as a whole.
    """
    inside = {
        method: found["sensitivity"][0] * _reference()["mean"]
        for method, found in reported.values()["voxel_agreement"].items()
    }
    whole, common = parts_of(mean_sizes()), parts_of(inside)
    rows = [
        (PART_NAMES[part], whole[part], common[part], common[part] / whole[part]) for part in (CORE, *PARTS)
    ]
    return pd.DataFrame(rows, columns=["part", "size_ml", "inside_ml", "share"])


def needed_duration() -> float:
    """Return how long the PMS patients of the reference set must be ill on average, in years.

    So that the whole set has its reported mean duration, if its RRMS patients have that of the cohort.
    """
    chosen = reported.values()["populations"]["ground_truth"]
    mine, whole = _durations()
    return (chosen["n"] * mine - chosen["rrms"] * whole) / chosen["pms"]


def _reference() -> dict[str, float]:
    return reported.values()["populations"]["ground_truth"]["volume"]


def _dice_of(precision: float, sensitivity: float) -> float:
    return 2 * precision * sensitivity / (precision + sensitivity)


def _networks() -> Iterator[Row]:
    for method in NETWORKS:
        bias = reported.values()["volume_agreement"][method]["bias"][0]
        yield f"Bias of {method}; at most 0 if its masks were smaller", bias, 0.0, "mL"


def _small_volumes() -> Iterator[Row]:
    found = reported.values()["volume_agreement"]["FreeSurfer"]
    bias, reference = found["bias"][0], _reference()
    short = SMALL_SD * reference["sd"]
    yield (
        f"FreeSurfer minus manual at {SMALL_SD} SD below the mean, by its slope; at most 0 if too small",
        bias + (1 - found["slope"][0]) * short, 0.0, "mL",
    )  # fmt: skip
    middle = reference["mean"] + bias / 2
    yield (
        "Mean of FreeSurfer and manual, and where its line of differences crosses zero",
        middle, middle - bias / found["ba_slope"][0], "mL",
    )  # fmt: skip


def _duration() -> Iterator[Row]:
    yield "Mean duration of the reference set, and of the cohort", *_durations(), "years"
    what = "Mean duration that its PMS patients need, if its RRMS patients are like the cohort"
    yield what, np.nan, needed_duration(), "years"


def _durations() -> list[float]:
    """Return the mean duration of the reference set and of the cohort, in years."""
    found = reported.values()["populations"]
    return [found[name]["disease_duration_years"]["mean"] for name in ("ground_truth", "cross_sectional")]


def _populations() -> Iterator[Row]:
    both = [reported.values()["populations"][name] for name in ("cross_sectional", "longitudinal")]
    whole, part = both[0]["n"], both[1]["n"]
    for name in ("disease_duration_years", "age"):
        # A part of the whole differs from it by chance, by this standard error.
        chance = both[0][name]["sd"] * np.sqrt(1 / part - 1 / whole)
        gap = abs(both[1][name]["mean"] - both[0][name]["mean"])
        what = name.removesuffix("_years").replace("disease_", "")
        yield (
            f"Difference of mean {what} between the two populations, and its standard error",
            gap,
            chance,
            "years",
        )


def _slope_interval() -> Iterator[Row]:
    slope, low, high = reported.values()["volume_agreement"]["FIRST"]["slope"]
    vy, _ = moments("FIRST")
    free = reported.values()["populations"]["ground_truth"]["n"] - 2
    reach = stats.t.ppf(UPPER, free) * np.sqrt((vy / _reference()["sd"] ** 2 - slope**2) / free)
    yield "Lower end of the interval of FIRST's slope", low, slope - reach, "1"
    yield "Upper end of that interval", high, slope + reach, "1"


def _dice() -> Iterator[Row]:
    found = reported.values()["voxel_agreement"]["DBSegment"]
    implied = _dice_of(found["precision"][0], found["sensitivity"][0])
    yield "DBSegment's median Dice, from median precision and sensitivity", found["dice"][0], implied, "1"
