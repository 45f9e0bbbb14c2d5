"""A page of prose shows a figure that a notebook of the book made, and nothing that the notebook does not show."""

import ast
import json
import re
from fnmatch import fnmatchcase
from io import StringIO
from pathlib import Path

import nbformat
import pytest
import yaml
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from thalutils.report import shown
from thalutils.report.diagrams import DRAWN

REPOSITORY = Path(__file__).parents[2]
STATIC = REPOSITORY / "book" / "_static"
PROSE = sorted((REPOSITORY / "book").glob("*.md"))
STAGES = [
    {"name": "3-1-people", "title": "People"},
    {"name": "3-2-masks", "title": "Masks", "needs": "scans"},
    {"name": "card", "title": "The card", "alike": True},
]
PAGES = {
    "notebooks/3-1-people": "twin", "notebooks/3-1-people--real": "real", "notebooks/3-2-masks": "real",
    "notebooks/card": "real",
}  # fmt: skip
COHORTS = {
    "twin": {"values": {"cohort.n_simulated": "321"}, "absent": []},
    "real": {"values": {"cohort.n_simulated": None}, "absent": []},
}
NUMBERS = {"pages": PAGES, "cohorts": COHORTS, "prose": {"values": {}, "absent": []}}


def figure(name, caption, svg="YQ=="):
    return (
        f'<figure class="thal-figure"><img src="data:image/png;base64,YQ==" alt="what {caption}"><figcaption>{caption} '
        f'<span class="thal-downloads">Download <a class="thal-download" download="{name}.png" href="data:image/png;base64,YQ==">PNG</a> '
        f'<a class="thal-download" download="{name}.svg" href="data:image/svg+xml;base64,{svg}">SVG</a></span></figcaption></figure>'
    )


def write_page(path, title, *html):
    cells = [nbformat.v4.new_markdown_cell(f"# {title}")]
    for one in html:
        output = nbformat.v4.new_output("execute_result", {"text/html": one})
        cells.append(nbformat.v4.new_code_cell("show()", outputs=[output]))
    language = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=language), path)


@pytest.fixture
def source(tmp_path):
    """Return a book's source with the pages of a simulated cohort and of one of real people."""
    folder = tmp_path / "source"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "notebooks" / "stages.yml").write_text(yaml.safe_dump(STAGES))
    (folder / "numbers.json").write_text(json.dumps(NUMBERS))
    pages = folder / "notebooks"
    write_page(pages / "3-1-people.ipynb", "People", figure("flow", "Flow."), figure("ages-twin", "Twins."))
    write_page(pages / "3-1-people--real.ipynb", "People · real", figure("ages-real", "Real ages."))
    write_page(pages / "3-2-masks.ipynb", "Masks", "<p>This picture would show single people.</p>")
    write_page(pages / "card.ipynb", "Card", figure("loss", "Loss.", svg="A" * (shown.LARGEST + 4)))
    return folder


def build(source, text):
    """Build the book with a page of a text; return the warnings and that page."""
    (source / "index.md").write_text(f"# Page\n\n{text}\n\n```{{toctree}}\n:glob:\n\nnotebooks/*\n```\n")
    warnings, out = StringIO(), source.parent / "out"
    settings = {
        "extensions": ["myst_nb", "thalutils.report.sphinx_ext"], "nb_execution_mode": "off", "html_theme": "basic",
        "html_static_path": [str(STATIC)],
        "source_suffix": {".rst": "restructuredtext"},  # a dict of its own: extensions write into it
    }  # fmt: skip
    with docutils_namespace():
        app = Sphinx(
            source, None, out, source.parent / "doctrees", "html", confoverrides=settings, status=None, warning=warnings
        )  # fmt: skip
        app.build()
    page = (out / "index.html").read_text()
    return warnings.getvalue(), page[page.index('class="body"') : page.index("toctree-wrapper")]


def ask(*lines):
    return "```{shown}\n:otherwise: None *here*.\n\n" + "\n".join(lines) + "\n```"


