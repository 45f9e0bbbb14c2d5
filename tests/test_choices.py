"""Values that a parameter cannot have end a run before it begins, wherever they were written."""

import shutil
from typing import get_args

import notebook_cells
import pytest

from thalutils import choices, console, listed_names, stage, stages
from thalutils.cohort import Cohort
from thalutils.errors import UsageError
from thalutils.imaging import maps, qmri
from thalutils.segmenters import endings, real_heads, samseg, session, template
from thalutils.stats import associations

WRONG = [
    ("2-5-1-quantitative-maps", "form", "tangant", "tangent or small-angle, not 'tangant'"),
    ("2-5-1-quantitative-maps", "weighting", "WLS", "wls or ols, not 'WLS'"),
    ("2-5-2-coregistration", "bins", 1, "2 to 1024, not 1"),
    ("2-5-2-coregistration", "r1_percentile", 0.99, "50 to 100, not 0.99"),
    ("2-6-2-segmentation", "preset", "fasst", "fast or full, not 'fasst'"),
    ("2-6-2-segmentation", "samseg_all", -2, "-1 or more, not -2"),
    ("3-4-cross-sectional", "family", "outcomes", "analysis, outcome, method or none, not 'outcomes'"),
    ("real-heads", "preset", "", "fast or full, not ''"),
    ("real-heads", "real_visits", -2, "-1 or more, not -2"),
    ("2-6-2-segmentation", "envelopes", "FIRST, Tempate", "of FreeSurfer, .* or .*, not 'Tempate'"),
    ("2-6-2-segmentation", "envelopes", "", "of FreeSurfer, .* or .*, not ''"),
    ("3-4-cross-sectional", "exclude_methods", "FreeSurfr", "of FreeSurfer, FIRST, .*, not 'FreeSurfr'"),
    ("3-4-cross-sectional", "covariates", "group, weight", "of group, sex, .* or site, not 'weight'"),
    ("3-4-cross-sectional", "hc3", "delta_edss", "of edss, .* or disease_duration_years, not 'delta_edss'"),
    ("3-4-cross-sectional", "log", "sdtm", "of edss, .*, not 'sdtm'"),
    ("3-4-cross-sectional", "outcomes", "session_id", "of .*attacks.*, not 'session_id'"),
    ("3-4-cross-sectional", "shown", "FreeSurfer", "FIRST, .* or .*, not 'FreeSurfer'"),
    ("3-4-like-with-like", "against", "first", "FIRST, .* or .*, not 'first'"),
    ("3-5-volume-change", "brain_engine", "Siena", "auto, SIENA, .* or .*, not 'Siena'"),
    ("3-6-longitudinal", "covariates", "delta_edss", "of group, .*, not 'delta_edss'"),
    ("3-6-specification", "methods", "FIRST, mine", "of FIRST, .*, not 'mine'"),
]


def test_the_words_are_those_that_the_study_knows():
    assert set(choices.WORDS["preset"]) == set(samseg.PRESETS) == set(template.PRESETS)
    assert set(choices.WORDS["form"]) == set(get_args(qmri.Form))
    assert set(choices.WORDS["weighting"]) == set(get_args(qmri.Weighting))
    assert set(choices.WORDS["family"]) == set(associations.FAMILIES)


def test_every_text_is_of_words_or_of_names_that_are_known():
    """A parameter that takes any text would fail within its stage, if at all."""
    texts = {
        parameter.name
        for one in stages.load(notebook_cells.REPOSITORY)
        for parameter in stages.parameters(notebook_cells.REPOSITORY, one).values()
        if parameter.kind is str
    }
    assert texts == {"cohort", "participants", *choices.WORDS, *listed_names.KNOWN}


def test_defaults_could_be_given_too(make_dataset):
    cohort = make_dataset()
    for one in stages.load(notebook_cells.REPOSITORY):
        values = {
            name: parameter.default
            for name, parameter in stages.parameters(notebook_cells.REPOSITORY, one).items()
        }
        listed_names.check(cohort, one.name, values, dict.fromkeys(values, "-p"))


