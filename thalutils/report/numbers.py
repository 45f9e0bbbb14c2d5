"""The numbers that prose cites, computed from the tables."""

from typing import Any

import pandas as pd


def rounded(value: Any, digits: int = 4) -> float | None:
    """Return a number as JSON keeps it, ``None`` where there is none.

    Examples
    --------
    >>> rounded(float("nan")) is None, rounded(1.23456)
    (True, 1.2346)
    """
    return None if pd.isna(value) else round(float(value), digits)


def cohort(participants: pd.DataFrame, sessions: pd.DataFrame, exclusions: pd.DataFrame) -> dict[str, Any]:
    """Count people, visits and what was left out."""
    return {
        "cohort.n_participants": len(participants),
        "cohort.n_sessions": len(sessions),
        "cohort.n_exclusions": len(exclusions),
    }


def maps(accuracy: pd.DataFrame) -> dict[str, Any]:
    """Return R1's bias and precision per tissue, means over visits."""
    r1 = accuracy[accuracy["map"] == "R1map"].groupby("tissue")[["bias_percent", "sd_percent"]].mean()
    found = {}
    for tissue in ("thalamus", "white matter"):
        name = tissue.replace(" ", "_")
        for column in ("bias_percent", "sd_percent"):
            measure = column.removesuffix("_percent")
            known = tissue in r1.index
            found[f"maps.r1_{measure}_{name}_percent"] = rounded(r1.loc[tissue, column]) if known else None
    return found


def registration(table: pd.DataFrame, exclusions: pd.DataFrame) -> dict[str, Any]:
    """Count the registrations that are used and give their error where it is known."""
    used = table[table["selected"]]
    lost = exclusions[(exclusions["stage"] == "2-5-2-coregistration") & (exclusions["method"] == "R1")]
    return {
        "registration.n": len(used),
        "registration.n_excluded": len(lost),
        "registration.median_error_mm": rounded(used["error_mm"].median()),
        "registration.max_error_mm": rounded(used["error_max_mm"].max()),
    }


def volumes(table: pd.DataFrame) -> dict[str, Any]:
    """Return the mean volume of both references at the first visit, and their ratio."""
    first = table.sort_values("session_id").drop_duplicates(["participant_id", "method"])
    means = first.groupby("method")["volume_ml"].mean()
    found = {f"volumes.{name}_mean_ml": rounded(means.get(name)) for name in ("truth", "manual")}
    ratio = means.get("manual", float("nan")) / means.get("truth", float("nan"))
    return found | {"volumes.manual_over_truth": rounded(ratio)}


def overlap(table: pd.DataFrame) -> dict[str, Any]:
    """Return the median Dice of every method against each reference."""
    median = table.groupby(["method", "reference"])["dice"].median()
    return {
        f"overlap.{method}.{reference}.dice": rounded(value) for (method, reference), value in median.items()
    }
