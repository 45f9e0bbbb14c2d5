import base64
import gzip
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from thalutils.errors import ImageError
from thalutils.report.sphinx_ext import niivue_path
from thalutils.report.viewer import MAX_VOXELS, viewer

SCRIPT = Path(__file__).parents[2] / "book" / "_static" / "viewer.js"
CHROMIUM = shutil.which("chromium")
CENTRE_MM = np.array([4.0, -6.0, 2.0])
HALF_SIDE_MM = 5.0
WORDS = {"title": "t", "alt": "a"}


def grid(axes="RAS", mm=1.0, side_mm=80):
    """Return an affine whose grid of ``side_mm`` is centred on 0, its axes pointing as asked."""
    n = round(side_mm / mm)
    ornt = nib.orientations.axcodes2ornt(axes)
    affine = np.eye(4)
    for voxel_axis, (world_axis, sign) in enumerate(ornt):
        affine[:, voxel_axis] = 0
        affine[int(world_axis), voxel_axis] = sign * mm
    affine[:3, 3] = -affine[:3, :3] @ np.full(3, (n - 1) / 2)
    return (n, n, n), affine


def world(shape, affine):
    return nib.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))


def cube(shape, affine, centre=CENTRE_MM):
    inside = np.all(np.abs(world(shape, affine) - centre) <= HALF_SIDE_MM, axis=-1)
    return nib.Nifti1Image(inside.astype(np.uint8), affine)


def ramp(shape, affine):
    """Return a scan whose value is 100 + its x coordinate in mm."""
    return nib.Nifti1Image((100 + world(shape, affine)[..., 0]).astype(np.float32), affine)


def payload(html):
    [text] = re.findall(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    return json.loads(text)


def decoded(volume):
    return nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(volume)))


def still(html):
    encoded = re.search(r'<img src="data:image/png;base64,([^"]+)"', html)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")).astype(int)


@pytest.mark.parametrize("axes", ["RAS", "LAS", "LPS", "PIR"])
def test_volumes_stay_where_they_are_in_the_world_and_keep_their_values(axes):
    shape, affine = grid(axes)
    data = payload(viewer(ramp(shape, affine), {"FIRST": cube(shape, affine)}, **WORDS, margin_mm=8).data)
    mask = decoded(data["masks"][0]["volume"])
    voxels = nib.affines.apply_affine(mask.affine, np.argwhere(mask.get_fdata() > 0))
    np.testing.assert_allclose(voxels.mean(axis=0), CENTRE_MM, atol=0.51)
    scan = decoded(data["background"])
    assert scan.shape == mask.shape
    assert max(scan.shape) <= 2 * (HALF_SIDE_MM + 8) + 2
    expected = np.clip(100 + world(scan.shape, scan.affine)[..., 0], *data["window"])
    step = (data["window"][1] - data["window"][0]) / 255
    np.testing.assert_allclose(scan.get_fdata(), expected, atol=0.51 * step)


def test_a_mask_on_another_grid_is_brought_to_the_scan():
    scan = ramp(*grid("RAS"))
    data = payload(viewer(scan, {"FIRST": cube(*grid("LPS", mm=2.0))}, **WORDS).data)
    mask = decoded(data["masks"][0]["volume"])
    voxels = nib.affines.apply_affine(mask.affine, np.argwhere(mask.get_fdata() > 0))
    np.testing.assert_allclose(voxels.mean(axis=0), CENTRE_MM, atol=1.01)


def test_a_fine_scan_is_thinned_to_fit_a_page():
    shape, affine = grid(mm=0.5, side_mm=64)
    noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    masks = {"FIRST": cube(shape, affine)}
    html = viewer(nib.Nifti1Image(noise, affine), masks, **WORDS, margin_mm=40).data
    assert np.prod(decoded(payload(html)["background"]).shape) <= MAX_VOXELS
    assert len(html) < 1.6e6


def test_hostile_words_stay_words():
    hostile = '</script><script>alert("x")</script>'
    shape, affine = grid()
    masks = {hostile: cube(shape, affine)}
    html = viewer(ramp(shape, affine), masks, title=hostile, alt=hostile, caption=hostile).data
    assert html.count("<script") == 1
    assert payload(html)["masks"][0]["name"] == hostile


