"""The numbers that prose cites, computed from the tables."""

from typing import Any

import numpy as np
import pandas as pd

from thalutils.imaging.accuracy import ALL as ALL_VOXELS
from thalutils.imaging.accuracy import MIXED, PURE
from thalutils.report import privacy
from thalutils.report.suppression import FEW, LEAST
from thalutils.stats.agreement import FEWEST, first_visits
from thalutils.stats.pairwise import LEVEL
from thalutils.stats.populations import ALL, POPULATIONS, REFERENCE, VOLUME
from thalutils.stats.voxelwise import COMPARED

DRAWN = "manual"
KNOWN = ["truth", DRAWN]
SAMPLED = {"n_frame": "in_frame", "n_drawn": "drawn"}


def rounded(value: Any, digits: int = 4) -> float | None:
    """Return a number as JSON keeps it, ``None`` where there is none.

    Examples
    --------
    >>> rounded(float("nan")) is None, rounded(1.23456)
    (True, 1.2346)
    """
    return None if pd.isna(value) else round(float(value), digits)


def cohort(
    participants: pd.DataFrame, sessions: pd.DataFrame, exclusions: pd.DataFrame, simulated: bool = False
) -> dict[str, Any]:
    """Count people, visits and what was left out; the people as real or as simulated."""
    people = privacy.count(len(participants))
    return {
        "cohort.n_real": None if simulated else people,
        "cohort.n_simulated": people if simulated else None,
        "cohort.n_participants": people,
        "cohort.n_sessions": privacy.count(len(sessions)),
        "cohort.n_exclusions": len(exclusions),
    }


def maps(accuracy: pd.DataFrame) -> dict[str, Any]:
    """Return R1's bias and precision per tissue, in pure voxels, in mixed ones, and what all have beyond the pure.

    They are means over visits. What partial volume adds is in points: all voxels' percentage minus the pure ones'.
    """
    r1 = accuracy[accuracy["map"] == "R1map"].groupby(["tissue", "voxels"])
    r1 = r1[["bias_percent", "sd_percent", "n_voxels"]].mean()
    found = {}
    for tissue in ("thalamus", "white matter"):
        name = tissue.replace(" ", "_")
        pure, mixed, every = (
            r1.loc[(tissue, kind)] if (tissue, kind) in r1.index else dict.fromkeys(r1.columns, np.nan)
            for kind in (PURE, MIXED, ALL_VOXELS)
        )
        for measure in ("bias", "sd"):
            column = f"{measure}_percent"
            found[f"maps.r1_{measure}_{name}_percent"] = rounded(pure[column])
            found[f"maps.r1_{measure}_mixed_{name}_percent"] = rounded(mixed[column])
            found[f"maps.r1_{measure}_added_{name}_points"] = rounded(every[column] - pure[column])
        share = 100 * mixed["n_voxels"] / every["n_voxels"] if every["n_voxels"] else np.nan
        found[f"maps.mixed_{name}_percent"] = rounded(share)
    return found


def registration(table: pd.DataFrame, shifted: pd.DataFrame) -> dict[str, Any]:
    """Count the images that were registered and those of which no registration passed; say what error would not pass.

    Parameters
    ----------
    table : DataFrame
        The table ``registration``.
    shifted : DataFrame
        What :func:`thalutils.imaging.alignment.calibration` gives.
    """
    used = table[table["selected"]]
    by_image = table.groupby(["participant_id", "session_id", "image"], dropna=False)["selected"].any()
    return {
        "registration.n": len(by_image),
        "registration.n_excluded": int((~by_image).sum()),
        **{
            f"registration.caught_{name.lower()}_mm": _caught(table, shifted, name)
            for name in ("R1", "FLAIR")
        },
        "registration.median_error_mm": rounded(used["error_mm"].median()),
        "registration.max_error_mm": rounded(used["error_max_mm"].max()),
    }


def _caught(table: pd.DataFrame, shifted: pd.DataFrame, image: str) -> float | None:
    """Return from which of the tried shifts on every one fails the cut-off of the registrations that are used."""
    cutoff = table.loc[table["selected"] & (table["image"] == image), "cutoff"].max()
    passing = shifted[(shifted["image"] == image) & (shifted["mutual_information"] >= cutoff)]
    failing = shifted[(shifted["image"] == image) & (shifted["shift_mm"] > passing["shift_mm"].max())]
    return rounded(failing["shift_mm"].min())


