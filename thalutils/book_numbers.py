"""The numbers a book cites: each cohort's own for its pages, and those of all for the prose."""

from typing import Any

from thalutils.cohort import Cohort
from thalutils.files import read_json
from thalutils.stages import Stage, applies


def book_numbers(cohorts: list[Cohort], stages: list[Stage], pages: dict[str, str]) -> dict[str, Any]:
    """Return what the role ``{number}`` reads.

    Parameters
    ----------
    cohorts
        Of the book; the prose has the first one's numbers, and what that lacks from the others in turn.
    stages
        All of the study.
    pages
        The cohort's name of each page that belongs to one.

    Returns
    -------
    dict
        ``pages`` as given; ``prose`` and, by name, ``cohorts``, each with ``values`` by key, and
        ``absent``: how the keys begin that only stages write which cannot be had here.
    """
    own = {cohort.name: _numbers([cohort], stages) for cohort in cohorts}
    return {"pages": pages, "prose": _numbers(cohorts, stages), "cohorts": own}


def _numbers(cohorts: list[Cohort], stages: list[Stage]) -> dict[str, Any]:
    there = {
        word for stage in stages for word in stage.numbers if any(applies(stage, one) for one in cohorts)
    }
    values: dict[str, Any] = {}
    for cohort in cohorts:
        for key, value in (read_json(cohort.results / "numbers.json") or {}).items():
            if key.split(".")[0] in there and values.get(key) is None:
                values[key] = value
    absent = sorted({word for stage in stages for word in stage.numbers} - there)
    return {"values": values, "absent": absent}
