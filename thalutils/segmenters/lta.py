"""FreeSurfer's linear transforms (``.lta``) in the common form: world to world, RAS, mm."""

import re
from pathlib import Path

import numpy as np

from thalutils.errors import ToolError

VOXEL_TO_VOXEL, RAS_TO_RAS = 0, 1


def read_lta(path: Path) -> np.ndarray:
    """Return the 4x4 transform of an LTA file from the world of its source to that of its target.

    Raises
    ------
    ToolError
        Where the file holds none, or one of a kind that is not known.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    kind = re.search(r"^type\s*=\s*(\d+)", text, re.MULTILINE)
    numbers = re.search(r"^1 4 4\s*\n((?:.*\n){4})", text + "\n", re.MULTILINE)
    try:
        matrix = np.array(numbers.group(1).split(), dtype=float).reshape(4, 4)
        if int(kind.group(1)) == RAS_TO_RAS:
            return matrix
        if int(kind.group(1)) == VOXEL_TO_VOXEL:
            source, target = (_affine(text, name) for name in ("src", "dst"))
            return target @ matrix @ np.linalg.inv(source)
    except (AttributeError, ValueError, KeyError):
        pass
    raise ToolError(f"{path}: no linear transform of a known kind (voxel to voxel, RAS to RAS) in it.")


def _affine(text: str, which: str) -> np.ndarray:
    """Return the affine, voxel to world (RAS, mm), that an LTA file says of its source or target."""
    block = text[text.index(f"{which} volume info") :]
    found = {
        name: np.array(values.split(), dtype=float)
        for name, values in re.findall(r"^(volume|voxelsize|[xyzc]ras)\s*=\s*(.*)$", block, re.MULTILINE)[:6]
    }
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([found[f"{axis}ras"] for axis in "xyz"]) * found["voxelsize"]
    affine[:3, 3] = found["cras"] - affine[:3, :3] @ (found["volume"] / 2)
    return affine
