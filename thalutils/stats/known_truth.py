"""How near measured volumes and changes come to ones that are known exactly, as on simulated scans."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS
from statsmodels.tools import add_constant

from thalutils import tables
from thalutils.schemas import SCHEMAS
from thalutils.stats import coefficients
from thalutils.stats.resampling import interval

RESAMPLES, SEED = 2000, 31
FEWEST = 10
# Volumes are counted on a grid, so that a loss of nothing is one of a few thousandths of a percent.
UNCHANGED_PERCENT = 0.05
# As much as a year takes from nearly everybody.
SMALL_PERCENT = 1.0


def accuracy(frame: pd.DataFrame) -> pd.DataFrame:
    """Hold volumes and overlap against the truth, by set of heads and contrast.

    Parameters
    ----------
    frame : DataFrame
        A row a mask: ``heads`` (the set), ``person`` (whose heads are alike: the clusters), ``contrast``,
        ``truth_ml``, ``volume_ml`` and ``dice``, and ``manual_ml`` and ``dice_manual``, which hold it against a
        rater's drawing; volume and both Dice are missing where no mask was drawn.

    Returns
    -------
    DataFrame
        The table ``thalnet_accuracy``. Bias is the mean difference in percent of the truth, slope that of the
        measured on the true volume; their intervals are robust to heads of one person being alike (cluster
        sandwich, Student's t with a degree of freedom a cluster but one). The interval of ICC(A,1) comes from
        a bootstrap over persons, and is left out where there are fewer than ten. In few persons all are rough.
        A mask that is missing has a Dice of 0 with the truth and with the drawing.
    """
    rows = []
    for (heads, contrast), mine in frame.groupby(["heads", "contrast"], sort=False):
        drawn = mine.dropna(subset=["volume_ml"])
        row = {"heads": heads, "contrast": contrast, "n": len(mine), "n_persons": mine["person"].nunique()}
        dice = mine["dice"].fillna(0)  # thalami that were not found overlap with nothing
        row |= {
            "n_missed": len(mine) - len(drawn),
            "dice": dice.median(),
            "dice_lowest": dice.min(),
            "dice_manual": mine["dice_manual"].fillna(0).median(),
        }
        if len(drawn) >= FEWEST:
            row |= _volumes(drawn)
        rows.append(row)
    columns = list(SCHEMAS["thalnet_accuracy"].columns)
    return tables.check("thalnet_accuracy", pd.DataFrame(rows).reindex(columns=columns))


def _volumes(drawn: pd.DataFrame) -> dict[str, float]:
    percent = 100 * (drawn["volume_ml"] / drawn["truth_ml"] - 1)
    found = _clustered(percent, np.ones((len(drawn), 1)), drawn["person"], "bias_percent")
    found["bias_manual_percent"] = 100 * (drawn["volume_ml"] / drawn["manual_ml"] - 1).mean()
    found |= _clustered(drawn["volume_ml"], add_constant(drawn["truth_ml"]), drawn["person"], "slope")
    icc = coefficients.icc(drawn["volume_ml"].to_numpy(), drawn["truth_ml"].to_numpy())["icc_a1"]
    if drawn["person"].nunique() < FEWEST:  # a bootstrap of a handful of clusters promises too much
        return found | {"icc_a1": icc}
    volume_ml, truth_ml = (drawn[name].to_numpy() for name in ("volume_ml", "truth_ml"))
    low, high = _resampled(
        drawn["person"], lambda rows: coefficients.icc(volume_ml[rows], truth_ml[rows])["icc_a1"]
    )
    return found | {"icc_a1": icc, "icc_a1_low": low, "icc_a1_high": high}


def _clustered(
    outcome: pd.Series, design: np.ndarray | pd.DataFrame, persons: pd.Series, name: str
) -> dict[str, float]:
    """Return the last coefficient with an interval; robust to clusters where there are heads that are alike."""
    model = OLS(outcome.to_numpy(), np.asarray(design))
    if persons.nunique() < len(persons):
        groups = pd.factorize(persons)[0]
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    else:
        fit = model.fit()
    low, high = fit.conf_int()[-1]
    return {name: fit.params[-1], f"{name}_low": low, f"{name}_high": high}


def _resampled(persons: pd.Series, statistic: Callable[[np.ndarray], float]) -> tuple[float, float]:
    """Return the percentile interval of a statistic of rows over resampled persons."""
    rng = np.random.default_rng(SEED)
    numbers, names = pd.factorize(persons)
    parts = [np.flatnonzero(numbers == person) for person in range(len(names))]
    found = [
        statistic(np.concatenate([parts[place] for place in rng.integers(len(parts), size=len(parts))]))
        for _ in range(RESAMPLES)
    ]
    low, high = interval(np.array(found))
    return float(low), float(high)


def recovery(frame: pd.DataFrame) -> pd.DataFrame:
    """Hold measured changes against known ones, by set of heads and contrast.

    Parameters
    ----------
    frame : DataFrame
        A row a pair of scans: ``heads``, ``contrast``, ``true_percent`` and ``measured_percent`` (changes in
        percent of the first volume).

    Returns
    -------
    DataFrame
        The table ``thalnet_recovery``: the slope of the measured on the true change, the mean difference of
        both, the standard deviation about the line, and ``rescan_sd_percent``, the standard deviation of one
        volume between scans of unchanged anatomy, from the pairs without change.
    """
    rows = []
    for (heads, contrast), mine in frame.groupby(["heads", "contrast"], sort=False):
        known = mine.dropna(subset=["measured_percent"])
        row = {"heads": heads, "contrast": contrast, "n": len(known)}
        if len(known) >= FEWEST:
            persons = pd.Series(np.arange(len(known)))
            row |= _clustered(
                known["measured_percent"], add_constant(known["true_percent"]), persons, "slope"
            )
            row |= _clustered(known["measured_percent"] - known["true_percent"], np.ones((len(known), 1)), persons, "bias_percent")  # fmt: skip
            row["sd_percent"] = _scatter(known)
        still = known.loc[known["true_percent"].abs() < UNCHANGED_PERCENT, "measured_percent"]
        row |= {
            "n_rescans": len(still),
            "rescan_sd_percent": still.std() / np.sqrt(2) if len(still) > 2 else np.nan,
        }
        rows.append(row)
    columns = list(SCHEMAS["thalnet_recovery"].columns)
    return tables.check("thalnet_recovery", pd.DataFrame(rows).reindex(columns=columns))


def brain_change(frame: pd.DataFrame) -> pd.DataFrame:
    """Hold measured changes of brain volume against known ones, by set of heads and engine.

    Parameters
    ----------
    frame : DataFrame
        A row a pair of scans and engine: ``heads``, ``engine``, ``true_percent``, ``measured_percent``,
        ``forward_percent`` and ``backward_percent``.

    Returns
    -------
    DataFrame
        The table ``brain_change_accuracy``. Where much changed both directions differ by the method itself: they stand apart
        from pairs with small changes. Slope, with Student's t interval, and the standard deviation about the
        line are left out where there are fewer than ten pairs; those of unchanged brains where there are
        fewer than three.
    """
    rows = []
    for (heads, engine), mine in frame.groupby(["heads", "engine"], sort=False):
        row = {"heads": heads, "engine": engine, "n": len(mine)}
        pairs = pd.Series(np.arange(len(mine)))
        if len(mine) >= FEWEST:
            row |= _clustered(mine["measured_percent"], add_constant(mine["true_percent"]), pairs, "slope")
            row["sd_percent"] = _scatter(mine)
        still = mine.loc[mine["true_percent"].abs() < UNCHANGED_PERCENT, "measured_percent"]
        row["n_unchanged"] = len(still)
        if len(still) > 2:
            row |= _clustered(still, np.ones((len(still), 1)), pairs[: len(still)], "unchanged_percent")
            row["unchanged_sd_percent"] = still.std()
        apart = (mine["forward_percent"] - mine["backward_percent"]).abs()
        row["directions_percent"] = apart.max()
        row["directions_small_percent"] = apart[mine["true_percent"].abs() <= SMALL_PERCENT].max()
        rows.append(row)
    columns = list(SCHEMAS["brain_change_accuracy"].columns)
    return tables.check("brain_change_accuracy", pd.DataFrame(rows).reindex(columns=columns))


def _scatter(pairs: pd.DataFrame) -> float:
    """Return the standard deviation of measured changes about their line on the true ones."""
    line = np.polyfit(pairs["true_percent"], pairs["measured_percent"], 1)
    left = pairs["measured_percent"] - np.polyval(line, pairs["true_percent"])
    return float(np.sqrt((left**2).sum() / (len(pairs) - 2)))


def gain(frame: pd.DataFrame, base: str, fewest: int = FEWEST) -> pd.DataFrame:
    """Compare masks drawn with and without a further map on the same heads.

    Parameters
    ----------
    frame : DataFrame
        A row a mask: ``way``, ``contrasts``, ``number`` (the head), ``border_contrast``, ``truth_ml``, ``volume_ml`` and
        ``dice``; the last two are missing where no mask was drawn.
    base : str
        The ``contrasts`` that others are compared with, such as ``T1-FLAIR``; with a map they are the same with one
        more among them.
    fewest : int
        Below so many heads there is no difference, as its interval would say little.

    Returns
    -------
    DataFrame
        The table ``thalnet_gain``: mean paired differences with Student's t intervals, over the heads that have both
        masks.
    """
    found = _with_error(frame)
    rows = []
    for way, mine in found[found["way"] != "one"].groupby("way", sort=False):
        for contrasts in (one for one in mine["contrasts"].unique() if one != base):
            [added] = set(contrasts.split("-")) - set(base.split("-"))
            for border, some in mine.groupby("border_contrast", sort=True):
                wide = some.pivot_table(index="number", columns="contrasts", values=["dice", "error_percent"])
                row = {"way": way, "added": added, "border_contrast": border}
                rows.append(row | _paired(wide, base, contrasts, fewest))
    columns = list(SCHEMAS["thalnet_gain"].columns)
    return tables.check("thalnet_gain", pd.DataFrame(rows).reindex(columns=columns))


def joint(frame: pd.DataFrame, vote: str, together: str, fewest: int = FEWEST) -> pd.DataFrame:
    """Compare masks that are drawn from several contrasts at once with the vote over masks of each, on the same heads.

    Parameters
    ----------
    frame : DataFrame
        As for :func:`accuracy`, with the ``number`` of the head beside its ``person``.
    vote, together : str
        The ``contrast`` of the two.
    fewest : int
        Below so many heads there is no difference, as its interval would say little.

    Returns
    -------
    DataFrame
        The table ``thalnet_joint``: mean paired differences over the heads that have both masks, with intervals that
        are robust to heads of one person being alike, as in :func:`accuracy`.
    """
    rows = []
    for heads, mine in _with_error(frame).groupby("heads", sort=False):
        wide = mine.pivot_table(
            index=["person", "number"], columns="contrast", values=["dice", "error_percent"]
        )
        row = _paired(wide, vote, together, fewest)
        row |= {"dice_vote": row.pop("dice_without"), "error_vote_percent": row.pop("error_without_percent")}
        rows.append({"heads": heads, "n_persons": mine["person"].nunique()} | row)
    columns = list(SCHEMAS["thalnet_joint"].columns)
    return tables.check("thalnet_joint", pd.DataFrame(rows).reindex(columns=columns))


def finer(frame: pd.DataFrame) -> dict[str, float]:
    """Compare masks drawn with the finest map and with the coarsest, on the same heads.

    Parameters
    ----------
    frame : DataFrame
        A row a mask: ``number`` (the head), ``voxel_mm`` of the map, and ``dice``, missing where no mask was drawn.

    Returns
    -------
    dict
        ``n`` heads with both masks, and ``difference`` of their mean Dice, finest less coarsest, with Student's interval;
        without either where fewer than two heads have both.
    """
    wide = frame.pivot_table(index="number", columns="voxel_mm", values="dice").dropna()
    row = {"n": len(wide)}
    if len(wide) < 2:
        return row
    difference = wide[wide.columns.min()] - wide[wide.columns.max()]
    return row | _clustered(difference, np.ones((len(wide), 1)), pd.Series(wide.index), "difference")


def _with_error(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(error_percent=100 * (frame["volume_ml"] / frame["truth_ml"] - 1).abs())


def _paired(wide: pd.DataFrame, base: str, contrasts: str, fewest: int) -> dict[str, float]:
    """Compare two contrasts of a head in each row; the first level of the index says whose heads are alike."""
    known = wide.loc[:, pd.IndexSlice[:, [base, contrasts]]].dropna()
    row = {"n": len(known)}
    for column, name, mean in (("dice", "dice_gain", "dice_without"), ("error_percent", "error_gain_percent", "error_without_percent")):  # fmt: skip
        row[mean] = known[column, base].mean()
        if len(known) >= fewest:
            difference = known[column, contrasts] - known[column, base]
            persons = pd.Series(known.index.get_level_values(0))
            row |= _clustered(difference, np.ones((len(known), 1)), persons, name)
    return row
