"""What the paper reports, read from the one file where its numbers are typed, as one tidy table."""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

import pandas as pd
import yaml

COLUMNS = ("section", "quantity", "method", "outcome", "reported", "reported_low", "reported_high", "text")
Z_95 = 1.959964
PAIR = " / "
BOUND = re.compile(r"^<\s*(\d*\.?\d+)$")


@lru_cache(maxsize=1)
def values() -> dict[str, Any]:
    """Return ``data/reported.yml``."""
    return yaml.safe_load(files("thalutils").joinpath("data", "reported.yml").read_text(encoding="utf-8"))


def flat() -> pd.DataFrame:
    """Return every reported result, one a row.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`. ``method`` is a method, a pair of them joined by ``" / "``, a population or a
        diagnosis. ``reported_low`` and ``reported_high`` are the printed 95 % interval, or for a slope
        printed with its standard error the interval it implies; a p printed as a bound stands in
        ``reported_high``. ``text`` holds what the paper says in words alone.
    """
    found = values()
    rows: list[dict[str, Any]] = []
    rows += _populations(found["populations"])
    rows += _voxels(found["voxel_agreement"], found["voxel_agreement_pairwise"])
    rows += _volumes(found["volume_agreement"])
    rows += _slopes("cross_sectional", found["cross_sectional"])
    rows += _changes(found["volume_change"], found["brain_volume_change"])
    rows += _slopes("longitudinal", found["longitudinal"])
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"reported": float, "reported_low": float, "reported_high": float})


def _row(section: str, quantity: str, method: str | None = None, outcome: str | None = None,
         reported: Any = None, low: Any = None, high: Any = None, text: str | None = None) -> dict[str, Any]:  # fmt: skip
    return dict(zip(COLUMNS, (section, quantity, method, outcome, reported, low, high, text), strict=True))


def _populations(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    section = "populations"
    for population in ("ground_truth", "cross_sectional", "longitudinal"):
        for name, value in found[population].items():
            if name == "groups":
                for group, n in value.items():
                    yield _row(section, f"n_{group}", population, None, n)
            elif isinstance(value, dict):
                for statistic, number in value.items():
                    if statistic == "iqr":
                        yield _row(section, f"{name}_q1", population, None, number[0])
                        yield _row(section, f"{name}_q3", population, None, number[1])
                    else:
                        yield _row(section, f"{name}_{statistic}", population, None, number)
            else:
                yield _row(section, name if name == "n" else f"n_{name}", population, None, value)
    yield _row(
        section, "n_excluded_r1_registration", "cross_sectional", None, found["excluded_r1_registration"]
    )
    yield _row(section, "n_r1_registrations_won_by_ants", "cross_sectional", None, found["r1_registrations_won_by_ants"])  # fmt: skip
    yield _row(section, "n_drawn_rrms", "ground_truth", None, found["gt_sampling_strata"]["drawn_rrms"])


def _voxels(medians: dict[str, Any], pairs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for method, measures in medians.items():
        for measure, (median, q1, q3) in measures.items():
            for statistic, value in (("median", median), ("q1", q1), ("q3", q3)):
                yield _row("voxel_agreement", f"{measure}_{statistic}", method, None, value)
    for measure, rows in pairs.items():
        for one, other, p in rows:
            yield _row("voxel_agreement", f"{measure}_p", one + PAIR + other, None, p)


def _volumes(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    section = "volume_agreement"
    for method, measures in found.items():
        if method == "mindglide_slope_range":
            yield _row(section, "slope_range", "MindGlide", None, None, *measures)
            continue
        for measure, value in measures.items():
            if measure == "bias":
                yield _row(section, "bias_mean", method, None, value[0])
                yield _row(section, "bias_sd", method, None, value[1])
            else:
                yield _row(section, measure, method, None, *value)


def _slopes(section: str, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for outcome, n in found["n"].items():
        yield _row(section, "n", None, outcome, n)
    for outcome in found["n"]:
        yield from _betas(section, outcome, found.get(outcome, {}))
    for outcome, methods in found.get("rrms_only", {}).items():
        yield from _betas(section, outcome, methods, "rrms_")
    if "significant_outcomes" in found:
        yield _row(section, "significant_outcomes", text=", ".join(found["significant_outcomes"]))
        yield _row(section, "robust_se_hc3", text=", ".join(found["robust_se_hc3"]))
        for name, text in found["sensitivity"].items():
            yield _row(section, f"sensitivity_{name}", outcome="edss", text=text)


def _betas(section: str, outcome: str, methods: dict[str, Any], prefix: str = "") -> Iterator[dict[str, Any]]:
    for method, (beta, se, p) in methods.items():
        yield _row(section, f"{prefix}beta", method, outcome, beta, beta - Z_95 * se, beta + Z_95 * se)
        yield _row(section, f"{prefix}se", method, outcome, se)
        bound = BOUND.match(str(p))
        yield _row(
            section, f"{prefix}p", method, outcome, None if bound else p, None, bound and float(bound[1])
        )


def _changes(volume: dict[str, Any], brain: dict[str, Any]) -> Iterator[dict[str, Any]]:
    section = "volume_change"
    for name, value in volume.items():
        if name == "pairwise_p":
            for one, other, p in value:
                yield _row(section, "change_p", one + PAIR + other, None, p)
        elif name == "by_group_direction":
            for group, text in value.items():
                yield _row(section, "direction", group, None, text=text)
        else:
            yield _row(section, "change_mean", name, None, value[0])
            yield _row(section, "change_sd", name, None, value[1])
    section = "brain_volume_change"
    yield _row(section, "pbvc_mean", None, None, brain["cohort"][0])
    yield _row(section, "pbvc_sd", None, None, brain["cohort"][1])
    for name, value in brain["pearson_r"].items():
        if "r" in value:
            yield _row(section, "pearson_r", name, None, value["r"])
            yield _row(section, "pearson_p", name, None, value["p"])
        else:
            yield _row(section, "pearson_r_range", name, None, None, *value["r_range"])
    yield _row(section, "pairwise", text=brain["pairwise"])
