"""What the clinical outcomes are called, and in what units they and their slopes are drawn."""

from __future__ import annotations

NAMES = {
    "edss": "EDSS",
    "t25fw": "T25FW",
    "nhpt": "9HPT",
    "sdmt": "SDMT",
    "disease_duration": "Disease duration",
}
UNITS = {
    "edss": "points",
    "t25fw": "s",
    "nhpt": "s",
    "sdmt": "correct answers",
    "disease_duration": "years",
}


def name(outcome: str) -> str:
    """Return what an outcome of the tables is called on a page.

    Examples
    --------
    >>> name("nhpt"), name("fatigue")
    ('9HPT', 'fatigue')
    """
    return NAMES.get(outcome, outcome)


def unit(outcome: str, transform: str = "none") -> str:
    """Return the unit of an outcome, or of its logarithm.

    Examples
    --------
    >>> unit("t25fw"), unit("t25fw", "log")
    ('s', 'ln s')
    """
    found = UNITS.get(outcome, "units")
    return f"ln {found}" if transform == "log" else found
