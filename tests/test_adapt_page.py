"""The page on adapting the study says what can be done by hand; here it is done, from the page's own text."""

import re
import subprocess
from pathlib import Path

import nbformat
import nibabel as nib
import notebook_cells
import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from thalutils import cli, stages, tables
from thalutils.cohort import Cohort
from thalutils.report import privacy
from thalutils.segmenters import session
from thalutils.stage import derivative

PAGE = (notebook_cells.REPOSITORY / "book" / "adapt.md").read_text(encoding="utf-8")
PEOPLE = [f"sub-{number:02}" for number in range(1, 31)]


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


TABLE = section("You have a table, not scans").partition("\n### ")[0]


def block(text: str, language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return found


def changed_notebook(checkout: Path) -> Path:
    """Put the page's statement in the place of the one that it names, in a copy of the notebook that it names."""
    text = section("Change a stage by hand")
    (name,) = re.findall(r"In `notebooks/([\w-]+\.ipynb)`", text)
    (beginning,) = re.findall(r"statement that begins with `([^`]+)`", text)
    notebook = nbformat.read(notebook_cells.REPOSITORY / "notebooks" / name, as_version=4)
    pattern = re.compile(re.escape(beginning) + r".*?\n\)\n", re.DOTALL)
    (cell,) = [one for one in notebook.cells if one.cell_type == "code" and pattern.search(one.source)]
    cell.source = pattern.sub(lambda _: block(text, "python"), cell.source)
    nbformat.write(notebook, checkout / "notebooks" / name)
    return checkout / "notebooks" / name


@pytest.fixture
def study(make_dataset, in_process):
    """Thirty people with a label map of SAMSEG each, larger from person to person, and attacks that follow the caudate."""
    cohort = make_dataset(people=PEOPLE, visits=["ses-01"], publish_individuals=True)
    rng = np.random.default_rng(3)
    lines = ["participant_id\tsex\tgroup"]
    caudates = {}
    for number, visit in enumerate(cohort.sessions()):
        lines.append(f"{visit.participant_id}\t{'FM'[number % 2]}\t{('RRMS', 'PMS', 'HC')[number % 3]}")
        labels = np.zeros((40, 40, 40), np.uint8)
        thick = 4 + int(rng.integers(0, 12))
        labels[5:15, 5:15, 5:20], labels[25:35, 5:15, 5:20] = 10, 49
        labels[5:15, 25:35, : 2 * thick], labels[25:35, 25:35, : 2 * thick] = 11, 50
        labels[20:22, 20:30, 20:30], labels[22:24, 20:30, 20:30] = 17, 53
        caudates[visit.participant_id] = 2 * 100 * 2 * thick / 1000
        thalamus = np.where(np.isin(labels, (10, 49)), labels, 0).astype(np.uint8)
        for ending, values in (
            (session.structures_ending("SAMSEG-T1"), labels),
            (session.ending("SAMSEG-T1"), thalamus),
        ):
            path = derivative(cohort, visit, ending)
            path.parent.mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(values, np.eye(4)), path)
        frame = pd.DataFrame(
            [{"participant_id": visit.participant_id, "session_id": "ses-01", "method": "SAMSEG-T1"}]
        )
        tables.write_shards(
            cohort.results, session.STAGE, visit.participant_id,
            {"masks": frame.reindex(columns=list(tables.empty("masks"))),
             "intracranial": pd.DataFrame([{"participant_id": visit.participant_id, "icv_ml": 1500 + rng.normal(0, 90),
                                            "source": "SAMSEG"}])},
        )  # fmt: skip
        tables.write_shards(
            cohort.results, session.ENSEMBLE_STAGE, visit.participant_id, {"masks": tables.empty("masks")}
        )
        attacks = round(40 - 2 * caudates[visit.participant_id] + rng.normal(0, 0.5))
        score = f"session_id\tage_years\tattacks\nses-01\t{rng.uniform(20, 60):.1f}\t{attacks}\n"
        (cohort.bids / visit.participant_id / f"{visit.participant_id}_sessions.tsv").write_text(score)
    (cohort.bids / "participants.tsv").write_text("\n".join(lines) + "\n")
    yield Cohort.load("tiny"), caudates
    privacy.open_for(None)


def settled(cohort: Cohort, name: str) -> dict[str, object]:
    stage = stages.find(stages.load(notebook_cells.REPOSITORY), name)
    found = stages.settle(notebook_cells.REPOSITORY, stage, cohort, {})
    return {key: value for key, value in found.items() if key not in ("cohort", "participants")}


