"""Stages run by plain papermill, and its help reads a notebook's parameters, without this project's command."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

REPOSITORY = Path(__file__).parents[1]


def papermill(*words: object) -> str:
    command = [sys.executable, "-m", "papermill", *map(str, words)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_stage_runs_by_plain_papermill(tmp_path):
    target = tmp_path / "out.ipynb"
    papermill("notebooks/plan.ipynb", target, "-p", "cohort", "phantom-mini", "--no-progress-bar")
    cells = [cell for cell in nbformat.read(target, as_version=4).cells if cell.cell_type == "code"]
    (given,) = [cell.source for cell in cells if "injected-parameters" in cell.metadata.get("tags", [])]
    assert 'cohort = "phantom-mini"' in given
    shown = [output for cell in cells for output in cell.outputs]
    assert any("text/html" in output.get("data", {}) for output in shown)
    assert not any(output.output_type == "error" for output in shown)


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("2-5-2-coregistration", ("cohort: str", "participants: str", "bins: int")),
        ("2-6-2-segmentation", ("participants: str", "preset: str")),
        ("6-scorecard", ("cohort: str",)),
    ],
)
def test_the_help_of_a_notebook_lists_its_parameters(stage, words):
    told = papermill("--help-notebook", f"notebooks/{stage}.ipynb")
    assert "Unknown" not in told  # what papermill says of a type that it cannot tell
    for word in words:
        assert word in told
