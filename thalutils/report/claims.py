"""The paper's claims, each judged on a cohort's own tables: holds, fails or cannot be told.

Claims about atlas-based tools and networks are judged on whatever tools of each kind a cohort has, so
that they can be judged on scans where the paper's own tools did not run; the evidence names the tools.
"""

from collections.abc import Callable, Mapping

import pandas as pd

from thalutils.report.directions import ABSENT, brain_change_pairs
from thalutils.report.estimates import FEWEST, LEVEL
from thalutils.report.suppression import LEAST
from thalutils.schemas import SCHEMAS
from thalutils.stats.recovery import FARTHER

HOLDS, FAILS, UNKNOWN = "holds", "fails", "cannot be told"
ATLAS = ("FreeSurfer", "FIRST", "SAMSEG-T1", "Template")
NETWORKS = ("DBSegment", "MindGlide-T1", "ThalNet-T1")
DISEASE_SPECIFIC = ("MindGlide", "ThalNet")
UNLIKE_SD = 0.1  # as page 2.1 has it
FEWEST_FOR_A_MEAN = 3  # the interval of a mean holds for few people too
OUTCOMES = ("edss", "t25fw", "nhpt", "sdmt")
# What is behind the tables that claims are judged by.
DRAWN = "masks drawn by hand that a method is held against"
NEEDS = {
    "overlap_summary": DRAWN, "volume_agreement": DRAWN, "associations": "volumes with a score",
    "like_with_like": "methods with volumes and a score of the same people",
    "change_associations": "volumes and scores at two visits",
}  # fmt: skip
Tables = Mapping[str, pd.DataFrame]
Judged = tuple[str, str]


def claims(tables: Tables, basis: str, individuals: bool = True) -> pd.DataFrame:
    """Judge every claim of the paper's abstract, results and discussion on a cohort's tables.

    Where two methods are ranked, a claim holds or fails only where their intervals lie apart, or their paired
    test tells them apart; else it cannot be told.

    Parameters
    ----------
    tables : mapping
        The cohort's result tables by name.
    basis : str
        What the cohort's numbers rest on: ``images``, ``data``, or ``emergent`` for the twin, on which all
        claims but a few are built into the numbers that it was made from.
    individuals : bool
        Whether the evidence may tell of fewer than five people.

    Returns
    -------
    DataFrame
        The table ``claims``, in the order of the paper.
    """
    rows = []
    if not individuals and "volume_agreement" in tables:
        frame = tables["volume_agreement"]
        tables = {**tables, "volume_agreement": frame[frame["n"] >= LEAST]}
    for claim, place, judge in CLAIMS:
        built_in = basis == "emergent" and claim not in NOT_BUILT_IN
        rests_on = "calibrated" if built_in else basis
        rows.append((claim, place, *judge(tables), OF_THEIR_OWN.get(claim, rests_on)))
    return pd.DataFrame(rows, columns=list(SCHEMAS["claims"].columns))


def _absent(what: str) -> Judged:
    return UNKNOWN, f"This cohort has no {what}."


def _judged(holds: bool, evidence: str) -> Judged:
    return (HOLDS if holds else FAILS), evidence


def _medians(tables: Tables, measure: str) -> pd.Series:
    """Return the median overlap with the manual reference by method, where enough people have one."""
    frame = tables.get("overlap_summary")
    if frame is None:
        return pd.Series(dtype=float)
    mine = frame[(frame["reference"] == "manual") & (frame["measure"] == measure) & (frame["n"] >= FEWEST)]
    return mine.set_index("method")["median"]


def _agreement(tables: Tables, fewest: int = FEWEST) -> pd.DataFrame:
    frame = tables.get("volume_agreement")
    if frame is None:
        return pd.DataFrame()
    mine = frame[(frame["reference"] == "manual") & (frame["n"] >= fewest)]
    return mine.set_index("method")


def _present(index: pd.Index, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in index]


def _family(index: pd.Index) -> list[str]:
    return [name for name in index if name.startswith(DISEASE_SPECIFIC)]


