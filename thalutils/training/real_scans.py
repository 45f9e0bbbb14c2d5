"""ThalNet on real scans, beside a second opinion: SAMSEG's full preset on the same scans, which is not the truth either.

``python -m thalutils.training.real_scans FOLDER`` computes it and leaves ``thalnet_real.tsv`` with a note of what made it. A full run of
SAMSEG takes about ten minutes a scan, too long for every making of the book.
"""

import sys
from itertools import combinations
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from thalutils.errors import ToolError
from thalutils.files import atomic_path, read_json
from thalutils.imaging import masks
from thalutils.segmenters import real_heads
from thalutils.segmenters.protocol import WARNINGS_FILE
from thalutils.segmenters.real_heads import HEADS, Found
from thalutils.segmenters.thalnet import weight_files
from thalutils.segmenters.thalnet.tool import ThalNet
from thalutils.truth import kept

DATA = "thalnet_real.tsv"
PRESET = "full"
# Thick slices come last: the second opinion is asked for on the scans of 1 mm.
THICK = ("MS 01",)


def pairs(found: Found) -> pd.DataFrame:
    """Compare every two masks of a head.

    Returns
    -------
    DataFrame
        A row a pair, ThalNet's mask first: ``head``, ``visit``, ``method``, ``other``, ``dice``, ``volume_ml`` of the first, ``other_ml``,
        and whether ThalNet warned of one of them (``warned``).
    """
    rows = []
    for (head, visit), drawn in found.masks.items():
        images = {method: nib.load(path) for method, path in drawn.items()}
        inside = {method: np.asarray(image.dataobj) > 0 for method, image in images.items()}
        size = {method: tuple(map(float, image.header.get_zooms()[:3])) for method, image in images.items()}
        ml = {method: masks.volume_ml(inside[method], size[method]) for method in drawn}
        told = {
            method: (read_json(path.parent / WARNINGS_FILE) or {}).get("warnings", [])
            for method, path in drawn.items()
        }
        for one, other in combinations(
            sorted(drawn, key=lambda method: not method.startswith(ThalNet.name)), 2
        ):
            dice = masks.overlap(inside[one], inside[other], size[one]).dice
            rows.append(
                {"head": head, "visit": visit, "method": one, "other": other, "dice": dice, "volume_ml": ml[one],
                 "other_ml": ml[other], "warned": bool(told[one] + told[other])}
            )  # fmt: skip
    return pd.DataFrame(rows)


def run(folder: Path) -> Path:
    """Segment every real head; write the table, and what made it.

    Raises
    ------
    ToolError
        Where a scan or a tool's mask could not be had, with the reason: what is kept should be whole.
    """
    kept.commit()  # what the checkout is now is what is computed with, whatever it is at the end
    heads = sorted(HEADS, key=lambda head: head.name in THICK)
    whole = sum(head.name not in THICK for head in heads)
    found = real_heads.study(folder / "cache", PRESET, whole, heads)
    if found.absent:
        raise ToolError("\n".join(found.absent))
    table, target = pairs(found).assign(weights=weight_files.version()), folder / DATA
    with atomic_path(target) as draft:
        table.to_csv(draft, sep="\t", index=False, float_format="%.5g", lineterminator="\n")
    kept.sign(target, "python -m thalutils.training.real_scans FOLDER")
    return target


if __name__ == "__main__":
    print(run(Path(sys.argv[1])))
