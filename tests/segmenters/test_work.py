"""From a visit's scans to its masks: tools that run, results that are read, and masks that go aside."""

import nibabel as nib
import numpy as np
import pytest

from thalutils import stage, tables
from thalutils.errors import ToolError, UsageError
from thalutils.files import hash_bytes
from thalutils.imaging import brain_mask
from thalutils.segmenters import endings, measure, mindglide, session
from thalutils.segmenters.mindglide import MindGlide
from thalutils.segmenters.protocol import Availability, write_thalamus
from thalutils.stage import Task

LEFT, RIGHT = slice(28, 36), slice(44, 52)  # of 80 voxels of 2 mm
BOX = (slice(40, 52), slice(34, 46))


def labels(left: slice | None = LEFT, right: slice | None = RIGHT, value=(10, 49)) -> np.ndarray:
    data = np.zeros((80, 90, 80), np.uint8)
    for side, one in zip((left, right), value, strict=True):
        if side is not None:
            data[(side, *BOX)] = one
    return data


class Fake:
    """A tool of the study whose result a test decides."""

    name, contrasts, per_contrast, slow = "Template", ("T1",), False, False

    def __init__(self, drawn: np.ndarray) -> None:
        self.drawn = drawn

    def availability(self) -> Availability:
        return Availability(True, "1")

    def options(self, preset: str) -> dict:
        return {"drawn": hash_bytes(self.drawn.tobytes())}

    def segment(self, image, mask, folder, preset) -> None:
        like = nib.load(image)
        write_thalamus(nib.Nifti1Image(self.drawn, like.affine), like, folder, self.name)


@pytest.fixture
def task(make_dataset) -> Task:
    """The first visit of a person, its T1w checked and its brain mask made."""
    cohort = make_dataset(people=("sub-01",), visits=("ses-01",))
    visit = cohort.sessions()[0]
    row = {"participant_id": "sub-01", "session_id": "ses-01", "image": "T1w", "usable": True}
    row |= {"file": "sub-01/ses-01/anat/sub-01_ses-01_T1w.nii.gz", "shape": None, "voxel_mm": None}
    shard = {"scans": stage.frame("scans", [row])}
    tables.write_shards(cohort.results, stage.ACQUISITION, "sub-01", shard)
    t1w = nib.load(visit.image("T1w"))
    brain = stage.derivative(cohort, visit, brain_mask.ENDING)
    brain.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(np.ones(t1w.shape, np.uint8), t1w.affine), brain)
    return Task(cohort, visit, "Template T1", {"preset": "full"})


def save(task: Task, ending: str, data: np.ndarray) -> None:
    affine = nib.load(task.session.image("T1w")).affine
    path = task.derivative(ending)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, affine), path)


def use(monkeypatch, tool) -> None:
    monkeypatch.setattr(session, "segmenter", lambda name: tool)


def test_a_good_mask_is_kept_and_said_to_be_run(task, monkeypatch):
    use(monkeypatch, Fake(labels()))
    (row,) = session.segment(task)["masks"]
    assert (row["method"], row["origin"], row["preset"]) == ("Template", "run", "full")
    assert task.derivative(endings.ending("Template")).exists()


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (labels(None, None), "its mask is empty"),
        (labels(LEFT, None), "found no right thalamus"),
        (labels(RIGHT, LEFT), "left thalamus lies on the right"),
        (labels(slice(0, 40), slice(40, 80)), "outside 3 to 25 mL"),
    ],
)
def test_a_mask_that_cannot_be_goes_aside_and_the_one_before_goes(task, monkeypatch, drawn, words):
    use(monkeypatch, Fake(labels()))
    session.segment(task)
    use(monkeypatch, Fake(drawn))
    with pytest.raises(ToolError, match=words):
        session.segment(task)
    assert not task.derivative(endings.ending("Template")).exists()
    aside = task.derivative(endings.suspect_ending("Template"))
    assert (np.asarray(nib.load(aside).dataobj) == drawn).all()
    assert session.made(task.cohort, task.session) == {}
    use(monkeypatch, Fake(labels()))
    session.segment(task)
    assert not aside.exists()


