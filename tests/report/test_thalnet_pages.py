"""The model card: pairs of visits, and the kept tables that it rests on."""

import numpy as np
import pandas as pd
import pytest

from thalutils import fetch
from thalutils.report import thalnet_pages, thalnet_targets
from thalutils.segmenters.thalnet import weight_files
from thalutils.stats import known_truth
from thalutils.training import borders, fit, label_maps
from thalutils.truth import kept
from thalutils.truth.scans import PHANTOM


@pytest.fixture(scope="module")
def masks():
    return thalnet_pages.masks()


def test_a_pair_is_one_head_at_two_visits():
    rows = [
        {"heads": "h", "anatomy": "phantom", "number": n, "visit": v, "contrast": "T1", "truth_ml": truth, "volume_ml": volume}
        for n, v, truth, volume in ((1, 1, 10.0, 11.0), (1, 2, 9.0, 10.45), (2, 1, 12.0, 12.0))
    ]  # fmt: skip
    [pair] = thalnet_pages.pairs(pd.DataFrame(rows)).to_dict("records")
    assert pair["true_percent"] == pytest.approx(-10) and pair["measured_percent"] == pytest.approx(-5)


def test_the_kept_evaluation_is_of_the_people_who_were_kept_out(masks):
    unseen = masks[masks["anatomy"] != PHANTOM]
    assert set(unseen["anatomy"]) == set(label_maps.HELD_OUT)
    assert unseen.groupby(["anatomy", "contrast"])["number"].nunique().min() >= 15
    assert set(masks["contrast"]) == {"T1", "FLAIR", "R1", "T1-R1-FLAIR", "joint"}


def test_what_is_kept_is_of_the_weights_that_ship(masks):
    assert set(masks["weights"]) == {weight_files.version()}
    found = kept.read(borders.DATA)
    assert set(found["weights"]) == {weight_files.version()}
    assert set(found["border_contrast"]) == set(borders.BORDERS)
    assert found.groupby(["border_contrast", "way", "contrasts"])["number"].nunique().min() >= 10


def test_every_fit_is_told_of_also_the_one_that_does_not_ship():
    table = thalnet_pages.fits().set_index(thalnet_pages.fits()["network"].str.split(":").str[0])
    assert list(table.index) == list(fit.PLANS)
    for part, plan in fit.PLANS.items():
        row = table.loc[part]
        assert (row["steps"], row["seed"], row["images a step"]) == (plan.steps, plan.seed, plan.batch)
        assert row["began as"] == (plan.begins_as or "random weights") and row["people"] == 15
        log = kept.read(f"thalnet_{part}_log.tsv")
        assert log["step"].iloc[-1] == plan.steps
        assert row["hours on two cores"] == pytest.approx(log["seconds"].iloc[-1] / 3600, abs=0.006)
    assert table["size (MB)"].isna().to_dict() == {
        "locate": False,
        "sketch": True,
        "draw": False,
        "joint": False,
    }


def test_the_label_maps_are_where_the_card_says():
    address = fetch.COLLECTIONS["label_maps"]
    assert f"github.com/{address['repository']}" in thalnet_pages.source().data


def test_the_pages_say_what_the_tables_say(masks):
    accuracy = known_truth.accuracy(masks[masks["visit"] == 1])
    recovery = known_truth.recovery(thalnet_pages.pairs(masks))
    gain = thalnet_pages.gain()
    joint = thalnet_pages.joint(masks[masks["visit"] == 1])
    numbers = thalnet_pages.numbers(accuracy, recovery, gain, joint)
    assert all(np.isfinite(value) for value in numbers.values())
    unseen = masks[(masks["heads"] == thalnet_pages.HEADS[False])]
    assert numbers["thalnet.dice_lowest"] == pytest.approx(unseen["dice"].min())
    first = unseen[unseen["visit"] == 1]
    dice = first.pivot_table(index=["person", "number"], columns="contrast", values="dice")
    assert numbers["thalnet.joint_dice"] == pytest.approx((dice["joint"] - dice["T1-R1-FLAIR"]).mean())
    assert numbers["thalnet.n_heads_each"] == first.groupby("person")["number"].nunique().min()
    assert numbers["thalnet.n_pairs"] == masks.loc[masks["visit"] == 2, "number"].nunique()
    above, below = ((gain[f"dice_gain_{end}"] * sign > 0).sum() for end, sign in (("low", 1), ("high", -1)))
    assert (numbers["thalnet.n_gains_up"], numbers["thalnet.n_gains_down"]) == (above, below)
    asked = thalnet_pages.targets(thalnet_targets.judged(accuracy, recovery))
    for page in (asked, thalnet_pages.source(), thalnet_pages.joint_table(joint), thalnet_pages.facts(thalnet_pages.fits()), thalnet_pages.curves(), thalnet_pages.accuracy(accuracy), thalnet_pages.recovery(recovery), thalnet_pages.gains(gain), thalnet_pages.gain_table(gain)):  # fmt: skip
        assert "thal-" in page.data
    assert "thal-figure" in thalnet_pages.volumes(masks).data
