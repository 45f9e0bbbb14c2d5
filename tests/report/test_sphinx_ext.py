import json
import re
import shutil
from io import StringIO
from pathlib import Path

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from thalutils.report.sphinx_ext import SCRIPTS, STYLES, lookup

STATIC = Path(__file__).parents[2] / "book" / "_static"
VALUES = {"bias": -1.234, "deep": {"n": [50, 7]}, "flat.key": 3, "hole": float("nan"), "many": {}}
NUMBERS = json.dumps({"pages": {}, "cohorts": {}, "prose": {"values": VALUES, "absent": ["maps"]}})


def build(folder, text, numbers=NUMBERS, **config):
    """Build a book of one page; return the exit status, the warnings and the page."""
    source = folder / "source"
    source.mkdir()
    (source / "index.md").write_text(f"# Page\n\n{text}\n")
    (source / "reported.yml").write_text("FIRST-T1: {bias: [4.94, 1.7], p: <0.001}\n")
    if numbers is not None:
        (source / "numbers.json").write_text(numbers)
    warnings = StringIO()
    with docutils_namespace():
        app = Sphinx(
            source,
            None,
            folder / "out",
            folder / "doctrees",
            "html",
            confoverrides={
                "extensions": ["myst_parser", "thalutils.report.sphinx_ext"],
                "html_static_path": [str(STATIC)],
                "html_theme": "basic",
                "thalutils_reported": "reported.yml",
                **config,
            },
            status=None,
            warning=warnings,
            warningiserror=True,
            keep_going=True,
        )
        app.build()
    return app.statuscode, warnings.getvalue(), (folder / "out" / "index.html").read_text()


def spans(page):
    return re.findall(r'<span class="thal-\w+">(.*?)</span>', page)


def test_numbers_come_from_the_files(tmp_path):
    status, warnings, page = build(
        tmp_path,
        "{number}`bias:.2f` {number}`deep.n.0` {number}`flat.key` "
        "{reported}`FIRST-T1.bias.0:.1f` {reported}`FIRST-T1.p`",
    )
    assert warnings == ""
    assert status == 0
    assert spans(page) == ["−1.23", "50", "3", "4.9", "&lt;0.001"]


KNOWN = """
```{{known}} {key}
:otherwise: Nothing *here*.

There {{number}}`bias:.1f` is.

- a list
```
"""


@pytest.mark.parametrize(("key", "there"), [("bias", True), ("maps.r1", False), ("missing", False)])
def test_content_stands_only_where_its_number_is_known(tmp_path, key, there):
    status, warnings, page = build(tmp_path, KNOWN.format(key=key))
    assert (status, warnings) == (0, "")
    assert ("<li>" in page and "−1.2" in page) == there
    assert ("Nothing <em>here</em>." in page) != there


@pytest.mark.parametrize(
    "role",
    [
        "{number}`absent`",
        "{number}`deep.n.2`",
        "{number}`deep.n.-1`",
        "{number}`many`",
        "{number}`hole`",
        "{number}`bias:d`",
        "{reported}`FIRST-T1.p:.2f`",
    ],
)
def test_a_number_that_is_not_there_fails_a_strict_build(tmp_path, role):
    status, warnings, page = build(tmp_path, role)
    assert status == 1
    assert "index.md:3: WARNING" in warnings
    assert role in warnings
    assert spans(page) == ["n/a"]


def test_a_page_of_a_cohort_has_its_own_numbers_and_prose_those_of_the_book(tmp_path):
    own = {"values": {"bias": 2.0}, "absent": ["maps"]}
    known = {
        "pages": {"index": "twin"},
        "cohorts": {"twin": own},
        "prose": {"values": {"bias": 1.0}, "absent": []},
    }
    for name, pages, expected in (("page", known["pages"], "2.0"), ("prose", {}, "1.0")):
        folder = tmp_path / name
        folder.mkdir()
        status, _, page = build(folder, "{number}`bias:.1f`", json.dumps(known | {"pages": pages}))
        assert status == 0
        assert spans(page) == [expected]


def test_a_number_that_no_stage_here_can_make_is_told_and_a_misspelt_one_fails(tmp_path):
    status, warnings, page = build(tmp_path, "{number}`maps.r1_bias:.1f` {number}`map.r1_bias:.1f`")
    assert status == 1
    assert "map.r1_bias" in warnings
    assert "maps.r1_bias" not in warnings
    assert spans(page) == ["(not known here)", "n/a"]


def test_an_absent_or_broken_file_fails_a_strict_build(tmp_path):
    for name, numbers in (("absent", None), ("broken", "{")):
        folder = tmp_path / name
        folder.mkdir()
        status, warnings, page = build(folder, "{number}`bias`", numbers)
        assert status == 1
        assert "numbers.json" in warnings
        assert spans(page) == ["n/a"]


def test_the_warning_can_be_named_to_suppress_it(tmp_path):
    status, *_ = build(tmp_path, "{number}`absent`", suppress_warnings=["thalutils.number"])
    assert status == 0


def test_each_asset_is_in_the_page_once_and_in_the_site(tmp_path):
    _, _, page = build(
        tmp_path, "", html_js_files=["viewer.js", "other.js"], html_css_files=["thalutils.css"]
    )
    for name in (*SCRIPTS, *STYLES):
        assert len(re.findall(rf'_static/{re.escape(name)}[?"]', page)) == 1
        assert (tmp_path / "out" / "_static" / name).is_file()
    assert re.search(r'<script defer="defer" src="_static/viewer\.js', page)
    assert "other.js" in page
    assert "niivue" not in page
    assert (tmp_path / "out" / "_static" / "niivue.umd.js").stat().st_size > 1e6


def test_a_book_without_the_assets_fails_a_strict_build(tmp_path):
    shutil.copytree(STATIC, tmp_path / "static")
    (tmp_path / "static" / "viewer.js").unlink()
    status, warnings, _ = build(tmp_path, "", html_static_path=[str(tmp_path / "static")])
    assert status == 1
    assert "viewer.js is in no folder" in warnings
    assert "tables.js" not in warnings


def test_the_papers_own_numbers_are_in_the_package(tmp_path):
    role = "{reported}`volume_agreement.MindGlide-T1-R1-FLAIR.icc3.0:.3f`"
    status, _, page = build(tmp_path, role, thalutils_reported="")
    assert status == 0
    assert spans(page) == ["0.722"]


def test_lookup_names_the_step_that_leads_nowhere():
    with pytest.raises(KeyError, match="nothing at step 'b'"):
        lookup({"a": {"c": 1}}, "a.b.c")
