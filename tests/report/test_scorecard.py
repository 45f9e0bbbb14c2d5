"""The scorecard: what makes two numbers agree, and claims that the paper's own tables contradict."""

import numpy as np
import pandas as pd
import pytest

from thalutils import reported, tables
from thalutils.report import claims, scorecard, scorecard_pages
from thalutils.report.scorecard import AGREES, DIFFERS, UNKNOWN
from thalutils.schemas import SCHEMAS

METHODS = ("FreeSurfer", "FIRST", "DBSegment", "MindGlide-T1")


def volume_agreement(n: int = 50, **changed: dict[str, float]) -> pd.DataFrame:
    """The paper's own agreement as this project's table, some methods' columns changed."""
    rows = []
    for method in METHODS:
        found = reported.values()["volume_agreement"][method]
        row = {
            "method": method,
            "reference": "manual",
            "n": n,
            "reference_mean_ml": 9.13,
            "reference_sd_ml": 1.89,
        }
        for name in ("ccc", "slope", "icc3", "ba_slope"):
            row |= dict(
                zip((name, f"{name}_low", f"{name}_high"), found.get(name, [np.nan] * 3), strict=True)
            )
        mean, sd = found["bias"]
        half = 1.96 * sd / np.sqrt(n)
        row |= {"bias": mean, "bias_low": mean - half, "bias_high": mean + half, "sd_ml": sd}
        row |= {"intercept_ml": 9.13 + mean - row["slope"] * 9.13}
        rows.append(row | changed.get(method, {}))
    frame = pd.DataFrame(rows).reindex(columns=list(SCHEMAS["volume_agreement"].columns))
    return tables.check("volume_agreement", frame)


def card_of(found: dict[str, pd.DataFrame]) -> pd.DataFrame:
    card = scorecard.scorecard(found, lambda row: "data")
    return tables.check("scorecard", card).set_index(["section", "quantity", "method"])


def claim(found: dict[str, pd.DataFrame], words: str) -> str:
    judged = claims.claims(found, "data")
    return judged.loc[judged["claim"].str.contains(words), "verdict"].item()


def test_there_is_one_row_for_every_reported_result():
    card = scorecard.scorecard({}, lambda row: "data")
    assert len(card) == len(reported.flat())
    assert set(card["verdict"]) == {UNKNOWN}
    assert card["note"].notna().all()


def test_the_papers_own_agreement_agrees_with_itself():
    card = card_of({"volume_agreement": volume_agreement()})
    for method in METHODS:
        for quantity in ("ccc", "icc3", "bias_mean", "bias_sd", "ba_slope"):
            assert card.loc[("volume_agreement", quantity, method), "verdict"] == AGREES


@pytest.mark.parametrize(("shift", "verdict"), [(0.3, AGREES), (2.0, DIFFERS)])
def test_a_bias_agrees_within_its_standard_error_and_not_beyond(shift, verdict):
    moved = {"bias": 5.65 + shift, "bias_low": 5.65 + shift - 0.47, "bias_high": 5.65 + shift + 0.47}
    card = card_of({"volume_agreement": volume_agreement(FreeSurfer=moved)})
    assert card.loc[("volume_agreement", "bias_mean", "FreeSurfer"), "verdict"] == verdict


def test_few_people_decide_nothing():
    card = card_of({"volume_agreement": volume_agreement(n=6)})
    row = card.loc[("volume_agreement", "ccc", "FIRST")]
    assert row["verdict"] == UNKNOWN
    assert "6 people" in row["note"]


@pytest.mark.parametrize(("p", "verdict"), [(0.001, AGREES), (0.2, DIFFERS)])
def test_a_p_value_agrees_on_the_same_side_of_five_percent(p, verdict):
    rows = dict.fromkeys(SCHEMAS["associations"].columns, np.nan)
    rows |= {"analysis": "all", "outcome": "edss", "method": "FIRST", "n": 309, "beta": -0.19, "se": 0.06}
    rows |= {
        "p": p,
        "p_adjusted": p,
        "beta_low": -0.31,
        "beta_high": -0.07,
        "family": "",
        "se_type": "HC3",
        "transform": "none",
        "note": None,
    }
    card = card_of({"associations": pd.DataFrame([rows])})
    found = card.loc[("cross_sectional", "p", "FIRST")]
    assert found[found["outcome"] == "edss"]["verdict"].item() == verdict


def test_claims_that_the_papers_tables_contradict_fail():
    found = {"volume_agreement": volume_agreement()}
    assert claim(found, "Networks make smaller masks") == claims.FAILS
    assert claim(found, "FreeSurfer underestimates small") == claims.FAILS
    assert claim(found, "Atlas-based tools overestimate") == claims.HOLDS
    assert claim(found, "highest concordance") == claims.UNKNOWN  # its interval reaches into DBSegment's
    assert claim(found, "shrinks the differences") == claims.HOLDS


