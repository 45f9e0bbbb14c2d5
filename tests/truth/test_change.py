"""Pairs of visits: who they are of, what is kept of them, and that a stopped computation goes on."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from thalutils import process
from thalutils.errors import TableError, ToolError, UsageError
from thalutils.truth import change, kept, live, methods, visits
from thalutils.truth.methods import ALONE, Bench, Group
from thalutils.truth.visits import LOSSES, PLAN, RESCAN, UPGRADE, WATER, Person

SHAPE = (20, 20, 20)


class Ball:
    """A head that is as large as it says."""

    def __init__(self, ml: float) -> None:
        self.ml = ml

    def thalamus_ml(self) -> tuple[float, float]:
        return self.ml / 2, self.ml / 2


def thalami(voxels: int) -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels.reshape(-1)[:voxels] = 10
    labels.reshape(-1)[-voxels:] = 49
    return labels


def visit(ml: float, voxels: int) -> visits.Visit:
    """Return a visit whose T1w holds the mask that a tool will find in it."""
    image = nib.Nifti1Image(thalami(voxels).astype(np.float32), np.eye(4))
    return visits.Visit(Ball(ml), None, dict.fromkeys(("T1w", "FLAIR", "R1"), image))


@pytest.fixture
def simulated(monkeypatch):
    """Heads of 10 mL whose scans hold their own mask; each second visit is counted."""
    made = []

    def one_by_one(function, items, **_):
        return [process._attempt(function, item) for item in items]

    def second(self, disturbance, loss_percent, kinds=()):
        made.append((self.number, disturbance, loss_percent))
        return visit(10 * (1 - loss_percent / 100), round(1000 * (1 - loss_percent / 100)))

    def measure(bench, later, folder):
        drawn = [np.asarray(one.images["T1w"].dataobj).astype(np.uint8) for one in (bench.first, later)]
        return [
            bench.row("Tool-T1", "T1", ALONE, *drawn),
            bench.row("Lost-T1", "T1", ALONE, drawn[0], "it failed"),
        ]

    monkeypatch.setattr(kept, "parallel_map", one_by_one)
    monkeypatch.setattr(Person, "first", lambda self, kinds=(): visit(10.0, 1000))
    monkeypatch.setattr(Person, "second", second)
    monkeypatch.setattr(Bench, "truth", thalami(1000))
    monkeypatch.setitem(methods.GROUPS, "template", Group(measure, PLAN))
    return made


def test_every_pair_of_every_person_is_kept_with_its_truth(simulated, tmp_path):
    found = pd.read_csv(change.run(tmp_path, 2, 1, 0, ["template"]), sep="\t", dtype=kept.TEXTS)
    assert list(found.columns) == list(change.COLUMNS)
    mine = found[found["method"] == "Tool-T1"]
    assert mine.groupby(["anatomy", "number"]).ngroups == 6
    assert len(mine) == 6 * sum(len(losses) for losses in PLAN.values())
    np.testing.assert_allclose(mine["true_percent"], mine["planned_percent"], atol=1e-3)
    np.testing.assert_allclose(mine["measured_percent"], mine["true_percent"], atol=0.06)
    assert (mine["dice_first"] == 1).all()
    failed = found[found["method"] == "Lost-T1"]
    assert failed["measured_percent"].isna().all() and set(failed["note"]) == {"it failed"}
    made = json.loads((tmp_path / "recovery_pairs.json").read_text())
    assert "--heads 2 --deformations 1" in made["made_with"] and set(made) == {
        "made_with",
        "commit",
        "machine",
        "date",
    }


def test_what_was_stopped_goes_on_where_it_was(simulated, tmp_path, monkeypatch):
    whole = visits.pairs(PLAN)
    broken = methods.GROUPS["template"].measure

    def stops(bench, later, folder):
        if len(simulated) == 4:
            raise ToolError("the machine was turned off")
        return broken(bench, later, folder)

    monkeypatch.setitem(methods.GROUPS, "template", Group(stops, PLAN))
    with pytest.raises(ToolError, match="turned off"):
        change.run(tmp_path, 1, 0, 0, ["template"])
    assert len(simulated) == 4
    monkeypatch.setitem(methods.GROUPS, "template", Group(broken, PLAN))
    change.run(tmp_path, 1, 0, 0, ["template"])
    assert len(simulated) == 4 + len(whole) - 3, "the three pairs that were done are not done again"
    before = (tmp_path / change.DATA).read_bytes()
    change.run(tmp_path, 1, 0, 0, ["template"])
    assert (tmp_path / change.DATA).read_bytes() == before and len(simulated) == len(whole) + 1


def test_methods_that_do_not_exist_are_refused(tmp_path):
    with pytest.raises(UsageError, match="freesurfer"):
        change.run(tmp_path, 1, 0, 0, ["freesurfer"])
    with pytest.raises(UsageError, match=r"no 3\.5"):
        change.run(tmp_path, 1, 0, 0, ["template"], losses=[3.5])


def test_a_part_of_the_pairs_is_used_again_by_the_whole(simulated, tmp_path):
    part = pd.read_csv(change.run(tmp_path, 1, 0, 0, ["template"], [RESCAN], [0.0, 5.0]), sep="\t")
    assert len(part) == 4 and len(simulated) == 2
    assert (
        "--disturbances rescan --losses 0,5"
        in json.loads((tmp_path / "recovery_pairs.json").read_text())["made_with"]
    )
    change.run(tmp_path, 1, 0, 0, ["template"])
    assert len(simulated) == len(visits.pairs(PLAN))


def test_samseg_measures_the_first_few_of_every_anatomy(tmp_path):
    wanted = change.cases(tmp_path, heads=3, deformations=1, samseg_heads=2, groups=("thalnet", "samseg"))
    assert [one.person.anatomy for one in wanted if one.group == "samseg"] == ["phantom", "04"]
    assert len([one for one in wanted if one.group == "thalnet"]) == 7


def test_the_plan_holds_the_losses_and_the_traps():
    assert PLAN[RESCAN] == LOSSES == (0.0, 0.3, 0.7, 1.0, 2.0, 5.0)
    assert PLAN[WATER] == (0.0,) and set(PLAN[UPGRADE]) < set(LOSSES)
    assert visits.CONDITIONS[RESCAN] is visits.STUDY
    assert visits.CONDITIONS[UPGRADE].mprage != visits.STUDY.mprage
    assert (
        not visits.CONDITIONS[UPGRADE].water_percent
        and visits.CONDITIONS[WATER].mprage == visits.STUDY.mprage
    )


def test_second_visits_have_noise_of_their_own(tmp_path, monkeypatch):
    """Every disturbance and loss draws its own position and noise, and the first visit another."""
    drawn = []
    monkeypatch.setattr(visits.scans, "new_position", lambda rng: drawn.append(rng.random()))
    monkeypatch.setattr(visits.scans, "images", lambda *arguments: {})
    monkeypatch.setattr(visits, "lose", lambda head, *shares: head)
    monkeypatch.setattr(Person, "head", Ball(10.0))
    person = Person(tmp_path, "phantom", 1)
    person.first()
    for pair in visits.pairs():
        person.second(*pair)
    assert len(set(drawn)) == 1 + len(visits.pairs())


def pairs_like(first_ml: float) -> pd.DataFrame:
    row = {
        "anatomy": "phantom", "number": 1, "disturbance": RESCAN, "planned_percent": -5.0, "truth_first_ml": 14.0,
        "truth_second_ml": 13.3, "method": live.METHOD, "processing": ALONE, "first_ml": first_ml, "second_ml": 13.0,
    }  # fmt: skip
    return pd.DataFrame([row])


@pytest.mark.parametrize("off, agrees", [(0.0, True), (0.01, True), (0.1, False)])
def test_the_live_slice_agrees_within_a_few_voxels(tmp_path, monkeypatch, off, agrees):
    monkeypatch.setattr(live, "_measured", lambda person, folder: pairs_like(14.2))
    found = live.recompute(tmp_path, pairs_like(14.2 + off))
    assert found["agrees"].all() == agrees and set(found["quantity"]) == set(live.COMPARED)


def test_an_anatomy_that_is_not_here_leaves_a_sentence(tmp_path, monkeypatch):
    def absent(person, folder):
        raise ToolError("SAMSEG is not installed")

    monkeypatch.setattr(live, "_measured", absent)
    assert "SAMSEG is not installed" in live.recompute(tmp_path, pairs_like(14.2))
    assert "no such pair" in live.recompute(tmp_path, pairs_like(np.nan))


def test_the_tables_origin_names_a_commit(tmp_path):
    table = Path(tmp_path / "some.tsv")
    table.write_text("a\n1\n")
    made = json.loads(kept.sign(table, "python -m x").read_text())
    assert len(made["commit"].split()[0]) >= 7 and "cores" in made["machine"]


def test_a_table_that_was_not_computed_is_said_to_be_missing():
    with pytest.raises(TableError, match="not computed yet"):
        kept.read("nothing.tsv")
