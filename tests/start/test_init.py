"""`thalutils init`: what it refuses, and questions about what it cannot find out."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import pytest
from typer.testing import CliRunner

from thalutils import cli
from thalutils.cohort import Cohort
from thalutils.errors import CohortError, TableError, UsageError
from thalutils.start import clinical, scans
from thalutils.start.clinical import _marks, _units
from thalutils.start.finding import Finding


def init(*arguments: object):
    return CliRunner().invoke(cli.app, ["init", *map(str, arguments)])


def test_nothing_is_overwritten_and_no_name_is_bent(make_dataset, checkout):
    cohort = make_dataset("mine")
    before = cohort.path.read_text()
    for name, words in (("mine", "is there already"), ("My Study", "lower-case letters")):
        done = init(name, "--bids", cohort.bids)
        assert isinstance(done.exception, UsageError) and words in str(done.exception)
    assert cohort.path.read_text() == before
    assert sorted(path.name for path in (checkout / "cohorts").iterdir()) == ["mine.yml"]


def test_a_folder_that_is_no_dataset_is_refused(checkout, tmp_path):
    for folder, words in ((tmp_path / "absent", "no such folder"), (tmp_path, "Is it a BIDS dataset?")):
        done = init("new", "--bids", folder)
        assert isinstance(done.exception, CohortError) and words in str(done.exception)
    assert not (checkout / "cohorts" / "new.yml").exists()


def test_a_table_that_is_not_there_is_refused(make_dataset, tmp_path):
    done = init("new", "--bids", make_dataset().bids, "--phenotype", tmp_path / "absent.csv")
    assert isinstance(done.exception, TableError) and "no such file" in str(done.exception)


def test_raw_scans_that_need_a_fit_are_asked_about(make_dataset, head_file):
    cohort = make_dataset(scans=("anat/T1w", "anat/inv-1_IRT1", "anat/inv-1_MP2RAGE", "fmap/flip-1_TB1TFL"))
    asked = " ".join(scans.look(cohort.bids).questions)
    assert "4 visits have the inversions of MP2RAGE (MP2RAGE), which this study does not fit" in asked
    assert "inversion times (IRT1)" in asked
    assert "raw scans of the transmit field (TB1TFL) and no map" in asked
    folder = cohort.bids / "derivatives" / "qmrlab" / "sub-01" / "ses-01" / "anat"
    folder.mkdir(parents=True)
    shutil.copyfile(head_file, folder / "sub-01_ses-01_T1map.nii.gz")  # of 1 to 1000, mostly above 100
    found = scans.look(cohort.bids)
    assert found.settings["R1"] == {"suffix": "T1map", "folder": "derivatives/qmrlab", "unit": "ms"}
    assert not found.questions


def test_flip_angles_are_described_and_what_their_fit_lacks_is_asked_for(make_dataset):
    names = [f"anat/flip-{number}_VFA" for number in (1, 2, 3)]
    cohort = make_dataset(scans=("anat/T1w", *names))
    (cohort.bids / "VFA.json").write_text(json.dumps({"RepetitionTimeExcitation": 0.015, "EchoTime": 0.003}))
    found = scans.look(cohort.bids)
    assert "of the variable flip angles of 4 visits: its JSON sidecar lacks FlipAngle." in found.questions[0]
    for number, angle in ((1, 3), (2, 12), (3, 22.5)):
        (cohort.bids / f"flip-{number}_VFA.json").write_text(json.dumps({"FlipAngle": angle}))
    found = scans.look(cohort.bids)
    assert (
        "Variable flip angles (VFA) in 4 visits: 3, 12, 22.5 degrees, TR 15 ms. R1 is fitted."
        in found.remarks
    )
    assert found.questions == [
        "4 visits have variable flip angles and no TB1map (sub-01_ses-01, sub-01_ses-02, sub-02_ses-01, sub-02_ses-02): no R1 there."
    ]
    for number in (1, 2, 3):
        (cohort.bids / f"flip-{number}_VFA.json").write_text(json.dumps({"FlipAngle": 9}))
    assert "2 different flip angles at least are needed" in scans.look(cohort.bids).questions[0]


def test_sidecars_in_milliseconds_are_asked_about_once(make_dataset):
    names = [f"anat/acq-{name}_echo-{echo}_MPM" for name in ("PDw", "T1w") for echo in (1, 2)]
    cohort = make_dataset(scans=("anat/T1w", *names, "fmap/TB1map"))
    said = {"RepetitionTimeExcitation": 25, "EchoTime": 2.3, "FlipAngle": 6}
    (cohort.bids / "MPM.json").write_text(json.dumps(said))
    asked = scans.look(cohort.bids).questions
    assert len(asked) == 1
    assert asked[0].startswith(
        "of 8 multi-parameter contrasts: RepetitionTimeExcitation is 25 in its JSON sidecar"
    )


def test_a_dataset_without_any_t1w_says_that_no_stage_can_start(make_dataset):
    asked = scans.look(make_dataset(scans=("anat/T2w",)).bids).questions
    assert asked == ["no visit has a T1w, and nothing stands in for it: no stage can start."]


def test_without_a_t1w_the_scan_of_the_largest_flip_angle_may_stand_in(make_dataset):
    cohort = make_dataset(scans=tuple(f"anat/flip-{n}_VFA" for n in (1, 2)))
    for number, angle in ((1, 20), (2, 4)):
        said = {"FlipAngle": angle, "RepetitionTimeExcitation": 0.015, "EchoTime": 0.003}
        (cohort.bids / f"flip-{number}_VFA.json").write_text(json.dumps(said))
    found = scans.look(cohort.bids)
    assert found.settings["T1w"] == {"suffix": "VFA", "flip": 1}
    assert "In its place stands the scan of the largest flip angle, in 4 visits." in found.questions[0]


def table(folder: Path, text: str, **dictionary: object) -> Path:
    path = folder / "scores.tsv"
    path.write_text(text)
    if dictionary:
        path.with_suffix(".json").write_text(json.dumps(dictionary))
    return path


def test_ids_and_visits_that_fit_no_folder_are_asked_about(make_dataset, tmp_path):
    every = make_dataset().sessions()
    path = table(tmp_path, "id\tvisit\tedss\n77\tbaseline\t2\n78\tfollowup\t3\n")
    asked = " ".join(clinical.look(path, "scores.tsv", every).questions)
    assert "no id of scores.tsv (77, 78) is a person of the dataset (sub-01, sub-02)" in asked
    assert (
        "visits of scores.tsv that no folder is called by: baseline, followup; folders are ses-01, ses-02"
        in asked
    )


def test_a_column_that_is_nearly_known_or_known_twice_is_asked_about(make_dataset, tmp_path):
    every = make_dataset().sessions()
    path = table(tmp_path, "subject\tedss\tEDSS score\tsexx\ndiseaseduration\n")
    path = table(tmp_path, "subject\tedss\tEDSS_score\tdiseaseduratio\n01\t2\t2\t5\n")
    found = clinical.look(path, "scores.tsv", every)
    assert found.settings["columns"] == {"participant_id": "subject", "edss": "edss"}
    asked = " ".join(found.questions)
    assert "edss may be edss, EDSS_score. The first is used." in asked


def test_a_table_without_ids_or_without_anything_of_use_is_not_used(make_dataset, tmp_path):
    every = make_dataset().sessions()
    found = clinical.look(table(tmp_path, "name\tedss\nx\t2\n"), "a", every)
    assert not found.settings and "no column holds the participants' ids" in found.questions[0]
    found = clinical.look(table(tmp_path, "participant_id\tmood\nsub-01\tgood\n"), "a", every)
    assert not found.settings and not found.questions and "none of its columns is used" in found.remarks[0]


def written(checkout: Path, name: str) -> str:
    """Return the YAML of a cohort, its comments each in one line."""
    text = (checkout / "cohorts" / f"{name}.yml").read_text()
    return text.replace("\n#     ", " ").replace("\n#   ", " ")


@pytest.mark.parametrize(
    ("rows", "sex", "group"),
    [
        ("participant_id\tsex\nsub-01\tF\nsub-02\tM\n", ["F", "M"], ["unknown"] * 2),
        ("participant_id\tsex\nsub-01\tfemale\nsub-02\tmale\n", ["F", "M"], ["unknown"] * 2),
        ("participant_id\tsex\nsub-01\tf\nsub-02\tm\n", ["F", "M"], ["unknown"] * 2),
        ("participant_id\tgroup\nsub-01\trrms\nsub-02\tHC\n", [None] * 2, ["RRMS", "HC"]),
        ("participant_id\tsex\n01\tF\n02\tM\n", ["F", "M"], ["unknown"] * 2),
    ],
)
def test_a_table_of_people_has_a_map_unless_the_study_reads_it_as_it_is(
    make_dataset, checkout, rows, sex, group
):
    bids = make_dataset("words", rows=rows).bids
    assert init("new", "--bids", bids).exit_code == 0
    text = written(checkout, "new")
    assert "Nothing stays open." in text
    assert ("no map is needed" in text) == ("sub-01\tF" in rows)
    assert ("\nclinical:\n" in text) != ("no map is needed" in text)
    people = Cohort.load("new").participants
    assert people["participant_id"].tolist() == ["sub-01", "sub-02"]
    assert [None if isinstance(one, float) else one for one in people["sex"]] == sex
    assert people["group"].tolist() == group


def test_a_word_that_is_asked_about_has_a_place_for_the_answer(make_dataset, checkout):
    bids = make_dataset("words", rows="participant_id\tgroup\nsub-01\tpatient\nsub-02\tHC\n").bids
    assert init("new", "--bids", bids).exit_code == 0
    text = written(checkout, "new")
    assert "QUESTION: what does 'patient' (1 row) of group stand for?" in text
    assert Cohort.load("new").participants["group"].tolist() == ["unknown", "HC"]
    path = checkout / "cohorts" / "new.yml"
    answer = '      group: group\n    values:\n      group: {"patient": MS}\n'
    path.write_text(path.read_text().replace("      group: group\n", answer))
    assert Cohort.load("new").participants["group"].tolist() == ["MS", "HC"]


def test_a_table_of_people_without_ids_is_not_called_ready_and_the_answer_makes_it_so(make_dataset, checkout):
    bids = make_dataset("words", rows="name\tage\nsub-01\t30\nsub-02\t40\n").bids
    assert init("new", "--bids", bids).exit_code == 0
    text = written(checkout, "new")
    assert "no map is needed" not in text and "2 questions stay open" in text
    answer = "clinical: [{visits: data/words/participants.tsv, columns: {participant_id: X}}]"
    assert answer in text
    path = checkout / "cohorts" / "new.yml"
    with pytest.raises(TableError, match="column participant_id is missing"):
        _ = Cohort.load("new").participants
    path.write_text(path.read_text() + answer.replace("X", "name") + "\n")
    assert Cohort.load("new").participants["participant_id"].tolist() == ["sub-01", "sub-02"]
    path.write_text(path.read_text().replace(answer.replace("X", "name"), ""))
    (bids / "participants.tsv").unlink()
    assert Cohort.load("new").participants["participant_id"].tolist() == ["sub-01", "sub-02"]


def test_another_table_of_people_is_not_passed_over_for_a_plain_participants_tsv(
    make_dataset, checkout, tmp_path
):
    bids = make_dataset("words").bids
    path = tmp_path / "people.tsv"
    path.write_text("participant_id\tsex\nsub-01\tF\nsub-02\tM\n")
    assert init("new", "--bids", bids, "--participants", path).exit_code == 0
    assert Cohort.load("new").participants["sex"].tolist() == ["F", "M"]


@pytest.mark.parametrize(
    ("header", "said", "units"),
    [
        ("Disease duration (months)", {}, {"disease_duration": "months"}),
        ("disease_duration", {"Units": "months"}, {"disease_duration": "months"}),
        ("disease_duration_years", {}, {}),
    ],
)
def test_units_are_read_from_the_header_or_the_dictionary(header, said, units):
    assert _units({"disease_duration_years": header}, {header: said}) == units


@pytest.mark.parametrize(
    ("dates", "order", "asked"),
    [
        (["2020-01-31"], {}, 0),
        (["31.01.2020", "01.02.2020"], {"dates": "day-first"}, 0),
        (["01/31/2020"], {"dates": "month-first"}, 0),
        (["01/02/2020"], {"dates": "day-first"}, 1),
    ],
)
def test_the_order_of_dates_is_found_or_asked_for(dates, order, asked):
    import pandas as pd

    found = Finding()
    assert _marks(pd.DataFrame({"Date": dates}, dtype=str), {"visit_date": "Date"}, found) == order
    assert len(found.questions) == asked


def test_masks_of_several_raters_are_found_whether_sided_or_plain(make_dataset, head_file, checkout):
    cohort = make_dataset("drawn", people=("sub-01", "sub-02"), visits=("ses-01",))
    for rater, kind, people in (("anna", "dseg", ("sub-01", "sub-02")), ("ben", "mask", ("sub-01",))):
        for person in people:
            place = cohort.bids / "derivatives" / rater / person / "ses-01" / "anat"
            place.mkdir(parents=True)
            shutil.copyfile(head_file, place / f"{person}_ses-01_desc-thalamus_{kind}.nii.gz")
    assert init("several", "--bids", cohort.bids).exit_code == 0
    text = (checkout / "cohorts" / "several.yml").read_text()
    joined = text.replace("\n#     ", " ")
    assert "Masks of 2 visits in derivatives/anna." in text
    assert "Several raters are written as manual: [derivatives/anna, derivatives/ben]" in joined
    assert "  manual: derivatives/anna\n" in text
    (cohort.bids / "derivatives" / "anna").rename(cohort.bids / "derivatives" / "x")
    shutil.rmtree(cohort.bids / "derivatives" / "x")
    assert init("one", "--bids", cohort.bids).exit_code == 0
    assert "  manual: derivatives/ben\n" in (checkout / "cohorts" / "one.yml").read_text()


def test_masks_that_are_not_packed_are_found_as_the_cohort_reads_them(make_dataset, head_file, checkout):
    cohort = make_dataset("drawn")
    place = cohort.bids / "derivatives" / "anna" / "sub-01" / "ses-01" / "anat"
    place.mkdir(parents=True)
    nib.save(nib.load(head_file), place / "sub-01_ses-01_desc-thalamus_mask.nii")
    assert init("plain", "--bids", cohort.bids).exit_code == 0
    found = Cohort.load("plain")
    assert found.reference("manual", found.sessions()[0]) is not None
