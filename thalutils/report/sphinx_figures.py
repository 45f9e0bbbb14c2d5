"""Directives that put a figure near the top of a page of prose: one that a notebook made, or a drawing of the stages.

``{shown}`` has a figure on each line, as ``3-1-population/volume-distributions``, and shows the first that
this book has, with its caption, its downloads and a link to its page. Where the book has none of them, the
sentence of the option ``otherwise`` stands. ``{diagram}`` takes one of :data:`thalutils.report.diagrams.DRAWN`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from thalutils.report import diagrams, shown
from thalutils.report.embed import download_link

SIMULATED_PEOPLE = "cohort.n_simulated"

logger = logging.getLogger(__name__)


class _FigureDirective(SphinxDirective):
    """What both directives share: the book's source, its stages, and a fault that fails a strict build."""

    @property
    def source(self) -> Path:
        return Path(self.env.srcdir)

    def stages(self) -> list[dict[str, Any]]:
        """Return the stages as the study declares them."""
        path = self.source / self.config.thalutils_stages
        self.env.note_dependency(str(path))
        return yaml.safe_load(path.read_text(encoding="utf-8"))

    def fault(self, reason: str) -> None:
        logger.warning(
            "{%s} %s",
            self.name,
            reason,
            type="thalutils",
            subtype=self.name,
            location=(self.env.docname, self.lineno),
        )


class ShownDirective(_FigureDirective):
    """A figure of a notebook of this book."""

    has_content = True
    option_spec: ClassVar[dict[str, Callable[[str], str]]] = {"otherwise": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return the figure and where it is from, the other sentence, or nothing."""
        try:
            declared = {stage["name"]: stage for stage in self.stages()}
            wanted = [shown.parse(line) for line in self.content if line.strip()]
        except (OSError, ValueError, yaml.YAMLError) as error:
            self.fault(str(error))
            return []
        unknown = [one.stage for one in wanted if one.stage not in declared]
        if unknown or not wanted:
            self.fault(f"there is no stage {', '.join(unknown)}" if unknown else "names no figure")
            return []
        for one in wanted:
            for page in shown.pages_of(self.source, one.stage):
                cohort, simulated = self._people(page.stem)
                if one.simulated and not simulated:
                    continue
                self.env.note_dependency(str(page))
                found = shown.figure_on(page, one.figure)
                if found is not None:
                    whose = "" if declared[one.stage].get("alike") else _whose(cohort, simulated)
                    return [self._framed(found, whose)]
        return self.parse_text_to_nodes(self.options["otherwise"]) if "otherwise" in self.options else []

    def _people(self, page: str) -> tuple[str | None, bool]:
        """Return the cohort that a page is of, and whether its people are simulated."""
        path = self.source / self.config.thalutils_numbers
        self.env.note_dependency(str(path))
        numbers = json.loads(path.read_text(encoding="utf-8"))
        cohort = numbers["pages"].get(f"notebooks/{page}")
        values = numbers["cohorts"][cohort]["values"] if cohort else {}
        return cohort, values.get(SIMULATED_PEOPLE) is not None

    def _framed(self, found: shown.Shown, whose: str) -> nodes.Node:
        saved = "" if found.whole else " It can be saved there."
        origin = self.parse_text_to_nodes(f"From {{doc}}`/notebooks/{found.page}`{whose}.{saved}")
        origin[0]["classes"].append("thal-origin")
        return nodes.container("", nodes.raw("", found.html, format="html"), *origin, classes=["thal-shown"])


def _whose(cohort: str | None, simulated: bool) -> str:
    if cohort is None:
        return ""
    return f", of the simulated cohort `{cohort}`" if simulated else f", of the cohort `{cohort}`"


class DiagramDirective(_FigureDirective):
    """A drawing that is made of what the study declares of its stages."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the drawing with its caption and a link that saves it."""
        name = self.arguments[0]
        if name not in diagrams.DRAWN:
            self.fault(f"there is no drawing {name}, but {', '.join(diagrams.DRAWN)}")
            return []
        try:
            stages = self.stages()
        except (OSError, yaml.YAMLError) as error:
            self.fault(str(error))
            return []
        here = {stage["name"] for stage in stages if shown.pages_of(self.source, stage["name"])}
        drawing = diagrams.DRAWN[name](stages, here)
        plain = drawing.svg(lambda _: None)
        link = download_link("SVG", f"{name}.svg", plain.encode(), "image/svg+xml")
        html = (
            f'<figure class="thal-figure thal-diagram"><div class="thal-scroll" tabindex="0" role="region" '
            f'aria-label="{escape(drawing.title)}">{drawing.svg(self._address)}</div>'
            f'<figcaption>{escape(drawing.caption)} <span class="thal-downloads">Download {link}</span>'
            f"</figcaption></figure>"
        )
        return [nodes.raw("", html, format="html")]

    def _address(self, page: str) -> str | None:
        """Return where a page of the book is from this one, or nothing where the book has no such page."""
        if page not in self.env.found_docs or self.env.app.builder.format != "html":
            return None
        return self.env.app.builder.get_relative_uri(self.env.docname, page)


def register(app: Sphinx) -> None:
    """Add the directives and the file of the stages, which they read from the book's source."""
    app.add_config_value("thalutils_stages", "notebooks/stages.yml", "env", str)
    app.add_directive("shown", ShownDirective)
    app.add_directive("diagram", DiagramDirective)
