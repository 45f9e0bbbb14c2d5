"""`thalutils segment`: where masks go, what is refused before anything runs, and how faults are told."""

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.datasets import load_mni152_template
from typer.testing import CliRunner

from thalutils import cli, console, segment_console
from thalutils.errors import UsageError
from thalutils.segmenters.thalnet import network


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    template = load_mni152_template(resolution=2)
    path = tmp_path_factory.mktemp("scans") / "head_T1w.nii.gz"
    image = nib.Nifti1Image((1000 * template.get_fdata()).astype(np.int16), template.affine)
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)
    return path


def jobs(scans, **wanted):
    settled = {"output": None, "output_dir": None, "preview": None} | wanted
    return segment_console.jobs([Path(one) for one in scans], **settled)


def test_a_mask_goes_beside_its_scan_unless_told_otherwise():
    assert [job.mask for job in jobs(["a/x.nii.gz", "b/y.mgz"])] == [
        Path("a/x_thalamus.nii.gz"), Path("b/y_thalamus.nii.gz"),
    ]  # fmt: skip
    [job] = jobs(["a/x.nii"], output=Path("m.nii"), preview=Path("p.png"))
    assert (job.mask, job.preview) == (Path("m.nii"), Path("p.png"))
    found = jobs(["a/x.nii", "a/y.nii"], output_dir=Path("out"), preview=Path("pictures"))
    assert [job.preview for job in found] == [
        Path("pictures/x_thalamus.png"),
        Path("pictures/y_thalamus.png"),
    ]


@pytest.mark.parametrize(
    ("scans", "wanted", "words"),
    [
        (["x.nii"], {"output": Path("m.nii"), "output_dir": Path("o")}, "not both"),
        (["x.nii", "y.nii"], {"output": Path("m.nii")}, "for one scan"),
        (["x.nii"], {"output": Path("m.png")}, "ends with"),
        (["x.nii"], {"output": Path("x.nii")}, "is among the scans itself"),
        (
            ["x.nii.gz", "x_thalamus.nii.gz"],
            {},
            "x_thalamus.nii.gz, the mask of x.nii.gz, is among the scans",
        ),
        (["a/x.nii", "b/x.nii"], {"output_dir": Path("o")}, "a/x.nii and b/x.nii would both be"),
        (["x.nii"], {"preview": Path("p.jpg")}, r"ends with \.png"),
        (["x.nii"], {"probability": Path("p.png")}, "a probability's name ends with"),
        (
            ["x.nii"],
            {"others": {"FLAIR": Path("f.nii")}, "output": Path("d/../f.nii")},
            "f.nii, the mask of x",
        ),
        (
            ["x.nii"],
            {"others": {"R1": Path("x_thalamus.nii.gz")}},
            "x_thalamus.nii.gz, the mask of x.nii, is among",
        ),
        (
            ["x.nii"],
            {"others": {"R1": Path("p.nii")}, "probability": Path("p.nii")},
            "the probability of x.nii, is",
        ),
        (["x.png"], {"preview": Path("x.png")}, "the picture of x.png, is among"),
        (["o/x_thalamus.png", "x.nii"], {"preview": Path("o")}, "the picture of x.nii, is among"),
        (["x.nii", "o/volumes.tsv"], {"output_dir": Path("o")}, "the table of volumes, is among"),
        (
            ["a/x.nii", "b/x.nii"],
            {"preview": Path("o")},
            "a/x.nii and b/x.nii would both be o/x_thalamus.png",
        ),
        (
            ["x.nii"],
            {"output": Path("m.nii"), "probability": Path("m.nii")},
            "the mask and the probability of",
        ),
        (["x.nii", "y.nii"], {"others": {"R1": Path("r.nii")}}, "go with one scan"),
    ],
)
def test_wishes_that_do_not_fit_are_refused_first(scans, wanted, words):
    with pytest.raises(UsageError, match=words):
        jobs(scans, **wanted)


@pytest.mark.parametrize("way", ["--flair", "--r1"])
def test_a_scan_beside_the_first_is_never_written_onto(scan, tmp_path, way):
    other = tmp_path / "other.nii.gz"
    other.write_bytes(scan.read_bytes())
    result = CliRunner().invoke(cli.app, ["segment", str(scan), way, str(other), "--output", str(other)])
    assert isinstance(result.exception, UsageError) and "is among the scans itself" in str(result.exception)
    assert other.read_bytes() == scan.read_bytes()


def test_masks_volumes_and_pictures_are_written_and_a_fault_stops_nobody(scan, tmp_path):
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"no image")
    out = tmp_path / "out"
    wanted = ["segment", str(broken), str(scan), "--output-dir", str(out), "--preview", str(out)]
    wanted += ["--probability", str(out)]
    result = CliRunner().invoke(cli.app, wanted)
    assert result.exit_code == 1
    assert "broken.nii.gz: cannot be read" in result.output and "1 of 2 scans have a mask" in result.output
    mask = nib.load(out / "head_T1w_thalamus.nii.gz")
    assert mask.shape == nib.load(scan).shape and np.allclose(mask.affine, nib.load(scan).affine)
    assert set(np.unique(mask.dataobj)) == {0, 10, 49}
    [row] = pd.read_csv(out / "volumes.tsv", sep="\t").to_dict("records")
    assert row["volume_ml"] == pytest.approx((np.asarray(mask.dataobj) > 0).sum() * 8 / 1000, abs=1e-3)
    assert (out / "head_T1w_thalamus.png").stat().st_size > 10_000
    chance = nib.load(out / "head_T1w_probability.nii.gz")
    assert chance.get_data_dtype() == np.float32 and np.allclose(chance.affine, mask.affine)
    assert ((chance.get_fdata() >= network.CUT["draw"]) != (np.asarray(mask.dataobj) > 0)).sum() < 20
    assert not (out / "broken_thalamus.nii.gz").exists()


