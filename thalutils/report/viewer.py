"""An interactive view of masks on a scan, in three planes, carried whole inside the page."""

from __future__ import annotations

import colorsys
import gzip
import json
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from io import BytesIO

import nibabel as nib
import numpy as np
from IPython.display import HTML
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from nibabel.processing import resample_from_to
from nibabel.spatialimages import SpatialImage

from thalutils.errors import ImageError
from thalutils.report import privacy
from thalutils.report.embed import data_uri
from thalutils.report.figures import colour

MAX_VOXELS = 1_000_000
_WINDOW_PERCENTILES = (1, 99.5)
_PLANES = (("axial", 2, "LR"), ("coronal", 1, "LR"), ("sagittal", 0, "PA"))


def viewer(
    background: SpatialImage,
    masks: Mapping[str, SpatialImage],
    *,
    title: str,
    alt: str,
    caption: str = "",
    margin_mm: float = 20.0,
    colours: Mapping[str, str] | None = None,
    public: bool = False,
) -> HTML:
    """Show masks on a scan: scroll through three planes, each mask switched on and off.

    On the page of a cohort that publishes no individual rows, a sentence stands instead.

    Parameters
    ----------
    background
        A three-dimensional scan.
    masks
        Each mask by its method; a voxel above 0.5 is inside. A mask on another grid is brought
        to the scan's by nearest neighbour. Without any, the whole scan is shown.
    title, alt, caption
        Plain text: what stands above, what the picture shows to a reader who does not see it,
        what stands below.
    margin_mm
        Around the box that holds every mask; what lies outside is left out of the page. Where no
        mask has a voxel, the box is a cube of twice this margin in the middle of the scan.
    colours
        Colour of each mask, as ``#rrggbb``; by default a lighter tone of the method's own
        (:func:`thalutils.report.figures.colour`), and white for the truth.
    public
        Whether the scan is public, so that every book may show it.

    Returns
    -------
    IPython.display.HTML
        A still picture, which ``viewer.js`` replaces where a browser has WebGL 2 and which print
        keeps. Volumes are stored in bytes and thinned to at most :data:`MAX_VOXELS` voxels.

    Raises
    ------
    ImageError
        When an image is not three-dimensional.
    """
    if not (public or privacy.publishes()):
        return privacy.withheld("This view")
    scan = _canonical(background, "background")
    inside = {name: _on_grid(_canonical(mask, name), scan) for name, mask in masks.items()}
    box = _box(list(inside.values()), scan, margin_mm)
    scan = scan.slicer[box]
    inside = {name: mask[box] for name, mask in inside.items()}
    shades = {name: (colours or {}).get(name) or mask_colour(name) for name in inside}

    values = np.nan_to_num(scan.get_fdata(dtype=np.float32), posinf=0.0, neginf=0.0)
    window = _window(values)
    still = _still(values, window, inside, shades, scan.header.get_zooms()[:3])
    volumes = {
        "background": _encode_scan(values, window, scan.affine),
        "window": window,
        "masks": [
            {"name": name, "colour": shades[name], "volume": _encode_mask(mask, scan.affine)}
            for name, mask in inside.items()
        ],
    }
    payload = json.dumps(volumes).replace("<", "\\u003c")
    switches = "".join(
        f'<label><input type="checkbox" checked data-mask="{i}">'
        f'<span class="thal-swatch" style="background:{escape(shades[name])}"></span> '
        f"{escape(name)}</label>"
        for i, name in enumerate(inside)
    )
    return HTML(
        f'<figure class="thal-viewer" aria-label="{escape(title)}">'
        f'<div class="thal-viewer-title">{escape(title)}</div>'
        f'<div class="thal-viewer-stage"><img src="{data_uri(still, "image/png")}" '
        f'alt="{escape(alt)}" style="max-width:100%;height:auto"></div>'
        f'<div class="thal-viewer-controls" role="group" aria-label="Masks" hidden>{switches}'
        f'<label{"" if inside else " hidden"}>Opacity <input type="range" min="0" max="1" step="0.05" value="0.5"></label>'
        f"<output></output></div>"
        f"<figcaption>{escape(caption)}</figcaption>"
        f'<script type="application/json">{payload}</script></figure>'
    )


def _canonical(image: SpatialImage, name: str) -> SpatialImage:
    """Return an image with its axes towards right, anterior and superior."""
    if len(image.shape) != 3:
        raise ImageError(
            f"The viewer's image '{name}' has shape {image.shape}: give a three-dimensional one."
        )
    return nib.as_closest_canonical(image)


