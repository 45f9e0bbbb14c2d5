"""Maps of the hMRI toolbox: their names and units of either age, and what cannot be used."""

import json

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import ImageError, ToolError
from thalutils.imaging import hmri, maps
from thalutils.stage import Task, derivative

SHAPE = (20, 20, 20)
# Values of brain tissue in the study's units.
TISSUE = {"R1map": 0.9, "PDmap": 75.0, "MTsat": 1.4, "R2starmap": 20.0}


def write(path, value: float, spoil: tuple[float, ...] = (), shape=SHAPE) -> None:
    data = np.full(shape, value, np.float32)
    data[:3] = 0
    for place, odd in enumerate(spoil):
        data[10, 10, place] = odd
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.diag([1.6, 1.6, 1.6, 1])), path)


@pytest.fixture
def cohort(make_dataset):
    return make_dataset(people=("sub-01",), visits=("ses-01",))


def folder(cohort):
    return cohort.bids / "derivatives" / "hmri"


@pytest.mark.parametrize(
    ("names", "scale"),
    [
        (("R1map.nii.gz", "PDmap.nii.gz", "MTsat.nii.gz", "R2starmap.nii.gz"), (1, 1, 1, 1)),
        (("MTw_R1.nii", "MTw_PD.nii", "MTw_MTsat.nii", "MTw_R2s_WLS.nii"), (1, 1, 1, 1)),
        (("R1.nii", "PD.nii", "MT.nii", "R2s.nii"), (1000, 1, 1, 1e-3)),
    ],
)
def test_maps_of_any_version_come_in_the_study_s_units(cohort, names, scale):
    for name, factor, value in zip(names, scale, TISSUE.values(), strict=True):
        place = folder(cohort) / "sub-01" / "ses-01" / "Results"
        write(place / f"sub-01_ses-01_{name}", value * factor, (np.nan, -1.0 * factor, 9e6))
    rows = maps.make_maps(Task(cohort, cohort.sessions()[0], None, {}))["maps"]
    assert [row["source"] for row in rows] == ["hMRI"] * 4
    for row, factor in zip(rows, scale, strict=True):
        assert row["factor"] * factor == pytest.approx(1)
        values = nib.load(derivative(cohort, cohort.sessions()[0], f"{row['map']}.nii.gz")).get_fdata()
        assert np.isfinite(values).all()
        assert np.median(values[3:]) == pytest.approx(TISSUE[row["map"]], rel=1e-5)
        assert (values[10, 10, :3] == 0).all()
    valid = nib.load(derivative(cohort, cohort.sessions()[0], "desc-valid_mask.nii.gz")).get_fdata()
    assert valid.sum() == 17 * 400 - 3


def test_a_unit_that_is_not_known_is_refused(tmp_path):
    write(tmp_path / "x_R1map.nii.gz", 30.0)
    with pytest.raises(ImageError, match=r"x_R1map\.nii\.gz: its median is 30, which is in no unit"):
        hmri.read({"R1map": tmp_path / "x_R1map.nii.gz"}, tmp_path)


def test_maps_of_two_grids_are_refused(tmp_path):
    write(tmp_path / "R1.nii.gz", 0.9)
    write(tmp_path / "PD.nii.gz", 75.0, shape=(20, 20, 21))
    (tmp_path / "out").mkdir()
    with pytest.raises(ImageError, match=r"PD\.nii\.gz: lies on another grid"):
        hmri.read({"R1map": tmp_path / "R1.nii.gz", "PDmap": tmp_path / "PD.nii.gz"}, tmp_path / "out")


def test_a_damaged_map_is_named(tmp_path):
    write(tmp_path / "R1.nii.gz", 0.9)
    path = tmp_path / "R1.nii.gz"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ImageError, match=r"R1\.nii\.gz: cannot be read to its end"):
        hmri.read({"R1map": path}, tmp_path)


def test_without_r1_there_is_nothing_to_read(cohort):
    write(folder(cohort) / "sub-01_ses-01_PDmap.nii.gz", 75.0)
    assert hmri.find(cohort, cohort.sessions()[0]) == {}
    write(folder(cohort) / "sub-01_ses-01_R1map.nii.gz", 0.9)
    write(folder(cohort) / "sub-01_ses-01_acq-2_R1map.nii.gz", 0.9)
    with pytest.raises(ToolError, match="are all of sub-01_ses-01"):
        hmri.find(cohort, cohort.sessions()[0])


def test_the_factor_is_kept_beside_the_maps(tmp_path):
    write(tmp_path / "R1.nii.gz", 900.0)
    hmri.read({"R1map": tmp_path / "R1.nii.gz"}, tmp_path)
    assert json.loads((tmp_path / "factors.json").read_text()) == {"R1map": 1e-3}
