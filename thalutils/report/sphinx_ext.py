"""Sphinx extension of the book: numbers in prose that are read from results, and the book's assets.

The roles are ``{number}`` for this study's own results and ``{reported}`` for the paper's. Both take
a dotted key and, after a colon, a Python format: ``{number}`registration.median_error_mm:.2f```.
The directive ``{known}`` shows its content only where a number of this study's own is known.
The directives ``{shown}`` and ``{diagram}`` are those of :mod:`thalutils.report.sphinx_figures`.
A page that belongs to a cohort has that cohort's numbers; the prose has those of the whole book.
"""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.fileutil import copy_asset_file

from thalutils.report import sphinx_figures

SCRIPTS = ("tables.js", "viewer.js")
STYLES = ("thalutils.css",)
ABSENT = "n/a"
UNKNOWN = "(not known here)"

logger = logging.getLogger(__name__)


def lookup(data: dict[str, Any], key: str) -> str | int | float | bool:
    """Return the scalar that a dotted key names in nested dicts and lists.

    Parameters
    ----------
    data
        Nested, or flat with the dotted key itself as a key.
    key
        Dots step into dicts by name and into lists by position from 0.

    Raises
    ------
    KeyError
        When a step does not exist, or the key ends at something that is not a scalar.

    Examples
    --------
    >>> lookup({"FIRST": {"bias": [4.94, 1.72]}}, "FIRST.bias.0")
    4.94
    >>> lookup({"registration.tried": 7}, "registration.tried")
    7
    """
    value: Any = data
    if isinstance(data, dict) and key in data:
        value = data[key]
    else:
        for step in key.split("."):
            if isinstance(value, dict) and step in value:
                value = value[step]
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                raise KeyError(f"{key}: nothing at step '{step}'")
    if value is not None and not isinstance(value, str | int | float | bool):
        raise KeyError(f"{key}: holds a {type(value).__name__}, not a single value")
    if isinstance(value, float) and not math.isfinite(value):
        raise KeyError(f"{key}: is {value}, which no sentence should show")
    return value


def render(data: dict[str, Any], text: str) -> str:
    """Return the text of a role: the value of ``key`` or ``key:format``.

    Negative numbers get a true minus sign.

    Raises
    ------
    KeyError, ValueError
        When the key leads to no scalar, or the format does not fit the value.

    Examples
    --------
    >>> render({"change": {"mean": -0.336}}, "change.mean:.2f")
    '−0.34'
    """
    key, _, spec = text.partition(":")
    value = lookup(data, key.strip())
    if value is None:  # computed, and found not to exist in this cohort
        return UNKNOWN
    shown = format(value, spec.strip())
    if isinstance(value, str) or not shown.startswith("-"):
        return shown
    return "\N{MINUS SIGN}" + shown[1:]


class ValueRole(SphinxRole):
    """A role that writes a value from a file, which the page then depends on.

    Parameters
    ----------
    path_of
        Gives the file from the role's Sphinx configuration and source directory.
    parse
        Reads the file's text into nested dicts.
    """

    def __init__(
        self, path_of: Callable[[Config, Path], Path], parse: Callable[[str], dict[str, Any]]
    ) -> None:
        self.path_of = path_of
        self.parse = parse

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the value as text, or ``n/a`` and a warning that fails a strict build."""
        path = self.path_of(self.config, Path(self.env.srcdir))
        self.env.note_dependency(str(path))
        try:
            shown = self.show(self._read(path))
        except (OSError, KeyError, ValueError, yaml.YAMLError) as error:
            reason = error.args[0] if isinstance(error, KeyError) else error
            logger.warning(
                "{%s}`%s` has no value in %s: %s",
                self.name,
                self.text,
                path,
                reason,
                type="thalutils",
                subtype=self.name,
                location=(self.env.docname, self.lineno),
            )
            shown = ABSENT
        node = nodes.inline(self.rawtext, shown, classes=[f"thal-{self.name}"])
        return [node], []

    def show(self, found: dict[str, Any]) -> str:
        """Return the text that stands for the role."""
        return render(found, self.text)

    def _read(self, path: Path) -> dict[str, Any]:
        """Return the parsed file, read once a page."""
        read: dict[Path, dict[str, Any]] = self.env.temp_data.setdefault("thalutils_values", {})
        if path not in read:
            read[path] = self.parse(path.read_text(encoding="utf-8"))
        return read[path]


class NumberRole(ValueRole):
    """The role of this study's own numbers, which knows whose page it stands on."""

    def show(self, found: dict[str, Any]) -> str:
        """Return the number; words where it cannot be had from any cohort that the page is about."""
        known = _of_page(found, self.env.docname)
        if self.text.split(".")[0] in known["absent"]:
            return UNKNOWN
        return render(known["values"], self.text)


