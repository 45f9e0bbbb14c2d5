"""Names that a parameter may list, of methods, masks, scores and engines: what a cohort can have of them, before anything runs."""

from collections.abc import Callable, Mapping
from typing import Any

from thalutils import reported
from thalutils.cohort import Cohort
from thalutils.errors import TableError, UsageError
from thalutils.schemas import SCHEMAS
from thalutils.segmenters import session
from thalutils.stats import correlations, frames, models
from thalutils.stats.agreement import REFERENCES

DESIGNS = {"3-4-cross-sectional": models.CROSS_SECTIONAL, "3-6-longitudinal": models.LONGITUDINAL}
COLUMNS = {"3-4-cross-sectional": frames.BASELINE_COLUMNS, "3-6-longitudinal": frames.CHANGE_COLUMNS}
# Of these one may be named; of the others several, with commas.
ONE = ("shown", "against", "brain_engine")
# These mean nothing where they are empty.
NEEDED = ("envelopes", "brain_engine")
Known = Callable[[Cohort, str, Mapping[str, Any]], list[str]]


def check(cohort: Cohort, stage: str, settled: Mapping[str, Any], sources: Mapping[str, str]) -> None:
    """Check names that were given to a stage's parameters; parameters that list none may have any value.

    Parameters
    ----------
    cohort : Cohort
    stage : str
        The stage's name.
    settled : mapping
        All its parameters' values: what one may list can follow from another.
    sources : mapping of str
        Where a value was given, by parameter; defaults are not looked at.

    Raises
    ------
    UsageError
        Naming the parameter and what it may list.
    """
    for name, source in sources.items():
        known = KNOWN.get(name)
        if known is None:
            continue
        given = settled[name].strip()
        listed = [given] if name in ONE else [one.strip() for one in given.split(",")]
        listed = [one for one in listed if one]
        allowed = list(dict.fromkeys(known(cohort, stage, settled)))
        wrong = [one for one in listed if one not in allowed]
        if wrong or (name in NEEDED and not listed):
            told = " or ".join(", ".join(allowed).rsplit(", ", 1))
            of = "" if name in ONE else "of "
            raise UsageError(f"{source}: {name} must be {of}{told}, not {', '.join(wrong)!r}.")


def _methods(cohort: Cohort, stage: str, settled: Mapping[str, Any]) -> list[str]:
    """Return the methods of the paper, those that the study knows, and those that the cohort has."""
    own = [name for name in _there(cohort, "volumes", "method") if name not in REFERENCES]
    return [*reported.values()["voxel_agreement"], *session.methods(), *own]


def _kept_methods(cohort: Cohort, stage: str, settled: Mapping[str, Any]) -> list[str]:
    left_out = [name.strip() for name in settled.get("exclude_methods", "").split(",")]
    return [name for name in _methods(cohort, stage, settled) if name not in left_out]


def _engines(cohort: Cohort, stage: str, settled: Mapping[str, Any]) -> list[str]:
    return [correlations.AUTO, *correlations.ENGINES, *_there(cohort, "brain_change", "engine")]


def _there(cohort: Cohort, table: str, column: str) -> list[str]:
    """Return what a column has in the tables that a cohort came as, and among its results."""
    found = []
    try:
        if cohort.kind == "tables" and cohort.table_files:
            found += list(cohort.source_tables()[table][column].unique())
        found += list(cohort.table_or_empty(table)[column].unique())
    except TableError:  # a table at fault is told of by the stage that reads it
        pass
    return found


def _envelopes(cohort: Cohort, stage: str, settled: Mapping[str, Any]) -> list[str]:
    return session.possible_envelopes()


def _scores(cohort: Cohort, stage: str, settled: Mapping[str, Any]) -> list[str]:
    return [name for name in SCHEMAS["sessions"].columns if name not in ("participant_id", "session_id")]


def _outcomes(cohort: Cohort, stage: str, settled: Mapping[str, Any]) -> list[str]:
    return list(_design(stage, settled).outcomes)


def _covariates(cohort: Cohort, stage: str, settled: Mapping[str, Any]) -> list[str]:
    return models.possible_covariates(_design(stage, settled), COLUMNS[stage])


def _design(stage: str, settled: Mapping[str, Any]) -> models.Design:
    more = [name.strip() for name in settled.get("outcomes", "").split(",") if name.strip()]
    return models.with_outcomes(DESIGNS[stage], more)


KNOWN: Mapping[str, Known] = {
    "exclude_methods": _methods,
    "shown": _kept_methods,
    "against": _kept_methods,
    "methods": _kept_methods,
    "brain_engine": _engines,
    "envelopes": _envelopes,
    "outcomes": _scores,
    "hc3": _outcomes,
    "log": _outcomes,
    "covariates": _covariates,
}
