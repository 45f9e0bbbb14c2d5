import numpy as np
import pandas as pd
import pytest

from thalutils import tables
from thalutils.schemas import GROUPS, SCHEMAS
from thalutils.stats.populations import GROUP_ORDER, POPULATIONS, by_group, pooled, population

PEOPLE = {  # sex, group, reference mask, ages at the visits, EDSS at the first
    "sub-1": ("F", "RRMS", True, [30.0, 31.0], 1.0),
    "sub-2": ("M", "RRMS", True, [40.0], 2.0),
    "sub-3": ("F", "CIS", False, [50.0, 51.0], 6.0),
    "sub-4": (None, "RIS", False, [60.0], np.nan),
    "sub-5": ("F", "HC", True, [], np.nan),
}


def table(name, rows, **columns):
    frame = pd.DataFrame(rows).reindex(columns=list(SCHEMAS[name].columns))
    return tables.check(name, frame.assign(**columns))


def study():
    people = [
        {"participant_id": who, "sex": sex, "group": group, "in_ground_truth": drawn}
        for who, (sex, group, drawn, _, _) in PEOPLE.items()
    ]
    sessions = [
        {
            "participant_id": who, "session_id": f"ses-{visit + 1}", "age_years": age,
            "edss": edss if visit == 0 else 9.0, "t25fw_1_s": 4.0, "t25fw_2_s": 6.0, "nhpt_1_s": 20.0,
            "interval_years": float(visit) * 0.9,
        }
        for who, (_, _, _, ages, edss) in PEOPLE.items()
        for visit, age in enumerate(ages)
    ]  # fmt: skip
    volumes = [
        ("sub-1", "ses-1", "A", None, 14.0),
        ("sub-1", "ses-2", "A", None, 99.0),
        ("sub-1", "ses-1", "manual", "zoe", 12.0),
        ("sub-1", "ses-1", "manual", "ann", 11.0),
        ("sub-2", "ses-1", "A", None, 10.0),
        ("sub-2", "ses-1", "manual", "ann", 9.0),
    ]
    volumes = [
        dict(zip(("participant_id", "session_id", "method", "rater", "volume_ml"), row, strict=True))
        for row in volumes
    ]
    icv = [{"participant_id": "sub-1", "icv_ml": 1500.0, "source": "deepbet"}]
    return (
        table("participants", people), table("sessions", sessions), table("volumes", volumes),
        table("intracranial", icv),
    )  # fmt: skip


def rows(*, drop=()):
    inputs = list(study())
    for place in drop:
        inputs[place] = inputs[place].iloc[:0]
    found = population(*inputs)
    return found.set_index(["population", "group", "variable"]).sort_index()


def test_every_diagnosis_has_a_place_in_the_order():
    assert set(pooled(pd.Series(GROUPS))) == set(GROUP_ORDER)


def test_isolated_syndromes_are_one_group():
    frame = pd.DataFrame({"group": ["iON", "PMS", "RIS", "HC", "CIS"], "x": range(5)})
    found = {group: members["x"].tolist() for group, members in by_group(frame)}
    assert found == {"all": [0, 1, 2, 3, 4], "HC": [3], "PMS": [1], "isolated": [0, 2, 4]}
    assert list(found) == ["all", "HC", "PMS", "isolated"]


def test_who_is_in_each_population():
    found = rows().xs("age_years", level="variable")["n"]
    assert {name: found[name, "all"] for name in POPULATIONS} == {
        "reference": 2, "cross-sectional": 4, "longitudinal": 2,
    }  # fmt: skip
    assert found["cross-sectional"].to_dict() == {"all": 4, "RRMS": 2, "isolated": 2}
    assert found["longitudinal"].to_dict() == {"all": 2, "RRMS": 1, "isolated": 1}


def test_only_the_first_visit_is_described():
    found = rows().loc["cross-sectional", "all"]
    assert found.loc["age_years", ["mean", "n"]].tolist() == [45.0, 4]
    assert found.loc["edss", ["median", "q1", "q3", "n_missing"]].tolist() == [2.0, 1.5, 4.0, 1]
    assert found.loc["volume:A", ["mean", "n", "n_missing"]].tolist() == [12.0, 2, 2]


def test_the_interval_is_that_of_the_second_visit_and_of_those_who_had_one():
    found = rows()
    assert found.loc[("longitudinal", "all", "interval_years"), "mean"] == pytest.approx(0.9)
    assert ("cross-sectional", "all", "interval_years") not in found.index


def test_women_are_a_share_of_those_whose_sex_is_known():
    female = rows().loc[("cross-sectional", "all", "female")]
    assert female[["n", "n_missing", "mean", "summary"]].tolist() == [3, 1, pytest.approx(2 / 3), "share"]
    assert female[["sd", "median", "q1", "q3"]].isna().all()


def test_trials_of_a_timed_test_are_averaged():
    found = rows().loc["cross-sectional", "all"]
    assert found.loc["t25fw_s", "median"] == 5.0
    assert found.loc["nhpt_s", "median"] == 20.0


def test_references_are_described_and_the_first_rater_stands_for_all():
    assert rows().loc[("reference", "RRMS", "volume:manual"), ["n", "mean"]].tolist() == [2, 10.0]


def test_each_variable_says_which_summary_suits_it():
    summary = rows().loc["longitudinal", "all"]["summary"].to_dict()
    medians = {name for name, kind in summary.items() if kind == "median"}
    assert medians == {"edss", "attacks", "t25fw_s", "nhpt_s"}
    assert summary["volume:A"] == summary["icv_ml"] == "mean"


@pytest.mark.filterwarnings("error")
def test_a_visit_with_volumes_alone_counts():
    found = rows(drop=(1, 3)).loc["cross-sectional", "all"]
    assert found.loc["volume:A", "n"] == 2
    assert found.loc["age_years", ["n", "n_missing"]].tolist() == [0, 2]


@pytest.mark.filterwarnings("error")
def test_a_visit_without_volumes_counts_too():
    found = rows(drop=(2, 3))
    assert found.loc[("cross-sectional", "all", "age_years"), "n"] == 4
    assert not any(name.startswith("volume:") for name in found.index.get_level_values("variable"))


@pytest.mark.filterwarnings("error")
def test_populations_of_nobody_have_rows_that_count_nobody():
    found = rows(drop=(0,)).loc["reference", "all"]
    assert (found["n"] == 0).all()
    assert found["mean"].isna().all()