def _values(values: pd.Series, digits: int = 2) -> str:
    return ", ".join(f"{name} {value:.{digits}f}" for name, value in values.items())


def _few(tables: Tables, table: str) -> Judged:
    frame = tables.get(table)
    if frame is None or frame.empty:
        return _absent(NEEDS[table])
    if table in ("overlap_summary", "volume_agreement"):
        return UNKNOWN, f"Fewer than {FEWEST} people have a manual mask, or the tools did not run."
    return UNKNOWN, "Too few people for any model, or the tools did not run."


def _best_overlap(tables: Tables) -> Judged:
    dice, precision = _medians(tables, "dice"), _medians(tables, "precision")
    pairs = tables.get("overlap_pairwise")
    if "DBSegment" not in dice or len(dice) < 2 or pairs is None:
        return _few(tables, "overlap_summary")
    evidence = f"Highest median Dice: {dice.idxmax()} {dice.max():.3f}; precision: {precision.idxmax()} {precision.max():.3f}."  # fmt: skip
    if not dice.idxmax() == precision.idxmax() == "DBSegment":
        return FAILS, evidence
    mine = pairs[
        (pairs["reference"] == "manual") & pairs["measure"].isin(("dice", "precision"))
        & ((pairs["method_i"] == "DBSegment") | (pairs["method_j"] == "DBSegment"))
    ]  # fmt: skip
    apart = bool(len(mine)) and bool((mine["p_adjusted"] < LEVEL).all())
    return (HOLDS if apart else UNKNOWN), evidence


def _atlas_over_segments(tables: Tables) -> Judged:
    precision, sensitivity = _medians(tables, "precision"), _medians(tables, "sensitivity")
    atlas, nets = _present(precision.index, ATLAS), _present(precision.index, NETWORKS)
    if not atlas or not nets:
        return _few(tables, "overlap_summary")
    holds = (
        precision[atlas].max() < precision[nets].min() and sensitivity[atlas].min() > sensitivity[nets].max()
    )
    return _judged(holds, f"Precision: {_values(precision[atlas + nets])}; sensitivity: {_values(sensitivity[atlas + nets])}.")  # fmt: skip


def _atlas_too_large(tables: Tables) -> Judged:
    found = _agreement(tables, FEWEST_FOR_A_MEAN)
    atlas = _present(found.index, ATLAS)
    if not atlas:
        return _few(tables, "volume_agreement")
    people = ", ".join(f"{name} {found.loc[name, 'n']:.0f}" for name in atlas)
    evidence = f"Bias in mL: {_values(found.loc[atlas, 'bias'])}; people: {people}."
    return _judged(bool((found.loc[atlas, "bias_low"] > 0).all()), evidence)


def _best(column: str) -> Callable[[Tables], Judged]:
    """Judge that a disease-specific network has the highest value of a column of agreement."""

    def judge(tables: Tables) -> Judged:
        found = _agreement(tables)
        family = _family(found.index)
        others = [name for name in found.index if name not in family]
        if not family or not others:
            return _few(tables, "volume_agreement")
        first, second = (found.loc[found.loc[some, column].idxmax()] for some in (family, others))
        told = [f"{one.name} {one[column]:.2f} [{one[f'{column}_low']:.2f}, {one[f'{column}_high']:.2f}]" for one in (first, second)]  # fmt: skip
        evidence = f"Highest of the family: {told[0]}; of the others: {told[1]}."
        return _apart(first, second, column), evidence

    return judge


def _apart(higher: pd.Series, lower: pd.Series, column: str) -> str:
    """Return whether one method's value lies above another's by more than their intervals allow."""
    if higher[f"{column}_low"] > lower[f"{column}_high"]:
        return HOLDS
    return FAILS if higher[f"{column}_high"] < lower[f"{column}_low"] else UNKNOWN


