import re

import pytest
from plot_checks import table

from thalutils.report import agreement_pages
from thalutils.stats.agreement import volume_agreement

REFERENCE = [8.0, 9.0, 10.5, 11.0, 12.0]


def volumes(reference="manual", n=5):
    rows = []
    for i, drawn in enumerate(REFERENCE[:n]):
        for method, ml in (
            ("FIRST", 1.5 * drawn - 0.3 * (i % 2)),
            ("MindGlide-T1", drawn + 1),
            (reference, drawn),
        ):
            rows.append((f"sub-{i}", "ses-1", method, None, None, ml, None, None))
    return table("volumes", rows)


def test_a_layout_has_text_with_intervals_in_the_order_of_the_study():
    found = volume_agreement(volumes()[::-1])
    laid = agreement_pages.laid_out(found, {"CCC": ("ccc", 2), "SD (mL)": ("sd_ml", 1)})
    row = found.set_index("method").loc["FIRST"]
    assert laid["method"].tolist() == ["FIRST", "MindGlide-T1"]
    low, high = (f"{end:.2f}".replace("-", "\N{MINUS SIGN}") for end in (row.ccc_low, row.ccc_high))
    assert laid["CCC"][0].split() == [f"{row.ccc:.2f}", f"[{low},", f"{high}]"]
    assert laid["SD (mL)"][0] == f"{row.sd_ml:.1f}"
    assert "constant" not in laid["note"][0]


def test_a_note_column_stands_only_where_there_is_a_note():
    found = volume_agreement(volumes()).assign(note=None)
    assert "note" not in agreement_pages.laid_out(found, {"CCC": ("ccc", 2)})


@pytest.mark.parametrize(
    ("page", "number"),
    [
        (agreement_pages.icc_table, "Table 2"),
        (agreement_pages.concordance_table, "Table S5"),
        (agreement_pages.bias_table, "Table S6"),
    ],
)
def test_a_table_names_the_papers_only_where_people_drew(page, number):
    assert number in page(volume_agreement(volumes()), "manual").data
    truth = page(volume_agreement(volumes("truth")), "truth").data
    assert "<table" in truth
    assert "of the paper" not in truth


def test_both_correlations_stand_side_by_side_and_differ_by_the_offset():
    html = agreement_pages.icc_table(volume_agreement(volumes()), "manual").data
    row = next(row for row in html.split("<tr>") if "FIRST" in row)
    icc3, icc_a1 = (float(text) for text in re.findall(r"<td>(\d\.\d+)\s\[", row))
    assert icc3 > icc_a1 + 0.3


@pytest.mark.parametrize("page", [agreement_pages.scatter, agreement_pages.bland_altman])
def test_figures_describe_methods_and_not_references(page):
    html = page(volumes(), "manual").data
    assert "one panel each for FIRST, MindGlide-T1." in html
    assert "thal-note" in page(volumes(), "truth").data


def test_summary_keeps_methods_that_this_study_does_not_make():
    frame = volumes()
    frame.loc[frame["method"] == "FIRST", "method"] = "Mine"
    assert agreement_pages.volume_summary(frame)["method"].tolist() == ["MindGlide-T1", "Mine", "manual"]


def test_the_truth_is_told_in_five_parts_or_one_sentence():
    truth = volumes("truth")
    assert len(agreement_pages.against_truth(truth, volume_agreement(truth))) == 5
    [said] = agreement_pages.against_truth(volumes(), volume_agreement(volumes()))
    assert "thal-note" in said.data
