"""Change of EDSS as worse, stable or better, by ordinal logistic regression (section 3.6, Table S15)."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats
from scipy.special import expit
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.tools.sm_exceptions import ModelWarning

from thalutils import tables
from thalutils.schemas import SCHEMAS
from thalutils.stats import models, regression
from thalutils.stats.regression import Prepared, sentences

# From a baseline up to the first number, a change counts from the second on. The paper does not give
# its categories; these are the steps of confirmed progression that trials use.
STEPS = ((0.0, 1.5), (5.5, 1.0), (10.0, 0.5))
BETTER, STABLE, WORSE = -1.0, 0.0, 1.0
ANALYSIS, OUTCOME = "ordinal", "edss"
CATEGORY, PREDICTOR = "edss_category", models.LONGITUDINAL.predictor
DIVERGES = 1e-7
NORMAL_95 = stats.norm.ppf(0.975)
# Slopes per SD beyond this, or gradients per person above it, are those of a search that runs away.
LARGEST_SLOPE = 25.0
LARGEST_GRADIENT = 1e-4


@dataclass(frozen=True)
class Fitted:
    """A proportional-odds model in standardised predictors.

    Attributes
    ----------
    codes : ndarray of int, shape (n,)
        Each person's category, from 0, empty categories left out.
    exog : ndarray, shape (n, k)
        Predictors, the volume first, standardised.
    scale_ml : float
        Standard deviation of the volume changes, mL.
    slopes, errors : ndarray, shape (k,)
        Slopes and standard errors per SD.
    thresholds : ndarray
        One fewer than categories.
    loglike, loglike_null : float
        Log-likelihood with the predictors and with thresholds alone.
    """

    codes: np.ndarray
    exog: np.ndarray
    scale_ml: float
    slopes: np.ndarray
    errors: np.ndarray
    thresholds: np.ndarray
    loglike: float
    loglike_null: float


def categories(
    baseline: pd.Series, delta: pd.Series, steps: Sequence[tuple[float, float]] = STEPS
) -> pd.Series:
    """Call each change of EDSS worse (1), stable (0) or better (-1), by a step that depends on the baseline.

    Parameters
    ----------
    baseline, delta : Series
        EDSS at the first visit, and second minus first.
    steps : sequence of pair
        Highest baseline and step that counts from there down to the pair before, in rising order.

    Returns
    -------
    Series of float
        Missing where baseline or change is.

    Examples
    --------
    >>> categories(pd.Series([0.0, 0.0, 1.0, 5.5, 6.0]), pd.Series([1.0, 1.5, -1.0, 0.5, 0.5])).tolist()
    [0.0, 1.0, -1.0, 0.0, 1.0]
    """
    highest, size = np.array(steps, float).T
    place = np.searchsorted(highest, baseline.to_numpy(float), side="left")
    step = size[np.minimum(place, len(size) - 1)]
    change = delta.to_numpy(float)
    found = np.select([change >= step, change <= -step], [WORSE, BETTER], STABLE)
    return pd.Series(found, delta.index).where(baseline.notna() & delta.notna())


def rows(
    frame: pd.DataFrame, steps: Sequence[tuple[float, float]] = STEPS, covariates: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return each method's row of ``change_associations``: log odds of a worse category per mL.

    Adjusted as the linear models are, for the site too where people come from several.

    Parameters
    ----------
    frame : DataFrame
        As :func:`thalutils.stats.frames.change` makes it.
    steps : sequence of pair
        As in :func:`categories`.
    covariates : sequence of str
        As in :func:`thalutils.stats.models.longitudinal`.

    Returns
    -------
    list of dict
        As :func:`thalutils.stats.regression.fit` returns it, with analysis, outcome and method, without
        adjusted p: ``statistic`` is Wald's z, ``r2`` McFadden's, ``se_type`` is ``ml``. A positive slope
        goes with worse EDSS where the thalamus lost less, as in the linear models. Cumulative logits, as
        R's ``MASS::polr`` and ``ordinal::clm``.
    """
    design = models.adjusted(models.LONGITUDINAL, frame, covariates)
    return [
        {"analysis": ANALYSIS, "outcome": OUTCOME, "method": method} | _slope(_prepared(mine, steps, design))
        for method, mine in models.each_method(frame)
    ]


