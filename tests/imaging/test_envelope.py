"""The cut by an envelope against boxes counted by hand."""

import math

import numpy as np
import pytest

from thalutils.imaging.envelope import deep_grey_in_envelope, envelope_checks

MM = (1.0, 1.0, 1.0)
DIGITS = 1e-12


def boxed(*slices, shape=(24, 20, 20)):
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(*s) for s in slices)] = True
    return mask


THALAMI = boxed((3, 9), (5, 11), (5, 11)) | boxed((15, 21), (5, 11), (5, 11))
ENVELOPE = boxed((2, 10), (4, 12), (4, 12)) | boxed((14, 22), (4, 12), (4, 12))
CAUDATES = boxed((3, 9), (5, 11), (13, 18)) | boxed((15, 21), (5, 11), (13, 18))
BRIDGES = boxed((5, 7), (7, 9), (11, 13)) | boxed((17, 19), (7, 9), (11, 13))
ARCH = boxed((3, 21), (5, 11), (17, 18))


def test_an_envelope_cuts_bridges_and_says_how_much_it_drew():
    """Of each thalamus's 152 border voxels, its bridge of 2 by 2 voxels, cut 1 voxel out, leaves 4."""
    dgm = THALAMI | CAUDATES | BRIDGES | ARCH
    result = deep_grey_in_envelope(dgm, ENVELOPE)
    assert result.sum() == 2 * (216 + 4)
    found = envelope_checks(dgm, ENVELOPE, (1.0, 1.0, 2.0))
    assert found.dgm_ml == pytest.approx(dgm.sum() * 0.002, rel=DIGITS)
    assert found.volume_ml == pytest.approx(0.88, rel=DIGITS)
    assert found.envelope_filled == pytest.approx(220 / 512, rel=DIGITS)
    # The stub is border throughout; the 4 thalamus voxels beneath it are covered by it.
    assert found.touches_envelope == pytest.approx(4 / (152 - 4 + 4), rel=DIGITS)
    assert found.components == 2


def test_an_envelope_inside_the_label_draws_the_whole_border():
    inner = boxed((4, 8), (6, 10), (6, 10))
    found = envelope_checks(THALAMI, inner, MM)
    assert found[2:] == (1.0, 1.0, 1)


def test_an_envelope_draws_nothing_where_the_network_stopped_by_itself():
    """One face of the label lies on the envelope's, but there is no deep grey matter beyond it."""
    assert envelope_checks(THALAMI, ENVELOPE, MM)[3:] == (0.0, 2)
    assert envelope_checks(THALAMI, boxed((3, 24), (0, 20), (0, 20)), MM).touches_envelope == 0


def test_an_envelope_draws_a_voxel_only_through_its_face():
    """The plane cut off holds 3 by 3 voxels; those around them meet it at edges and corners."""
    slab = boxed((2, 12), (2, 12), (2, 4))
    dgm = slab | boxed((5, 8), (5, 8), (4, 5))
    assert envelope_checks(dgm, slab, MM).touches_envelope == pytest.approx(9 / 200, rel=DIGITS)


def test_pieces_count_above_one_percent_and_join_at_corners():
    grid = (40, 30, 30)
    everywhere = np.ones(grid, dtype=bool)
    large = boxed((5, 14), (5, 16), (5, 15), shape=grid)
    at_corner = large | boxed((14, 20), (16, 20), (15, 20), shape=grid)
    assert envelope_checks(at_corner, everywhere, MM).components == 1
    crumb = large | boxed((20, 21), (5, 10), (5, 7), shape=grid)
    assert crumb.sum() == 1000
    assert envelope_checks(crumb, everywhere, MM).components == 1
    crumb[21, 5, 5] = True
    assert envelope_checks(crumb, everywhere, MM).components == 2


def test_an_empty_envelope_has_no_shares():
    found = envelope_checks(THALAMI, np.zeros_like(THALAMI), MM)
    assert found.dgm_ml == pytest.approx(0.432, rel=DIGITS)
    assert found[1:] == pytest.approx((0, math.nan, math.nan, 0), nan_ok=True)
