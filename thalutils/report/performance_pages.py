"""What the performance page shows: the kept timings of ``make bench``, beside what a user would take instead."""

from pathlib import Path

import matplotlib.ticker
import numpy as np
import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure

from thalutils.report import figures, tables
from thalutils.report.embed import note
from thalutils.report.panels import name_rows, panel_grid, rows_height

RESULTS, FAULTS, BOOKS = (Path("benchmarks") / name for name in ("results.tsv", "faults.tsv", "books.tsv"))
NOTHING = "No timings are kept with this checkout; `make bench` makes them."
NO_FAULTS = "No record of the bench of faults is kept with this checkout."
NO_BOOKS = "Nobody has timed the whole book for this checkout."


def read(root: Path) -> pd.DataFrame:
    """Return the timings that are kept with the project; none where nobody has made them."""
    path = root / RESULTS
    if not path.exists():
        return pd.DataFrame(columns=["work", "ratio", "machine"])
    return pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)


def faults(root: Path) -> HTML:
    """Tabulate what the bench of faults brought about, what was seen, and how many of how many were survived."""
    path = root / FAULTS
    if not path.exists():
        return note(NO_FAULTS)
    found = pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)
    shown = found[["fault", "seen", "rerun"]].rename(columns={"seen": "one sees", "rerun": "the rerun"})
    shown["survived"] = found["survived"].astype(str) + " of " + found["tried"].astype(str)
    caption = (
        f"{found['survived'].sum()} of {found['tried'].sum()} faults were survived, last on {found['date'].max()} "
        f"(commit {found['commit'].iloc[-1]}). Machine: {found['machine'].iloc[-1]}."
    )
    return tables.show(shown, caption=caption, name="faults", public=True)


def books(root: Path) -> HTML:
    """Tabulate how long the whole book takes from nothing, again, and with one notebook changed."""
    path = root / BOOKS
    if not path.exists():
        return note(NO_BOOKS)
    found = pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)
    shown = found[["cohorts", "turn", "run_s", "site_s"]].rename(
        columns={"run_s": "stages (s)", "site_s": "site (s)"}
    )
    shown.insert(2, "stages run", found["ran"].astype(str) + " of " + found["stages"].astype(str))
    caption = (
        f"The whole book in a fresh clone, packages installed. Machine: {found['machine'].iloc[-1].partition(', 1 thread')[0]} "
        f"(commit {found['commit'].iloc[-1]}, {found['date'].iloc[-1]})."
    )
    return tables.show(
        shown, caption=caption, name="books", digits={"stages (s)": 0, "site (s)": 0}, public=True
    )


def timings(found: pd.DataFrame) -> HTML:
    """Tabulate each work beside its peers."""
    if found.empty:
        return note(NOTHING)
    shown = found.drop(columns="machine").rename(columns={"ours_s": "ours (s)", "peer_s": "peer (s)"})
    digits = {"ours (s)": 3, "peer (s)": 3, "ratio": 1, "ratio_low": 1, "ratio_high": 1}
    caption = (
        "Median times on one thread; ratio: the peer's time over ours in the same turn (median and quartiles); above 1 ours is "
        f"faster. Machine: {found['machine'].iloc[-1]}."
    )
    return tables.show(shown, caption=caption, name="performance", digits=digits, public=True)


def ratios(found: pd.DataFrame) -> HTML:
    """Draw how many times longer each peer takes."""
    if found.empty:
        return note(NOTHING)
    return figures.figure(
        ratio_plot(found.dropna(subset=["ratio"])),
        caption="How many times longer each peer takes than the study's own code, on a logarithmic scale; bars are quartiles of paired turns.",
        alt="One dot a peer; to the right of the line the peer is slower.",
        name="performance-ratios",
        public=True,
    )


def ratio_plot(found: pd.DataFrame) -> Figure:
    """Return a figure with a row for each work and peer."""
    labels = [f"{row.work}\n{row.peer}" for row in found.itertuples()]
    fig, grid = panel_grid(1, 1, rows_height(labels) * 1.4)
    ax = grid[0, 0]
    rows = np.arange(len(found))
    reach = [found["ratio"] - found["ratio_low"], found["ratio_high"] - found["ratio"]]
    ax.errorbar(found["ratio"], rows, xerr=reach, fmt="o", color="0.2", capsize=3)
    ax.axvline(1, color="0.4", linestyle="--")
    ax.set(xscale="log", xlabel="time of the peer over ours")
    ax.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    name_rows(ax, labels)
    return fig
