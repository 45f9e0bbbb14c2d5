"""How large a thalamus is beside its brain: in the label maps that ThalNet learned from, and as tools draw it on real scans.

Two tools may draw thalami of other sizes because one of them errs, or since those who taught them drew another border. The thalamus's share
of the brain's tissue tells the two apart in part: between the people of the label maps it varies half as much as the thalamus does.
``python -m thalutils.training.conventions FOLDER`` computes it and leaves ``thalnet_conventions.tsv``; with the folder of
:mod:`thalutils.training.real_scans` SAMSEG does not run again.
"""

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from thalutils import fetch
from thalutils.errors import ToolError
from thalutils.files import atomic_path
from thalutils.imaging import masks
from thalutils.segmenters import real_heads
from thalutils.segmenters.protocol import LEFT, RIGHT, STRUCTURES_FILE
from thalutils.segmenters.real_heads import HEADS, Found
from thalutils.simulate import anatomy, tissues
from thalutils.training import label_maps, real_scans
from thalutils.truth import kept

DATA = "thalnet_conventions.tsv"
RATERS, SAMSEG, THALNET = "label maps", "SAMSEG-T1", "ThalNet-T1"
NO_BRAIN = ("air", "fluid", "vessel and choroid plexus", "skull", "scalp")
BRAIN = tuple(label for one in tissues.TISSUES if one.name not in NO_BRAIN for label in one.labels)


def sizes_ml(labels: np.ndarray, voxel_mm: tuple[float, ...]) -> dict[str, float]:
    """Return the volume of the thalami and of the brain's tissue, in mL, of a map of FreeSurfer's labels.

    Examples
    --------
    >>> sizes_ml(np.array([[[10, 49, 2, 3, 4, 0]]]), (10, 10, 10))
    {'thalamus_ml': 2.0, 'brain_ml': 4.0}
    """
    parts = {"thalamus_ml": (LEFT, RIGHT), "brain_ml": BRAIN}
    return {name: masks.volume_ml(np.isin(labels, which), voxel_mm) for name, which in parts.items()}


def of_raters(name: str) -> dict[str, object]:
    """Return the row of one of the label maps, ``01`` to ``20``.

    Raises
    ------
    ImageError
        Where it cannot be had.
    """
    image = nib.load(fetch.label_map(name))
    labels = np.asarray(image.dataobj).astype(np.int16)
    for before, after in anatomy.SYNTHSEG.items():
        labels[labels == before] = after
    return {"drawn_by": RATERS, "head": name} | sizes_ml(labels, image.header.get_zooms()[:3])


def of_tools(found: Found) -> list[dict[str, object]]:
    """Return the rows of the real heads that SAMSEG drew: its thalami and ThalNet's, each beside the brain that SAMSEG drew."""
    rows = []
    for (head, visit), drawn in found.masks.items():
        if SAMSEG not in drawn or THALNET not in drawn:
            continue
        image = nib.load(drawn[SAMSEG].parent / STRUCTURES_FILE)
        theirs = sizes_ml(np.asarray(image.dataobj).astype(np.int16), image.header.get_zooms()[:3])
        mask = nib.load(drawn[THALNET])
        ours = {"thalamus_ml": sum(masks.sides_ml(np.asarray(mask.dataobj), mask.affine))}
        name = {"head": head if visit == "1" else f"{head}, visit {visit}"}
        rows += [{"drawn_by": SAMSEG} | name | theirs, {"drawn_by": THALNET} | name | theirs | ours]
    return rows


def run(folder: Path) -> Path:
    """Measure every label map and every real head of 1 mm; write the table, and what made it.

    Raises
    ------
    ToolError
        Where a scan or a mask could not be had, with the reason.
    """
    kept.commit()  # what the checkout is now is what is computed with, whatever it is at the end
    heads = [head for head in HEADS if head.name not in real_scans.THICK]
    found = real_heads.study(folder / "cache", real_scans.PRESET, len(heads), heads)
    if found.absent:
        raise ToolError("\n".join(found.absent))
    table = pd.DataFrame([of_raters(name) for name in label_maps.EVERYONE] + of_tools(found))
    target = folder / DATA
    with atomic_path(target) as draft:
        table.to_csv(draft, sep="\t", index=False, float_format="%.5g", lineterminator="\n")
    kept.sign(target, "python -m thalutils.training.conventions FOLDER")
    return target


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """Return, by who drew them, how many heads, and the thalami's share of the brain in percent: mean, lowest, highest."""
    percent = 100 * table["thalamus_ml"] / table["brain_ml"]
    found = percent.groupby(table["drawn_by"], sort=False).agg(["size", "mean", "min", "max"])
    return found.set_axis(["n", "mean_percent", "lowest_percent", "highest_percent"], axis=1).reset_index()


if __name__ == "__main__":
    print(run(Path(sys.argv[1])))
