"""Scans that are not fit to be used: each refused in one line that names the file and the fault."""

import gzip
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thalutils import stage, tables
from thalutils.errors import ImageError
from thalutils.imaging import inspection, quality

HEADER_BYTES = 348


def with_data(head: nib.Nifti1Image, data: np.ndarray) -> nib.Nifti1Image:
    image = nib.Nifti1Image(data, head.affine, head.header)
    image.set_data_dtype(data.dtype)
    return image


def with_voxel(head: nib.Nifti1Image, value: float) -> nib.Nifti1Image:
    data = head.get_fdata(dtype=np.float32)
    data[40, 45, 40] = value
    return with_data(head, data)


def with_units(head: nib.Nifti1Image, units: str) -> nib.Nifti1Image:
    head.header.set_xyzt_units(units)
    return head


def with_affine(head: nib.Nifti1Image, affine: np.ndarray) -> nib.Nifti1Image:
    head.set_sform(affine, 1)
    head.set_qform(affine, 1)
    return head


def moved_sform(head: nib.Nifti1Image, affine: np.ndarray) -> nib.Nifti1Image:
    head.set_sform(affine, 1)
    return head


def shifted(head: nib.Nifti1Image, shift_mm: float) -> np.ndarray:
    affine = head.affine.copy()
    affine[0, 3] += shift_mm
    return affine


def swapped(head: nib.Nifti1Image) -> np.ndarray:
    affine = head.affine.copy()
    affine[:, [0, 2]] = affine[:, [2, 0]]
    return affine


def without_codes(head: nib.Nifti1Image) -> nib.Nifti1Image:
    head.set_sform(None, 0)
    head.set_qform(None, 0)
    return head


def sized(head: nib.Nifti1Image, voxel_mm: float) -> nib.Nifti1Image:
    scaled = head.affine.copy()
    scaled[:3] *= voxel_mm / 2
    return with_affine(head, scaled)


SPOILT = {
    "NaN": (lambda head: with_voxel(head, np.nan), "1 voxels are NaN or infinite"),
    "Inf": (lambda head: with_voxel(head, -np.inf), "1 voxels are NaN or infinite"),
    "4D": (
        lambda head: with_data(head, np.stack([head.dataobj] * 2, -1)),
        "has 4 dimensions (80, 90, 80, 2)",
    ),
    "2D": (lambda head: with_data(head, np.asarray(head.dataobj)[40]), "has 2 dimensions (90, 80)"),
    "all-zero": (lambda head: with_data(head, np.zeros(head.shape, np.int16)), "every voxel is 0"),
    "all-seven": (lambda head: with_data(head, np.full(head.shape, 7, np.int16)), "every voxel is 7"),
    "micrometres": (lambda head: with_units(head, "micron"), "lengths in micron"),
    "metres": (lambda head: with_units(head, "meter"), "lengths in meter"),
    "thousandfold": (lambda head: sized(head, 2000), "voxels of 2e+03 x 2e+03 x 2e+03 mm"),
    "too-fine": (lambda head: sized(head, 0.19), "voxels of 0.19 x 0.19 x 0.19 mm"),
    "too-small": (lambda head: sized(head, 0.5), "covers 40 x 45 x 40 mm, which is not a head"),
    "too-large": (lambda head: sized(head, 5.8), "covers 464 x 522 x 464 mm, which is not a head"),
    "moved": (lambda head: moved_sform(head, shifted(head, 10)), "sform and qform disagree by 10.0 mm"),
    "swapped": (lambda head: moved_sform(head, swapped(head)), "sform and qform disagree by 158.0 mm"),
    "moved-as-aligned": (
        lambda head: head.set_sform(shifted(head, 10), 2) or head,
        "sform and qform disagree by 10.0 mm",
    ),
    "mirrored-to-a-template": (
        lambda head: head.set_sform(head.affine @ np.diag([-1, 1, 1, 1]), 4) or head,
        "sform and qform disagree on which side is left",
    ),
    "no-orientation": (without_codes, "no orientation"),
}