def test_a_finished_result_goes_before_a_run(task, no_tools):
    place = task.cohort.bids / "derivatives" / "first"
    place.mkdir(parents=True)
    affine = nib.load(task.session.image("T1w")).affine
    nib.save(nib.Nifti1Image(labels(), affine), place / "sub-01_ses-01_all_none_firstseg.nii.gz")
    pieces = session.pieces(task.cohort, 0, 0, 0, 0)(task.session)
    assert "FIRST T1" in pieces  # though FSL is not here, and no slow tool is wanted
    (row,) = session.segment(Task(task.cohort, task.session, "FIRST T1", task.options))["masks"]
    assert (row["origin"], row["preset"]) == ("read", None)
    found = np.asarray(nib.load(task.derivative(endings.ending("FIRST"))).dataobj)
    assert (found == labels()).all()


def test_a_mask_whose_tool_has_no_work_any_more_is_not_kept(task, no_tools, in_process):
    """A result that was taken away, or a tool that is gone, must leave no column of an earlier run."""
    place = task.cohort.bids / "derivatives" / "first"
    place.mkdir(parents=True)
    affine = nib.load(task.session.image("T1w")).affine
    path = place / "sub-01_ses-01_all_none_firstseg.nii.gz"
    nib.save(nib.Nifti1Image(labels(), affine), path)
    for name in ("MindGlide-T1", "SAMSEG-T1"):
        save(task, endings.structures_ending(name), deep_grey_labels())
    save(task, endings.ending("SAMSEG-T1"), labels())
    save(task, endings.suspect_ending("SAMSEG-FLAIR"), labels())

    def run() -> set[str]:
        every = session.pieces(task.cohort, 0, 0, 0, 0)
        only = lambda visit: [one for one in every(visit) if one.startswith("FIRST")]  # noqa: E731
        session.run(task.cohort, "all", only, "full", ["FIRST"])
        return set(session.made(task.cohort, task.session))

    assert run() == {"FIRST"}
    assert not task.derivative(endings.structures_ending("MindGlide-T1")).exists()
    assert not task.derivative(endings.suspect_ending("SAMSEG-FLAIR")).exists()
    path.unlink()
    assert run() == set()


def deep_grey_labels() -> np.ndarray:
    """MindGlide's: label 3 reaches beyond the envelope forward, and lacks its hindmost two slices."""
    data = np.zeros((80, 90, 80), np.uint8)
    data[24:56, 42:60, 34:46] = 3
    data[0:5, 0:5, 0:5] = 13
    return data


def test_mindglide_s_thalamus_is_its_deep_grey_within_first(task):
    save(task, endings.structures_ending("MindGlide-T1"), deep_grey_labels())
    save(task, endings.ending("FIRST"), labels())
    save(task, endings.ending("Template"), labels(slice(20, 36)))
    rows = session.fuse(task)
    (row,) = rows["masks"]
    assert (row["method"], row["envelope"]) == ("MindGlide-T1", "FIRST")
    found = np.asarray(nib.load(task.derivative(endings.ending("MindGlide-T1"))).dataobj)
    expected = labels()
    expected[:, :42] = 0
    assert (found == expected).all()
    (checks,) = rows["envelope"]
    assert checks["volume_ml"] == pytest.approx((expected > 0).sum() * 8 / 1000)
    assert checks["envelope_filled"] == pytest.approx(10 / 12)


def test_without_first_the_next_envelope_cuts_and_is_named(task):
    save(task, endings.structures_ending("MindGlide-T1"), deep_grey_labels())
    save(task, endings.ending("Template"), labels())
    (row,) = session.fuse(task)["masks"]
    assert row["envelope"] == "Template"
    strict = Task(task.cohort, task.session, None, {"envelopes": ["FIRST"]})
    rows = session.fuse(strict)
    assert rows["masks"] == []
    assert "no mask by FIRST to cut the thalamus out with" in rows["exclusions"][0]["reason"]
    assert not task.derivative(endings.ending("MindGlide-T1")).exists()