def _overlap_is_not_volume(tables: Tables) -> Judged:
    dice, found = _medians(tables, "dice"), _agreement(tables)
    both = [name for name in found.index if name in dice]
    if len(both) < 3:
        return _few(tables, "overlap_summary")
    by_dice, by_ccc = dice[both].idxmax(), found.loc[both, "ccc"].idxmax()
    rank = dice[both].corr(found.loc[both, "ccc"], method="spearman")
    evidence = f"First by Dice {by_dice}, by CCC {by_ccc}; rank correlation {rank:.2f}."
    if by_dice == by_ccc:
        return FAILS, evidence
    return (HOLDS if _apart(found.loc[by_ccc], found.loc[by_dice], "ccc") == HOLDS else UNKNOWN), evidence


def _overlap_is_not_change(tables: Tables) -> Judged:
    ranked = tables.get("recovery_ranks")
    if ranked is None:
        return _absent("table recovery_ranks")
    both = ranked.dropna(subset=["dice_rank", "slope_rank"])
    if len(both) < 3:
        return UNKNOWN, "Fewer than three methods have both a Dice and a slope on the simulated pairs."
    by_dice, by_slope = both.loc[both["dice"].idxmax()], ranked.loc[ranked["slope_rank"].idxmin()]
    told = [f"{one['method']} with a slope of {one['slope']:.2f}" for one in (by_dice, by_slope)]
    rank = both["dice_rank"].corr(both["slope_rank"], method="spearman")
    evidence = f"Simulated pairs of {by_slope['n_heads']:.0f} heads: first by Dice {told[0]} ({by_dice['beside_best']}), first by recovery {told[1]}; rank correlation {rank:.2f}."
    if by_slope["n_heads"] < FEWEST:
        return UNKNOWN, f"{evidence} Fewer than {FEWEST} heads decide nothing."
    if by_dice["method"] == by_slope["method"]:
        return FAILS, evidence
    return (HOLDS if by_dice["beside_best"] == FARTHER else UNKNOWN), evidence


def _smallest(tables: Tables) -> Judged:
    found = _agreement(tables)
    if "DBSegment" not in found.index or len(found) < 2:
        return _few(tables, "volume_agreement")
    names = [name for name in found.index if name == "DBSegment" or name.partition("-")[2] in ("", "T1")]
    bias = found.loc[names, "bias"]
    return _judged(bias.idxmin() == "DBSegment", f"Bias of the masks on T1w in mL: {_values(bias)}.")


def _compressed(tables: Tables) -> Judged:
    found = _agreement(tables)
    if "DBSegment" not in found.index:
        return _few(tables, "volume_agreement")
    row = found.loc["DBSegment"]
    holds = found["slope"].idxmin() == "DBSegment" and row["ba_slope_high"] < 0
    return _judged(bool(holds), f"Slope {row['slope']:.2f}; difference on mean {row['ba_slope']:.2f} [{row['ba_slope_low']:.2f}, {row['ba_slope_high']:.2f}].")  # fmt: skip


def _networks_smaller(tables: Tables) -> Judged:
    found = _agreement(tables)
    nets = [name for name in found.index if name in NETWORKS or name.startswith(DISEASE_SPECIFIC)]
    if not nets:
        return _few(tables, "volume_agreement")
    return _judged(
        bool((found.loc[nets, "bias"] < 0).all()), f"Bias in mL: {_values(found.loc[nets, 'bias'])}."
    )


def _freesurfer_small(tables: Tables) -> Judged:
    found = _agreement(tables)
    if "FreeSurfer" not in found.index:
        return _few(tables, "volume_agreement")
    row = found.loc["FreeSurfer"]
    smallest = row["reference_mean_ml"] - 2 * row["reference_sd_ml"]
    there = row["intercept_ml"] + row["slope"] * smallest - smallest
    return _judged(bool(there < 0), f"At a reference of {smallest:.1f} mL (two SD below the mean) the line lies {there:+.1f} mL off.")  # fmt: skip


