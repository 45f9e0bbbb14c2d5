"""Pages on tools: what was run, read or never seen, and the masks that are set aside."""

import json
from html import unescape
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thalutils import stage, tables
from thalutils.report import overlap_pages, privacy, tool_pages
from thalutils.segmenters import catalogue, endings
from thalutils.stage import derivative, frame


def write(cohort, table: str, *rows: dict) -> None:
    cohort.results.mkdir(parents=True, exist_ok=True)
    tables.write(table, frame(table, list(rows)), cohort.results / f"{table}.tsv")


def mask(method: str, origin: str, envelope: str | None = None, visit: str = "ses-01") -> dict:
    return {
        "participant_id": "sub-01", "session_id": visit, "method": method, "preset": None,
        "origin": origin, "envelope": envelope, "warning": None,
    }  # fmt: skip


@pytest.fixture
def cohort(make_dataset):
    return make_dataset(people=("sub-01",), visits=("ses-01", "ses-02"))


def test_a_tool_of_which_nothing_is_here_was_never_seen(cohort):
    assert set(tool_pages.status(cohort).values()) == {tool_pages.NEVER}


def test_what_was_run_and_what_was_read_is_told_from_the_results(cohort):
    write(
        cohort, "masks", mask("FIRST", "read"), mask("FIRST", "run", visit="ses-02"),
        mask("MindGlide-T1", "run", "FIRST"), mask("Template", "run"),
    )  # fmt: skip
    row = {"participant_id": "sub-01", "session_id": "ses-01"}
    write(
        cohort, "registration",
        row | {"image": "FLAIR", "strategy": "flirt-ncc", "passed": True, "selected": True},
    )  # fmt: skip
    write(cohort, "maps", row | {"map": "R1map", "source": "hMRI", "factor": 1.0})
    write(cohort, "brain_change", {"participant_id": "sub-01", "engine": "SIENA", "pbvc_percent": -0.4})
    found = tool_pages.status(cohort)
    assert found["FIRST"] == "run here and read here"
    assert found["MindGlide"] == found["Template"] == found["ANTs"] == found["FLIRT"] == "run here"
    assert found["hMRI toolbox"] == "read here"
    assert found["SIENA"] == "run here"
    assert found["FreeSurfer"] == found["DBSegment"] == found["SAMSEG"] == tool_pages.NEVER


def test_siena_is_read_of_whom_there_is_a_report_and_was_run_of_the_others(make_dataset, monkeypatch):
    table = catalogue.tools_table().assign(version="of this machine")
    monkeypatch.setattr(catalogue, "tools_table", lambda: table)
    cohort = make_dataset()
    rows = [
        {"participant_id": person, "engine": "SIENA", "pbvc_percent": -0.4} for person in ("sub-01", "sub-02")
    ]
    write(cohort, "brain_change", *rows)
    place = cohort.bids / "derivatives" / "siena"
    place.mkdir(parents=True)  # a folder without a report of these people is none of theirs
    assert tool_pages.status(cohort)["SIENA"] == "run here"
    (place / "sub-01").mkdir()
    (place / "sub-01" / "report.siena").touch()
    assert tool_pages.status(cohort)["SIENA"] == "run here and read here"
    assert tool_pages.versions(cohort)["SIENA"] == "of this machine (run here), not recorded (read here)"
    write(cohort, "brain_change", rows[0])
    assert tool_pages.status(cohort)["SIENA"] == "read here"


def test_a_drawing_of_a_simulated_rater_is_none_of_itk_snap(cohort):
    place = cohort.bids / "derivatives" / "manual" / "sub-01" / "ses-01" / "anat"
    place.mkdir(parents=True)
    (place / "sub-01_ses-01_desc-thalamus_mask.nii.gz").touch()
    cohort.settings.references = {"manual": Path("derivatives/manual")}
    assert tool_pages.status(cohort)["ITK-SNAP"] == "read here"
    cohort.settings.phantom = object()
    assert tool_pages.status(cohort)["ITK-SNAP"] == tool_pages.NEVER


def test_every_tool_stands_in_the_table(cohort):
    text = tool_pages.tools(cohort).data
    for name, card in catalogue.CARDS.items():
        assert name in text
        assert card.fills.split(";")[0] in unescape(text)


