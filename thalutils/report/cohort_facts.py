"""What a cohort has, in few words: its people, scans, methods and scores, beside what the paper had."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from thalutils import reported
from thalutils.cohort import Cohort
from thalutils.report import privacy
from thalutils.report.order import in_order
from thalutils.stats.agreement import REFERENCES
from thalutils.stats.frames import OUTCOMES
from thalutils.stats.populations import ALL, GROUP_ORDER

NONE = "none"
NO_SCANS = "none usable, or it came as tables"
READ = ("participants", "sessions", "scans", "volumes", "brain_change")
CONTRASTS = {
    "T1w": "T1w", "FLAIR": "FLAIR", "MPM": "multi-parameter scans", "VFA": "variable flip angles", "R1": "ready maps of R1", "T2w": "T2w",
}  # fmt: skip
SCORES = {
    "edss": "EDSS", "t25fw_s": "T25FW", "nhpt_s": "9HPT", "sdmt": "SDMT",
    "disease_duration_years": "disease duration",
}  # fmt: skip
TRIALS = {"t25fw_s": "t25fw_1_s", "nhpt_s": "nhpt_1_s"}
PAPER_SCANS = "T1w, FLAIR, multi-parameter scans, T2w"
PAPER_CHANGE = "SIENA"
Tables = Mapping[str, pd.DataFrame]


def read(cohort: Cohort) -> dict[str, pd.DataFrame]:
    """Return the tables that the facts are told by; an empty one where a stage has not made it."""
    return {name: cohort.table_or_empty(name) for name in READ}


def numbers(tables: Tables) -> dict[str, Any]:
    """Return the facts that prose cites, as the page may tell them.

    Parameters
    ----------
    tables : mapping of DataFrame
        As :func:`read` returns them.
    """
    return {
        "cohort.groups": _groups(tables["participants"]),
        "cohort.n_second": privacy.count(_second(tables["sessions"])),
        "cohort.scans": _scans(tables["scans"]) or None,
        "cohort.methods": _methods(tables["volumes"]) or NONE,
        "cohort.scores": _scores(tables) or NONE,
        "cohort.n_drawn_by_hand": privacy.count(_drawn(tables["volumes"])),
    }


def beside(tables: Tables) -> pd.DataFrame:
    """Lay out what the paper had beside what this cohort has, as the page may show it.

    Returns
    -------
    DataFrame
        ``what``, ``the paper`` and ``this cohort``, all text.
    """
    known = reported.values()
    paper = known["populations"]
    everyone, later = paper["cross_sectional"], paper["longitudinal"]
    people = tables["participants"]
    mine = numbers(tables)
    sites = people["site"].dropna().nunique()
    engines = ", ".join(sorted(tables["brain_change"]["engine"].dropna().unique()))
    groups = ", ".join(f"{name} {n}" for name, n in everyone["groups"].items())
    rows = [
        ("People", str(everyone["n"]), privacy.count(len(people))),
        ("Diagnoses", groups, mine["cohort.groups"]),
        ("People with a second visit", str(later["n"]), mine["cohort.n_second"]),
        ("People with a mask drawn by hand", str(paper["ground_truth"]["n"]), mine["cohort.n_drawn_by_hand"]),
        ("Scans", PAPER_SCANS, mine["cohort.scans"] or NO_SCANS),
        ("Methods", ", ".join(known["voxel_agreement"]), mine["cohort.methods"]),
        ("Scores", ", ".join(SCORES.values()), mine["cohort.scores"]),
        ("Brain volume change by", PAPER_CHANGE, engines or NONE),
        ("Sites", "1", str(sites) if sites else "not said"),
    ]
    return pd.DataFrame(rows, columns=["what", "the paper", "this cohort"])


def _groups(people: pd.DataFrame) -> str:
    counts = people["group"].value_counts()
    sizes = [(ALL, len(people)), *((name, int(counts[name])) for name in GROUP_ORDER if name in counts)]
    # those that the order pools
    sizes += [(name, int(n)) for name, n in counts.sort_index().items() if name not in GROUP_ORDER]
    shown, _ = privacy.shareable(pd.DataFrame(sizes, columns=["group", "n"]))
    told = shown.iloc[1:].itertuples(index=False)
    return ", ".join(f"{one.group} {'not shown' if pd.isna(one.n) else one.n}" for one in told) or NONE


def _second(visits: pd.DataFrame) -> int:
    return int((visits.groupby("participant_id").size() > 1).sum())


def _scans(scans: pd.DataFrame) -> str:
    kinds = set(scans.loc[scans["usable"].astype(bool), "image"].astype(str).str.split("-").str[0])
    return ", ".join(words for kind, words in CONTRASTS.items() if kind in kinds)


def _methods(volumes: pd.DataFrame) -> str:
    return ", ".join(name for name in in_order(volumes["method"]) if name not in REFERENCES)


def _drawn(volumes: pd.DataFrame) -> int:
    return volumes.loc[volumes["method"] == "manual", "participant_id"].nunique()


def _scores(tables: Tables) -> str:
    visits = tables["sessions"]
    known = [name for name in OUTCOMES if visits[TRIALS.get(name, name)].notna().any()]
    return ", ".join(SCORES[name] for name in known)