def one_line_about(path) -> str:
    with pytest.raises(ImageError) as caught:
        quality.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path.name}: ")
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.mark.parametrize(("spoil", "fault"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_scan_is_refused(head, tmp_path, spoil, fault):
    path = tmp_path / "sub-01_T1w.nii"
    spoil(head).to_filename(path)
    assert fault in one_line_about(path)


def store(head: nib.Nifti1Image, pixdim: list[float], path) -> None:
    """Write the header as it is; nibabel itself refuses to write such a size."""
    content = bytearray(head.to_bytes())
    header = np.frombuffer(content, nib.nifti1.header_dtype, count=1).copy()
    header["pixdim"][0, 1:4] = pixdim
    content[:HEADER_BYTES] = header.tobytes()
    path.write_bytes(gzip.compress(bytes(content), 1))


@pytest.mark.parametrize("forms", ["sform", "qform", "both"])
@pytest.mark.parametrize("pixdim", [[0, 0, 0], [2, 2, 0], [2, np.nan, 2]])
def test_a_voxel_size_of_nothing_is_refused(head, tmp_path, forms, pixdim):
    """A size of 0 was read as 1 mm, and the scan passed as half as large."""
    if forms == "sform":
        head.set_qform(None, 0)
    if forms == "qform":
        head.set_sform(None, 0)
    path = tmp_path / "sub-01_T1w.nii.gz"
    store(head, pixdim, path)
    sizes = " x ".join(f"{size:.3g}" for size in pixdim)
    assert f"its header gives voxels of {sizes} mm" in one_line_about(path)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.99])