def test_the_version_of_what_was_read_is_the_one_that_the_result_names(cohort, monkeypatch):
    """This machine's version is said of what ran here alone."""
    table = catalogue.tools_table().assign(version="of this machine")
    monkeypatch.setattr(catalogue, "tools_table", lambda: table)
    write(
        cohort, "masks", mask("DBSegment", "read"), mask("FIRST", "read"), mask("FIRST", "run", visit="ses-02"),
        mask("Template", "run"),
    )  # fmt: skip
    place = cohort.bids / "derivatives" / "dbsegment"
    place.mkdir(parents=True)
    made_by = {"GeneratedBy": [{"Name": "DBSegment", "Version": "0.2.2"}]}
    (place / "dataset_description.json").write_text(json.dumps(made_by))
    found = tool_pages.versions(cohort)
    assert found["DBSegment"] == "0.2.2"
    assert found["Template"] == "of this machine"
    assert found["FIRST"] == "of this machine (run here), not recorded (read here)"
    assert found["MindGlide"] is None
    assert "0.2.2" in tool_pages.tools(cohort).data


def test_masks_are_counted_by_origin_and_envelope():
    found = frame(
        "masks", [mask("MindGlide-T1", "run", "FIRST"), mask("MindGlide-T1", "run", "Template", "ses-02")]
    )
    text = tool_pages.masks_by_origin(found).data
    assert "FIRST" in text
    assert "Template" in text
    assert "No mask" in tool_pages.masks_by_origin(found.iloc[:0]).data


@pytest.mark.parametrize("drawn", [True, False])
def test_masks_that_are_set_aside_are_shown_and_hidden_where_people_are(cohort, monkeypatch, drawn):
    visit = cohort.sessions()[0]
    row = {"participant_id": "sub-01", "image": "T1w", "usable": True, "shape": None, "voxel_mm": None}
    rows = [
        row | {"session_id": one.session_id, "file": str(one.image("T1w").relative_to(cohort.bids))}
        for one in cohort.sessions()
    ]
    shard = {"scans": frame("scans", rows)}
    tables.write_shards(cohort.results, stage.ACQUISITION, "sub-01", shard)
    assert "No mask was set aside" in tool_pages.suspects(cohort)[0].data
    t1w = nib.load(visit.image("T1w"))
    labels = np.zeros(t1w.shape, np.uint8)
    if drawn:
        labels[30:34, 40:50, 34:46] = 49
    path = derivative(cohort, visit, endings.suspect_ending("FIRST"))
    path.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(labels, t1w.affine), path)
    (sheet,) = tool_pages.suspects(cohort)
    assert "Not believed: what FIRST drew on the T1w of sub-01_ses-01" in sheet.data
    assert ("right of FIRST" in sheet.data) == drawn
    assert ("the mask is empty" in sheet.data) != drawn
    monkeypatch.setattr(privacy, "_page_of", cohort)
    (hidden,) = tool_pages.suspects(cohort)
    assert "sub-01" not in hidden.data


def test_deep_grey_matter_that_is_not_believed_is_named_for_what_it_is(cohort):
    visit = cohort.sessions()[0]
    row = {"participant_id": "sub-01", "session_id": "ses-01", "image": "T1w", "usable": True, "shape": None}
    row |= {"voxel_mm": None, "file": str(visit.image("T1w").relative_to(cohort.bids))}
    tables.write_shards(cohort.results, stage.ACQUISITION, "sub-01", {"scans": frame("scans", [row])})
    t1w = nib.load(visit.image("T1w"))
    labels = np.zeros(t1w.shape, np.uint8)
    labels[30:50, 40:50, 34:46] = 3
    path = derivative(cohort, visit, endings.suspect_ending("MindGlide-FLAIR"))
    path.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(labels, t1w.affine), path)
    (sheet,) = tool_pages.suspects(cohort)
    assert "deep grey matter of MindGlide-FLAIR" in sheet.data
    assert "left of" not in sheet.data


def test_raters_are_held_against_each_other():
    rows = [
        {
            "participant_id": f"sub-{n}", "session_id": "ses-01", "rater_i": "anna", "rater_j": "ben",
            "dice": 0.9, "mean_surface_mm": 0.4, "volume_i_ml": 8.0 + n, "volume_j_ml": 8.5 + n,
        }
        for n in range(3)
    ]  # fmt: skip
    found = frame("rater_agreement", rows)
    assert "anna" in overlap_pages.between_raters(found).data
    assert "references: manual:" in overlap_pages.between_raters(found.iloc[:0]).data
