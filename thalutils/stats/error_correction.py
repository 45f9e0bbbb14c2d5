"""Slopes as they would be of the reference volume, by regression calibration (section 3.4)."""

from typing import Any

import numpy as np
import pandas as pd

from thalutils import tables
from thalutils.schemas import SCHEMAS
from thalutils.stats import models, regression
from thalutils.stats.agreement import REFERENCES, paired
from thalutils.stats.resampling import interval, partialled, resampled_counts, scatter

RESAMPLES = 1000
PLAN = models.CROSS_SECTIONAL
REFERENCE_ML = "reference_ml"


def error_corrected(
    frame: pd.DataFrame, volumes: pd.DataFrame, resamples: int = RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Correct each method's cross-sectional slopes for its error against a reference.

    The reference volume is expected from the method's volume and the covariates, by least squares in the
    people who have both. The slope on the method there is the attenuation: 1 where a mL of the method is
    a mL of the reference, below 1 where the method's differences are partly noise, or too wide. The slope
    as measured over the attenuation is that per mL of the reference.

    Classical correction, by the reliability of the method, would suppose that errors do not depend on the
    true volume. These do: a method that draws large thalami too small has errors that fall with size, and
    its slope is too steep rather than too flat. Regression calibration allows for that. It supposes that,
    given method and covariates, the error tells nothing more of the outcome, and that the people with a
    reference are like the others: a reference set chosen from one diagnosis corrects the others only as
    far as masks fail alike in them. Error of the reference itself stays in. Where people come from several
    sites, the site is a covariate of both models: each site has its level, and all share the two slopes.

    Parameters
    ----------
    frame : DataFrame
        As :func:`thalutils.stats.frames.baseline` makes it.
    volumes : DataFrame
        The table ``volumes``, with the references.
    resamples, seed : int
        How many resamples, and the seed of the random generator.

    Returns
    -------
    DataFrame
        The table ``error_corrected``: a row for each reference there is, outcome and method. Intervals are
        percentiles of one bootstrap over people, drawn within those with and those without the reference,
        that fits both models anew. Where the attenuation's interval holds 0, the corrected slope has no
        bounded interval and ``note`` says so.

    Raises
    ------
    TableError
        Where a table breaks the contract, or a value has no logarithm.

    Notes
    -----
    Rosner, Spiegelman and Willett, Am J Epidemiol 1990; 132: 734-745; Carroll, Ruppert, Stefanski and
    Crainiceanu, Measurement Error in Nonlinear Models, 2nd ed., 2006, chapter 4. With a linear model and
    the covariates in the calibration, their matrix correction of the volume's slope is this quotient.
    """
    rows = []
    for reference in REFERENCES:
        if not volumes["method"].eq(reference).any():
            continue
        drawn = paired(volumes, reference).drop_duplicates("participant_id")
        known = drawn.set_index("participant_id")[REFERENCE_ML]
        joined = frame.assign(**{REFERENCE_ML: frame["participant_id"].map(known)}).reset_index(drop=True)
        plan = models.adjusted(PLAN, joined)
        for column, outcome in plan.outcomes.items():
            for method, mine in models.each_method(joined):
                eligible, note = models.eligible(mine, column)
                found = _corrected(eligible, plan, column, (resamples, seed))
                found["note"] = regression.sentences(found["note"], note)
                rows.append({"outcome": outcome, "method": method, "reference": reference} | found)
    columns = list(SCHEMAS["error_corrected"].columns)
    return tables.check("error_corrected", pd.DataFrame(rows).reindex(columns=columns))


def _corrected(
    rows: pd.DataFrame, plan: models.Design, column: str, drawn: tuple[int, int]
) -> dict[str, Any]:
    """Return one method's slope, attenuation and corrected slope of one outcome."""
    transform = "log" if column in plan.log else "none"
    main = regression.prepare(rows, column, plan.predictor, plan.covariates, transform)
    own = regression.prepare(rows, REFERENCE_ML, plan.predictor, plan.covariates)
    measured, calibration = regression.fit_prepared(main, transform=transform), regression.fit_prepared(own)
    beta, attenuation = measured["beta"], calibration["beta"]
    found = {"n": measured["n"], "n_calibration": calibration["n"], "beta": beta, "attenuation": attenuation}
    note = measured["note"]
    if calibration["note"] != note:
        note = regression.sentences(note, calibration["note"] and f"Calibration: {calibration['note']}")
    if np.isnan(beta) or np.isnan(attenuation):
        return found | {"note": note}
    betas, attenuations = _draws(main, own, drawn)
    ends = {"beta": betas, "attenuation": attenuations}
    found |= {"beta_corrected": beta / attenuation}
    low, high = interval(attenuations)
    if low <= 0 <= high:
        note = regression.sentences(
            "The attenuation may be 0: the corrected slope has no bounded interval.", note
        )
    else:
        ends["beta_corrected"] = betas / np.where(attenuations == 0, np.nan, attenuations)
    for name, values in ends.items():
        found[f"{name}_low"], found[f"{name}_high"] = interval(values)
    return found | {"note": note}


def _draws(
    main: regression.Prepared, own: regression.Prepared, drawn: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return resampled slopes of both models, of the same people."""
    people = main.rows.index.union(own.rows.index)
    counts = resampled_counts(people.isin(own.rows.index), *drawn)
    slopes = []
    for prepared in (main, own):
        mine = counts[:, people.get_indexer(prepared.rows.index)]
        values = np.column_stack([prepared.outcome, prepared.columns.to_numpy(float)])
        spread = values.std(axis=0)
        _, predictor, product = partialled(scatter(mine, values / spread, np.zeros(len(values))))
        slopes.append(product / predictor * spread[0] / spread[1])
    return slopes[0], slopes[1]
