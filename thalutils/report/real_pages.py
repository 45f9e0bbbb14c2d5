"""What the page of the real heads shows."""

from html import escape

import nibabel as nib
import pandas as pd
from IPython.display import HTML

from thalutils.report import figures, pictures, tables, viewer
from thalutils.report.imaging_pages import binary, note
from thalutils.segmenters.real_heads import HEADS, Found


def heads(found: Found) -> HTML:
    """List the heads: what each is, and which scans of it are here."""
    ready = {(one.head.name, one.head.visit): one for one in found.prepared}
    rows = []
    for head in HEADS:
        one = ready.get((head.name, head.visit))
        here = "no" if one is None else "T1w and FLAIR" if one.flair else "T1w"
        rows.append({"head": head.name, "visit": head.visit, "what it is": head.words, "here": here})
    return tables.show(
        pd.DataFrame(rows), caption="Real heads, and what of them is on this machine.", name="real-heads"
    )


def absent(found: Found) -> HTML:
    """Say which heads could not be had, and how to get them."""
    if not found.absent:
        return note("Every head could be had, and every tool that was started drew its mask.")
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
