"""The stages as declared, their notebooks as committed, and parameters that are refused."""

import json
import re
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook

from thalutils import stages
from thalutils.cohort import Cohort
from thalutils.errors import UsageError
from thalutils.schemas import SCHEMAS
from thalutils.stages import Parameter, Stage

REPOSITORY = Path(__file__).parents[1]
STAGES = stages.load(REPOSITORY)
NAMES = [stage.name for stage in STAGES]
DECLARATION = re.compile(r"^[a-z][a-z0-9_]*: (bool|int|float|str) = [^# ](?:[^#]*[^# ])?  # \S.*$")
LONGEST_CELL = 25

# Stages of nobody in a cohort, whose page no choice of people could change, and why.
OF_NOBODY = {
    "twin-model": "people drawn anew from the twin's model",
    "real-heads": "public heads, the same whichever the cohort",
    "thalnet-model": "heads of the network's test set, kept with the project",
    "performance": "timings kept with the project",
    "plan": "costs kept with the project",
}
OPENINGS = {
    False: "study = Cohort.load(cohort)\npages.begin(study)\n",
    True: "study = subset.study(cohort, participants)\npages.begin(study)\n",
}

each_stage = pytest.mark.parametrize("stage", STAGES, ids=NAMES)


def cells(stage: Stage) -> list[nbformat.NotebookNode]:
    found = nbformat.read(stages.notebook_path(REPOSITORY, stage), as_version=4).cells
    return [cell for cell in found if cell.cell_type == "code"]


def pages(content: object) -> list[str]:
    """List every page that a table of contents names, however deep."""
    if isinstance(content, list):
        return [page for part in content for page in pages(part)]
    if not isinstance(content, dict):
        return []
    inner = [page for part in content.values() for page in pages(part)]
    return [content[key] for key in ("file", "root") if key in content] + inner


@each_stage
def test_the_notebook_exists_and_keeps_its_format(stage):
    path = stages.notebook_path(REPOSITORY, stage)
    nbformat.validate(json.loads(path.read_text(encoding="utf-8")))


@each_stage
def test_one_cell_holds_the_parameters(stage):
    tagged = [cell for cell in cells(stage) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    for line in tagged[0].source.splitlines():
        assert DECLARATION.match(line), f"{stage.name}: {line}"


@each_stage
def test_parameters_have_a_default_of_their_type_and_a_help(stage):
    found = stages.parameters(REPOSITORY, stage)
    assert found["cohort"].kind is str
    assert ("participants" in found) == (stage.name not in OF_NOBODY)
    if "participants" in found:
        assert found["participants"].default == "all"
    for parameter in found.values():
        assert type(parameter.default) is parameter.kind
        assert parameter.help


@each_stage
def test_the_notebook_is_committed_without_outputs(stage):
    for cell in cells(stage):
        assert not cell.outputs
        assert cell.execution_count is None


@each_stage
def test_the_notebook_opens_its_page_before_it_shows_anything(stage):
    """What a page may show of people is decided there, and of whom it is; without it, least is shown."""
    (opening,) = [cell.source for cell in cells(stage) if "pages.begin(" in cell.source]
    assert OPENINGS[not stage.slices and stage.name not in OF_NOBODY] in opening
    assert opening == cells(stage)[1].source


@each_stage
def test_tables_are_read_by_the_study_which_knows_of_whom_a_page_is(stage):
    for cell in cells(stage):
        assert "contract.read(" not in cell.source


@each_stage
def test_the_notebook_begins_with_its_title_and_has_no_label_that_a_second_cohorts_page_would_repeat(stage):
    found = nbformat.read(stages.notebook_path(REPOSITORY, stage), as_version=4).cells
    assert found[0].source.startswith("# ")
    for cell in found:
        assert cell.cell_type == "code" or not re.search(r"^\(\S+\)=$|^:name:", cell.source, re.MULTILINE)


@each_stage
def test_no_cell_is_long(stage):
    assert max(len(cell.source.splitlines()) for cell in cells(stage)) <= LONGEST_CELL


@each_stage
def test_it_reads_only_what_came_before_and_makes_what_the_contract_has(stage):
    assert set(stage.after) <= set(NAMES[: NAMES.index(stage.name)])
    assert set(stage.tables) <= set(SCHEMAS)


def test_stages_that_take_what_is_at_hand_of_public_data_say_so():
    """But for the one that makes a cohort's scans, which fails without them, and those that read what was computed once."""
    fetching = {
        stage.name for stage in STAGES
        if "thalutils.fetch" in stages.imported_modules(stages.notebook_path(REPOSITORY, stage))
    }  # fmt: skip
    saying = {stage.name for stage in STAGES if stage.public}
    assert fetching - saying <= {"2-4-acquisition", "2-6-4-brain-change", "thalnet-model"}, fetching
    assert saying <= fetching


def test_stages_and_contents_name_the_same_notebooks():
    contents = pages(yaml.safe_load((REPOSITORY / "_toc.yml").read_text(encoding="utf-8")))
    notebooks = [page for page in contents if page.startswith("notebooks/")]
    assert sorted(notebooks) == sorted(f"notebooks/{name}" for name in NAMES)


def test_every_notebook_is_a_stage_and_every_name_stands_once():
    assert sorted(path.stem for path in (REPOSITORY / "notebooks").glob("*.ipynb")) == sorted(NAMES)
    assert len(set(NAMES)) == len(NAMES)


def test_no_table_is_made_by_two_stages():
    """But for a cohort of tables, where the ready-made ones stand in for those that other stages make."""
    made = [table for stage in STAGES if stage.needs != "tables" for table in stage.tables]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "cohorts").glob("*.yml")), ids=lambda path: path.stem)
