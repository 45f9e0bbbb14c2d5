from types import SimpleNamespace

import numpy as np
import pandas as pd
from association_rows import compared, corrected, plain

from thalutils import tables
from thalutils.report import comparison_pages, privacy

FOUND = compared(("cross-sectional", "edss", "FIRST", -0.3, np.nan), ("cross-sectional", "edss", "Mine", -0.2, -0.1),
                 ("longitudinal", "edss", "FIRST", 0.2, np.nan))  # fmt: skip


def test_slopes_differences_and_their_table_name_the_method_held_against():
    assert "<img" in comparison_pages.standardised(FOUND).data
    assert "than that of FIRST" in comparison_pages.differences(FOUND).data
    html = comparison_pages.like_table(FOUND).data
    assert "more than FIRST" in html
    assert "change of EDSS" in html
    assert "−0.10 [−0.30, 0.10]" in plain(html)


def test_a_method_that_was_left_out_is_named_with_the_reason(monkeypatch):
    few = compared(("cross-sectional", "edss", "Rare", np.nan, np.nan), note="3 of the people: not compared.")
    few["n"] = 3.0
    both = pd.concat([FOUND, few], ignore_index=True)
    assert "Rare: 3 of the people: not compared." in comparison_pages.like_table(both).data
    monkeypatch.setattr(privacy, "_page_of", SimpleNamespace(publishes_individuals=False))
    assert "3 of the people" not in comparison_pages.like_table(both).data


def test_one_method_has_nothing_to_differ_from():
    assert "<img" not in comparison_pages.differences(FOUND.iloc[[0]]).data


def test_each_reference_has_its_figure_and_its_table():
    both = pd.concat(
        [corrected(("sdmt", "FIRST", 2.0, 0.5)), corrected(("sdmt", "FIRST", 2.0, 0.8), reference="truth")]
    )
    assert comparison_pages.corrected(both).data.count("<img") == 2
    html = comparison_pages.corrected_table(both).data
    assert html.count("<table>") == 2
    assert "4.00 [3.00, 5.00]" in plain(html)
    assert "2.50 [1.50, 3.50]" in plain(html)


def test_slopes_of_logarithms_are_named():
    html = comparison_pages.corrected_table(
        corrected(("t25fw", "FIRST", 2.0, 0.5), ("sdmt", "FIRST", 2.0, 0.5))
    ).data
    assert "ln T25FW" in html
    assert "4.000 [3.000, 5.000]" in plain(html)
    assert "4.00 [3.00, 5.00]" in plain(html)
    assert "ln SDMT" not in html


def test_a_cohort_without_references_or_people_has_sentences():
    nothing = comparison_pages.corrected(tables.empty("error_corrected")).data
    assert "no reference masks" in nothing
    unfitted = corrected(("sdmt", "FIRST", np.nan, np.nan), note="6 people.")
    assert "6 people." in comparison_pages.corrected(unfitted).data
    for html in (comparison_pages.corrected_table(unfitted), comparison_pages.like_table(FOUND.iloc[:0])):
        assert "<table>" not in html.data


def test_an_unbounded_correction_is_told():
    found = corrected(("sdmt", "FIRST", 2.0, 0.5), ("sdmt", "Mine", 2.0, 0.5))
    found.loc[1, "note"] = "The attenuation may be 0."
    assert "SDMT (Mine): The attenuation may be 0." in comparison_pages.corrected_table(found).data
