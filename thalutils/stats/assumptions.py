"""Whether the residuals of the linear models are as the models suppose (sections 3.4 and 3.6)."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import OLS, RegressionResultsWrapper
from statsmodels.stats.diagnostic import het_breuschpagan
from statsmodels.stats.stattools import jarque_bera

from thalutils import tables
from thalutils.schemas import SCHEMAS
from thalutils.stats import regression
from thalutils.stats.models import Model

LEVEL = 0.05
STRONG_SKEW = 1.0
RESIDUALS = [
    "analysis", "outcome", "method", "participant_id", "fitted", "residual", "standardised", "quantile",
]  # fmt: skip


def assumptions(models: Iterable[Model], design: str) -> pd.DataFrame:
    """Test the residuals of each model and say where its transform or standard error disagrees.

    The paper looked at plots; these tests look at the same: skewness and Jarque and Bera's test for the
    QQ plot, Breusch and Pagan's for residuals against fitted values, in Koenker's studentised form, which
    does not suppose normal residuals (R's ``lmtest::bptest``).

    Parameters
    ----------
    models : iterable of Model
        As :mod:`thalutils.stats.models` makes them.
    design : str
        ``cross-sectional`` or ``longitudinal``.

    Returns
    -------
    DataFrame
        The table ``assumptions``. ``warning`` also says why where a model could not be fitted.
    """
    rows = [{"design": design} | _tested(model) for model in models]
    columns = list(SCHEMAS["assumptions"].columns)
    return tables.check("assumptions", pd.DataFrame(rows, columns=columns))


def residuals(models: Iterable[Model]) -> pd.DataFrame:
    """Return what QQ plots and plots of residuals against fitted values show.

    Parameters
    ----------
    models : iterable of Model
        As :mod:`thalutils.stats.models` makes them.

    Returns
    -------
    DataFrame
        A row a person and model that could be fitted: ``analysis``, ``outcome``, ``method``,
        ``participant_id``, ``fitted`` and ``residual`` (units of the outcome, or of its logarithm),
        ``standardised`` (internally studentised; missing where leverage is 1) and ``quantile`` of the
        standard normal at its rank (Blom's positions, (rank - 3/8) / (n + 1/4)).
    """
    frames = []
    for model in models:
        fitted = _fitted(model)
        if fitted is None:
            continue
        exog, residual = model.prepared.exog, fitted.resid
        left = 1 - np.einsum("ij,ji->i", exog, fitted.model.pinv_wexog)
        left = np.where(left > regression.SAME, left, np.nan)
        rank = stats.rankdata(residual, method="ordinal")
        found = {
            "analysis": model.analysis,
            "outcome": model.outcome,
            "method": model.method,
            "participant_id": model.prepared.rows["participant_id"].to_numpy(),
            "fitted": fitted.fittedvalues,
            "residual": residual,
            "standardised": residual / np.sqrt(fitted.mse_resid * left),
            "quantile": stats.norm.ppf((rank - 3 / 8) / (len(rank) + 1 / 4)),
        }
        frames.append(pd.DataFrame(found))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=RESIDUALS)


def _fitted(model: Model) -> RegressionResultsWrapper | None:
    """Return the least-squares fit, or None where :func:`regression.fit_prepared` has no slope."""
    if np.isnan(regression.fit_prepared(model.prepared)["beta"]):
        return None
    return OLS(model.prepared.outcome, model.prepared.exog).fit()


def _tested(model: Model) -> dict[str, object]:
    row = {"analysis": model.analysis, "outcome": model.outcome, "method": model.method}
    row |= {"n": len(model.prepared.rows)}
    fitted = _fitted(model)
    if fitted is None:
        return row | {"warning": model.row()["note"]}
    skewness = float(stats.skew(fitted.resid))
    breusch_pagan_p = float(het_breuschpagan(fitted.resid, model.prepared.exog)[1])
    row |= {"skewness": skewness, "normal_p": float(jarque_bera(fitted.resid)[1])}
    row |= {"breusch_pagan_p": breusch_pagan_p}
    return row | {"warning": _warning(model, skewness, breusch_pagan_p)}


def _warning(model: Model, skewness: float, breusch_pagan_p: float) -> str | None:
    robust, logged = model.se_type == "HC3", model.transform == "log"
    found = []
    if breusch_pagan_p < LEVEL and not robust:
        found.append(
            f"The spread changes with the predictors (Breusch-Pagan p = {breusch_pagan_p:.2g}) and the "
            "standard error supposes that it does not: HC3 would hold."
        )
    if breusch_pagan_p >= LEVEL and robust:
        found.append(
            f"No sign of unequal spread (Breusch-Pagan p = {breusch_pagan_p:.2g}): HC3 holds, but was not "
            "called for."
        )
    if abs(skewness) > STRONG_SKEW:
        kept = "after the logarithm" if logged else "and the outcome is not transformed"
        found.append(f"Residuals are strongly skewed ({skewness:.2g}) {kept}.")
    return regression.sentences(*found)
