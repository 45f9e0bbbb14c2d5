"""What the page on brain volume change shows: each engine's change, their agreement, and where edges moved."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure

from thalutils.cohort import Cohort
from thalutils.imaging.brain_change import ENGINES, MOTION_ENDING
from thalutils.report import figures, pictures, privacy, tables, viewer
from thalutils.report.embed import note
from thalutils.report.panels import GREY, panel_grid, shown_panels
from thalutils.stage import derivative, usable_scans
from thalutils.stats import known_truth
from thalutils.truth import brain_change, kept

HEADS = {brain_change.PHANTOM: "simulated heads", brain_change.REAL: "a real head (Colin27)"}
NOTHING = "No one has two visits whose brain volume could be compared."
NO_MAP = "There is no map of edge motion."
# Edges that moved by less are left out of the view, so that what stands out is more than scatter.
MOVED_MM = 0.3
UNITS = {
    "pbvc_percent": "%",
    "forward_percent": "%",
    "backward_percent": "%",
    "movement_error_mm": "mm",
    "truth_percent": "%",
}


def changes(checks: pd.DataFrame) -> HTML:
    """Tabulate every pair's change by every engine. Takes the table ``brain_change_checks``."""
    if checks.empty:
        return note(NOTHING)
    caption = (
        "Change of brain volume from the first to the last visit, by engine; what each direction gives alone; for the "
        "edges their calibration, the share of them that was found again and how many points of skull fixed the "
        "head's size; and, where they are known, how far the registration of the two visits is off (median over the brain) and "
        "the true change."
    )
    return tables.show(checks, caption=caption, name="brain-change", units=UNITS)


def points(checks: pd.DataFrame) -> HTML:
    """Draw every engine's change for every person, against the truth where it is known."""
    if checks.empty:
        return note(NOTHING)
    if not privacy.publishes():
        return privacy.withheld("The figure of each person's brain volume change")
    known = checks["truth_percent"].notna().any()
    engines = list(checks["engine"].unique())
    wide = checks.pivot_table(index="participant_id", columns="engine", values="pbvc_percent")
    truth = checks.drop_duplicates("participant_id").set_index("participant_id")["truth_percent"]
    across = truth.reindex(wide.index) if known else wide[engines[0]]
    fig = Figure(figsize=(7.0, 5.0), layout="constrained")
    ax = fig.subplots()
    for engine in engines if known else engines[1:]:
        look = {"color": figures.colour(engine), "marker": figures.marker(engine), "s": 60}
        ax.scatter(across, wide[engine], label=engine, **look)
    ends = [float(np.nanmin([across.min(), wide.min().min()])) - 0.1, float(np.nanmax([across.max(), wide.max().max()])) + 0.1]  # fmt: skip
    ax.plot(ends, ends, color=GREY, linestyle="--", label="equal")
    ax.set(xlabel="True change (%)" if known else f"{engines[0]} (%)", ylabel="Measured change (%)")
    ax.legend()
    caption = (
        "Change of brain volume of each person, "
        + ("by each engine against the truth." if known else "by the other engines against the first.")
        + " On the dashed line both are equal."
    )
    alt = f"Scatter plot of change by {', '.join(engines)}, with the line of equality."
    return figures.figure(fig, caption=caption, alt=alt, name="brain-change-points")


def agreement(checks: pd.DataFrame) -> pd.DataFrame:
    """Return how far every two engines part, and each from the truth where it is known.

    Returns
    -------
    DataFrame
        ``compared``, ``n``, mean and standard deviation of the difference in % of brain volume, and its
        largest size; a row each pair of engines and each engine with the truth.
    """
    wide = checks.pivot_table(index="participant_id", columns="engine", values="pbvc_percent")
    columns = {engine: wide[engine] for engine in checks["engine"].unique() if engine in wide}
    truth = checks.drop_duplicates("participant_id").set_index("participant_id")["truth_percent"]
    if truth.notna().any():
        columns["truth"] = truth.astype(float)
    names, rows = list(columns), []
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            apart = (columns[one] - columns[other]).dropna()
            if len(apart):
                rows.append(
                    (f"{one} minus {other}", len(apart), apart.mean(), apart.std(), apart.abs().max())
                )
    return pd.DataFrame(rows, columns=["compared", "n", "mean_percent", "sd_percent", "largest_percent"])


def agreement_table(checks: pd.DataFrame) -> HTML:
    """Tabulate the same."""
    found = agreement(checks)
    if found.empty:
        return note("There are no two measurements of one person to compare.")
    shown, became = privacy.shareable(found)
    units = {"mean_percent": "%", "sd_percent": "%", "largest_percent": "%"}
    caption = f"Differences in the change of brain volume, in % of the first visit's volume. {became}".strip()
    return tables.show(shown, caption=caption, name="brain-change-agreement", units=units)