class KnownDirective(SphinxDirective):
    """Content that stands only where a number is known, ``{known} maps.r1_bias_thalamus_percent``.

    The option ``otherwise`` is the sentence that stands in its place elsewhere. A key that no stage
    keeps is not known; so are those that a stage computed and found not to exist.
    """

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict[str, Callable[[str], str]]] = {"otherwise": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return the content, the other sentence, or nothing."""
        path = _numbers_path(self.config, Path(self.env.srcdir))
        self.env.note_dependency(str(path))
        known = _of_page(json.loads(path.read_text(encoding="utf-8")), self.env.docname)
        if known["values"].get(self.arguments[0]) is not None:
            return self.parse_content_to_nodes(allow_section_headings=True)
        return self.parse_text_to_nodes(self.options["otherwise"]) if "otherwise" in self.options else []


def _of_page(found: dict[str, Any], page: str) -> dict[str, Any]:
    """Return the numbers of the cohort that a page belongs to; those of the whole book for its prose."""
    name = found["pages"].get(page)
    return found["cohorts"][name] if name else found["prose"]


def _numbers_path(config: Config, source: Path) -> Path:
    return source / config.thalutils_numbers


def _reported_path(config: Config, source: Path) -> Path:
    if config.thalutils_reported:
        return source / config.thalutils_reported
    return Path(str(files("thalutils") / "data" / "reported.yml"))


def _own_asset_tags(app: Sphinx, config: Config) -> None:
    """Add each asset once, though Jupyter Book also adds whatever it finds in ``_static``."""
    config.html_js_files = [f for f in config.html_js_files if _name(f) not in SCRIPTS]
    config.html_css_files = [f for f in config.html_css_files if _name(f) not in STYLES]
    folders = [Path(app.srcdir) / folder for folder in config.html_static_path]
    for name in (*SCRIPTS, *STYLES):
        if not any((folder / name).is_file() for folder in folders):
            logger.warning(
                "%s is in no folder of html_static_path: %s",
                name,
                ", ".join(map(str, folders)) or "the list is empty",
                type="thalutils",
                subtype="asset",
            )
    for name in SCRIPTS:
        app.add_js_file(name, loading_method="defer")
    for name in STYLES:
        app.add_css_file(name)


def _name(entry: str | tuple[str, dict[str, Any]]) -> str:
    return entry if isinstance(entry, str) else entry[0]


def niivue_path() -> Path:
    """Return the classic-script build of niivue inside the installed nilearn."""
    spec = importlib.util.find_spec("nilearn")
    return Path(spec.origin).parent / "_assets" / "js" / "niivue.umd.js"


def _copy_niivue(app: Sphinx, exception: Exception | None) -> None:
    """Put niivue beside ``viewer.js``, which loads it on the pages that have a viewer."""
    if exception is None and app.builder.format == "html":
        copy_asset_file(niivue_path(), Path(app.outdir) / "_static")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the roles, their configuration values and the book's assets."""
    app.add_config_value("thalutils_numbers", "numbers.json", "env", str)
    app.add_config_value("thalutils_reported", "", "env", str)
    app.add_role("number", NumberRole(_numbers_path, json.loads))
    app.add_role("reported", ValueRole(_reported_path, yaml.safe_load))
    app.add_directive("known", KnownDirective)
    sphinx_figures.register(app)
    app.connect("config-inited", _own_asset_tags)
    app.connect("build-finished", _copy_niivue)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
