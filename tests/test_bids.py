"""Which scans of a visit are found, by their names."""

from pathlib import Path

import pytest

from thalutils.bids import Session
from thalutils.scan_source import Source


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_echoes_come_in_the_order_of_their_numbers(tmp_path):
    visit = Session("sub-01", "ses-01", tmp_path)
    stem = "sub-01_ses-01_acq-PDw"
    touch(tmp_path / "anat", *(f"{stem}_echo-{n}_MPM.nii.gz" for n in (10, 2, 1)), f"{stem}_echo-3_MPM.json")
    touch(tmp_path / "anat", "sub-01_ses-01_acq-T1w_echo-1_MPM.nii")
    assert [path.name.split("_")[3] for path in visit.echoes("PDw")] == ["echo-1", "echo-2", "echo-10"]
    assert list(visit.scans()) == ["MPM-PDw-1", "MPM-PDw-2", "MPM-PDw-10", "MPM-T1w-1"]


def test_scans_are_known_by_whole_parts_of_their_names(tmp_path):
    visit = Session("sub-01", "ses-01", tmp_path)
    touch(tmp_path / "anat", "s_acq-T1w_echo-1_MPM.nii.gz", "s_rec-noFLAIR_T2w.nii.gz", "s_T1w.json")
    touch(tmp_path / "fmap", "s_TB1map.nii.gz")
    assert visit.image("T1w") is None
    assert visit.image("FLAIR") is None
    assert visit.b1_map() == tmp_path / "fmap" / "s_TB1map.nii.gz"
    assert Session("sub-01", "ses-01", tmp_path / "absent").scans() == {}


def test_phase_images_do_not_replace_magnitudes(make_dataset):
    cohort = make_dataset(scans=("anat/acq-PDw_echo-1_part-mag_MPM", "anat/acq-PDw_echo-1_part-phase_MPM"))
    (found,) = cohort.sessions("sub-01")[0].echoes("PDw")
    assert "part-mag" in found.name


def visit(tmp_path: Path, *names: str, **sources: Source) -> Session:
    touch(tmp_path / "sub-01" / "anat", *(f"sub-01_{name}.nii.gz" for name in names))
    return Session("sub-01", "ses-01", tmp_path / "sub-01", tmp_path, sources)


def ending(path: Path) -> str:
    return path.name.removeprefix("sub-01_").removesuffix(".nii.gz")


def test_the_plainest_scan_is_taken_and_none_after_contrast(tmp_path):
    found = visit(tmp_path, "acq-hires_T1w", "ce-gad_T1w", "T1w", "run-10_FLAIR", "run-2_FLAIR")
    assert ending(found.image("T1w")) == "T1w"
    assert ending(found.image("FLAIR")) == "run-2_FLAIR"
    assert visit(tmp_path / "b", "ce-gad_T1w").image("T1w") is None


def test_the_owner_says_which_scan_is_meant(tmp_path):
    sources = {"T1w": Source(suffix="T1w", acq="hires", run=2), "FLAIR": Source(suffix="FLAIR", ce="gad")}
    found = visit(tmp_path, "acq-hires_run-01_T1w", "acq-hires_run-02_T1w", "T1w", "ce-gad_FLAIR", **sources)
    assert ending(found.image("T1w")) == "acq-hires_run-02_T1w"
    assert ending(found.image("FLAIR")) == "ce-gad_FLAIR"


def test_a_scan_may_lie_among_derivatives(tmp_path):
    touch(tmp_path / "derivatives" / "hmri" / "sub-01" / "fmap", "sub-01_TB1map.nii.gz")
    touch(tmp_path / "derivatives" / "hmri" / "sub-01" / "anat", "sub-01_T1map.nii.gz", "sub-01_R1map.nii.gz")
    folder = Path("derivatives/hmri")
    sources = {name: Source(suffix=name, folder=folder) for name in ("TB1map",)}
    found = visit(tmp_path, "T1w", **sources, R1=Source(suffix="R1map", folder=folder))
    assert found.b1_map() == tmp_path / folder / "sub-01" / "fmap" / "sub-01_TB1map.nii.gz"
    assert found.ready_r1().name == "sub-01_R1map.nii.gz"
    assert list(found.scans()) == ["T1w", "R1", "TB1map"]
    assert visit(tmp_path, "T1w").ready_r1() is None


def test_sidecars_are_inherited_and_the_nearest_wins(tmp_path):
    found = visit(tmp_path, "acq-PDw_echo-1_MPM", "acq-T1w_echo-1_MPM")
    (tmp_path / "MPM.json").write_text('{"RepetitionTimeExcitation": 0.025, "FlipAngle": 6}')
    (tmp_path / "acq-T1w_MPM.json").write_text('{"FlipAngle": 21}')
    (tmp_path / "sub-02_MPM.json").write_text('{"FlipAngle": 90}')
    (tmp_path / "sub-01" / "anat" / "sub-01_acq-PDw_echo-1_MPM.json").write_text('{"EchoTime": 0.002}')
    pdw, t1w = (found.sidecar(found.echoes(name)[0]) for name in ("PDw", "T1w"))
    assert pdw == {"RepetitionTimeExcitation": 0.025, "FlipAngle": 6, "EchoTime": 0.002}
    assert t1w == {"RepetitionTimeExcitation": 0.025, "FlipAngle": 21}


def test_weightings_without_names_are_told_by_flip_angle_and_mt(tmp_path):
    kinds = ("flip-1_mt-off", "flip-2_mt-off", "flip-1_mt-on")
    found = visit(tmp_path, *(f"echo-{echo}_{kind}_MPM" for echo in (2, 1) for kind in kinds))
    assert found.echoes("PDw") == []  # nothing says which is which
    (tmp_path / "flip-1_MPM.json").write_text('{"FlipAngle": 21}')
    (tmp_path / "flip-2_MPM.json").write_text('{"FlipAngle": 6}')
    assert [ending(path) for path in found.echoes("PDw")] == [
        "echo-1_flip-2_mt-off_MPM",
        "echo-2_flip-2_mt-off_MPM",
    ]
    assert [ending(path) for path in found.echoes("T1w")] == [
        "echo-1_flip-1_mt-off_MPM",
        "echo-2_flip-1_mt-off_MPM",
    ]
    assert [ending(path) for path in found.echoes("MTw")] == [
        "echo-1_flip-1_mt-on_MPM",
        "echo-2_flip-1_mt-on_MPM",
    ]


def test_of_two_runs_of_a_weighting_the_first_is_used_whole(tmp_path):
    names = [f"acq-PDw_run-{run}_echo-{echo}_MPM" for run in (2, 1) for echo in (1, 2)]
    assert [ending(path) for path in visit(tmp_path, *names).echoes("PDw")] == names[2:]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"suffix": "T1map", "unit": "1/s"}, "a T1map is in s or ms"),
        ({"suffix": "T1w", "unit": "ms"}, "a T1w is in no unit of its own"),
        ({"suffix": "T1w", "acqu": "x"}, "acqu"),
    ],
)
def test_a_source_that_cannot_be_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        Source(**given)
