import re

import numpy as np
import pytest
from plot_checks import drawn, table

from thalutils.report import privacy, sampling_pages, sampling_plots
from thalutils.stats import sampling

N = 40


def people(group="RRMS", reference=range(0, N, 4)):
    return table("participants", [(f"sub-{i:02}", "F", group, None, i in reference) for i in range(N)])


def visits(duration=10.0):
    return table("sessions", [
        (f"sub-{i:02}", "ses-1", 20.0 + i, duration, None, float(i % 4) + 1, *[None] * 5, 0.0, None) for i in range(N)
    ])  # fmt: skip


def sample(participants, sessions, n=12):
    return sampling.reference_sample(participants, sessions, seed=1, n=n)


@pytest.mark.parametrize(("group", "duration"), [("NMOSD", 10.0), ("RRMS", None)])
def test_where_nobody_can_be_drawn_one_sentence_says_so(group, duration):
    who, when = people(group), visits(duration)
    nobody = sample(who, when)
    html = sampling_pages.histograms(who, when, nobody).data
    assert "Nobody in this cohort could be drawn" in html
    assert "<img" not in html
    assert sampling_pages.comparison(who, when, nobody) == []
    assert len(sampling_pages.comparison(people(), visits(), sample(people(), visits()))) == 2


def table_of(html):
    found = {}
    html = html.replace("\N{NO-BREAK SPACE}", " ")
    for row in re.search(r"<tbody>(.*)</tbody>", html, re.DOTALL)[1].split("</tr>"):
        head = re.search(r"<th[^>]*>(.*?)</th>", row)
        if head:
            found[head[1]] = re.findall(r"<td[^>]*>(.*?)</td>", row)
    return found


def test_strata_stand_beside_each_other_with_their_shares():
    who, when = people(), visits()
    shown = table_of(sampling_pages.strata(who, when, sample(who, when)).data)
    assert shown["age 18-30"][0] == "10 (25 %)"  # aged 20 to 29
    assert shown["age 30-50"][2] == "5 (50 %)"  # every fourth has a reference mask
    assert shown["all"] == ["40", "12", "10"]
    assert not any("outside" in name for name in shown)
    assert list(shown)[-1] == "all"


def test_those_outside_the_strata_are_counted_where_there_are_any():
    when = visits()
    when.loc[0, "age_years"] = 75.0  # sub-00 has a reference mask and cannot be drawn
    shown = table_of(sampling_pages.strata(people(), when, sample(people(), when)).data)
    assert shown["age outside or unknown"] == ["0 (0 %)", "0 (0 %)", "1 (10 %)"]


def test_small_strata_are_hidden_where_no_individuals_are_published(monkeypatch):
    monkeypatch.setattr(privacy, "_page_of", None)
    who, when = people(), visits()
    shown = table_of(sampling_pages.strata(who, when, sample(who, when)).data)
    assert shown["all"] == ["40", "12", "10"]
    drawn_here = {name: row[1] for name, row in shown.items() if name.startswith("age")}
    assert "&lt;5" in drawn_here.values()
    assert not any(re.match(r"[1-4] \(", cell) for row in shown.values() for cell in row)


def test_the_differences_say_whose_means_they_compare():
    who, when = people(), visits()
    html = sampling_pages.differences(who, when, sample(who, when)).data
    ages = [20.0 + i for i in range(0, N, 4)]
    expected = f"{np.mean(ages):.1f} ± {np.std(ages, ddof=1):.1f}"
    rows = [
        row
        for row in html.replace("\N{NO-BREAK SPACE}", " ").split("<tr>")
        if "RRMS with a reference mask" in row
    ]
    assert expected in next(row for row in rows if "Age" in row)
    assert "no standard deviation to divide by" in next(row for row in rows if "duration" in row)


def test_histograms_show_the_share_of_each_set():
    who, when = people(), visits()
    counts = sampling.strata_table(who, when, sample(who, when), sampling_pages.BINS)
    fig = drawn(sampling_plots.histograms(counts, sampling_pages.BINS))
    values, edges, _ = fig.axes[0].patches[0].get_data()
    assert dict(zip(edges, values, strict=False))[20] == pytest.approx(100 * 5 / N)
    assert sum(values) == pytest.approx(100)
    assert [text.get_text() for text in fig.legends[0].get_texts()] == list(sampling_plots.NAMES.values())
    nobody = people(reference=())
    counts = sampling.strata_table(nobody, when, sample(nobody, when), sampling_pages.BINS)
    fig = sampling_plots.histograms(counts, sampling_pages.BINS)
    assert sampling_plots.NAMES[sampling.REFERENCE] not in [
        text.get_text() for text in fig.legends[0].get_texts()
    ]
