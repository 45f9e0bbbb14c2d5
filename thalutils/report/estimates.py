"""What a cohort's tables give for each quantity that the paper reports."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from thalutils import reported
from thalutils.report import directions

# With fewer people an interval is so wide that everything lies in it.
FEWEST = 10
LEVEL = 0.05
RESAMPLES, SEED = 1000, 61
# How far a standard error may be off in ratio: its own sampling error and the rounding of the printed one.
SE_RATIO, SE_ROUNDING = 1.35, 0.005
POPULATIONS = {
    "ground_truth": "reference",
    "cross_sectional": "cross-sectional",
    "longitudinal": "longitudinal",
}
VARIABLES = {
    "age": "age_years", "disease_duration_years": "disease_duration_years", "edss": "edss",
    "interval_years": "interval_years", "volume": "volume:manual",
}  # fmt: skip
STEP_OF_EDSS = 0.5
NO_MODEL = "Too few people for the model."
MISSING = "Missing in everyone"
FEW = f"Fewer than {FEWEST} people decide nothing."
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Estimate:
    """What a cohort gives for one reported quantity; without an interval, `agrees` says it outright."""

    value: float = np.nan
    low: float = np.nan
    high: float = np.nan
    n: float = np.nan
    agrees: bool | None = None
    note: str | None = None
    count: float = np.nan

    @property
    def people(self) -> float:
        """How many people the value tells of: those counted, or those measured; missing where models have many."""
        return self.count if pd.notna(self.count) else self.n


NOTHING = Estimate(note=directions.ABSENT["note"])


def estimate(row: pd.Series, tables: Tables) -> Estimate:
    """Return what the tables of a cohort give for a row of :func:`thalutils.reported.flat`."""
    find = {
        "populations": _population, "voxel_agreement": _voxels, "volume_agreement": _volumes,
        "cross_sectional": _cross_sectional, "longitudinal": _longitudinal, "volume_change": _change,
        "brain_volume_change": _brain_change,
    }[row["section"]]  # fmt: skip
    return find(row, tables)


def text(value: object) -> str | None:
    """Return a cell that holds a text; ``None`` for an empty one."""
    return value if isinstance(value, str) else None


def pick(tables: Tables, name: str, **wanted: str | None) -> pd.Series | None:
    """Return the one row of a table that has these values, or ``None``."""
    frame = tables.get(name)
    if frame is None:
        return None
    for column, value in wanted.items():
        frame = frame[frame[column].isna() if value is None else frame[column] == value]
    return frame.iloc[0] if len(frame) else None


def _mean(found: pd.Series) -> Estimate:
    half = stats.t.ppf(0.975, max(found["n"] - 1, 1)) * found["sd"] / np.sqrt(found["n"])
    return Estimate(found["mean"], found["mean"] - half, found["mean"] + half, found["n"])


def _sd(sd: float, n: float) -> Estimate:
    """Return a standard deviation with its chi-square interval."""
    if pd.isna(sd) or n < 2:
        return Estimate(sd, n=n)
    low, high = (sd * np.sqrt((n - 1) / stats.chi2.ppf(q, n - 1)) for q in (0.975, 0.025))
    return Estimate(sd, low, high, n)


def _side(p: float, row: pd.Series) -> Estimate:
    """Judge a p value by the side of 5 % on which it lies."""
    if pd.isna(p):
        return NOTHING
    theirs = row["reported"] if pd.notna(row["reported"]) else row["reported_high"]
    return Estimate(p, agrees=bool((p < LEVEL) == (theirs < LEVEL)))


def _count(
    n: float, row: pd.Series, note: str = "A study's own size is no finding.", smallest: float | None = None
) -> Estimate:
    """Judge a number of people; `smallest` is the smallest that could be worked out from it."""
    count = n if smallest is None else smallest
    if n == row["reported"]:
        return Estimate(n, agrees=True, count=count)
    return Estimate(n, n=0, note=note, count=count)


def _population(row: pd.Series, tables: Tables) -> Estimate:
    quantity, population = row["quantity"], POPULATIONS[row["method"]]
    if quantity in ("n_excluded_r1_registration", "n_r1_registrations_won_by_ants", "n_drawn_rrms"):
        return _design(row, tables)
    if quantity.startswith("n"):
        return _head_count(quantity.removeprefix("n_"), population, tables, row)
    name, statistic = quantity.rsplit("_", 1)
    group = "all"
    for ending in ("_rrms", "_pms"):
        if name.endswith(ending):
            name, group = name.removesuffix(ending), ending[1:].upper()
    found = pick(tables, "population", population=population, group=group, variable=VARIABLES[name])
    if found is None or not found["n"]:
        return NOTHING
    if statistic == "mean":
        return _mean(found)
    if statistic == "sd":
        return _sd(found["sd"], found["n"])
    value = found[statistic]
    if found["n"] < FEWEST:
        return Estimate(value, n=found["n"])
    near = bool(abs(value - row["reported"]) <= STEP_OF_EDSS)
    return Estimate(value, agrees=near, note="Within one step of EDSS." if near else None)


def _head_count(what: str, population: str, tables: Tables, row: pd.Series) -> Estimate:
    group = {"n": "all", "female": "all", "male": "all", "pms_female": "PMS", "pms_male": "PMS", "rrms": "RRMS", "pms": "PMS"}.get(what, what)  # fmt: skip
    found = pick(tables, "population", population=population, group=group, variable="female")
    if found is None:
        return NOTHING
    people = found["n"] + found["n_missing"]
    women = found["n"] * found["mean"] if found["n"] else 0.0
    men = found["n"] - women
    n = {"female": women, "pms_female": women, "male": men, "pms_male": men}
    parts = [women, men] if what in n else _sizes(population, tables) if what != "n" else [people]
    smallest = min((round(part) for part in parts if round(part)), default=0)
    return _count(round(n.get(what, people)), row, smallest=smallest)


def _sizes(population: str, tables: Tables) -> list[float]:
    """Return how many people of a population have each diagnosis: one could be worked out from the others."""
    frame = tables["population"]
    mine = frame[(frame["population"] == population) & (frame["variable"] == "female") & (frame["group"] != "all")]  # fmt: skip
    return list(mine["n"] + mine["n_missing"])


def _design(row: pd.Series, tables: Tables) -> Estimate:
    """Return how many were drawn at random, and what became of the registrations of R1."""
    quantity = row["quantity"]
    if quantity == "n_drawn_rrms":
        sample = tables.get("reference_sample")
        return (
            NOTHING if sample is None else _count(sample["drawn"].sum(), row, "A parameter of the sampling.")
        )
    registration = tables.get("registration")
    if registration is None:
        return NOTHING
    r1 = registration[registration["image"] == "R1"]
    if r1.empty:
        return NOTHING
    if quantity == "n_r1_registrations_won_by_ants":
        return _count(
            (r1["selected"] & r1["strategy"].str.startswith("ants")).sum(),
            row,
            "Of another number of people.",
        )
    used = r1.groupby(["participant_id", "session_id"])["selected"].any()
    return _count((~used).sum(), row, "Of another number of people.")


def _voxels(row: pd.Series, tables: Tables) -> Estimate:
    measure, statistic = row["quantity"].rsplit("_", 1)
    if statistic == "p":
        return _pair_p(row, tables, "overlap_pairwise", reference="manual", measure=measure)
    found = pick(tables, "overlap_summary", method=row["method"], reference="manual", measure=measure)
    overlap = tables.get("overlap")
    if found is None or overlap is None:
        return NOTHING
    mine = overlap[(overlap["method"] == row["method"]) & (overlap["reference"] == "manual")]
    values = mine.sort_values("session_id").drop_duplicates("participant_id")[measure].dropna().to_numpy()
    low, high = _quantile_interval(values, {"median": 0.5, "q1": 0.25, "q3": 0.75}[statistic])
    return Estimate(found[statistic], low, high, found["n"])


def _quantile_interval(values: np.ndarray, share: float) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a quantile."""
    if len(values) < 3:
        return np.nan, np.nan
    draws = np.random.default_rng(SEED).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(np.quantile(values[draws], share, axis=1), [0.025, 0.975])
    return float(low), float(high)