@pytest.mark.parametrize("ending", [".nii.gz", ".nii"])
def test_a_file_cut_short_is_refused(head, tmp_path, share, ending):
    path = tmp_path / f"sub-01_T1w{ending}"
    head.to_filename(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "cannot be read to its end" in one_line_about(path)


@pytest.mark.parametrize("content", [b"no image at all", b"\x1f\x8b" + b"x" * 500, b"x" * 5000])
def test_a_file_that_is_no_nifti_is_refused(tmp_path, content):
    path = tmp_path / "sub-01_T1w.nii.gz"
    path.write_bytes(content)
    assert "cannot be read to its end" in one_line_about(path)


def test_a_file_that_is_empty_absent_or_a_folder_is_refused(tmp_path):
    empty, absent, folder = (tmp_path / f"{name}.nii.gz" for name in ("empty", "absent", "folder"))
    empty.touch()
    folder.mkdir()
    for path in (empty, absent, folder):
        assert "the file is missing or empty" in one_line_about(path)


def test_a_good_scan_passes_whole(head, head_file):
    image = quality.load(head_file)
    assert image.shape == (80, 90, 80)
    assert image.get_data_dtype() == np.int16
    assert np.asanyarray(image.dataobj).dtype == np.float32
    assert np.array_equal(image.get_fdata(), head.get_fdata())
    assert np.array_equal(image.affine, head.affine)


def radiological(head: nib.Nifti1Image) -> nib.Nifti1Image:
    return with_affine(head, head.affine @ np.diag([-1, 1, 1, 1]))


def oblique(head: nib.Nifti1Image) -> nib.Nifti1Image:
    turn = nib.eulerangles.euler2mat(0.2, 0.1, -0.3)
    return with_affine(head, nib.affines.from_matvec(turn) @ head.affine)


GOOD = {
    "LAS": radiological,
    "oblique": oblique,
    "units-unknown": lambda head: with_units(head, "unknown"),
    "sform-to-a-template": lambda head: head.set_sform(shifted(head, 10), 4) or head,
    "forms-nearly-equal-as-aligned": lambda head: head.set_sform(shifted(head, 0.4), 2) or head,
    "forms-nearly-equal": lambda head: moved_sform(head, shifted(head, 0.4)),
    "qform-only": lambda head: head.set_sform(None, 0) or head,
    "scaled-integers": lambda head: head.header.set_slope_inter(0.5, 3) or head,
}


@pytest.mark.parametrize("change", GOOD.values(), ids=GOOD)
def test_a_scan_that_is_only_unusual_passes(head, tmp_path, change):
    path = tmp_path / "sub-01_T1w.nii"
    changed = change(head)
    changed.to_filename(path)
    assert np.allclose(quality.load(path).affine, changed.affine, atol=1e-4)


def test_inspect_lists_every_scan_and_goes_on_past_faults(make_dataset, head_file, tmp_path):
    cohort = make_dataset(
        people=("sub-01",), visits=("ses-01",), scans=("anat/T1w", "anat/FLAIR", "fmap/TB1map")
    )
    flair = cohort.bids / "sub-01" / "ses-01" / "anat" / "sub-01_ses-01_FLAIR.nii.gz"
    flair.write_bytes(head_file.read_bytes()[:500])
    rows = inspection.inspect(stage.Task(cohort, cohort.sessions()[0]))
    stem = "sub-01/ses-01"
    assert [(row["image"], row["file"], row["usable"]) for row in rows["scans"]] == [
        ("T1w", f"{stem}/anat/sub-01_ses-01_T1w.nii.gz", True),
        ("FLAIR", f"{stem}/anat/sub-01_ses-01_FLAIR.nii.gz", False),
        ("TB1map", f"{stem}/fmap/sub-01_ses-01_TB1map.nii.gz", True),
    ]
    assert [(row["shape"], row["voxel_mm"]) for row in rows["scans"]] == [
        ("80x90x80", "2x2x2"), (None, None), ("80x90x80", "2x2x2"),
    ]  # fmt: skip
    (left_out,) = rows["exclusions"]
    assert left_out["method"] == "FLAIR"
    assert left_out["stage"] == "2-4-acquisition"
    assert left_out["reason"].startswith("sub-01_ses-01_FLAIR.nii.gz: cannot be read")
    for table, found in rows.items():
        tables.write(table, stage.frame(table, found), tmp_path / f"{table}.tsv")
        assert len(tables.read(tmp_path / f"{table}.tsv")) == len(found)


def test_inspect_says_where_a_visit_has_no_t1w(make_dataset):
    cohort = make_dataset(people=("sub-01",), visits=("ses-01",), scans=("anat/FLAIR",))
    rows = inspection.inspect(stage.Task(cohort, cohort.sessions()[0]))
    assert [row["image"] for row in rows["scans"]] == ["FLAIR"]
    (left_out,) = rows["exclusions"]
    assert left_out["reason"].startswith("sub-01_ses-01 has no T1w in ")
    shutil.rmtree(cohort.bids / "sub-01" / "ses-01")
    (cohort.bids / "sub-01" / "ses-01").mkdir()
    rows = inspection.inspect(stage.Task(cohort, cohort.sessions()[0]))
    assert rows["scans"] == []
    assert len(rows["exclusions"]) == 1


@pytest.mark.parametrize(
    ("name", "images"),
    [("anat", ["TB1map"]), ("fmap", ["T1w"]), ("ses-01", [])],
    ids=["anat", "fmap", "visit"],
)
def test_inspect_says_which_folder_cannot_be_read(make_dataset, monkeypatch, name, images):
    """Its scans are found by a search that passes over such a folder, so that it read as empty."""
    cohort = make_dataset(people=("sub-01",), visits=("ses-01",), scans=("anat/T1w", "fmap/TB1map"))
    (visit,) = cohort.sessions()
    shut = visit.folder if name == "ses-01" else visit.folder / name
    iterdir, glob = Path.iterdir, Path.glob

    def refuse(self):
        if shut in (self, *self.parents):
            raise PermissionError(13, "Permission denied")
        return iterdir(self)

    monkeypatch.setattr(Path, "iterdir", refuse)
    monkeypatch.setattr(
        Path, "glob", lambda self, pattern: () if shut in (self, *self.parents) else glob(self, pattern)
    )
    rows = inspection.inspect(stage.Task(cohort, visit))
    assert [row["image"] for row in rows["scans"]] == images
    (left_out,) = rows["exclusions"]
    where = shut.relative_to(cohort.bids)
    assert (
        left_out["reason"]
        == f"the folder {where} cannot be read (Permission denied). Change its permissions."
    )


def test_one_volume_in_four_dimensions_is_a_volume(head_file, tmp_path):
    head = nib.load(head_file)
    path = tmp_path / "one.nii.gz"
    nib.save(nib.Nifti1Image(np.asarray(head.dataobj)[..., None], head.affine, head.header), path)
    assert quality.load(path).shape == head.shape


def test_an_analyze_file_is_refused_since_it_has_no_left(head_file, tmp_path):
    head = nib.load(head_file)
    path = tmp_path / "old.img"
    nib.save(nib.AnalyzeImage(np.asarray(head.dataobj).astype(np.int16), None), path)
    with pytest.raises(ImageError, match="does not say which side is left"):
        quality.load(path)


def test_a_reason_names_no_place_of_this_machine(make_dataset):
    """Reasons stand on pages: where a lab keeps its data is nobody's business."""
    cohort = make_dataset(people=["sub-01"], visits=["ses-01"])
    task = stage.Task(cohort, cohort.sessions()[0], None, {})
    said = f"{cohort.bids}/derivatives/first: a.nii, b.nii are all of sub-01. See {cohort.root}/build/logs/x.log."
    row = stage.exclusion(task, "2-6-2-segmentation", said, "FIRST")
    assert row["reason"] == "derivatives/first: a.nii, b.nii are all of sub-01. See build/logs/x.log."
