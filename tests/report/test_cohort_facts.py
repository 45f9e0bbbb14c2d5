"""What a cohort has in few words: told from its tables, beside the paper's, and of small groups as little as pages may."""

from types import SimpleNamespace

import pandas as pd
import pytest

from thalutils import tables
from thalutils.report import cohort_facts, privacy


def made(**columns: list) -> pd.DataFrame:
    return pd.DataFrame(columns)


@pytest.fixture
def found() -> dict[str, pd.DataFrame]:
    """Eleven people, two of them seen twice; T1w and FLAIR, of which no FLAIR is usable; EDSS and one of two walks."""
    ids = [f"sub-{n:02d}" for n in range(11)]
    people = made(
        participant_id=ids, group=["RRMS"] * 6 + ["PMS"] * 5, site=["Kiel"] * 6 + ["Ulm"] * 4 + [None]
    )
    visits = made(participant_id=[*ids, *ids[:2]], session_id=["ses-1"] * 11 + ["ses-2"] * 2)
    visits = visits.reindex(columns=list(tables.empty("sessions"))).assign(edss=2.0, t25fw_1_s=5.0)
    scans = made(image=["T1w", "FLAIR", "MPM-PDw-1"], usable=[True, False, True])
    volumes = made(participant_id=ids[:3], method=["ThalNet-T1", "FIRST", "manual"])
    return {
        "participants": people, "sessions": visits, "scans": scans, "volumes": volumes,
        "brain_change": made(engine=["Jacobian integration"]),
    }  # fmt: skip


def test_facts_are_those_of_the_tables(found):
    assert cohort_facts.numbers(found) == {
        "cohort.groups": "RRMS 6, PMS 5", "cohort.n_second": "2", "cohort.scans": "T1w, multi-parameter scans",
        "cohort.methods": "FIRST, ThalNet-T1", "cohort.scores": "EDSS, T25FW", "cohort.n_drawn_by_hand": "1",
    }  # fmt: skip


def test_the_paper_stands_beside(found):
    rows = cohort_facts.beside(found).set_index("what")
    assert rows.loc["People"].tolist() == ["321", "11"]
    assert rows.loc["Diagnoses", "the paper"].startswith("RRMS 203, PMS 16")
    assert rows.loc["Sites"].tolist() == ["1", "2"]
    assert rows.loc["Brain volume change by"].tolist() == ["SIENA", "Jacobian integration"]
    assert "MindGlide-R1" in rows.loc["Methods", "the paper"]


def test_a_cohort_of_nothing_says_none(found):
    empty = {name: tables.empty(name) for name in cohort_facts.READ}
    told = cohort_facts.beside(empty).set_index("what")["this cohort"]
    assert told.to_dict() == {
        "People": "0", "Diagnoses": "none", "People with a second visit": "0", "People with a mask drawn by hand": "0",
        "Scans": "none usable, or it came as tables", "Methods": "none", "Scores": "none", "Brain volume change by": "none",
        "Sites": "not said",
    }  # fmt: skip


def test_small_groups_of_a_private_cohort_are_not_told(found, monkeypatch):
    monkeypatch.setattr(privacy, "_page_of", SimpleNamespace(publishes_individuals=False))
    told = cohort_facts.numbers(found)
    assert (told["cohort.groups"], told["cohort.n_second"]) == ("RRMS 6, PMS 5", "<5")
    found["participants"].loc[0, "group"] = "HC"
    # of eleven, five and five would leave one: the next smallest is hidden with it
    assert cohort_facts.numbers(found)["cohort.groups"] == "HC <5, RRMS not shown, PMS 5"
