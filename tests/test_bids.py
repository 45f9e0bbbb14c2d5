"""Which scans of a visit are found, by their names."""

from pathlib import Path

from thalutils.bids import Session


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