def _pair_p(row: pd.Series, tables: Tables, name: str, **wanted: str) -> Estimate:
    one, other = row["method"].split(reported.PAIR)
    found = pick(tables, name, method_i=one, method_j=other, **wanted)
    if found is None:
        found = pick(tables, name, method_i=other, method_j=one, **wanted)
    return NOTHING if found is None else _side(found["p_adjusted"], row)


def _volumes(row: pd.Series, tables: Tables) -> Estimate:
    if row["quantity"] == "slope_range":
        frame = tables.get("volume_agreement", pd.DataFrame(columns=["method", "reference", "slope"]))
        mine = frame[frame["method"].str.startswith("MindGlide") & (frame["reference"] == "manual")]
        if mine.empty:
            return NOTHING
        return Estimate(
            mine["slope"].mean(), mine["slope_low"].mean(), mine["slope_high"].mean(), mine["n"].min()
        )
    found = pick(tables, "volume_agreement", method=row["method"], reference="manual")
    if found is None:
        return NOTHING
    if row["quantity"] == "bias_sd":
        return _sd(found["sd_ml"], found["n"])
    name = "bias" if row["quantity"] == "bias_mean" else row["quantity"]
    return Estimate(found[name], found[f"{name}_low"], found[f"{name}_high"], found["n"], note=found["note"] if pd.isna(found[name]) else None)  # fmt: skip


