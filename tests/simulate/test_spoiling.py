"""Imperfect spoiling against the magnetisation of many spins, followed pulse by pulse."""

import numpy as np
import pytest

from thalutils.errors import ImageError
from thalutils.simulate import spoiling
from thalutils.simulate.sequences import flash
from thalutils.simulate.spoiling import spoiling_factor


def relax(mz, r1_per_s, time_s):
    return 1 - (1 - mz) * np.exp(-r1_per_s * time_s)


def isochromats(r1_per_s, t2_s, flip, tr_s, increment_deg, n=128, n_pulses=400):
    """Transverse mean over spins that the gradient spreads evenly over one turn a TR."""
    spread = np.exp(2j * np.pi * np.arange(n) / n) * np.exp(-tr_s / t2_s)
    transverse, mz = np.zeros(n, dtype=complex), np.ones(n)
    for pulse in range(n_pulses):
        axis = np.exp(1j * np.deg2rad(increment_deg * pulse * (pulse + 1) / 2))
        seen = transverse / axis
        y, mz = (
            np.cos(flip) * seen.imag - np.sin(flip) * mz,
            np.sin(flip) * seen.imag + np.cos(flip) * mz,
        )
        transverse = (seen.real + 1j * y) * axis
        signal = abs(transverse.mean())
        transverse, mz = transverse * spread, relax(mz, r1_per_s, tr_s)
    return signal


@pytest.mark.parametrize("increment_deg", [50.0, 117.0])
def test_epg_agrees_with_isochromats(increment_deg):
    flip = np.deg2rad(25.0)
    epg = spoiling._epg_flash(np.array([1.0]), np.array([0.07]), np.array([flip]), 0.018, increment_deg)
    # Below 1e-6: both start elsewhere and have run for 400 pulses.
    assert epg[0] == pytest.approx(isochromats(1.0, 0.07, flip, 0.018, increment_deg), rel=1e-6)


def test_spoiling_factor_interpolates_the_epg():
    rng = np.random.default_rng(2)
    r1, t2, b1 = rng.uniform([0.4, 0.03, 0.7], [1.8, 0.2, 1.3], (40, 3)).T
    direct = spoiling._epg_flash(r1, t2, np.deg2rad(25 * b1), 0.018, 50.0)
    direct /= flash(r1, 1.0, tr_s=0.018, flip_deg=25, b1=b1)
    factor = spoiling_factor(r1, t2, flip_deg=25, tr_s=0.018, b1=b1)
    np.testing.assert_allclose(factor, direct, atol=2.5e-3)
    assert np.ptp(direct) > 0.03  # ten times what is tolerated


def test_spoiling_is_ideal_for_small_flips_and_short_t2():
    assert spoiling_factor(1.0, 0.07, flip_deg=1, tr_s=0.018) == pytest.approx(1, abs=1e-3)
    # Transverse magnetisation that has gone by the next pulse has nothing left to spoil.
    dephased = spoiling._epg_flash(np.ones(1), np.full(1, 1e-3), np.full(1, 0.4), 0.018, 0.0)
    ideal = flash(1.0, 1.0, tr_s=0.018, flip_deg=np.rad2deg(0.4))
    assert dephased[0] == pytest.approx(ideal, rel=1e-6)


def test_float32_stays_float32_and_keeps_its_digits():
    r1, b1 = np.linspace(0.3, 1.5, 9), np.linspace(0.7, 1.3, 5)[:, None]
    exact = spoiling_factor(r1, 0.08, flip_deg=25, tr_s=0.018, b1=b1)
    single = spoiling_factor(r1.astype(np.float32), 0.08, flip_deg=25, tr_s=0.018, b1=b1.astype(np.float32))
    assert exact.shape == (5, 9) and exact.dtype == np.float64
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, rtol=2e-5)


@pytest.mark.parametrize(
    ("excitation", "message"),
    [({"tr_s": 0.02, "b1": 4}, r"within \(0, 90\]"), ({"tr_s": 0}, "TR is 0 s")],
)
def test_impossible_excitations_are_refused(excitation, message):
    with pytest.raises(ImageError, match=message):
        spoiling_factor(1, 0.1, flip_deg=25, **excitation)