def test_on_the_twin_nearly_every_claim_is_called_built_in():
    found = claims.claims({}, "emergent").set_index("claim")["basis"]
    assert set(found[list(claims.NOT_BUILT_IN)]) == {"emergent"}
    assert set(found.drop([*claims.NOT_BUILT_IN, *claims.OF_THEIR_OWN])) == {"calibrated"}


@pytest.mark.parametrize(
    ("mean", "sd", "verdict"),
    [(-0.5, 0.5, claims.HOLDS), (-0.5, 3.0, claims.UNKNOWN), (0.4, 0.5, claims.FAILS)],
)
def test_a_loss_holds_only_where_its_interval_lies_inside(mean, sd, verdict):
    row = {
        "group": "all",
        "quantity": "volume_percent",
        "method": "MindGlide-T1",
        "n": 100,
        "mean": mean,
        "sd": sd,
    }
    assert claim({"change_summary": pd.DataFrame([row])}, "MindGlide finds a yearly loss") == verdict


def test_a_rank_holds_only_where_intervals_lie_apart():
    far = {"ccc": 0.9, "ccc_low": 0.86, "ccc_high": 0.93}
    found = {"volume_agreement": volume_agreement(**{"MindGlide-T1": far})}
    assert claim(found, "highest concordance") == claims.HOLDS


def test_a_claim_holds_when_the_tables_say_so():
    negative = {
        name: {"bias": -0.5, "bias_low": -0.9, "bias_high": -0.1} for name in ("DBSegment", "MindGlide-T1")
    }
    assert claim({"volume_agreement": volume_agreement(**negative)}, "Networks make smaller") == claims.HOLDS


def test_without_tables_no_claim_is_judged():
    judged = claims.claims({}, "data")
    assert set(judged["verdict"]) == {claims.UNKNOWN}
    tables.check("claims", judged)


def test_page_shows_counts_claims_and_a_forest_of_what_there_is():
    card = scorecard.scorecard({"volume_agreement": volume_agreement()}, lambda row: "data")
    assert "agrees" in scorecard_pages.verdicts(card).data
    html = scorecard_pages.forest(card, "Volumetric agreement").data
    assert "FreeSurfer 5.65 beside 5.65" in html
    assert "none of the paper" in scorecard_pages.forest(card, "Voxel agreement").data
    found = scorecard_pages.numbers(card, claims.claims({}, "data"))
    assert found["scorecard.n"] == sum(found[f"scorecard.{word}"] for word in ("agrees", "differs", "cannot"))


def registration(winner: str, n: int = 14) -> pd.DataFrame:
    """`n` people whose R1 was registered by two strategies, and one more whose R1 nobody could register."""
    rows = []
    for person in range(n + 1):
        for strategy in ("sitk-mi", "ants-rigid"):
            chosen = strategy == winner and person < n
            rows.append((f"sub-{person:02d}", "ses-01", "R1", strategy, chosen))
    columns = ["participant_id", "session_id", "image", "strategy", "selected"]
    return pd.DataFrame(rows, columns=columns)


def test_registrations_won_and_lost_are_counted():
    card = card_of({"registration": registration("ants-rigid")})
    won = card.loc[("populations", "n_r1_registrations_won_by_ants", "cross_sectional")]
    lost = card.loc[("populations", "n_excluded_r1_registration", "cross_sectional")]
    assert (won["recomputed"], won["verdict"]) == (14, AGREES)
    assert (lost["recomputed"], lost["verdict"]) == (1, UNKNOWN)


@pytest.mark.parametrize(("n", "verdict"), [(6, UNKNOWN), (50, DIFFERS)])
def test_a_median_of_edss_is_judged_by_enough_people_only(n, verdict):
    row = {
        "population": "reference",
        "group": "all",
        "variable": "edss",
        "n": n,
        "median": 5.0,
        "q1": 4.0,
        "q3": 6.0,
    }
    card = card_of({"population": pd.DataFrame([row])})
    assert card.loc[("populations", "edss_median", "ground_truth"), "verdict"] == verdict


def test_brain_volume_change_is_that_of_the_engine_the_correlations_use():
    ids = [f"sub-{number:02d}" for number in range(1, 13)]
    values = np.linspace(-1.0, 0.1, 12)
    change = pd.concat(
        pd.DataFrame({"participant_id": ids, "engine": engine, "pbvc_percent": values - shift})
        for engine, shift in (("edges", 0.0), ("Jacobians", 5.0))
    )
    columns = list(SCHEMAS["brain_change_correlation"].columns)
    used = pd.DataFrame([{"engine": "edges", "method": "FIRST", "n": 12}]).reindex(columns=columns)
    card = card_of({"brain_change": change, "brain_change_correlation": used})
    row = card.sort_index().loc[("brain_volume_change", "pbvc_mean")].iloc[0]
    assert row["recomputed"] == pytest.approx(values.mean())
