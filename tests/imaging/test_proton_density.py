"""Receive field and calibration against a field that is known and a median by hand."""

import numpy as np
import pytest

from thalutils.errors import ImageError
from thalutils.imaging.proton_density import calibrate_pd, receive_field_correction


def test_receive_field_is_found_and_divided_out():
    x, y, z = np.mgrid[-1:1:40j, -1:1:36j, -1:1:32j]
    head = x**2 + y**2 + z**2 < 0.8
    truth = np.where(head, np.where(np.sin(9 * x) * np.sin(9 * y) > 0, 69.0, 81.0), 0.0)
    field = 1 + 0.25 * x - 0.15 * y + 0.1 * z
    corrected, found = receive_field_correction(truth * field, head, shrink=2)
    assert corrected.dtype == found.dtype == np.float32
    assert found[head].mean() == pytest.approx(1.0, abs=1e-4)

    def scatter(amplitude):
        ratio = amplitude[head] / truth[head]
        return ratio.std() / ratio.mean()

    assert scatter(truth * field) > 0.10 and scatter(corrected) < 0.02
    np.testing.assert_array_equal(receive_field_correction(truth * field, head, shrink=2)[1], found)


def test_calibration_puts_white_matter_at_the_reference():
    amplitude = np.array([[300.0, 310.0, 5000.0], [400.0, 500.0, 0.0]])
    calibrated = calibrate_pd(amplitude, np.array([[1, 1, 1], [0, 0, 0]]), 70.0)
    np.testing.assert_allclose(calibrated, amplitude * 70 / 310)


ONE = np.ones((2, 2, 2))


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: receive_field_correction(ONE, ONE[:1]), "differ in shape"),
        (lambda: receive_field_correction(ONE, 0 * ONE), "mask is empty"),
        (lambda: receive_field_correction(0 * ONE, ONE), "must be positive"),
        (lambda: calibrate_pd(ONE, 0 * ONE), "mask is empty"),
        (lambda: calibrate_pd(-ONE, ONE), "median amplitude"),
    ],
)
def test_what_cannot_be_corrected_or_calibrated_is_refused(attempt, message):
    with pytest.raises(ImageError, match=message):
        attempt()
