"""Pieces of HTML that carry their content with them, so that a page needs no other file."""

from __future__ import annotations

import re
from base64 import b64encode
from html import escape

from IPython.display import HTML


def data_uri(content: bytes, mime: str) -> str:
    """Return content as a ``data:`` address.

    Examples
    --------
    >>> data_uri(b"a", "text/plain")
    'data:text/plain;base64,YQ=='
    """
    return f"data:{mime};base64,{b64encode(content).decode('ascii')}"


def download_link(label: str, filename: str, content: bytes, mime: str) -> str:
    """Return a link that saves content under a file name, from ``file://`` pages too."""
    return (
        f'<a class="thal-download" download="{escape(filename)}" '
        f'href="{data_uri(content, mime)}">{escape(label)}</a>'
    )


def note(text: str) -> HTML:
    """Return a sentence, which may hold markup, where something cannot be shown."""
    return HTML(f'<p class="thal-note">{text}</p>')


def file_stem(text: str) -> str:
    """Return text as a file name without its suffix.

    Examples
    --------
    >>> file_stem("Table 1: Dice / HD95 (mm)")
    'table-1-dice-hd95-mm'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "download"
