"""Finds the twin's parameters from what the paper reports: closed form where identities allow it.

Sizes of the methods: slope, bias, ICC and the spread of the difference determine mean, variance and
covariance with the reference; the standard errors of the regressions determine what of a method's
variance age, sex and head size leave. Overlaps: the medians determine the disjoint parts of MindGlide's
masks. Everything else is matched on a large sample that never changes, one parameter a target.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy.special import logit

from thalutils import reported
from thalutils.errors import TableError
from thalutils.simulate import twin_change, twin_masks, twin_outcomes, twin_people
from thalutils.simulate.twin_change import ChangeModel
from thalutils.simulate.twin_masks import CORE, FAMILY, PARTS, TOOLS, MaskModel, Measurement, Overlap
from thalutils.simulate.twin_outcomes import OutcomeModel
from thalutils.simulate.twin_people import (
    CONDITIONAL_VARIANCE,
    HEALTHY,
    PROGRESSIVE,
    RATER_SD_ML,
    RELAPSING,
    VolumeModel,
    explained,
)  # fmt: skip
from thalutils.simulate.twin_study import Studies, TwinModel, draw, stream

STUDIES, SEED = 100, 20260101
ROUNDS = 16
STEP = 0.6  # what depends on each other moves by a part of what it lacks
MEASURED = ("FIRST", "DBSegment", "MindGlide-T1")  # the methods whose regressions are reported in figures
ERRORS_USED = ("sdmt", "disease_duration")  # standard errors of the others are rounded too coarsely
ANCHORS = {"FreeSurfer": "FreeSurfer", "FIRST": "FIRST", "DBSegment": "DBSegment", CORE: "MindGlide-T1"}
SDMT_RESIDUAL_SD = 10.6  # assumed: the paper gives no spread of SDMT
NHPT_SLOPE = -0.015  # of log seconds per mL; not reported
# Mean change in %, where the text gives only which pairs differ.
ASSUMED_CHANGE = {"MindGlide-FLAIR": -0.45, "MindGlide-T1-FLAIR": -0.56, "MindGlide-T1-R1": -0.46, "MindGlide-T1-R1-FLAIR": -0.42}  # fmt: skip
TIED_TO = {"FIRST": "FIRST", "DBSegment": "DBSegment", CORE: "MindGlide-T1-R1-FLAIR"}


@lru_cache(maxsize=4)
def calibrate(switch: str) -> TwinModel:
    """Return the model whose large-sample values are the reported ones, as far as they can be.

    Raises
    ------
    TableError
        Where `switch` is none of :data:`thalutils.simulate.twin_change.SWITCHES`.
    """
    if switch not in twin_change.SWITCHES:
        raise TableError(f"twin: {switch} is no switch; there are {', '.join(twin_change.SWITCHES)}.")
    model = _start(switch)
    for _ in range(ROUNDS):
        model = _improve(model, draw(model, STUDIES, SEED))
    return model


def moments(method: str) -> tuple[float, float]:
    """Return a method's variance and its covariance with the reference, in mL^2, as reported.

    With vx the reference's variance: ICC(C,1) = 2 cov / (vx + vy); slope = cov / vx; the variance of
    the difference is vx + vy - 2 cov. Where the slope is reported it is taken, elsewhere the difference.
    """
    found = reported.values()["volume_agreement"][method]
    variance = reported.values()["populations"]["ground_truth"]["volume"]["sd"] ** 2
    icc = found["icc3"][0]
    if "slope" in found:
        covariance = found["slope"][0] * variance
        return 2 * covariance / icc - variance, covariance
    total = found["bias"][1] ** 2 / (1 - icc)
    return total - variance, icc * total / 2


def mean_sizes() -> dict[str, float]:
    """Return every method's mean size in the reference set, in mL.

    Reported biases where there are any; elsewhere the ratio of median sensitivity to median precision,
    scaled as it has to be for MindGlide's T1w and R1 masks, whose biases are known.
    """
    reference = reported.values()["populations"]["ground_truth"]["volume"]["mean"]
    known = {
        name: reference + found["bias"][0] for name, found in reported.values()["volume_agreement"].items()
        if isinstance(found, dict) and "bias" in found
    }  # fmt: skip
    ratios = {
        name: found["sensitivity"][0] / found["precision"][0] for name, found in reported.values()["voxel_agreement"].items()
    }  # fmt: skip
    anchors = [name for name in known if name in FAMILY]
    scale = np.mean([known[name] / (reference * ratios[name]) for name in anchors])
    return {name: reference * ratio * scale for name, ratio in ratios.items()} | known


def conditional_variances() -> dict[str, float]:
    """Return what age, sex and head size leave of each method's variance, in mL^2, from standard errors.

    SE = residual SD / (sqrt(n) x SD of the volume given the covariates): the ratios of standard errors
    between methods are inverse ratios of these SDs whatever the outcome; SDMT sets the scale.
    """
    found = reported.values()["cross_sectional"]
    first = SDMT_RESIDUAL_SD / (np.sqrt(found["n"]["sdmt"]) * found["sdmt"]["FIRST"][1])
    return {
        method: first**2 * np.prod([found[name]["FIRST"][1] / found[name][method][1] for name in ERRORS_USED])
        for method in MEASURED
    }


def _start(switch: str) -> TwinModel:
    sizes = mean_sizes()
    inside = {
        name: sizes_ml["sensitivity"][0] * reported.values()["populations"]["ground_truth"]["volume"]["mean"]
        for name, sizes_ml in reported.values()["voxel_agreement"].items()
    }
    parts, parts_inside = twin_masks.parts_of(sizes), twin_masks.parts_of(inside)
    shares = {part: float(np.clip(parts_inside[part] / parts[part], 0, 1)) for part in PARTS}
    overlaps = {name: Overlap(logit(0.9), 0.4) for name in (*TOOLS, CORE)}
    measurement = Measurement(0.0, 1.0, 0.5, 0.5)
    masks = MaskModel(
        dict.fromkeys((*TOOLS, CORE), measurement), {p: parts[p] for p in PARTS}, shares, overlaps
    )
    changes = {name: found[0] for name, found in reported.values()["volume_change"].items() if name in sizes}
    changes = ASSUMED_CHANGE | changes | twin_change.CHANGE_MEAN
    grown = twin_masks.parts_of({name: changes[name] * sizes[name] / 100 for name in FAMILY})
    growth = {part: grown[part] / parts[part] for part in PARTS}
    means = {name: changes[name] for name in TOOLS} | {CORE: 100 * grown[CORE] / parts[CORE]}
    spreads = {name: _spread(ANCHORS[name]) for name in (*TOOLS, CORE)}
    brain = twin_change.BRAIN_CORRELATION | {"DBSegment": _brain("DBSegment"), CORE: _brain("MindGlide-T1")}
    ties = dict.fromkeys((*TOOLS, CORE), 0.0 if switch == "nothing" else 0.3)
    return TwinModel(
        VolumeModel(9.0, -0.45, 0.8, -0.02, np.sqrt(CONDITIONAL_VARIANCE)),
        OutcomeModel({"edss": -0.3, "t25fw": -0.03, "nhpt": NHPT_SLOPE, "sdmt": 3.0}, 0.0, 1.0),
        masks,
        ChangeModel(means, spreads, brain, ties, growth),
        switch,
    )


def _spread(method: str) -> float:
    known = reported.values()["volume_change"].get(method)
    return known[1] if known else twin_change.CHANGE_SPREAD[method]


def _brain(method: str) -> float:
    found = reported.values()["brain_volume_change"]["pearson_r"]
    return (
        found[method]["r"]
        if method in found
        else float(np.mean(found["MindGlide-T1-and-ensembles"]["r_range"]))
    )


def _improve(model: TwinModel, seen: Studies) -> TwinModel:
    """Return the model with every parameter moved to where its target says, given a large sample."""
    sizes = _measurements(model, seen)
    return replace(
        model,
        volume=_volume(model, seen),
        outcomes=_outcomes(model, seen),
        masks=replace(model.masks, sizes=sizes, overlaps=_overlaps(model, seen)),
        change=_change(model, seen),
    )


def _volume(model: TwinModel, seen: Studies) -> VolumeModel:
    """Match the reference's means and variance, the conditional variance and the slopes of duration."""
    old, people, chosen = model.volume, seen.people, seen.reference
    target = reported.values()["populations"]["ground_truth"]
    group = people["group"]
    shortfall = {
        who: target[key]["mean"] - seen.sizes["manual"][chosen & (group == who)].mean()
        for who, key in ((RELAPSING, "volume_rrms"), (PROGRESSIVE, "volume_pms"))
    }
    # Variance in the reference set, a parabola in the slope of head size.
    icv = people["icv_z"][chosen]
    rest = seen.true_ml[chosen] - old.icv_slope_ml * icv
    wanted = _true_variance()
    (vz, cov), (_, vr) = np.cov(icv, rest)
    slope = (-cov + np.sqrt(max(0.0, cov**2 - vz * (vr - wanted)))) / vz
    # What age, sex and head size leave.
    duration = np.nan_to_num(people["duration_years"], nan=0.0)
    fixed = seen.true_ml - old.residual_sd_ml * _noise(seen, old)
    left = np.var(fixed - explained(people, fixed))
    # cov(duration, method | covariates) = gain x cov(duration, true | covariates), in patients.
    patients = ~np.isnan(people["duration_years"])
    free_duration = _residual(people, duration, patients)
    free_true = _residual(people, seen.true_ml, patients)
    spread = free_duration.var()
    found = reported.values()["cross_sectional"]["disease_duration"]
    left_of = conditional_variances()
    gains = {name: model.masks.sizes[CORE if name in FAMILY else name].gain for name in MEASURED}
    wanted_cov = np.average(
        [found[name][0] * left_of[name] / gains[name] for name in MEASURED],
        weights=[found[name][1] ** -2.0 for name in MEASURED],
    )
    change = (wanted_cov - np.mean(free_duration * free_true)) / spread
    return VolumeModel(
        old.centre_ml + shortfall[RELAPSING],
        old.progressive_ml + STEP * (shortfall[PROGRESSIVE] - shortfall[RELAPSING]),
        old.icv_slope_ml + STEP * (slope - old.icv_slope_ml),
        old.duration_slope_ml + STEP * change,
        np.sqrt(max(0.05, CONDITIONAL_VARIANCE - left)),
    )