def test_the_studys_cohorts_set_parameters_that_exist(path, monkeypatch):
    monkeypatch.setenv("THALUTILS_ROOT", str(REPOSITORY))
    cohort = Cohort.load(path.stem)
    stages.check_settings(REPOSITORY, STAGES, cohort)
    for stage in STAGES:
        settled = stages.settle(REPOSITORY, stage, cohort, {})
        assert settled["cohort"] == path.stem
        assert settled.items() >= cohort.settings.stages.get(stage.name, {}).items()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (bool, "true", True), (bool, "False", False), (bool, False, False),
        (int, "64", 64), (int, "-1", -1), (int, 64, 64),
        (float, "0.25", 0.25), (float, 1, 1.0), (float, 0.5, 0.5), (str, "64", "64"),
    ],
)  # fmt: skip
def test_convert_keeps_the_type(kind, value, expected):
    found = stages.convert(Parameter("p", kind, None, ""), value, "-p")
    assert found == expected
    assert type(found) is kind


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (bool, "yes"), (bool, 1), (bool, ""), (int, "many"), (int, "1.5"), (int, 1.5), (int, True),
        (float, "wide"), (float, True), (str, 1), (str, True), (int, None), (float, [1.0]),
    ],
)  # fmt: skip
def test_convert_refuses_another_type(kind, value):
    with pytest.raises(UsageError) as caught:
        stages.convert(Parameter("bins", kind, None, ""), value, "mine.yml")
    assert str(caught.value) == f"mine.yml: bins must be {kind.__name__}, not {value!r}."


@pytest.fixture
def stage(checkout) -> Stage:
    """A stage with a few parameters, in a checkout of its own."""
    source = """cohort: str = "phantom"  # which
participants: str = "all"  # who
bins: int = 64  # how many
preset: str = "fast"  # how"""
    cell = new_code_cell(source, metadata={"tags": ["parameters"]})
    stage = Stage(name="3-1-mine", title="Mine")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(notebook, stages.notebook_path(checkout, stage))
    return stage


def test_settle_takes_the_notebook_then_the_yaml_then_the_command(stage, checkout, make_dataset):
    plain = make_dataset()
    defaults = {"cohort": "tiny", "participants": "all", "bins": 64, "preset": "fast"}
    assert stages.settle(checkout, stage, plain, {}) == defaults
    cohort = make_dataset(stages={"3-1-mine": {"bins": 32, "preset": "full"}, "other": {"bins": 1}})
    assert stages.settle(checkout, stage, cohort, {"bins": "16"}) == defaults | {"bins": 16, "preset": "full"}


def test_settle_names_a_cohort_elsewhere_by_its_path(stage, checkout, tmp_path):
    path = tmp_path / "far.yml"
    path.write_text("title: A\nbids: data\n")
    assert stages.settle(checkout, stage, Cohort.load(path), {})["cohort"] == str(path)


@pytest.mark.parametrize("name", ["bin", "cohort", "participants"])
def test_settle_refuses_what_is_no_parameter_of_the_stage(stage, checkout, make_dataset, name):
    fault = f"3-1-mine has no parameter {name}; it has bins, preset."
    with pytest.raises(UsageError) as caught:
        stages.settle(checkout, stage, make_dataset(), {name: "1"})
    assert str(caught.value) == f"-p: {fault}"
    with pytest.raises(UsageError) as caught:
        stages.settle(checkout, stage, make_dataset(stages={"3-1-mine": {name: "1"}}), {})
    assert str(caught.value) == f"tiny.yml: {fault}"


