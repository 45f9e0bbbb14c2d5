"""The loop: it learns, and a stop in its middle leaves no trace in the weights."""

import json
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tests.training.conftest import CENTRES_MM
from thalutils.errors import UsageError
from thalutils.files import hash_file, read_json
from thalutils.process import code_hash
from thalutils.segmenters.thalnet import network, tool
from thalutils.training import fit, label_maps
from thalutils.training.fit import Plan


class Stopped(Exception):
    """A kill, as far as the loop can tell."""


@pytest.fixture
def small(monkeypatch, toy_person):
    """Let the loop work on one made-up person, with small networks and a checkpoint every other step."""
    monkeypatch.setattr(label_maps, "load", lambda cache, names: ([toy_person], CENTRES_MM))
    monkeypatch.setattr(network, "LOCATE_FILTERS", (4, 8, 8))
    monkeypatch.setattr(network, "DRAW_FILTERS", (4, 8, 8))
    monkeypatch.setattr(fit, "KEEP_EVERY", 2)
    monkeypatch.setattr(fit, "WATCH_SAMPLES", 1)


def weights(path):
    with safe_open(path, framework="pt") as content:
        return {name: content.get_tensor(name) for name in content.keys()}, content.metadata()  # noqa: SIM118


@pytest.mark.parametrize("part", ["locate", "draw", "joint"])
def test_a_stopped_fit_ends_with_the_same_weights(small, tmp_path, part):
    plan = Plan(part, steps=4, batch=1, dice_weight=0.5)
    whole = fit.fit(plan, tmp_path / "whole", tmp_path, lambda line: None)

    def stop(line):
        raise Stopped

    with pytest.raises(Stopped):  # the first line comes before the checkpoint of step 2 is kept
        fit.fit(plan, tmp_path / "parts", tmp_path, stop)
    lines = []

    def stop_later(line):
        lines.append(line)
        if len(lines) == 2:
            raise Stopped

    with pytest.raises(Stopped):
        fit.fit(plan, tmp_path / "parts", tmp_path, stop_later)
    assert torch.load(tmp_path / "parts" / part / fit.CHECKPOINT, weights_only=True)["step"] == 2
    resumed = fit.fit(plan, tmp_path / "parts", tmp_path, lambda line: None)
    one, other = weights(whole)[0], weights(resumed)[0]
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_what_is_written_can_be_checked_and_says_how_it_came_to_be(small, tmp_path):
    path = fit.fit(Plan("draw", steps=2, batch=1, seed=5), tmp_path, tmp_path, lambda line: None)
    tensors, facts = weights(path)
    assert all(tensor.dtype == torch.float16 for tensor in tensors.values())
    assert read_json(tmp_path / "checksums.json") == {path.name: hash_file(path)}
    assert json.loads(facts["plan"])["seed"] == 5 and json.loads(facts["people"]) == list(label_maps.TRAINED)
    np.testing.assert_allclose(json.loads(facts["centres_mm"]), CENTRES_MM)


def test_a_fit_of_another_plan_or_program_is_refused_and_kept(small, tmp_path, monkeypatch):
    plan = Plan("draw", steps=2, batch=1)
    fit.fit(plan, tmp_path, tmp_path, lambda line: None)
    before = (tmp_path / "draw" / fit.CHECKPOINT).read_bytes()
    with pytest.raises(UsageError, match=r"checkpoint\.pt: this fit was begun with other steps"):
        fit.fit(Plan("draw", steps=4, batch=1), tmp_path, tmp_path, lambda line: None)
    with monkeypatch.context() as patch:
        patch.setattr(fit, "_code", lambda: "changed")
        with pytest.raises(UsageError, match="another version of the program"):
            fit.fit(plan, tmp_path, tmp_path, lambda line: None)
    monkeypatch.setattr(tool, "version", lambda name: "0.1" if name == "torch" else version(name))
    with pytest.raises(UsageError, match="or its packages"):
        fit.fit(plan, tmp_path, tmp_path, lambda line: None)
    assert (tmp_path / "draw" / fit.CHECKPOINT).read_bytes() == before


def test_a_change_of_the_loop_itself_is_one_of_the_program():
    assert fit._code() == code_hash("thalutils.training.fit")