def proportional_odds(
    frame: pd.DataFrame, steps: Sequence[tuple[float, float]] = STEPS, covariates: Sequence[str] = ()
) -> pd.DataFrame:
    """Test whether volume change moves both thresholds, better and worse, by the same log odds.

    The likelihood ratio of the model in which the volume's slope is free for each threshold, the
    covariates' common, against the proportional-odds model, as R's ``ordinal::nominal_test`` makes it. A
    small p says that one slope does not describe both.

    Parameters
    ----------
    frame, steps, covariates
        As in :func:`rows`.

    Returns
    -------
    DataFrame
        The table ``proportional_odds``.
    """
    found = []
    design = models.adjusted(models.LONGITUDINAL, frame, covariates)
    for method, mine in models.each_method(frame):
        prepared = _prepared(mine, steps, design)
        counts = {
            name: int((prepared.rows[CATEGORY] == value).sum())
            for name, value in (("n_better", BETTER), ("n_stable", STABLE), ("n_worse", WORSE))
        }
        row = {"analysis": ANALYSIS, "method": method, "n": len(prepared.rows)} | counts
        found.append(row | _parallel(prepared))
    columns = list(SCHEMAS["proportional_odds"].columns)
    return tables.check("proportional_odds", pd.DataFrame(found, columns=columns))


def _prepared(frame: pd.DataFrame, steps: Sequence[tuple[float, float]], design: models.Design) -> Prepared:
    """Select the people of the model; a site of which all are in the first or all in the last category goes.

    The likelihood is largest where the indicator of such a site is infinite. There its people tell nothing of
    the other parameters, which are those of the model without them.
    """
    rows = frame.assign(**{CATEGORY: categories(frame["edss"], frame["delta_edss"], steps)})
    gone: list[str] = []
    while True:
        prepared = regression.prepare(rows, CATEGORY, PREDICTOR, design.covariates)
        lone = _one_sided(prepared.rows) if models.SITE in design.covariates else []
        if not lone:
            break
        gone += lone
        rows = rows[~rows[models.SITE].isin(lone)]
    told = (
        f"Left out, since all of the site are worse or all better: {', '.join(sorted(gone))}." if gone else ""
    )
    return replace(prepared, note=sentences(prepared.note, told) or "")


def _one_sided(rows: pd.DataFrame) -> list[str]:
    """Return the sites of which all people are in the lowest or all in the highest category, where there are others."""
    known = rows[CATEGORY]
    if known.nunique() < 2 or rows[models.SITE].nunique() < 2:
        return []
    ends = known.groupby(rows[models.SITE]).agg(["min", "max"])
    lone = (ends["min"] == known.max()) | (ends["max"] == known.min())
    return list(ends.index[lone])


def _slope(prepared: Prepared) -> dict[str, Any]:
    found = {"n": len(prepared.rows)} | dict.fromkeys(regression.ESTIMATES, np.nan)
    found |= {"se_type": "ml", "transform": "none"}
    fitted, fault = _fitted(prepared)
    if fitted is None:
        return found | {"note": sentences(fault, prepared.note)}
    beta, se = fitted.slopes[0] / fitted.scale_ml, fitted.errors[0] / fitted.scale_ml
    found |= {
        "beta": beta,
        "se": se,
        "beta_low": beta - NORMAL_95 * se,
        "beta_high": beta + NORMAL_95 * se,
        "statistic": beta / se,
        "p": 2 * stats.norm.sf(abs(beta / se)),
        "r2": 1 - fitted.loglike / fitted.loglike_null,
    }
    return found | {"note": sentences(_absent(prepared), prepared.note)}


def _parallel(prepared: Prepared) -> dict[str, Any]:
    found: dict[str, Any] = {"chi2": np.nan, "p": np.nan}
    fitted, fault = _fitted(prepared)
    if fitted is None:
        return found | {"note": sentences(fault, prepared.note)}
    if len(fitted.thresholds) < 2:
        reason = "One threshold has one slope: nothing to test."
        return found | {"note": sentences(_absent(prepared), reason, prepared.note)}
    free = _free_loglike(fitted)
    if free is None:
        reason = "The model with a slope for each threshold did not converge."
        return found | {"note": sentences(reason, prepared.note)}
    chi2 = max(0.0, 2 * (free - fitted.loglike))
    p = stats.chi2.sf(chi2, len(fitted.thresholds) - 1)
    return {"chi2": chi2, "p": p, "note": sentences(prepared.note)}


