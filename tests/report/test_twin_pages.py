import re
from html import escape

import numpy as np
import pandas as pd
import pytest
from plot_checks import drawn, rows, table

from thalutils.report import twin_pages, twin_plots
from thalutils.simulate import coverage, twin_calibration, twin_consistency
from thalutils.simulate.twin_change import SWITCHES


def calibration(*found):
    return table("twin_calibration", found)


def switches():
    rows = [
        (name, method, 0.5, place / 10, 0.2)
        for place, name in enumerate(SWITCHES)
        for method in ("MindGlide-T1", "FIRST")
    ]
    return pd.DataFrame(rows, columns=["switch", "method", "reported", "implied", "drawn"])


def shown(fig):
    return [ax for ax in drawn(fig).axes if ax.get_visible()]


def marks(ax):
    """Return where the single marks of a panel stand, by marker and filling."""
    found = {}
    for line in ax.lines:
        if line.get_marker() in ("|", "o"):
            ring = line.get_markerfacecolor() == "white"
            found.setdefault((line.get_marker(), ring), []).extend(line.get_xdata())
    return found


def text(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r'(href|src)="data:[^"]*"', "", html.data)))


def test_quartiles_share_a_panel_with_their_median():
    found = calibration(
        ("voxel_agreement", "dice_median", "FIRST", None, 0.77, 0.78, 0.79, "emergent"),
        ("voxel_agreement", "dice_q1", "FIRST", None, 0.7, 0.71, 0.72, "emergent"),
        ("voxel_agreement", "dice_q3", "FIRST", None, 0.8, 0.81, 0.82, "emergent"),
        ("voxel_agreement", "precision_median", "FIRST", None, 0.6, 0.61, 0.62, "calibrated"),
    )
    dice, precision = shown(twin_plots.calibration(found))
    assert (dice.get_title(), precision.get_title()) == ("Dice", "precision")
    assert marks(dice) == {("|", False): [0.77], ("o", False): [0.78], ("o", True): [0.79]}
    spans = [list(line.get_xdata()) for line in dice.lines if len(line.get_xdata()) == 2]
    assert spans == [[0.7, 0.8], [0.71, 0.81], [0.72, 0.82]]


def test_what_was_not_used_is_blue():
    found = calibration(
        ("volume_agreement", "ccc", "FIRST", None, 0.17, 0.16, 0.2, "calibrated"),
        ("volume_agreement", "ccc", "MindGlide-R1", None, 0.61, 0.59, 0.7, "emergent"),
    )
    [ax] = shown(twin_plots.calibration(found))
    assert rows(ax) == ["FIRST", "MindGlide-R1"]
    dots = [line.get_color() for line in ax.lines if line.get_marker() == "o"]
    assert dots == [twin_plots.CALIBRATED] * 2 + [twin_plots.EMERGENT] * 2


def test_parts_of_the_people_have_rows_of_their_own():
    found = calibration(
        ("cross_sectional", "beta", "DBSegment", "edss", -0.14, -0.15, 0.0, "calibrated"),
        ("cross_sectional", "rrms_beta", "DBSegment", "edss", -0.29, -0.07, 0.0, "emergent"),
    )
    [ax] = shown(twin_plots.calibration(found))
    assert ax.get_title() == "EDSS, slope per mL"
    assert rows(ax) == ["DBSegment", "DBSegment, RRMS"]


def test_every_switch_has_a_panel():
    panels = shown(twin_plots.switch_slopes(switches()))
    assert [ax.get_title() for ax in panels] == list(SWITCHES)
    assert rows(panels[0]) == ["FIRST", "MindGlide-T1"]
    for place, ax in enumerate(panels):
        assert marks(ax)[("o", False)] == pytest.approx([place / 10] * 2)
        assert marks(ax)[("|", False)] == [0.5, 0.5]


def test_the_parts_are_drawn_with_what_lies_inside():
    parts = twin_consistency.nest()
    first, rest = shown(twin_plots.nest(parts))
    assert rows(first) + rows(rest) == list(parts["part"])
    widths = [bar.get_width() for bar in rest.patches]
    assert widths == pytest.approx([*parts["size_ml"][1:], *parts["inside_ml"][1:]])


def test_coverage_is_drawn_in_percent_with_its_interval():
    found = coverage.read().query("statistic in ('ccc', 'bias')")
    [ax] = shown(twin_plots.coverage(found))
    assert rows(ax) == [
        "Lin's concordance, Fisher's z with Lin's\nvariance",
        "Bland-Altman bias, Student's t",
    ]
    spans = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2][1:]
    wanted = list(zip(100 * found["low"], 100 * found["high"], strict=True))
    assert np.allclose(spans, wanted)


def test_the_constants_are_those_of_the_model():
    model = twin_calibration.calibrate("nothing")
    constants = text(twin_pages.parameters(model))
    assert f"Centre of the true volume {model.volume.centre_ml:.3f} mL calibrated" in constants
    assert "Error of the rater 1.240 mL assumed" in constants
    methods = text(twin_pages.measurements(model))
    gains = " ".join(f"{how.gain:.3f}" for how in model.masks.sizes.values())
    assert f"Gain 1 {gains}" in methods
    assert "Loading on the tie with EDSS 1 0.000 0.000 0.000 0.000" in methods


def test_every_section_of_the_table_has_words():
    found = calibration(("populations", "age_mean", "longitudinal", None, 43.7, 43.4, 42.0, "emergent"))
    assert "the populations (section 3.1)" in text(twin_pages.calibration(found, "populations"))
    assert "age_mean longitudinal" in text(twin_pages.calibration_table(found))


def test_a_contradiction_is_named_once():
    found = twin_consistency.contradictions()
    shown_text = text(twin_pages.contradictions(found))
    for words in found["contradiction"].unique():
        assert shown_text.count(escape(words)) == 1
    assert found["contradiction"].notna().all()


def test_figures_come_with_their_numbers():
    html = twin_pages.switches(switches())
    assert "<figure" in html.data
    assert "nothing FIRST 0.50 0.30 0.20" in text(html)
    html = twin_pages.coverage(coverage.read())
    assert "Bland-Altman bias" in text(html)
    assert "2000 studies" in text(html)
    assert "all three: 9.57 mL, 75% inside" in twin_pages.nest(twin_consistency.nest()).data
    assert "ba_slope" in text(twin_pages.identities(twin_consistency.identities()))