def test_the_first_figure_that_the_book_has_is_shown_with_its_page_and_whose_it_is(source):
    warnings, page = build(source, ask("3-2-masks/outlines", "3-1-people/flow", "card/loss"))
    assert warnings == ""
    assert page.count("<figure") == 1
    assert 'alt="what Flow."' in page
    assert re.findall(r'download="([^"]+)"', page) == ["flow.png", "flow.svg"]
    assert '<a class="reference internal" href="notebooks/3-1-people.html">' in page
    assert "of the simulated cohort" in page
    assert "None <em>here</em>" not in page


def test_a_figure_that_only_another_cohorts_page_has_is_found_there(source):
    _, page = build(source, ask("3-1-people/ages-r*"))
    assert "Real ages." in page
    assert 'href="notebooks/3-1-people--real.html"' in page
    assert "of the cohort" in page


def test_what_a_notebook_keeps_to_itself_is_not_shown_by_the_prose(source):
    warnings, page = build(source, ask("3-2-masks/*"))
    assert warnings == ""
    assert "<figure" not in page
    assert "single people" not in page
    assert "None <em>here</em>." in page


def test_a_page_on_simulated_people_shows_no_real_ones(source):
    assert "Twins." in build(source, ask("3-1-people/ages-* simulated"))[1]
    assert "None <em>here</em>." in build(source, ask("3-1-people/ages-real simulated"))[1]


def test_a_figure_of_no_cohort_says_none_and_leaves_what_is_heavy_on_its_own_page(source):
    _, page = build(source, ask("card/loss"))
    assert "of the cohort" not in page
    assert re.findall(r'download="([^"]+)"', page) == ["loss.png"]
    assert len(page) < shown.LARGEST
    assert not shown.figure_on(source / "notebooks" / "card.ipynb", "gain")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ask("3-9-people/flow"), "there is no stage 3-9-people"),
        (ask("flow"), "'flow' is not 'stage/figure'"),
        (ask("3-1-people/flow real"), "'3-1-people/flow real' is not"),
        (ask(), "names no figure"),
        ("```{diagram} maze\n```", "there is no drawing maze"),
    ],
)  # fmt: skip
def test_a_misspelt_figure_fails_a_strict_build(source, text, reason):
    assert reason in build(source, text)[0]


def test_a_drawing_leads_to_the_pages_that_the_book_has_and_can_be_saved(source):
    STAGE_ROWS = [*STAGES, {"name": "4-sum", "title": "Sum", "after": ["3-1-people", "3-2-masks"]}]
    (source / "notebooks" / "stages.yml").write_text(yaml.safe_dump(STAGE_ROWS))
    warnings, page = build(source, "```{diagram} stages\n```")
    assert warnings == ""
    assert re.findall(r'<a href="([^"]+)"><rect', page) == [
        "notebooks/3-1-people.html",
        "notebooks/3-2-masks.html",
    ]
    assert page.count("stroke-dasharray") == 1
    assert 'download="stages.svg"' in page


def test_every_page_of_prose_but_the_references_has_a_figure_before_its_first_section():
    assert len(PROSE) > 10
    for path in PROSE:
        if path.stem != "references":
            top = path.read_text().partition("\n## ")[0]
            assert re.search(r"^```\{(shown|diagram|figure)\}", top, re.MULTILINE), path.name


def made_names():
    """Return the words in the pages' code that can be a figure's name, with ``*`` for what is filled in."""
    found = set()
    for path in sorted((REPOSITORY / "thalutils" / "report").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = node.values
                found.add(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in parts)
                )
    return {name for name in found if re.fullmatch(r"[a-z0-9][a-z0-9*-]{3,}", name)}


def test_the_figures_and_drawings_that_prose_names_are_made_by_some_page():
    stages = {
        stage["name"] for stage in yaml.safe_load((REPOSITORY / "notebooks" / "stages.yml").read_text())
    }
    made = made_names()
    asked = 0
    for path in PROSE:
        text = path.read_text()
        for block in re.findall(r"```\{shown\}\n(?::[^\n]*\n)*\n(.*?)```", text, re.DOTALL):
            for line in block.splitlines():
                wanted = shown.parse(line)
                asked += 1
                assert wanted.stage in stages, line
                example = wanted.figure.replace("*", "any")
                assert any(fnmatchcase(example, name) for name in made), line
        assert set(re.findall(r"```\{diagram\} (\w+)", text)) <= set(DRAWN)
    assert asked > 20
