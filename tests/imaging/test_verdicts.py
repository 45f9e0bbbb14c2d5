"""Verdicts that a reviewer enters: obeyed by masks and registrations, and refused as a whole where a line means nothing."""

import pytest
from matching_heads import OPTIONS, add_r1

from thalutils import console
from thalutils.errors import TableError
from thalutils.imaging import alignment, brain_mask, registration, verdicts

HEADER = "participant_id\tsession_id\timage\tstrategy\tverdict\n"
FIRST, SECOND, _ = registration.R1_STRATEGIES


def enter(cohort, *lines):
    cohort.verdicts.write_text(HEADER + "".join("\t".join(line.split()) + "\n" for line in lines))


@pytest.fixture
def cohort(matching_heads):
    return matching_heads()


def masks(cohort):
    return {path.name.split("_")[0] for path in cohort.derivatives.rglob(f"*_{brain_mask.ENDING}")}


def test_a_brain_mask_that_failed_by_eye_is_taken_away_and_the_others_stay(cohort):
    brain_mask.run(cohort, "all")
    assert masks(cohort) == {"sub-01", "sub-02"}
    enter(cohort, "sub-01 ses-01 brain deepbet fail", "sub-02 ses-01 brain deepbet pass")
    found = brain_mask.run(cohort, "all")
    assert masks(cohort) == {"sub-02"}
    assert found["brain_masks"]["verdict"].tolist() == ["fail", "pass"]
    (left_out,) = found["exclusions"].query("stage == @brain_mask.STAGE").itertuples()
    assert left_out.participant_id == "sub-01"
    assert left_out.reason == "brain mask failed on visual review (tiny.verdicts.tsv)."


def test_a_registration_that_failed_by_eye_gives_way_to_the_next(cohort):
    """R1 is the T1w itself, and every strategy finds that nothing moved: they are as good as each other."""
    brain_mask.run(cohort, "all")
    add_r1(cohort)
    enter(
        cohort, f"sub-01 ses-01 R1 {FIRST} fail", "sub-02 ses-01 FLAIR sitk-mi-rigid fail",
        f"sub-02 ses-01 R1 {SECOND} fail", f"sub-02 ses-01 R1 {SECOND} pass",
    )  # fmt: skip
    found = alignment.run(cohort, "all", OPTIONS)
    chosen = found["registration"].query("selected").set_index(["participant_id", "image"])["strategy"]
    assert chosen.to_dict() == {
        ("sub-01", "R1"): SECOND, ("sub-01", "FLAIR"): "sitk-mi-rigid", ("sub-02", "R1"): FIRST,
    }  # fmt: skip
    by_eye = found["registration"].dropna(subset="verdict").set_index(["participant_id", "strategy"])
    assert by_eye["verdict"].to_dict() == {
        ("sub-01", FIRST): "fail", ("sub-02", SECOND): "pass", ("sub-02", "sitk-mi-rigid"): "fail",
    }  # fmt: skip
    (left_out,) = found["exclusions"].query("stage == @alignment.STAGE").itertuples()
    assert (left_out.participant_id, left_out.method) == ("sub-02", "FLAIR")
    assert left_out.reason.startswith("no registration passed its cut-off or its review")
    aligned = {path.name for path in cohort.derivatives.rglob("*_space-T1w_FLAIR.nii.gz")}
    assert aligned == {"sub-01_ses-01_space-T1w_FLAIR.nii.gz"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sub-02 ses-01 brain deepbet failed", "line 3: verdict 'failed' is neither pass nor fail"),
        ("sub-02 ses-01 T1w deepbet fail", "line 3: image 'T1w' is none of R1, FLAIR, brain"),
        ("sub-02 ses-01 R1 sitk_mi fail", "line 3: strategy 'sitk_mi' is none of those of R1: sitk-mi, "),
        ("sub-02 ses-01 FLAIR sitk-mi fail", "line 3: strategy 'sitk-mi' is none of those of FLAIR: sitk-mi-rigid, "),
        ("sub-2 ses-01 brain deepbet fail", "line 3: sub-2 is not in cohort tiny, which has sub-01, sub-02"),
        ("sub-02 ses-1 brain deepbet fail", "line 3: sub-02 has no visit ses-1, but ses-01"),
    ],
)  # fmt: skip
def test_a_line_that_means_nothing_is_refused_before_anything_is_removed(cohort, line, words):
    brain_mask.run(cohort, "all")
    enter(cohort, "sub-01 ses-01 brain deepbet fail", line)
    for work in (lambda: brain_mask.run(cohort, "all"), lambda: alignment.run(cohort, "all", OPTIONS)):
        with pytest.raises(TableError) as caught:
            work()
        assert str(caught.value).startswith(f"{cohort.verdicts}: {words}")
    assert masks(cohort) == {"sub-01", "sub-02"}


def test_commands_refuse_verdicts_before_they_do_anything(cohort):
    (cohort.root / "notebooks" / "stages.yml").write_text("[]\n")
    enter(cohort, "sub-03 ses-01 brain deepbet fail")
    for command in (
        lambda: console.run("tiny", None, "all", None, False, []),
        lambda: console.check("tiny", None, []),
    ):
        with pytest.raises(TableError, match="line 2: sub-03 is not in cohort tiny"):
            command()


def test_who_is_left_out_is_no_stranger_and_a_column_must_be_there(make_dataset):
    cohort = make_dataset(rows="participant_id\nsub-01\nsub-02\nsub-09\n")
    enter(cohort, "sub-09 ses-01 R1 flirt-mi pass")
    verdicts.check(cohort)
    cohort.verdicts.write_text("participant_id\tsession_id\timage\tverdict\n")
    with pytest.raises(TableError, match="column strategy is missing"):
        verdicts.check(cohort)


def test_who_is_in_a_simulated_cohort_is_asked_once_it_is_made(make_dataset):
    cohort = make_dataset(phantom={"participants": 2})
    enter(cohort, "sub-09 ses-01 brain deepbet fail")
    with pytest.raises(TableError, match="sub-09 is not in cohort tiny"):
        verdicts.check(cohort)
    (cohort.bids / "participants.tsv").unlink()
    verdicts.check(cohort)
