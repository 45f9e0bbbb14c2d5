"""Cohorts that lack much: every page is made from what is there, and says which data would make it whole."""

from pathlib import Path

import nibabel as nib
import notebook_cells
import numpy as np
import pandas as pd
import pytest

from thalutils import stages, tables
from thalutils.cohort import Cohort
from thalutils.files import write_json
from thalutils.imaging import brain_change, brain_mask
from thalutils.report import privacy
from thalutils.segmenters import registry, session
from thalutils.segmenters.first import First
from thalutils.segmenters.protocol import Availability, write_thalamus

STAGES = stages.load(notebook_cells.REPOSITORY)
OF_NOBODY = {
    "real-heads",
    "thalnet-model",
    "3-7-true-change",
    "performance",
}  # pages that are the same whatever the cohort
PEOPLE = [f"sub-{number:02}" for number in range(1, 8)]


class Boxes:
    """A tool that draws two boxes, larger in one person than in the next."""

    name, contrasts, per_contrast, slow = "Template", ("T1",), False, False

    def availability(self) -> Availability:
        return Availability(True, "1")

    def options(self, preset: str) -> dict[str, object]:
        return {}

    def segment(self, image: Path, mask: Path, folder: Path, preset: str) -> None:
        place = int(image.name.split("_")[0].removeprefix("sub-"))
        labels = np.zeros(nib.load(image).shape, np.uint8)
        labels[20:30, 40:50, 30 : 38 + place] = 10
        labels[50:60, 40:50, 30 : 38 + place] = 49
        like = nib.load(image)
        write_thalamus(nib.Nifti1Image(labels, like.affine), like, folder, self.name)


def threshold(t1w: Path, folder: Path) -> None:
    image = nib.load(t1w)
    inside = np.asarray(image.dataobj) > 300
    nib.save(nib.Nifti1Image(inside.astype(np.uint8), image.affine), folder / "brain.nii.gz")
    write_json(folder / "volume.json", {"brain_ml": float(inside.sum() * 8 / 1000)})


def masks_apart(pair: brain_change.Pair, folder: Path) -> dict[str, object]:
    """Measure the change of brain volume by both masks alone."""
    before, after = (float(np.asarray(nib.load(path).dataobj).sum()) for path in pair.masks)
    found = {"engine": "masks", "pbvc_percent": 100 * (after / before - 1)}
    return found | {brain_change.MOVEMENT: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]}


@pytest.fixture
def tools(monkeypatch, in_process):
    """Quick tools in place of the real ones, which the head of these tests would defeat."""
    monkeypatch.setattr(brain_change, "ENGINES", (brain_change.Engine("masks", masks_apart, lambda: "1"),))
    for module in (registry, session):
        monkeypatch.setattr(module, "SEGMENTERS", (First(), Boxes()))
    monkeypatch.setattr(brain_mask, "extract", threshold)
    yield
    privacy.open_for(None)


def brighten(cohort: Cohort) -> Cohort:
    """Give each person a head of their own: the brighter, the more of it passes for brain."""
    for number, visit in enumerate(cohort.sessions()):
        path = visit.image("T1w")
        image = nib.load(path)
        brighter = np.asarray(image.dataobj) * (1 + 0.02 * (3 * number % 7))
        nib.save(nib.Nifti1Image(brighter.astype(np.int16), image.affine, image.header), path)
    return cohort


def run_all(cohort: Cohort, only: tuple[str, ...] = ()) -> dict[str, str]:
    """Run every stage that works on the cohort, or some of them; return what each page shows."""
    pages = {}
    for stage in stages.applicable(STAGES, cohort):
        if stage.name in (only or {one.name for one in STAGES} - OF_NOBODY):
            known = stages.parameters(notebook_cells.REPOSITORY, stage)
            fewer = {"resamples": 30} if "resamples" in known else {}
            pages[stage.name] = notebook_cells.run(cohort, stage.name, **fewer)
    return pages


def rows(cohort: Cohort, table: str) -> pd.DataFrame:
    return tables.read(cohort.results / f"{table}.tsv")


def test_one_t1w_a_person_and_nothing_else_gives_every_page(make_dataset, tools):
    cohort = make_dataset(people=PEOPLE, visits=(), publish_individuals=True)
    (cohort.bids / "participants.tsv").unlink()
    brighten(cohort)
    pages = run_all(cohort)
    assert rows(cohort, "exclusions").empty
    volumes = rows(cohort, "volumes").set_index("participant_id")["volume_ml"]
    assert volumes["sub-03"] - volumes["sub-02"] == pytest.approx(2 * 100 * 8 / 1000)
    assert len(rows(cohort, "intracranial")) == len(PEOPLE)
    assert "with them, its maps stand here" in pages["2-5-1-quantitative-maps"]
    assert "R1 and FLAIR are missing" in pages["2-5-2-coregistration"]
    assert "of one site" in pages["3-4-sites"]
    assert "This cohort has no reference <code>manual</code>" in pages["3-3-volumetric-agreement"]
    for name in ("3-5-volume-change", "3-5-trials"):
        assert any(word in pages[name] for word in ("two visits", "second visit", "follow-up")), name


def test_scores_at_one_visit_give_associations_and_no_change(make_dataset, tools):
    people = [f"sub-{number:02}" for number in range(1, 21)]
    cohort = make_dataset(people=people, visits=())
    lines = "\n".join(
        f"{person}\t{30 + 3 * (n % 4)}\t{'FM'[n % 2]}\t{n / 4 // 0.5 / 2 + 1}"
        for n, person in enumerate(people)
    )
    (cohort.bids / "scores.tsv").write_text(f"id\tage\tsex\tedss\n{lines}\n")
    columns = {"participant_id": "id", "age_years": "age", "sex": "sex", "edss": "edss"}
    with cohort.path.open("a") as file:
        file.write(f"clinical: [{{visits: data/tiny/scores.tsv, columns: {columns}}}]\n")
    cohort = brighten(Cohort.load("tiny"))
    run_all(cohort, ("2-4-acquisition", "2-5-2-brain-mask", "2-6-2-segmentation", "2-6-3-volumes", "2-1-cohort",
                     "3-1-population", "3-4-cross-sectional", "3-6-longitudinal"))  # fmt: skip
    found = rows(cohort, "associations").query("analysis == 'all'").set_index("outcome")
    assert found.loc["edss", "n"] == len(people)
    assert found.loc["edss", "beta"] > 0, found.loc["edss", "note"]
    assert (found["n"].drop("edss") == 0).all()
    assert rows(cohort, "change_associations")["beta"].isna().all()


def test_two_visits_without_any_score_give_change_and_no_association(make_dataset, tools):
    cohort = brighten(make_dataset(people=PEOPLE, visits=("ses-1", "ses-2")))
    run_all(cohort)
    assert (rows(cohort, "associations")["n"] == 0).all()
    change = rows(cohort, "change_summary").query("group == 'all' and quantity == 'volume_percent'")
    assert change["n"].tolist() == [len(PEOPLE)]


def test_nobody_with_a_usable_scan_still_gives_every_page(make_dataset, tools):
    cohort = make_dataset(people=PEOPLE[:2], visits=(), scans=("anat/T2w",))
    pages = run_all(cohort)
    assert rows(cohort, "exclusions")["reason"].str.contains("has no T1w").sum() == 2
    assert rows(cohort, "volumes").empty
    assert "No visit has a usable T1w" in pages["2-4-acquisition"] or "would show" in pages["2-4-acquisition"]