def _cross_sectional(row: pd.Series, tables: Tables) -> Estimate:
    return _slope(row, tables, "associations")


def _longitudinal(row: pd.Series, tables: Tables) -> Estimate:
    if isinstance(row["text"], str):
        return Estimate(**directions.longitudinal(row["quantity"], tables))
    return _slope(row, tables, "change_associations")


def _slope(row: pd.Series, tables: Tables, name: str) -> Estimate:
    relapsing = row["quantity"].startswith("rrms_")
    quantity = row["quantity"].removeprefix("rrms_")
    analysis = "RRMS" if relapsing else "all"
    if quantity == "n":
        frame = tables.get(name)
        mine = frame[(frame["analysis"] == analysis) & (frame["outcome"] == row["outcome"])] if frame is not None else []  # fmt: skip
        return _count(mine["n"].max(), row) if len(mine) else NOTHING
    found = pick(tables, name, analysis=analysis, outcome=row["outcome"], method=row["method"])
    if found is None:
        return NOTHING
    if pd.isna(found["beta"]):
        missing = isinstance(found["note"], str) and found["note"].startswith(MISSING)
        return Estimate(note=f"{found['note'].partition('.')[0]}." if missing else NO_MODEL)
    if quantity == "p":
        return _side(found["p_adjusted"], row)
    if quantity == "se":
        apart = abs(found["se"] - row["reported"]) <= SE_ROUNDING
        near = abs(np.log(found["se"] / row["reported"])) <= np.log(SE_RATIO)
        return Estimate(found["se"], agrees=bool(apart or near))
    return Estimate(found["beta"], found["beta_low"], found["beta_high"], found["n"])


def _change(row: pd.Series, tables: Tables) -> Estimate:
    if row["quantity"] == "direction":
        return Estimate(**directions.by_group(row["method"], tables))
    if row["quantity"] == "change_p":
        return _pair_p(row, tables, "change_pairwise")
    found = pick(tables, "change_summary", group="all", quantity="volume_percent", method=row["method"])
    if found is None:
        return NOTHING
    return _mean(found) if row["quantity"] == "change_mean" else _sd(found["sd"], found["n"])


def _brain_change(row: pd.Series, tables: Tables) -> Estimate:
    quantity, method = row["quantity"], text(row["method"])
    if quantity == "pairwise":
        return Estimate(**directions.brain_change_pairs(tables))
    if quantity in ("pbvc_mean", "pbvc_sd"):
        table = tables.get("brain_change")
        # of the engine that page 3.5 chose: one person counts once
        chosen = tables.get("brain_change_correlation")
        if table is not None and chosen is not None and len(chosen):
            table = table[table["engine"] == chosen["engine"].iloc[0]]
        values = table["pbvc_percent"].dropna() if table is not None else pd.Series(dtype=float)
        if values.empty:
            return NOTHING
        if len(values) < 2:
            return Estimate(values.iloc[0] if quantity == "pbvc_mean" else np.nan, n=1, note=FEW)
        described = pd.Series({"mean": values.mean(), "sd": values.std(), "n": len(values)})
        return _mean(described) if quantity == "pbvc_mean" else _sd(described["sd"], described["n"])
    if quantity == "pearson_r_range":
        return Estimate(**directions.brain_change_range(tables))
    found = pick(tables, "brain_change_correlation", method=method)
    if found is None:
        return NOTHING
    if quantity == "pearson_p":
        return _side(found["p"], row)
    return Estimate(found["r"], found["r_low"], found["r_high"], found["n"])
