"""One linear model of an outcome on a volume and covariates (sections 2.7.4 and 2.7.5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS

from thalutils.errors import TableError

SE_TYPES = ("nonrobust", "HC3")
TRANSFORMS = ("none", "log")
# A slope, its error and its test need people beyond the parameters.
FEWEST_RESIDUAL_DF = 10
CATEGORIES = ("group", "site")
ESTIMATES = ("beta", "se", "beta_low", "beta_high", "statistic", "p", "r2", "partial_r2", "beta_std")
# No quantity here is known to a billionth of its unit: a smaller spread is rounding.
SAME = 1e-9
# R's lm leaves out a column of which less than this share is its own.
COLLINEAR = 1e-7
PERFECT_FIT = 1e-18
WHOLE_LEVERAGE = 1 - 1e-9


@dataclass(frozen=True)
class Prepared:
    """What a model is fitted to.

    Attributes
    ----------
    rows : DataFrame
        The n people who have every value.
    outcome : ndarray, shape (n,)
        The outcome, transformed.
    columns : DataFrame, n rows
        The predictor first, then the covariates as numbers; no intercept.
    fault : str
        Why the model cannot be fitted; empty where it can.
    note : str
        Covariates that were left out; empty where none was.
    """

    rows: pd.DataFrame
    outcome: np.ndarray
    columns: pd.DataFrame
    fault: str
    note: str

    @property
    def exog(self) -> np.ndarray:
        """Return the design matrix, shape (n, k): intercept, predictor, covariates."""
        return np.column_stack([np.ones(len(self.columns)), self.columns.to_numpy(float)])


def complete(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the rows in which none of the columns `names` is missing.

    Raises
    ------
    TableError
        Where a column is not there, or holds an infinite value.
    """
    absent = [name for name in names if name not in frame]
    if absent:
        raise TableError(
            f"The frame of a model has no column {', '.join(absent)}. Make it with stats.frames."
        )
    found = frame.dropna(subset=list(names))
    for name in names:
        if pd.api.types.is_numeric_dtype(found[name]) and np.isinf(found[name]).any():
            raise TableError(f"{name} holds an infinite value. Correct it or leave it empty.")
    return found


def winsorise(values: pd.Series, low: float, high: float) -> pd.Series:
    """Pull values beyond the percentiles `low` and `high` in to them.

    The percentiles are interpolated between values (numpy's default), so that some winsorising is done
    however few the people; ``scipy.stats.mstats.winsorize`` would put the next value in their place.

    Examples
    --------
    >>> winsorise(pd.Series([0.0, 1.0, 2.0, 3.0, 100.0]), 0, 75).tolist()
    [0.0, 1.0, 2.0, 3.0, 3.0]
    """
    return values.clip(*np.percentile(values, [low, high]))


def prepare(
    frame: pd.DataFrame, outcome: str, predictor: str, covariates: Sequence[str], transform: str = "none"
) -> Prepared:
    """Select the people of one model, code its covariates and see whether it can be fitted.

    ``sex`` becomes an indicator of men, and ``group`` and ``site`` one of each of theirs but the first by name. What
    covariates before it determine, as the site where each has a diagnosis of its own, is left out: the slope of the
    predictor is the same with it and without.

    Parameters
    ----------
    frame : DataFrame
        A row a person, as :mod:`thalutils.stats.frames` makes them for one method.
    outcome, predictor : str
        Columns of numbers.
    covariates : sequence of str
        Columns of numbers, ``sex``, ``group`` or ``site``.
    transform : str
        ``none`` or ``log`` (natural), of the outcome.

    Raises
    ------
    TableError
        Where a column is missing, or a value has no logarithm.
    """
    names = [outcome, predictor, *covariates]
    rows = complete(frame, names)
    values = _transformed(rows, outcome, transform)
    coded = {name: _coded(rows[name], name) for name in covariates}
    constant = [name for name, columns in coded.items() if not _varying(columns)]
    kept = [columns for name, columns in coded.items() if name not in constant]
    columns = pd.concat([rows[[predictor]].astype(float), *kept], axis=1)
    if rows.empty:
        return Prepared(rows, values, columns, _nobody(frame, names), "")
    note = f"Left out, the same in everyone: {', '.join(constant)}." if constant else ""
    if len(rows) > columns.shape[1] + 1 and _deficient(columns):
        spare = _determined(columns.iloc[:, 1:])
        columns = columns.drop(columns=spare)
        owners = [name for name in covariates if set(spare) & set(coded[name])]
        told = f"Left out as far as other covariates determine it: {', '.join(owners)}." if owners else ""
        note = sentences(note, told) or ""
    found = Prepared(rows, values, columns, "", note)
    return Prepared(rows, values, columns, _fault(found, outcome, predictor), note)


def fit(
    frame: pd.DataFrame, outcome: str, predictor: str, covariates: Sequence[str],
    se_type: str = "nonrobust", transform: str = "none",
) -> dict[str, Any]:  # fmt: skip
    """Fit one linear model and return the slope of its predictor.

    Parameters
    ----------
    frame, outcome, predictor, covariates, transform
        As in :func:`prepare`.
    se_type : str
        ``nonrobust``, or ``HC3``, which holds where the spread differs between people (MacKinnon and
        White, J Econometrics 1985; 29: 305-325). Tests and intervals use Student's t with either, as
        R's ``lmtest::coeftest`` does; statsmodels alone would take the normal with HC3.

    Returns
    -------
    dict
        ``n``; ``beta`` (per unit of predictor), ``se``, its 95 % interval, ``statistic`` (t) and ``p``;
        ``r2`` of the model; ``partial_r2``, the share of what the covariates leave that the predictor
        explains; ``beta_std``, in SD of the (transformed) outcome per SD of predictor; ``se_type``,
        ``transform`` and ``note``. Where there is no answer the numbers are missing and ``note`` says why.

    Raises
    ------
    TableError
        As :func:`prepare`, and where `se_type` is not known.
    """
    return fit_prepared(prepare(frame, outcome, predictor, covariates, transform), se_type, transform)


