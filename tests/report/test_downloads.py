import base64
import re

import pandas as pd
from plot_checks import table

from thalutils import tables
from thalutils.report import downloads, privacy


def saved(html):
    return base64.b64decode(re.search(r"base64,([A-Za-z0-9+/=]+)", html)[1]).decode()


def test_the_whole_table_is_saved_in_full_precision():
    frame = pd.DataFrame({"method": ["FIRST", "Mine"], "n": [9, 9], "p": [1 / 3, None]})
    html = downloads.tidy(frame, name="Pairs of methods", what="all pairs").data
    assert saved(html) == "method\tn\tp\nFIRST\t9\t0.3333333333333333\nMine\t9\tn/a\n"
    assert 'download="pairs-of-methods.tsv"' in html
    assert "Download all pairs" in html
    assert "2 rows" in html


def test_small_groups_are_empty_and_people_are_counted_where_no_individuals_are_published(monkeypatch):
    monkeypatch.setattr(privacy, "_page_of", None)
    frame = pd.DataFrame({"method": ["FIRST", "Mine"], "n": [9, 3], "p": [0.5, 0.25]})
    assert saved(downloads.tidy(frame, name="a", what="b").data).splitlines()[-1] == "Mine\t<5\tn/a"
    rows = table("containment", [(f"sub-{i}", "ses-1", "A", "B", 0.5) for i in range(6)])
    text = saved(downloads.tidy(rows, name="a", what="b").data)
    assert "sub-" not in text
    assert text.splitlines()[-1].endswith("6\t6")


def test_an_empty_table_is_not_saved():
    assert "no results to save" in downloads.tidy(tables.empty("overlap"), name="a", what="b").data