@pytest.mark.parametrize("axes", ["RAS", "LPS"])
def test_the_still_outlines_each_mask_in_its_colour(axes):
    shape, affine = grid(axes)
    colours = {"FIRST": "#ff0000", "FreeSurfer": "#00ff00"}
    masks = {
        "FIRST": cube(shape, affine, CENTRE_MM - np.array([9, 0, 0])),
        "FreeSurfer": cube(shape, affine, CENTRE_MM + np.array([9, 0, 0])),
    }
    html = viewer(ramp(shape, affine), masks, **WORDS, colours=colours).data
    axial = still(html)[:330, :340]
    red = np.argwhere(axial[..., 0] - axial[..., 1] > 150)
    green = np.argwhere(axial[..., 1] - axial[..., 0] > 150)
    assert red[:, 1].max() < green[:, 1].min(), "left of the head stands on the left"
    assert re.findall(r'data-mask="\d".*?background:(#\w+)', html) == list(colours.values())


def test_an_empty_mask_is_shown_as_empty():
    shape, affine = grid()
    nothing = nib.Nifti1Image(np.zeros(shape, np.uint8), affine)
    data = payload(viewer(ramp(shape, affine), {"FIRST": nothing}, **WORDS).data)
    assert not decoded(data["masks"][0]["volume"]).get_fdata().any()


def test_a_scan_with_gaps_has_a_finite_window():
    shape, affine = grid()
    values = np.full(shape, np.nan, np.float32)
    values[40] = 7.0
    scan = nib.Nifti1Image(values, affine)
    assert payload(viewer(scan, {"FIRST": cube(shape, affine)}, **WORDS).data)["window"] == [7, 8]


def test_without_masks_the_whole_scan_is_shown_and_nothing_is_left_to_switch():
    shape, affine = grid()
    html = viewer(ramp(shape, affine), {}, **WORDS).data
    data = payload(html)
    assert data["masks"] == [] and "data-mask" not in html and "<label hidden>Opacity" in html
    assert decoded(data["background"]).shape == shape
    assert still(html).max() > 200


def test_images_that_cannot_be_shown_are_named():
    shape, affine = grid()
    scan = ramp(shape, affine)
    four = nib.Nifti1Image(np.zeros((*shape, 2), np.uint8), affine)
    with pytest.raises(ImageError, match="'FIRST' has shape"):
        viewer(scan, {"FIRST": four}, **WORDS)


def test_the_same_images_give_the_same_bytes():
    shape, affine = grid()
    pages = {viewer(ramp(shape, affine), {"x": cube(shape, affine)}, **WORDS).data for _ in "ab"}
    assert len(pages) == 1
    packed = base64.b64decode(payload(pages.pop())["background"])
    assert packed[4:8] == bytes(4), "a gzip stream holds the time it was made at"


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_opens_the_viewer_from_a_file_and_reads_scan_and_masks(tmp_path):
    shape, affine = grid(side_mm=81)
    above = np.array([0, 0, 12])
    masks = {
        "FIRST": cube(shape, affine),
        "far <away>": cube(shape, affine, CENTRE_MM + above),
        "also far": cube(shape, affine, CENTRE_MM - above),
    }
    (tmp_path / "viewer.js").write_text(SCRIPT.read_text())
    shutil.copy(niivue_path(), tmp_path)
    page = tmp_path / "page.html"
    shown = viewer(ramp(shape, affine), masks, **WORDS, margin_mm=10).data
    page.write_text(f'<!doctype html><body>{shown}<script src="viewer.js"></script>')
    command = [CHROMIUM, "--headless", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader"]
    dom = subprocess.run(
        [
            *command,
            "--enable-unsafe-swiftshader",
            "--virtual-time-budget=8000",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    ).stdout
    assert re.search(r"<output>(.*?)</output>", dom)[1] == "(4, -6, 2) mm: 104; in FIRST"
    assert "thal-live" in dom
