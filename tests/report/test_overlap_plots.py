import pandas as pd
from plot_checks import drawn, rows, table

from thalutils.report import overlap_plots

METHODS = ("SAMSEG-T1", "Template")  # not the order of the study


def overlap(dice, visit="ses-1"):
    rows = [
        (f"sub-{i}", visit, method, "truth", None, value, value, value, 1.0, 1.0)
        for i, value in enumerate(dice)
        for method in METHODS
    ]
    return table("overlap", rows)


def dots(ax):
    return [tuple(point) for one in ax.collections for point in one.get_offsets() if len(one.get_offsets())]


def test_boxes_need_three_values_and_dots_do_not():
    few = drawn(overlap_plots.agreement_boxes(overlap([0.8, 0.9]), reference="truth"))
    enough = drawn(overlap_plots.agreement_boxes(overlap([0.7, 0.8, 0.9]), reference="truth"))
    assert not few.axes[0].lines
    assert len(dots(few.axes[0])) == 4
    assert len(enough.axes[0].lines) >= 2 * 5  # a box is more than its median
    assert len(dots(enough.axes[0])) == 6


def test_boxes_are_in_the_order_of_the_study_and_say_n():
    ax, *others = overlap_plots.agreement_boxes(overlap([0.8, 0.9]), reference="truth").axes
    assert rows(ax) == ["Template", "SAMSEG-T1"]
    assert ax.get_title(loc="left") == "n = 2 each"
    assert [one.get_xlabel() for one in (ax, *others)] == ["Dice", "Precision", "Sensitivity"]
    uneven = overlap([0.8, 0.9]).drop(index=0)  # the first person's SAMSEG-T1
    assert rows(overlap_plots.agreement_boxes(uneven, reference="truth").axes[0]) == [
        "Template (n = 2)", "SAMSEG-T1 (n = 1)",
    ]  # fmt: skip


def test_a_later_visit_does_not_count_as_a_person():
    both = pd.concat([overlap([0.8, 0.9]), overlap([0.1, 0.1], "ses-2")])
    assert min(x for x, _ in dots(overlap_plots.agreement_boxes(both, reference="truth").axes[0])) == 0.8


def test_containment_has_contained_masks_in_rows():
    found = [(f"sub-{i}", "ses-1", a, b, share) for i, plus in enumerate((0.0, 0.1))
             for a, b, share in (("Template", "SAMSEG-T1", 0.4 + plus), ("SAMSEG-T1", "Template", 0.8 + plus),
                                 ("Template", "Template", 1.0), ("SAMSEG-T1", "SAMSEG-T1", 1.0))]  # fmt: skip
    ax = drawn(overlap_plots.containment_heat(table("containment", found))).axes[0]
    assert rows(ax) == ["Template", "SAMSEG-T1"]
    assert [text.get_text() for text in ax.texts] == ["1.00", "0.45", "0.85", "1.00"]


def test_masks_from_the_t1w_come_first_and_are_parted_from_the_others():
    names = ("MindGlide-FLAIR", "FIRST", "MindGlide-T1")
    found = [("sub-1", "ses-1", a, b, 0.9) for a in names for b in names]
    ax = drawn(overlap_plots.containment_heat(table("containment", found))).axes[0]
    assert rows(ax) == ["FIRST", "MindGlide-T1", "MindGlide-FLAIR"]
    assert next(line.get_ydata()[0] for line in ax.lines if line.get_color() == "white") == 2
    alike = [row for row in found if "FLAIR" not in row[2] + row[3]]
    assert not overlap_plots.containment_heat(table("containment", alike)).axes[0].lines