def test_a_mask_of_an_earlier_run_does_not_outlive_a_failure(tmp_path):
    path, mask = tmp_path / "noise.nii.gz", tmp_path / "noise_thalamus.nii.gz"
    nib.save(
        nib.Nifti1Image(np.random.default_rng(0).random((64, 64, 64), np.float32), np.diag([3.0, 3, 3, 1])),
        path,
    )
    mask.write_bytes(b"old")
    assert CliRunner().invoke(cli.app, ["segment", str(path)]).exit_code == 1
    assert not mask.exists()


def test_a_stop_keeps_the_volumes_of_what_is_done(scan, tmp_path, monkeypatch):
    one = segment_console._one

    def stopped_at_the_second(job, networks):
        if job.scan != scan:
            raise KeyboardInterrupt
        return one(job, networks)

    monkeypatch.setattr(segment_console, "_one", stopped_at_the_second)
    with pytest.raises(
        KeyboardInterrupt, match="^The masks that are finished are kept; the same command draws"
    ):
        segment_console.segment([scan, tmp_path / "second.nii.gz"], None, tmp_path / "out", None)
    [row] = pd.read_csv(tmp_path / "out" / "volumes.tsv", sep="\t").to_dict("records")
    assert row["scan"] == str(scan)


@pytest.mark.parametrize(
    ("words", "told"), [(segment_console.STOPPED, "draws every scan anew"), ("", "goes on from there")]
)
def test_what_is_told_after_a_stop_is_the_commands_own(words, told, monkeypatch, capsys):
    """It was said to go on from there, and drew every scan anew; then Typer ended on it without a word."""

    def stopped():
        raise KeyboardInterrupt(words)

    monkeypatch.setattr(console, "stages", stopped)
    monkeypatch.setattr(sys, "argv", ["thalutils", "stages"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == cli.FAILED
    said = capsys.readouterr().err
    assert told in said and "Traceback" not in said


def test_volumes_of_an_earlier_run_do_not_outlive_their_masks(tmp_path):
    (tmp_path / "volumes.tsv").write_text("scan\tmask\n")
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"no image")
    assert segment_console.segment([broken], None, tmp_path, None) == segment_console.FAILED
    assert list(tmp_path.iterdir()) == [broken]


def test_a_map_named_as_bids_has_it_and_one_given_as_r1_may_have_holes(scan, tmp_path):
    image = nib.load(scan)
    values = image.get_fdata(dtype=np.float32)
    holed = nib.Nifti1Image(np.where(values > 0, values, np.nan).astype(np.float32), image.affine)
    paths = [tmp_path / name for name in ("sub-01_R1map.nii.gz", "sub-01_R1.nii.gz")]
    for path in paths:
        nib.save(holed, path)
    result = CliRunner().invoke(cli.app, ["segment", *map(str, paths), "--output-dir", str(tmp_path / "out")])
    assert "sub-01_R1.nii.gz: " in result.output and "are NaN or infinite" in result.output
    assert [path.name for path in (tmp_path / "out").glob("*.nii.gz")] == ["sub-01_R1map_thalamus.nii.gz"]
    wanted = ["segment", str(scan), "--r1", str(paths[1]), "--output", str(tmp_path / "both.nii.gz")]
    assert CliRunner().invoke(cli.app, wanted).exit_code == 0


@pytest.mark.parametrize("kind", ["zeros", "noise"])
def test_every_scan_without_thalami_is_told_alike(tmp_path, kind):
    values = np.random.default_rng(0).random((64, 64, 64), np.float32) * (kind == "noise")
    path = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(values, np.diag([3.0, 3.0, 3.0, 1.0])), path)
    result = CliRunner().invoke(cli.app, ["segment", str(path)])
    assert result.exit_code == 1 and f"{path}: no thalamus found" in result.output
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_is_told_without_a_traceback(scan, tmp_path):
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(
        cli.app, ["segment", str(scan), "--output-dir", str(tmp_path / "file" / "deeper")]
    )
    assert result.exit_code == 1 and "is a file, not a folder" in result.output
    assert not isinstance(result.exception, OSError)


def test_further_contrasts_go_with_one_scan_and_give_one_mask(scan, tmp_path):
    values = nib.load(scan)
    dark = np.where(np.asarray(values.dataobj) > 0, 1200 - values.get_fdata(), 0).astype(np.int16)
    flair = tmp_path / "flair.nii.gz"
    nib.save(nib.Nifti1Image(dark, values.affine, values.header), flair)
    mask = tmp_path / "mask.nii.gz"
    result = CliRunner().invoke(cli.app, ["segment", str(scan), "--flair", str(flair), "--output", str(mask)])
    assert result.exit_code == 0, result.output
    assert str(flair) in result.output and set(np.unique(nib.load(mask).dataobj)) == {0, 10, 49}
    with pytest.raises(UsageError, match="go with one scan"):
        segment_console.segment([scan, flair], None, tmp_path, None, None, {"R1": flair})
