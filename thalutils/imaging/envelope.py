"""A deep-grey-matter label cut by an envelope, and how much of the result the envelope drew (section 2.6.2).

Masks are as in :mod:`thalutils.imaging.masks`, and as there every function raises ImageError for arrays
that differ in shape or hold other values.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from thalutils.imaging.masks import (
    FACES,
    Mask,
    VoxelMm,
    as_masks,
    bounding_box,
    share,
    surface_border,
    volume_ml,
)

LEAST_COMPONENT = 0.01
_FACES_EDGES_CORNERS = ndimage.generate_binary_structure(3, 3)


class EnvelopeChecks(NamedTuple):
    """How far an envelope, rather than the network, made the result: see :func:`envelope_checks`."""

    dgm_ml: float
    volume_ml: float
    envelope_filled: float
    touches_envelope: float
    components: int


def deep_grey_in_envelope(dgm: ArrayLike, envelope: ArrayLike) -> Mask:
    """Return a deep-grey-matter label's part inside an envelope, another tool's thalamus mask.

    Section 2.6.2: MindGlide's label joins thalamus, caudate, putamen and more; FIRST's mask cuts the
    thalamus out. What the network drew beyond the envelope is lost: see :func:`envelope_checks`.
    """
    grey, inside = as_masks({"deep grey matter": dgm, "envelope": envelope})
    return grey & inside


def envelope_checks(dgm: ArrayLike, envelope: ArrayLike, voxel_mm: VoxelMm) -> EnvelopeChecks:
    """Measure how far an envelope drew the result of :func:`deep_grey_in_envelope`.

    Volumes, in mL, are of the whole label and of the result. ``touches_envelope`` is the share of the
    result's border voxels with a face on deep grey matter outside the envelope: the envelope drew them,
    not the network, be it across a bridge, where it should, or across the thalamus. ``components``
    counts pieces (26 neighbours) of more than 1 % of the result: two for thalami apart. A share of
    nothing is nan.
    """
    pair = as_masks({"deep grey matter": dgm, "envelope": envelope})
    box = bounding_box(pair)
    grey, inside = (m[box] for m in pair)
    result = deep_grey_in_envelope(grey, inside)
    n_result = np.count_nonzero(result)
    cut = result & ndimage.binary_dilation(grey & ~inside, FACES)
    pieces, _ = ndimage.label(result, _FACES_EDGES_CORNERS)
    sizes = np.bincount(pieces.ravel())[1:]
    return EnvelopeChecks(
        dgm_ml=volume_ml(grey, voxel_mm),
        volume_ml=volume_ml(result, voxel_mm),
        envelope_filled=share(n_result, np.count_nonzero(inside)),
        touches_envelope=share(np.count_nonzero(cut), np.count_nonzero(surface_border(result))),
        components=int(np.count_nonzero(sizes > LEAST_COMPONENT * n_result)),
    )
