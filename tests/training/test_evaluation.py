"""What ThalNet is tested on: heads whose loss is known, each visit held against its own truth."""

from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import ToolError
from thalutils.imaging import masks
from thalutils.segmenters.protocol import JOINT
from thalutils.segmenters.thalnet.segmenting import Thalami
from thalutils.simulate.anatomy import Anatomy
from thalutils.training import borders, evaluation
from thalutils.training.evaluation import LOSSES, Case
from thalutils.truth.scans import PHANTOM, Scanned

UNCHANGED, TWO_PERCENT = 1, 6


@pytest.fixture
def toy_anatomy(toy_person, monkeypatch):
    """Let every head be made from the made-up person."""
    values = np.where(toy_person.values == 507, 258, toy_person.values)  # as label maps are read: scalp
    middle = nib.Nifti1Image(toy_person.whole, toy_person.whole_affine).slicer[22:-22, 22:-22, 22:-22]
    found = Anatomy(np.asarray(middle.dataobj), np.append(values, 77), middle.affine, "a test")
    monkeypatch.setattr(evaluation.scans, "anatomy_of", lambda cache, name: found)


def test_a_head_without_loss_is_the_very_same_at_both_visits(toy_anatomy, tmp_path):
    first, second = evaluation.heads_of(Case(tmp_path, PHANTOM, UNCHANGED, 2), seed=7)
    assert LOSSES[UNCHANGED - 1] == 0 and first is second


def test_a_head_loses_what_it_is_said_to(toy_anatomy, tmp_path):
    first, second = evaluation.heads_of(Case(tmp_path, PHANTOM, TWO_PERCENT, 2), seed=7)
    before, after = (sum(head.thalamus_ml()) for head in (first, second))
    assert LOSSES[TWO_PERCENT - 1] == 2 and 100 * (1 - after / before) == pytest.approx(2, abs=0.05)
    assert second.brain_ml() < first.brain_ml()


class Labels:
    """A head that is its own label map, and the scan of it."""

    def __init__(self, slices: int) -> None:
        self.labels = np.zeros((20, 12, 12), np.uint8)
        self.labels[2:7, 1:11, :slices], self.labels[13:18, 1:11, :slices] = 10, 49

    def thalamus_ml(self) -> tuple[float, float]:
        return masks.sides_ml(self.labels, np.eye(4))


@pytest.fixture
def staged(monkeypatch):
    """Scans that a network reads the truth from, but for those listed as lost; returns what the joint one was given."""
    given, lost = [], []

    def scan(head, kinds, settings, rng):
        assert settings.structural_mm == 1
        images = {kind: SimpleNamespace(kind=kind, labels=head.labels) for kind in kinds}
        return Scanned(images, head.labels, (head.labels == 10).astype(np.uint8))

    def drawn(image, networks):
        if image.kind in lost:
            raise ToolError("no thalamus found")
        sides = masks.sides_ml(image.labels, np.eye(4))
        return Thalami(image.labels, np.eye(4), *sides, 0.9, 0.95, (), (image.labels > 0).astype(np.float32))

    def together(images, networks):
        given.append({name: image.kind for name, image in images.items()})
        return drawn(images["T1"], networks)

    for module in (evaluation, borders):
        monkeypatch.setattr(module.network, "load", lambda: SimpleNamespace(version="these"))
        monkeypatch.setattr(module.scans, "scan", scan)
        monkeypatch.setattr(module.segmenting, "segment", drawn)
        monkeypatch.setattr(module.segmenting, "segment_together", together)
    monkeypatch.setattr(evaluation, "heads_of", lambda case, seed: [Labels(12), Labels(9)][: case.visits])
    return given, lost


def test_each_visit_is_held_against_its_own_truth(staged, tmp_path):
    given, lost = staged
    lost.append("FLAIR")
    rows = evaluation.evaluate(Case(tmp_path, PHANTOM, 3, 2)).set_index(["visit", "contrast"])
    every = ["T1", "FLAIR", "R1", evaluation.VOTE, JOINT]
    assert list(rows.index) == [(visit, contrast) for visit in (1, 2) for contrast in every]
    assert rows.loc[1, "truth_ml"].tolist() == [1.2] * 5 and rows.loc[2, "truth_ml"].tolist() == [0.9] * 5
    assert rows.loc[1, "loss_percent"].isna().all()
    np.testing.assert_allclose(rows.loc[2, "loss_percent"], 25)
    seen = rows.drop(index=["FLAIR", evaluation.VOTE], level="contrast")
    assert (seen["dice"] == 1).all() and (seen["volume_ml"] == seen["truth_ml"]).all()
    assert rows.drop(index=seen.index)["volume_ml"].isna().all(), "a vote needs all of its masks"
    assert (rows["manual_ml"] == rows["truth_ml"] / 2).all()
    np.testing.assert_allclose(seen["dice_manual"], 2 / 3)
    assert given[0] == {"T1": "T1w", "FLAIR": "FLAIR", "R1": "R1"} and set(rows["weights"]) == {"these"}


def test_a_further_map_stands_in_the_place_of_r1_at_every_border(staged, tmp_path):
    given, _ = staged
    rows = borders.evaluate(borders.Border(tmp_path, 1))
    assert [len(some) for _, some in rows.groupby("border_contrast")] == [13] * len(borders.BORDERS)
    assert given[: len(given) // len(borders.BORDERS)] == [
        {"T1": "T1w", "FLAIR": "FLAIR"},
        *({"T1": "T1w", "R1": name, "FLAIR": "FLAIR"} for name in borders.MAPS),
    ]
    joint = rows[rows["way"] == "joint"]
    assert set(joint["contrasts"]) == {"T1-FLAIR", *(f"T1-{name}-FLAIR" for name in borders.MAPS)}
    assert set(rows.loc[rows["way"] == "vote", "contrasts"]) == set(joint["contrasts"])
    assert (rows["dice"] == 1).all() and set(rows["truth_ml"]) == {1.2}
