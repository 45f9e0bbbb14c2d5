"""Which pages a book has of which cohort, in which order, and with whose numbers."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
import yaml

from thalutils import book, stages
from thalutils.book_numbers import book_numbers
from thalutils.cohort import Cohort
from thalutils.errors import ThalutilsError
from thalutils.files import write_json
from thalutils.staleness import executed_path

REPOSITORY = Path(__file__).parents[1]
STAGES = """
- {name: 2-4-scans, title: Scans, needs: scans, numbers: [maps]}
- {name: 2-6-tables, title: Tables, needs: tables, numbers: [entry]}
- {name: 3-3-agreement, title: Agreement, numbers: [bias], leads: tables}
- {name: 3-4-order, title: Order}
"""
TITLES = {
    "2-4-scans": "2.4 Scans", "2-6-tables": "2.6 Tables", "3-3-agreement": "3.3 Agreement", "3-4-order": "3.4 Order",
}  # fmt: skip
CONTENTS = {
    "format": "jb-book",
    "root": "book/index",
    "parts": [
        {"caption": "Scans", "chapters": [{"file": "notebooks/2-4-scans"}]},
        {"caption": "Rest", "chapters": [{"file": f"notebooks/{name}"} for name in list(TITLES)[1:]]},
    ],
}
INDEX = """# The book

See {doc}`/notebooks/2-4-scans`. Maps are off by {number}`maps.bias:.1f`, volumes by {number}`bias.ml:.1f`.
"""


def write_page(path: Path, title: str, text: str = "") -> None:
    cells = [nbformat.v4.new_markdown_cell(f"# {title}\n\nThis page is about it. {text}")]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


@pytest.fixture
def library(checkout, make_dataset):
    """Return a checkout with the cohorts phantom (scans) and twin (tables), whose pages are executed."""
    (checkout / "notebooks" / "stages.yml").write_text(STAGES)
    (checkout / "_toc.yml").write_text(yaml.safe_dump(CONTENTS, sort_keys=False))
    shutil.copy2(REPOSITORY / "_config.yml", checkout)
    shutil.copytree(REPOSITORY / "book" / "_static", checkout / "book" / "_static")
    shutil.copy2(REPOSITORY / "book" / "references.bib", checkout / "book")
    (checkout / "book" / "index.md").write_text(INDEX)
    make_dataset("phantom", people=["sub-01"], visits=["ses-01"])
    (checkout / "data" / "twin").mkdir()
    (checkout / "cohorts" / "twin.yml").write_text("title: Twin\ntables: data/twin\n")
    every = stages.load(checkout)
    for stage in every:
        write_page(checkout / "notebooks" / f"{stage.name}.ipynb", TITLES[stage.name])
    for number, name in enumerate(("phantom", "twin"), 1):
        cohort = Cohort.load(name)
        for stage in stages.applicable(every, cohort):
            shows = "Off by {number}`bias.ml:.1f` mL, maps by {number}`maps.bias:.1f`." if stage.leads else ""
            write_page(executed_path(cohort, stage), TITLES[stage.name], shows)
        made = {"bias.ml": float(number), "maps.bias": 7.0, "bias.none": None if number == 1 else 3.0}
        write_json(cohort.results / "numbers.json", made)
    return checkout


def load(*names: str) -> list[Cohort]:
    return [Cohort.load(name) for name in names]


def home(page: Path) -> str:
    return (page.parent / "book" / "index.html").read_text()


def words(html: str) -> str:
    """Return a page's own text."""
    article = html[html.index("<article") : html.index("</article>")]
    return " ".join(re.sub(r"<[^>]+>", "", article).split())


def contents(html: str) -> list[tuple[str, str]]:
    """Return address and title of each entry of the sidebar."""
    sidebar = html[html.index("bd-links") : html.index("</nav>", html.index("bd-links"))]
    found = re.findall(r'href="([^"]+)"[^>]*>\s*([^<]+?)\s*</a>', sidebar)
    return [(Path(address).stem, title) for address, title in found]


