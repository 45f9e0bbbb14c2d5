import numpy as np
import pytest
from matplotlib.colors import to_hex
from plot_checks import drawn, rows, table

from thalutils.report import imaging_plots


def test_accuracy_averages_the_bias_and_pools_the_spread():
    found = [
        ("sub-0", "ses-1", "R1map", "CSF", "pure", 9, 0, 1.0, 1.0, 2.0, 3.0),
        ("sub-0", "ses-1", "R1map", "CSF", "mixed", 9, 0, 0.7, 1.0, -7.0, 8.0),
        ("sub-0", "ses-1", "R1map", "CSF", "all", 18, 0, 0.85, 1.0, 99.0, 99.0),
        ("sub-1", "ses-1", "R1map", "CSF", "pure", 9, 0, 1.0, 1.0, 4.0, 5.0),
        ("sub-1", "ses-1", "PDmap", "white matter", "pure", 9, 0, 1.0, 1.0, -1.0, 2.0),
    ]
    fig = drawn(imaging_plots.accuracy_bars(table("map_accuracy", found)))
    r1 = fig.axes[0]
    assert r1.patches[0].get_width() == pytest.approx(3.0)
    [whisker] = r1.collections[0].get_segments()[:1]
    assert np.ptp(whisker[:, 0]) / 2 == pytest.approx(np.sqrt((9 + 25) / 2))
    assert [text.get_text() for text in r1.texts] == ["+3.0 ± 4.1", "none", "-7.0 ± 8.0", "none"]
    assert [bars.get_label() for bars in r1.containers if bars.get_label()[0] != "_"] == ["pure", "mixed"]
    assert rows(r1) == ["CSF", "white matter"]


def registrations(error):
    shared = {
        "participant_id": "sub-0",
        "session_id": "ses-1",
        "image": "R1",
        "verdict": None,
        "error_max_mm": error,
    }
    found = [
        shared | {"strategy": name, "mutual_information": mi, "cutoff": cutoff, "passed": mi >= cutoff,
                  "selected": used, "error_mm": error}
        for name, mi, cutoff, used in (("a", 0.5, 0.4, True), ("b", 0.45, 0.4, False), ("c", 0.2, 0.3, False))
    ]  # fmt: skip
    return table("registration", found)


def test_registrations_show_choice_cutoff_and_error():
    fig = drawn(imaging_plots.registration_points(registrations(0.2)))
    information, error = fig.axes
    faces = [to_hex(one.get_facecolor()[0]) for one in information.collections if len(one.get_offsets()) and
             one.get_offsets()[0][0] in (0.5, 0.45)]  # fmt: skip
    assert faces == ["#000000", "#ffffff"]
    cutoffs = [one.get_segments()[0][0][0] for one in information.collections if hasattr(one, "get_segments")]
    assert cutoffs == [0.4, 0.4, 0.3]
    assert [line.get_xdata()[0] for line in error.lines] == [0.3, 1.0]
    assert rows(information) == ["a", "b", "c"]


def test_without_a_true_error_there_is_no_panel_of_it():
    assert len(drawn(imaging_plots.registration_points(registrations(np.nan))).axes) == 1
