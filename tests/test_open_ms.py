"""Open MS Data as BIDS: what lies in a local folder is taken, what is published is kept, no download goes unchecked."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from thalutils import cli, fetch, open_ms
from thalutils.cohort import Cohort
from thalutils.errors import ImageError

CROSS = "patient_id,age,sex,ms_type,edss,criteria\n7,53,F,RR,0.5,M\n12,39,F,RR,N/A,M\n15,57,F,PR,6.5,M\n3,37,F,N/A,N/A,N/A\n"
LONG = "patient_id,sex,days_between_studies,age,ms_type\n1,F,203,20,\n7,F,317,40,SP\n"
AT_HAND = [open_ms.CROSS.format(7, "T1", "brain_N4_"), open_ms.CROSS.format(7, "FLAIR", "brain_N4_"),
           open_ms.CROSS.format(7, "GOLD_STANDARD", ""), open_ms.CROSS.format(15, "GOLD_STANDARD", ""),
           *(open_ms.LONG.format(1, visit, "T1W") for visit in (1, 2)), open_ms.LONG.format(7, 2, "FLAIR")]  # fmt: skip


@pytest.fixture
def public(checkout, tmp_path, head_file, monkeypatch):
    """Return the cohort with a local folder that holds a part of the collection."""
    for path in AT_HAND:
        target = tmp_path / "public" / "open_ms" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(head_file, target)
    for path, text in zip(open_ms.CLINICAL.values(), (CROSS, LONG), strict=True):
        (tmp_path / "public" / "open_ms" / path).write_text(text)
    monkeypatch.setenv(fetch.DATA_VARIABLE, str(tmp_path / "public"))
    monkeypatch.setattr(fetch, "_blob_ids", lambda collection: {})
    shutil.copy2(Path(__file__).parents[1] / "cohorts" / "open_ms.yml", checkout / "cohorts")
    return Cohort.load("open_ms")


def test_every_scan_of_the_cohort_is_published_with_its_checksum():
    known = fetch._blob_ids("open_ms")
    wanted = [one.source for one in open_ms.files()]
    assert set(wanted) | set(open_ms.CLINICAL.values()) <= set(known)
    assert len(wanted) == len(set(wanted)) == 30 * 3 + 20 * 4


def test_what_is_at_hand_becomes_a_dataset_and_says_how_little_it_is(public):
    said = CliRunner().invoke(cli.app, ["fetch", "open_ms"])
    assert said.exit_code == 0, said.output
    assert "T1w scans of 2 of its 50 patients, 3 of 70 visits" in said.output
    assert [visit.key for visit in public.sessions()] == [
        "sub-cs07_ses-01", "sub-lg01_ses-01", "sub-lg01_ses-02", "sub-lg07_ses-02",
    ]  # fmt: skip
    people = public.participants.set_index("participant_id")
    assert people["group"].to_dict() == {"sub-cs07": "RRMS", "sub-lg01": "unknown", "sub-lg07": "PMS"}
    assert people["site"].nunique() == 2
    visits = public.clinical().set_index(["participant_id", "session_id"])
    later = visits.loc[("sub-lg01", "ses-02")]
    assert later["interval_years"] == pytest.approx(203 / 365.25, abs=1e-4)
    assert later["age_years"] == pytest.approx(20 + 203 / 365.25, abs=1e-4)
    assert visits["edss"].isna().all()
    assert "0.5 is not a step of the EDSS" in public.row_exclusions["reason"].item()
    lesions = public.bids / open_ms.LESIONS
    assert [path.name for path in lesions.glob("sub-*")] == ["sub-cs07"]


def test_types_of_ms_and_missing_values_are_read_as_published(public):
    visits = {("sub-cs15", "ses-01"), ("sub-cs03", "ses-01"), ("sub-cs12", "ses-01")}
    folder = Path(fetch.fetch("open_ms", open_ms.CLINICAL["cs"])).parents[1]
    clinical = {series: folder / path for series, path in open_ms.CLINICAL.items()}
    people = open_ms.participants(visits, clinical).set_index("participant_id")["group"]
    assert people.to_dict() == {"sub-cs12": "RRMS", "sub-cs15": "PMS", "sub-cs03": "unknown"}
    edss = open_ms.sessions(visits, clinical).set_index("participant_id")["edss"]
    assert edss["sub-cs15"] == 6.5 and pd.isna(edss["sub-cs12"]) and pd.isna(edss["sub-cs03"])


def test_a_second_time_nothing_is_written_anew(public):
    open_ms.provide(public)
    scans = sorted(public.bids.rglob("*.nii.gz"))
    before = [path.stat().st_mtime_ns for path in scans]
    inodes = [path.stat().st_ino for path in scans]
    open_ms.provide(public)
    assert [path.stat().st_mtime_ns for path in scans] == before
    assert [path.stat().st_ino for path in scans] == inodes


def test_the_dataset_is_valid_bids(public):
    open_ms.provide(public)
    program = Path(sys.executable).with_name("bids-validator-deno")
    done = subprocess.run(
        [program, "--ignoreWarnings", public.bids], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_folder_without_a_t1w_is_no_cohort(public, tmp_path):
    for path in (tmp_path / "public" / "open_ms").rglob("*T1*.nii.gz"):
        path.unlink()
    with pytest.raises(ImageError, match="none of the T1w scans of Open MS Data is there"):
        open_ms.provide(public)


def test_a_download_goes_on_where_it_stopped(public, checkout, monkeypatch, head_file):
    monkeypatch.delenv(fetch.DATA_VARIABLE)
    monkeypatch.setattr(open_ms, "files", lambda: iter(list(original())[:4]))
    asked, broken = [], True

    def retrieve(url, known_hash, fname, path, downloader):
        asked.append(url.rsplit("/", 2)[-2:])
        if broken and len(asked) == 3:
            raise ConnectionError
        path.mkdir(parents=True, exist_ok=True)
        if fname.endswith(".csv"):
            (path / fname).write_text(CROSS if "cross" in str(path) else LONG)
        else:
            shutil.copyfile(head_file, path / fname)

    monkeypatch.setattr(fetch.pooch, "retrieve", retrieve)
    with pytest.raises(ImageError, match=r"cannot be downloaded \(ConnectionError\)"):
        open_ms.provide(public)
    first, broken = list(asked), False
    assert not (public.bids / "participants.tsv").exists()
    asked.clear()
    open_ms.provide(public)
    assert asked[0] == first[-1]  # the one that broke off, and none that was whole
    assert len(asked) == 4 + 2 - 2


original = open_ms.files


def test_only_public_cohorts_are_fetched(make_dataset):
    make_dataset("mine")
    said = CliRunner().invoke(cli.app, ["fetch", "mine"])
    assert said.exit_code != 0
    assert "its scans are not public" in str(said.exception)
