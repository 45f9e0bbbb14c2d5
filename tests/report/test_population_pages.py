import re

import numpy as np
import pandas as pd
import pytest
from plot_checks import drawn, rows, table

from thalutils import tables
from thalutils.report import population_pages, population_plots, privacy
from thalutils.stats import populations

GROUPS = ["HC"] * 2 + ["RRMS"] * 6 + ["CIS"]


def people(in_ground_truth=True):
    flags = [in_ground_truth and group == "RRMS" for group in GROUPS]
    return table("participants", [
        (f"sub-{i}", "F" if i % 2 else "M", group, None, flag)
        for i, (group, flag) in enumerate(zip(GROUPS, flags, strict=True))
    ])  # fmt: skip


def visits(follow_up=3):
    found = [(f"sub-{i}", "ses-1", 30.0 + i, None if i < 2 else 5.0, None, 2.0 if i else None, *[None] * 5, 0.0, None)
             for i in range(len(GROUPS))]  # fmt: skip
    later = [(f"sub-{i}", "ses-2", 31.0 + i, 6.0, None, 2.0, *[None] * 5, 1.0, 0) for i in range(follow_up)]
    return table("sessions", found + later)


def volumes():
    return table("volumes", [
        (f"sub-{i}", "ses-1", method, None, None, ml + i / 10, None, None)
        for i in range(len(GROUPS)) for method, ml in (("FIRST", 14.0), ("manual", 9.0))
        if method == "FIRST" or 2 <= i < 8
    ])  # fmt: skip


def found(**words):
    return populations.population(
        people(**words), visits(), volumes(), tables.check("intracranial", tables.empty("intracranial"))
    )


def plain(cell):
    return cell.replace("\N{NO-BREAK SPACE}", " ")


def laid(name=populations.CROSS_SECTIONAL):
    mine = found()[found()["population"] == name]
    first = mine.drop_duplicates("group")
    return population_pages.laid_out(mine, first[["group"]].assign(n=first["n"] + first["n_missing"]))


def test_columns_are_groups_and_rows_are_variables_that_someone_has():
    shown = laid()
    assert list(shown) == ["all", "HC", "RRMS", "isolated"]
    assert shown.loc["People, n"].tolist() == ["9", "2", "6", "1"]
    assert shown.index.tolist() == [
        "People, n", "Age (years)", "Women, n (%)", "Disease duration (years)", "EDSS",
        "Thalamus, manual (mL)", "Thalamus, FIRST (mL)",
    ]  # fmt: skip


def test_cells_tell_mean_median_or_share_and_who_lacks_a_value():
    shown = laid().map(plain)
    ages = np.arange(30.0, 39.0)
    assert shown.loc["Age (years)", "all"] == f"{ages.mean():.1f} ± {ages.std(ddof=1):.1f}"
    assert shown.loc["Age (years)", "isolated"] == "38.0"
    assert shown.loc["Women, n (%)", "all"] == "4 (44 %)"
    assert shown.loc["EDSS", "all"] == "2.0 [2.0, 2.0] (n = 8)"
    assert shown.loc["EDSS", "isolated"] == "2.0"
    assert shown.loc["Disease duration (years)", "HC"] == "none known"


@pytest.mark.parametrize(("name", "number"), [*zip(populations.POPULATIONS, ("S1", "S2", "S3"), strict=True)])
def test_each_population_is_a_table_of_the_paper(name, number):
    assert f"Table {number} of the paper" in population_pages.table(found(), name).data


def test_a_population_of_nobody_is_said():
    none = found(in_ground_truth=False)
    html = population_pages.table(none, populations.REFERENCE).data
    assert "thal-note" in html
    assert "Table S1" in html


def test_small_groups_are_empty_where_no_individuals_are_published(monkeypatch):
    monkeypatch.setattr(privacy, "_page_of", None)
    html = plain(population_pages.table(found(), populations.CROSS_SECTIONAL).data)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", html.split("People, n")[1].split("</tr>")[0])
    assert cells == ["9", "&lt;5", "6", "&lt;5"]
    ages = re.findall(r"<td[^>]*>(.*?)</td>", html.split("Age (years)")[1].split("</tr>")[0])
    assert ages[0].startswith("34.0")
    assert ages[1] == ages[3] == "\N{EN DASH}"
    assert "4 (44 %)" not in html  # four women


def baseline(**words):
    icv = tables.check("intracranial", tables.empty("intracranial"))
    return populations.baseline_people(people(**words), visits(), volumes(), icv)


def test_the_reference_set_stands_beside_everyone():
    html = population_pages.distributions(baseline()).data
    assert "Figure S2" in html
    assert "No reference set" not in html
    assert "No reference set is shown" in population_pages.distributions(baseline(in_ground_truth=False)).data


def test_without_volumes_a_sentence_stands_instead():
    bare = baseline().drop(columns=["volume:FIRST", "volume:manual"])
    assert "thal-note" in population_pages.distributions(bare).data


def test_distributions_draw_people_their_mean_and_smooth_ten_or_more():
    many = pd.DataFrame({"method": "FIRST", "volume_ml": np.linspace(12, 16, 10)})
    few = pd.DataFrame({"method": "Mine", "volume_ml": [9.0, 10.0]})
    fig = drawn(population_plots.distributions({"Everyone": pd.concat([few, many])}))
    [ax] = fig.axes
    assert rows(ax) == ["FIRST", "Mine"]
    assert [text.get_text() for text in ax.texts] == ["14.00", "9.50"]
    sizes = [len(one.get_offsets()) for one in ax.collections]
    assert sizes.count(10) == 1
    assert sizes.count(2) == 1
    assert len(ax.collections) == 3  # dots twice, one smoothed outline
    assert ax.get_title(loc="left") == "Everyone, n = 2 to 10"
