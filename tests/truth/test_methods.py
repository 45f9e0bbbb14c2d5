"""What is drawn on one visit by ThalNet, its votes, and what a row says where nothing was drawn."""

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import DiskError, ImageError, ToolError
from thalutils.truth import methods, visits
from thalutils.truth.methods import ALONE, HALFWAY, Bench

IMAGES = {
    kind: nib.Nifti1Image(np.full((6, 6, 6), place, np.float32), np.eye(4))
    for place, kind in enumerate(visits.KINDS, 1)
}


class Drawn:
    """What a network draws: as many rows of the left thalamus as the image is bright, and a right one."""

    def __init__(self, rows: int) -> None:
        self.labels = np.zeros((6, 6, 6), np.uint8)
        self.labels[:rows, 0, 0], self.labels[:, 5, 5] = 10, 49


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setattr(methods.segmenting, "Thalami", Drawn)
    monkeypatch.setattr(methods.segmenting, "segment", lambda image, _: Drawn(int(image.get_fdata().max())))
    monkeypatch.setattr(methods.segmenting, "segment_together", lambda given, _: Drawn(len(given)))
    monkeypatch.setattr(methods, "_labels", lambda found: found if isinstance(found, str) else found.labels)


def left(mask) -> int:
    return int((mask == 10).sum())


def test_votes_of_two_are_their_union_and_of_three_their_majority(network):
    found = methods.thalnet_masks(IMAGES, None)
    assert {name: left(found[name]) for name in ("T1", "FLAIR", "R1", "joint")} == {
        "T1": 1,
        "FLAIR": 2,
        "R1": 3,
        "joint": 3,
    }
    assert {name: left(found["-".join(name)]) for name in methods.VOTES} == dict(
        zip(methods.VOTES, (2, 3, 3, 2), strict=True)
    )
    assert set(methods.thalnet_masks({"T1w": IMAGES["T1w"]}, None)) == {"T1"}


def test_a_vote_lacks_what_one_of_its_members_lacks(network, monkeypatch):
    def fails(image, _):
        if image.get_fdata().max() == 2:
            raise ToolError("no thalamus found")
        return Drawn(1)

    monkeypatch.setattr(methods.segmenting, "segment", fails)
    found = methods.thalnet_masks(IMAGES, None)
    lacking = {name for name, mask in found.items() if isinstance(mask, str)}
    assert lacking == {"FLAIR", "T1-FLAIR", "R1-FLAIR", "T1-R1-FLAIR"}


def test_a_pair_that_does_not_register_leaves_a_row_of_every_method_that_it_takes_away(
    network, monkeypatch, tmp_path
):
    def fails(*files):
        raise ImageError("the skulls do not match")

    monkeypatch.setattr(methods, "brought_halfway", fails)
    monkeypatch.setattr(methods, "written", lambda visit, folder: (folder, folder))
    bench = Bench(None, visits.KINDS, tmp_path)
    bench.__dict__ |= {"drawn": methods.thalnet_masks(IMAGES, None), "files": None}
    rows = methods.by_halfway(bench, None, tmp_path)
    names = {"T1", "FLAIR", "R1", "joint", *("-".join(vote) for vote in methods.VOTES)}
    assert {row["method"] for row in rows} == {"FollowUp", *(f"ThalNet-{name}" for name in names)}
    assert {row["processing"] for row in rows} == {HALFWAY}
    assert all(row["note"] == "the skulls do not match" and "measured_percent" not in row for row in rows)


def test_a_full_disk_is_no_missing_mask(monkeypatch, tmp_path):
    def full(*files):
        raise DiskError("no space left")

    monkeypatch.setattr(methods, "brought_halfway", full)
    monkeypatch.setattr(methods, "written", lambda visit, folder: (folder, folder))
    bench = Bench(None, visits.KINDS, tmp_path)
    bench.__dict__["files"] = None
    with pytest.raises(DiskError):
        methods.by_samseg_long(bench, None, tmp_path)


def test_a_row_has_volumes_change_and_the_overlap_of_the_first_mask_on_its_own_grid(tmp_path):
    bench = Bench(None, visits.KINDS, tmp_path)
    bench.__dict__["truth"] = Drawn(4).labels
    first, second = Drawn(4).labels, Drawn(3).labels
    row = bench.row("A-T1", "T1", ALONE, first, second)
    assert row["first_ml"] == pytest.approx(0.010) and row["measured_percent"] == pytest.approx(-10)
    assert row["dice_first"] == 1
    assert "dice_first" not in bench.row("A-T1", "T1", HALFWAY, first, second)
    assert bench.row("A-T1", "T1", ALONE, first, "no mask")["note"] == "no mask"
    assert bench.row("A-T1", "T1", ALONE, first, np.zeros_like(first))["note"] == "an empty mask"