def test_another_structure_outcome_and_covariate_as_the_page_says(study, checkout):
    cohort, caudates = study
    path = changed_notebook(checkout)
    notebook_cells.run(cohort, path.stem, folder=path.parent)
    volumes = tables.read(cohort.results / "volumes.tsv").set_index("participant_id")
    assert volumes.query("method == 'SAMSEG-T1-caudate'")["volume_ml"].to_dict() == pytest.approx(caudates)
    assert set(volumes["method"]) == {"SAMSEG-T1", "SAMSEG-T1-caudate", "SAMSEG-T1-hippocampus"}
    assert volumes.query("method == 'SAMSEG-T1'")["volume_ml"].unique() == pytest.approx([3.0])
    # the YAML, as the page has it
    said = yaml.safe_load(block(section("Change a stage by hand"), "yaml"))
    cohort.path.write_text(cohort.path.read_text() + yaml.safe_dump(said))
    cohort = Cohort.load("tiny")
    notebook_cells.run(cohort, "2-1-cohort")
    for name in said["stages"]:
        shown = notebook_cells.run(cohort, name, **settled(cohort, name))
    slopes = (
        tables.read(cohort.results / "associations.tsv")
        .query("analysis == 'all'")
        .set_index(["outcome", "method"])
    )
    found = slopes.loc[("attacks", "SAMSEG-T1-caudate")]
    assert found["n"] == len(PEOPLE)
    assert found["beta"] == pytest.approx(-2, abs=0.2)
    assert "attacks" in shown
    plain = notebook_cells.run(cohort, "3-4-cross-sectional", outcomes="attacks")
    assert plain != shown  # the diagnosis was among the covariates
    assert tables.read(cohort.results / "associations.tsv")["outcome"].eq("attacks").any()


@pytest.fixture
def table_cohort(checkout) -> Cohort:
    """What a reader has who did what the page says of a table."""
    making, checking, building = re.findall(r"```bash\n(.*?)```", TABLE, re.DOTALL)
    assert checking.endswith("thalutils check mytable\n") and building == "make book COHORT=mytable\n"
    subprocess.run(["/bin/sh", "-euc", making], cwd=checkout, check=True)
    (name,) = re.findall(r"Save this as `(cohorts/[a-z]+\.yml)`", TABLE)
    (checkout / name).write_text(block(TABLE, "yaml"))
    (checkout / "notebooks" / "stages.yml").write_text("[]\n")
    yield Cohort.load("mytable")
    privacy.open_for(None)


def test_the_mistakes_of_the_table_are_told_as_the_page_says(table_cohort):
    done = CliRunner().invoke(cli.app, ["check", "mytable"])
    assert done.exit_code == 0, done.output
    (shown,) = re.findall(r"```\n(  left out: .*?)```", TABLE, re.DOTALL)
    told = [line for line in done.output.splitlines() if line.startswith("  left out: ")]
    assert told == shown.splitlines()


def test_the_pages_that_the_table_is_said_to_have_are_made(table_cohort):
    for name in ("2-6-tables", "2-1-cohort", "3-3-volumetric-agreement", "3-5-volume-change"):
        assert name == "2-1-cohort" or f"/notebooks/{name}`" in TABLE
        stage = stages.find(stages.load(notebook_cells.REPOSITORY), name)
        known = stages.parameters(notebook_cells.REPOSITORY, stage)
        shown = notebook_cells.run(table_cohort, name, **({"resamples": 20} if "resamples" in known else {}))
        assert "FIRST" in shown or name == "2-1-cohort"
    people = tables.read(table_cohort.results / "participants.tsv")
    assert people["group"].value_counts().to_dict() == {"RRMS": 6, "PMS": 4}
    change = tables.read(table_cohort.results / "change_summary.tsv").set_index(
        ["group", "quantity", "method"]
    )
    assert change.loc[("all", "volume_percent", "FIRST"), "n"] == 9  # one volume cannot be
    assert change.loc[("all", "volume_percent", "FIRST"), "mean"] < 0


def test_every_yaml_on_the_page_that_is_whole_is_a_cohort():
    from thalutils.cohort_file import CohortFile

    whole = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    parts = [one for one in whole if "title" not in one]
    for one in [one for one in whole if "title" in one] + [
        {"title": "a", "bids": "b"} | one for one in parts
    ]:
        CohortFile.model_validate(one)
    assert len(whole) >= 5


def test_every_command_on_the_page_is_one():
    from typer.main import get_command

    from thalutils import cli

    known = get_command(cli.app).commands
    used = re.findall(r"^\.venv/bin/thalutils (\w+)", PAGE, re.MULTILINE)
    assert {"init", "fetch", "check", "run"} <= set(used) <= set(known)
