"""Stages the executed notebooks under the table of contents and builds the site."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from thalutils.cohort import Cohort
from thalutils.errors import ThalutilsError
from thalutils.files import atomic_path, read_json, write_json
from thalutils.process import run_program
from thalutils.stages import Stage
from thalutils.staleness import executed_path

DEFAULT_BOOK = ("phantom",)
BUILD_LIMIT_S = 1800.0


def build(cohorts: list[Cohort], stages: list[Stage], tell: Callable[[str], None]) -> Path:
    """Build the book of some cohorts and return its first page.

    Prose and executed notebooks are laid out as the table of contents has them and built with
    execution off and warnings as errors; the site takes its place only when whole.

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
    root, main = cohorts[0].root, cohorts[0]
    shutil.copytree(root / "book", source / "book")
    shutil.copy2(root / "_config.yml", source)
    (source / "notebooks").mkdir()
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    for stage in stages:
        shutil.copy2(executed_path(main, stage), source / "notebooks" / f"{stage.name}.ipynb")
        for other in cohorts[1:]:
            page = f"notebooks/{stage.name}--{other.name}"
            shutil.copy2(executed_path(other, stage), source / f"{page}.ipynb")
            add_section(contents, f"notebooks/{stage.name}", page)
    (source / "_toc.yml").write_text(yaml.safe_dump(contents, sort_keys=False), encoding="utf-8")
    write_json(source / "numbers.json", read_json(main.results / "numbers.json") or {})


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
