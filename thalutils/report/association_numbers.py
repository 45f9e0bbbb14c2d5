"""The numbers on associations that prose cites: how many slopes are significant, and which way they point."""

from typing import Any

import pandas as pd

from thalutils.stats import models, ordinal

LEVEL = 0.05
EVERYONE = "all"
SENSITIVITY = [f"winsor-{low:g}-{high:g}" for low, high in models.WINSOR]


def associations(found: pd.DataFrame, checks: pd.DataFrame) -> dict[str, Any]:
    """Count the cross-sectional slopes that are significant, and the warnings about everyone's models.

    Parameters
    ----------
    found, checks
        The tables ``associations`` and ``assumptions``.
    """
    numbers: dict[str, Any] = {}
    for analysis in models.SUBSETS:
        numbers |= _counts(f"associations.{analysis}", found[found["analysis"] == analysis])
    return numbers | _warnings("associations", checks)


def longitudinal(found: pd.DataFrame, checks: pd.DataFrame) -> dict[str, Any]:
    """Count the longitudinal slopes that are significant, those of EDSS apart, and the warnings.

    Parameters
    ----------
    found, checks
        The tables ``change_associations`` and ``change_assumptions``.
    """
    numbers: dict[str, Any] = {}
    for analysis in (*models.SUBSETS, *SENSITIVITY, ordinal.ANALYSIS):
        mine = found[found["analysis"] == analysis]
        numbers |= _counts(f"longitudinal.{analysis}", mine)
        numbers |= _counts(f"longitudinal.{analysis}.edss", mine[mine["outcome"] == "edss"])
    return numbers | _warnings("longitudinal", checks)


def _counts(word: str, mine: pd.DataFrame) -> dict[str, Any]:
    """Count tests, those with an adjusted p below the level, and positive slopes; nothing where none is."""
    tests = mine[mine["p_adjusted"].notna()]
    counts = {
        "n_tests": len(tests),
        "n_significant": int((tests["p_adjusted"] < LEVEL).sum()),
        "n_positive": int((tests["beta"] > 0).sum()),
    }
    return {f"{word}.{name}": count if len(tests) else None for name, count in counts.items()}


def _warnings(word: str, checks: pd.DataFrame) -> dict[str, Any]:
    fitted = checks[(checks["analysis"] == EVERYONE) & checks["skewness"].notna()]
    counts = {"n_models": len(fitted), "n_warnings": int(fitted["warning"].notna().sum())}
    return {f"{word}.{EVERYONE}.{name}": count if len(fitted) else None for name, count in counts.items()}
