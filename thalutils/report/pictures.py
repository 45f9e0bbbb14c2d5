"""Pictures of scans, maps and masks: still, in three planes, left of the person on the left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nibabel as nib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from nibabel.spatialimages import SpatialImage

from thalutils.errors import ImageError
from thalutils.imaging import views
from thalutils.report.privacy import SCAN
from thalutils.report.viewer import mask_colour

LINE_STYLES = ("solid", "dashed", "dotted", "dashdot")
Box = list[tuple[float, float]]


def scan_sheet(images: Mapping[str, SpatialImage], *, title: str | None = None) -> Figure:
    """Show three planes through the middle of the head, a row for each image on its own grid.

    Parameters
    ----------
    images
        Each by the name beside its row. Brightness runs from the 1st to the 99.5th percentile.
    title
        Stands above all.
    """
    scans = {name: views.canonical(image) for name, image in images.items()}
    sizes = np.array([[_size(scan, axis) for axis, *_ in views.PLANES] for scan in scans.values()])
    widths, heights = sizes[..., 0].max(axis=0), sizes[..., 1].max(axis=1)
    fig = _figure(8.5 * heights.sum() / widths.sum() + 0.4)
    fig.suptitle(title or "", color="white")
    grid = fig.subplots(len(scans), 3, squeeze=False, width_ratios=widths, height_ratios=heights)
    for axes, (name, scan) in zip(grid, scans.items(), strict=True):
        values = views.array(scan)
        for ax, (axis, *_) in zip(axes, views.PLANES, strict=True):
            _show(ax, scan, values, axis, views.slices(scan, count=1, axis=axis)[0], views.window(values))
        beside = {"transform": axes[0].transAxes, "rotation": 90, "ha": "right", "va": "center"}
        axes[0].text(-0.06, 0.5, name, color="white", **beside)
    return fig


def review_sheet(
    fixed: SpatialImage, moving: SpatialImage, *, mask: SpatialImage | None = None, count: int = 3
) -> Figure:
    """Show where the edges of one image fall on another, for a reviewer who is told nothing else.

    Parameters
    ----------
    fixed
        Its edges are drawn as lines: where a smoothed copy changes fastest, and changes enough.
    moving
        Shown in grey; brought to the fixed image's grid where it has another.
    mask
        The brain on the fixed image's grid: edges beyond its rim are left out, the picture is cut to it.
    count
        Slices a plane, evenly spaced through the mask or the head; a row for each plane.
    """
    still = views.canonical(fixed)
    inside = None if mask is None else views.canonical(mask)
    moved = views.array(views.onto(views.canonical(moving), still, order=1))
    region = np.ones(still.shape, bool) if inside is None else views.array(inside) > 0
    low, high = views.window(moved[region])
    edges = views.edges(views.array(still), region, still.header.get_zooms()[:3])
    box = [(low - 4, high + 4) for low, high in views.extent(still, inside)]
    fig = _figure(9.4)
    for axes, (axis, *_) in zip(fig.subplots(3, count, squeeze=False), views.PLANES, strict=True):
        for ax, index in zip(axes, views.slices(still, count=count, mask=inside, axis=axis), strict=True):
            _show(ax, still, moved, axis, index, (low, low + views.DIMMING * (high - low)), box)
            _outline(ax, still, edges, axis, index, 0.0, colors=views.EDGE_COLOUR, linewidths=1.0)
    return fig


def map_sheet(
    maps: Mapping[str, SpatialImage], units: Mapping[str, str], ranges: Mapping[str, tuple[float, float]]
) -> Figure:
    """Show quantitative maps in three planes, a column for each, with the scale of its values below.

    Parameters
    ----------
    maps
        Each by its name, in the order in which they are shown.
    units, ranges
        Of each map: its units, and the values in them that are black and white.
    """
    scans = {name: views.canonical(image) for name, image in maps.items()}
    heights = [_size(next(iter(scans.values())), axis)[1] for axis, *_ in views.PLANES]
    fig = _figure(8.6, width=2.6 * len(maps))
    grid = fig.subplots(3, len(maps), squeeze=False, height_ratios=heights)
    for axes, (name, scan) in zip(grid.T, scans.items(), strict=True):
        for ax, (axis, *_) in zip(axes, views.PLANES, strict=True):
            index = views.slices(scan, count=1, axis=axis)[0]
            shown = _show(ax, scan, views.array(scan), axis, index, ranges[name])
        axes[0].set_title(name, color="white")
        bar = fig.colorbar(shown, ax=list(axes), location="bottom", shrink=0.85, aspect=14, pad=0.02)
        bar.set_label(units[name], color="white")
        bar.ax.tick_params(colors="white")
        bar.ax.grid(visible=False)
        bar.ax.locator_params(nbins=4)
        bar.outline.set_edgecolor("white")
    return fig


def outline_sheet(
    background: SpatialImage,
    masks: Mapping[str, SpatialImage],
    *,
    centre_on: str | None = None,
    margin_mm: float = 9.0,
) -> Figure:
    """Show the outline of each mask on a scan, near and in three planes, as Fig. 1 of the paper does.

    Parameters
    ----------
    background
        A three-dimensional scan.
    masks
        Each by its method, in the colour of the interactive view and a line style of its own; a voxel
        above 0.5 is inside.
    centre_on
        The mask through whose middle the planes run; by default that of all together. The sagittal
        plane runs through the middle of its left half.
    margin_mm
        Around the box that holds every mask.

    Raises
    ------
    ImageError
        Where there is no mask, none holds a voxel, or `centre_on` is not among them.
    """
    scan = views.canonical(background)
    inside = {
        name: views.array(views.onto(views.canonical(mask), scan, order=0)) > 0.5
        for name, mask in masks.items()
    }
    if centre_on is not None and centre_on not in inside:
        raise ImageError(f"No mask '{centre_on}' to centre on; there is {', '.join(inside) or 'none'}.")
    together = np.logical_or.reduce(list(inside.values())) if inside else np.zeros(scan.shape, bool)
    centre = np.argwhere(inside[centre_on] if centre_on else together)
    if not len(centre):
        raise ImageError(f"The mask {centre_on or 'of every method'} is empty: there is nothing to outline.")
    middle = np.round(centre.mean(axis=0)).astype(int)
    middle[0] = round(centre[centre[:, 0] <= middle[0], 0].mean())
    corners, zooms = np.argwhere(together), np.array(scan.header.get_zooms()[:3])
    low = np.maximum(corners.min(axis=0) - margin_mm / zooms, 0)
    high = np.minimum(corners.max(axis=0) + margin_mm / zooms, np.array(scan.shape) - 1)
    box, values = list(zip(low, high, strict=True)), views.array(scan)
    window = views.window(values[tuple(slice(int(a), int(b) + 1) for a, b in box)])

    looks = {
        name: {"color": mask_colour(name), "linestyle": LINE_STYLES[place % len(LINE_STYLES)]}
        for place, name in enumerate(inside)
    }
    sizes = np.array([np.delete((high - low) * zooms, axis) for axis, *_ in views.PLANES])
    fig = _figure(9 * sizes[:, 1].max() / sizes[:, 0].sum() + 1.2)
    for ax, (axis, name, _) in zip(fig.subplots(1, 3, width_ratios=sizes[:, 0]), views.PLANES, strict=True):
        _show(ax, scan, values, axis, middle[axis], window, box)
        ax.set_title(name, color="white")
        for method, look in looks.items():
            line = {"colors": look["color"], "linestyles": look["linestyle"], "linewidths": 2}
            _outline(ax, scan, inside[method].astype(float), axis, middle[axis], 0.5, **line)
    lines = [Line2D([], [], label=name, linewidth=2.5, **look) for name, look in looks.items()]
    below = {"loc": "outside lower center", "ncols": min(len(lines), 4), "labelcolor": "white"}
    fig.legend(handles=lines, handlelength=2.6, frameon=False, **below)
    return fig


def motion_sheet(background: SpatialImage, motion: SpatialImage, *, limit_mm: float = 1.0) -> Figure:
    """Show how far edges moved on a scan, three slices a plane.

    Parameters
    ----------
    background
        A three-dimensional scan.
    motion
        In mm on the scan's grid; 0 where there is no edge. Negative is blue, positive red.
    limit_mm
        Where the colours end.
    """
    scan, moved = views.canonical(background), views.canonical(motion)
    values, shifts = views.array(scan), views.array(moved)
    edges = nib.Nifti1Image((shifts != 0).astype(np.uint8), scan.affine)
    box: Box = [(low - 4, high + 4) for low, high in views.extent(scan, edges)]
    low, high = views.window(values)
    fig = _figure(9.4)
    grid = fig.subplots(3, 3, squeeze=False)
    for axes, (axis, *_) in zip(grid, views.PLANES, strict=True):
        for ax, index in zip(axes, views.slices(scan, mask=edges, axis=axis), strict=True):
            _show(ax, scan, values, axis, index, (low, low + views.DIMMING * (high - low)), box)
            cut = np.take(shifts, index, axis=axis).T
            look = {"cmap": "coolwarm", "vmin": -limit_mm, "vmax": limit_mm, "interpolation": "nearest"}
            shown = ax.imshow(np.ma.masked_equal(cut, 0), **_place(scan, axis), **look)
    bar = fig.colorbar(shown, ax=grid, location="bottom", shrink=0.5, aspect=30, extend="both")
    bar.set_label("Motion of the edge (mm, outward positive)", color="white")
    bar.ax.tick_params(colors="white")
    bar.ax.grid(visible=False)
    return fig


def _figure(height: float, width: float = 9.0) -> Figure:
    fig = Figure(figsize=(width, height), facecolor="black", layout="constrained")
    fig.set_label(SCAN)
    return fig


def _size(image: SpatialImage, axis: int) -> np.ndarray:
    """Return the width and height in mm of the plane that cuts an axis."""
    return np.delete(np.array(image.shape) * image.header.get_zooms()[:3], axis)


def _show(
    ax: Axes, grid: SpatialImage, values: np.ndarray, axis: int, index: int, window: tuple[float, float],
    box: Box | None = None,
) -> AxesImage:  # fmt: skip
    """Draw one slice in mm, cut to the first and last slice of `box` along each axis; name its sides."""
    look = {"cmap": "gray", "vmin": window[0], "vmax": window[1], "interpolation": "bilinear"}
    shown = ax.imshow(np.take(values, index, axis=axis).T, **_place(grid, axis), **look)
    if box:
        zooms = grid.header.get_zooms()[:3]
        in_mm = [(low * zoom, (high + 1) * zoom) for (low, high), zoom in zip(box, zooms, strict=True)]
        across, up = np.clip(np.delete(in_mm, axis, axis=0), 0, _size(grid, axis)[:, None])
        ax.set(xlim=across, ylim=up)
    ends = next(ends for cuts, _, ends in views.PLANES if cuts == axis)
    for x, side, align in zip((0.02, 0.98), ends, ("left", "right"), strict=True):
        mark = ax.text(
            x, 0.97, side, transform=ax.transAxes, color="white", ha=align, va="top", weight="bold"
        )
        mark.set_path_effects([withStroke(linewidth=3, foreground="black")])
    ax.set_axis_off()
    return shown


def _outline(
    ax: Axes, grid: SpatialImage, field: np.ndarray, axis: int, index: int, level: float, **look: Any
) -> None:
    """Draw the line along which a slice of a field crosses a level."""
    cut = np.ma.masked_invalid(np.take(field, index, axis=axis).T)
    if cut.count() and cut.min() < level < cut.max():
        ax.contour(cut, levels=[level], **_place(grid, axis), **look)


def _place(grid: SpatialImage, axis: int) -> dict[str, Any]:
    width, height = _size(grid, axis)
    return {"origin": "lower", "extent": (0, width, 0, height)}
