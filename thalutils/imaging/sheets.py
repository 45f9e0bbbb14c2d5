"""Sheets for review by eye: three slices a plane of one image with lines on it, as small pictures that say nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from nibabel.spatialimages import SpatialImage
from PIL import Image, ImageColor, ImageDraw, ImageFont

from thalutils.files import atomic_path
from thalutils.imaging import views

PIXEL_MM = 0.6
GAP_PIXELS, LETTER_PIXELS = 6, 16
# Voxels about the brain. Edges are found in a wider box than is shown, so that its border leaves no trace; a mask's sheet
# shows the wider one too, since what the mask has missed lies there.
SHOWN_MARGIN, EDGE_MARGIN = 4, 12
LARGEST_BYTES = 120_000
QUALITIES = (90, 80, 70, 60, 50, 40, 30, 20)


def registrations(
    t1w: SpatialImage, mask: SpatialImage, moved: Iterable[SpatialImage]
) -> Iterator[Image.Image]:
    """Yield a sheet for each registered image: in grey, with the edges of the T1w as lines.

    Parameters
    ----------
    t1w, mask
        A visit's T1w, and its brain mask on the same grid.
    moved
        Images on that grid, one after the other.
    """
    grid, brain = views.canonical(t1w), views.canonical(mask)
    wide = _box(brain, EDGE_MARGIN)
    inside = views.array(brain)[wide] > 0
    field = views.edges(views.array(grid)[wide], inside, grid.header.get_zooms()[:3])
    lines = np.zeros(grid.shape, np.float32)
    lines[wide] = np.nan_to_num(field, nan=0.0)
    region = views.array(brain) > 0
    for image in moved:
        values = views.array(views.canonical(image))
        yield _sheet(values, lines, brain, views.window(values[region]))


def brain(t1w: SpatialImage, mask: SpatialImage) -> Image.Image:
    """Return the sheet of a brain mask: the T1w in grey, with the mask's outline."""
    inside = views.canonical(mask)
    values = views.array(views.canonical(t1w))
    lines = np.where(views.array(inside) > 0, 1.0, -1.0).astype(np.float32)
    return _sheet(values, lines, inside, views.window(values), EDGE_MARGIN)


def save(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as JPEG, of the best quality that keeps it small, whole or not at all."""
    for quality in QUALITIES:
        content = BytesIO()
        # Colour is kept at full resolution: the lines are one pixel wide.
        sheet.save(content, "JPEG", quality=quality, subsampling=0, optimize=True)
        if content.tell() <= LARGEST_BYTES:
            break
    with atomic_path(path) as draft:
        draft.write_bytes(content.getvalue())


def _box(mask: SpatialImage, margin: int) -> tuple[slice, ...]:
    extents = zip(views.extent(mask, mask), mask.shape, strict=True)
    return tuple(
        slice(max(low - margin, 0), min(high + margin + 1, length)) for (low, high), length in extents
    )


def _sheet(
    values: np.ndarray, lines: np.ndarray, mask: SpatialImage, window: tuple[float, float],
    margin: int = SHOWN_MARGIN,
) -> Image.Image:  # fmt: skip
    """Lay out the slices, a row for each plane; `lines` are drawn where they change their sign."""
    box, zooms = _box(mask, margin), mask.header.get_zooms()[:3]
    low, high = window
    grey = np.clip((values[box] - low) / (views.DIMMING * (high - low)), 0, 1) * 255
    shown, part = lines[box], mask.slicer[box]
    rows = [
        [
            _panel(*(np.take(one, index, axis=axis) for one in (grey, shown)), np.delete(zooms, axis), ends)
            for index in views.slices(part, mask=part, axis=axis)
        ]
        for axis, _, ends in views.PLANES
    ]
    width = max(row[0].width for row in rows)
    sheet = Image.new("RGB", (3 * width + 2 * GAP_PIXELS, sum(row[0].height + GAP_PIXELS for row in rows)))
    top = 0
    for row in rows:
        for place, panel in enumerate(row):
            sheet.paste(panel, (place * (width + GAP_PIXELS) + (width - panel.width) // 2, top))
        top += row[0].height + GAP_PIXELS
    return sheet


def _panel(grey: np.ndarray, lines: np.ndarray, zooms: np.ndarray, ends: str) -> Image.Image:
    """Draw one slice, its first axis to the right and its second upwards; name its sides."""
    size = tuple(round(length * zoom / PIXEL_MM) for length, zoom in zip(grey.shape, zooms, strict=True))
    fine_grey, fine_lines = (
        np.asarray(
            Image.fromarray(np.ascontiguousarray(one.T[::-1], np.float32)).resize(size, Image.BILINEAR)
        )
        for one in (grey, lines)
    )
    crossed = np.zeros(fine_lines.shape, bool)
    crossed[:, 1:] |= fine_lines[:, 1:] * fine_lines[:, :-1] < 0
    crossed[1:] |= fine_lines[1:] * fine_lines[:-1] < 0
    pixels = np.repeat(fine_grey.round().astype(np.uint8)[..., None], 3, axis=2)
    pixels[crossed] = ImageColor.getrgb(views.EDGE_COLOUR)
    panel = Image.fromarray(pixels)
    pen, letters = ImageDraw.Draw(panel), ImageFont.load_default(LETTER_PIXELS)
    for x, side, anchor in zip((2, panel.width - 2), ends, ("lt", "rt"), strict=True):
        pen.text((x, 2), side, font=letters, anchor=anchor, fill="white", stroke_width=2, stroke_fill="black")
    return panel
