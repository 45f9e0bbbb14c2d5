"""Small groups: emptied, and not to be found by subtraction."""

import pandas as pd
import pytest

from thalutils.report.suppression import GIVES_AWAY, TOO_FEW, counted, suppressed


def rows(frame: pd.DataFrame) -> list[list[object]]:
    found = suppressed(frame)
    return found.astype(object).where(found.notna(), None).to_numpy().tolist()


@pytest.mark.parametrize("n", [1, 4])
def test_a_group_of_one_to_four_keeps_its_name_and_loses_the_rest(n):
    frame = pd.DataFrame({"method": ["A", "B"], "n": [n, 5], "sd_ml": [0.1, 0.2], "note": ["x", "y"]})
    assert rows(frame) == [["A", "<5", None, "Too few people to be shown."], ["B", 5, 0.2, "y"]]


def test_nobody_is_not_a_few_and_an_unknown_number_may_be():
    frame = pd.DataFrame(
        {"method": ["A", "B"], "n": [0, None], "note": ["Nobody has it.", "?"], "p": [None, 0.2]}
    )
    assert rows(frame) == [["A", 0, "Nobody has it.", None], ["B", None, TOO_FEW, None]]


def test_text_that_holds_statistics_is_emptied_too():
    frame = pd.DataFrame({"method": ["A"], "n": [3], "dice": ["0.912 (0.900–0.931)"]})
    assert rows(frame) == [["A", "<5", None]]


def test_any_of_several_counts_may_hide_a_row():
    frame = pd.DataFrame({"method": ["A"], "n_patients": [90], "n_controls": [4], "n_per_arm": [212]})
    assert rows(frame) == [["A", 90, "<5", None]]


def test_a_single_hidden_diagnosis_cannot_be_subtracted_from_everyone():
    frame = pd.DataFrame({
        "group": ["all", "HC", "RRMS", "PMS"], "variable": "edss", "n": [60, 3, 50, 7], "mean": [2.0, 0, 2, 4],
    })  # fmt: skip
    assert rows(frame) == [
        ["all", "edss", 60, 2.0], ["HC", "edss", "<5", None], ["RRMS", "edss", 50, 2.0], ["PMS", "edss", None, None],
    ]  # fmt: skip


def test_a_note_says_why_a_row_is_empty():
    frame = pd.DataFrame({"group": ["all", "HC", "MS"], "n": [40, 3, 37], "note": ["x", "y", "z"]})
    assert [row[2] for row in rows(frame)] == ["x", TOO_FEW, GIVES_AWAY]


def test_what_is_suppressed_stays_as_it_is():
    frame = pd.DataFrame({"group": ["all", "HC", "MS", "PMS"], "n": [60, 3, 50, 7], "note": "x"})
    once = suppressed(frame)
    pd.testing.assert_frame_equal(suppressed(once), once)


def test_each_variable_of_each_population_is_looked_at_by_itself():
    frame = pd.DataFrame({
        "population": "all visits", "group": ["all", "HC", "MS"] * 2, "variable": ["age"] * 3 + ["edss"] * 3,
        "n": [40, 10, 30, 33, 3, 30], "mean": [1.0] * 6,
    })  # fmt: skip
    assert [row[3] for row in rows(frame)] == [40, 10, 30, 33, "<5", None]


def test_without_everyone_no_other_diagnosis_is_hidden():
    assert rows(pd.DataFrame({"group": ["HC", "MS"], "n": [3, 40]})) == [["HC", "<5"], ["MS", 40]]


@pytest.mark.parametrize(("women", "shown"), [(2, "<5"), (18, None), (5, 5), (0, 0), (20, 20)])
def test_a_part_is_hidden_where_it_or_what_it_leaves_is_small(women, shown):
    assert rows(pd.DataFrame({"group": ["MS"], "n": [20], "female": [women], "age": [40.0]}))[0][2] == shown


def test_parts_that_make_up_the_whole_do_not_give_each_other_away():
    frame = pd.DataFrame(
        {"method": ["A"], "n": [50], "n_better": [2], "n_stable": [38], "n_worse": [10], "p": [0.1]}
    )
    assert rows(frame) == [["A", 50, "<5", None, None, 0.1]]


def test_people_without_a_value_are_counted_from_five():
    frame = pd.DataFrame({"variable": ["a", "b", "c"], "n": 40, "n_missing": [0, 3, 9]})
    assert [row[2] for row in rows(frame)] == [0, "<5", 9]


@pytest.mark.parametrize(("share", "shown"), [(0.1, None), (0.95, None), (0.5, 0.5), (0.0, 0.0)])
def test_a_share_that_stands_for_a_few_people_is_empty(share, shown):
    frame = pd.DataFrame({"variable": ["female"], "n": [20], "mean": [share], "summary": ["share"]})
    assert rows(frame) == [["female", 20, shown, "share"]]


def test_a_table_that_counts_nobody_is_left_alone():
    frame = pd.DataFrame({"tool": ["FIRST"], "version": ["6.0"]})
    assert suppressed(frame) is frame


def test_rows_of_people_become_counts_by_what_they_are():
    frame = pd.DataFrame({
        "participant_id": ["sub-1", "sub-1", "sub-2"], "session_id": "ses-1", "stage": ["a", "a", "b"],
        "method": [None, None, "FLAIR"], "reason": ["sub-1 moved", "again", "broken"],
    })  # fmt: skip
    found = counted(frame)
    assert list(found) == ["stage", "method", "people", "rows"]
    assert found[["people", "rows"]].to_numpy().tolist() == [[1, 2], [1, 1]]
    assert counted(frame[["participant_id", "reason"]]).to_numpy().tolist() == [[2, 3]]


def test_no_row_is_no_person():
    assert counted(pd.DataFrame({"participant_id": [], "stage": []})).empty
    assert suppressed(pd.DataFrame({"method": [], "n": [], "sd": []})).empty
