"""Review by eye: what a sheet and its code give away, that every result has one, and that what is entered by code is obeyed."""

import re
import shutil
from itertools import pairwise

import numpy as np
import pytest
from matching_heads import OPTIONS, add_r1
from PIL import Image

from thalutils import staleness
from thalutils.errors import TableError
from thalutils.files import write_json
from thalutils.imaging import alignment, brain_mask, registration, review, review_table, strategies, verdicts
from thalutils.imaging.reviewed import STRATEGIES, Reviewed, of_visit
from thalutils.imaging.sheets import LARGEST_BYTES

FIRST, SECOND, _ = registration.R1_STRATEGIES
TRIED = {"R1": registration.R1_STRATEGIES, "FLAIR": (registration.FLAIR_STRATEGY,), "brain": ("deepbet",)}


@pytest.fixture
def cohort(matching_heads, monkeypatch):
    """Two people; every strategy leaves the T1w itself, as good as the others."""

    def try_all(image, t1w, mask, moving, folder, *, bins, r1_percentile, with_flirt):
        found = []
        for one in strategies.tried(image, with_flirt):
            for name in (one, f"{one}_rescaled"):
                shutil.copyfile(t1w, folder / strategies.moved_file(name))
            found.append({"strategy": one, "mutual_information": 0.5, "transform": np.eye(4).tolist()})
        write_json(folder / strategies.FOUND, found)

    monkeypatch.setattr(strategies, "try_all", try_all)
    found = matching_heads()
    add_r1(found)
    return found


def run(cohort, participants="all"):
    masks = brain_mask.run(cohort, participants)
    return masks, alignment.run(cohort, participants, OPTIONS)


def everything(*people):
    return {Reviewed(who, "ses-01", image, one) for who in people for image in TRIED for one in TRIED[image]}


def table(cohort):
    return [line.split("\t") for line in cohort.blinded_verdicts.read_text().splitlines()]


def enter(cohort, *verdicts):
    """Fill rows that a run has listed, as a reviewer does."""
    text = cohort.blinded_verdicts.read_text()
    for one, value in verdicts:
        assert f"\n{one.code}\t\n" in text
        text = text.replace(f"\n{one.code}\t\n", f"\n{one.code}\t{value}\n")
    cohort.blinded_verdicts.write_text(text)


def chosen(found):
    return (
        found["registration"]
        .query("selected and image == 'R1'")
        .set_index("participant_id")["strategy"]
        .to_dict()
    )


def test_a_code_gives_nothing_away_and_its_order_shuffles():
    every = [one for number in range(60) for one in of_visit(f"sub-{number:02}", "ses-01", "R1")]
    assert len({one.code for one in every}) == 60 * len(STRATEGIES["R1"])
    assert all(re.fullmatch(r"R1-[0-9a-f]{12}", one.code) for one in every)
    shown = sorted(every, key=lambda one: one.code)
    for key, kinds in (
        (lambda one: one.strategy, len(STRATEGIES["R1"])),
        (lambda one: one.participant_id, 60),
    ):
        alike = sum(key(one) == key(two) for one, two in pairwise(shown)) / len(shown)
        assert alike < 2 / kinds + 0.02


def test_every_visit_and_strategy_has_a_sheet_that_names_neither(cohort):
    run(cohort)
    assert set(review.codes(cohort).values()) == everything("sub-01", "sub-02")
    page = (cohort.review / review.INDEX).read_text()
    for code in review.codes(cohort):
        path = cohort.review / f"{code}.jpg"
        assert path.stat().st_size <= LARGEST_BYTES
        with Image.open(path) as sheet:
            assert sheet.format == "JPEG"
            assert not {"exif", "comment"} & set(sheet.info)
        assert page.count(f'src="{code}.jpg"') == 1
    words = ("sub-", "ses-", "deepbet", *registration.R1_STRATEGIES, registration.FLAIR_STRATEGY)
    assert not [word for word in words if word in page]
    rows = [line.split("\t") for line in (cohort.review / review.UNBLINDING).read_text().splitlines()[1:]]
    assert {Reviewed(*row[1:]): row[0] for row in rows} == {
        one: one.code for one in everything("sub-01", "sub-02")
    }


def test_the_table_lists_every_code_with_nothing_entered(cohort):
    run(cohort)
    header, *rows = table(cohort)
    assert header == ["code", "verdict"]
    assert rows == sorted([one.code, ""] for one in everything("sub-01", "sub-02"))
    assert staleness.inputs(cohort)["verdicts"] == ""  # a list alone makes no stage stale


def test_what_is_entered_by_code_is_obeyed_and_stays(cohort):
    _, before = run(cohort)
    assert chosen(before) == {"sub-01": FIRST, "sub-02": FIRST}
    failed, seen = (Reviewed("sub-01", "ses-01", "R1", one) for one in (FIRST, SECOND))
    mask = Reviewed("sub-02", "ses-01", "brain", "deepbet")
    enter(cohort, (failed, "fail"), (seen, "pass"), (mask, "fail"))
    assert staleness.inputs(cohort)["verdicts"]
    masks, found = run(cohort)
    assert chosen(found) == {"sub-01": SECOND}
    assert found["registration"]["verdict"].fillna("").tolist() == ["fail", "pass", "", ""]
    assert masks["brain_masks"]["verdict"].fillna("").tolist() == ["", "fail"]
    [left_out] = masks["exclusions"].query("stage == @brain_mask.STAGE")["reason"]
    assert left_out == f"brain mask failed on visual review ({cohort.blinded_verdicts.name})."
    entered = {code: verdict for code, verdict in table(cohort)[1:] if verdict}
    assert entered == {failed.code: "fail", seen.code: "pass", mask.code: "fail"}
    assert (cohort.review / f"{mask.code}.jpg").exists()  # it can be looked at again