def _on_grid(mask: SpatialImage, scan: SpatialImage) -> np.ndarray:
    """Return a mask as booleans on the scan's grid."""
    if mask.shape != scan.shape or not np.allclose(mask.affine, scan.affine, atol=1e-3):
        mask = resample_from_to(mask, scan, order=0)
    return np.asarray(mask.dataobj) > 0.5


def _box(masks: list[np.ndarray], scan: SpatialImage, margin_mm: float) -> tuple[slice, ...]:
    """Return the slices of the box around all masks, thinned where it is too large for a page."""
    together = np.logical_or.reduce(masks) if masks else np.ones(scan.shape, dtype=bool)
    margin = np.ceil(margin_mm / np.asarray(scan.header.get_zooms()[:3])).astype(int)
    if together.any():
        corners = np.argwhere(together)
        low, high = corners.min(axis=0), corners.max(axis=0) + 1
    else:
        low = high = np.asarray(scan.shape) // 2
    low, high = np.maximum(low - margin, 0), np.minimum(high + margin, scan.shape)
    step = int(np.ceil((np.prod((high - low).astype(float)) / MAX_VOXELS) ** (1 / 3)))
    return tuple(slice(int(a), int(b), step) for a, b in zip(low, high, strict=True))


def mask_colour(name: str) -> str:
    """Return a method's colour, as light as a dark scan needs it."""
    if name == "truth":
        return "#ffffff"
    hue, lightness, saturation = colorsys.rgb_to_hls(*to_rgb(colour(name)))
    return to_hex(colorsys.hls_to_rgb(hue, 0.4 + 0.5 * lightness, saturation))


def _window(values: np.ndarray) -> tuple[float, float]:
    """Return the darkest and the brightest value that the view tells apart."""
    seen = values[values != 0]
    if not seen.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(seen, _WINDOW_PERCENTILES))
    return (low, high) if high > low else (low, low + 1.0)


def _encode_scan(values: np.ndarray, window: tuple[float, float], affine: np.ndarray) -> str:
    """Return a scan in bytes whose scale factors give its own values back."""
    low, high = window
    step = (high - low) / 255
    grey = np.round((np.clip(values, low, high) - low) / step).astype(np.uint8)
    image = nib.Nifti1Image(grey, affine)
    image.header.set_slope_inter(step, low)  # nibabel writes the array as it is
    return _encode(image)


def _encode_mask(mask: np.ndarray, affine: np.ndarray) -> str:
    return _encode(nib.Nifti1Image(mask.astype(np.uint8), affine))


def _encode(image: nib.Nifti1Image) -> str:
    return b64encode(gzip.compress(image.to_bytes(), mtime=0)).decode("ascii")


def _still(
    values: np.ndarray,
    window: tuple[float, float],
    masks: Mapping[str, np.ndarray],
    shades: Mapping[str, str],
    zooms: tuple[float, ...],
) -> bytes:
    """Return a PNG of the planes through the middle of the masks, each mask outlined."""
    together = np.logical_or.reduce(list(masks.values())) if masks else np.ones(values.shape, dtype=bool)
    voxels = np.argwhere(together) if together.any() else np.asarray([together.shape]) // 2
    middle = np.round(voxels.mean(axis=0)).astype(int)
    fig = Figure(figsize=(8, 3.2), dpi=130, facecolor="black", layout="constrained")
    for ax, (plane, axis, ends) in zip(fig.subplots(1, 3), _PLANES, strict=True):
        across, up = (zooms[i] for i in range(3) if i != axis)
        take = {"indices": middle[axis], "axis": axis}
        shown = {"origin": "lower", "aspect": up / across}
        ax.imshow(np.take(values, **take).T, cmap="gray", vmin=window[0], vmax=window[1], **shown)
        for name, mask in masks.items():
            cut = np.take(mask, **take).T
            if cut.any():
                ax.contour(cut, levels=[0.5], colors=[shades[name]], linewidths=1.6)
        ax.set_title(plane, color="white", fontsize=10)
        for x, side in zip((0.04, 0.96), ends, strict=True):
            ax.text(x, 0.5, side, transform=ax.transAxes, color="white", ha="center", va="center")
        ax.set_axis_off()
    if masks:
        fig.legend(
            handles=[Line2D([], [], color=shades[name], label=name) for name in masks],
            loc="outside lower center",
            ncols=min(len(masks), 4),
            labelcolor="white",
            frameon=False,
        )
    buffer = BytesIO()
    fig.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
