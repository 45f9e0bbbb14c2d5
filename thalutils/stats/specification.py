"""How far the change of EDSS with thalamic change depends on choices of the analysis (section 3.6)."""

from collections.abc import Mapping, Sequence
from itertools import product

import pandas as pd

from thalutils import tables
from thalutils.schemas import SCHEMAS
from thalutils.stats import models, regression

OUTCOME, PREDICTOR = "delta_edss", models.LONGITUDINAL.predictor
PAPER = models.LONGITUDINAL.covariates
COVARIATE_SETS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "age+sex": ("age_years", "sex"),
    "age+sex+icv": ("age_years", "sex", "icv_z"),
    "paper": PAPER,
    "paper+group": (*PAPER, "group"),
    "paper+edss": (*PAPER, "edss"),
}
WINSOR: Mapping[str, tuple[float, float] | None] = {"none": None, "1-99": (1, 99), "5-95": (5, 95)}
PATIENTS = "patients"
SUBSETS: Mapping[str, Sequence[str] | None] = {
    "all": None,
    "RRMS": ("RRMS",),
    "MS": ("RRMS", "PMS", "MS"),
    PATIENTS: None,
}


def specification_curve(frame: pd.DataFrame) -> pd.DataFrame:
    """Fit the change of EDSS on each method's change of volume in every defensible way.

    Every combination of covariates (``paper+edss`` adds EDSS at the first visit; from ``paper`` on the site is
    one where people come from several, as in the models of section 3.6), standard error,
    winsorising of volume changes and people (``MS``: RRMS, PMS and MS; ``patients``: all but healthy
    controls). A slope that holds in few of them depends on the choice. The slopes are of much the same
    people and data: how many are significant is no test. Simonsohn, Simmons and Nelson, Nature Human
    Behaviour 2020; 4: 1208-1214.

    Parameters
    ----------
    frame : DataFrame
        As :func:`thalutils.stats.frames.change` makes it.

    Returns
    -------
    DataFrame
        The table ``specification_curve``, p unadjusted. Where there is no answer its numbers are missing
        and ``note`` says why.
    """
    found = []
    sets = {
        name: models.adjusted(models.LONGITUDINAL, frame, own).covariates if set(own) >= set(PAPER) else own
        for name, own in COVARIATE_SETS.items()
    }
    for method, mine in models.each_method(frame):
        for subset, covariates, winsor in product(SUBSETS, sets, WINSOR):
            prepared = _prepared(_members(mine, subset), sets[covariates], WINSOR[winsor])
            for se_type in regression.SE_TYPES:
                row = {"outcome": models.LONGITUDINAL.outcomes[OUTCOME], "method": method}
                row |= {"covariates": covariates, "winsor": winsor, "subset": subset}
                found.append(row | regression.fit_prepared(prepared, se_type))
    columns = list(SCHEMAS["specification_curve"].columns)
    return tables.check("specification_curve", pd.DataFrame(found).reindex(columns=columns))


def _members(rows: pd.DataFrame, subset: str) -> pd.DataFrame:
    if subset == PATIENTS:
        return rows[rows["group"] != "HC"]
    return models.members(rows, SUBSETS[subset])


def _prepared(
    rows: pd.DataFrame, covariates: Sequence[str], limits: tuple[float, float] | None
) -> regression.Prepared:
    if limits:
        rows = models.winsorised(rows, [OUTCOME, PREDICTOR, *covariates], PREDICTOR, limits)
    return regression.prepare(rows, OUTCOME, PREDICTOR, covariates)
