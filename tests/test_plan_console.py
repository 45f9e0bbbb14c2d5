"""`thalutils plan`: who and what a workflow spreads over machines, and when a finished job no longer stands."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from thalutils import cli, plan_console
from thalutils.cohort import Cohort
from thalutils.files import project_root


@pytest.fixture
def phantom(tmp_path):
    def make(**settings):
        text = yaml.safe_dump(
            {"title": "T", "bids": str(tmp_path / "few"), "phantom": {"participants": 3} | settings}
        )
        path = tmp_path / "few.yml"
        path.write_text(text)
        return plan_console.described(Cohort.load(str(path)))

    return make


def test_the_people_of_a_cohort_that_is_not_made_yet_are_known(phantom):
    assert phantom()["participants"] == ["sub-01", "sub-02", "sub-03"]


def test_stages_come_after_what_they_read_and_scans_are_made_for_everyone_at_once(phantom):
    found = phantom()["stages"]
    names = [stage["name"] for stage in found]
    for place, stage in enumerate(found):
        assert set(stage["after"]) <= set(names[:place])
    sliced = {stage["name"] for stage in found if stage["slices"]}
    assert {
        "2-5-1-quantitative-maps",
        "2-5-2-coregistration",
        "2-6-2-segmentation",
        "2-6-3-volumes",
    } <= sliced
    assert not {"2-4-acquisition", "2-1-cohort", "3-2-voxel-agreement"} & sliced


def test_a_setting_changes_every_version_and_the_number_of_runs_none(phantom):
    one, again, other = phantom(), phantom(), phantom(snr=50.0)
    assert one == again
    versions = [[stage["version"] for stage in plan["stages"]] for plan in (one, other)]
    assert all(a != b for a, b in zip(*versions, strict=True))


def test_what_is_printed_is_json():
    done = CliRunner().invoke(cli.app, ["plan", "phantom-mini"])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == plan_console.described(
        Cohort.load(str(project_root() / "cohorts/phantom-mini.yml"))
    )
