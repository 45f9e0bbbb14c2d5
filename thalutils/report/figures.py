"""How every figure looks and is shown: one theme, one colour for each family of tools."""

from __future__ import annotations

import colorsys
import zlib
from collections.abc import Iterable
from html import escape
from io import BytesIO

import matplotlib as mpl
import matplotlib.pyplot as plt
import seaborn as sns
from IPython.display import HTML
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from thalutils.report import privacy
from thalutils.report.embed import data_uri, download_link, file_stem

METHOD_COLOURS = {
    "FreeSurfer": "#f2700a",
    "FIRST": "#5b2f80",
    "DBSegment": "#e6c800",
    "MindGlide": "#1f6fd0",
    "SAMSEG": "#12604a",
    "Template": "#ff9678",
    "ThalNet": "#f29ad6",
    "manual": "#b80f14",
    "truth": "#000000",
}
_SPARE_COLOURS = ("#7a4a1e", "#5fc9c9", "#6b7a00", "#4b4b8f")
VARIANTS = (
    "T1",
    "FLAIR",
    "R1",
    "T1-FLAIR",
    "T1-R1",
    "R1-FLAIR",
    "T1-R1-FLAIR",
    "T1-R1-FLAIR-STAPLE",
    "joint",
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h", "p")
_LIGHTNESS_OF_VARIANTS = (0.28, 0.82)


def theme() -> None:
    """Set the theme of every figure: legible when a page shows it at half its width."""
    sns.set_theme(
        context="notebook",
        style="ticks",
        palette=list(METHOD_COLOURS.values()),
        font="DejaVu Sans",
        font_scale=1.1,
        rc={
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "figure.figsize": (7.0, 4.5),
            "grid.alpha": 0.35,
            "image.cmap": "cividis",
            "legend.frameon": False,
        },
    )


def colour(method: str) -> str:
    """Return a method's colour: its family's, in a lightness of its own for each variant.

    Parameters
    ----------
    method
        A family of :data:`METHOD_COLOURS`, alone or with its variant after a hyphen. A family
        that is not listed gets one of a few spare colours, the same one in every figure.

    Examples
    --------
    >>> colour("MindGlide")
    '#1f6fd0'
    >>> colour("MindGlide-T1") != colour("MindGlide-T1-R1")
    True
    """
    family, _, variant = method.partition("-")
    base = METHOD_COLOURS.get(family) or _SPARE_COLOURS[_stable(family) % len(_SPARE_COLOURS)]
    if not variant:
        return base
    hue, _, saturation = colorsys.rgb_to_hls(*to_rgb(base))
    darkest, lightest = _LIGHTNESS_OF_VARIANTS
    step = (lightest - darkest) / (len(VARIANTS) - 1)
    lightness = darkest + step * (_variant_index(variant) % len(VARIANTS))
    return to_hex(colorsys.hls_to_rgb(hue, lightness, saturation))


def marker(method: str) -> str:
    """Return a method's marker, which tells the variants of a family apart without colour.

    Examples
    --------
    >>> marker("FIRST"), marker("MindGlide-T1"), marker("MindGlide-FLAIR")
    ('o', 's', '^')
    """
    _, _, variant = method.partition("-")
    return _MARKERS[1 + _variant_index(variant) % len(VARIANTS)] if variant else _MARKERS[0]


def palette(methods: Iterable[str]) -> dict[str, str]:
    """Return the colour of each method, as seaborn's ``palette`` takes it."""
    return {method: colour(method) for method in methods}


def figure(fig: Figure, *, caption: str, alt: str, name: str | None = None, public: bool = False) -> HTML:
    """Show a figure with its caption, its description and links that save it, and close it.

    On the page of a cohort that publishes no individual rows, a picture of a scan and a figure that names a
    person give way to a sentence (:mod:`thalutils.report.privacy`).

    Parameters
    ----------
    fig
        Drawn at twice its resolution, so that it is sharp on dense screens.
    caption
        Shown below the figure, and plain text.
    alt
        What a reader who does not see the figure should learn from it.
    name
        Stem of the saved files; made from the caption when absent.
    public
        Whether the scan in the picture is public, so that every book may show it.

    Returns
    -------
    IPython.display.HTML
        The PNG in the page, and PNG and SVG behind links. The same figure gives the same bytes.
    """
    if fig.get_label() == privacy.SCAN and not (public or privacy.publishes()):
        plt.close(fig)
        return privacy.withheld("This picture")
    stem = file_stem(name or caption)
    png = _saved(fig, "png", dpi=2 * fig.dpi, metadata={"Software": None})
    with mpl.rc_context({"svg.hashsalt": stem}):
        svg = _saved(fig, "svg", metadata={"Date": None, "Creator": None})
    plt.close(fig)
    width = int.from_bytes(png[16:20], "big") // 2  # an IHDR holds the width at byte 16
    links = " ".join(
        [
            download_link("PNG", f"{stem}.png", png, "image/png"),
            download_link("SVG", f"{stem}.svg", svg, "image/svg+xml"),
        ]
    )
    return privacy.checked(
        f'<figure class="thal-figure"><img src="{data_uri(png, "image/png")}" '
        f'alt="{escape(alt)}" width="{width}" style="max-width:100%;height:auto">'
        f"<figcaption>{escape(caption)} "
        f'<span class="thal-downloads">Download {links}</span></figcaption></figure>',
        "This figure",
    )


def _saved(fig: Figure, file_format: str, **options: object) -> bytes:
    buffer = BytesIO()
    fig.savefig(buffer, format=file_format, bbox_inches="tight", **options)
    return buffer.getvalue()


def _variant_index(variant: str) -> int:
    return VARIANTS.index(variant) if variant in VARIANTS else _stable(variant)


def _stable(text: str) -> int:
    return zlib.crc32(text.encode())
