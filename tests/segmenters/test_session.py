"""Which tool runs where, what its files are called, and which masks are not believed."""

import pytest

from thalutils.segmenters import endings, registry, session
from thalutils.segmenters.protocol import Availability
from thalutils.stage import derivative


@pytest.fixture
def all_tools(monkeypatch):
    for tool in registry.SEGMENTERS:
        monkeypatch.setattr(type(tool), "availability", lambda self: Availability(True, "1"))


@pytest.fixture
def cohort(make_dataset):
    """Two people with two visits, each with FLAIR and R1 on the T1w's grid, but the last one's R1."""
    found = make_dataset()
    for visit in found.sessions():
        for contrast, name in endings.IMAGES.items():
            if (visit.key, contrast) != ("sub-02_ses-02", "R1"):
                path = derivative(found, visit, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
    return found


def chosen(
    cohort, samseg_all: int, samseg_t1: int, paper: int = 0, freesurfer: int = 0
) -> dict[str, list[str]]:
    choose = session.pieces(cohort, samseg_all, samseg_t1, paper, freesurfer)
    return {visit.key: choose(visit) for visit in cohort.sessions()}


PAPER = ["FreeSurfer T1", "FIRST T1", "DBSegment T1", "MindGlide T1+FLAIR+R1"]
FAST = ["Template T1", "ThalNet T1", "ThalNet FLAIR", "ThalNet R1", "ThalNet joint"]


def test_slow_tools_run_where_the_parameters_say(all_tools, cohort):
    found = chosen(cohort, samseg_all=1, samseg_t1=2)
    assert sorted(found["sub-01_ses-01"]) == sorted([*FAST, "SAMSEG T1", "SAMSEG FLAIR", "SAMSEG R1"])
    assert sorted(found["sub-02_ses-01"]) == sorted([*FAST, "SAMSEG T1"])
    assert found["sub-01_ses-02"] == FAST


def test_a_contrast_that_is_not_there_is_passed_over(all_tools, cohort):
    assert chosen(cohort, 1, 2)["sub-02_ses-02"] == [
        "Template T1",
        "ThalNet T1",
        "ThalNet FLAIR",
        "ThalNet joint",
    ]


def test_what_joins_contrasts_needs_two(all_tools, make_dataset):
    alone = make_dataset()
    assert chosen(alone, 0, 0)["sub-01_ses-01"] == ["Template T1", "ThalNet T1"]


def test_minus_one_is_everyone(all_tools, cohort):
    found = chosen(cohort, samseg_all=-1, samseg_t1=-1)
    assert [len(pieces) for pieces in found.values()] == [8, 8, 8, 6]


def test_the_papers_tools_run_on_as_many_people_as_is_said(all_tools, cohort):
    found = chosen(cohort, 0, 0, paper=1)
    assert found["sub-01_ses-01"] == [*PAPER[1:], *FAST]
    assert found["sub-01_ses-02"] == FAST
    assert found["sub-02_ses-01"] == FAST
    everyone = chosen(cohort, 0, 0, paper=-1, freesurfer=-1)
    assert everyone["sub-01_ses-02"] == [*PAPER, *FAST]
    assert "MindGlide T1+FLAIR" in everyone["sub-02_ses-02"]


def test_an_absent_tool_leaves_no_piece(monkeypatch, make_dataset):
    for tool in registry.SEGMENTERS:
        monkeypatch.setattr(type(tool), "availability", lambda self: Availability(False, reason="absent"))
    assert not any(chosen(make_dataset(), -1, -1).values())


@pytest.mark.parametrize("tool", ["SAMSEG", "ThalNet"])
def test_ensembles_are_named_as_in_the_paper(tool):
    names = session.methods()
    contrasts = ("T1", "FLAIR", "R1", "T1-FLAIR", "T1-R1", "R1-FLAIR", "T1-R1-FLAIR", "T1-R1-FLAIR-STAPLE")
    mine = [name for name in names if name.startswith(tool) and not name.endswith("-joint")]
    assert mine == [f"{tool}-{one}" for one in contrasts]
    assert len({session.ending(name) for name in names}) == len(names)
