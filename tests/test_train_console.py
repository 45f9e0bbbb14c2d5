"""`thalutils train`: which fits it asks for, and what it says of them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from thalutils import cli, fetch
from thalutils.errors import UsageError
from thalutils.training import fit


@pytest.fixture
def asked(monkeypatch):
    """The plans that were fitted."""
    plans = []

    def fitted(plan, folder, cache, tell):
        plans.append(plan)
        return folder / f"{plan.part}.safetensors"

    monkeypatch.setattr(fit, "fit", fitted)
    return plans


def train(*wanted: str | Path) -> str:
    done = CliRunner().invoke(cli.app, ["train", *map(str, wanted)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0
    return done.output


def test_what_is_fitted_anew_is_what_the_package_has(asked, tmp_path):
    said = train(tmp_path)
    assert asked == list(fit.PLANS.values())
    assert len({plan.seed for plan in asked}) > 1, "the networks of the package have seeds of their own"
    assert fetch.address("label_maps") in said and f"--weights {tmp_path}" in said


def test_a_seed_and_a_number_of_steps_hold_for_every_network(asked, tmp_path):
    train(tmp_path, "--seed", "0", "--steps", "5")
    assert {(plan.seed, plan.steps) for plan in asked} == {(0, 5)}
    assert [plan.begins_as for plan in asked] == [plan.begins_as for plan in fit.PLANS.values()]


def test_one_network_is_fitted_alone_and_one_that_is_not_there_is_refused(asked, tmp_path):
    train(tmp_path, "--part", "joint")
    assert asked == [fit.PLANS["joint"]]
    with pytest.raises(UsageError, match="there is no network paint"):
        train(tmp_path, "--part", "paint")