def test_a_book_of_both_cohorts_has_a_page_of_each_with_its_own_numbers(library):
    page = book.build(load("phantom", "twin"), stages.load(library), lambda _: None)
    assert page == library / "build" / "html" / "index.html"
    assert contents(home(page)) == [
        ("2-4-scans", "2.4 Scans"),
        ("2-6-tables", "2.6 Tables"),
        ("3-3-agreement", "3.3 Agreement · twin"),
        ("3-3-agreement--phantom", "3.3 Agreement · phantom"),
        ("3-4-order", "3.4 Order · phantom"),
        ("3-4-order--twin", "3.4 Order · twin"),
    ]
    assert "Maps are off by 7.0, volumes by 1.0." in words(home(page))
    of_twin = words((page.parent / "notebooks" / "3-3-agreement.html").read_text())
    of_phantom = words((page.parent / "notebooks" / "3-3-agreement--phantom.html").read_text())
    assert "Off by 2.0 mL, maps by (not known here)." in of_twin
    assert "Off by 1.0 mL, maps by 7.0." in of_phantom


def test_a_book_of_tables_says_what_it_cannot_have(library):
    page = book.build(load("twin"), stages.load(library), lambda _: None)
    assert page.parent == library / "build" / "html-twin"
    assert [name for name, _ in contents(home(page))] == [
        "2-6-tables",
        "3-3-agreement",
        "3-4-order",
    ]
    assert "Maps are off by (not known here), volumes by 2.0." in words(home(page))
    stub = words((page.parent / "notebooks" / "2-4-scans.html").read_text())
    assert "2.4 Scans" in stub
    assert "It works on scans, and twin came as tables" in stub


def test_a_misspelt_number_fails_the_book(library):
    (library / "book" / "index.md").write_text("# The book\n\n{number}`bias.mml`\n")
    with pytest.raises(ThalutilsError, match=r"bias\.mml"):
        book.build(load("twin"), stages.load(library), lambda _: None)
    assert not (library / "build" / "html-twin").exists()


def test_prose_has_the_first_cohorts_numbers_and_the_others_where_it_has_none(library):
    every = stages.load(library)
    prose = book_numbers(load("phantom", "twin"), every, {})["prose"]
    assert prose == {"values": {"bias.ml": 1.0, "maps.bias": 7.0, "bias.none": 3.0}, "absent": []}
    prose = book_numbers(load("twin", "phantom"), every, {})["prose"]
    assert prose["values"]["bias.ml"] == 2.0


def test_numbers_left_from_when_a_cohort_came_otherwise_are_not_cited(library):
    found = book_numbers(load("twin"), stages.load(library), {})
    assert found["prose"] == {"values": {"bias.ml": 2.0, "bias.none": 3.0}, "absent": ["maps"]}
    assert found["cohorts"]["twin"] == found["prose"]


def test_the_page_of_the_kind_that_leads_stands_first(library):
    both = load("phantom", "twin")
    agreement, order = stages.load(library)[2:]
    assert [cohort.name for cohort in book.holders(agreement, both)] == ["twin", "phantom"]
    assert [cohort.name for cohort in book.holders(order, both)] == ["phantom", "twin"]
    assert [cohort.name for cohort in book.holders(agreement, both[:1])] == ["phantom"]


def test_a_page_that_is_alike_for_all_stands_once(library):
    alike = stages.load(library)[3].model_copy(update={"alike": True})
    assert [cohort.name for cohort in book.holders(alike, load("phantom", "twin"))] == ["phantom"]


def test_a_dropped_pages_own_pages_move_up():
    contents = {
        "chapters": [{"file": "a", "sections": [{"file": "b"}]}, {"file": "c", "sections": [{"file": "d"}]}]
    }
    book.drop_page(contents, "a")
    book.drop_page(contents, "d")
    assert contents == {"chapters": [{"file": "b"}, {"file": "c"}]}


@pytest.mark.parametrize(
    ("given", "names"), [([], "phantom twin"), (["COHORT=mine"], "mine"), (["COHORT=a b"], "a b")]
)
def test_make_runs_each_cohort_and_builds_one_book(given, names):
    # The tests themselves are run by make, whose own settings would be handed down.
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        [shutil.which("make"), "--dry-run", "book", *given],
        cwd=REPOSITORY,
        env=outside,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[-1] == f".venv/bin/thalutils book {names}"
    assert lines[-2].startswith(f"for name in {names}; do .venv/bin/thalutils run $name")