def _absent(prepared: Prepared) -> str:
    names = {BETTER: "better", STABLE: "stable", WORSE: "worse"}
    absent = [name for value, name in names.items() if not (prepared.rows[CATEGORY] == value).any()]
    return f"Nobody is {' or '.join(absent)}: the other categories alone." if absent else ""


def _fitted(prepared: Prepared) -> tuple[Fitted | None, str]:
    """Fit the proportional-odds model, or say why it cannot be fitted."""
    if prepared.fault:
        return None, prepared.fault
    values = prepared.columns.to_numpy(float)
    scale = values.std(axis=0, ddof=1)
    exog = (values - values.mean(axis=0)) / scale
    codes = np.unique(prepared.outcome, return_inverse=True)[1]
    diverging = _diverging(exog, codes)
    if diverging.any():
        names = ", ".join(prepared.columns.columns[diverging])
        return None, f"Categories are separated by {names}: a slope has no finite estimate."
    with warnings.catch_warnings():
        # What the warnings tell is asked of the result below.
        warnings.simplefilter("ignore", ModelWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        model = OrderedModel(codes, exog, distr="logit")
        result = model.fit(method="bfgs", maxiter=500, gtol=1e-7, disp=False)
        slopes, errors = result.params[: exog.shape[1]], result.bse[: exog.shape[1]]
        gradient = np.abs(model.score(result.params)).max() / len(codes)
    if not (np.isfinite(errors).all() and gradient < LARGEST_GRADIENT):
        return None, "The ordinal model did not converge."
    thresholds = model.transform_threshold_params(result.params)[1:-1]
    counts = np.bincount(codes)
    null = float((counts * np.log(counts / len(codes))).sum())
    return Fitted(codes, exog, scale[0], slopes, errors, thresholds, result.llf, null), ""


def _diverging(exog: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Tell which slopes run off to infinity because predictors separate the categories.

    The likelihood has no maximum where some direction of thresholds and slopes moves nobody's linear
    predictor out of the bounds of their category and somebody's further in (Albert and Anderson,
    Biometrika 1984; 71: 1-10). A linear program finds the direction that moves most.
    """
    last = codes.max()
    above = np.eye(last + 1)[codes][:, :last]
    below = np.eye(last + 1)[codes][:, 1:]
    inside = np.vstack([np.hstack([above, -exog])[codes < last], np.hstack([-below, exog])[codes > 0]])
    answer = optimize.linprog(-inside.sum(axis=0), A_ub=-inside, b_ub=np.zeros(len(inside)), bounds=(-1, 1))
    direction = answer.x if answer.success else np.zeros(inside.shape[1])
    if inside.sum(axis=0) @ direction < DIVERGES:
        return np.zeros(exog.shape[1], bool)
    return np.abs(direction[last:]) > DIVERGES


def _free_loglike(fitted: Fitted) -> float | None:
    """Return the largest log-likelihood with the volume's slope free for each threshold, None if none."""
    codes, exog, count = fitted.codes, fitted.exog, len(fitted.thresholds)
    volume, others = exog[:, 0], exog[:, 1:]
    tiny = np.finfo(float).tiny

    def loss(params: np.ndarray) -> tuple[float, np.ndarray]:
        thresholds, slopes, shared = np.split(params, [count, 2 * count])
        eta = thresholds - np.outer(volume, slopes) - (others @ shared)[:, None]
        cumulative = expit(eta)
        chance = np.diff(cumulative, axis=1, prepend=0.0, append=1.0)
        mine = np.maximum(np.take_along_axis(chance, codes[:, None], 1)[:, 0], tiny)
        density = cumulative * (1 - cumulative) / mine[:, None]
        # A threshold bounds the category below it from above, and the one above it from below.
        place = np.arange(count)
        pull = density * ((codes[:, None] == place).astype(float) - (codes[:, None] == place + 1))
        gradient = [pull.sum(axis=0), -(volume @ pull), -(others.T @ pull.sum(axis=1))]
        return -np.log(mine).sum() / len(codes), -np.concatenate(gradient) / len(codes)

    start = np.concatenate([fitted.thresholds, np.full(count, fitted.slopes[0]), fitted.slopes[1:]])
    # A step of the search may cross thresholds, where chances vanish.
    with np.errstate(over="ignore", invalid="ignore"):
        answer = optimize.minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-8})
    arrived = np.abs(answer.jac).max() < LARGEST_GRADIENT
    if not arrived or np.abs(answer.x[count:]).max() > LARGEST_SLOPE:
        return None
    return -answer.fun * len(codes)