def _relative(measure: str, wanted: Mapping[str, float]) -> Callable[[Tables], Judged]:
    """Judge percentages against DBSegment's median, to within five points."""

    def judge(tables: Tables) -> Judged:
        medians = _medians(tables, measure)
        names = {"atlas": _present(medians.index, ("FreeSurfer", "FIRST")), "MindGlide-T1": _present(medians.index, ("MindGlide-T1",))}  # fmt: skip
        if "DBSegment" not in medians or not all(names.values()):
            return _few(tables, "overlap_summary")
        found = {
            name: 100 * (medians[some].mean() / medians["DBSegment"] - 1) for name, some in names.items()
        }
        holds = all(abs(found[name] - value) <= 5 for name, value in wanted.items())
        return _judged(holds, "; ".join(f"{name} {value:+.0f} %" for name, value in found.items()) + ".")

    return judge


def _consistent(tables: Tables) -> Judged:
    frame = tables.get("associations")
    if frame is None or frame["beta"].notna().sum() == 0:
        return _few(tables, "associations")
    main = frame[(frame["analysis"] == "all") & frame["outcome"].isin(OUTCOMES)].dropna(subset=["beta"])
    count = main[main["p_adjusted"] < LEVEL].groupby("method").size()
    count = count.reindex(main["method"].unique(), fill_value=0)
    family, others = (
        _family(count.index),
        [name for name in count.index if not name.startswith(DISEASE_SPECIFIC)],
    )
    if not family or not others:
        return _absent("network trained on the disease beside other tools")
    holds = count[family].min() >= count[others].max() and count[family].max() > count[others].min()
    evidence = f"Outcomes of {len(OUTCOMES)} with an adjusted p below 5 %: family {count[family].min()} to {count[family].max()}; {_values(count[others], 0)}."  # fmt: skip
    return _judged(bool(holds), evidence)


def _stronger(design: str, outcomes: tuple[str, ...]) -> Callable[[Tables], Judged]:
    """Judge that networks trained on the disease have steeper standardised slopes than the method held against."""

    def judge(tables: Tables) -> Judged:
        frame = tables.get("like_with_like")
        if frame is None or frame["difference_std"].isna().all():
            return _few(tables, "like_with_like")
        mine = frame[(frame["design"] == design) & frame["method"].str.startswith(DISEASE_SPECIFIC) & frame["outcome"].isin(outcomes)].dropna(subset=["difference_std"])  # fmt: skip
        if mine.empty:
            return _absent("network trained on the disease beside other tools")
        above, below = (
            int((mine["difference_std_low"] > 0).sum()),
            int((mine["difference_std_high"] < 0).sum()),
        )
        against = mine["against"].iloc[0]
        evidence = f"Standardised slopes against {against}: {above} of {len(mine)} stronger, {below} weaker, the rest not told apart."  # fmt: skip
        if 2 * max(above, below) <= len(mine):
            return UNKNOWN, evidence
        return _judged(above > below, evidence)

    return judge


def _no_help_at_baseline(tables: Tables) -> Judged:
    frame = tables.get("associations")
    if frame is None:
        return _few(tables, "associations")
    main = frame[(frame["analysis"] == "all") & frame["outcome"].isin(OUTCOMES)].dropna(subset=["beta"])
    single = _present(pd.Index(main["method"].unique()), ("MindGlide-T1", "ThalNet-T1"))
    if not single:
        return _few(tables, "associations")
    family = single[0].partition("-")[0]
    base = main[main["method"] == single[0]].set_index("outcome")
    others = main[main["method"].str.startswith(family) & (main["method"] != single[0])]
    if others.empty:
        return _absent("network on other contrasts beside its T1w")
    there = base.loc[others["outcome"]]
    inside = others["beta"].between(there["beta_low"].to_numpy(), there["beta_high"].to_numpy())
    apart = (others["beta_low"].to_numpy() > there["beta_high"]) | (
        others["beta_high"].to_numpy() < there["beta_low"]
    )
    evidence = f"{int(inside.sum())} of {len(others)} slopes of other contrasts lie within {single[0]}'s interval; {int(apart.sum())} intervals lie apart."  # fmt: skip
    if apart.any():
        return FAILS, evidence
    return (HOLDS if inside.all() else UNKNOWN), evidence