def _true_variance() -> float:
    """Return the variance of the true volume in the reference set: the reported one less the rater's."""
    return reported.values()["populations"]["ground_truth"]["volume"]["sd"] ** 2 - RATER_SD_ML**2


def _noise(seen: Studies, old: VolumeModel) -> np.ndarray:
    """Return the standard normal part of the true volumes."""
    return (
        seen.true_ml - twin_people.true_volumes(seen.people, replace(old, residual_sd_ml=0.0), _Zero())
    ) / old.residual_sd_ml


class _Zero:
    """A generator of zeros."""

    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape)


def _residual(people: twin_people.Columns, values: np.ndarray, who: np.ndarray) -> np.ndarray:
    """Return what age, sex and head size leave of `values` among some people."""
    some = {name: people[name][who] for name in ("age_years", "male", "icv_z")}
    return values[who] - explained(some, values[who])


def _measurements(model: TwinModel, seen: Studies) -> dict[str, Measurement]:
    """Solve each method's offset, gain, dependence on head size and error, in closed form.

    With T the true volume, z head size, c, v the reported covariance and variance, q the conditional
    variance, V, Z, C the variances of T and z and their covariance in the reference set, and u the
    conditional variance of T:  gain V + icv C = c;  gain^2 V + 2 gain icv C + icv^2 Z + error^2 = v;
    gain^2 u + error^2 = q.
    """
    chosen, means = seen.reference, mean_sizes()
    true, icv = seen.true_ml[chosen], seen.people["icv_z"][chosen]
    (_, big_c), (_, big_z) = np.cov(true, icv)
    big_v = _true_variance()  # the target, not the sample's: the solution is steep in it
    given = conditional_variances()
    solved = {}
    for name, method in ANCHORS.items():
        variance, covariance = moments(method)
        if method in given:
            icv_ml = _icv_dependence(covariance, variance - given[method], big_v - CONDITIONAL_VARIANCE, big_v, big_c, big_z)  # fmt: skip
            gain = (covariance - icv_ml * big_c) / big_v
            error = given[method] - gain**2 * CONDITIONAL_VARIANCE
        else:  # no regression is reported: head size acts as it does on FIRST
            icv_ml = solved["FIRST"].icv_ml if "FIRST" in solved else model.masks.sizes["FIRST"].icv_ml
            gain = (covariance - icv_ml * big_c) / big_v
            error = variance - gain**2 * big_v - 2 * gain * icv_ml * big_c - icv_ml**2 * big_z
        mean = means[method]
        if name == CORE:
            own = [part for part in PARTS if "1" in part]
            mean -= sum(model.masks.parts_ml[part] for part in own)
            error -= sum(
                (model.masks.parts_ml[part] ** 2) * np.expm1(twin_masks.PART_SPREAD**2) for part in own
            )
        offset = mean - gain * true.mean() - icv_ml * icv.mean()
        solved[name] = Measurement(offset, gain, icv_ml, np.sqrt(max(error, 0.02)))
    return solved