def test_a_cut_that_leaves_nothing_goes_aside_and_the_rest_goes_on(task):
    save(
        task,
        endings.structures_ending("MindGlide-T1"),
        np.where(deep_grey_labels() == 3, 13, 0).astype(np.uint8),
    )
    save(task, endings.structures_ending("MindGlide-R1"), deep_grey_labels())
    save(task, endings.ending("FIRST"), labels())
    rows = session.fuse(task)
    assert [row["method"] for row in rows["masks"]] == ["MindGlide-R1"]
    assert rows["exclusions"][0]["method"] == "MindGlide-T1"
    assert "empty" in rows["exclusions"][0]["reason"]
    assert task.derivative(endings.suspect_ending("MindGlide-T1")).exists()


def test_finished_mindglide_labels_are_read_and_say_so(task, no_tools):
    place = task.cohort.bids / "derivatives" / "mindglide"
    place.mkdir(parents=True)
    affine = nib.load(task.session.image("T1w")).affine
    path = place / "sub-01_ses-01_T1w_seg.nii.gz"
    nib.save(nib.Nifti1Image(deep_grey_labels(), affine), path)
    assert "MindGlide T1" in session.pieces(task.cohort, 0, 0, 0, 0)(task.session)
    mine = Task(task.cohort, task.session, "MindGlide T1", task.options)
    assert session.segment(mine) == {"exclusions": []}
    save(task, endings.ending("FIRST"), labels())
    (row,) = session.fuse(task)["masks"]
    assert row["origin"] == "read"
    nib.save(nib.Nifti1Image(deep_grey_labels()[:-1], affine), path)
    (exclusion,) = session.segment(mine)["exclusions"]
    assert "another grid than the T1w" in exclusion["reason"]
    assert not task.derivative(endings.structures_ending("MindGlide-T1")).exists()
    assert session.fuse(task)["masks"] == []
    aside = nib.load(task.derivative(endings.suspect_ending("MindGlide-T1")))
    expected = np.where(deep_grey_labels() == 3, 3, 0)
    expected[-1] = 0
    assert (np.asarray(aside.dataobj) == expected).all()  # where the headers place it, to be shown
    nib.save(nib.Nifti1Image(deep_grey_labels(), affine), path)
    assert session.segment(mine) == {"exclusions": []}
    assert not task.derivative(endings.suspect_ending("MindGlide-T1")).exists()


def test_a_damaged_finished_result_leaves_the_other_contrasts(task, no_tools):
    place = task.cohort.bids / "derivatives" / "mindglide"
    place.mkdir(parents=True)
    affine = nib.load(task.session.image("T1w")).affine
    save(task, endings.IMAGES["FLAIR"], np.asarray(nib.load(task.session.image("T1w")).dataobj))
    (place / "sub-01_ses-01_T1w_seg.nii.gz").write_bytes(b"no image")
    nib.save(nib.Nifti1Image(deep_grey_labels(), affine), place / "sub-01_ses-01_FLAIR_seg.nii.gz")
    mine = Task(task.cohort, task.session, "MindGlide T1+FLAIR", task.options)
    (exclusion,) = session.segment(mine)["exclusions"]
    assert exclusion["method"] == "MindGlide-T1" and "cannot be read" in exclusion["reason"]
    assert task.derivative(endings.structures_ending("MindGlide-FLAIR")).exists()


