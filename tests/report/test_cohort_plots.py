from plot_checks import drawn, table

from thalutils import tables
from thalutils.report import cohort_plots


def test_flow_tells_losses_and_stages():
    left_out = table("exclusions", [("sub-0", "ses-1", "2-4-acquisition", "FLAIR", "broken"),
                                    ("sub-0", "ses-2", "2-4-acquisition", "FLAIR", "broken")])  # fmt: skip
    fig = drawn(cohort_plots.flow([("In the cohort", 5), ("Usable", 5), ("Drawn", 3)], left_out))
    words = [text.get_text() for text in fig.axes[0].texts]
    assert "In the cohort\nn = 5" in words
    assert [word for word in words if word.endswith("fewer")] == ["2 fewer"]
    assert "2-4-acquisition: 2 from 1 person" in words[-1]


def test_flow_in_totals_tells_no_stage_and_no_step():
    left_out = table("exclusions", [(f"sub-{i}", None, f"2-{i}", None, "broken") for i in range(3)])
    fig = drawn(
        cohort_plots.flow([("Listed", 9), ("Usable", 8)], left_out, write="<{}>".format, by_stage=False)
    )
    words = [text.get_text() for text in fig.axes[0].texts]
    assert words == ["Listed\nn = <9>", "Usable\nn = <8>", "", "Left out\nin all: 3 from <3> people"]


def test_flow_of_a_cohort_that_lost_nothing():
    fig = drawn(cohort_plots.flow([("Listed", 9)], table("exclusions", []), by_stage=False))
    assert fig.axes[0].texts[-1].get_text() == "Left out\nnothing"
    nothing = cohort_plots.flow([("In the cohort", 5)], tables.empty("exclusions"))
    assert nothing.axes[0].texts[-1].get_text().endswith("nothing")