def test_a_score_that_is_asked_for_may_be_listed_as_an_outcome(make_dataset):
    settled = {"outcomes": "attacks", "hc3": "edss,attacks", "covariates": "group"}
    given = dict.fromkeys(settled, "-p")
    listed_names.check(make_dataset(), "3-4-cross-sectional", settled, given)
    with pytest.raises(UsageError, match="not 'attacks'"):
        listed_names.check(make_dataset(), "3-4-cross-sectional", settled | {"outcomes": ""}, given)


def test_methods_and_engines_of_a_cohorts_own_tables_are_known(checkout):
    folder = checkout / "data" / "mine"
    folder.mkdir(parents=True)
    (folder / "participants.tsv").write_text("participant_id\nsub-01\n")
    (folder / "sessions.tsv").write_text("participant_id\tsession_id\nsub-01\tses-01\n")
    header = "participant_id\tsession_id\tmethod\tvolume_ml\n"
    (folder / "volumes.tsv").write_text(header + "sub-01\tses-01\tvolBrain\t12\n")
    header = "participant_id\tengine\tpbvc_percent\n"
    (folder / "brain_change.tsv").write_text(header + "sub-01\tKN-BSI\t-0.4\n")
    (checkout / "cohorts" / "mine.yml").write_text("title: A\ntables: data/mine\n")
    cohort = Cohort.load("mine")
    for name, value in (("exclude_methods", "volBrain"), ("against", "volBrain"), ("brain_engine", "KN-BSI")):
        listed_names.check(cohort, "any", {name: value}, {name: "-p"})
    with pytest.raises(UsageError, match="^-p: against must be .* or volBrain, not 'VolBrain'"):
        listed_names.check(cohort, "any", {"against": "VolBrain"}, {"against": "-p"})


def test_every_default_is_a_value_that_may_be_and_every_name_is_a_parameter():
    found = {}
    for one in stages.load(notebook_cells.REPOSITORY):
        for parameter in stages.parameters(notebook_cells.REPOSITORY, one).values():
            choices.check({parameter.name: parameter.default}, one.name)
            found[parameter.name] = parameter.kind
    assert {found[name] for name in choices.WORDS} == {str}
    assert {found[name] for name in choices.SPANS} == {int, float}


@pytest.mark.parametrize(("name", "parameter", "value", "words"), WRONG)
def test_a_command_refuses_them_before_anything_runs(checkout, make_dataset, name, parameter, value, words):
    shutil.copytree(notebook_cells.REPOSITORY / "notebooks", checkout / "notebooks", dirs_exist_ok=True)
    make_dataset()
    make_dataset("written", stages={name: {parameter: value}})
    given = [f"{parameter}={value}"]
    for command in (
        lambda: console.run("tiny", name, "all", None, False, given),
        lambda: console.run("tiny", None, "all", None, False, given),
        lambda: console.check("tiny", name, given),
    ):
        with pytest.raises(UsageError, match=f"^-p: {parameter} must be {words}"):
            command()
    with pytest.raises(UsageError, match=rf"^written\.yml: {parameter} must be {words}"):
        console.run("written", None, "all", None, False, [])
    assert not (checkout / "build").exists()


def test_a_notebook_that_papermill_runs_says_so_before_it_removes_anything(make_dataset):
    cohort = make_dataset()
    visit = cohort.sessions()[0]
    old = [
        stage.derivative(cohort, visit, one)
        for one in ("R1map.nii.gz", endings.ending("Template"), endings.ending("SAMSEG-T1"))
    ]
    for path in old:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for work in (
        lambda: stage.run(
            cohort, maps.STAGE, "all", maps.make_maps, makes=["maps"], options={"form": "tangant"}
        ),
        lambda: session.run(cohort, "all", lambda visit: [], "fasst", ["FIRST"]),
        lambda: real_heads.study(cohort.cache, "fasst", 0),
    ):
        with pytest.raises(UsageError, match=" must be "):
            work()
    assert all(path.exists() for path in old)
