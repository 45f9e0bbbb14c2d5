import base64
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

from thalutils.report import privacy
from thalutils.report.tables import show

HOSTILE = '<script>alert("x")</script>'
SCRIPT = Path(__file__).parents[2] / "book" / "_static" / "tables.js"
CHROMIUM = shutil.which("chromium")


class Cells(HTMLParser):
    """Collects each cell's tag, attributes and text, row by row."""

    def __init__(self, html):
        super().__init__()
        self.rows = []
        self.open = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        self.open = tag in ("td", "th") or (self.open and tag == "span")
        if tag in ("td", "th"):
            self.rows[-1].append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        self.open = self.open and tag not in ("td", "th")

    def handle_data(self, data):
        if self.open:
            self.rows[-1][-1][2] += data


def frame():
    return pd.DataFrame(
        {
            "method": ["FIRST", HOSTILE, "DBSegment"],
            "volume": [14.123456789012345, -9.5, np.nan],
            "n": [50, 3, 121],
            "p": [0.00004, 0.5, np.inf],
        }
    )


def column(html, index):
    return [row[index] for row in Cells(html).rows[1:]]


def test_cells_read_as_numbers_with_units_digits_and_a_dash_for_the_missing():
    html = show(frame(), caption="T", units={"volume": "mL"}, digits={"p": 3}).data
    head = Cells(html).rows[0]
    assert [cell[2] for cell in head] == ["method", "volume (mL)", "n", "p"]
    assert all(cell[1]["scope"] == "col" for cell in head)
    assert [cell[2] for cell in column(html, 1)] == ["14.1", "−9.5", "–"]
    assert [cell[2] for cell in column(html, 2)] == ["50", "3", "121"]
    assert [cell[2] for cell in column(html, 3)] == ["<0.001", "0.500", "∞"]
    assert column(html, 1)[2][1]["title"] == "missing"


def test_numbers_carry_their_full_value_for_sorting_and_stand_to_the_right():
    cells = column(show(frame(), caption="T").data, 1)
    assert float(cells[0][1]["data-value"]) == 14.123456789012345
    assert cells[0][1]["class"] == "thal-number"
    assert column(show(frame(), caption="T").data, 3)[2][1]["data-value"] == "Infinity"
    assert "class" not in column(show(frame(), caption="T").data, 0)[0][1]


def test_nothing_of_the_frame_becomes_markup():
    data = frame().rename(columns={"method": '<b>"m"</b>'})
    html = show(data, caption=HOSTILE, units={"n": HOSTILE}, name=HOSTILE).data
    assert "<script" not in html
    assert "<b>" not in html
    assert column(html, 0)[1][2] == HOSTILE


def test_the_saved_table_is_the_frame():
    html = show(frame(), caption="Table 1: volumes").data
    name, encoded = re.search(r'download="([^"]+)" href="data:[^,"]+;base64,([^"]+)"', html).groups()
    assert name == "table-1-volumes.tsv"
    saved = pd.read_csv(io.BytesIO(base64.b64decode(encoded)), sep="\t")
    pd.testing.assert_frame_equal(saved, frame(), check_exact=True, check_dtype=False)


def test_an_index_with_a_meaning_becomes_row_headers_and_row_numbers_do_not():
    named = show(frame().set_index("method"), caption="T").data
    assert column(named, 0)[0] == ["th", {"scope": "row"}, "FIRST"]
    filtered = show(frame()[frame()["n"] > 10], caption="T").data
    assert [cell[2] for cell in Cells(filtered).rows[0]] == ["method", "volume", "n", "p"]


def test_whole_numbers_with_gaps_keep_no_decimals():
    html = show(pd.DataFrame({"n": [34.0, np.nan]}), caption="T").data
    assert column(html, 0)[0][2] == "34"


def dom_of(page):
    """Return a page as the browser has it once its scripts have run."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    profile = f"--user-data-dir={page.with_name('profile')}"
    found = subprocess.run(
        [*command, profile, page.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    return found.stdout


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_click_sorts_numbers_by_value_and_leaves_the_missing_last(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        f"<!doctype html><body>{show(frame(), caption='T').data}"
        f"<script>{SCRIPT.read_text()}</script>"
        "<script>document.querySelectorAll('thead button')[1].click()</script>"
    )
    dom = dom_of(page)
    assert [cell[2] for cell in column(dom, 1)] == ["−9.5", "14.1", "–"]
    assert Cells(dom).rows[0][1][1]["aria-sort"] == "ascending"


PROSE = """
<section id="options"><div class="pst-scrollable-table-container"><table class="table">
<thead><tr><th class="head"><p>Tissue</p></th><th class="head"><p>R1</p></th></tr></thead>
<tbody><tr><td><p>White <code>matter</code></p></td><td><p>1.05</p></td></tr><tr><td>Thalamus,\n lateral</td><td>0.8</td></tr>
<tr><td>Cortex</td><td>0.64</td></tr><tr><td>Air</td><td></td></tr><tr><td>Bone</td><td>−2</td></tr></tbody></table></div>
<table class="docutils"><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>
<table class="docutils"><tbody><tr><td>no header</td></tr></tbody></table></section>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_table_of_prose_sorts_by_its_numbers_and_can_be_saved_as_it_was_written(tmp_path):
    page = tmp_path / "simulated.html"
    page.write_text(
        f"<!doctype html><meta charset='utf-8'><body>{PROSE}<script>{SCRIPT.read_text()}</script>"
        "<script>document.querySelectorAll('thead button')[1].click()</script>"
    )
    dom = dom_of(page)
    order = re.findall(r"White|Thalamus|Cortex|Air|Bone", dom.partition("<script")[0])
    assert order[:5] == ["Bone", "Cortex", "Thalamus", "White", "Air"]
    saved = re.findall(r'download="([^"]+)" href="data:text/tab-separated-values;charset=utf-8,([^"]+)"', dom)
    assert [name for name, _ in saved] == ["simulated-options.tsv", "simulated-options-2.tsv"]
    first, second = (unquote(content) for _, content in saved)
    assert first == "Tissue\tR1\nWhite matter\t1.05\nThalamus, lateral\t0.8\nCortex\t0.64\nAir\t\nBone\t−2\n"
    assert second == "a\n<b>\n"
    assert dom.partition("<script")[0].count("<button") == 3


def test_what_is_of_nobody_is_shown_whole_in_every_book(monkeypatch):
    monkeypatch.setattr(privacy, "_page_of", None)
    frame = pd.DataFrame({"group": ["a"], "n": [3], "mean": [1.25]})
    assert "1.25" not in show(frame, caption="c").data
    assert "1.25" in show(frame, caption="c", public=True).data
