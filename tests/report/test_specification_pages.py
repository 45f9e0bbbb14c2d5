import numpy as np
import pytest
from association_rows import plain, specifications

from thalutils.errors import TableError
from thalutils.report import specification_pages

PAPER = ("all", "paper", "none", "HC3", 40)
OTHER = ("RRMS", "paper", "none", "HC3", 30)
SAME = ("patients", "paper", "none", "HC3", 40)
FOUND = specifications(
    ("Mine", *PAPER, 0.5, 0.01), ("Mine", *SAME, 0.5, 0.01), ("Mine", *OTHER, -0.1, 0.6),
    ("FIRST", *PAPER, -0.5, 0.01), ("FIRST", *OTHER, np.nan, np.nan),
)  # fmt: skip


def test_shares_are_of_specifications_that_differ():
    first, mine = specification_pages.shares(FOUND).to_dict("records")
    assert (first["method"], mine["method"]) == ("FIRST", "Mine")
    assert (first["specifications"], mine["specifications"]) == (1, 2)
    assert (mine["lowest"], mine["median"], mine["highest"]) == (-0.1, 0.2, 0.5)
    assert (mine["positive"], mine["positive_significant"], mine["negative_significant"]) == (50, 50, 0)
    assert (first["positive"], first["negative_significant"]) == (0, 100)


def test_three_methods_are_drawn_where_none_of_the_papers_is_there():
    found = specifications(*[(f"M{i}", *PAPER, 0.5, 0.01) for i in range(4)])
    assert specification_pages.chosen(found, "") == ["M0", "M1", "M2"]
    assert specification_pages.chosen(found, "M3, M1") == ["M3", "M1"]
    assert specification_pages.chosen(FOUND, "") == ["FIRST"]
    with pytest.raises(TableError, match="FreeSurfer is not among the methods: FIRST, Mine"):
        specification_pages.chosen(FOUND, "Mine,FreeSurfer")


def test_every_chosen_method_has_a_curve_or_a_sentence():
    assert specification_pages.curves(FOUND, "FIRST,Mine").data.count("<img") == 2
    found = specifications(("FIRST", *PAPER, 0.5, 0.01), ("Mine", *PAPER, np.nan, np.nan))
    html = specification_pages.curves(found, "FIRST,Mine").data
    assert html.count("<img") == 1
    assert "Mine: no specification has a slope." in html


def test_a_method_of_a_users_table_is_text_and_no_markup():
    found = specifications(("FIRST", *PAPER, 0.5, 0.01), ("<b>mine</b>", *PAPER, np.nan, np.nan))
    assert "&lt;b&gt;mine&lt;/b&gt;: no spec" in specification_pages.curves(found, "FIRST,<b>mine</b>").data


def test_nothing_fitted_is_told_and_not_counted():
    none = specifications(("FIRST", *PAPER, np.nan, np.nan)).assign(note="6 people.")
    assert "6 people." in specification_pages.curves(none, "").data
    assert "<table>" not in specification_pages.share_table(none).data
    assert "<img" not in specification_pages.curves(FOUND.iloc[:0], "").data


def test_shares_are_tabulated_with_the_range_of_slopes():
    html = plain(specification_pages.share_table(FOUND).data)
    assert "0.20 [−0.10, 0.50]" in html
    assert html.count("<tr>") == 1 + 2
