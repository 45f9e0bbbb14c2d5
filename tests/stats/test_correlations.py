import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thalutils.errors import UsageError
from thalutils.stats.correlations import (
    brain_change_correlation,
    brain_change_pairwise,
    of_engine,
    steiger_z,
    williams_t,
)

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "change.json").read_text())
CHANGES = pd.DataFrame(ORACLE["changes"])


def both(wide, *engines):
    """Return the frames of thalamic and brain change, from columns of percentages."""
    wide = wide.assign(participant_id=[f"sub-{place:02d}" for place in range(len(wide))])
    thalamus = wide.drop(columns="brain").melt("participant_id", var_name="method", value_name="percent")
    whole = wide[["participant_id", "brain"]].rename(columns={"brain": "pbvc_percent"})
    whole = pd.concat([whole.assign(engine=engine) for engine in engines or ("siena",)])
    return thalamus, whole[["participant_id", "engine", "pbvc_percent"]]


def test_correlations_and_intervals_are_those_of_r():
    found = brain_change_correlation(*both(CHANGES[["A", "B", "C", "brain"]])).set_index("method")
    for method, expected in ORACLE["correlation"].items():
        row = found.loc[method, ["r", "r_low", "r_high", "p"]].tolist()
        assert row == pytest.approx([expected[key] for key in ("r", "low", "high", "p")], rel=1e-9)
    assert found["n"].tolist() == [60, 60, 60]
    assert found["note"].isna().all()


def test_dependent_correlations_are_compared_as_r_does():
    found = brain_change_pairwise(*both(CHANGES[["A", "B", "C", "brain"]]))
    for row in found.to_dict("records"):
        expected = ORACLE["compared"][row["method_i"] + row["method_j"]]
        assert {key: row[key] for key in expected} == pytest.approx(expected, rel=1e-9)
    assert found["p_adjusted"].tolist() == pytest.approx(ORACLE["steiger_p_adjusted"])


def test_steigers_worked_example():
    # Steiger 1980, p. 249, case A: N = 103. He gives .8913, with his rounded covariance; the exact Z is
    # the one that the R package cocor pins, and his rounded covariance of .0042 gives .8904.
    assert steiger_z(0.4, 0.5, 0.1, n=103)[0] == pytest.approx(-0.8887185, abs=5e-8)
    assert williams_t(0.4, 0.5, 0.1, n=103)[0] == pytest.approx(-0.8913, abs=5e-5)


def test_the_worked_example_of_depcor():
    # Silver, Hittner and May, Appl Psychol Meas 2006; 30: 152-153.
    assert np.round(steiger_z(0.3, 0.4, 0.5, n=100), 4).tolist() == [-1.0718, 0.2838]
    assert np.round(williams_t(0.3, 0.4, 0.5, n=100), 4).tolist() == [-1.0767, 0.2843]


def test_engines_are_families_of_their_own():
    thalamus, whole = both(CHANGES[["A", "B", "C", "brain"]], "siena", "other")
    whole.loc[whole["engine"] == "other", "pbvc_percent"] = CHANGES["brain"].to_numpy()[::-1]
    found = brain_change_pairwise(thalamus, whole).set_index("engine")
    assert found.loc["siena", "p_adjusted"].tolist() == pytest.approx(ORACLE["steiger_p_adjusted"])
    backwards = CHANGES["A"].corr(CHANGES["brain"][::-1].reset_index(drop=True))
    assert found.loc["other", "r_i"].iloc[0] == pytest.approx(backwards)
    assert brain_change_correlation(thalamus, whole)["engine"].tolist() == ["siena"] * 3 + ["other"] * 3


def test_a_pair_is_compared_in_people_who_have_all_three_values():
    wide = CHANGES[["A", "B", "C", "brain"]].copy()
    wide.loc[:9, "B"] = np.nan
    wide.loc[50:, "brain"] = np.nan
    found = brain_change_pairwise(*both(wide)).set_index(["method_i", "method_j"])
    assert found["n"].tolist() == [40, 50, 40]
    kept = CHANGES[10:50]
    row = found.loc[("A", "B"), ["r_i", "r_j", "r_ij"]].tolist()
    assert row == pytest.approx(
        [kept["A"].corr(kept["brain"]), kept["B"].corr(kept["brain"]), kept["A"].corr(kept["B"])]
    )
    assert brain_change_correlation(*both(wide))["n"].tolist() == [50, 40, 50]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("spoil", "note"),
    [
        (lambda wide: wide[:3], "3 people with every value"),
        (lambda wide: wide.assign(B=wide["A"]), "lie on a line"),
        (lambda wide: wide.assign(A=-2 * wide["brain"], B=wide["brain"] + 1), "lie on a line"),
        (lambda wide: wide.assign(A=0.0), "same change by A"),
        (lambda wide: wide.assign(brain=0.1), "same change by brain"),
        (lambda wide: wide.assign(B=np.nan), "Nobody with every value"),
    ],
)
def test_what_cannot_be_compared_says_why(spoil, note):
    inputs = both(spoil(CHANGES[["A", "B", "brain"]]))
    [row] = brain_change_pairwise(*inputs).to_dict("records")
    assert note in row["note"]
    assert all(np.isnan(row[name]) for name in ("steiger_z", "steiger_p", "williams_t", "p_adjusted"))
    brain_change_correlation(*inputs)


@pytest.mark.filterwarnings("error")
def test_a_perfect_correlation_has_no_interval():
    found = brain_change_correlation(*both(CHANGES[["brain"]].assign(A=2 * CHANGES["brain"])))
    [row] = found.to_dict("records")
    assert row["r"] == pytest.approx(1)
    assert np.isnan(row["r_low"])
    assert "no interval" in row["note"]


@pytest.mark.filterwarnings("error")
def test_no_engine_gives_empty_tables():
    thalamus, whole = both(CHANGES[["A", "B", "brain"]])
    assert len(brain_change_correlation(thalamus, whole[:0])) == 0
    assert len(brain_change_pairwise(thalamus, whole[:0])) == 0


def test_one_engine_is_chosen_and_named():
    table = pd.DataFrame({"participant_id": ["a", "a", "b"], "engine": ["Jacobian integration", "edge-displacement (SIENA method)", "Jacobian integration"], "pbvc_percent": [-1.0, -2.0, -3.0]})  # fmt: skip
    assert of_engine(table)["pbvc_percent"].tolist() == [-2.0]
    assert of_engine(table, "Jacobian integration")["pbvc_percent"].tolist() == [-1.0, -3.0]
    assert of_engine(pd.concat([table, table[:1].assign(engine="SIENA")]))["engine"].tolist() == ["SIENA"]
    assert of_engine(table.assign(engine="a tool of one's own"))["pbvc_percent"].tolist() == [-1.0, -2.0, -3.0]  # fmt: skip
    assert of_engine(table[:0]).empty
    with pytest.raises(UsageError, match="brain_engine is 'SIENA'; this cohort has Jacobian integration, edge"):  # fmt: skip
        of_engine(table, "SIENA")