def test_two_finished_results_of_a_contrast_cost_the_visit_that_contrast_alone(task, no_tools):
    """They cost it all contrasts, those with one result too."""
    place = task.cohort.bids / "derivatives" / "mindglide"
    place.mkdir(parents=True)
    affine = nib.load(task.session.image("T1w")).affine
    save(task, endings.IMAGES["FLAIR"], np.asarray(nib.load(task.session.image("T1w")).dataobj))
    names = [
        "sub-01_ses-01_T1w_seg.nii.gz",
        "sub-01_ses-01_run-2_T1w_seg.nii.gz",
        "sub-01_ses-01_FLAIR_seg.nii.gz",
    ]
    for name in names:
        nib.save(nib.Nifti1Image(deep_grey_labels(), affine), place / name)
    assert session.has_finished(MindGlide(), task.cohort, task.session) == ("T1", "FLAIR")
    assert "MindGlide T1+FLAIR" in session.pieces(task.cohort, 0, 0, 0, 0)(task.session)
    mine = Task(task.cohort, task.session, "MindGlide T1+FLAIR", task.options)
    (exclusion,) = session.segment(mine)["exclusions"]
    assert exclusion["method"] == "MindGlide-T1"
    assert all(name in exclusion["reason"] for name in names[:2]) and "Leave one there" in exclusion["reason"]
    assert not task.derivative(endings.structures_ending("MindGlide-T1")).exists()
    assert task.derivative(endings.structures_ending("MindGlide-FLAIR")).exists()


def test_labels_that_a_run_left_on_another_grid_are_set_aside_and_the_rest_goes_on(task, monkeypatch):
    def label(self, images, folder):
        for contrast, path in images.items():
            like = nib.load(path)
            data = deep_grey_labels()[: -1 if contrast == "FLAIR" else None]
            mindglide.save_labels(nib.Nifti1Image(data, like.affine), like, folder, contrast, contrast)
        return {}

    monkeypatch.setattr(MindGlide, "label", label)
    monkeypatch.setattr(MindGlide, "availability", lambda self: Availability(True, "1.3.0"))
    save(task, endings.IMAGES["FLAIR"], np.asarray(nib.load(task.session.image("T1w")).dataobj))
    mine = Task(task.cohort, task.session, "MindGlide T1+FLAIR", task.options)
    (exclusion,) = session.segment(mine)["exclusions"]
    assert exclusion["method"] == "MindGlide-FLAIR" and "another grid" in exclusion["reason"]
    assert task.derivative(endings.suspect_ending("MindGlide-FLAIR")).exists()
    assert task.derivative(endings.structures_ending("MindGlide-T1")).exists()


def test_mindglide_takes_all_contrasts_of_a_visit_at_once(task, monkeypatch):
    """One piece of work, one load; a finished T1w is read, and the network sees the rest alone."""
    seen = []

    def label(self, images, folder):
        seen.append(sorted(images))
        for contrast, path in images.items():
            like = nib.load(path)
            nib.save(nib.Nifti1Image(deep_grey_labels(), like.affine), folder / f"{contrast}.nii.gz")
        return {}

    monkeypatch.setattr(MindGlide, "label", label)
    monkeypatch.setattr(MindGlide, "availability", lambda self: Availability(True, "1.3.0"))
    t1w = np.asarray(nib.load(task.session.image("T1w")).dataobj)
    for contrast in ("FLAIR", "R1"):
        save(task, endings.IMAGES[contrast], t1w)
    place = task.cohort.bids / "derivatives" / "mindglide"
    place.mkdir(parents=True)
    affine = nib.load(task.session.image("T1w")).affine
    nib.save(nib.Nifti1Image(deep_grey_labels(), affine), place / "sub-01_ses-01_T1w_seg.nii.gz")
    (piece,) = [one for one in session.pieces(task.cohort, 0, 0, -1, 0)(task.session) if "MindGlide" in one]
    assert piece == "MindGlide T1+FLAIR+R1"
    session.segment(Task(task.cohort, task.session, piece, task.options))
    assert seen == [["FLAIR", "R1"]]
    save(task, endings.ending("FIRST"), labels())
    origins = {row["method"]: row["origin"] for row in session.fuse(task)["masks"]}
    assert origins == {"MindGlide-T1": "read", "MindGlide-FLAIR": "run", "MindGlide-R1": "run"}
    assert {"MindGlide-T1-R1-FLAIR", "MindGlide-T1-FLAIR"} <= set(session.made(task.cohort, task.session))


