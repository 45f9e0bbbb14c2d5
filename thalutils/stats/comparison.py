"""Methods held against each other on the same people, scale and adjustment (sections 3.4 and 3.6)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from thalutils import tables
from thalutils.errors import TableError
from thalutils.schemas import SCHEMAS
from thalutils.stats import models, regression
from thalutils.stats.models import Design
from thalutils.stats.resampling import interval, partialled, resampled_counts, scatter

AGAINST = "FIRST"
RESAMPLES = 1000
# A method that has fewer of the people than this would take most of them from all the others.
LEAST_SHARE = 0.5


def like_with_like(
    frame: pd.DataFrame, design: str, against: str | None = None, resamples: int = RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Compare the methods' standardised slopes in the same people, adjusted for diagnosis as well.

    A slope per mL is steep where a method's volumes vary little, whatever they tell of the outcome, and
    p depends on n. Here every method is fitted to the people whom all of them measured, in standard
    deviations, with the covariates of the paper, the diagnosis and, where there are several, the site; outcomes
    that the paper takes logarithms of are logarithms here. The bootstrap draws people, the same for every method, so that
    differences are paired; whether slopes differ is read from the interval of their difference, not from
    one being significant and the other not.

    Parameters
    ----------
    frame : DataFrame
        As :func:`thalutils.stats.frames.baseline` or :func:`~thalutils.stats.frames.change` makes it.
    design : str
        ``cross-sectional`` or ``longitudinal``, as the frame is.
    against : str, optional
        The method that the others are held against; by default ``FIRST``, where the frame has it, else
        the first method.
    resamples, seed : int
        How many resamples, and the seed of the random generator.

    Returns
    -------
    DataFrame
        The table ``like_with_like``. Intervals are percentiles of the bootstrap; that of partial R2 cannot
        reach below 0 and lies high where there is no association. A method that measured fewer than half
        of the people is left out, with a note.

    Raises
    ------
    TableError
        Where `design` or `against` is not known, or a value has no logarithm.
    """
    if design not in models.DESIGNS:
        raise TableError(f"{design} is not a design; give {' or '.join(models.DESIGNS)}.")
    names = list(frame["method"].unique())
    if against is None and names:
        against = AGAINST if AGAINST in names else names[0]
    if names and against not in names:
        raise TableError(f"{against} is not among the methods: {', '.join(names)}.")
    plan = models.adjusted(models.DESIGNS[design], frame)
    rows = []
    for column, outcome in plan.outcomes.items():
        found = _compared(frame, plan, column, names, str(against), (resamples, seed))
        rows += [{"design": design, "outcome": outcome, "against": against} | row for row in found]
    columns = list(SCHEMAS["like_with_like"].columns)
    return tables.check("like_with_like", pd.DataFrame(rows).reindex(columns=columns))


def _compared(
    frame: pd.DataFrame, plan: Design, column: str, names: list[str], against: str, drawn: tuple[int, int]
) -> list[dict[str, Any]]:
    """Return the rows of one outcome."""
    rows, note = models.eligible(frame, column)
    covariates = [*plan.covariates, "group"]
    known = regression.complete(rows, [column, plan.predictor, *covariates])
    have = known.groupby("method")["participant_id"].nunique().reindex(names, fill_value=0)
    few = [name for name in names if have[name] < LEAST_SHARE * known["participant_id"].nunique()]
    same = _same_people(known[~known["method"].isin(few)])
    transform = "log" if column in plan.log else "none"
    found, draws = {}, {}
    for name in names:
        n = int(have[name])
        if name in few:
            found[name] = {"n": n, "note": f"{n} of the people, fewer than half of them: not compared."}
            continue
        if same.empty and len(known):
            found[name] = {"n": 0, "note": "Nobody was measured by every method."}
            continue
        # Where nobody has every value, the rows before tell which is missing.
        pool = same if len(same) else rows
        mine = pool[pool["method"] == name]
        found[name] = regression.fit(mine, column, plan.predictor, covariates, transform=transform)
        if not np.isnan(found[name]["beta"]):
            prepared = regression.prepare(mine, column, plan.predictor, plan.covariates, transform)
            draws[name] = _draws(prepared, drawn)
    keys = ("n", "beta_std", "partial_r2")
    return [
        {"method": name, "note": _note(name, against, found, draws, note)}
        | {key: found[name].get(key, np.nan) for key in keys}
        | _intervals(name, against, found, draws)
        for name in names
    ]


def _same_people(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of those whom every method measured, in the same order for each method."""
    seen = rows.groupby("participant_id")["method"].transform("nunique")
    return rows[seen == rows["method"].nunique()].sort_values("participant_id")


def _draws(prepared: regression.Prepared, drawn: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return resampled standardised slopes and partial R2, adjusted for the group by its own means."""
    n = len(prepared.rows)
    counts = resampled_counts(np.zeros(n), *drawn)
    values = np.column_stack([prepared.outcome, prepared.columns.to_numpy(float)])
    values = values / values.std(axis=0)
    whole = scatter(counts, values[:, :2], np.zeros(n))
    groups = prepared.rows["group"].to_numpy(str)
    outcome, predictor, product = partialled(scatter(counts, values, groups))
    spread = np.sqrt(whole[:, 1, 1] / np.where(np.isnan(outcome), np.nan, whole[:, 0, 0]))
    return product / predictor * spread, product**2 / (outcome * predictor)


def _intervals(
    name: str, against: str, found: Mapping[str, Mapping[str, Any]],
    draws: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> dict[str, float]:  # fmt: skip
    if name not in draws:
        return {}
    slopes, explained = draws[name]
    ends = dict(zip(("beta_std_low", "beta_std_high"), interval(slopes), strict=True))
    ends |= dict(zip(("partial_r2_low", "partial_r2_high"), interval(explained), strict=True))
    if name == against or against not in draws:
        return ends
    # along the reference's own direction: absolute values would fold intervals of slopes near zero
    direction = np.copysign(1.0, found[against]["beta_std"])
    low, high = interval(direction * (slopes - draws[against][0]))
    difference = direction * (found[name]["beta_std"] - found[against]["beta_std"])
    return ends | {"difference_std": difference, "difference_std_low": low, "difference_std_high": high}


def _note(
    name: str, against: str, found: Mapping[str, Mapping[str, Any]], draws: Mapping[str, Any], note: str
) -> str | None:
    alone = name in draws and against not in draws
    reason = f"{against} has no slope to hold it against." if alone else ""
    return regression.sentences(found[name]["note"], reason, note)
