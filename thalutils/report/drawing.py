"""Boxes in rows with arrows between them, as an SVG that a page can hold and a reader can save."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

# Fill and edge of a box; its text is dark in both modes of the book.
COLOURS = {
    "scans": ("#dbe9f9", "#1f6fd0"),
    "tables": ("#fff1d6", "#b36b00"),
    "either": ("#ddf0e8", "#12604a"),
    "file": ("#ffffff", "#7a8290"),
}
TEXT, LINE = "#1b1f27", "#7a8290"
FONT_PX, LINE_PX, PAD_PX = 13, 16, 8
LETTER_PX = 7.0
GAP_PX, MARGIN_PX = 18, 6
SHEETS = 3


@dataclass(frozen=True)
class Box:
    """A box of a drawing.

    Attributes
    ----------
    key
        By which arrows name it.
    text
        Wrapped to the width of the box; a line break in it is kept.
    kind
        A key of :data:`COLOURS`.
    pages
        The pages of the book to which it leads: none, one for the box, or one for each line of the text.
    dashed
        Whether its edge is dashed.
    """

    key: str
    text: str
    kind: str = "either"
    pages: tuple[str, ...] = ()
    dashed: bool = False


@dataclass(frozen=True)
class Drawing:
    """A drawing: rows of boxes from top to bottom, and arrows that lead down, or to the right in a row.

    Attributes
    ----------
    rows
        The boxes of each row, from left to right.
    arrows
        The keys of the boxes that each joins.
    title, caption
        What it is called, and what stands beneath it; plain text.
    width_px, box_px
        Its width and that of a box.
    stacked
        The first and the last row of what happens many times over, drawn as a pile of sheets; and its label.
    """

    rows: Sequence[Sequence[Box]]
    arrows: Sequence[tuple[str, str]]
    title: str
    caption: str
    width_px: int = 740
    box_px: int = 134
    gap_px: int = 22
    stacked: tuple[int, int, str] | None = None

    def svg(self, address: Callable[[str], str | None]) -> str:
        """Return the drawing; a box leads to what ``address`` gives for its page, if anything."""
        places, tops, height = self._places()
        parts = [self._pile(tops)] if self.stacked else []
        parts += [_arrow(places[start], places[end]) for start, end in self.arrows]
        parts += [_box(box, places[box.key], self._lines(box), address) for row in self.rows for box in row]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width_px} {height}" width="{self.width_px}" '
            f'height="{height}" role="img" font-family="Helvetica, Arial, \'DejaVu Sans\', sans-serif" '
            f'font-size="{FONT_PX}"><title>{escape(self.title)}</title><desc>{escape(self._told())}</desc>'
            f'<defs><marker id="thal-tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="M0 0 L10 5 L0 10 z" fill="{LINE}"/></marker></defs>{"".join(parts)}</svg>'
        )

    def _lines(self, box: Box) -> list[tuple[str, str | None]]:
        """Return the lines of a box as they are drawn, each with the page to which it leads by itself."""
        letters = int((self._width(box) - 2 * PAD_PX) / LETTER_PX)
        parts = box.text.split("\n")
        pages = box.pages if len(box.pages) > 1 else (None,) * len(parts)
        return [(line, page) for part, page in zip(parts, pages, strict=True) for line in wrap(part, letters)]

    def _width(self, box: Box) -> float:
        """Return the width of a box: as that of all, but as its text asks for where there is room, or several pages."""
        row = next(row for row in self.rows if box in row)
        room = (self.width_px - 2 * MARGIN_PX - GAP_PX * (len(row) - 1)) / len(row)
        if len(row) > 1 and len(box.pages) < 2:
            return min(self.box_px, room)
        longest = max(len(part) for part in box.text.split("\n")) * LETTER_PX + 2 * PAD_PX
        return min(max(self.box_px, longest), room)

    def _places(self) -> tuple[dict[str, tuple[float, float, float, float]], list[tuple[float, float]], int]:
        """Return left, top, width and height of each box, top and bottom of each row, and the whole height."""
        places, rows, top = {}, [], float(MARGIN_PX)
        if self.stacked and self.stacked[0] == 0:
            top += self.gap_px
        for row in self.rows:
            high = max(len(self._lines(box)) for box in row) * LINE_PX + PAD_PX
            widths = [self._width(box) for box in row]
            left = (self.width_px - sum(widths) - GAP_PX * (len(row) - 1)) / 2
            for box, wide in zip(row, widths, strict=True):
                places[box.key] = (left, top, wide, high)
                left += wide + GAP_PX
            rows.append((top, top + high))
            top += high + self.gap_px
        return places, rows, round(top - self.gap_px + MARGIN_PX)

    def _pile(self, tops: list[tuple[float, float]]) -> str:
        first, last, label = self.stacked
        wide = max(len(row) for row in self.rows[first : last + 1]) * (self.box_px + GAP_PX) + 2 * GAP_PX
        left, top = (self.width_px - wide) / 2, tops[first][0] - LINE_PX - 4
        high = tops[last][1] + GAP_PX / 2 - top
        sheets = "".join(
            f'<rect x="{left + 4 * n:g}" y="{top + 3 * n:g}" width="{wide:g}" height="{high:g}" rx="6" '
            f'fill="#f3f4f6" stroke="{LINE}"/>'
            for n in reversed(range(SHEETS))
        )
        words = f'<text x="{left + PAD_PX:g}" y="{top + LINE_PX - 2:g}" fill="{TEXT}">{escape(label)}</text>'
        return sheets + words

    def _told(self) -> str:
        """Return the drawing in words, for those who do not see it."""
        name = {box.key: box.text.replace("\n", " ") for row in self.rows for box in row}
        return "; ".join(f"{name[start]}, then {name[end]}" for start, end in self.arrows)


def _arrow(start: tuple[float, float, float, float], end: tuple[float, float, float, float]) -> str:
    if start[1] == end[1]:
        y = start[1] + start[3] / 2
        way = f"M{start[0] + start[2]:g} {y:g} H{end[0]:g}"
    else:
        x, y = start[0] + start[2] / 2, start[1] + start[3]
        to_x, to_y = end[0] + end[2] / 2, end[1]
        bend = min(40.0, (to_y - y) / 2)
        way = f"M{x:g} {y:g} C{x:g} {y + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}"
    return f'<path d="{way}" fill="none" stroke="{LINE}" stroke-width="1.5" marker-end="url(#thal-tip)"/>'


def _box(
    box: Box,
    place: tuple[float, float, float, float],
    lines: list[tuple[str, str | None]],
    address: Callable[[str], str | None],
) -> str:
    left, top, wide, high = place
    fill, edge = COLOURS[box.kind]
    dash = ' stroke-dasharray="5 4"' if box.dashed else ""
    baseline = top + (high - len(lines) * LINE_PX) / 2 + FONT_PX - 1
    words = "".join(
        _linked(
            f'<text x="{left + wide / 2:g}" y="{baseline + n * LINE_PX:g}" text-anchor="middle" fill="{TEXT}">'
            f"{escape(line)}</text>",
            page,
            address,
        )
        for n, (line, page) in enumerate(lines)
    )
    shape = (
        f'<rect x="{left:g}" y="{top:g}" width="{wide:g}" height="{high:g}" rx="6" fill="{fill}" stroke="{edge}" '
        f'stroke-width="1.5"{dash}/>{words}'
    )
    return _linked(shape, box.pages[0] if len(box.pages) == 1 else None, address)


def _linked(shape: str, page: str | None, address: Callable[[str], str | None]) -> str:
    target = address(page) if page else None
    return f'<a href="{escape(target)}">{shape}</a>' if target else shape


def levels(after: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return what can be done at once, step by step: each name stands one step behind the last that it waits for.

    What waits for nothing stands right before the first that waits for it.

    Raises
    ------
    ValueError
        Where some wait for each other.

    Examples
    --------
    >>> levels({"a": [], "late": [], "b": ["a"], "c": ["a"], "d": ["late", "c"]})
    [['a'], ['late', 'b', 'c'], ['d']]
    """
    depth: dict[str, int] = {}
    while len(depth) < len(after):
        ready = [name for name in after if name not in depth and all(one in depth for one in after[name])]
        if not ready:
            raise ValueError(f"{', '.join(set(after) - set(depth))}: each waits for another of them")
        depth |= {name: 1 + max((depth[one] for one in after[name]), default=-1) for name in ready}
    for name in after:
        if not after[name]:
            depth[name] = max(0, min((depth[one] for one in after if name in after[one]), default=1) - 1)
    return [[name for name in after if depth[name] == step] for step in range(max(depth.values()) + 1)]


