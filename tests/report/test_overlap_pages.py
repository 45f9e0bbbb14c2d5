import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from plot_checks import table

from thalutils import tables
from thalutils.report import overlap_pages, privacy
from thalutils.report.words import unbroken
from thalutils.stats import voxelwise

METHODS = ("FreeSurfer", "FIRST", "Mine")


def overlap(n=8, reference="manual", distances=True):
    rng = np.random.default_rng(3)
    rows = []
    for i in range(n):
        for place, method in enumerate(METHODS):
            dice = 0.7 + 0.02 * place + 0.01 * rng.random()
            far = (2.0 + place, 1.0) if distances else (None, None)
            rows.append((f"sub-{i}", "ses-1", method, reference, None, dice, dice, dice, *far))
    return table("overlap", rows)


def cells(html):
    body = re.search(r"<tbody>(.*)</tbody>", html, re.DOTALL)[1]
    found = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in body.split("</tr>")]
    return [row for row in found if row]


def headers(html):
    return [re.sub("<[^>]+>", "", one).strip() for one in re.findall(r"<th scope=\"col\".*?</th>", html)]


def test_table_one_has_a_row_a_method_with_median_and_quartiles():
    found = overlap()
    html = overlap_pages.summary_table(voxelwise.overlap_summary(found), "manual").data
    first = found.loc[found["method"] == "FreeSurfer", "dice"]
    q1, median, q3 = first.quantile([0.25, 0.5, 0.75])
    assert cells(html)[0][:3] == ["FreeSurfer", "8", unbroken(f"{median:.3f} [{q1:.3f}, {q3:.3f}]")]
    assert [row[0] for row in cells(html)] == list(METHODS)
    assert "95 % Hausdorff distance (mm)" in headers(html)
    assert "Table 1 of the paper" in html


def test_distances_that_nobody_has_are_left_out():
    html = overlap_pages.summary_table(voxelwise.overlap_summary(overlap(distances=False)), "manual").data
    assert headers(html) == ["method", "n", "Dice", "Precision", "Sensitivity"]
    assert len(cells(html)) == len(METHODS)


def test_a_single_person_has_no_quartiles():
    html = overlap_pages.summary_table(voxelwise.overlap_summary(overlap(1)), "manual").data
    assert re.fullmatch(r"0\.\d{3}", cells(html)[0][2])


def test_pairs_are_shown_by_measure_and_saved_whole():
    *matrices, saved = overlap_pages.pairwise(voxelwise.overlap_pairwise(overlap()), "manual")
    assert len(matrices) == 3
    assert all("<img" in one.data and "(n = 8)" in one.data and "Table S4" in one.data for one in matrices)
    assert "9 rows" in saved.data


def test_pairs_of_a_few_people_are_blank_where_no_individuals_are_published(monkeypatch):
    monkeypatch.setattr(privacy, "_page_of", None)
    drawn = []
    monkeypatch.setattr(
        overlap_pages.pair_plots, "pair_matrix", lambda pairs, digits: drawn.append(pairs) or Figure()
    )
    overlap_pages.pairwise(voxelwise.overlap_pairwise(overlap(4)), "manual")
    assert len(drawn) == 3
    assert all(one[["median_difference", "p_adjusted"]].isna().all(axis=None) for one in drawn)


def test_remarks_of_the_tests_are_told_with_their_number():
    shown = overlap_pages.pairwise(voxelwise.overlap_pairwise(overlap(3)), "manual")
    assert len(shown) == 5
    assert "(9 of 9 tests)" in shown[3].data


@pytest.mark.parametrize(
    "page",
    [
        lambda: overlap_pages.boxes(overlap(), "truth"),
        lambda: overlap_pages.summary_table(voxelwise.overlap_summary(overlap()), "truth"),
        lambda: overlap_pages.pairwise(voxelwise.overlap_pairwise(overlap()), "truth")[0],
        lambda: overlap_pages.containment(tables.empty("containment")),
    ],
)
def test_what_is_missing_is_said(page):
    html = page().data
    assert "thal-note" in html
    assert "<table" not in html


def test_without_a_reference_the_page_says_so():
    assert "nobody of this cohort has a mask drawn by hand" in overlap_pages.measured_table(overlap(0)).data
    assert "people" in overlap_pages.measured_table(overlap(3)).data


def test_measured_counts_people_and_visits():
    later = overlap(2).assign(session_id="ses-2")
    found = overlap_pages.measured(pd.concat([overlap(3), later])).set_index("method")
    assert found.loc["Mine", ["people", "visits"]].tolist() == [3, 5]


def test_the_truth_is_told_in_two_parts_or_one_sentence():
    truth = overlap(reference="truth")
    assert len(overlap_pages.against_truth(truth, voxelwise.overlap_summary(truth))) == 2
    [said] = overlap_pages.against_truth(overlap(), voxelwise.overlap_summary(overlap()))
    assert "thal-note" in said.data
