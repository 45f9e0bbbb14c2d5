"""Clinical tables beside a BIDS dataset: who is in it, which visit a row is of, and what is left out."""

import pytest

from thalutils.errors import TableError

PERSONS = "subject,gender,site,age\nMS-01,female,Kiel,30\nsub-02,1,Ulm,50\nsub-07,male,Ulm,20\nsub-01,female,Kiel,30\n"
VISITS = "id;visit;EDSS\n01;M6;2,5\n01;M12;11\n02;M6;4\n03;M6;1\n"
MAPS = [
    {
        "visits": "data/people.csv",
        "columns": {"participant_id": "subject", "sex": "gender", "site": "site", "age_years": "age"},
        "values": {"sex": {"1": "M"}},
    },
    {
        "visits": "data/visits.csv",
        "columns": {"participant_id": "id", "session_id": "visit", "edss": "EDSS"},
        "decimal": ",",
    },
]


@pytest.fixture
def cohort(make_dataset, checkout):
    made = make_dataset(
        people=("sub-01", "sub-02", "sub-MS01"), visits=("ses-M06", "ses-M12"), clinical=MAPS, rows="unused\n"
    )
    (checkout / "data" / "people.csv").write_text(PERSONS)
    (checkout / "data" / "visits.csv").write_text(VISITS)
    return made


def test_people_are_those_with_scans_and_know_what_any_table_knows(cohort):
    people = cohort.participants.set_index("participant_id")
    assert people.index.tolist() == ["sub-01", "sub-02", "sub-MS01"]
    assert people["sex"].tolist() == ["F", "M", "F"]
    assert people["site"].tolist() == ["Kiel", "Ulm", "Kiel"]
    assert people["group"].tolist() == ["unknown"] * 3


def test_visits_take_the_names_of_the_folders_and_a_row_without_a_visit_is_the_first(cohort):
    visits = cohort.clinical().set_index(["participant_id", "session_id"])
    assert visits.loc[("sub-01", "ses-M06"), ["age_years", "edss"]].tolist() == [30, 2.5]
    assert visits.loc[("sub-02", "ses-M06"), ["age_years", "edss"]].tolist() == [50, 4]
    assert visits.loc[("sub-MS01", "ses-M06"), "age_years"] == 30
    assert visits["edss"].notna().sum() == 2


def test_what_is_left_out_is_said_with_its_file(cohort):
    told = cohort.row_exclusions
    assert set(told["stage"]) == {"2-1-cohort"}
    reasons = "\n".join(told["reason"])
    assert "people.csv: sub-07 has no folder" in reasons
    assert "visits.csv: sub-03 has no folder" in reasons
    assert "visits.csv row 3, column EDSS: '11' is not a step of the EDSS" in reasons


def test_the_words_of_a_cell_are_told_at_the_command_line_alone(cohort, checkout):
    (checkout / "data" / "visits.csv").write_text("id;visit;EDSS\n01;M6;refused\n02;M6;4\n")
    assert "visits.csv row 2, column EDSS: it is not a number." in cohort.row_exclusions["reason"].tolist()
    assert (
        "visits.csv row 2, column EDSS: 'refused' is not a number."
        in cohort.told_exclusions["reason"].tolist()
    )


def test_a_table_that_cannot_be_used_says_why(cohort, checkout):
    (checkout / "data" / "visits.csv").write_text("id;visit;EDS\n01;M6;2\n")
    with pytest.raises(TableError, match=r"visits\.csv cannot be used:\n  column 'EDSS'.*Is it 'EDS'"):
        _ = cohort.participants
