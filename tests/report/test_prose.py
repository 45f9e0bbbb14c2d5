"""The prose of every page, for a cohort of real people with T1w and EDSS at one visit, and for a simulated one."""

import json
import re
import shutil
from html import unescape
from io import StringIO
from pathlib import Path

import nbformat
import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

REPOSITORY = Path(__file__).parents[2]
KEY = re.compile(r"\{(?:number\}`|known\} )([\w.-]+)")
# What the stages of such a cohort write; every other number is known not to be there.
REAL = {
    "cohort.n_real": "61", "cohort.n_participants": 61, "cohort.n_sessions": 61, "cohort.n_exclusions": 2,
    "cohort.groups": "RRMS 50, PMS 11", "cohort.n_second": "0", "cohort.scans": "T1w", "cohort.methods": "FIRST",
    "cohort.scores": "EDSS", "cohort.n_drawn_by_hand": "0", "cohort.n_frame": "0", "cohort.n_drawn": "0",
    "population.n_reference": "0", "population.n_cross_sectional": "61", "population.n_longitudinal": "0",
    "registration.n": 0, "registration.n_excluded": 0, "overlap.n": 0, "agreement.n": 0, "change.n": 0,
    "trial.n_patients": 0, "trial.n_controls": 0,
    "scorecard.n": 290, "scorecard.claims": 24, "scorecard.agrees": 3, "scorecard.differs": 2, "scorecard.cannot": 285,
    "scorecard.findings": 234, "scorecard.findings_agrees": 2, "scorecard.findings_differs": 1, "scorecard.findings_cannot": 231,
    "scorecard.claims_holds": 0, "scorecard.claims_fails": 0, "scorecard.claims_cannot": 24,
}  # fmt: skip
SIMULATED = REAL | {
    "cohort.n_real": None, "cohort.n_simulated": "321", "scorecard.n_calibrated": 200, "scorecard.agrees_emergent": 9,
    "scorecard.differs_emergent": 1, "scorecard.claims_holds_emergent": 1, "scorecard.claims_fails_emergent": 1,
    "scorecard.claims_cannot_emergent": 1,
}  # fmt: skip


def lay_out(source: Path, values: dict[str, object]) -> None:
    """Lay out the book's pages, notebooks as their prose alone, and the numbers that they cite."""
    shutil.copytree(REPOSITORY / "book", source / "book")
    (source / "notebooks").mkdir()
    for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        (source / "notebooks" / f"{path.stem}.md").write_text(prose)
    shutil.copy2(REPOSITORY / "notebooks" / "stages.yml", source / "notebooks")
    pages = sorted(str(path.relative_to(source).with_suffix("")) for path in source.rglob("*.md"))
    (source / "index.md").write_text("# Book\n\n```{toctree}\n" + "\n".join(pages) + "\n```\n")
    cited = {key for page in source.rglob("*.md") for key in KEY.findall(page.read_text())}
    numbers = {"values": dict.fromkeys(cited) | values, "absent": []}
    content = {"pages": {page: "mine" for page in pages if page.startswith("notebooks")}}
    content |= {"cohorts": {"mine": numbers}, "prose": numbers}
    (source / "numbers.json").write_text(json.dumps(content))


@pytest.fixture(scope="module", params=[REAL, SIMULATED], ids=["real", "simulated"])
def book(request, tmp_path_factory) -> tuple[bool, dict[str, str]]:
    """Return whether the people are real, and the text of every page, built without a warning."""
    folder = tmp_path_factory.mktemp("prose")
    lay_out(folder / "source", request.param)
    warnings = StringIO()
    settings = {
        "extensions": ["myst_parser", "sphinxcontrib.bibtex", "sphinx_design", "thalutils.report.sphinx_ext"],
        "bibtex_bibfiles": ["book/references.bib"], "html_static_path": [str(REPOSITORY / "book" / "_static")],
        "html_theme": "basic",
        "myst_enable_extensions": ["colon_fence", "dollarmath"], "suppress_warnings": ["bibtex.duplicate_label"],
    }  # fmt: skip
    with docutils_namespace():
        app = Sphinx(
            folder / "source", None, folder / "out", folder / "doctrees", "html", confoverrides=settings, status=None,
            warning=warnings,
        )  # fmt: skip
        app.build()
    assert warnings.getvalue() == ""
    found = {}
    for path in sorted((folder / "out").glob("*/*.html")):
        if path.parent.name in ("book", "notebooks"):
            _, _, body = path.read_text().partition('class="body"')
            text = re.sub(r"<[^>]+>", "", body.partition('class="sphinxsidebar"')[0])
            found[path.stem] = " ".join(unescape(text).split())
    return request.param is REAL, found


def test_no_sentence_has_a_hole(book):
    _, pages = book
    assert len(pages) > 35
    holes = {name: re.findall(r".{60}\(not known here\).{20}", text) for name, text in pages.items()}
    always_known = {"twin-model", "thalnet-model"}  # their numbers are the same whatever the cohort
    assert not {name: found for name, found in holes.items() if found and name not in always_known}


def test_a_page_speaks_of_the_people_it_is_of(book):
    real, pages = book
    for name, of_real, of_simulated in (
        ("index", "Diagnoses: RRMS 50, PMS 11", "The study’s scans are not public. Two cohorts"),
        ("3-results", "Thalami were measured by: FIRST", "The first cohort of this book"),
        ("5-limitations", "No truth.", "The twin agrees because it was made to."),
        (
            "6-conclusions",
            "carries the paper’s analyses out on other people: 61 of them",
            "On simulated tables",
        ),
        ("2-6-1-reference", "Of the people of this book, 0 have a manual drawing", "Simulated data."),
        ("6-scorecard", "What it means in other people.", "What it cannot mean."),
    ):
        assert (of_real in pages[name]) == real, name
        if name != "2-6-1-reference":
            assert (of_simulated in pages[name]) != real, name


def test_what_was_made_of_the_papers_numbers_is_said_where_it_was(book):
    real, pages = book
    assert ("was used to make this simulated cohort" in pages["6-scorecard"]) != real
    assert ("Nearly all claims are calibrated here" in pages["6-scorecard"]) != real
