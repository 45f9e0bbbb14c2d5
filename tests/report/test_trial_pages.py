import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from change_rows import changes
from plot_checks import drawn, rows, table

from thalutils.report import privacy, trial_pages, trial_plots
from thalutils.report.words import unbroken
from thalutils.stats.trial import trial_size

PATIENTS, CONTROLS = 40, 6


def frame(excess, controls=CONTROLS, spread=1.0):
    """Return changes of patients and controls whose means differ by exactly `excess`, scattered alike."""
    found = changes(("RRMS",) * PATIENTS + ("HC",) * controls, methods=("FIRST",))
    rng = np.random.default_rng(4)
    for group, mean in (("RRMS", excess), ("HC", 0.0)):
        mine = found["group"] == group
        noise = rng.normal(size=mine.sum())
        found.loc[mine, "percent"] = mean + spread * (noise - noise.mean())
    return found


def sizes(*args, **words):
    return trial_size(frame(*args, **words), resamples=200)


def text(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r'(href|src)="data:[^"]*"', "", html.data)))


def markers(ax, shape):
    return [line for line in ax.lines if line.get_marker() == shape]


def minimal(*found):
    return table(
        "minimal_change", [(name, basis, 20, 0.1, 0.28, percent, None) for name, basis, percent in found]
    )


def test_a_bounded_size_is_a_line_with_two_ends_on_a_logarithmic_axis():
    found = sizes(-3.0)
    fig = drawn(trial_plots.trial_sizes(found))
    ax = fig.axes[0]
    assert ax.get_xscale() == "log"
    assert [one.get_title() for one in fig.axes[:2]] == ["30 % less loss", "50 % less loss"]
    assert not markers(ax, ">")
    dots = [line.get_xdata()[0] for line in markers(ax, "o") if len(line.get_xdata())]
    wanted = found.query("slowing_percent == 30")["n_per_arm"].tolist()
    assert dots == pytest.approx(wanted)
    ends = sorted(x for line in markers(ax, "|") for x in line.get_xdata())
    both = found.query("slowing_percent == 30")[["n_per_arm_low", "n_per_arm_high"]]
    assert ends == pytest.approx(sorted(both.to_numpy().ravel()))


def test_a_size_without_an_upper_end_is_an_arrow():
    found = sizes(-0.3)
    assert found["n_per_arm_high"].isna().all()
    ax = drawn(trial_plots.trial_sizes(found)).axes[0]
    assert len(markers(ax, ">")) == 2
    assert "\N{INFINITY}" in text(trial_pages.sizes_table(found))


def test_a_method_without_excess_says_that_no_trial_is_large_enough():
    found = sizes(2.0)
    ax = drawn(trial_plots.trial_sizes(found)).axes[0]
    assert [words.get_text() for words in ax.texts] == [trial_plots.NO_EXCESS]
    assert unbroken("\N{INFINITY} to \N{INFINITY}") in trial_pages.sizes_table(found).data


def test_too_few_controls_leave_a_reason_and_no_figure():
    found = sizes(-3.0, controls=2)
    assert trial_pages.NO_SIZES in trial_pages.sizes(found).data
    assert "2 people among controls" in text(trial_pages.sizes_table(found))
    assert "No method has an excess" in text(trial_pages.excess_table(found))


def test_the_excess_is_told_with_its_interval():
    found = sizes(-3.0)
    row = found.iloc[0]
    low, high = (
        f"{row[f'excess_percent_{end}']:.2f}".replace("-", "\N{MINUS SIGN}") for end in ("low", "high")
    )
    shown = text(trial_pages.excess_table(found)).replace("\N{NO-BREAK SPACE}", " ")
    assert f"\N{MINUS SIGN}3.00 [{low}, {high}]" in shown


def test_nobody_with_two_visits_is_said():
    nobody = trial_size(changes(()), resamples=10)
    assert nobody.empty
    for html in (trial_pages.sizes(nobody), trial_pages.sizes_table(nobody)):
        assert trial_pages.NO_CHANGE in html.data


def test_the_smallest_change_stands_beside_the_mean_change():
    found = minimal(("MindGlide-T1", "repeated scans", 3.0), ("FIRST", "repeated scans", 2.0))
    ax = drawn(trial_plots.minimal_changes(found, pd.Series({"FIRST": -0.6}))).axes[0]
    assert rows(ax) == ["FIRST", "MindGlide-T1"]
    bars = [line.get_xdata()[0] for line in markers(ax, "|")]
    assert bars[0] == pytest.approx(0.6)
    assert np.isnan(bars[1])


def test_two_sources_of_error_are_told_apart():
    found = minimal(("FIRST", "repeated scans", 2.0), ("FIRST", "known truth", 1.0))
    ax = drawn(trial_plots.minimal_changes(found, pd.Series(dtype=float))).axes[0]
    assert rows(ax) == ["FIRST (repeated scans)", "FIRST (known truth)"]
    html = trial_pages.minimal(found, changes())
    assert "repeated scans, known truth" in text(html)


def test_without_an_error_of_measurement_a_sentence_stands():
    for found in (minimal(), minimal(("FIRST", "known truth", np.nan))):
        assert trial_pages.NO_MINIMAL in trial_pages.minimal(found, changes()).data
    assert trial_pages.NO_MINIMAL in trial_pages.minimal_table(minimal()).data


def test_sizes_from_four_controls_are_hidden(monkeypatch):
    monkeypatch.setattr(privacy, "_page_of", SimpleNamespace(publishes_individuals=False))
    found = sizes(-3.0, controls=4)
    assert trial_pages.NO_SIZES in trial_pages.sizes(found).data
    shown = text(trial_pages.sizes_table(found))
    assert "&lt;5" in shown
    assert f"{found['n_per_arm'].iloc[0]:.0f} " not in shown.split("power")[1]