def _icv_dependence(c: float, gap: float, free: float, v: float, cz: float, z: float) -> float:
    """Solve gain^2 free + 2 gain icv cz + icv^2 z = gap with gain = (c - icv cz) / v; the larger root."""
    square = free * cz**2 / v**2 - 2 * cz**2 / v + z
    linear = -2 * free * c * cz / v**2 + 2 * c * cz / v
    constant = free * c**2 / v**2 - gap
    roots = np.roots([square, linear, constant])
    return float(roots.real.max())


def _overlaps(model: TwinModel, seen: Studies) -> dict[str, Overlap]:
    """Match median and quartiles of sensitivity of the tools and of MindGlide's T1w mask."""
    found = {}
    for name, method in ANCHORS.items():
        median, low, high = reported.values()["voxel_agreement"][method]["sensitivity"]
        share = (seen.inside[method] / seen.sizes["manual"])[seen.reference]
        q1, q2, q3 = np.quantile(share, [0.25, 0.5, 0.75])
        old = model.masks.overlaps[name]
        wider = (logit(high) - logit(low)) / (logit(q3) - logit(q1))
        found[name] = Overlap(
            old.centre + logit(median) - logit(q2), float(np.clip(old.spread * wider, 0.02, 2))
        )
    return found


def _outcomes(model: TwinModel, seen: Studies) -> OutcomeModel:
    """Match the reported slopes of each outcome over the methods at once, weighted by their errors."""
    old, people = model.outcomes, seen.people
    patients = people["group"] != HEALTHY
    values = {
        "edss": seen.scores["edss"],
        "t25fw": np.log((seen.scores["t25fw_1_s"] + seen.scores["t25fw_2_s"]) / 2),
        "sdmt": seen.scores["sdmt"],
    }
    slopes = {"nhpt": NHPT_SLOPE}
    for name, value in values.items():
        who = patients if name == "edss" else np.ones_like(patients)
        known = reported.values()["cross_sectional"][name]
        methods = [method for method in known if method in MEASURED]
        implied = np.array([slope_given(people, value, seen.sizes[method], who) for method in methods])
        true = slope_given(people, value, seen.true_ml, who)
        # Every implied slope is proportional to the slope on the true volume.
        per_unit = implied / true
        weights = np.array([known[method][1] for method in methods]) ** -2.0
        wanted = np.array([known[method][0] for method in methods])
        best = (weights * per_unit) @ wanted / ((weights * per_unit) @ per_unit)
        slopes[name] = old.slopes[name] + (best - true) * (
            old.edss_sd / np.nanstd(value) if name == "edss" else 1.0
        )
    return OutcomeModel(slopes, *_latent_edss(model, seen))


