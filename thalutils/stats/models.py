"""Which linear models the study fits: outcomes, covariates, transforms, standard errors, people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from thalutils.errors import TableError
from thalutils.stats import frames, regression

NAMES = {
    "edss": "edss",
    "t25fw_s": "t25fw",
    "nhpt_s": "nhpt",
    "sdmt": "sdmt",
    "disease_duration_years": "disease_duration",
}
COVARIATES = ("age_years", "sex", "icv_z")
SUBSETS: Mapping[str, Sequence[str] | None] = {"all": None, "RRMS": ("RRMS",)}
WINSOR = ((1, 99), (5, 95))
NO_DURATION = "Healthy controls have no disease duration and are left out."


@dataclass(frozen=True)
class Design:
    """What cross-sectional and longitudinal models differ in.

    Attributes
    ----------
    name : str
        ``cross-sectional`` or ``longitudinal``.
    predictor : str
        The column of volumes, or of their changes, in mL.
    outcomes : mapping
        From a frame's column to the outcome's name in tables and in the paper's numbers.
    covariates : tuple of str
        What the paper adjusts for.
    hc3, log : tuple of str
        Columns whose models the paper fits with HC3 standard errors, and after taking logarithms.
    """

    name: str
    predictor: str
    outcomes: Mapping[str, str]
    covariates: tuple[str, ...]
    hc3: tuple[str, ...]
    log: tuple[str, ...]


CROSS_SECTIONAL = Design(
    name="cross-sectional",
    predictor="volume_ml",
    outcomes={column: NAMES[column] for column in frames.OUTCOMES},
    covariates=COVARIATES,
    hc3=("edss", "disease_duration_years"),
    log=("t25fw_s", "nhpt_s"),
)
LONGITUDINAL = Design(
    name="longitudinal",
    predictor="delta_ml",
    outcomes={f"delta_{column}": NAMES[column] for column in frames.CHANGING},
    covariates=(*COVARIATES, "steroids_since_last", "interval_years"),
    hc3=("delta_edss", "delta_nhpt_s"),
    log=(),
)
SITE = "site"
DESIGNS = {design.name: design for design in (CROSS_SECTIONAL, LONGITUDINAL)}


def with_outcomes(design: Design, more: Sequence[str]) -> Design:
    """Return a design with more columns among its outcomes, named as the columns are."""
    return replace(design, outcomes=dict(design.outcomes) | {name: NAMES.get(name, name) for name in more})


def possible_covariates(design: Design, columns: Iterable[str]) -> list[str]:
    """Return which columns of a frame a design could adjust for: those it neither explains by nor explains."""
    taken = {design.predictor, *design.outcomes, "participant_id", "method"}
    return [name for name in columns if name not in taken]


def adjusted(design: Design, frame: pd.DataFrame, more: Sequence[str] = ()) -> Design:
    """Return a design that adjusts for more: for `more`, and for the site where people come from several.

    Parameters
    ----------
    design : Design
    frame : DataFrame
        As :mod:`thalutils.stats.frames` makes it.
    more : sequence of str
        Columns of the frame.

    Raises
    ------
    TableError
        Where a column is not there, or is what the models explain by or explain.
    """
    known = possible_covariates(design, frame)
    odd = [name for name in more if name not in known]
    if odd:
        raise TableError(
            f"{', '.join(odd)} is no covariate of {design.name} models; there are {', '.join(known)}."
        )
    wanted = [*design.covariates, *more]
    if SITE in frame and len(set(frame[SITE])) > 1:
        wanted.append(SITE)
    return replace(design, covariates=tuple(dict.fromkeys(wanted)))


@dataclass(frozen=True)
class Model:
    """One linear model of a table.

    Attributes
    ----------
    analysis, outcome, method : str
        Its row: who and how, the outcome's name in tables, and the method.
    prepared : regression.Prepared
        What it is fitted to.
    se_type, transform : str
        As in :func:`thalutils.stats.regression.fit`.
    note : str
        What was left out before.
    """

    analysis: str
    outcome: str
    method: str
    prepared: regression.Prepared
    se_type: str
    transform: str
    note: str = ""

    def row(self) -> dict[str, Any]:
        """Fit the model and return its row, without adjusted p."""
        found = regression.fit_prepared(self.prepared, self.se_type, self.transform)
        found["note"] = regression.sentences(self.note, found["note"])
        return {"analysis": self.analysis, "outcome": self.outcome, "method": self.method} | found


def each_method(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each method and its rows, methods in the order in which they come."""
    yield from frame.groupby("method", sort=False)


def members(rows: pd.DataFrame, groups: Sequence[str] | None) -> pd.DataFrame:
    """Return the rows of people with one of these diagnoses, or all where `groups` is None."""
    return rows if groups is None else rows[rows["group"].isin(groups)]


