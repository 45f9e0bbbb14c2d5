"""What the page on true change shows of R1: what a map adds to T1w and FLAIR, by its resolution."""

from __future__ import annotations

import pandas as pd
from IPython.display import HTML

from thalutils.errors import TableError
from thalutils.report import figures, tables, thalnet_plots
from thalutils.report.embed import note
from thalutils.stats import known_truth
from thalutils.tables import empty
from thalutils.truth import kept, resolution

FEWEST = 2
JOINT = "joint"
ENDS = ("", "_low", "_high")


def masks() -> pd.DataFrame:
    """Return the kept study of R1's resolution, a row a mask; empty where it was not computed."""
    try:
        return kept.read(resolution.DATA)
    except TableError:
        return pd.DataFrame()


def gain(found: pd.DataFrame) -> pd.DataFrame:
    """Return the table ``r1_resolution`` of that study."""
    if found.empty:
        return empty("r1_resolution")
    parts = []
    for voxel_mm, mine in found.groupby("voxel_mm", sort=True):
        gained = known_truth.gain(mine, resolution.WITHOUT, fewest=FEWEST)
        parts.append(gained.assign(voxel_mm=voxel_mm))
    return pd.concat(parts, ignore_index=True)


def gains(table: pd.DataFrame) -> HTML:
    """Draw what R1 adds, by the map's voxels and the contrast at the border."""
    if table.empty:
        return note(
            "The study of R1's resolution was not computed yet: <code>python -m thalutils.truth.resolution</code> does it."
        )
    heads = int(table["n"].min())
    caption = (
        f"Dice with the truth when an R1 map is added to T1w and FLAIR, less the Dice without it (mean over {heads} simulated heads, 95 % interval), by the "
        "map's voxels and by how far thalamus and white matter lie apart in R1 (1: as in the literature)."
    )
    named = table.assign(added=[f"R1 of {size:g} mm" for size in table["voxel_mm"]])
    return figures.figure(
        thalnet_plots.gains(named),
        caption=caption,
        alt="Dots with intervals about zero, for three voxel sizes at three contrasts, by vote and by the joint network.",
        name="r1-resolution",
        public=True,
    )


def gain_table(table: pd.DataFrame) -> HTML:
    """Tabulate what R1 adds."""
    if table.empty:
        return note("Nor is there a table of it.")
    digits = {column: 4 if column.startswith("dice") else 2 for column in table.columns if column.endswith(("gain", "without", "low", "high", "percent"))}  # fmt: skip
    caption = "What an R1 map adds to T1w and FLAIR on simulated scans, by its voxels and the contrast at the border."
    return tables.show(table, caption=caption, name="r1-resolution", digits=digits, public=True)


def numbers(found: pd.DataFrame, table: pd.DataFrame) -> dict[str, float | int | None]:
    """Return what prose cites of the joint network; ``None`` where it cannot be had.

    Parameters
    ----------
    found, table : DataFrame
        What :func:`masks` and :func:`gain` give.
    """
    joint = table[table["way"] == JOINT].set_index(["border_contrast", "voxel_mm"])
    cited = {"fine": (1.0, 0.8), "coarse": (1.0, 1.6), "half": (0.5, 0.8), "double": (2.0, 0.8)}
    known = {
        f"recovery.r1_{key}{end}": float(joint.loc[place, f"dice_gain{end}"])
        if place in joint.index
        else None
        for key, place in cited.items()
        for end in ENDS
    }
    known["recovery.r1_heads"] = int(joint.loc[cited["fine"], "n"]) if cited["fine"] in joint.index else None
    finer = known_truth.finer(_literature(found)) if len(found) else {}
    return known | {f"recovery.r1_finer{end}": finer.get(f"difference{end}") for end in ENDS}


def _literature(found: pd.DataFrame) -> pd.DataFrame:
    return found[(found["way"] == JOINT) & (found["contrasts"] == resolution.WITH) & (found["border_contrast"] == 1)]  # fmt: skip
