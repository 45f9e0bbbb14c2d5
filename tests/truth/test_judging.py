"""How a mask is held against the truth: sides count, and a mask that was not drawn leaves its sentence."""

import numpy as np
import pytest

from thalutils.truth import judging
from thalutils.truth.scans import Scanned


@pytest.fixture
def truth():
    labels = np.zeros((20, 10, 10), np.uint8)
    labels[2:7, 2:8, 2:8], labels[13:18, 2:8, 2:8] = 10, 49
    return labels


def test_volume_and_dice_are_those_of_the_mask(truth):
    drawn = truth.copy()
    drawn[2:7, 2:8, 2] = 0
    found = judging.judge(drawn, Scanned({}, truth, (truth > 0).astype(np.uint8)))
    assert found["volume_ml"] == pytest.approx((360 - 30) / 1000)
    assert found["dice"] == found["dice_manual"] == pytest.approx(2 * 330 / (330 + 360))


def test_the_wrong_side_overlaps_with_nothing(truth):
    mirrored = np.where(truth == 10, 49, np.where(truth == 49, 10, 0)).astype(np.uint8)
    found = judging.judge(mirrored, Scanned({}, truth, truth))
    assert found["dice"] == 0 and found["dice_manual"] == 1


def test_a_mask_that_was_not_drawn_leaves_its_sentence_and_no_vote(truth):
    assert judging.judge("no thalamus found", Scanned({}, truth, truth)) == {"note": "no thalamus found"}
    assert judging.vote("no thalamus found", "other") == "no thalamus found"
