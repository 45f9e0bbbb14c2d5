"""From which probability on a voxel is thalamus follows from the kept table, and from nobody it is tested on."""

import pandas as pd
import pytest

from thalutils.segmenters.thalnet import network, weight_files
from thalutils.training import cuts, label_maps
from thalutils.truth import kept
from thalutils.truth.scans import HELD_OUT, PHANTOM


def test_the_cuts_of_the_package_are_those_of_the_kept_table():
    found = kept.read(cuts.DATA)
    assert cuts.best(found) == network.CUT
    assert set(found["anatomy"]) == set(label_maps.WATCHED)
    assert not set(found["anatomy"]) & {*HELD_OUT, *label_maps.TRAINED, PHANTOM}
    assert set(found["weights"]) == {weight_files.version()}


def test_a_higher_cut_gives_a_smaller_mask():
    means = cuts.biases(kept.read(cuts.DATA))
    assert (means.groupby("network")["bias_percent"].diff().dropna() < 0).all()


def test_the_bias_is_of_contrasts_and_heads_alike():
    rows = [("T1", 0.5, 11.0), ("FLAIR", 0.5, 10.0), ("joint", 0.5, 9.0)]
    found = pd.DataFrame(rows, columns=["contrast", "cut", "volume_ml"]).assign(truth_ml=10.0, dice=0.9)
    means = cuts.biases(found).set_index("network")["bias_percent"]
    assert means.to_dict() == pytest.approx({"draw": 5, "joint": -10})
