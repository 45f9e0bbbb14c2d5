"""Finds, among the executed notebooks of a book, a figure that a page of prose shows again."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

FIGURE = re.compile(r'<figure class="thal-figure">.*?</figure>', re.DOTALL)
NAME = re.compile(r'download="([^"]+)\.png"')
DOWNLOAD = re.compile(r'<a class="thal-download".*?</a>', re.DOTALL)
DOWNLOADS = re.compile(r'<span class="thal-downloads">Download\s*</span>')
LARGEST = 1_000_000
SIMULATED = "simulated"


@dataclass(frozen=True)
class Wanted:
    """A figure that a page would show: the stage that made it, the figure's name, and of whom it must be."""

    stage: str
    figure: str
    simulated: bool = False


@dataclass(frozen=True)
class Shown:
    """A figure as its own page has it, and that page's name."""

    page: str
    html: str
    whole: bool


def parse(line: str) -> Wanted:
    """Return what a line asks for: ``stage/figure``, and behind it ``simulated`` where it must be of no real person.

    The figure's name may have ``*`` for anything.

    Raises
    ------
    ValueError
        Where the line is made otherwise.

    Examples
    --------
    >>> parse("2-4-acquisition/scans simulated")
    Wanted(stage='2-4-acquisition', figure='scans', simulated=True)
    """
    found = re.fullmatch(rf"([\w-]+)/([\w*-]+)(\s+{SIMULATED})?", line.strip())
    if found is None:
        raise ValueError(f"'{line.strip()}' is not 'stage/figure', nor 'stage/figure {SIMULATED}'")
    return Wanted(found[1], found[2], bool(found[3]))


def pages_of(source: Path, stage: str) -> list[Path]:
    """Return the executed notebooks of a stage, that of the book's leading cohort first."""
    folder = source / "notebooks"
    first = folder / f"{stage}.ipynb"
    return [path for path in (first, *sorted(folder.glob(f"{stage}--*.ipynb"))) if path.is_file()]


def figure_on(page: Path, name: str) -> Shown | None:
    """Return the first figure of a page whose name fits.

    What the page does not show, because it would show a single person of a private cohort, is not there.
    Links that would make the second page heavy are left on the first.
    """
    for cell in json.loads(page.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            html = "".join(output.get("data", {}).get("text/html", ""))
            for figure in FIGURE.findall(html):
                own = NAME.search(figure)
                if own and fnmatchcase(own[1], name):
                    light = DOWNLOAD.sub(lambda link: link[0] if len(link[0]) <= LARGEST else "", figure)
                    whole = DOWNLOADS.search(light) is None
                    return Shown(page.stem, light if whole else DOWNLOADS.sub("", light), whole)
    return None