def _contrasts_help(tables: Tables) -> Judged:
    frame = tables.get("change_associations")
    if frame is None:
        return _absent("second visit")
    main = frame[(frame["analysis"] == "all") & (frame["outcome"] == "edss")].set_index("method").dropna(subset=["beta"])  # fmt: skip
    single = _present(main.index, ("MindGlide-T1", "ThalNet-T1"))
    ensembles = [name for name in _family(main.index) if name.count("-") > 1]
    if not single or not ensembles:
        return _absent("network on T1w beside its ensembles")
    base = main.loc[single[0]]
    above = main.loc[ensembles, "beta"] > base["beta"]
    apart = main.loc[ensembles, "beta_low"] > base["beta_high"]
    evidence = f"{single[0]} {base['beta']:.2f}; ensembles {_values(main.loc[ensembles, 'beta'])}; {int(apart.sum())} intervals lie apart."  # fmt: skip
    behind = main.loc[ensembles, "beta_high"] < base["beta_low"]
    if not apart.any() and not behind.any():
        return UNKNOWN, evidence
    return _judged(bool(above.all()), evidence)


def _only_edss(tables: Tables) -> Judged:
    frame = tables.get("change_associations")
    if frame is None or frame["beta"].isna().all():
        return _few(tables, "change_associations")
    main = frame[(frame["analysis"] == "all") & (frame["p_adjusted"] < LEVEL)]
    found = sorted(main["outcome"].unique())
    evidence = f"Outcomes with any significant method: {', '.join(found) or 'none'}."
    return (UNKNOWN, evidence) if not found else _judged(found == ["edss"], evidence)


def _positive(tables: Tables) -> Judged:
    frame = tables.get("change_associations")
    if frame is None or frame["beta"].isna().all():
        return _few(tables, "change_associations")
    main = frame[(frame["analysis"] == "all") & (frame["outcome"] == "edss")].dropna(subset=["beta"])
    clear = main[(main["beta_low"] > 0) | (main["beta_high"] < 0)]
    positive = int((main["beta"] > 0).sum())
    evidence = f"{positive} of {len(main)} slopes are positive; {len(clear)} intervals leave out zero."
    if clear.empty:
        return UNKNOWN, evidence
    return _judged(bool((clear["beta"] > 0).all()), evidence)


def _loss(names: tuple[str, ...], low: float, high: float) -> Callable[[Tables], Judged]:
    """Judge that the mean change of volume lies within some limits, by its interval: inside, apart or neither."""

    def judge(tables: Tables) -> Judged:
        frame = tables.get("change_summary")
        if frame is None:
            return _absent("second visit")
        mine = frame[(frame["group"] == "all") & (frame["quantity"] == "volume_percent") & frame["method"].fillna("").str.startswith(names) & (frame["n"] >= FEWEST)]  # fmt: skip
        if mine.empty:
            return _absent(f"measurement by {' or '.join(names)} at two visits of {FEWEST} people")
        margin = 1.96 * mine["sd"] / mine["n"] ** 0.5
        least, most = mine["mean"] - margin, mine["mean"] + margin
        told = ", ".join(f"{row.method} {row.mean:.2f} [{a:.2f}, {b:.2f}]" for row, a, b in zip(mine.itertuples(), least, most, strict=True))  # fmt: skip
        evidence = f"Mean change in %: {told}."
        if ((most < low) | (least > high)).any():
            return FAILS, evidence
        return (HOLDS if ((least >= low) & (most <= high)).all() else UNKNOWN), evidence

    return judge


def _representative(tables: Tables) -> Judged:
    frame = tables.get("population")
    if frame is None:
        return _absent("people with a first visit")
    apart = {}
    for variable, words in (("age_years", "age"), ("disease_duration_years", "disease duration")):
        mine = frame[(frame["group"] == "RRMS") & (frame["variable"] == variable)].set_index("population")
        if not {"reference", "cross-sectional"} <= set(mine.index) or mine.loc["reference", "n"] < FEWEST:
            return _absent(f"reference set of {FEWEST} or more people with RRMS")
        few, everyone = mine.loc["reference"], mine.loc["cross-sectional"]
        apart[words] = (few["mean"] - everyone["mean"]) / everyone["sd"]
    told = ", ".join(f"{words} {value:+.2f} SD" for words, value in apart.items())
    alike = all(abs(value) <= UNLIKE_SD for value in apart.values())
    return _judged(alike, f"RRMS of the reference set against all RRMS: {told}; beyond {UNLIKE_SD} sets are called unlike.")  # fmt: skip