def test_settle_refuses_another_type_and_says_whose(stage, checkout, make_dataset):
    with pytest.raises(UsageError, match=r"^-p: bins must be int, not 'many'"):
        stages.settle(checkout, stage, make_dataset(), {"bins": "many"})
    with pytest.raises(UsageError, match=r"^tiny\.yml: preset must be str, not 3"):
        stages.settle(checkout, stage, make_dataset(stages={"3-1-mine": {"preset": 3}}), {})


def test_settings_of_a_stage_that_is_none_are_refused(stage, checkout, make_dataset):
    cohort = make_dataset(stages={"3-1-min": {"bins": 1}})
    with pytest.raises(UsageError, match=r"^tiny\.yml: stages has 3-1-min, which is no stage"):
        stages.check_settings(checkout, [stage], cohort)


def test_settings_of_a_stage_that_does_not_work_on_the_cohort_are_refused(checkout, make_dataset):
    cohort = make_dataset(stages={"2-6-tables": {"strict": True}})
    needs = Stage(name="2-6-tables", title="Tables", needs="tables")
    with pytest.raises(UsageError, match=r"^tiny\.yml: stages has 2-6-tables, which needs tables, and this"):
        stages.check_settings(checkout, [needs], cohort)


def test_a_cohort_has_the_stages_that_work_on_what_it_came_as(make_dataset):
    every = [
        Stage(name="a", title="A", needs="scans"),
        Stage(name="b", title="B", needs="tables"),
        Stage(name="c", title="C", after=("a", "b")),
    ]
    cohort = make_dataset()
    found = stages.applicable(every, cohort)
    assert [stage.name for stage in found] == ["a", "c"]
    assert found[1].after == ("a",)
    assert stages.applicable(found, cohort) == found
    assert stages.choose(every, cohort, "c") == found[1]
    with pytest.raises(UsageError, match="^b needs tables, and the cohort tiny came as scans"):
        stages.choose(every, cohort, "b")


def test_a_stage_on_the_model_of_a_twin_works_on_twins_alone(checkout, make_dataset):
    model = Stage(name="twin-model", title="Model", needs="twin")
    cohorts = {"twin": "tables: data\ntwin: {seed: 1}\n", "mine": "tables: data\n"}
    found = {}
    for name, keys in cohorts.items():
        path = checkout / "cohorts" / f"{name}.yml"
        path.write_text(f"title: A\n{keys}", encoding="utf-8")
        found[name] = stages.applies(model, Cohort.load(name))
    assert found == {"twin": True, "mine": False}
    assert not stages.applies(model, make_dataset())


def test_a_stage_is_found_by_its_name_or_the_end_of_it():
    some = [
        Stage(name=name, title=name) for name in ("2-1-cohort", "3-1-volumes", "4-1-volumes", "volumes-too")
    ]
    assert stages.find(some, "cohort").name == "2-1-cohort"
    assert stages.find(some, "3-1-volumes").name == "3-1-volumes"
    for name in ("volumes", "absent", "1-cohort"):
        with pytest.raises(UsageError, match=f"^{name}: no such stage. There are 2-1-cohort, "):
            stages.find(some, name)


def test_the_hash_of_a_notebook_knows_no_outputs(checkout):
    def hashed(cell: nbformat.NotebookNode) -> str:
        path = checkout / "notebooks" / "any.ipynb"
        nbformat.write(new_notebook(cells=[cell]), path)
        return stages.stripped_hash(path)

    plain = hashed(new_code_cell("1 + 1"))
    output = nbformat.v4.new_output("stream", text="2")
    assert hashed(new_code_cell("1 + 1", outputs=[output], execution_count=3)) == plain
    assert hashed(new_code_cell("1 + 2")) != plain
    assert hashed(new_code_cell("1 + 1", metadata={"tags": ["hide-input"]})) != plain


def test_the_modules_of_a_notebook_are_followed(checkout):
    path = checkout / "notebooks" / "any.ipynb"
    source = "import numpy\nfrom thalutils import tables\nfrom thalutils.errors import TableError\n"
    nbformat.write(new_notebook(cells=[new_code_cell(source)]), path)
    found = stages.imported_modules(path)
    assert {"thalutils.tables", "thalutils.files", "thalutils.errors"} <= set(found)
    assert "thalutils.cohort" not in found
    assert "numpy" not in found
