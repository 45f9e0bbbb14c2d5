"""The page on true change: what is kept, which method loses least, and what it says where little is known."""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest

from thalutils import tables
from thalutils.errors import TableError
from thalutils.report import claims, r1_pages, recovery_pages
from thalutils.segmenters.thalnet import weight_files
from thalutils.stats import recovery
from thalutils.truth import change, injected, kept, resolution
from thalutils.truth.methods import FEWER
from thalutils.truth.visits import PLAN, pairs

METHODS = {
    ("ThalNet-T1", "independent"): (0.97, 0.4, 0.94), ("ThalNet-T1", "halfway"): (0.96, 0.2, None),
    ("Template", "independent"): (0.55, 0.3, 0.97), ("SAMSEG-T1", "independent"): (0.80, 0.3, 0.91),
    ("FollowUp", "halfway"): (0.90, 0.1, None),
}  # fmt: skip
ORIGIN = {"made_with": "python -m x", "commit": "abc", "machine": "a machine", "date": "2026-01-02"}


def made_up(heads: int = 8, seed: int = 0) -> pd.DataFrame:
    """Return pairs with known slopes and scatter, most of them of people who were kept out."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(heads):
        whose = {
            "anatomy": ("phantom", "04", "08", "12")[number % 4],
            "number": number,
            "weights": weight_files.version(),
        }
        for (method, processing), (slope, sd, dice) in METHODS.items():
            first = rng.normal(0, sd)
            for disturbance, losses in PLAN.items():
                for loss in losses:
                    measured = (
                        -slope * loss + first + rng.normal(0, sd) - (0.8 if disturbance == "water" else 0)
                    )
                    volume = 12.0 + number
                    rows.append(
                        whose
                        | {"disturbance": disturbance, "planned_percent": -loss, "true_percent": -loss, "method": method, "contrast": "T1",
                           "processing": processing, "truth_first_ml": volume, "first_ml": volume + 0.3, "second_ml": volume,
                           "measured_percent": measured, "dice_first": dice}
                    )  # fmt: skip
    return pd.DataFrame(rows)


def gains(heads: int = 5) -> pd.DataFrame:
    rng, rows = np.random.default_rng(1), []
    for number in range(heads):
        for voxel_mm in resolution.VOXELS_MM:
            for border in resolution.BORDERS:
                for way in ("vote", "joint"):
                    for contrasts in (resolution.WITHOUT, resolution.WITH):
                        more = 0.01 * border / voxel_mm if contrasts == resolution.WITH else 0.0
                        rows.append({"number": number, "voxel_mm": voxel_mm, "border_contrast": border, "way": way, "contrasts": contrasts, "truth_ml": 12.0, "volume_ml": 12.1, "dice": 0.94 + more + rng.normal(0, 1e-4)})  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def kept_tables(monkeypatch):
    """Tables as the long computation would leave them."""
    loss = {
        "head": "phantom",
        "injector": "bidsgate",
        "method": "FollowUp",
        "true_percent": [-1.0, -5.0],
        "measured_percent": [-0.9, -4.5],
    }
    found = {change.DATA: made_up(), resolution.DATA: gains(), injected.DATA: pd.DataFrame(loss)}
    monkeypatch.setattr(kept, "read", lambda name: found[name].copy())
    monkeypatch.setattr(kept, "origin", lambda name: ORIGIN)
    return found


def test_the_answer_names_the_best_and_who_cannot_be_told_from_it(kept_tables):
    kept_tables[change.DATA] = made_up(heads=24)
    table = recovery.recovery(recovery_pages.pairs())
    best, others = recovery_pages.judged(table, recovery_pages.pairs())
    assert best["method"] == "ThalNet-T1"
    farther = set(others.loc[others["verdict"] == recovery.FARTHER, "method"])
    assert {"Template", "SAMSEG-T1"} <= farther and "ThalNet-T1" not in farther
    text = recovery_pages.answer(table, recovery_pages.pairs()).data
    assert "comes nearest to the truth" in text and f"{best['slope']:.2f}" in text
    assert "Farther from the truth on the pairs that both measured: Template, SAMSEG-T1" in text
    lone = made_up(heads=1).assign(heads="h", head="1")
    assert "cannot be told yet" in recovery_pages.answer(recovery.recovery(lone), lone).data


def test_the_page_says_what_made_the_pairs_and_how_many_there_are(kept_tables):
    found = recovery_pages.pairs()
    text = recovery_pages.origin(found).data
    assert f"{8 * sum(map(len, PLAN.values()))} pairs of visits" in text and "commit abc on a machine" in text
    assert "other weights" not in text
    assert "other weights" in recovery_pages.origin(found.assign(weights="old")).data


def test_scores_are_of_the_same_heads_and_of_the_cohort_where_it_has_them(kept_tables, tmp_path):
    found = recovery_pages.pairs()
    alone = recovery_pages.scores(found, tmp_path)
    assert alone["dice"].to_dict() == {"ThalNet-T1": 0.94, "Template": 0.97, "SAMSEG-T1": 0.91}
    assert alone["ccc"].notna().all() and "cohort_dice" not in alone
    row = {"reference": "manual", "measure": "dice", "n": 20, "q1": 0.8, "q3": 0.9}
    overlap = pd.DataFrame(
        [row | {"method": name, "median": value} for name, value in (("Template", 0.8), ("ThalNet-T1", 0.85))]
    )
    tables.write("overlap_summary", overlap, tmp_path / "overlap_summary.tsv")
    assert recovery_pages.scores(found, tmp_path)["cohort_dice"].to_dict() == {
        "Template": 0.8,
        "ThalNet-T1": 0.85,
    }


def test_every_part_of_the_page_is_made_and_prose_has_its_numbers(kept_tables, tmp_path):
    found = recovery_pages.pairs()
    table = recovery.recovery(found)
    ranked, compared = recovery_pages.ranked(found, tmp_path), recovery_pages.processing(found)
    maps = r1_pages.masks()
    gain = tables.check("r1_resolution", r1_pages.gain(maps))
    live = pd.DataFrame({"quantity": ["first_ml"], "kept": [13.0], "recomputed": [13.0], "difference_percent": [0.0], "agrees": [True]})  # fmt: skip
    numbers = recovery_pages.numbers(table, ranked, compared, live) | r1_pages.numbers(maps, gain)
    assert json.loads(json.dumps(numbers)) == numbers
    assert numbers["recovery.n_heads"] == 8 and numbers["recovery.live_agrees"] == "agrees"
    assert numbers["recovery.water_percent"] == pytest.approx(-0.8, abs=0.35)
    assert numbers["recovery.dice_rank_correlation"] == pytest.approx(-0.5), (
        "three methods; Template is first by Dice and last here"
    )
    assert 30 < numbers["recovery.sd_removed_percent"] < 70
    assert numbers["recovery.r1_fine"] == pytest.approx(0.0125, abs=3e-4)
    assert numbers["recovery.r1_half"] == pytest.approx(0.00625, abs=3e-4)
    assert numbers["recovery.r1_finer"] == pytest.approx(0.01 / 0.8 - 0.01 / 1.6, abs=3e-4)
    assert numbers["recovery.r1_finer_low"] > 0 and numbers["recovery.r1_heads"] == 5
    for page in (
        recovery_pages.measured(found), recovery_pages.slopes(table), recovery_pages.detectable(table), r1_pages.gains(gain),
    ):  # fmt: skip
        assert "thal-figure" in page.data
    for page in (
        recovery_pages.recovery_table(table), recovery_pages.rank_table(ranked), recovery_pages.processing_table(compared),
        r1_pages.gain_table(gain), recovery_pages.live(live), recovery_pages.injectors(),
    ):  # fmt: skip
        assert "thal-table" in page.data
    assert "it agrees" in recovery_pages.live(live).data
    assert "does not agree" in recovery_pages.live(live.assign(agrees=False)).data
    assert "no SAMSEG" in recovery_pages.live("no SAMSEG").data


def test_injectors_that_were_not_run_leave_a_sentence(monkeypatch):
    def absent(name):
        raise TableError(f"{name} was not computed yet")

    monkeypatch.setattr(kept, "read", absent)
    assert "was not computed yet" in recovery_pages.injectors().data


def test_the_claim_that_the_paper_could_not_test_is_judged_on_the_pairs(kept_tables, tmp_path):
    kept_tables[change.DATA] = made_up(heads=12)
    found = recovery_pages.pairs()
    table = recovery.recovery(found)
    ranked = recovery_pages.ranked(found, tmp_path)
    verdict, evidence = claims._overlap_is_not_change({"recovery": table, "recovery_ranks": ranked})
    assert (
        verdict == claims.HOLDS
        and "first by Dice Template" in evidence
        and "first by recovery ThalNet-T1" in evidence
    )
    same = ranked.assign(dice=ranked["dice"].where(ranked["method"] != "Template", 0.5))
    assert claims._overlap_is_not_change({"recovery": table, "recovery_ranks": same})[0] == claims.FAILS
    few = ranked.assign(n_heads=4)
    assert claims._overlap_is_not_change({"recovery": table, "recovery_ranks": few})[0] == claims.UNKNOWN
    near = ranked.assign(beside_best=recovery.UNTOLD)
    assert claims._overlap_is_not_change({"recovery": table, "recovery_ranks": near})[0] == claims.UNKNOWN
    assert claims._overlap_is_not_change({})[0] == claims.UNKNOWN
    judged = claims.claims({"recovery": table, "recovery_ranks": ranked}, "emergent").set_index("claim")
    assert judged.loc[claims.TRUE_CHANGE, "basis"] == "images", "the twin's numbers did not decide it"


def test_the_pairs_that_are_kept_with_the_package_are_whole_and_of_these_weights():
    found = kept.read(change.DATA)
    assert list(found.columns) == list(change.COLUMNS) and set(found["weights"]) == {weight_files.version()}
    key = ["anatomy", "number", "method", "processing"]
    for _, mine in found.groupby(key, sort=False):
        planned = [(one.disturbance, -one.planned_percent) for one in mine.itertuples()]
        assert len(set(planned)) == len(planned) and set(planned) in (set(pairs(PLAN)), set(pairs(FEWER)))
    heads = found[["anatomy", "number"]].drop_duplicates()
    everywhere = found[~found["method"].str.startswith("SAMSEG")]
    counts = everywhere.drop_duplicates(key).groupby(["method", "processing"]).size()
    assert len(heads) >= 5 and (counts == len(heads)).all()
    assert {f"ThalNet-{name}" for name in ("T1", "FLAIR", "R1", "joint")} <= set(found["method"])
    assert np.abs(found["true_percent"] - found["planned_percent"]).max() < 0.1
    assert found.dropna(subset=["measured_percent"])["measured_percent"].abs().max() < 25
    assert set(kept.origin(change.DATA)) == set(ORIGIN)


def kept_or_skipped(name: str) -> pd.DataFrame:
    try:
        return kept.read(name)
    except TableError as error:
        pytest.skip(str(error))


def test_the_maps_that_are_kept_with_the_package_are_whole_and_of_these_weights():
    maps = kept_or_skipped(resolution.DATA)
    ways = (
        ("vote", resolution.WITHOUT),
        ("vote", resolution.WITH),
        ("joint", resolution.WITHOUT),
        ("joint", resolution.WITH),
        ("one", "R1"),
    )
    wanted = set(product(resolution.VOXELS_MM, resolution.BORDERS, ways))
    for _, mine in maps.groupby("number"):
        made = [(one.voxel_mm, one.border_contrast, (one.way, one.contrasts)) for one in mine.itertuples()]
        assert len(made) == len(wanted) and set(made) == wanted
    assert set(maps["weights"]) == {weight_files.version()}
    assert set(kept.origin(resolution.DATA)) == set(ORIGIN)


def test_the_injected_losses_that_are_kept_with_the_package_are_whole_and_of_these_weights():
    others = kept_or_skipped(injected.DATA)
    heads = {(injected.PHANTOM, injected.OWN), *((name, injected.BIDSGATE) for name in (injected.PHANTOM, *injected.REAL))}  # fmt: skip
    assert set(zip(others["head"], others["injector"], strict=True)) == heads
    assert set(others.groupby(["head", "injector", "method"]).size()) == {len(injected.LOSSES)}
    assert others.groupby(["head", "injector"])["method"].nunique().eq(2).all()
    assert set(others["weights"]) == {weight_files.version()} and set(kept.origin(injected.DATA)) == set(
        ORIGIN
    )
