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
from nibabel.processing import resample_from_to
from nibabel.spatialimages import SpatialImage
from scipy import ndimage

from thalutils.errors import ImageError
from thalutils.report.privacy import SCAN
from thalutils.report.viewer import mask_colour

# The axis a plane cuts, its name, and the directions at its left and right edge.
PLANES = ((2, "axial", "LR"), (1, "coronal", "LR"), (0, "sagittal", "PA"))
LINE_STYLES = ("solid", "dashed", "dotted", "dashdot")
WINDOW_PERCENTILES = (1, 99.5)
# The head is what is brighter than this share of the window, but for this share at each end of an axis.
HEAD_SHARE, STRAY = 0.15, 0.002
# An edge is drawn where brightness changes by this share of the bright end a mm.
EDGE_STRENGTH_PER_MM, EDGE_SMOOTHING_MM = 0.05, 1.3
# The image under the edges stays greyer than white, so that the lines stand out from it.
EDGE_COLOUR, DIMMING = "#ff8c00", 1.35
Box = list[tuple[float, float]]


def slices(
    image: SpatialImage, *, count: int = 3, mask: SpatialImage | None = None, axis: int = 2
) -> list[int]:
    """Choose evenly spaced slices through the head, or through a mask.

    Parameters
    ----------
    image, mask
        On one grid; without a mask, the head is what is bright.
    count
        How many. A single one lies in the middle.
    axis
        The axis they cut, and along which they are counted, once the image's axes point to right,
        anterior and superior.

    Examples
    --------
    >>> block = np.zeros((4, 4, 21))
    >>> block[:, :, 4:17] = 1
    >>> slices(nib.Nifti1Image(block, np.eye(4)))
    [7, 10, 13]
    """
    low, high = _extent(_canonical(image), None if mask is None else _canonical(mask))[axis]
    return [round(low + (high - low) * (step + 1) / (count + 1)) for step in range(count)]


def scan_sheet(images: Mapping[str, SpatialImage], *, title: str | None = None) -> Figure:
    """Show three planes through the middle of the head, a row for each image on its own grid.

    Parameters
    ----------
    images
        Each by the name beside its row. Brightness runs from the 1st to the 99.5th percentile.
    title
        Stands above all.
    """
    scans = {name: _canonical(image) for name, image in images.items()}
    sizes = np.array([[_size(scan, axis) for axis, *_ in PLANES] for scan in scans.values()])
    widths, heights = sizes[..., 0].max(axis=0), sizes[..., 1].max(axis=1)
    fig = _figure(8.5 * heights.sum() / widths.sum() + 0.4)
    fig.suptitle(title or "", color="white")
    grid = fig.subplots(len(scans), 3, squeeze=False, width_ratios=widths, height_ratios=heights)
    for axes, (name, scan) in zip(grid, scans.items(), strict=True):
        values = _values(scan)
        for ax, (axis, *_) in zip(axes, PLANES, strict=True):
            _show(ax, scan, values, axis, slices(scan, count=1, axis=axis)[0], _window(values))
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
    still = _canonical(fixed)
    inside = None if mask is None else _canonical(mask)
    moved = _values(_onto(_canonical(moving), still, order=1))
    region = np.ones(still.shape, bool) if inside is None else _values(inside) > 0
    low, high = _window(moved[region])
    edges = _edges(_values(still), region, still.header.get_zooms()[:3])
    box = [(low - 4, high + 4) for low, high in _extent(still, inside)]
    fig = _figure(9.4)
    for axes, (axis, *_) in zip(fig.subplots(3, count, squeeze=False), PLANES, strict=True):
        for ax, index in zip(axes, slices(still, count=count, mask=inside, axis=axis), strict=True):
            _show(ax, still, moved, axis, index, (low, low + DIMMING * (high - low)), box)
            _outline(ax, still, edges, axis, index, 0.0, colors=EDGE_COLOUR, linewidths=1.0)
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
    scans = {name: _canonical(image) for name, image in maps.items()}
    heights = [_size(next(iter(scans.values())), axis)[1] for axis, *_ in PLANES]
    fig = _figure(8.6, width=2.6 * len(maps))
    grid = fig.subplots(3, len(maps), squeeze=False, height_ratios=heights)
    for axes, (name, scan) in zip(grid.T, scans.items(), strict=True):
        for ax, (axis, *_) in zip(axes, PLANES, strict=True):
            index = slices(scan, count=1, axis=axis)[0]
            shown = _show(ax, scan, _values(scan), axis, index, ranges[name])
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
    scan = _canonical(background)
    inside = {name: _values(_onto(_canonical(mask), scan, order=0)) > 0.5 for name, mask in masks.items()}
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
    box, values = list(zip(low, high, strict=True)), _values(scan)
    window = _window(values[tuple(slice(int(a), int(b) + 1) for a, b in box)])

    looks = {
        name: {"color": mask_colour(name), "linestyle": LINE_STYLES[place % len(LINE_STYLES)]}
        for place, name in enumerate(inside)
    }
    sizes = np.array([np.delete((high - low) * zooms, axis) for axis, *_ in PLANES])
    fig = _figure(9 * sizes[:, 1].max() / sizes[:, 0].sum() + 1.2)
    for ax, (axis, name, _) in zip(fig.subplots(1, 3, width_ratios=sizes[:, 0]), PLANES, strict=True):
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
    scan, moved = _canonical(background), _canonical(motion)
    values, shifts = _values(scan), _values(moved)
    edges = nib.Nifti1Image((shifts != 0).astype(np.uint8), scan.affine)
    box: Box = [(low - 4, high + 4) for low, high in _extent(scan, edges)]
    low, high = _window(values)
    fig = _figure(9.4)
    grid = fig.subplots(3, 3, squeeze=False)
    for axes, (axis, *_) in zip(grid, PLANES, strict=True):
        for ax, index in zip(axes, slices(scan, mask=edges, axis=axis), strict=True):
            _show(ax, scan, values, axis, index, (low, low + DIMMING * (high - low)), box)
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


