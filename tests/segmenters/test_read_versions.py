"""Which version made what is read: told by the results themselves, and by nothing of this machine."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thalutils.segmenters.read_versions import NOT_RECORDED, freesurfer_version, hmri_version, read_version


def subject(folder: Path, stamp: str | None = None, stats: str = "") -> Path:
    for part in ("mri", "stats", "scripts"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    nib.save(nib.MGHImage(np.zeros((2, 2, 2), np.int32), np.eye(4)), folder / "mri" / "aseg.mgz")
    (folder / "stats" / "aseg.stats").write_text(stats)
    if stamp is not None:
        (folder / "scripts" / "build-stamp.txt").write_text(stamp)
    return folder


# Stamps and headers as releases of FreeSurfer write them.
@pytest.mark.parametrize(
    ("stamp", "stats", "version"),
    [
        ("freesurfer-linux-ubuntu22_x86_64-7.4.1-20230614-7eb8460\n", "", "7.4.1"),
        ("freesurfer-Linux-centos6_x86_64-stable-pub-v6.0.0-2beb96c\n", "", "6.0.0"),
        ("freesurfer-x86_64-redhat-linux-gnu-stable5-20130513\n", "", None),
        (None, "# Title\n# cvs_version 7.1.1\n", "7.1.1"),
        (None, "# cvs_version $Id: mri_segstats.c,v 1.121 2016/05/31 17:27:11 greve Exp $\n", None),
        (None, "", None),
    ],
)
def test_a_subject_of_freesurfer_names_its_version(tmp_path, stamp, stats, version):
    assert freesurfer_version(subject(tmp_path / "x", stamp, stats)) == version


def test_every_version_of_a_cohort_is_named_and_what_names_none_is_said(make_dataset):
    cohort = make_dataset(people=("sub-01", "sub-02", "sub-03"), visits=())
    assert read_version(cohort, "FreeSurfer") == NOT_RECORDED
    place = cohort.bids / "derivatives" / "freesurfer"
    subject(place / "sub-01", "freesurfer-linux-centos7_x86_64-7.4.1-20230613-7eb8460")
    assert read_version(cohort, "FreeSurfer") == "7.4.1"
    subject(place / "sub-02", "freesurfer-Linux-centos6_x86_64-stable-pub-v6.0.0-2beb96c")
    subject(place / "sub-03")
    assert read_version(cohort, "FreeSurfer") == "6.0.0, 7.4.1, not recorded in some"


def test_a_person_whose_subject_cannot_be_told_leaves_the_versions_of_the_others(make_dataset):
    """Two longitudinal results of one visit are refused by the segmentation, which says so."""
    cohort = make_dataset(people=("sub-01", "sub-02"), visits=())
    place = cohort.bids / "derivatives" / "freesurfer"
    for base in ("a", "b"):
        subject(
            place / f"sub-01_ses-01.long.{base}", "freesurfer-linux-centos7_x86_64-7.1.1-20200723-8b40551"
        )
    subject(place / "sub-02", "freesurfer-linux-centos7_x86_64-7.4.1-20230613-7eb8460")
    assert read_version(cohort, "FreeSurfer") == "7.4.1"


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ({"history": {"procstep": {"descrip": "map creation", "version": "v0.6.1"}}}, "0.6.1"),
        ({"history": {"procstep": {"version": "hMRI toolbox version 1.0.0, commit abc"}}}, "1.0.0"),
        ({"history": {"procstep": "map creation"}}, None),
        ([], None),
    ],
)
def test_a_map_of_the_hmri_toolbox_names_its_version_in_its_json(tmp_path, said, version):
    image = tmp_path / "sub-01_R1.nii"
    assert hmri_version(image) is None
    (tmp_path / "sub-01_R1.json").write_text(json.dumps(said))
    assert hmri_version(image) == version


@pytest.mark.parametrize(
    ("tool", "folder", "program", "version"),
    [
        ("DBSegment", "dbsegment", {"Name": "DBSegment", "Version": "0.2.2"}, "0.2.2"),
        ("FIRST", "first", {"Name": "FSL run_first_all", "Version": "6.0.7.4"}, "6.0.7.4"),
        ("MindGlide", "mindglide", {"Name": "our pipeline", "Version": "3.0"}, NOT_RECORDED),
        ("SIENA", "siena", {"Name": "SIENA"}, NOT_RECORDED),
    ],
)
def test_bids_derivatives_name_what_made_them(make_dataset, tool, folder, program, version):
    cohort = make_dataset(people=("sub-01",), visits=())
    place = cohort.bids / "derivatives" / folder
    place.mkdir(parents=True)
    assert read_version(cohort, tool) == NOT_RECORDED
    described = {"Name": "x", "GeneratedBy": [{"Name": "BIDS converter", "Version": "9.9"}, program]}
    (place / "dataset_description.json").write_text(json.dumps(described))
    assert read_version(cohort, tool) == version


def test_drawings_by_hand_and_tables_record_no_version(make_dataset):
    assert read_version(make_dataset(), "ITK-SNAP") == NOT_RECORDED
