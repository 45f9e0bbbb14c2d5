"""What the page of the real heads shows."""

from html import escape
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from IPython.display import HTML

from thalutils.imaging import masks
from thalutils.report import figures, pictures, tables, viewer
from thalutils.report.imaging_pages import binary, note
from thalutils.segmenters.real_heads import HEADS, Found

# Whose thalami stand beside the lesions, on the contrast that shows them.
WITH_LESIONS = "ThalNet-FLAIR"
# Whose volumes on the T1w are compared, with those of the study's own network.
OWN, OTHERS = "ThalNet-T1", ("SAMSEG-T1", "Template")


def heads(found: Found) -> HTML:
    """List the heads: what each is, and which scans of it are here."""
    ready = {(one.head.name, one.head.visit): one for one in found.prepared}
    rows = []
    for head in HEADS:
        one = ready.get((head.name, head.visit))
        here = "no" if one is None else "T1w and FLAIR" if one.flair else "T1w"
        here = here if head in found.asked else "left out by real_visits"
        row = {"head": head.name, "visit": head.visit, "what it is": head.words, "here": here}
        rows.append(row | {"lesions_ml": lesions_ml(one.lesions) if one and one.lesions else float("nan")})
    return tables.show(
        pd.DataFrame(rows), caption="Real heads, and what of them is on this machine. Lesions: as the collection's raters drew them.",
        name="real-heads", units={"lesions_ml": "mL"}, digits={"lesions_ml": 1},
    )  # fmt: skip


def lesions_ml(path: Path) -> float:
    """Return the volume of the lesions of a mask."""
    mask = nib.load(path)
    return masks.volume_ml(np.asarray(mask.dataobj) > 0, tuple(map(float, mask.header.get_zooms()[:3])))


def diseased(found: Found) -> list[HTML]:
    """Draw the lesions of each patient on the FLAIR, with the thalami as one method drew them."""
    sheets = []
    for one in found.prepared:
        drawn = _masks(found, one.head.name, one.head.visit)
        if one.lesions is None or one.flair is None or not drawn:
            continue
        method = WITH_LESIONS if WITH_LESIONS in drawn else next(iter(drawn))
        shown = {"lesions": binary(one.lesions), method: drawn[method]}
        fig = pictures.outline_sheet(nib.load(one.flair), shown, centre_on=method)
        caption = f"{one.head.name}: lesions as raters drew them, and the thalami by {method}, on the FLAIR."
        alt = f"Outlines of lesions and thalami of {one.head.name} in three planes."
        name = f"real-lesions-{one.head.name}"
        sheets.append(figures.figure(fig, caption=caption, alt=alt, name=name, public=True))
    return sheets or [note("No patient whose lesions were drawn is on this machine.")]


def numbers(volumes: pd.DataFrame) -> dict[str, float | int | None]:
    """Return how ThalNet's volumes on T1w differ from those of other tools on the same scans, in percent, for prose.

    Parameters
    ----------
    volumes : DataFrame
        The table ``real_volumes``.
    """
    wide = volumes.pivot_table(index=["head", "visit"], columns="method", values="volume_ml")
    found: dict[str, float | int | None] = {}
    for other in OTHERS:
        both = wide.reindex(columns=[OWN, other]).dropna()
        key = f"real.{other.split('-')[0].lower()}"
        found[f"{key}_n"] = len(both) or None
        found[f"{key}_percent"] = float(100 * (both[OWN] / both[other] - 1).mean()) if len(both) else None
    return found


def absent(found: Found) -> HTML:
    """Say which heads could not be had, and how to get them."""
    if not found.absent:
        return note(
            "Every head that was asked for could be had, and every tool that was started drew its mask."
        )
    lines = "".join(f"<li>{escape(line)}</li>" for line in found.absent)
    return HTML(
        f"<p>Not here:</p><ul>{lines}</ul><p>What is put under <code>THALUTILS_DATA</code> is taken by the next run; after the "
        "network has come back, add <code>--stage real-heads --force</code> to <code>thalutils run</code>.</p>"
    )


def outlines(found: Found) -> list[HTML]:
    """Draw the masks on the T1w of each head."""
    sheets = []
    for one in found.prepared:
        drawn = _masks(found, one.head.name, one.head.visit)
        if drawn:
            fig = pictures.outline_sheet(nib.load(one.t1w), drawn, centre_on=next(iter(drawn)))
            name = f"{one.head.name}, visit {one.head.visit}"
            caption = f"{name} ({one.head.words}): {', '.join(drawn)}, on the T1w."
            sheets.append(
                figures.figure(
                    fig,
                    caption=caption,
                    alt=f"Outlines of the thalami of {name} in three planes.",
                    name=f"real-{name}",
                    public=True,
                )
            )
    return sheets or [note("No mask was drawn on a real head.")]


def first_viewer(found: Found) -> HTML:
    """Return the interactive view of the last head that has masks: the patient with most disease to see."""
    for one in reversed(found.prepared[:3]):
        drawn = _masks(found, one.head.name, one.head.visit)
        if drawn:
            return viewer.viewer(nib.load(one.t1w), drawn, title=f"Masks of {one.head.name}", margin_mm=15.0, public=True,
                                 alt=f"The thalami of {one.head.name} in three planes with their masks.")  # fmt: skip
    return note("No mask was drawn on a real head.")


def _masks(found: Found, name: str, visit: str) -> dict[str, nib.Nifti1Image]:
    return {method: binary(path) for method, path in found.masks.get((name, visit), {}).items()}
