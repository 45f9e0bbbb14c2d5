"""What the paper says in words about directions, judged on a cohort's tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

Tables = Mapping[str, pd.DataFrame]
Judged = dict[str, Any]
LEVEL = 0.05
FEW = 5
ABSENT: Judged = {"note": "This cohort has no such table, method or outcome."}
NEAR_ZERO_PERCENT = 0.4


def by_group(group: str, tables: Tables) -> Judged:
    """Judge what is said of one diagnosis' change of volume, by the medians of its methods."""
    summary = tables.get("change_summary")
    if summary is None or summary.empty:
        return ABSENT
    change = summary[(summary["quantity"] == "volume_percent") & (summary["n"] >= FEW)]
    medians = change.pivot_table(index="method", columns="group", values="median")
    if group not in medians:
        return {"note": f"Fewer than {FEW} people of this diagnosis have two visits."}
    mine = medians[group].dropna()
    others = medians.drop(columns=[name for name in ("all", "HC", group) if name in medians])
    if group == "HC":
        share = (mine.abs() <= NEAR_ZERO_PERCENT).mean()
        note = f"{share:.0%} of methods have a median within {NEAR_ZERO_PERCENT} % of zero; their mean is {mine.mean():+.2f} %."
        return {"agrees": bool(share > 0.5), "note": note}
    if others.empty:
        return {"note": "There is no other diagnosis to compare with."}
    largest = mine < others.reindex(mine.index).min(axis=1)
    if group == "MOGAD":
        family = largest[largest.index.str.startswith(("MindGlide", "ThalNet"))]
        if family.empty:
            return ABSENT
        return {"agrees": bool(family.mean() > 0.5), "note": f"Largest median loss in {family.sum()} of {len(family)} variants."}  # fmt: skip
    if group == "PMS":
        named = largest.reindex(["FIRST", "DBSegment"]).dropna().astype(bool)
        if named.empty:
            return ABSENT
        words = ", ".join(f"{name}: {'yes' if yes else 'no'}" for name, yes in named.items())
        return {"agrees": bool(named.all()), "note": f"Largest median loss in PMS? {words}."}
    if "RRMS" not in medians:
        return {"note": "There are no RRMS to compare with."}
    apart = (mine - medians["RRMS"].reindex(mine.index)).abs().mean()
    means = change[(change["group"] == group) & (change["method"] == "DBSegment")]["mean"]
    if means.empty:
        return ABSENT
    note = f"Medians are {apart:.2f} % from those of RRMS on average; DBSegment's mean is {means.iloc[0]:+.2f} %."
    return {"agrees": bool(apart < 0.5 and means.iloc[0] >= 0), "note": note}


def longitudinal(quantity: str, tables: Tables) -> Judged:
    """Judge which outcomes are significant, where HC3 was used, and what the sensitivity analyses say."""
    frame = tables.get("change_associations")
    if frame is None or frame["beta"].isna().all():
        return ABSENT
    main = frame[frame["analysis"] == "all"]
    if quantity == "significant_outcomes":
        found = sorted(main.loc[main["p_adjusted"] < LEVEL, "outcome"].unique())
        return {"agrees": found == ["edss"], "note": f"Significant here: {', '.join(found) or 'none'}."}
    if quantity == "robust_se_hc3":
        found = sorted(main.loc[main["se_type"] == "HC3", "outcome"].unique())
        return {"agrees": found == ["edss", "nhpt"], "note": "A choice, not a finding."}
    analysis = {
        "sensitivity_rrms_only": "RRMS", "sensitivity_winsor_1_99": "winsor-1-99",
        "sensitivity_winsor_5_95": "winsor-5-95", "sensitivity_ordinal_logistic": "ordinal",
    }[quantity]  # fmt: skip
    mine = frame[(frame["analysis"] == analysis) & (frame["outcome"] == "edss")].dropna(subset=["beta"])
    if mine.empty:
        return ABSENT
    significant, positive = int((mine["p_adjusted"] < LEVEL).sum()), int((mine["beta"] > 0).sum())
    before = main[main["outcome"] == "edss"].set_index("method")["p_adjusted"].reindex(mine["method"])
    weaker = int((mine["p_adjusted"].to_numpy() >= before.to_numpy()).sum())
    note = (
        f"{positive} of {len(mine)} slopes are positive, {significant} significant after adjustment; "
        f"{weaker} have a larger adjusted p than in the main analysis."
    )
    if quantity == "sensitivity_rrms_only":
        same = significant == 0 and positive > len(mine) / 2
    else:
        same = positive > len(mine) / 2 and weaker >= len(mine) / 2
    return {"agrees": bool(same), "note": note}


def brain_change_pairs(tables: Tables) -> Judged:
    """Judge that correlations with brain volume change differ from DBSegment's alone."""
    pairs = tables.get("brain_change_pairwise")
    if pairs is None or pairs["p_adjusted"].isna().all() or "DBSegment" not in {*pairs["method_i"], *pairs["method_j"]}:  # fmt: skip
        return ABSENT
    with_it = (pairs["method_i"] == "DBSegment") | (pairs["method_j"] == "DBSegment")
    significant = pairs["p_adjusted"] < LEVEL
    note = (
        f"{int(significant[with_it].sum())} of {int(with_it.sum())} pairs with DBSegment differ and "
        f"{int(significant[~with_it].sum())} of {int((~with_it).sum())} without it."
    )
    return {"agrees": bool(significant[with_it].all() and not significant[~with_it].any()), "note": note}


def brain_change_range(tables: Tables) -> Judged:
    """Return mean correlation with brain volume change, and its range, of MindGlide's T1w mask and ensembles."""
    frame = tables.get("brain_change_correlation")
    names = ("MindGlide-T1", "MindGlide-T1-FLAIR", "MindGlide-T1-R1", "MindGlide-R1-FLAIR", "MindGlide-T1-R1-FLAIR")  # fmt: skip
    mine = frame[frame["method"].isin(names)].dropna(subset=["r"]) if frame is not None else pd.DataFrame()
    if mine.empty:
        return ABSENT
    return {
        "value": float(np.mean(mine["r"])), "low": float(mine["r_low"].mean()), "high": float(mine["r_high"].mean()),
        "n": float(mine["n"].min()),
    }  # fmt: skip