def _brain_change(tables: Tables) -> Judged:
    found = brain_change_pairs(tables)
    if found == ABSENT:
        return _absent("DBSegment beside other methods whose change is held against that of the brain")
    return (UNKNOWN, found["note"]) if "agrees" not in found else _judged(found["agrees"], found["note"])


STRONGEST_BASELINE = "Its associations are the strongest, spread for spread."
STRONGEST_CHANGE = "Its volume change is associated the most with EDSS change, spread for spread."
CONTRASTS = "Adding R1 and FLAIR strengthens the longitudinal association."
TRUE_CHANGE = "The tool that overlaps best is not the one that tracks true change best."
# What rests on the same simulated scans whatever the cohort.
OF_THEIR_OWN = {TRUE_CHANGE: "images"}
# What the twin's numbers do not decide beforehand.
NOT_BUILT_IN = (STRONGEST_BASELINE, STRONGEST_CHANGE, CONTRASTS)
CLAIMS: tuple[tuple[str, str, Callable[[Tables], Judged]], ...] = (
    ("The RRMS whose thalami were drawn match the RRMS of the cohort.", "2.2.2", _representative),
    ("DBSegment overlaps best with the manual masks.", "3.2.2", _best_overlap),
    ("Atlas-based tools are the most sensitive and the least precise: they draw too much.", "3.2.2", _atlas_over_segments),
    ("Atlas-based tools lie about 24 % and MindGlide 12 % below DBSegment in precision.", "4", _relative("precision", {"atlas": -24, "MindGlide-T1": -12})),
    ("Atlas-based tools lie about 12 % above and MindGlide 5 % below DBSegment in sensitivity.", "4", _relative("sensitivity", {"atlas": 12, "MindGlide-T1": -5})),
    ("Networks make smaller masks than the manual ones.", "3.2.1", _networks_smaller),
    ("DBSegment makes the smallest masks.", "3.2.3", _smallest),
    ("Atlas-based tools overestimate the volume.", "Abstract, 3.3", _atlas_too_large),
    ("A network trained on the disease has the highest concordance of volumes.", "Abstract, 3.3", _best("ccc")),
    ("A network trained on the disease has the highest ICC.", "3.3", _best("icc3")),
    ("DBSegment shrinks the differences between people.", "3.3", _compressed),
    ("FreeSurfer underestimates small volumes.", "3.3, 4", _freesurfer_small),
    ("The tool that overlaps best is not the one whose volumes agree best.", "Abstract, 4", _overlap_is_not_volume),
    ("A network trained on the disease is associated with the most outcomes.", "3.4, 4", _consistent),
    (STRONGEST_BASELINE, "Abstract, 3.4", _stronger("cross-sectional", OUTCOMES)),
    ("Adding R1 or FLAIR does not strengthen the associations at baseline.", "4", _no_help_at_baseline),
    ("MindGlide finds a yearly loss of 0.3 to 0.7 %.", "4", _loss(("MindGlide",), -0.7, -0.3)),
    ("FIRST finds a yearly loss of about 0.6 %.", "4", _loss(("FIRST",), -0.7, -0.5)),
    ("DBSegment finds next to no loss.", "3.5, 4", _loss(("DBSegment",), -0.1, 0.1)),
    ("Only DBSegment's change follows brain volume change less well.", "3.5", _brain_change),
    ("Of the outcomes, only EDSS changes with the thalamus over a year.", "3.6", _only_edss),
    ("EDSS rises where the thalamus shrinks less.", "3.6", _positive),
    (STRONGEST_CHANGE, "Abstract, 3.6", _stronger("longitudinal", ("edss",))),
    (CONTRASTS, "Abstract, 3.6", _contrasts_help),
    (TRUE_CHANGE, "beyond: 5", _overlap_is_not_change),
)  # fmt: skip
