import re
from types import SimpleNamespace

import pandas as pd
import pytest
from change_rows import brain, changes
from matplotlib.figure import Figure

from thalutils import tables
from thalutils.report import change_pages, privacy
from thalutils.report.words import TOO_FEW, unbroken
from thalutils.stats import change, correlations

NOBODY = changes(())


@pytest.fixture
def private(monkeypatch):
    """Open the page of a cohort that publishes no individual rows."""
    monkeypatch.setattr(privacy, "_page_of", SimpleNamespace(publishes_individuals=False))


def text(html):
    """Return what a page shows, without what its links carry."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r'(href|src)="data:[^"]*"', "", html.data)))


def cells(html):
    body = re.search(r"<tbody>(.*)</tbody>", html.data, re.DOTALL)[1]
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in body.split("</tr>")[:-1]]


def compared(frame):
    table = brain(frame)
    found = correlations.brain_change_correlation(frame, table)
    return table, found, correlations.brain_change_pairwise(frame, table)


def test_change_is_tabulated_by_method_and_diagnosis_as_it_was_found():
    frame = changes(("RRMS",) * 6 + ("HC",) * 3)
    html = change_pages.volume_table(change.change_summary(frame), "volume_percent")
    assert f"all {unbroken('(n = 9)')}" in html.data
    assert f"RRMS {unbroken('(n = 6)')}" in html.data
    mine = frame[(frame["method"] == "FIRST") & (frame["group"] == "HC")]["percent"]
    wanted = unbroken(f"{mine.mean():.2f} ± {mine.std():.2f}").replace("-", "\N{MINUS SIGN}")
    assert cells(html)[0][0] == "FIRST"
    assert wanted in cells(html)[0]
    assert "Table S8" in text(html)


def test_clinical_change_is_named_as_the_study_names_it():
    html = change_pages.clinical_table(change.change_summary(changes()))
    named = [row[1] for row in cells(html)]
    assert named[:4] == ["EDSS (points)", "T25FW (s)", "9HPT (s)", "SDMT (correct answers)"]


def test_pairs_show_a_square_and_save_every_test():
    html = change_pages.pairs(change.change_pairwise(changes()))
    assert html.data.count("<figure") == 1
    assert "(n = 8) (Table S9 of the paper)" in text(html)
    assert "Download all 1 comparisons" in text(html)


def test_brain_change_has_a_figure_for_each_engine():
    frame = changes()
    table = pd.concat([brain(frame), brain(frame, "other", seed=5)])
    found = correlations.brain_change_correlation(frame, table)
    html = change_pages.brain(frame, table, found)
    assert html.data.count("<figure") == 2
    assert "measured by other" in text(html)


def test_correlations_are_compared_with_the_sign_of_row_minus_column(monkeypatch):
    frame = changes()
    _, found, pairs = compared(frame)
    r = found.set_index("method")["r"]
    squares = []
    monkeypatch.setattr(change_pages, "pair_matrix", lambda pairs, digits: squares.append(pairs) or Figure())
    html = change_pages.brain_pairs(pairs)
    [drawn] = squares
    assert (drawn["method_i"].item(), drawn["method_j"].item()) == ("MindGlide-T1", "FIRST")
    assert drawn["median_difference"].item() == pytest.approx(r["MindGlide-T1"] - r["FIRST"])
    assert "Steiger" in text(html)


def test_what_a_cohort_lacks_is_said():
    summary = change.change_summary(NOBODY)
    nothing = tables.empty("brain_change")
    found = correlations.brain_change_correlation(NOBODY, nothing)
    pairs = correlations.brain_change_pairwise(NOBODY, nothing)
    for html in (change_pages.boxes(NOBODY), change_pages.by_group(NOBODY),
                 change_pages.volume_table(summary, "volume_ml"), change_pages.brain(NOBODY, nothing, found)):  # fmt: skip
        assert change_pages.UNCHANGED in html.data
    assert "Nobody has a clinical score" in text(change_pages.clinical_table(summary))
    assert change_pages.ONE_METHOD in change_pages.pairs(change.change_pairwise(NOBODY)).data
    assert change_pages.NO_BRAIN in change_pages.brain(changes(), nothing, found).data
    for html in (change_pages.correlation_table(found), change_pages.brain_pairs(pairs)):
        assert "thal-note" in html.data


def test_small_groups_are_hidden_from_every_part_of_the_page(private):
    frame = changes(("RRMS",) * 6 + ("HC",) * 3 + ("PMS",) * 2)
    html = change_pages.volume_table(change.change_summary(frame), "volume_percent")
    assert f"HC {unbroken('(n = &lt;5)')}" in html.data
    named = re.findall(r'<th scope="col"[^>]*>(.*?)<', html.data)
    for row in cells(html):
        assert "missing" in html.data
        assert len(row) == len(named)
    hidden = frame[(frame["method"] == "FIRST") & (frame["group"] == "HC")]["percent"]
    assert f"{abs(hidden.mean()):.2f}" not in text(html)
    figure = change_pages.by_group(frame)
    assert 'alt="One panel of boxes each for RRMS' in figure.data
    assert "HC" not in re.search(r'alt="([^"]*)"', figure.data)[1]
    assert "a point is a person" not in figure.data


def test_four_people_are_not_drawn_where_individuals_are_not_published(private):
    few = changes(("RRMS",) * 4)
    table, found, _ = compared(few)
    for html in (
        change_pages.boxes(few),
        change_pages.by_group(few),
        change_pages.brain(few, table, found),
    ):
        assert TOO_FEW in html.data
    assert "&lt;5" in change_pages.correlation_table(found).data