def _canonical(image: SpatialImage) -> SpatialImage:
    """Return an image with its axes towards right, anterior and superior."""
    if len(image.shape) != 3:
        raise ImageError(f"An image has shape {image.shape}: give a three-dimensional one.")
    return nib.as_closest_canonical(image)


def _values(image: SpatialImage) -> np.ndarray:
    return np.nan_to_num(np.asarray(image.dataobj, dtype=np.float32), posinf=0.0, neginf=0.0)


def _onto(image: SpatialImage, grid: SpatialImage, order: int) -> SpatialImage:
    """Return an image on another's grid; itself where it lies there already."""
    same = image.shape == grid.shape and np.allclose(image.affine, grid.affine, atol=1e-3)
    return image if same else resample_from_to(image, grid, order=order)


def _window(values: np.ndarray) -> tuple[float, float]:
    """Return the values shown black and white."""
    seen = values[values != 0]
    low, high = (float(v) for v in np.percentile(seen, WINDOW_PERCENTILES)) if seen.size else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)


def _extent(image: SpatialImage, mask: SpatialImage | None) -> list[tuple[int, int]]:
    """Return the first and last slice of a mask, or of the head, along each axis."""
    values = _values(image if mask is None else mask)
    inside = values > (0 if mask is not None else HEAD_SHARE * _window(values)[1])
    found = []
    for axis, length in enumerate(inside.shape):
        along = inside.sum(axis=tuple({0, 1, 2} - {axis})).cumsum()
        if not along[-1]:
            found.append((0, length - 1))
            continue
        ends = np.searchsorted(along, np.array([STRAY, 1 - STRAY]) * along[-1], side="left")
        found.append((int(ends[0]), int(ends[1])))
    return found


def _edges(values: np.ndarray, region: np.ndarray, zooms: tuple[float, ...]) -> np.ndarray:
    """Return a field whose zero crossings are edges (Marr and Hildreth 1980); NaN where none is drawn."""
    sigma = [EDGE_SMOOTHING_MM / zoom for zoom in zooms]
    scaled = np.clip(values / _window(values[region])[1], 0, 1)
    smooth = ndimage.gaussian_filter(scaled, sigma)
    steepness = np.sqrt(sum(np.gradient(smooth, zoom, axis=axis) ** 2 for axis, zoom in enumerate(zooms)))
    field = ndimage.gaussian_laplace(scaled, sigma)
    near = ndimage.binary_dilation(region, iterations=2)
    return np.where((steepness > EDGE_STRENGTH_PER_MM) & near, field, np.nan)


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
    ends = next(ends for cuts, _, ends in PLANES if cuts == axis)
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
