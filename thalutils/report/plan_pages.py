"""What the planning page shows: what a session costs by stage, and what that makes for many on many cores."""

from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import HTML

from thalutils.report import tables
from thalutils.report.embed import note

COSTS, PLANNING, WAYS = (Path("benchmarks") / name for name in ("costs.tsv", "planning.tsv", "workflow.tsv"))
NOTHING = "Nothing of this was measured yet on the machine where this checkout was made."
# The paper's sessions and a biobank's; a laptop, a node, a cluster.
SESSIONS, CORES = (642, 100_000), (2, 64, 1000)
HOUR_S, GB_IN_MB = 3600, 1000


def read(root: Path, name: Path) -> pd.DataFrame:
    """Return a kept table of measurements; without rows where nobody has made it."""
    path = root / name
    if not path.exists():
        return pd.DataFrame()
    return pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)


def fitted(costs: pd.DataFrame) -> pd.DataFrame:
    """Fit what each stage costs as a fixed part and a part for each session.

    Parameters
    ----------
    costs : DataFrame
        As ``benchmarks/costs.tsv``. A stage that a phantom and a cohort of tables both have is taken from the one with
        more sessions.

    Returns
    -------
    DataFrame
        ``stage``, ``slices``, ``sessions`` (the numbers that were measured), ``fixed_s``, ``session_s`` (CPU seconds),
        ``peak_gb`` (the most that was seen) and ``session_mb``. Least squares; neither part below 0. With one number of
        sessions alone nothing is fixed: all of it counts for the sessions.

    Examples
    --------
    >>> rows = [{"cohort": "c", "sessions": n, "stage": "s", "slices": True, "cpu_s": 5 + 2 * n, "peak_gb": 1, "disk_mb": n} for n in (2, 4)]
    >>> fitted(pd.DataFrame(rows))[["fixed_s", "session_s"]].round(6).values.tolist()
    [[5.0, 2.0]]
    """
    rows = []
    for stage, every in costs.groupby("stage", sort=False):
        largest = every.loc[every["sessions"].idxmax(), "cohort"]
        mine = every[every["cohort"] == largest].sort_values("sessions")
        fixed, each = _line(mine["sessions"], mine["cpu_s"])
        rows.append(
            {
                "stage": stage, "slices": bool(mine["slices"].iloc[0]),
                "sessions": ", ".join(str(number) for number in mine["sessions"]), "fixed_s": fixed, "session_s": each,
                "peak_gb": mine["peak_gb"].max(), "session_mb": max(0.0, _line(mine["sessions"], mine["disk_mb"])[1]),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _line(sessions: pd.Series, cost: pd.Series) -> tuple[float, float]:
    through_origin = float((sessions * cost).sum() / (sessions**2).sum())
    if sessions.nunique() < 2:
        return 0.0, through_origin
    each, fixed = np.polyfit(sessions, cost, 1)
    if each < 0:
        return float(cost.mean()), 0.0
    return (float(fixed), float(each)) if fixed > 0 else (0.0, through_origin)


def total(costs: pd.DataFrame, sessions: int, cores: int) -> dict[str, float]:
    """Return what so many sessions take: CPU hours, hours on so many cores, and GB of disk.

    Stages that go session by session spread over the cores; those that need everyone run on one. A job is one visit pair,
    so that the fixed part of a sliced stage is paid once for every two sessions.
    """
    sliced = costs[costs["slices"]]
    together = costs[~costs["slices"]]
    jobs = sessions / 2
    spread_s = float((sliced["fixed_s"] * jobs + sliced["session_s"] * sessions).sum())
    alone_s = float((together["fixed_s"] + together["session_s"] * sessions).sum())
    return {
        "cpu_h": (spread_s + alone_s) / HOUR_S,
        "hours": (spread_s / min(cores, jobs) + alone_s) / HOUR_S,
        "disk_gb": float(costs["session_mb"].sum()) * sessions / GB_IN_MB,
    }


def by_stage(found: pd.DataFrame) -> HTML:
    """Tabulate what each stage costs."""
    if found.empty:
        return note(NOTHING)
    shown = fitted(found).rename(
        columns={"fixed_s": "fixed (CPU s)", "session_s": "a session (CPU s)", "peak_gb": "peak memory (GB)", "session_mb": "disk a session (MB)"}
    )  # fmt: skip
    shown["slices"] = shown["slices"].map({True: "session by session", False: "everyone at once"})
    return tables.show(
        shown.rename(columns={"slices": "works", "sessions": "measured with sessions"}),
        caption=f"What each stage costs, on one core. Machine: {found['machine'].iloc[-1]}.", name="plan-stages",
        digits={"fixed (CPU s)": 1, "a session (CPU s)": 2, "peak memory (GB)": 2, "disk a session (MB)": 1}, public=True,
    )  # fmt: skip


def whole_study(found: pd.DataFrame) -> HTML:
    """Tabulate what the paper's sessions and a biobank's take on few and many cores."""
    if found.empty:
        return note(NOTHING)
    costs = fitted(found)
    rows = [
        {"sessions": one, "cores": cores} | total(costs, one, cores) for one in SESSIONS for cores in CORES
    ]
    return tables.show(
        pd.DataFrame(rows).rename(columns={"cpu_h": "CPU hours", "hours": "hours", "disk_gb": "disk (GB)"}),
        caption="Computed from the table above; nobody has run so many.", name="plan-study",
        digits={"CPU hours": 0, "hours": 1, "disk (GB)": 0}, public=True,
    )  # fmt: skip


def planning(found: pd.DataFrame) -> HTML:
    """Tabulate how long planning takes."""
    names = {"batch": "people in a job", "plan_s": "planning (s)"}
    return _as_kept(found, "Planning a workflow of many people", "plan-planning", names, {"planning (s)": 1})


def ways(found: pd.DataFrame) -> HTML:
    """Tabulate the ways that one cohort was run, and how many tables were the same byte for byte."""
    names = {"wall_s": "time (s)", "same": "the same as thalutils run"}
    return _as_kept(found, "One cohort, run in several ways", "plan-ways", names, {"time (s)": 0})


def _as_kept(
    found: pd.DataFrame, what: str, name: str, names: dict[str, str], digits: dict[str, int]
) -> HTML:
    if found.empty:
        return note(NOTHING)
    caption = f"{what}. Machine: {found['machine'].iloc[-1]}."
    shown = found.drop(columns="machine").rename(columns=names)
    return tables.show(shown, caption=caption, name=name, digits=digits, public=True)


def dominating(found: pd.DataFrame) -> str:
    """Say in a sentence which stage takes most of a session's time."""
    if found.empty:
        return NOTHING
    costs = fitted(found)
    each = (costs["session_s"] + costs["fixed_s"].where(costs["slices"], 0) / 2).where(
        costs["slices"], costs["session_s"]
    )
    each = each.set_axis(costs["stage"]).sort_values(ascending=False)
    share = 100 * each.iloc[0] / each.sum()
    return f"{each.index[0]} takes the most of a session's time: {each.iloc[0]:.1f} of {each.sum():.1f} CPU seconds ({share:.0f} %), then {each.index[1]} ({each.iloc[1]:.1f})."
