"""ThalNet's networks: what they take and give, how they are built, and how their weights are read."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from thalutils.errors import ToolError
from thalutils.segmenters.thalnet import weight_files
from thalutils.segmenters.thalnet.unet import UNet

# What the coarse network tells apart, by FreeSurfer's labels. Their centres say where a head is and how it
# is turned; the numbers of classes are their places here, from 1.
STRUCTURES: dict[str, tuple[int, ...]] = {
    "left cerebrum": (2, 3),
    "right cerebrum": (41, 42),
    "left lateral ventricle": (4, 5),
    "right lateral ventricle": (43, 44),
    "left thalamus": (10,),
    "right thalamus": (49,),
    "left basal ganglia": (11, 12, 13, 26),
    "right basal ganglia": (50, 51, 52, 58),
    "left medial temporal": (17, 18),
    "right medial temporal": (53, 54),
    "left cerebellum": (7, 8),
    "right cerebellum": (46, 47),
    "left ventral diencephalon": (28,),
    "right ventral diencephalon": (60,),
    "brainstem": (16,),
}
THALAMI = (5, 6)
LOCATE_MM = 6.0
# The box in which a whole head is looked for once it lies upright, as in training.
HEAD_SHAPE = (40, 48, 40)
LOCATE_FILTERS = (16, 32, 64, 128)
# The fine network's box, in the head's own frame, and its classes: background, left, right.
BOX_SHAPE = (72, 64, 48)
BOX_MM = 1.0
DRAW_FILTERS = (16, 32, 64, 128)
# What the joint network takes beside each other, in this order; one that is not there is all zero.
JOINT = ("T1", "FLAIR", "R1")
# From which probability on a voxel is thalamus, left or right: :mod:`thalutils.training.cuts` says how it was set.
CUT = {"draw": 0.46, "joint": 0.43}


@dataclass(frozen=True)
class Networks:
    """The networks, ready to run.

    Attributes
    ----------
    locate : torch.nn.Module
        (1, 1, x, y, z) to the logits of background and :data:`STRUCTURES`; sizes are multiples of 8.
    draw : torch.nn.Module
        (1, 1, *BOX_SHAPE) to the logits of background, left and right.
    joint : torch.nn.Module
        (1, len(JOINT), *BOX_SHAPE) to the same.
    centres_mm : ndarray, shape (15, 3)
        Where the structures' centres lie in the frame: x to the right, y forward, z up, the middle of
        the thalami at 0.
    version : str
    """

    locate: torch.nn.Module
    draw: torch.nn.Module
    joint: torch.nn.Module
    centres_mm: np.ndarray
    version: str


def untrained(part: str) -> torch.nn.Module:
    """Return a network before its training: ``locate``, ``joint``, or one that draws from one image."""
    if part == "locate":
        return UNet(LOCATE_FILTERS, len(STRUCTURES) + 1)
    return UNet(DRAW_FILTERS, 3, len(JOINT) if part == "joint" else 1)


def load(folder: Path = weight_files.FOLDER) -> Networks:
    """Load the weights that ship with the package, checked, ready to run at single precision.

    Parameters
    ----------
    folder : Path
        Holds a file of weights for each of :data:`weight_files.PARTS`, and ``checksums.json``.

    Raises
    ------
    ToolError
        Where a file is absent or is not the one that was made.
    """
    known = weight_files.facts(folder)
    networks = {}
    for part in weight_files.PARTS:
        state = load_file(folder / f"{part}.safetensors")
        network = untrained(part)
        if set(state) != set(network.state_dict()):
            raise ToolError(
                f"{folder / part}.safetensors: the weights are those of another version of ThalNet."
            )
        network.load_state_dict({name: value.float() for name, value in state.items()})
        networks[part] = network.eval()
    centres = np.array(json.loads(known["locate"]["centres_mm"]))
    return Networks(**networks, centres_mm=centres, version=weight_files.version(folder, known))