def eligible(rows: pd.DataFrame, column: str) -> tuple[pd.DataFrame, str]:
    """Return the rows of people who can have this outcome, and a note of who was left out.

    A disease duration of 0 entered for healthy controls would pass for that of a patient just fallen ill.
    """
    if column != "disease_duration_years":
        return rows, ""
    controls = rows["group"].eq("HC")
    return rows[~controls], NO_DURATION if controls.any() else ""


def cross_sectional(
    frame: pd.DataFrame, hc3: Sequence[str] = CROSS_SECTIONAL.hc3, log: Sequence[str] = CROSS_SECTIONAL.log,
    subsets: Mapping[str, Sequence[str] | None] = SUBSETS, covariates: Sequence[str] = (),
    outcomes: Sequence[str] = (),
) -> list[Model]:  # fmt: skip
    """Return the models of section 3.4: each outcome on each method's volume, for each subset of people.

    Parameters
    ----------
    frame : DataFrame
        As :func:`thalutils.stats.frames.baseline` makes it.
    hc3, log : sequence of str
        Columns of outcomes with HC3 standard errors, and with logarithms.
    subsets : mapping
        From an analysis' name to the diagnoses in it, or None for everyone.
    covariates : sequence of str
        Columns of the frame to adjust for beside the paper's; the site is one of them where there are several.
    outcomes : sequence of str
        Columns of the frame that are outcomes beside the paper's.

    Raises
    ------
    TableError
        Where a column is no outcome, or a value has no logarithm.
    """
    design = with_outcomes(CROSS_SECTIONAL, outcomes)
    _known(design, hc3, log)
    design = adjusted(design, frame, covariates)
    return [
        _model(design, analysis, column, method, members(rows, groups), hc3, log)
        for analysis, groups in subsets.items()
        for column in design.outcomes
        for method, rows in each_method(frame)
    ]


def longitudinal(
    frame: pd.DataFrame, hc3: Sequence[str] = LONGITUDINAL.hc3,
    subsets: Mapping[str, Sequence[str] | None] = SUBSETS, winsor: Sequence[tuple[float, float]] = WINSOR,
    covariates: Sequence[str] = (),
) -> list[Model]:  # fmt: skip
    """Return the models of section 3.6: each outcome's change on each method's change of volume.

    Parameters
    ----------
    frame : DataFrame
        As :func:`thalutils.stats.frames.change` makes it.
    hc3, subsets, covariates
        As in :func:`cross_sectional`.
    winsor : sequence of pair
        Percentiles at which volume changes are winsorised, one analysis of everyone each: within each
        method, over the people of the model (see :func:`thalutils.stats.regression.winsorise`).

    Raises
    ------
    TableError
        Where a column is no outcome.
    """
    _known(LONGITUDINAL, hc3, ())
    design = adjusted(LONGITUDINAL, frame, covariates)
    plans = [(name, groups, None) for name, groups in subsets.items()]
    plans += [(f"winsor-{low:g}-{high:g}", None, (low, high)) for low, high in winsor]
    return [
        _model(design, analysis, column, method, members(rows, groups), hc3, (), limits)
        for analysis, groups, limits in plans
        for column in LONGITUDINAL.outcomes
        for method, rows in each_method(frame)
    ]


def winsorised(
    rows: pd.DataFrame, names: Sequence[str], predictor: str, limits: tuple[float, float]
) -> pd.DataFrame:
    """Return the rows complete in `names`, the predictor winsorised over them at percentiles `limits`.

    Where no row is complete, all come back, so that the model can tell which column is missing.
    """
    found = regression.complete(rows, names)
    if found.empty:
        return rows
    return found.assign(**{predictor: regression.winsorise(found[predictor], *limits)})


def _model(
    design: Design, analysis: str, column: str, method: str, rows: pd.DataFrame, hc3: Sequence[str],
    log: Sequence[str], limits: tuple[float, float] | None = None,
) -> Model:  # fmt: skip
    rows, note = eligible(rows, column)
    if limits:
        rows = winsorised(rows, [column, design.predictor, *design.covariates], design.predictor, limits)
    transform = "log" if column in log else "none"
    prepared = regression.prepare(rows, column, design.predictor, design.covariates, transform)
    se_type = "HC3" if column in hc3 else "nonrobust"
    return Model(analysis, design.outcomes[column], method, prepared, se_type, transform, note)


def _known(design: Design, *columns: Sequence[str]) -> None:
    unknown = [name for names in columns for name in names if name not in design.outcomes]
    if unknown:
        raise TableError(
            f"{', '.join(unknown)} is no {design.name} outcome; there are {', '.join(design.outcomes)}."
        )
