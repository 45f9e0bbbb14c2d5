from types import SimpleNamespace

import pandas as pd
import pytest
from plot_checks import table

from thalutils.report import mask_pages

GROUPS = {"sub-1": "HC", "sub-2": "RRMS", "sub-3": "PMS", "sub-4": "RRMS"}
EDSS = {"sub-1": 0.0, "sub-2": 1.0, "sub-3": 6.0, "sub-4": 1.0}
DURATION = {"sub-1": None, "sub-2": 9.0, "sub-3": 20.0, "sub-4": 2.0}


def people():
    return table("participants", [(who, "F", group, None, True) for who, group in GROUPS.items()])


def visits(edss=EDSS):
    first = [
        (who, "ses-1", 40.0, DURATION[who], None, edss.get(who), *[None] * 5, 0.0, None) for who in GROUPS
    ]
    later = [(who, "ses-2", 41.0, None, None, 8.0, *[None] * 5, 1.0, 0) for who in GROUPS]
    return table("sessions", later + first)


@pytest.mark.parametrize(
    ("among", "edss", "expected"),
    [
        (list(GROUPS), EDSS, ["sub-3", "sub-4"]),  # duration decides between two of the same EDSS; no control
        (["sub-1", "sub-2"], EDSS, ["sub-2", "sub-1"]),  # a control where there is nobody else
        (["sub-2"], EDSS, ["sub-2"]),
        ([], EDSS, []),
        (list(GROUPS), {}, ["sub-3", "sub-1"]),  # without any EDSS the disease duration decides
        (list(GROUPS), {"sub-2": 3.0, "sub-4": 4.0}, ["sub-4", "sub-2"]),
    ],
)
def test_the_most_and_the_least_affected_are_chosen(among, edss, expected):
    found = mask_pages.extremes(people(), visits(edss), among)
    assert found["participant_id"].tolist() == expected
    assert not found["edss"].eq(8.0).any()


def test_people_without_any_visit_on_record_can_be_chosen():
    found = mask_pages.extremes(people(), visits().iloc[:0], ["sub-3", "sub-2"])
    assert sorted(found["participant_id"]) == ["sub-2", "sub-3"]


def test_what_is_not_known_of_a_person_is_left_out():
    row = pd.DataFrame(
        {"group": ["RRMS"], "disease_duration_years": [None], "edss": [1.5], "age_years": [44.4]}
    )
    assert mask_pages._told(next(row.itertuples())) == ["RRMS", "EDSS 1.5", "age 44"]


def test_a_cohort_of_tables_has_no_scans_to_draw_on():
    ready_made = SimpleNamespace(kind="tables")
    [said] = mask_pages.outlines_by_burden(ready_made)
    assert "came as tables" in said.data
    assert "came as tables" in mask_pages.mask_viewer(ready_made).data
