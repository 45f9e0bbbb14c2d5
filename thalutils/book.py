"""Stages the executed notebooks under the table of contents and builds the site."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import yaml

from thalutils.book_numbers import book_numbers
from thalutils.cohort import Cohort
from thalutils.errors import ThalutilsError
from thalutils.files import atomic_path, write_json
from thalutils.process import run_program
from thalutils.stages import Stage, applies, notebook_path
from thalutils.staleness import executed_path

TWIN = "twin"
DEFAULT_BOOK = ("phantom", TWIN)
BUILD_LIMIT_S = 1800.0


def build(cohorts: list[Cohort], stages: list[Stage], tell: Callable[[str], None]) -> Path:
    """Build the book of some cohorts and return its first page.

    Prose and executed notebooks are laid out as the table of contents has them and built with
    execution off and warnings as errors; the site takes its place only when whole. Where several
    cohorts have a page of one stage, the first is that of the first cohort, or of the first of the
    kind that leads the stage; the others follow beneath it. A page that no cohort can have is out of
    the contents, and a sentence stands where links lead.

    Raises
    ------
    ThalutilsError
        Where the build ends with a warning or an error, with the lines that say so.
    """
    root = cohorts[0].root
    names = tuple(cohort.name for cohort in cohorts)
    source = root / "build" / "site-source" / "-".join(names)
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    _lay_out(cohorts, stages, source)
    target = root / "build" / ("html" if names == DEFAULT_BOOK else f"html-{'-'.join(names)}")
    tell(f"Building {target.relative_to(root)} with Jupyter Book")
    with atomic_path(target) as draft:
        work = draft.parent / "work"
        log = root / "build" / "logs" / f"book-{'-'.join(names)}.log"
        try:
            run_program(
                [Path(sys.executable).with_name("jupyter-book"), "build", source, "--path-output", work,
                 "--all", "-W", "--keep-going"],
                log=log,
                timeout_s=BUILD_LIMIT_S,
                environment={"PYTHONHASHSEED": "0"},
            )  # fmt: skip
        except ThalutilsError:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            faults = [line for line in lines if "WARNING" in line or "ERROR" in line][:20] or lines[-12:]
            raise ThalutilsError(
                "the book did not build without a warning:\n"
                + "\n".join(faults)
                + f"\nThe whole log is {log}."
            ) from None
        (work / "_build" / "html").rename(draft)
    return target / "index.html"


def _lay_out(cohorts: list[Cohort], stages: list[Stage], source: Path) -> None:
    root = cohorts[0].root
    shutil.copytree(root / "book", source / "book")
    shutil.copy2(root / "_config.yml", source)
    (source / "notebooks").mkdir()
    shutil.copy2(root / "notebooks" / "stages.yml", source / "notebooks")  # of which pages draw
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    pages = {}
    for stage in stages:
        first = f"notebooks/{stage.name}"
        mine = holders(stage, cohorts)
        if not mine:
            drop_page(contents, first)
            _write_absent(root, stage, cohorts, source / f"{first}.md")
        for cohort in mine:
            page = first if cohort == mine[0] else f"{first}--{cohort.name}"
            pages[page] = cohort.name
            shutil.copy2(executed_path(cohort, stage), source / f"{page}.ipynb")
            if len(mine) > 1:
                _name_cohort(source / f"{page}.ipynb", cohort)
            if page != first:
                add_section(contents, first, page)
    (source / "_toc.yml").write_text(yaml.safe_dump(contents, sort_keys=False), encoding="utf-8")
    write_json(source / "numbers.json", book_numbers(cohorts, stages, pages))


def holders(stage: Stage, cohorts: list[Cohort]) -> list[Cohort]:
    """Return the cohorts that have a page of a stage, the one whose page stands first first."""
    mine = [cohort for cohort in cohorts if applies(stage, cohort)]
    mine.sort(key=lambda cohort: stage.leads not in (None, cohort.kind))
    return mine[:1] if stage.alike else mine


def _name_cohort(path: Path, cohort: Cohort) -> None:
    """Put the cohort's name behind the title of a page, which others have too."""
    notebook = nbformat.read(path, as_version=4)
    title = _title(notebook)
    notebook.cells[0].source = notebook.cells[0].source.replace(title, f"{title} · {cohort.name}", 1)
    nbformat.write(notebook, path)


def _title(notebook: nbformat.NotebookNode) -> str:
    """Return the line with which a notebook begins: ``# `` and its title."""
    return notebook.cells[0].source.splitlines()[0]


def _write_absent(root: Path, stage: Stage, cohorts: list[Cohort], target: Path) -> None:
    """Write what stands in for a page that no cohort of the book can have."""
    title = _title(nbformat.read(notebook_path(root, stage), as_version=4))
    names = " and ".join(f"`{cohort.name}`" for cohort in cohorts)
    if stage.needs == TWIN:
        why = (
            f"This page is about the simulated cohort `{TWIN}`, and this book is of {names}. "
            f"`make book COHORT={TWIN}` builds a book that has it."
        )
    else:
        why = (
            f"This page would show the stage *{stage.title}*. It works on {stage.needs}, and {names} came as "
            f"{cohorts[0].kind}, so it is not part of this book."
        )
    text = f"---\norphan: true\n---\n\n{title}\n\n{why}\n"
    target.write_text(text, encoding="utf-8")


def drop_page(contents: dict[str, Any], page: str) -> None:
    """Take a page out of a table of contents; pages beneath it move up, what is left empty goes too.

    Examples
    --------
    >>> contents = {"parts": [{"chapters": [{"file": "b"}]}, {"chapters": [{"file": "c"}, {"file": "b"}]}]}
    >>> drop_page(contents, "b")
    >>> contents
    {'parts': [{'chapters': [{'file': 'c'}]}]}
    """
    for branch in [key for key in ("parts", "chapters", "sections") if key in contents]:
        kept = []
        for entry in contents[branch]:
            drop_page(entry, page)
            if entry.get("file") == page:
                kept += entry.get("sections", [])
            elif {"file", "url", "chapters"} & set(entry):
                kept.append(entry)
        contents[branch] = kept
        if not kept:
            del contents[branch]


def add_section(contents: Any, page: str, section: str) -> None:
    """Put `section` under `page` in a table of contents, wherever the page stands.

    Examples
    --------
    >>> contents = {"root": "a", "chapters": [{"file": "b"}]}
    >>> add_section(contents, "b", "c")
    >>> contents["chapters"]
    [{'file': 'b', 'sections': [{'file': 'c'}]}]
    """
    if isinstance(contents, list):
        for entry in contents:
            add_section(entry, page, section)
    elif isinstance(contents, dict):
        if contents.get("file") == page:
            contents.setdefault("sections", []).append({"file": section})
            return
        for value in contents.values():
            add_section(value, page, section)