def volumes(table: pd.DataFrame) -> dict[str, Any]:
    """Return the mean volume of both references at the first visit, and their ratio."""
    mine = first_visits(table)
    mine = mine[mine["method"].isin(KNOWN)].drop_duplicates(["participant_id", "method"])
    both = mine.pivot_table(index="participant_id", columns="method", values="volume_ml").reindex(
        columns=KNOWN
    )
    found = {f"volumes.{name}_mean_ml": rounded(both[name].mean()) for name in KNOWN}
    paired = both.dropna()
    ratio = paired[DRAWN].mean() / paired["truth"].mean() if len(paired) else float("nan")
    return found | {"volumes.manual_over_truth": rounded(ratio)}


def reference_sample(sample: pd.DataFrame) -> dict[str, Any]:
    """Count those who could be drawn for the reference set, and those who were."""
    return {f"cohort.{name}": privacy.count(int(sample[column].sum())) for name, column in SAMPLED.items()}


def population(table: pd.DataFrame) -> dict[str, Any]:
    """Count the people of each population, and give the mean drawn volume of the reference set."""
    shown, _ = privacy.shareable(table)
    keyed = table.set_index(["population", "group", "variable"])
    found: dict[str, Any] = {}
    for name in POPULATIONS:
        row = keyed.loc[(name, ALL, "age_years")]
        found[f"population.n_{name.replace('-', '_')}"] = privacy.count(int(row["n"] + row["n_missing"]))
    means = shown[(shown["population"] == REFERENCE) & (shown["variable"] == f"{VOLUME}manual")]
    means = means.set_index("group")["mean"]
    for group in (ALL, "RRMS", "PMS"):
        found[f"population.manual_{group.lower()}_mean_ml"] = rounded(means.get(group))
    return found


def overlap(summary: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, Any]:
    """Return the best overlap with the drawings, whose it is, and how many pairs of methods differ."""
    mine = privacy.shareable(summary[summary["reference"] == DRAWN])[0]
    found: dict[str, Any] = {"overlap.n": _most(mine)}
    for measure in COMPARED:
        rows = _enough(mine[mine["measure"] == measure])
        found |= _best(f"overlap.best_{measure}", rows.assign(score=rows["median"]), "median")
    tested = privacy.shareable(pairs[pairs["reference"] == DRAWN])[0].dropna(subset=["p_adjusted"])
    found["overlap.n_tested"] = len(tested) or None
    for measure in COMPARED:
        p = tested.loc[tested["measure"] == measure, "p_adjusted"]
        found |= {
            f"overlap.{measure}_pairs": len(p),
            f"overlap.{measure}_pairs_differ": int((p < LEVEL).sum()),
        }
    return found


def agreement(table: pd.DataFrame) -> dict[str, Any]:
    """Return the best agreement with the drawn volumes by several measures, and whose each is."""
    mine = privacy.shareable(table[table["reference"] == DRAWN])[0]
    enough = _enough(mine)
    found: dict[str, Any] = {"agreement.n": _most(mine)}
    for name, score in (
        ("ccc", enough["ccc"]), ("icc3", enough["icc3"]), ("icc_a1", enough["icc_a1"]),
        ("bias", -enough["bias"].abs()), ("slope", -(enough["slope"] - 1).abs()),
    ):  # fmt: skip
        found |= _best(f"agreement.best_{name}", enough.assign(score=score), name)
    return found


def _most(rows: pd.DataFrame) -> int | str:
    """Return the largest number of people that a method was measured on, as the page may show it."""
    known = pd.to_numeric(rows["n"], errors="coerce").max()
    return FEW if (rows["n"] == FEW).any() and not known >= LEAST else int(np.nan_to_num(known))


def _enough(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of methods measured on enough people to rank them."""
    return rows[pd.to_numeric(rows["n"], errors="coerce") >= FEWEST].infer_objects()


def _best(key: str, rows: pd.DataFrame, column: str) -> dict[str, Any]:
    """Return the value with the highest score and the method it belongs to; neither where there is none."""
    ranked = rows.dropna(subset=["score"])
    if ranked.empty:
        return {key: None, f"{key}_method": None}
    best = ranked.loc[ranked["score"].astype(float).idxmax()]
    return {key: rounded(best[column]), f"{key}_method": best["method"]}
