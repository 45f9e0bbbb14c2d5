"""What the twin gives for each reported number: in a very large sample, and in the study's size."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from thalutils import reported
from thalutils.schemas import SCHEMAS
from thalutils.simulate.twin_calibration import (
    ASSUMED_CHANGE,
    ERRORS_USED,
    MEASURED,
    TIED_TO,
    calibrate,
    slope_given,
)
from thalutils.simulate.twin_change import SWITCHES
from thalutils.simulate.twin_masks import FAMILY, METHODS, TOOLS
from thalutils.simulate.twin_people import PROGRESSIVE, RELAPSING
from thalutils.simulate.twin_study import Studies, draw

LARGE, LARGE_SEED = 200, 20260202
ANCHORED = (*TOOLS, "MindGlide-T1")
Key = tuple[str, str, str | None, str | None]


def table(switch: str, seed: int) -> pd.DataFrame:
    """Return the table ``twin_calibration``: reported, implied and drawn values of one switch.

    Only quantities that do not depend on the number of people are held side by side here; standard
    errors and p values of the drawn sample stand in the scorecard.
    """
    model = calibrate(switch)
    implied = dict(values(draw(model, LARGE, LARGE_SEED)))
    drawn = dict(values(draw(model, 1, seed)))
    found = reported.flat().dropna(subset=["reported"])
    rows = []
    for row in found.itertuples():
        key = (row.section, row.quantity, _text(row.method), _text(row.outcome))
        if key in implied:
            rows.append((*key, row.reported, implied[key], drawn[key], basis(key, switch)))
    return pd.DataFrame(rows, columns=list(SCHEMAS["twin_calibration"].columns))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def basis(key: Key, switch: str) -> str:
    """Return ``calibrated`` where the number, or numbers that determine it, set the model; else ``emergent``.

    Slope, ICC and bias of a method determine its concordance, the spread of its differences and its
    proportional bias, so that where the first are used, the others are not recovered but implied.
    """
    section, quantity, method, outcome = key
    bound = {
        "populations": _population_bound(quantity, method),
        "voxel_agreement": _voxel_bound(quantity, method),
        "volume_agreement": method in ANCHORED or (method, quantity) == ("MindGlide-R1", "bias_mean"),
        "cross_sectional": _cross_sectional_bound(quantity, method, outcome),
        "volume_change": _change_bound(quantity, method),
        "brain_volume_change": quantity
        in ("pbvc_mean", "pbvc_sd", "pearson_r", "pearson_p", "pearson_r_range"),
        "longitudinal": _longitudinal_bound(quantity, method, switch),
    }
    return "calibrated" if bound[section] else "emergent"


def _voxel_bound(quantity: str, method: str | None) -> bool:
    """Tell what of the overlaps is set: sensitivity, and what follows from it and the mask's size.

    Sensitivity over precision is the ratio of volumes, whose distribution is set for some methods; of
    MindGlide's other masks both medians are.
    """
    if quantity.endswith("_p"):
        return False
    if method in ANCHORED:
        return True
    return quantity == "sensitivity_median" or (
        method in FAMILY and quantity in ("precision_median", "dice_median")
    )


def _cross_sectional_bound(quantity: str, method: str | None, outcome: str | None) -> bool:
    """Tell what of the slopes is set; the errors of two outcomes gave the conditional variances."""
    if quantity == "n":
        return True
    if method not in MEASURED:
        return False
    return quantity == "beta" or (quantity in ("se", "p") and outcome in ERRORS_USED)


def _change_bound(quantity: str, method: str | None) -> bool:
    """Tell what of the changes is set, and what was chosen by looking at them.

    The spread of MindGlide's parts was chosen by the spreads of its masks, the means that the text does not
    give by which pairs of methods differ, and the groups' changes by the order that it reports.
    """
    if quantity == "direction":
        return True
    if quantity == "change_p":
        return any(one in ASSUMED_CHANGE for one in str(method).split(reported.PAIR))
    return method in ANCHORED or (method in FAMILY and method not in ASSUMED_CHANGE)


def _longitudinal_bound(quantity: str, method: str | None, switch: str) -> bool:
    """Tell what of the yearly slopes is set; the spread of EDSS change was chosen by their standard errors.

    That EDSS takes robust standard errors is the analysis's choice, not something that data decide.
    """
    if quantity in ("n", "se", "robust_se_hc3"):
        return True
    return quantity in ("beta", "p") and switch != "nothing" and method in TIED_TO.values()


def _population_bound(quantity: str, population: str | None) -> bool:
    """Tell what of the populations is set: counts, distributions at baseline and in those followed, volumes.

    Those followed are drawn from the people at baseline. The strata of the reference set are filled evenly
    because its reported age and duration ask for it. The model has no registrations.
    """
    if "registration" in quantity:
        return False
    if quantity.startswith(("n", "interval")) or population in ("cross_sectional", "longitudinal"):
        return True
    if population != "ground_truth" or quantity in ("volume_rrms_sd", "volume_pms_sd"):
        return False
    return quantity.startswith(("volume", "age", "disease_duration"))


def values(seen: Studies) -> Iterator[tuple[Key, float]]:
    """Yield every comparable value of some studies, taken as one sample, by the keys of ``reported.flat``."""
    yield from _populations(seen)
    yield from _agreement(seen)
    yield from _associations(seen)
    yield from _changes(seen)


def _populations(seen: Studies) -> Iterator[tuple[Key, float]]:
    everyone = np.ones_like(seen.reference)
    who = {
        "ground_truth": seen.reference,
        "cross_sectional": everyone,
        "longitudinal": seen.people["followed"],
    }
    for population, chosen in who.items():
        for name, column in (("age", "age_years"), ("disease_duration_years", "duration_years"), ("interval_years", "interval_years")):  # fmt: skip
            some = seen.people[column][chosen]
            yield ("populations", f"{name}_mean", population, None), np.nanmean(some)
            yield ("populations", f"{name}_sd", population, None), np.nanstd(some, ddof=1)
        q1, median, q3 = np.nanquantile(seen.scores["edss"][chosen], [0.25, 0.5, 0.75])
        for name, value in (("median", median), ("q1", q1), ("q3", q3)):
            yield ("populations", f"edss_{name}", population, None), value
    manual = seen.sizes["manual"]
    for name, group in (("volume", None), ("volume_rrms", RELAPSING), ("volume_pms", PROGRESSIVE)):
        some = manual[seen.reference & (True if group is None else seen.people["group"] == group)]
        yield ("populations", f"{name}_mean", "ground_truth", None), some.mean()
        yield ("populations", f"{name}_sd", "ground_truth", None), some.std(ddof=1)


def _agreement(seen: Studies) -> Iterator[tuple[Key, float]]:
    reference = seen.sizes["manual"][seen.reference]
    for method in METHODS:
        mask, common = seen.sizes[method][seen.reference], seen.inside[method][seen.reference]
        measures = {
            "dice": 2 * common / (mask + reference),
            "precision": common / mask,
            "sensitivity": common / reference,
        }
        for measure, share in measures.items():
            for name, value in zip(
                ("q1", "median", "q3"), np.quantile(share, [0.25, 0.5, 0.75]), strict=True
            ):
                yield ("voxel_agreement", f"{measure}_{name}", method, None), value
        (vx, cov), (_, vy) = np.cov(reference, mask)
        bias = (mask - reference).mean()
        found = {
            "ccc": 2 * cov / (vx + vy + bias**2), "slope": cov / vx, "icc3": 2 * cov / (vx + vy), "bias_mean": bias,
            "bias_sd": np.sqrt(vx + vy - 2 * cov), "ba_slope": 2 * (vy - vx) / (vx + vy + 2 * cov),
        }  # fmt: skip
        for name, value in found.items():
            yield ("volume_agreement", name, method, None), value


def _associations(seen: Studies) -> Iterator[tuple[Key, float]]:
    everyone = np.ones_like(seen.reference)
    relapsing = seen.people["group"] == RELAPSING
    walk = (seen.scores["t25fw_1_s"] + seen.scores["t25fw_2_s"]) / 2
    outcomes = {
        "edss": seen.scores["edss"], "t25fw": np.log(walk), "sdmt": seen.scores["sdmt"],
        "disease_duration": seen.people["duration_years"],
    }  # fmt: skip
    for method in METHODS:
        for outcome, value in outcomes.items():
            slope = slope_given(seen.people, value, seen.sizes[method], everyone)
            yield ("cross_sectional", "beta", method, outcome), slope
            slope = slope_given(seen.people, value, seen.sizes[method], relapsing)
            yield ("cross_sectional", "rrms_beta", method, outcome), slope
        more = (seen.people["steroids"], seen.people["interval_years"])
        change = seen.scores_later["edss"] - seen.scores["edss"]
        delta = seen.sizes_later[method] - seen.sizes[method]
        slope = slope_given(seen.people, change, delta, seen.people["followed"], more)
        yield ("longitudinal", "beta", method, "edss"), slope


def _changes(seen: Studies) -> Iterator[tuple[Key, float]]:
    followed = seen.people["followed"]
    brain = seen.pbvc_percent[followed]
    yield ("brain_volume_change", "pbvc_mean", None, None), brain.mean()
    yield ("brain_volume_change", "pbvc_sd", None, None), brain.std(ddof=1)
    for method in METHODS:
        percent = 100 * (seen.sizes_later[method] / seen.sizes[method] - 1)[followed]
        yield ("volume_change", "change_mean", method, None), percent.mean()
        yield ("volume_change", "change_sd", method, None), percent.std(ddof=1)
        yield ("brain_volume_change", "pearson_r", method, None), np.corrcoef(percent, brain)[0, 1]


def switches(seed: int) -> pd.DataFrame:
    """Return the slope of EDSS change on volume change under every switch, implied and drawn.

    Returns
    -------
    DataFrame
        ``switch``, ``method``, ``reported`` (missing where it is not), ``implied``, ``drawn``.
    """
    known = reported.values()["longitudinal"]["edss"]
    rows = []
    for switch in SWITCHES:
        model = calibrate(switch)
        implied, drawn = (dict(_associations(draw(model, n, s))) for n, s in ((LARGE, LARGE_SEED), (1, seed)))
        for method in METHODS[1:]:
            key = ("longitudinal", "beta", method, "edss")
            rows.append((switch, method, known.get(method, [np.nan])[0], implied[key], drawn[key]))
    return pd.DataFrame(rows, columns=["switch", "method", "reported", "implied", "drawn"])
