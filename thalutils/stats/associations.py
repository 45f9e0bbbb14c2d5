"""Associations of volumes, and of their changes, with clinical outcomes (sections 3.4 and 3.6)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from thalutils import tables
from thalutils.errors import TableError
from thalutils.schemas import SCHEMAS
from thalutils.stats import models, multiplicity, ordinal

# Which columns tell one family of tests from another; those of a family are adjusted together.
FAMILIES = {
    "analysis": ["analysis"],
    "outcome": ["analysis", "outcome"],
    "method": ["analysis", "method"],
    "none": ["analysis", "outcome", "method"],
}


def cross_sectional(frame: pd.DataFrame, family: str = "analysis", **settings: Any) -> pd.DataFrame:
    """Regress each outcome at the first visit on each method's volume (Tables S7 and S11).

    Adjusted for age, sex, standardised intracranial volume and, where there are several, the site; ordinary
    least squares. Healthy controls have no disease duration and drop out of its models.

    Parameters
    ----------
    frame : DataFrame
        As :func:`thalutils.stats.frames.baseline` makes it.
    family : str
        Which tests p is adjusted among: all of one ``analysis`` (methods × outcomes), those of one
        ``outcome`` in it, of one ``method`` in it, or ``none``. The paper does not say; its adjusted p of
        DBSegment's change with EDSS is four times the raw one that its slope and error give, as place 9
        of 9 methods × 4 outcomes makes it.
    settings
        ``hc3``, ``log``, ``subsets``, ``covariates`` and ``outcomes`` of :func:`thalutils.stats.models.cross_sectional`.

    Returns
    -------
    DataFrame
        The table ``associations``. Outcomes are named as in :data:`thalutils.stats.models.NAMES`; slopes of
        transformed outcomes are on the scale of natural logarithms. Where a model has no answer its numbers
        are missing, ``note`` says why, and it does not count in its family.

    Raises
    ------
    TableError
        Where a setting is not known, or a value has no logarithm.
    """
    rows = [model.row() for model in models.cross_sectional(frame, **settings)]
    return _table("associations", rows, family)


def longitudinal(
    frame: pd.DataFrame, family: str = "analysis", steps: Sequence[tuple[float, float]] = ordinal.STEPS,
    **settings: Any,
) -> pd.DataFrame:  # fmt: skip
    """Regress each outcome's change on each method's change of volume (Tables S10 and S12 to S15).

    Adjusted for age at the first visit, sex, standardised intracranial volume, corticosteroids for a
    relapse since the first visit, the interval and, where there are several, the site. Beside the ordinary models of everyone and of RRMS
    there are those with winsorised volume changes, and the ordinal one of EDSS.

    Parameters
    ----------
    frame : DataFrame
        As :func:`thalutils.stats.frames.change` makes it.
    family : str
        As in :func:`cross_sectional`.
    steps : sequence of pair
        As in :func:`thalutils.stats.ordinal.categories`.
    settings
        ``hc3``, ``subsets``, ``winsor`` and ``covariates`` of :func:`thalutils.stats.models.longitudinal`.

    Returns
    -------
    DataFrame
        The table ``change_associations``, as :func:`cross_sectional` returns its own. A positive slope goes
        with a rise of the outcome where the thalamus lost less.

    Raises
    ------
    TableError
        Where a setting is not known.
    """
    rows = [model.row() for model in models.longitudinal(frame, **settings)]
    rows += ordinal.rows(frame, steps, settings.get("covariates", ()))
    return _table("change_associations", rows, family)


def _table(name: str, rows: list[Mapping[str, Any]], family: str) -> pd.DataFrame:
    if family not in FAMILIES:
        raise TableError(f"{family} is not a family of tests; give {', '.join(FAMILIES)}.")
    if not rows:
        return tables.empty(name)
    found = multiplicity.adjust(pd.DataFrame(rows), by=FAMILIES[family])
    return tables.check(name, found.reindex(columns=list(SCHEMAS[name].columns)))
