"""The model card: pairs of visits, and the kept tables that it rests on."""

import numpy as np
import pandas as pd
import pytest

from thalutils.report import thalnet_pages
from thalutils.segmenters.thalnet import weight_files
from thalutils.stats import known_truth
from thalutils.training import borders, label_maps
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
    assert unseen.groupby(["anatomy", "contrast"])["number"].nunique().min() >= 5
    assert set(masks["contrast"]) == {"T1", "FLAIR", "R1", "T1-R1-FLAIR", "joint"}


def test_what_is_kept_is_of_the_weights_that_ship(masks):
    assert set(masks["weights"]) == {weight_files.version()}
    found = kept.read(borders.DATA)
    assert set(found["weights"]) == {weight_files.version()}
    assert set(found["border_contrast"]) == set(borders.BORDERS)
    assert found.groupby(["border_contrast", "way", "contrasts"])["number"].nunique().min() >= 10


def test_the_pages_say_what_the_tables_say(masks):
    accuracy = known_truth.accuracy(masks[masks["visit"] == 1])
    recovery = known_truth.recovery(thalnet_pages.pairs(masks))
    gain = thalnet_pages.gain()
    numbers = thalnet_pages.numbers(accuracy, recovery, gain)
    assert all(np.isfinite(value) for value in numbers.values())
    unseen = masks[(masks["heads"] == thalnet_pages.HEADS[False])]
    assert numbers["thalnet.dice_lowest"] == pytest.approx(unseen["dice"].min())
    for page in (thalnet_pages.facts(), thalnet_pages.curves(), thalnet_pages.accuracy(accuracy), thalnet_pages.recovery(recovery), thalnet_pages.gains(gain), thalnet_pages.gain_table(gain)):  # fmt: skip
        assert "thal-" in page.data
    assert "thal-figure" in thalnet_pages.volumes(masks).data