def direct(after: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return the arrows that say all: those that no longer way says as well are left out.

    Examples
    --------
    >>> direct({"a": [], "b": ["a"], "c": ["a", "b"]})
    [('a', 'b'), ('b', 'c')]
    """
    above: dict[str, set[str]] = {}
    for name in (name for step in levels(after) for name in step):
        above[name] = set(after[name]).union(*(above[one] for one in after[name]))
    return [
        (one, name)
        for name in after
        for one in after[name]
        if not any(one in above[other] for other in after[name] if other != one)
    ]


def alike(after: Mapping[str, Sequence[str]], told: Callable[[str], object]) -> list[list[str]]:
    """Return names in groups that one box can stand for: the same arrows lead to and from each, and ``told`` is equal.

    Examples
    --------
    >>> alike({"a": [], "b": ["a"], "c": ["a"], "d": ["c"]}, lambda name: None)
    [['a'], ['b'], ['c'], ['d']]
    >>> alike({"a": [], "b": ["a"], "c": ["a"]}, lambda name: None)
    [['a'], ['b', 'c']]
    """
    arrows = direct(after)
    groups: dict[object, list[str]] = {}
    for name in after:
        before = frozenset(start for start, end in arrows if end == name)
        behind = frozenset(end for start, end in arrows if start == name)
        groups.setdefault((before, behind, told(name)), []).append(name)
    return list(groups.values())
