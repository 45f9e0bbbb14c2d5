"""Which values a parameter may have, where only some mean anything; the same by command line, YAML and notebook."""

from collections.abc import Mapping
from math import inf
from typing import Any

from thalutils.errors import UsageError

# By name: a parameter means the same in every stage that has it.
WORDS = {
    "form": ("tangent", "small-angle"),
    "weighting": ("wls", "ols"),
    "preset": ("fast", "full"),
    "family": ("analysis", "outcome", "method", "none"),
}
SPANS = {
    "bins": (2, 1024),
    "r1_percentile": (50, 100),
    "samseg_all": (-1, inf),
    "samseg_t1": (-1, inf),
    "samseg_scans": (-1, inf),
    "real_visits": (-1, inf),
    "paper_tools": (-1, inf),
    "freesurfer": (-1, inf),
}


def check(values: Mapping[str, Any], source: str) -> None:
    """Check parameters' values, before anything is done with them; names that are not known here may have any.

    Parameters
    ----------
    values : mapping
        By the parameter's name, of its type.
    source : str
        Where they were given, for the message.

    Raises
    ------
    UsageError
        Naming the parameter and what it may be.

    Examples
    --------
    >>> check({"preset": "fasst"}, "-p")
    Traceback (most recent call last):
    thalutils.errors.UsageError: -p: preset must be fast or full, not 'fasst'.
    >>> check({"bins": 1}, "mine.yml")
    Traceback (most recent call last):
    thalutils.errors.UsageError: mine.yml: bins must be 2 to 1024, not 1.
    """
    for name, value in values.items():
        words = WORDS.get(name)
        if words and value not in words:
            known = " or ".join(", ".join(words).rsplit(", ", 1))
            raise UsageError(f"{source}: {name} must be {known}, not {value!r}.")
        low, high = SPANS.get(name, (-inf, inf))
        if name in SPANS and not low <= value <= high:
            span = f"{low} or more" if high == inf else f"{low} to {high}"
            raise UsageError(f"{source}: {name} must be {span}, not {value!r}.")
