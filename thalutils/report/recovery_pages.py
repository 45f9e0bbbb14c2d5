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


def widest(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``recovery`` that are of the most heads."""
    name = recovery.ALL if (table["heads"] == recovery.ALL).any() else table["heads"].iloc[0]
    return table[table["heads"] == name]


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
    first = found.drop_duplicates(["method", "processing"]).drop_duplicates("method")
    shown = found.merge(first[["method", "processing"]]).dropna(subset=["measured_percent"])
    caption = (
        "Measured on true change of thalamic volume between two simulated visits, by method. Each visit by itself; FollowUp follows the "
        "first visit's mask. rescan: other position, noise and shading; upgrade: another scanner's protocol and coil as well; "
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
        "How much of a true change is measured, and what is measured where nothing changed (mean over heads, 95 % interval where there are "
        "three or more heads)."
    )
    return figures.figure(
        recovery_plots.slopes(widest(table)),
        caption=caption,
        alt="Rows of methods with slopes about 1 and biases about 0.",
        name="true-change-slopes",
        public=True,
    )


def detectable(table: pd.DataFrame) -> HTML:
    """Draw the smallest loss that shows in one person and in groups."""
    mine = widest(table)
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
        "heads, and by this cohort's own Dice, concordance and clinical slopes where it has them."
    )
    shown = table.dropna(axis="columns", how="all")
    digits = {column: 1 if column.endswith("rank") else 3 for column in shown.columns[2:]} | {"n": 0}
    return tables.show(shown, caption=caption, name="recovery-ranks", digits=digits, public=True)


def processing(table: pd.DataFrame) -> pd.DataFrame:
    """Compare the scatter of each method by itself and in the space halfway.

    Returns
    -------
    DataFrame
        ``method``, ``n`` (pairs), slope and ``sd_percent`` of both, and ``sd_removed_percent``: by how much smaller the
        scatter is halfway, in percent of what it was.
    """
    mine = widest(table)
    mine = mine[mine["disturbance"] == RESCAN].set_index("method")
    both = mine[mine["processing"] == ALONE].join(
        mine[mine["processing"] == HALFWAY][["slope", "sd_percent"]].add_suffix("_halfway"), how="inner"
    )
    both = both[["n", "slope", "slope_halfway", "sd_percent", "sd_percent_halfway"]]
    removed = 100 * (1 - both["sd_percent_halfway"] / both["sd_percent"])
    return both.assign(sd_removed_percent=removed).reset_index()


def processing_table(table: pd.DataFrame) -> HTML:
    """Tabulate the same."""
    if processing(table).empty:
        return note("No method was measured both ways.")
    caption = "Each visit by itself against both in the space halfway between them: slope and scatter of the measured change (rescan)."
    units = dict.fromkeys(("sd_percent", "sd_percent_halfway", "sd_removed_percent"), "%")
    digits = {"slope": 2, "slope_halfway": 2, "sd_percent": 2, "sd_percent_halfway": 2, "sd_removed_percent": 0}  # fmt: skip
    return tables.show(processing(table), caption=caption, name="recovery-processing", units=units, digits=digits, public=True)  # fmt: skip


def judged(table: pd.DataFrame) -> tuple[pd.Series, list[str], list[str]] | None:
    """Return the method that loses least, those that cannot be told from it, and those that lose or add more.

    Slopes are compared by how far they lie from 1. Two are told apart where their intervals lie apart. ``None`` where no
    slope has an interval.
    """
    known = _called(table)
    if known.empty:
        return None
    best = known.loc[(known["slope"] - 1).abs().idxmin()]
    others = known.drop(best.name)
    apart = (others["slope_low"] > best["slope_high"]) | (others["slope_high"] < best["slope_low"])
    names = _names(others)
    return best, [names[place] for place in others.index[~apart]], [names[place] for place in others.index[apart]]  # fmt: skip


def _called(table: pd.DataFrame) -> pd.DataFrame:
    mine = widest(table)
    return mine[(mine["disturbance"] == RESCAN) & mine["slope_low"].notna()]


def _names(rows: pd.DataFrame) -> pd.Series:
    return rows["method"] + np.where(rows["processing"] == HALFWAY, " (halfway)", "")


def answer(table: pd.DataFrame) -> HTML:
    """Say which method loses least of the truth, as far as the pairs can tell."""
    found = judged(table)
    if found is None:
        return note("There are too few heads for an interval: which method loses least cannot be told yet.")
    best, tied, behind = found
    [name] = _names(best.to_frame().T)
    told = [
        f"On {int(best['n'])} pairs of visits of {int(best['n_heads'])} simulated heads <strong>{name}</strong> comes nearest to the truth: "
        f"it measures {interval(best['slope'], best['slope_low'], best['slope_high'])} of each percent that is lost."
    ]
    if tied:
        told.append(f"Not to be told from it, as their intervals overlap: {', '.join(tied)}.")
    if behind:
        told.append(f"Farther from the truth, their intervals lie apart: {', '.join(behind)}.")
    wide = _called(table)
    wide = int((wide["slope_high"] - wide["slope_low"] >= WIDEST).sum())
    if wide:
        told.append(f"{wide} of the {1 + len(tied) + len(behind)} intervals are {WIDEST} wide or wider: more heads could tell more of them apart.")  # fmt: skip
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


def numbers(table: pd.DataFrame, ranked: pd.DataFrame, live_found: pd.DataFrame | str, gain: pd.DataFrame) -> dict[str, float | int | str | None]:  # fmt: skip
    """Return the numbers of the page that prose cites; ``None`` where they cannot be had."""
    mine = widest(table)
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
    both = ranked.dropna(subset=["slope_rank", "dice_rank"])
    both = both[both["processing"] == ALONE]
    found["recovery.dice_rank_correlation"] = (
        _or_none(both["slope_rank"].corr(both["dice_rank"], method="spearman")) if len(both) > 2 else None
    )
    change_in_sd = processing(table)["sd_removed_percent"]
    found["recovery.sd_removed_percent"] = _or_none(change_in_sd.median())
    literature = gain[(gain["border_contrast"] == 1) & (gain["way"] == "joint")].set_index("voxel_mm")
    for size, key in ((0.8, "fine"), (1.6, "coarse")):
        for end in ("", "_low", "_high"):
            found[f"recovery.r1_{key}{end}"] = _or_none(literature["dice_gain" + end].get(size, np.nan))
    found["recovery.r1_heads"] = int(gain["n"].min()) if len(gain) else None
    return found


def _or_none(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
