"""Pictures of scans, maps and masks: still, in three planes, left of the person on the left."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count as counter
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from nibabel.processing import resample_from_to
from nibabel.spatialimages import SpatialImage
from scipy import ndimage

from thalutils.errors import ImageError
from thalutils.report.viewer import _colour

WINDOW_PERCENTILES = (1, 99.5)
EDGE_COLOUR = "#ffd400"
# An edge is drawn where brightness changes this much a mm, as a share of the window's width.
EDGE_STRENGTH_PER_MM = 0.06
EDGE_SMOOTHING_MM = 1.3
LINE_STYLES = ("solid", "dashed", "dotted", "dashdot")
# A voxel above this share of the bright end belongs to the head, and this share of it (in thousandths)
# is passed over at each end of an axis, where noise or a neck may stray.
HEAD_SHARE, STRAY = 0.15, 0.002


class Plane(NamedTuple):
    """A plane by the axis it cuts, its name and the directions at its left and right edge."""

    axis: int
    name: str
    ends: str


AXIAL, CORONAL, SAGITTAL = PLANES = (
    Plane(2, "axial", "LR"),
    Plane(1, "coronal", "LR"),
    Plane(0, "sagittal", "PA"),
)


def slices(
    image: SpatialImage, *, count: int = 3, mask: SpatialImage | None = None, axis: int = 2
) -> list[int]:
    """Choose evenly spaced slices through the head, or through a mask.

    Parameters
    ----------
    image
        A three-dimensional image.
    count
        How many; one lies in the middle.
    mask
        On the image's grid; where absent, the head is what is bright.
    axis
        The axis the slices cut, once the image's axes point to right, anterior and superior.

    Returns
    -------
    list of int
        Indices along `axis` of the image in that orientation.

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
        Each image by the name that stands beside its row. Brightness runs from the 1st to the 99.5th
        percentile of what is not zero.
    title
        Stands above all.
    """
    scans = {name: _canonical(image) for name, image in images.items()}
    fig, rows = _sheet(list(scans.values()), title, left_inch=0.5)
    for axes, (name, scan) in zip(rows, scans.items(), strict=True):
        values = _values(scan)
        window = _window(values)
        for ax, plane in zip(axes, PLANES, strict=True):
            _show(ax, scan, values, plane, slices(scan, count=1, axis=plane.axis)[0], window)
        axes[0].text(
            -0.06, 0.5, name, transform=axes[0].transAxes, color="white", rotation=90, ha="right", va="center"
        )
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
        The brain on the fixed image's grid: edges outside it are left out and the picture is cut to it.
    count
        Slices a plane, evenly spaced through the mask or the head; a row for each plane.
    """
    still = _canonical(fixed)
    inside = None if mask is None else _canonical(mask)
    moved = _values(_onto(_canonical(moving), still, order=1))
    region = np.ones(still.shape, bool) if inside is None else _values(inside) > 0
    edges = _edges(_values(still), region, still.header.get_zooms()[:3])
    window = _window(moved[region])
    extent = [(low - 6, high + 6) for low, high in _extent(still, inside)]
    fig = Figure(figsize=(9, 9.4), facecolor="black", layout="constrained")
    for axes, plane in zip(fig.subplots(3, count, squeeze=False), PLANES, strict=True):
        for ax, index in zip(axes, slices(still, count=count, mask=inside, axis=plane.axis), strict=True):
            _show(ax, still, moved, plane, index, window)
            _outline(ax, still, edges, plane, index, 0.0, colors=EDGE_COLOUR, linewidths=0.9)
            _zoom(ax, still, plane, extent)
    return fig


def map_sheet(
    maps: Mapping[str, SpatialImage], units: Mapping[str, str], ranges: Mapping[str, tuple[float, float]]
) -> Figure:
    """Show quantitative maps in three planes, a column for each, with the scale of its values below.

    Parameters
    ----------
    maps
        Each map by its name, in the order in which they are shown.
    units
        Of each map, as they stand at its scale.
    ranges
        Of each map, the values shown black and white, in its units.
    """
    fig = Figure(figsize=(2.6 * len(maps) + 0.3, 8.6), facecolor="black", layout="constrained")
    scans = {name: _canonical(image) for name, image in maps.items()}
    heights = [_size(next(iter(scans.values())), plane)[1] for plane in PLANES]
    grid = fig.subplots(3, len(maps), squeeze=False, height_ratios=heights)
    for axes, (name, scan) in zip(grid.T, scans.items(), strict=True):
        values = _values(scan)
        for ax, plane in zip(axes, PLANES, strict=True):
            index = slices(scan, count=1, axis=plane.axis)[0]
            shown = _show(ax, scan, values, plane, index, ranges[name])
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
        Each mask by its method, whose colour it gets, in the tone of the interactive view; methods of
        one family differ in line style too. A voxel above 0.5 is inside.
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
    low, high = corners.min(axis=0) - margin_mm / zooms, corners.max(axis=0) + margin_mm / zooms
    values = _values(scan)
    near = tuple(slice(max(int(a), 0), int(b) + 1) for a, b in zip(low, high, strict=True))
    window = _window(values[near])

    styles = _styles(inside)
    fig, [axes] = _sheet([scan], None, box_mm=(high - low) * zooms)
    for ax, plane in zip(axes, PLANES, strict=True):
        _show(ax, scan, values, plane, middle[plane.axis], window)
        for name, mask in inside.items():
            look = {"colors": [_colour(name)], "linestyles": [styles[name]], "linewidths": 2.0}
            _outline(ax, scan, mask.astype(float), plane, middle[plane.axis], 0.5, **look)
        _zoom(ax, scan, plane, list(zip(low, high, strict=True)))
        ax.set_title(plane.name, color="white")
    lines = [Line2D([], [], color=_colour(name), ls=styles[name], lw=2.5, label=name) for name in inside]
    fig.legend(
        handles=lines, loc="outside lower center", ncols=min(len(lines), 4), labelcolor="white", frameon=False
    )
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
    low, high = _window(values[region])
    scaled = (np.clip(values, low, high) - low) / (high - low)
    smooth = ndimage.gaussian_filter(scaled, sigma)
    steepness = np.sqrt(sum(np.gradient(smooth, zoom, axis=axis) ** 2 for axis, zoom in enumerate(zooms)))
    field = ndimage.gaussian_laplace(scaled, sigma)
    return np.where((steepness > EDGE_STRENGTH_PER_MM) & region, field, np.nan)


