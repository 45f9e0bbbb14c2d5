"""The numbers on change, on trials and on the twin's model that prose cites."""

from typing import Any

import numpy as np
import pandas as pd

from thalutils import reported
from thalutils.report import privacy
from thalutils.report.numbers import rounded
from thalutils.simulate import twin_consistency
from thalutils.simulate.coverage import HOLDS
from thalutils.stats.agreement import FEWEST
from thalutils.stats.populations import ALL

LEVEL = 0.05
PERCENT = "volume_percent"
# The trial that prose speaks of.
SLOWING, POWER = 50, 0.8


def change(
    summary: pd.DataFrame, pairs: pd.DataFrame, correlation: pd.DataFrame, brain_pairs: pd.DataFrame
) -> dict[str, Any]:
    """Return which methods find most and least change, and how many pairs of methods differ.

    Takes the tables ``change_summary``, ``change_pairwise``, ``brain_change_correlation`` and
    ``brain_change_pairwise``. Of small groups nothing is told, and methods of fewer than three people are not ranked.
    """
    everyone = summary[(summary["group"] == ALL) & (summary["quantity"] == PERCENT)]
    means, r = _known(everyone[everyone["n"] >= FEWEST], "mean"), _known(correlation, "r")
    return {
        "change.n": privacy.count(int(everyone["n"].max())) if len(everyone) else 0,
        "change.n_methods": len(means),
        **_extremes("change.most_loss", means, "percent", lowest=True),
        **_extremes("change.least_loss", means, "percent", lowest=False),
        **_different("change", pairs),
        **_extremes("change.brain_most", r, "r", lowest=False),
        **_extremes("change.brain_least", r, "r", lowest=True),
        **_different("change.brain", brain_pairs),
    }


def trial(sizes: pd.DataFrame, minimal: pd.DataFrame) -> dict[str, Any]:
    """Return the smallest trial, how many methods have no bounded one, and the smallest change in a person.

    Takes the tables ``trial_size`` and ``minimal_change``. Of small groups nothing is told.
    """
    mine = sizes[(sizes["slowing_percent"] == SLOWING) & (sizes["power"] == POWER)]
    told = mine[_numbers(mine, "excess_percent").notna()]
    n = _known(mine, "n_per_arm")
    people = {
        f"trial.n_{who}": privacy.count(int(mine[f"n_{who}"].max())) if len(mine) else 0
        for who in ("patients", "controls")
    }
    return people | {
        "trial.n_told": len(told) or None,
        "trial.n_unbounded": int(told["n_per_arm_high"].isna().sum()),
        **_extremes("trial.smallest", n, "n", lowest=True),
        **_extremes("trial.minimal", _known(minimal, "change_percent"), "percent", lowest=True),
    }


def twin(calibration: pd.DataFrame, slopes: pd.DataFrame, covered: pd.DataFrame) -> dict[str, Any]:
    """Return counts of the calibration, the slopes under each switch, what contradicts, and what holds.

    Takes the table ``twin_calibration`` and what ``twin_summary.switches`` and ``coverage.read`` return.
    """
    basis = calibration["basis"].value_counts()
    implied = slopes.groupby("switch")["implied"]
    found = {f"twin.n_{name}": int(basis.get(name, 0)) for name in ("calibrated", "emergent")}
    found |= {f"twin.slope_{name}_low": rounded(value) for name, value in implied.min().items()}
    found |= {f"twin.slope_{name}_high": rounded(value) for name, value in implied.max().items()}
    n = reported.values()["populations"]["ground_truth"]["n"]
    identities = twin_consistency.identities()
    spreads = identities[identities["quantity"] == "bias_sd"]
    held = covered["verdict"].value_counts()
    return found | {
        "twin.bias_sd_percent": rounded(100 * (spreads["given"] / spreads["implied"]).mean() - 100),
        "twin.divisor_percent": rounded(100 * np.sqrt(n / (n - 1)) - 100),
        "twin.pms_duration_years": rounded(twin_consistency.needed_duration()),
        "twin.draws": int(covered["draws"].iloc[0]),
        "twin.intervals": len(covered),
        "twin.intervals_hold": int(held.get(HOLDS, 0)),
    }


def _numbers(frame: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as this page may tell it, missing where it may not."""
    return pd.to_numeric(privacy.shareable(frame)[0][column], errors="coerce").set_axis(frame.index)


def _known(frame: pd.DataFrame, column: str) -> pd.Series:
    """Return the numbers of a column that may be told, by method."""
    return _numbers(frame, column).set_axis(frame["method"]).dropna()


def _extremes(word: str, values: pd.Series, what: str, lowest: bool) -> dict[str, Any]:
    """Return the method with the lowest or highest number, and the number; nothing where there is none."""
    if values.empty:
        return {f"{word}_method": None, f"{word}_{what}": None}
    place = int(values.to_numpy().argmin() if lowest else values.to_numpy().argmax())
    return {f"{word}_method": str(values.index[place]), f"{word}_{what}": rounded(values.iloc[place])}


def _different(word: str, pairs: pd.DataFrame) -> dict[str, Any]:
    """Count the pairs that were tested, nothing where none was, and those with an adjusted p below the level."""
    p = _numbers(pairs, "p_adjusted").dropna()
    return {f"{word}.n_tested": len(p) or None, f"{word}.n_different": int((p < LEVEL).sum())}
