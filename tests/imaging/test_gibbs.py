"""Unringing against an edge whose spectrum was cut off."""

import numpy as np
import pytest

from thalutils.errors import ImageError
from thalutils.imaging.gibbs import unring


def test_unringing_brings_a_truncated_edge_closer_to_the_truth():
    truth = np.full((64, 64, 2, 1), 10.0)
    truth[20:45, 18:40] = 50.0
    spectrum = np.fft.fftshift(np.fft.fft2(np.kron(truth[:, :, 0, 0], np.ones((4, 4)))))
    kept = np.fft.ifftshift(spectrum[96:160, 96:160]) / 16
    ringing = np.broadcast_to(np.abs(np.fft.ifft2(kept))[:, :, None, None], truth.shape)
    before = ringing.copy()
    cleaned = unring(ringing)
    assert cleaned.shape == truth.shape and cleaned.dtype == np.float32
    np.testing.assert_array_equal(ringing, before)
    flat = np.ones(truth.shape, dtype=bool)
    for edges, axis in (((20, 45), 0), ((18, 40), 1)):
        for edge in edges:
            flat[(slice(None),) * axis + (slice(edge - 3, edge + 3),)] = False
    residual = [np.sqrt(np.mean((image - truth)[flat] ** 2)) for image in (ringing, cleaned)]
    assert residual[1] < 0.5 * residual[0]


@pytest.mark.parametrize(
    ("series", "message"),
    [(np.ones((2, 2, 2)), "give"), (np.full((4, 4, 4, 1), np.nan), "NaN or Inf")],
)
def test_what_is_no_series_is_refused(series, message):
    with pytest.raises(ImageError, match=message):
        unring(series)
