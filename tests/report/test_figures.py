import base64
import io
import itertools
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from thalutils.report.figures import METHOD_COLOURS, VARIANTS, colour, figure, marker, palette, theme
from thalutils.segmenters import session

mpl.use("agg")

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SIGHT = {
    "full": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
TOLD_APART = 17.0  # CIE 1976 colour difference; 2.3 is just noticeable side by side


def lab(colour_, sight):
    rgb = np.array(to_rgb(colour_))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = to_xyz @ np.clip(np.array(sight) @ linear, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
def test_families_are_told_apart_by_readers_who_do_not_see_red_or_green(sight):
    for a, b in itertools.combinations(METHOD_COLOURS, 2):
        difference = np.linalg.norm(
            lab(METHOD_COLOURS[a], SIGHT[sight]) - lab(METHOD_COLOURS[b], SIGHT[sight])
        )
        assert difference > TOLD_APART, (a, b)


def test_variants_keep_the_hue_and_differ_in_lightness_and_marker():
    methods = [f"MindGlide-{variant}" for variant in VARIANTS]
    lightness = [lab(colour(method), SIGHT["full"])[0] for method in methods]
    assert np.all(np.diff(lightness) > 4)
    assert all(to_rgb(colour(method))[2] > to_rgb(colour(method))[0] for method in methods)
    assert len({marker(method) for method in methods}) == len(methods)


def test_every_mask_that_the_study_makes_has_a_marker_that_tells_it_from_its_familys():
    families = {}
    for method in session.methods():
        families.setdefault(method.partition("-")[0], []).append(marker(method))
    assert len(families["ThalNet"]) == len(VARIANTS)
    assert all(len(set(found)) == len(found) for found in families.values())


def test_an_unlisted_method_has_one_colour_always():
    assert colour("OwnTool") == colour("OwnTool")
    assert palette(["FIRST", "OwnTool"]) == {"FIRST": colour("FIRST"), "OwnTool": colour("OwnTool")}


def drawn():
    fig, ax = plt.subplots(figsize=(4, 3), dpi=100)
    ax.plot([0, 1], [0, 1])
    ax.set(xlabel="x (mm)")
    return fig


def shown(**words):
    return figure(drawn(), **{"caption": "Figure 1", "alt": "a line", **words}).data


def payload(html, mime):
    return base64.b64decode(re.search(f'data:{re.escape(mime)};base64,([^"]+)', html)[1])


def test_the_same_figure_gives_the_same_bytes():
    assert shown() == shown()
    assert b"<dc:date>" not in payload(shown(), "image/svg+xml")


def test_a_figure_is_drawn_at_twice_the_size_it_is_shown_at_and_closed():
    html = shown()
    pixels = Image.open(io.BytesIO(payload(html, "image/png"))).width
    assert int(re.search(r'width="(\d+)"', html)[1]) == pixels // 2
    assert pixels > 600
    assert not plt.get_fignums()


def test_words_of_a_figure_are_not_markup():
    html = shown(caption="<b>", alt='"><script>', name="../a b")
    assert "<script" not in html
    assert "<b>" not in html
    assert 'download="a-b.svg"' in html


def test_the_theme_is_set():
    with mpl.rc_context():
        theme()
        first = mpl.rcParams["axes.prop_cycle"].by_key()["color"][0]
        assert to_hex(first) == METHOD_COLOURS["FreeSurfer"]
        assert mpl.rcParams["font.size"] > 12
