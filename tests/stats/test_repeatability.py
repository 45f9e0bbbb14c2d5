import numpy as np
import pandas as pd
import pytest

from thalutils import tables
from thalutils.errors import TableError
from thalutils.schemas import SCHEMAS
from thalutils.stats.repeatability import minimal_change

# Weir, J Strength Cond Res 2005; 19: 231-240, table 1, trials A1 and A2: strength in kg.
TRIAL_1 = [146, 148, 170, 90, 157, 156, 176, 205]
TRIAL_2 = [140, 152, 152, 99, 145, 153, 167, 218]


def volumes(method, truth, name="A"):
    """Return the table of people whose visits gave `method`, where `truth` was true: two lists a visit each."""
    rows = [
        (f"sub-{person}", f"ses-{visit + 1}", what, value)
        for what, visits in ((name, method), ("truth", truth))
        for visit, values in enumerate(visits)
        for person, value in enumerate(values)
    ]
    frame = pd.DataFrame(rows, columns=["participant_id", "session_id", "method", "volume_ml"])
    return tables.check("volumes", frame.reindex(columns=list(SCHEMAS["volumes"].columns)))


def the_row(frame):
    [row] = frame.to_dict("records")
    return row


def test_weirs_worked_example():
    row = the_row(minimal_change(volumes((TRIAL_1, TRIAL_2), ([100] * 8, [100] * 8))))
    assert (row["basis"], row["n"]) == ("known truth", 8)
    assert round(row["sem_ml"], 1) == 7.6
    assert round(row["change_ml"]) == 21
    assert row["change_percent"] == pytest.approx(100 * row["change_ml"] / np.mean(TRIAL_1))


def test_coefficients_of_repeatability_of_bland_and_altman():
    # Stat Methods Med Res 1999; 8: 135-160, section 3: within-subject variances of observer and monitor
    given = pd.DataFrame(
        {
            "method": ["J", "S"],
            "basis": "simulation input",
            "n": [85, 85],
            "sem_ml": np.sqrt([37.408, 83.141]),
        }
    )
    found = minimal_change(volumes(([120.0], [120.0]), ([1.0], [1.0]), name="J").iloc[:2], given)
    assert np.round(found["change_ml"], 2).tolist() == [16.95, 25.27]
    assert found["basis"].tolist() == ["simulation input"] * 2
    assert found["change_percent"][0] == pytest.approx(100 * 16.953 / 120, abs=0.001)
    assert np.isnan(found["change_percent"][1])
    assert "No mean volume" in found["note"][1]


def test_true_change_and_shared_bias_are_no_error():
    truth = ([10.0, 12.0, 14.0, 16.0], [9.0, 11.5, 14.0, 15.0])
    error = np.array([0.1, -0.1, 0.3, -0.3])
    method = (np.array(truth[0]) + 2, np.array(truth[1]) + 2 + error)
    row = the_row(minimal_change(volumes(method, truth)))
    assert row["sem_ml"] == pytest.approx(np.std(error, ddof=1) / np.sqrt(2))
    assert row["change_percent"] == pytest.approx(100 * 1.96 * np.std(error, ddof=1) / 15)


def test_both_sources_stand_beside_each_other_and_manual_masks_are_no_method():
    table = volumes((TRIAL_1, TRIAL_2), (TRIAL_1, TRIAL_1))
    manual = table[table["method"] == "A"].assign(method="manual", rater="x")
    given = pd.DataFrame({"method": ["A"], "basis": ["simulation input"], "n": [8.0], "sem_ml": [1.0]})
    found = minimal_change(pd.concat([table, manual]), given)
    assert found[["method", "basis"]].to_numpy().tolist() == [["A", "simulation input"], ["A", "known truth"]]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("n", "note"), [(2, "2 people"), (1, "1 person")])
def test_few_people_have_no_standard_error(n, note):
    row = the_row(minimal_change(volumes((TRIAL_1[:n], TRIAL_2[:n]), (TRIAL_1[:n], TRIAL_1[:n]))))
    assert row["note"].startswith(note)
    assert np.isnan(row["change_ml"])


@pytest.mark.filterwarnings("error")
def test_one_visit_or_no_truth_gives_no_row():
    assert len(minimal_change(volumes((TRIAL_1,), (TRIAL_1,)))) == 0
    table = volumes((TRIAL_1, TRIAL_2), (TRIAL_1, TRIAL_1))
    assert len(minimal_change(table[table["method"] == "A"])) == 0
    assert len(minimal_change(table.iloc[:0])) == 0


@pytest.mark.filterwarnings("error")
def test_a_standard_error_that_is_not_given_stays_empty():
    given = pd.DataFrame({"method": ["A"], "basis": ["simulation input"], "n": [np.nan], "sem_ml": [np.nan]})
    row = the_row(minimal_change(volumes((TRIAL_1,), (TRIAL_1,)), given))
    assert np.isnan(row["change_ml"])
    assert "not given" in row["note"]


def test_two_masks_of_one_visit_are_refused():
    table = volumes((TRIAL_1, TRIAL_2), (TRIAL_1, TRIAL_1))
    with pytest.raises(TableError, match="sub-0 ses-1 has A twice"):
        minimal_change(pd.concat([table, table[table["method"] == "A"].assign(rater="x")]))
