"""What a page may show of people: everything where the cohort publishes individuals, else groups only.

A notebook opens its page once (:func:`thalutils.report.pages.begin`), which says whose page it is. Before
that, and for a cohort that publishes no individual rows, a page shows nothing of a single person: tables
with a row for each person become counts, small groups lose their statistics, and pictures of a person's
scans and whatever else names a person give way to a sentence.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from functools import wraps
from html import escape
from typing import ParamSpec

import pandas as pd
from IPython.display import HTML
from nbformat import NotebookNode
from nbformat.v4 import new_output

from thalutils.cohort import Cohort
from thalutils.report.embed import note
from thalutils.report.suppression import FEW, LEAST, PERSON, counted, suppressed
from thalutils.schemas import PARTICIPANT

COUNTED = "Counts only: this cohort publishes no individual rows."
SUPPRESSED = f"Groups of fewer than {LEAST} people are left empty."
SCAN = "a person's scan"
_NAME = re.compile(rf"(?<![A-Za-z0-9]){PARTICIPANT.strip('^$')}")
_CARRIED = re.compile(r"data:(?:text/|image/svg)[^,]*;base64,([A-Za-z0-9+/=]+)")

_page_of: Cohort | None = None
Given = ParamSpec("Given")


def open_for(cohort: Cohort | None) -> None:
    """Say whose page is made from here on; ``None`` is nobody's, which shows least."""
    global _page_of
    _page_of = cohort


def publishes() -> bool:
    """Return whether this page may show individual people."""
    return _page_of is not None and _page_of.publishes_individuals


def withheld(what: str, cohort: Cohort | None = None) -> HTML:
    """Return the sentence that stands where something of one person is left out, and how to see it."""
    cohort = cohort or _page_of
    sentence = f"{what} would show single people, and this cohort publishes no individual rows."
    if cohort is None:
        return note(sentence)
    switch = f"<code>publish_individuals: true</code> in {escape(cohort.path.name)}"
    where = (
        f"; the images lie in <code>build/derivatives/{cohort.name}</code>" if cohort.kind == "scans" else ""
    )
    return note(f"{sentence} To see this on your own machine, set {switch} and build again{where}.")


def of_one_person(what: str) -> Callable[[Callable[Given, HTML]], Callable[Given, HTML]]:
    """Mark a function whose result shows one person: it runs only for a page that may show it."""

    def mark(function: Callable[Given, HTML]) -> Callable[Given, HTML]:
        @wraps(function)
        def shown(*args: Given.args, **words: Given.kwargs) -> HTML:
            return function(*args, **words) if publishes() else withheld(what)

        return shown

    return mark


def unfit(frame: pd.DataFrame, people: int | None) -> bool:
    """Return whether a table cannot be shown at all: it is of a few people, or its columns cannot be told apart."""
    if publishes():
        return False
    names = frame.columns
    return (people is not None and people < LEAST) or names.nlevels > 1 or not names.is_unique


def shareable(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return what may be shown of a table, and a sentence that says what became of it, or an empty one."""
    if publishes():
        return frame, ""
    if PERSON in frame.columns:
        return suppressed(counted(frame)), COUNTED
    kept = suppressed(frame)
    emptied = kept.isna().to_numpy().sum() > frame.isna().to_numpy().sum()
    return kept, SUPPRESSED if emptied or (kept == FEW).to_numpy().any() else ""


def shareable_groups(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return the rows from which a figure may take statistics: those of groups that are large enough.

    Parameters
    ----------
    frame
        Has ``participant_id``.
    by
        The columns whose values make a group.
    """
    if publishes() or frame.empty:
        return frame
    return frame[frame.groupby(list(by), dropna=False)[PERSON].transform("nunique") >= LEAST]


def count(people: int) -> str:
    """Return a number of people as this page may show it.

    Examples
    --------
    >>> count(3), count(12)
    ('<5', '12')
    """
    return FEW if 0 < people < LEAST and not publishes() else str(people)


def checked(html: str, what: str, *texts: str) -> HTML:
    """Return HTML for a page, or a sentence where it, or a text that it carries, names a person."""
    if publishes() or not names_someone(html, *texts):
        return HTML(html)
    return withheld(what)


def names_someone(*texts: str) -> bool:
    """Return whether a text, or one that it carries as a data address, has a participant's id in it.

    Examples
    --------
    >>> names_someone("n = 12"), names_someone("a box around sub-07")
    (False, True)
    """
    carried = (
        b64decode(found).decode(errors="replace") for text in texts for found in _CARRIED.findall(text)
    )
    return any(_NAME.search(text) for text in (*texts, *carried))


def redact(notebook: NotebookNode, cohort: Cohort) -> None:
    """Take from an executed notebook, in place, every output that names a person of a private cohort.

    Tables and figures have seen to that before; this is for what a notebook shows by other ways.
    """
    if cohort.publishes_individuals:
        return
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        for place, output in enumerate(outputs):
            texts = [output.get("text", ""), *map(str, output.get("data", {}).values())]
            if names_someone(*texts):
                outputs[place] = new_output(
                    "display_data", {"text/html": withheld("This output", cohort).data}
                )