def _size(image: SpatialImage, plane: Plane) -> tuple[float, float]:
    """Return the width and height of a plane in mm."""
    edges = [n * float(zoom) for n, zoom in zip(image.shape, image.header.get_zooms()[:3], strict=True)]
    return tuple(edge for axis, edge in enumerate(edges) if axis != plane.axis)


def _sheet(
    scans: list[SpatialImage],
    title: str | None,
    *,
    left_inch: float = 0.0,
    box_mm: np.ndarray | None = None,
) -> tuple[Figure, list[Any]]:
    """Return a black figure with a row of three planes for each scan, each as wide as it is in mm."""
    sizes = [[_size(scan, plane) for plane in PLANES] for scan in scans]
    if box_mm is not None:
        sizes = [[tuple(np.delete(box_mm, plane.axis)) for plane in PLANES]]
    widths = [max(row[column][0] for row in sizes) for column in range(3)]
    heights = [max(height for _, height in row) for row in sizes]
    inch = (9.0 - left_inch) / sum(widths)
    above = 0.4 + (0.4 if title else 0) + (0.6 if box_mm is not None else 0)
    fig = Figure(figsize=(9.0, inch * sum(heights) + above), facecolor="black", layout="constrained")
    grid = fig.subplots(len(scans), 3, squeeze=False, width_ratios=widths, height_ratios=heights)
    if title:
        fig.suptitle(title, color="white")
    return fig, list(grid)


def _show(
    ax: Axes, grid: SpatialImage, values: np.ndarray, plane: Plane, index: int, window: tuple[float, float]
) -> Any:
    """Draw one slice in mm, with the directions at its edges, and return the drawn image."""
    width, height = _size(grid, plane)
    shown = ax.imshow(
        np.take(values, index, axis=plane.axis).T,
        cmap="gray",
        vmin=window[0],
        vmax=window[1],
        origin="lower",
        extent=(0, width, 0, height),
        interpolation="bilinear",
    )
    for x, side, align in zip((0.02, 0.98), plane.ends, ("left", "right"), strict=True):
        ax.text(
            x,
            0.98,
            side,
            transform=ax.transAxes,
            color="white",
            ha=align,
            va="top",
            weight="bold",
            fontsize=12,
        )
    ax.set_axis_off()
    return shown


def _outline(
    ax: Axes, grid: SpatialImage, field: np.ndarray, plane: Plane, index: int, level: float, **look: Any
) -> None:
    """Draw the line along which a slice of a field crosses a level."""
    cut = np.ma.masked_invalid(np.take(field, index, axis=plane.axis).T)
    if cut.count() and cut.min() < level < cut.max():
        width, height = _size(grid, plane)
        ax.contour(cut, levels=[level], origin="lower", extent=(0, width, 0, height), **look)


def _zoom(ax: Axes, grid: SpatialImage, plane: Plane, extent: list[tuple[float, float]]) -> None:
    """Show only the slices of `extent`, given for each axis, that the grid has."""
    lengths = zip(extent, grid.shape, grid.header.get_zooms()[:3], strict=True)
    in_mm = [(max(low, 0) * zoom, min(high + 1, n) * zoom) for (low, high), n, zoom in lengths]
    across, up = (span for axis, span in enumerate(in_mm) if axis != plane.axis)
    ax.set_xlim(*across)
    ax.set_ylim(*up)


def _styles(methods: Mapping[str, Any]) -> dict[str, str]:
    """Return a line style for each method, another for each of a family."""
    seen: dict[str, Any] = {}
    families = [(method, method.partition("-")[0]) for method in methods]
    return {
        method: LINE_STYLES[next(seen.setdefault(family, counter())) % len(LINE_STYLES)]
        for method, family in families
    }
