"""ThalNet on simulated scans: a mask or the reason why there is none, and how near it comes to the truth."""

from collections.abc import Callable

import numpy as np

from thalutils.errors import ToolError
from thalutils.imaging import masks
from thalutils.segmenters.protocol import LEFT, RIGHT
from thalutils.segmenters.thalnet.segmenting import Thalami
from thalutils.truth.scans import VOXEL_MM, Scanned


def attempt(function: Callable, *arguments) -> Thalami | str:
    """Return what ThalNet draws, or its sentence where it finds no thalamus."""
    try:
        return function(*arguments)
    except ToolError as error:
        return str(error)


def vote(*drawn: Thalami | str) -> np.ndarray | str:
    """Return the vote over masks, as the study fuses them; the sentence of one that is missing."""
    missing = [one for one in drawn if isinstance(one, str)]
    return missing[0] if missing else masks.ensemble([one.labels for one in drawn])


def judge(drawn: Thalami | np.ndarray | str, scanned: Scanned) -> dict[str, float]:
    """Hold a mask against the truth: volume and Dice, and what ThalNet itself says of it."""
    if isinstance(drawn, str):
        return {"note": drawn}
    labels = drawn if isinstance(drawn, np.ndarray) else drawn.labels
    size = (VOXEL_MM,) * 3
    row = {
        "volume_ml": masks.volume_ml(labels > 0, size),
        "dice": dice(labels, scanned.truth),
        "dice_manual": masks.overlap(labels > 0, scanned.manual > 0, size).dice,
    }
    if isinstance(drawn, Thalami):
        row |= {"certainty": drawn.certainty, "flip_dice": drawn.flip_dice, "warned": bool(drawn.warnings)}
    return row


def dice(labels: np.ndarray, truth: np.ndarray) -> float:
    """Return the Dice of two label maps of thalami; sides count: one of the wrong side overlaps with nothing."""
    both = sum(int(((labels == side) & (truth == side)).sum()) for side in (LEFT, RIGHT))
    return 2 * both / int((labels > 0).sum() + (truth > 0).sum())