def test_a_contrast_that_fails_leaves_the_others_and_is_tried_again_alone(task, monkeypatch):
    seen = []

    def label(self, images, folder):
        seen.append(sorted(images))
        (folder / "mindglide.log").write_text("out of memory")
        for contrast, path in images.items():
            if contrast != "FLAIR":
                like = nib.load(path)
                nib.save(nib.Nifti1Image(deep_grey_labels(), like.affine), folder / f"{contrast}.nii.gz")
        return {"FLAIR": "mindglide ended with code 1. Its last words:\nout of memory"}

    monkeypatch.setattr(MindGlide, "label", label)
    monkeypatch.setattr(MindGlide, "availability", lambda self: Availability(True, "1.3.0"))
    save(task, endings.IMAGES["FLAIR"], np.asarray(nib.load(task.session.image("T1w")).dataobj))
    mine = Task(task.cohort, task.session, "MindGlide T1+FLAIR", task.options)
    for _ in range(2):
        (exclusion,) = session.segment(mine)["exclusions"]
        assert exclusion["method"] == "MindGlide-FLAIR"
        assert "Its last words: out of memory The whole output is in " in exclusion["reason"]
        assert task.derivative(endings.structures_ending("MindGlide-T1")).exists()
        assert not task.derivative(endings.structures_ending("MindGlide-FLAIR")).exists()
    assert seen == [["FLAIR", "T1"], ["FLAIR"]]
    (log,) = (task.cohort.cache / "failed").glob("segment-MindGlide-*/mindglide.log")
    assert log.read_text() == "out of memory"


def test_envelopes_are_names_of_masks():
    assert session.envelope_names("SAMSEG-T1, FIRST") == ["SAMSEG-T1", "FIRST"]
    for wrong in ("", "MindGlide-T1", "Frist"):
        with pytest.raises(UsageError, match="give names of masks"):
            session.envelope_names(wrong)


@pytest.fixture
def raters(task) -> Task:
    """Two raters: anna drew a plain mask, ben a map of sides one voxel longer; a third's is on another grid."""
    affine = nib.load(task.session.image("T1w")).affine
    drawn = {"anna": (labels() > 0).astype(np.uint8), "ben": labels(slice(27, 36)), "carl": labels()[:-1]}
    for who, data in drawn.items():
        place = task.cohort.bids / "derivatives" / who / "sub-01" / "ses-01" / "anat"
        place.mkdir(parents=True)
        kind = "mask" if who == "anna" else "dseg"
        nib.save(nib.Nifti1Image(data, affine), place / f"sub-01_ses-01_desc-thalamus_{kind}.nii.gz")
    text = task.cohort.path.read_text()
    folders = ", ".join(f"derivatives/{who}" for who in ("ben", "anna", "carl"))
    task.cohort.path.write_text(f"{text}\nreferences: {{manual: [{folders}]}}\n")
    return Task(type(task.cohort).load("tiny"), task.session, None, task.options)


def test_every_rater_has_rows_and_a_fault_of_one_leaves_the_others(raters):
    save(raters, endings.ending("Template"), labels())
    for made_by in (endings.STAGE, endings.ENSEMBLE_STAGE):
        tables.write_shards(raters.cohort.results, made_by, "sub-01", {"masks": tables.empty("masks")})
    rows = measure.measure_overlap(raters)
    dice = {row["rater"]: row["dice"] for row in rows["overlap"]}
    assert dice == {"anna": 1.0, "ben": pytest.approx(2 * 16 / 33)}
    (pair,) = rows["rater_agreement"]
    assert (pair["rater_i"], pair["rater_j"]) == ("anna", "ben")
    assert pair["dice"] == pytest.approx(2 * 16 / 33)
    assert pair["volume_j_ml"] - pair["volume_i_ml"] == pytest.approx(12 * 12 * 8 / 1000)
    (fault,) = rows["exclusions"]
    assert "carl" in fault["reason"]
    assert "another grid than the visit's T1w" in fault["reason"]
    volumes = measure.measure_volumes(raters)["volumes"]
    assert [row["rater"] for row in volumes if row["method"] == "manual"] == ["anna", "ben"]
    sides = [(row["left_ml"], row["right_ml"]) for row in volumes if row["rater"] == "anna"]
    assert sides == [(pytest.approx(9.216), pytest.approx(9.216))]