def fit_prepared(prepared: Prepared, se_type: str = "nonrobust", transform: str = "none") -> dict[str, Any]:
    """Return what :func:`fit` returns, of people already selected."""
    if se_type not in SE_TYPES:
        raise TableError(f"{se_type} is not a kind of standard error; give {' or '.join(SE_TYPES)}.")
    found = {"n": len(prepared.rows)} | dict.fromkeys(ESTIMATES, np.nan)
    found |= {"se_type": se_type, "transform": transform}
    if prepared.fault:
        return found | {"note": sentences(prepared.fault, prepared.note)}
    exog, outcome = prepared.exog, prepared.outcome
    model = OLS(outcome, exog).fit()
    if model.ssr <= PERFECT_FIT * model.centered_tss:
        reason = "The model gives the outcome exactly: no error is left to judge the slope by."
        return found | {"note": sentences(reason, prepared.note)}
    t2 = model.tvalues[1] ** 2
    found |= {
        "beta": model.params[1],
        "r2": model.rsquared,
        "partial_r2": t2 / (t2 + model.df_resid),
        "beta_std": model.params[1] * exog[:, 1].std(ddof=1) / outcome.std(ddof=1),
    }
    if se_type == "HC3":
        whole = int((np.einsum("ij,ji->i", exog, model.model.pinv_wexog) > WHOLE_LEVERAGE).sum())
        if whole:
            people = "1 person" if whole == 1 else f"{whole} people"
            reason = f"{people} of leverage 1, whom the model fits whatever they have: no HC3 standard error."
            return found | {"note": sentences(reason, prepared.note)}
        model = model.get_robustcov_results("HC3", use_t=True)
    low, high = model.conf_int()[1]
    found |= {"se": model.bse[1], "beta_low": low, "beta_high": high}
    return found | {"statistic": model.tvalues[1], "p": model.pvalues[1], "note": sentences(prepared.note)}


def sentences(*parts: str | None) -> str | None:
    """Join the sentences of a note, or return None where there is none."""
    return " ".join(part for part in parts if part) or None


def constant(values: pd.Series | np.ndarray) -> bool:
    """Tell whether all values are the same but for rounding."""
    return len(values) == 0 or bool(np.ptp(np.asarray(values, float)) <= SAME)


def _transformed(rows: pd.DataFrame, outcome: str, transform: str) -> np.ndarray:
    if transform not in TRANSFORMS:
        raise TableError(f"{transform} is not a transform; give {' or '.join(TRANSFORMS)}.")
    values = rows[outcome].to_numpy(float)
    if transform == "none":
        return values
    if (values <= 0).any():
        row = rows[values <= 0].iloc[0]
        who = row.get("participant_id", "a person")
        raise TableError(
            f"{outcome}: {who} has {row[outcome]:g}, which has no logarithm. Correct it, leave it empty, "
            "or do not transform the outcome."
        )
    return np.log(values)


def _coded(values: pd.Series, name: str) -> pd.DataFrame:
    if name == "sex":
        return values.eq("M").astype(float).to_frame()
    if name in CATEGORIES:
        return pd.get_dummies(values.astype(str), prefix=name, prefix_sep=" ", drop_first=True, dtype=float)
    return values.astype(float).to_frame()


def _varying(columns: pd.DataFrame) -> bool:
    return not all(constant(columns[name]) for name in columns)


def _nobody(frame: pd.DataFrame, names: Sequence[str]) -> str:
    if frame.empty:
        return "There is nobody to analyse."
    missing = [name for name in names if frame[name].isna().all()]
    if missing:
        return f"Missing in everyone: {', '.join(missing)}."
    return "Nobody has a value of everything that the model needs."


def _fault(prepared: Prepared, outcome: str, predictor: str) -> str:
    n, k = prepared.exog.shape
    if n - k < FEWEST_RESIDUAL_DF:
        people = "1 person" if n == 1 else f"{n} people"
        return f"{people} for {k} parameters: fewer than {FEWEST_RESIDUAL_DF} residual degrees of freedom."
    for name, values in ((outcome, prepared.outcome), (predictor, prepared.columns[predictor])):
        if constant(values):
            return f"Everyone has the same {name}: there is no slope."
    if _deficient(prepared.columns):
        return "Predictor and covariates determine one another exactly (collinear): no slope of its own."
    return ""


def _deficient(columns: pd.DataFrame) -> bool:
    """Tell whether some columns and an intercept determine another; not where a column is constant."""
    if not all(_varying(columns[[name]]) for name in columns):
        return False
    return bool(np.linalg.matrix_rank(_scaled(columns), tol=COLLINEAR) < columns.shape[1])


def _determined(columns: pd.DataFrame) -> list[str]:
    """Return the columns that those before them and an intercept determine."""
    values, kept, spare = _scaled(columns), [], []
    for place, name in enumerate(columns):
        before, mine = values[:, kept], values[:, place]
        left = mine - before @ np.linalg.lstsq(before, mine)[0] if kept else mine
        if np.linalg.norm(left) > COLLINEAR:
            kept.append(place)
        else:
            spare.append(name)
    return spare


def _scaled(columns: pd.DataFrame) -> np.ndarray:
    """Return columns of mean 0 and length 1."""
    values = columns.to_numpy(float)
    return (values - values.mean(axis=0)) / (values.std(axis=0) * np.sqrt(len(values)))
