"""What the page on true change shows: known losses, what each method measures of them, and what would show."""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import HTML

from thalutils.errors import TableError
from thalutils.report import figures, recovery_plots, tables
from thalutils.report.embed import note
from thalutils.report.words import interval
from thalutils.segmenters.thalnet import weight_files
from thalutils.stats import recovery
from thalutils.tables import read as read_table
from thalutils.truth import change, injected, kept
from thalutils.truth.methods import ALONE, HALFWAY
from thalutils.truth.scans import PHANTOM
from thalutils.truth.visits import RESCAN, UPGRADE, WATER

HEADS = {True: "the phantom's anatomy", False: "people kept out of training"}
OUTCOMES = ("edss", "t25fw", "nhpt", "sdmt")
# An interval of a slope that is narrower tells most methods apart.
WIDEST = 0.2


def pairs() -> pd.DataFrame:
    """Return the kept pairs, with the set of heads and the head of each row."""
    found = kept.read(change.DATA)
    phantom = found["anatomy"] == PHANTOM
    return found.assign(heads=phantom.map(HEADS), head=found["anatomy"] + " " + found["number"].astype(str))


def origin(found: pd.DataFrame) -> HTML:
    """Say what made the kept pairs, how many they are, and whether they are of the weights that ship."""
    made = kept.origin(change.DATA)
    visits = found.drop_duplicates(["head", "disturbance", "planned_percent"])
    counts = ", ".join(
        f"{name}: {mine['head'].nunique()} heads" for name, mine in found.groupby("heads", sort=False)
    )
    text = (
        f"Simulated data. The pairs were computed once, on {made['date']}, by commit {made['commit']} on {made['machine']}, with "
        f"<code>{escape(made['made_with'])}</code>: {len(visits)} pairs of visits ({counts})."
    )
    if set(found["weights"]) != {weight_files.version()}:
        text += " <strong>They are of other weights than ThalNet has now.</strong>"
    return note(text)