def test_new_sheets_are_added_and_empty_rows_without_one_go(cohort):
    run(cohort, "sub-01")
    assert {row[0] for row in table(cohort)[1:]} == {one.code for one in everything("sub-01")}
    gone = Reviewed("sub-01", "ses-01", "FLAIR", registration.FLAIR_STRATEGY)
    kept = Reviewed("sub-01", "ses-01", "R1", FIRST)
    text = cohort.blinded_verdicts.read_text().replace("code\tverdict\n", "code\tverdict\tremark\n")
    text = text.replace(f"{kept.code}\t\n", f'"{kept.code}"\tfail\ta little low\n')
    cohort.blinded_verdicts.write_text(text.replace("\n", "\r\n"))
    cohort.sessions()[0].image("FLAIR").unlink()
    run(cohort)
    header, *rows = table(cohort)
    assert header == ["code", "verdict", "remark"]
    assert {row[0].strip('"') for row in rows} == {
        one.code for one in everything("sub-01", "sub-02") - {gone}
    }
    assert [f'"{kept.code}"', "fail", "a little low"] in rows
    assert verdicts.verdict(cohort, cohort.sessions()[0], "R1", FIRST) == "fail"


def test_parts_of_the_people_give_the_same_as_all_at_once(cohort):
    def kept():
        return {path.name: path.read_bytes() for path in (*cohort.review.iterdir(), cohort.blinded_verdicts)}

    run(cohort)
    at_once = kept()
    for path in (*cohort.review.iterdir(), cohort.blinded_verdicts):
        path.unlink()
    for person in ("sub-02", "sub-01"):
        run(cohort, person)
    assert kept() == at_once


def test_who_left_the_cohort_has_no_sheet(cohort):
    run(cohort)
    (cohort.bids / "participants.tsv").write_text("participant_id\nsub-02\n")
    cohort = type(cohort).load("tiny")
    run(cohort)
    assert set(review.codes(cohort).values()) == everything("sub-02")
    assert {path.stem for path in cohort.review.glob("*.jpg")} == {one.code for one in everything("sub-02")}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("R1-000000000000\tfail", "line 4: 'R1-000000000000' is the code of nothing in cohort tiny"),
        ("\tpass", "line 4: '' is the code of nothing"),
        (
            f"{Reviewed('sub-01', 'ses-01', 'R1', FIRST).code}\tfailed",
            "line 4: verdict 'failed' is neither pass nor",
        ),
    ],
)
def test_a_line_on_nothing_is_refused_before_anything_is_removed(cohort, line, words):
    run(cohort)
    known = Reviewed("sub-01", "ses-01", "R1", SECOND).code
    cohort.blinded_verdicts.write_text(f"code\tverdict\n{known}\tfail\nR1-00000000ffff\t\n{line}\n")
    there = {path.name for path in cohort.derivatives.rglob("*")}
    for work in (lambda: brain_mask.run(cohort, "all"), lambda: alignment.run(cohort, "all", OPTIONS)):
        with pytest.raises(TableError) as caught:
            work()
        assert str(caught.value).startswith(f"{cohort.blinded_verdicts}: {words}")
    assert {path.name for path in cohort.derivatives.rglob("*")} == there
    staleness.inputs(cohort)  # a faulty table is told by the check, not by who asks what is stale


def test_what_failed_in_one_table_has_failed(cohort):
    visit = cohort.sessions()[0]
    code = Reviewed(visit.participant_id, visit.session_id, "R1", FIRST).code
    for by_name, by_code, expected in (
        ("fail", "pass", "fail"),
        ("pass", "fail", "fail"),
        ("pass", "", "pass"),
    ):
        header = "participant_id\tsession_id\timage\tstrategy\tverdict\n"
        cohort.verdicts.write_text(f"{header}sub-01\tses-01\tR1\t{FIRST}\t{by_name}\n")
        cohort.blinded_verdicts.write_text(f"code\tverdict\n{code}\t{by_code}\n")
        assert verdicts.verdict(cohort, visit, "R1", FIRST) == expected


def test_what_a_reviewer_saves_while_the_table_is_listed_is_kept(cohort, monkeypatch):
    run(cohort)
    one = Reviewed("sub-01", "ses-01", "R1", FIRST)
    read, meanwhile = review_table._text, [lambda: enter(cohort, (one, "fail"))]

    def text(path):
        found = read(path)
        if meanwhile:
            meanwhile.pop()()
        return found

    monkeypatch.setattr(review_table, "_text", text)
    review_table.complete(cohort, [*review.codes(cohort), "R1-ffffffffffff"])
    assert review_table.entered(cohort) == {one.code: "fail"}
    assert ["R1-ffffffffffff", ""] in table(cohort)


def test_a_folder_that_cannot_be_written_stops_nothing(cohort, monkeypatch):
    def refuse(*_, **__):
        raise review_table.DiskError("read-only")

    monkeypatch.setattr(review_table, "atomic_path", refuse)
    run(cohort)
    assert not cohort.blinded_verdicts.exists()
    assert len(review.codes(cohort)) == len(everything("sub-01", "sub-02"))