def _latent_edss(model: TwinModel, seen: Studies) -> tuple[float, float]:
    """Return mean and SD of patients' latent EDSS, whose quantiles give the scores."""
    unexplained = seen.true_ml - explained(seen.people, seen.true_ml)
    latent = twin_outcomes.latent("edss", seen.people, unexplained, model.outcomes, stream(SEED, "scores"))
    patients = latent[seen.people["group"] != HEALTHY]
    return float(patients.mean()), float(patients.std())


def slope_given(people: twin_people.Columns, outcome: np.ndarray, volume: np.ndarray, who: np.ndarray, more: tuple[np.ndarray, ...] = ()) -> float:  # fmt: skip
    """Return the slope of `outcome` on `volume` given age, sex, head size and `more`, among `who`."""
    columns = [volume, people["age_years"], people["male"], people["icv_z"], *more]
    who = who & ~np.isnan(outcome)
    design = np.stack([np.ones(who.sum()), *(column[who].astype(float) for column in columns)], axis=1)
    return float(np.linalg.lstsq(design, outcome[who], rcond=None)[0][1])


def _change(model: TwinModel, seen: Studies) -> ChangeModel:
    """Match mean and spread of change, correlation with brain volume change, and slopes of EDSS change."""
    old, followed = model.change, seen.people["followed"]
    percent = twin_change.change_percent(seen.sizes, seen.sizes_later)
    targets = reported.values()["volume_change"]
    means, spreads, brain, ties = dict(old.means), dict(old.spreads), dict(old.brain), dict(old.ties)
    for name, method in ANCHORS.items():
        change = percent[method][followed]
        wanted = targets[method] if method in targets else [twin_change.CHANGE_MEAN[method], _spread(method)]
        means[name] += wanted[0] - change.mean()
        spreads[name] *= wanted[1] / change.std(ddof=1)
        seen_r = np.corrcoef(change, seen.pbvc_percent[followed])[0, 1]
        wanted_r = twin_change.BRAIN_CORRELATION.get(method) or _brain(method)
        brain[name] = float(np.clip(brain[name] + wanted_r - seen_r, 0, 0.8))
    if model.switch == "nothing":
        return ChangeModel(means, spreads, brain, ties, old.part_growth)
    patients = followed & (seen.people["group"] != HEALTHY)
    more = (seen.people["steroids"], seen.people["interval_years"])
    change = seen.scores_later["edss"] - seen.scores["edss"]
    for name, method in TIED_TO.items():
        delta = seen.sizes_later[method] - seen.sizes[method]
        slope = slope_given(seen.people, change, delta, patients, more)
        wanted = reported.values()["longitudinal"]["edss"][method][0]
        per_tie = twin_change.TIED_EDSS / delta[patients].std()  # to first order
        ties[name] = float(np.clip(ties[name] + (wanted - slope) / per_tie, 0.0, 0.85))
    ties["FreeSurfer"] = ties["FIRST"]
    return ChangeModel(means, spreads, brain, ties, old.part_growth)