def test_a_fit_that_began_from_other_weights_is_refused_and_the_same_ones_written_anew_are_not(
    small, tmp_path
):
    sketch = Plan("sketch", steps=2, batch=1)
    plan = Plan("draw", steps=2, batch=1, begins_as="sketch")
    quiet = {"cache": tmp_path, "tell": lambda line: None}
    fit.fit(sketch, tmp_path, **quiet)
    before = weights(fit.fit(plan, tmp_path, **quiet))[0]
    fit.fit(sketch, tmp_path, **quiet)  # as `thalutils train` does again on its way to where it was stopped
    after = weights(fit.fit(plan, tmp_path, **quiet))[0]
    assert all(torch.equal(before[name], after[name]) for name in before)
    (tmp_path / "sketch" / fit.CHECKPOINT).unlink()
    fit.fit(replace(sketch, seed=9), tmp_path, **quiet)
    with pytest.raises(UsageError, match="from other weights"):
        fit.fit(plan, tmp_path, **quiet)


def test_a_network_begins_as_another_and_sees_three_equal_images_as_that_one_sees_one(small, tmp_path):
    fit.fit(Plan("draw", steps=2, batch=1), tmp_path, tmp_path, lambda line: None)
    draw, joint = network.untrained("draw").eval(), network.untrained("joint").eval()
    fit._begin_as(draw, "draw", tmp_path)
    fit._begin_as(joint, "draw", tmp_path)
    image = torch.rand(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(joint(image.expand(1, 3, 32, 32, 32)), draw(image), rtol=1e-3, atol=1e-3)


def test_a_network_without_the_one_it_begins_as_is_refused(small, tmp_path):
    with pytest.raises(UsageError, match=r"sketch\.safetensors: this network begins as sketch"):
        fit.fit(Plan("draw", steps=2, batch=1, begins_as="sketch"), tmp_path, tmp_path, lambda line: None)


def test_the_networks_are_fitted_in_an_order_in_which_each_finds_what_it_begins_as():
    known = []
    for part, plan in fit.PLANS.items():
        assert plan.part == part and plan.begins_as in ("", *known)
        known.append(part)


def test_cross_entropy_alone_wants_the_share_and_dice_beside_it_more_where_a_border_is_uncertain():
    """The border lies at either of two places, as often; a mask that is right on average gives half there."""
    shares = torch.zeros(1, 2, 1, 1, 12)
    shares[0, 1, 0, 0, :4], shares[0, 1, 0, 0, 4:8] = 1.0, 0.5
    shares[0, 0] = 1 - shares[0, 1]
    outcomes = []
    for width in (4, 8):
        outcome = torch.zeros_like(shares)
        outcome[0, 1, 0, 0, :width] = 1.0
        outcome[0, 0] = 1 - outcome[0, 1]
        outcomes.append(outcome)

    def best(dice_weight):
        sizes = np.linspace(0.05, 0.95, 91)
        mean = []
        for share in sizes:
            drawn = shares.clone()
            drawn[0, 1, 0, 0, 4:8], drawn[0, 0, 0, 0, 4:8] = share, 1 - share
            logits = drawn.clamp(1e-6, 1 - 1e-6).log()
            mean.append(np.mean([fit.loss(logits, outcome, dice_weight).item() for outcome in outcomes]))
        return sizes[int(np.argmin(mean))]

    assert best(0.0) == pytest.approx(0.5, abs=0.011)
    assert best(100.0) > 0.6


def test_the_loss_falls_as_the_drawing_nears_the_target():
    target = torch.zeros(1, 3, 8, 8, 8)
    target[:, 0] = 1
    target[:, 0, 2:6, 2:6, 2:6], target[:, 1, 2:6, 2:6, 2:6] = 0, 1
    losses = [fit.loss(sure * (2 * target - 1), target, 1.0).item() for sure in (0.0, 1.0, 5.0, 20.0)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.02


def test_nobody_who_tests_takes_part():
    assert not set(label_maps.TRAINED) & set(label_maps.HELD_OUT + label_maps.WATCHED)
    assert len(label_maps.HELD_OUT) >= 4
    assert set(label_maps.TRAINED + label_maps.HELD_OUT + label_maps.WATCHED) == set(label_maps.EVERYONE)