def known() -> pd.DataFrame:
    """Return the pairs of known change that are kept with the package, and which heads they are."""
    found = kept.read(brain_change.DATA)
    return found.assign(heads=found["anatomy"].map(HEADS))


def accuracy_table(pairs: pd.DataFrame) -> HTML:
    """Tabulate how near each engine comes to known changes."""
    caption = "Change of brain volume by each engine where the true change is known: slope and scatter over all pairs, and what is measured where nothing changed."
    found = known_truth.brain_change(pairs)
    return tables.show(found, caption=caption, name="brain-change-accuracy", digits=2, public=True)


def known_changes(pairs: pd.DataFrame) -> HTML:
    """Draw measured on true change, a panel for each set of heads."""
    names = list(pairs["heads"].unique())
    fig, grid = panel_grid(1, max(2, len(names)), 4.6)
    for ax, name in zip(shown_panels(grid, len(names)), names, strict=True):
        mine = pairs[pairs["heads"] == name]
        ends = [mine[["true_percent", "measured_percent"]].min().min(), 0.2]
        ax.plot(ends, ends, color=GREY, linestyle="--", label="equal")
        for engine, some in mine.groupby("engine", sort=False):
            look = {"color": figures.colour(engine), "marker": figures.marker(engine), "s": 26}
            ax.scatter(some["true_percent"], some["measured_percent"], label=engine, **look)
        ax.set(xlabel="true change (%)", ylabel="measured change (%)", title=name)
    fig.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    caption = "Measured on true change of brain volume. Each pair of scans has its own positions, noise and bias field. Dashed: equal."
    alt = "Dots about the line of equality, for two engines."
    return figures.figure(fig, caption=caption, alt=alt, name="brain-change-known", public=True)


def engines() -> HTML:
    """Tabulate the engines and whether each runs on this machine."""
    rows = [(engine.name, "no" if engine.version() is None else "yes") for engine in ENGINES]
    frame = pd.DataFrame(rows, columns=["engine", "available"])
    return tables.show(frame, caption="Engines of brain volume change.", name="brain-change-engines")


@privacy.of_one_person("The map of edge motion")
def motion(cohort: Cohort, checks: pd.DataFrame) -> HTML:
    """Show where the brain's edges moved, in the person whose brain changed most."""
    found = _most_moved(cohort, checks)
    if found is None:
        return note(NO_MAP)
    row, t1w, shifts = found
    caption = (
        f"Motion of the brain's edges from {row['session_i']} to {row['session_j']} of {row['participant_id']} on the first "
        "T1w: blue went inward, into the brain, and red outward. Loss near the ventricles shows as blue walls."
    )
    alt = "Three planes of a head whose brain edges are coloured by how far they moved."
    return figures.figure(pictures.motion_sheet(t1w, shifts), caption=caption, alt=alt, name="edge-motion")


@privacy.of_one_person("The view of edges that moved")
def motion_viewer(cohort: Cohort, checks: pd.DataFrame) -> HTML:
    """Return the interactive view of the same person's edges that went inward and outward."""
    found = _most_moved(cohort, checks)
    if found is None:
        return note(NO_MAP)
    row, t1w, shifts = found
    values = np.asarray(shifts.dataobj)
    sides = {"inward": values < -MOVED_MM, "outward": values > MOVED_MM}
    masks = {
        f"edges {name} by over {MOVED_MM} mm": nib.Nifti1Image(side.astype(np.uint8), shifts.affine)
        for name, side in sides.items()
    }
    title = f"Edges of {row['participant_id']} that moved"
    colours = dict(zip(masks, ("#5b8ff9", "#f4664a"), strict=True))
    alt = "A head in three planes with the edges of the brain that moved."
    return viewer.viewer(t1w, masks, title=title, alt=alt, margin_mm=4.0, colours=colours,
                         caption="Scroll through the planes; what moved less is not drawn.")  # fmt: skip


def _most_moved(
    cohort: Cohort, checks: pd.DataFrame
) -> tuple[pd.Series, nib.Nifti1Image, nib.Nifti1Image] | None:
    """Return the row of the person whose brain changed most, the first T1w and the map of edge motion."""
    for _, row in checks.sort_values("pbvc_percent", key=lambda change: -change.abs()).iterrows():
        visits = {one.session_id: one for one in cohort.sessions(row["participant_id"])}
        path = derivative(cohort, visits[row["session_j"]], MOTION_ENDING)
        if path.exists():
            return row, nib.load(usable_scans(cohort, visits[row["session_i"]])["T1w"]), nib.load(path)
    return None
