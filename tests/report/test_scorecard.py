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
    assert row["note"] == "Fewer than 10 people decide nothing."


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
    assert "nothing of the paper" in scorecard_pages.forest(card, "Voxel agreement").data
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


def population(**sizes: int) -> pd.DataFrame:
    """The table of populations of a cohort at one visit: diagnoses of some size, their ages known, half of them women."""
    rows = []
    for group, n in {"all": sum(sizes.values()), **sizes}.items():
        about = {"population": "cross-sectional", "group": group, "n_missing": 0, "n": n}
        rows.append(about | {"variable": "female", "mean": 0.5, "summary": "share"})
        rows.append(about | {"variable": "age_years", "mean": 41.0, "sd": 9.0, "summary": "mean"})
    for name in ("reference", "longitudinal"):
        rows.append({"population": name, "group": "all", "variable": "female", "n": 0, "n_missing": 0})
    return pd.DataFrame(rows).reindex(columns=list(SCHEMAS["population"].columns))


def notes(found: dict[str, pd.DataFrame], **settings) -> pd.Series:
    card = scorecard.scorecard(found, lambda row: "images", **settings)
    keys = (
        card["section"]
        + " "
        + card["quantity"]
        + " "
        + card["method"].fillna("-")
        + " "
        + card["outcome"].fillna("-")
    )
    return card.set_index(keys)["note"]


def test_what_cannot_be_judged_says_what_is_lacking():
    """A cohort of RRMS with T1w at one visit, EDSS, and no drawn mask."""
    columns = list(SCHEMAS["associations"].columns)
    row = {"analysis": "all", "method": "FIRST", "n": 0}
    slopes = pd.DataFrame([
        row | {"outcome": "sdmt", "note": "Missing in everyone: sdmt. Left out, the same in everyone: site."},
        row | {"outcome": "edss", "n": 3, "note": "3 people for 5 parameters: fewer than 10 residual degrees of freedom."},
    ]).reindex(columns=columns)  # fmt: skip
    none = pd.DataFrame([{"method": "FIRST", "group": "all", "quantity": "volume_percent", "n": 0}])
    none = none.reindex(columns=list(SCHEMAS["change_summary"].columns)).astype(
        {"mean": float, "sd": float, "median": float}
    )
    said = notes({"population": population(RRMS=30), "associations": slopes, "change_summary": none})
    assert said["voxel_agreement dice_median FIRST -"] == scorecard.DRAWN
    assert said["volume_agreement ccc FIRST -"] == scorecard.DRAWN
    assert said["cross_sectional beta FIRST sdmt"] == "Missing in everyone: sdmt."
    assert said["cross_sectional beta FIRST edss"] == "Too few people for the model."
    assert said["cross_sectional beta DBSegment edss"] == "The method gave no result here."
    assert said["volume_change change_mean FIRST -"] == "Nobody here has volumes at two visits."
    assert said["volume_change direction PMS -"].endswith("of this diagnosis have two visits.")
    assert said["longitudinal beta FIRST edss"] == "Nobody here has volumes and scores at two visits."
    assert said["brain_volume_change pbvc_mean - -"].startswith("Nobody here has a change of brain")
    assert said["populations n_NMOSD cross_sectional -"] == "Nobody here has this diagnosis."
    assert said["populations age_mean ground_truth -"] == "Nobody here has a mask drawn by hand."
    assert said["populations age_mean longitudinal -"] == "Nobody here has a second visit."
    assert said["populations edss_median cross_sectional -"] == "It is not known of anybody here."
    assert said["populations n_excluded_r1_registration cross_sectional -"] == "No R1 was registered here."
    assert not said.str.contains("no such table").any()


def test_without_r1_no_registration_of_it_was_lost():
    flair = registration("ants-rigid").assign(image="FLAIR")
    card = card_of({"registration": flair})
    assert np.isnan(card.loc[("populations", "n_excluded_r1_registration", "cross_sectional"), "recomputed"])


def test_few_people_of_a_private_cohort_are_not_told_of():
    few = {"volume_agreement": volume_agreement(n=4), "population": population(RRMS=40, PMS=3, HC=30)}
    for individuals in (True, False):
        card = scorecard.scorecard(few, lambda row: "images", individuals=individuals)
        found = card.set_index(["section", "quantity", "method"])
        agreement = found[found.index.get_level_values(0) == "volume_agreement"]
        assert agreement["recomputed"].notna().any() == individuals
        sizes = found.loc[[("populations", f"n_{name}", "cross_sectional") for name in ("RRMS", "PMS", "HC")]]
        assert sizes["recomputed"].notna().all() == individuals  # one could be worked out from the others
        assert found.loc[("populations", "n", "cross_sectional"), "recomputed"] == 73
        assert found.loc[("populations", "age_mean", "cross_sectional"), "recomputed"] == 41
    assert (sizes["note"] == scorecard.WITHHELD).all()
    biased = {"volume_agreement": volume_agreement(n=4)}
    told, hidden = (
        claims.claims(biased, "images", individuals=one).set_index("claim") for one in (True, False)
    )
    assert "people: FreeSurfer 4" in told.loc["Atlas-based tools overestimate the volume.", "evidence"]
    assert "4" not in hidden.loc["Atlas-based tools overestimate the volume.", "evidence"]


def test_reasons_are_counted_without_what_the_paper_says():
    card = scorecard.scorecard({}, lambda row: "images")
    html = scorecard_pages.reasons(card).data
    for reason in (scorecard.DRAWN, "Nobody here has volumes and scores at two visits."):
        mine = card["note"].str.endswith(reason)
        section = card.loc[mine, "section"].iloc[0]
        assert mine.sum() and f"<td>{section}</td><td>{reason}</td>" in html
    assert "The paper:" not in html
    judged = card.assign(verdict=AGREES)
    assert "Every reported result can be judged" in scorecard_pages.reasons(judged).data


def test_prose_on_calibrated_numbers_is_for_cohorts_that_have_them():
    card = scorecard.scorecard({"volume_agreement": volume_agreement()}, lambda row: "images")
    judged = claims.claims({}, "images")
    found = scorecard_pages.numbers(card, judged)
    assert found["scorecard.n_calibrated"] is None
    counted = {word: found[f"scorecard.findings_{word}"] for word in ("agrees", "differs", "cannot")}
    assert sum(counted.values()) == found["scorecard.findings"] == (card["section"] != "populations").sum()
    assert counted["agrees"] == ((card["verdict"] == AGREES) & (card["section"] != "populations")).sum()
    twin = scorecard_pages.numbers(card.assign(basis="calibrated"), judged)
    assert twin["scorecard.n_calibrated"] == len(card)