def once(found: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of every method in one processing: each visit by itself where it was measured so."""
    order = found.assign(late=found["processing"] != ALONE).sort_values("late", kind="stable")
    return found.merge(order[recovery.METHOD].drop_duplicates("method"))


def ranked(found: pd.DataFrame, results: Path) -> pd.DataFrame:
    """Rank the methods on visits that were only scanned again; the table ``recovery_ranks``."""
    return recovery.ranks(once(found[found["disturbance"] == RESCAN]), lambda same: scores(same, results))


def scores(found: pd.DataFrame, results: Path) -> dict[str, pd.Series]:
    """Return what else methods are ranked by: on the same heads, and on the cohort whose results are given."""
    alone = found[(found["processing"] == ALONE) & found["dice_first"].notna()]
    first = alone.drop_duplicates(["head", "method"]).rename(
        columns={"truth_first_ml": "truth_ml", "first_ml": "volume_ml", "dice_first": "dice"}
    )
    own = recovery.first_visits(first).set_index("method")
    kinds = {"dice": own["dice"], "ccc": own["ccc"]}
    overlap, agreement, slopes = (
        _optional(results, name) for name in ("overlap_summary", "volume_agreement", "associations")
    )
    if overlap is not None:
        mine = overlap[(overlap["reference"] == "manual") & (overlap["measure"] == "dice")]
        kinds["cohort_dice"] = mine.set_index("method")["median"]
    if agreement is not None:
        kinds["cohort_ccc"] = agreement[agreement["reference"] == "manual"].set_index("method")["ccc"]
    if slopes is not None:
        mine = slopes[(slopes["analysis"] == "all") & slopes["outcome"].isin(OUTCOMES)]
        kinds["beta"] = mine.assign(size=mine["beta_std"].abs()).groupby("method", sort=False)["size"].mean()
    return kinds


def _optional(results: Path, name: str) -> pd.DataFrame | None:
    try:
        return read_table(results / f"{name}.tsv")
    except TableError:  # the cohort has no such data
        return None


def measured(found: pd.DataFrame) -> HTML:
    """Draw measured on true change for every method, each visit by itself where it can be."""
    shown = once(found).dropna(subset=["measured_percent"])
    caption = (
        "Measured on true change of thalamic volume between two simulated visits, by method. Each visit by itself, but FollowUp follows the "
        "first visit's mask and SAMSEG-T1-long sees both visits at once. rescan: other position, noise and shading; upgrade: another scanner's protocol and coil as well; "
        "water: less water in the tissue, and no loss."
    )
    return figures.figure(
        recovery_plots.measured(shown),
        caption=caption,
        alt="A panel for each method: dots about the line of equality.",
        name="true-change-measured",
        public=True,
    )


def slopes(table: pd.DataFrame) -> HTML:
    """Draw slopes and biases of every method."""
    caption = (
        "How much of a true change is measured, and what is measured where nothing changed (mean over anatomies, or over heads "
        "where there is one anatomy; 95 % interval where there are three or more)."
    )
    return figures.figure(
        recovery_plots.slopes(recovery.widest(table)),
        caption=caption,
        alt="Rows of methods with slopes about 1 and biases about 0.",
        name="true-change-slopes",
        public=True,
    )


def detectable(table: pd.DataFrame) -> HTML:
    """Draw the smallest loss that shows in one person and in groups."""
    mine = recovery.widest(table)
    mine = mine[mine["disturbance"] == RESCAN]
    if mine["detectable_1_percent"].isna().all():
        return note("Scatter between heads cannot be told from one head, and with it no smallest loss.")
    caption = "Smallest true loss of the thalamus that one person, 25, 50 and 100 people with two visits show (power 80 %, two-sided level 5 %), by method."
    return figures.figure(
        recovery_plots.detectable(mine),
        caption=caption,
        alt="Rows of methods, each with four circles on a logarithmic axis.",
        name="true-change-detectable",
        public=True,
    )


def recovery_table(table: pd.DataFrame) -> HTML:
    """Tabulate recovery."""
    caption = "Recovery of known change by method, processing, disturbance and set of heads."
    units = {column: "%" for column in table.columns if column.endswith("_percent")}
    digits = {column: 0 if column.startswith("n") else 2 for column in table.select_dtypes("number").columns}
    return tables.show(table, caption=caption, name="recovery", digits=digits, units=units, public=True)


def rank_table(table: pd.DataFrame) -> HTML:
    """Tabulate how recovery ranks the methods beside how other scores do."""
    caption = (
        "Methods ranked by recovery (slope nearest to 1), by the smallest loss in one person, by Dice and concordance at the first visit of the same "
        "heads, and by this cohort's own Dice, concordance and clinical slopes where it has them. Only pairs count that every method here measured."
    )
    shown = table.dropna(axis="columns", how="all")
    numeric = shown.select_dtypes("number").columns
    digits = {column: 1 if column.endswith("rank") else 3 for column in numeric} | {"n": 0, "n_heads": 0}
    return tables.show(shown, caption=caption, name="recovery-ranks", digits=digits, public=True)


def processing(found: pd.DataFrame) -> pd.DataFrame:
    """Compare the scatter of each method by itself and in the space halfway, on the pairs that were measured both ways.

    Returns
    -------
    DataFrame
        ``method``, ``n`` (pairs), slope and ``sd_percent`` of both, and ``sd_removed_percent``: by how much smaller the
        scatter is halfway, in percent of what it was.
    """
    mine = found[(found["disturbance"] == RESCAN) & found["processing"].isin((ALONE, HALFWAY))]
    rows = []
    for method, some in mine.groupby("method", sort=False):
        if some["processing"].nunique() < 2 or (same := recovery.common(some)).empty:
            continue
        ways = recovery.widest(recovery.recovery(same)).set_index("processing")
        alone, half = (ways.loc[way, ["slope", "sd_percent"]] for way in (ALONE, HALFWAY))
        row = {"method": method, "n": ways.loc[ALONE, "n"]}
        for name in ("slope", "sd_percent"):
            row |= {name: alone[name], f"{name}_halfway": half[name]}
        rows.append(row | {"sd_removed_percent": 100 * (1 - half["sd_percent"] / alone["sd_percent"])})
    columns = ["method", "n", "slope", "slope_halfway", "sd_percent", "sd_percent_halfway", "sd_removed_percent"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def processing_table(compared: pd.DataFrame) -> HTML:
    """Tabulate the same."""
    if compared.empty:
        return note("No method was measured both ways.")
    caption = "Each visit by itself against both in the space halfway between them: slope and scatter of the measured change of the same pairs (rescan)."
    units = dict.fromkeys(("sd_percent", "sd_percent_halfway", "sd_removed_percent"), "%")
    digits = {"slope": 2, "slope_halfway": 2, "sd_percent": 2, "sd_percent_halfway": 2, "sd_removed_percent": 0}  # fmt: skip
    return tables.show(compared, caption=caption, name="recovery-processing", units=units, digits=digits, public=True)  # fmt: skip


def judged(table: pd.DataFrame, found: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame] | None:
    """Return the row of the method that loses least, and every other one's slope held against it.

    Parameters
    ----------
    table : DataFrame
        The table ``recovery``.
    found : DataFrame
        The pairs that it is of.

    Returns
    -------
    Series and DataFrame, or None
        The slope nearest to 1 of those with an interval, and what :func:`thalutils.stats.recovery.beside` gives. ``None``
        where no slope has an interval.
    """
    known = _called(table)
    if known.empty:
        return None
    best = known.loc[(known["slope"] - 1).abs().idxmin()]
    mine = found[found["disturbance"] == RESCAN]
    return best, recovery.beside(mine, best["method"], best["processing"])


def _called(table: pd.DataFrame) -> pd.DataFrame:
    mine = recovery.widest(table)
    return mine[(mine["disturbance"] == RESCAN) & mine["slope_low"].notna()]


def _names(rows: pd.DataFrame) -> pd.Series:
    return rows["method"] + np.where(rows["processing"] == HALFWAY, " (halfway)", "")


def answer(table: pd.DataFrame, found: pd.DataFrame) -> HTML:
    """Say which method loses least of the truth, as far as the pairs can tell."""
    called = judged(table, found)
    if called is None:
        return note("There are too few heads for an interval: which method loses least cannot be told yet.")
    best, others = called
    [name] = _names(best.to_frame().T)
    told = [
        f"On {int(best['n'])} pairs of visits of {int(best['n_heads'])} simulated heads <strong>{name}</strong> comes nearest to the truth: "
        f"it measures {interval(best['slope'], best['slope_low'], best['slope_high'])} of each percent that is lost."
    ]
    words = {
        recovery.FARTHER: "Farther from the truth on the pairs that both measured",
        recovery.NEARER: "Nearer to it on the pairs that both measured, which are fewer",
        recovery.UNTOLD: "Not told apart from it",
    }
    for verdict, phrase in words.items():
        names = _names(others[others["verdict"] == verdict])
        if len(names):
            told.append(f"{phrase}: {', '.join(names)}.")
    known = _called(table)
    wide = int((known["slope_high"] - known["slope_low"] >= WIDEST).sum())
    if wide:
        told.append(f"{wide} of the {len(known)} intervals of a slope are {WIDEST} wide or wider: more heads could tell more of the methods apart.")  # fmt: skip
    return note(" ".join(told))


def live(found: pd.DataFrame | str) -> HTML:
    """Tabulate what was computed anew beside what is kept, and say whether they agree."""
    if isinstance(found, str):
        return note(escape(found))
    caption = "One kept pair, scanned and measured anew by this code on this machine: " + (
        "it agrees." if found["agrees"].all() else "it does not agree; the kept table is of other code."
    )
    digits = {"kept": 3, "recomputed": 3, "difference_percent": 3}
    return tables.show(found, caption=caption, name="true-change-live", digits=digits, public=True)


def injectors() -> HTML:
    """Tabulate what share of a loss is measured by who injected it, on the phantom's head and on real ones."""
    try:
        found = recovery.shares(kept.read(injected.DATA))
    except TableError as error:
        return note(escape(str(error)))
    caption = (
        "Share of an injected loss that is measured (1: all), by head and injector. thalutils: this book's own, scanned anew in the same position; "
        "bidsgate: another program, which bends the image."
    )
    units = {"largest_percent": "%"}
    digits = {"largest_percent": 1, "share": 2}
    return tables.show(found, caption=caption, name="injectors", units=units, digits=digits, public=True)


def numbers(
    table: pd.DataFrame, order: pd.DataFrame, compared: pd.DataFrame, live_found: pd.DataFrame | str
) -> dict[str, float | int | str | None]:
    """Return what prose cites of the pairs; ``None`` where it cannot be had.

    Parameters
    ----------
    table, order : DataFrame
        The tables ``recovery`` and ``recovery_ranks``.
    compared : DataFrame
        What :func:`processing` gives.
    live_found : DataFrame or str
        What was computed anew.
    """
    mine = recovery.widest(table)
    rescans = mine[mine["disturbance"] == RESCAN]
    found = {
        "recovery.n_pairs": int(rescans["n"].max()),
        "recovery.n_heads": int(rescans["n_heads"].max()),
        "recovery.slope_lowest": _or_none(rescans["slope"].min()),
        "recovery.slope_highest": _or_none(rescans["slope"].max()),
        "recovery.live_agrees": None if isinstance(live_found, str) else ("agrees" if live_found["agrees"].all() else "does not agree"),
    }  # fmt: skip
    least = rescans.dropna(subset=["detectable_1_percent"])
    best = least.loc[least["detectable_1_percent"].idxmin()] if len(least) else None
    found |= {
        "recovery.detectable_method": None if best is None else _names(best.to_frame().T).iloc[0],
        "recovery.detectable_1_percent": None if best is None else float(best["detectable_1_percent"]),
        "recovery.detectable_100_percent": None if best is None else float(best["detectable_100_percent"]),
    }
    for name in (UPGRADE, WATER):
        some = mine[(mine["disturbance"] == name) & mine["bias_percent"].notna()]
        worst = some.loc[some["bias_percent"].abs().idxmax()] if len(some) else None
        found[f"recovery.{name}_method"] = None if worst is None else _names(worst.to_frame().T).iloc[0]
        found[f"recovery.{name}_percent"] = None if worst is None else float(worst["bias_percent"])
    both = order.dropna(subset=["slope_rank", "dice_rank"])
    found["recovery.dice_rank_correlation"] = (
        _or_none(both["slope_rank"].corr(both["dice_rank"], method="spearman")) if len(both) > 2 else None
    )
    found["recovery.sd_removed_percent"] = _or_none(compared["sd_removed_percent"].median())
    return found


def _or_none(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
