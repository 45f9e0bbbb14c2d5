from types import SimpleNamespace

import numpy as np
import pandas as pd
from association_rows import plain, slopes

from thalutils.report import association_tables, privacy


def test_slopes_and_intervals_stand_together_and_outcomes_without_slopes_are_left_out():
    found = slopes(
        ("edss", "FIRST", -0.3, 0.2), ("edss", "Mine", np.nan, np.nan), ("sdmt", "FIRST", np.nan, np.nan)
    )
    shown = association_tables.laid_out(found)
    assert shown["outcome"].tolist() == ["EDSS", "EDSS"]
    assert plain(shown[association_tables.SLOPE].iloc[0]) == "−0.30 [−0.50, −0.10]"
    assert pd.isna(shown[association_tables.SLOPE].iloc[1])


def test_slopes_of_logarithms_are_named_and_have_a_decimal_more():
    shown = association_tables.laid_out(slopes(("nhpt", "FIRST", -0.0214, 0.2), transform="log"))
    assert shown["outcome"].tolist() == ["ln 9HPT"]
    assert plain(shown[association_tables.SLOPE].iloc[0]) == "−0.021 [−0.221, 0.179]"


def test_remarks_say_how_and_what_is_missing():
    found = slopes(("edss", "FIRST", -0.3, 0.2), ("edss", "Mine", -0.3, 0.2), ("nhpt", "FIRST", -0.3, 0.2),
                   ("sdmt", "FIRST", np.nan, np.nan), ("sdmt", "Mine", np.nan, np.nan))  # fmt: skip
    found.loc[found["outcome"] == "edss", "se_type"] = "HC3"
    found.loc[found["outcome"] == "nhpt", "transform"] = "log"
    found.loc[found["outcome"] == "sdmt", "note"] = "Missing in everyone: sdmt."
    found.loc[1, "note"] = "Left out, the same in everyone: sex."
    said = association_tables.remarks(found)
    assert said[0] == "p is adjusted within its family (2 tests: analysis all)."
    assert said[1] == "HC3 standard errors: EDSS."
    assert said[2].startswith("Slopes of a logarithm")
    assert set(said[3:]) == {"EDSS (Mine): Left out, the same in everyone: sex.",
                             "SDMT has no slope: Missing in everyone: sdmt."}  # fmt: skip


def test_several_families_are_counted():
    found = slopes(("edss", "FIRST", -0.3, 0.2), ("sdmt", "FIRST", 1.0, 0.2))
    found["family"] = ["1 test: analysis all, outcome edss", "1 test: analysis all, outcome sdmt"]
    assert (
        "2 families, the first of 1 test: analysis all, outcome edss" in association_tables.remarks(found)[0]
    )


def test_an_analysis_without_slopes_has_a_sentence_and_no_table():
    found = pd.concat(
        [slopes(("edss", "FIRST", 0.1, 0.2)), slopes(("edss", "FIRST", np.nan, np.nan), analysis="RRMS")]
    )
    assert "<table>" in association_tables.slopes(found, "all", "Caption.", "name").data
    assert "<table>" not in association_tables.slopes(found, "RRMS", "Caption.", "name").data


def test_what_cannot_be_fitted_is_told_commonest_first():
    found = slopes(*[("edss", f"M{i}", np.nan, np.nan) for i in range(3)], note="Few people.")
    found.loc[0, "note"] = "Everyone has the same edss."
    html = association_tables.unfitted(found).data
    assert html.index("Few people.") < html.index("Everyone has the same edss.")
    assert association_tables.NOBODY in association_tables.unfitted(found.iloc[:0]).data


def test_reasons_of_few_people_are_hidden_where_no_individuals_are_published(monkeypatch):
    found = slopes(("edss", "FIRST", np.nan, np.nan), note="3 people for 4 parameters.").assign(n=3.0)
    assert "3 people" in association_tables.unfitted(found).data
    monkeypatch.setattr(privacy, "_page_of", SimpleNamespace(publishes_individuals=False))
    assert "3 people" not in association_tables.unfitted(found).data


def test_remarks_on_few_people_are_hidden_there_too(monkeypatch):
    few = slopes(("sdmt", "FIRST", np.nan, np.nan), note="3 people for 4 parameters.").assign(n=3.0)
    found = pd.concat([slopes(("edss", "FIRST", -0.3, 0.2)), few], ignore_index=True)
    assert "3 people" in association_tables.slopes(found, "all", "Caption.", "name").data
    monkeypatch.setattr(privacy, "_page_of", SimpleNamespace(publishes_individuals=False))
    html = association_tables.slopes(found, "all", "Caption.", "name").data
    assert "3 people" not in html
    assert "−0.30 [−0.50, −0.10]" in plain(html)
