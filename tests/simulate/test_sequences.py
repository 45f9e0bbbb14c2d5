"""Signal equations against textbook formulas and against the magnetisation followed pulse by pulse."""

import numpy as np
import pytest

from thalutils.errors import ImageError
from thalutils.simulate.sequences import echoes, flair, flash, mprage, rician

R1_PER_S = np.array([1.05, 0.8, 0.62, 0.25])  # white matter, thalamus, cortex, CSF at 3 T
PD_PERCENT = np.array([69.0, 76.0, 81.0, 100.0])
TRAIN = {"tr_s": 2.2, "ti_s": 0.9, "flip_deg": 9.0, "echo_spacing_s": 0.008, "n_echoes": 101}


def relax(mz, r1_per_s, time_s):
    return 1 - (1 - mz) * np.exp(-r1_per_s * time_s)


@pytest.mark.parametrize("flip_deg", [4.0, 25.0, 90.0])
def test_flash_is_the_ernst_equation(flip_deg):
    e1, angle = np.exp(-0.018 * R1_PER_S), np.deg2rad(flip_deg)
    ernst = PD_PERCENT * np.sin(angle) * (1 - e1) / (1 - e1 * np.cos(angle))
    signal = flash(R1_PER_S, PD_PERCENT, tr_s=0.018, flip_deg=flip_deg)
    np.testing.assert_allclose(signal, ernst, rtol=1e-12)


def test_flash_peaks_at_the_ernst_angle():
    flips_deg = np.arange(1, 40, 0.01)
    signal = flash(1.0, 1.0, tr_s=0.018, flip_deg=1.0, b1=flips_deg)
    ernst_deg = np.rad2deg(np.arccos(np.exp(-0.018)))
    assert flips_deg[signal.argmax()] == pytest.approx(ernst_deg, abs=0.011)


@pytest.mark.parametrize("mt_delay_s", [0.0, 0.012, 0.037])
@pytest.mark.parametrize("b1", [0.7, 1.0, 1.3])
def test_flash_with_mt_pulse_by_pulse(mt_delay_s, b1):
    tr_s, angle = 0.037, np.deg2rad(6 * b1)
    delta = 0.017 * b1**2 * (1 - 0.4 * b1) / 0.6
    mz = np.ones_like(R1_PER_S)
    for _ in range(4000):
        before_excitation = relax(mz * (1 - delta), R1_PER_S, mt_delay_s)
        mz = relax(before_excitation * np.cos(angle), R1_PER_S, tr_s - mt_delay_s)
    signal = flash(R1_PER_S, 80.0, tr_s=tr_s, flip_deg=6, b1=b1, mtsat_percent=1.7, mt_delay_s=mt_delay_s)
    np.testing.assert_allclose(signal, 80 * np.sin(angle) * before_excitation, rtol=1e-9)


def test_mt_saturation_grows_with_b1_less_than_its_square():
    def lost(b1):
        with_pulse, without = (
            flash(1.0, 100.0, tr_s=0.037, flip_deg=0.01, b1=b1, mtsat_percent=mtsat) for mtsat in (0.001, 0.0)
        )
        return 1 - with_pulse / without

    assert 1.1**1 < lost(1.1) / lost(1.0) < 1.1**2


def test_echoes_decay_along_a_new_last_axis():
    signal = echoes(np.full((2, 3), 50.0), np.full((2, 3), 20.0), [0.0, 0.01, 0.02])
    assert signal.shape == (2, 3, 3)
    np.testing.assert_allclose(signal[1, 2], 50 * np.exp([0.0, -0.2, -0.4]))


@pytest.mark.parametrize("n_echoes", [1, 100, 101])
def test_mprage_is_what_the_train_leaves_echo_by_echo(n_echoes):
    train = TRAIN | {"n_echoes": n_echoes}
    angle = np.deg2rad(train["flip_deg"] * 1.1)
    wait_s = train["ti_s"] - n_echoes // 2 * train["echo_spacing_s"]
    mz = np.ones_like(R1_PER_S)
    for _ in range(80):
        mz = relax(-mz, R1_PER_S, wait_s)
        for echo in range(n_echoes):
            if echo == n_echoes // 2:
                centre = mz * np.sin(angle) * PD_PERCENT
            mz = relax(mz * np.cos(angle), R1_PER_S, train["echo_spacing_s"])
        mz = relax(mz, R1_PER_S, train["tr_s"] - wait_s - n_echoes * train["echo_spacing_s"])
    signed = mprage(R1_PER_S, PD_PERCENT, b1=1.1, signed=True, **train)
    np.testing.assert_allclose(signed, centre, rtol=1e-9)
    np.testing.assert_array_equal(mprage(R1_PER_S, PD_PERCENT, b1=1.1, **train), np.abs(signed))


def test_mprage_of_fluid_is_negative_soon_after_inversion():
    early = TRAIN | {"ti_s": 0.45}
    assert mprage(0.25, 100.0, signed=True, **early) < 0 < mprage(0.25, 100.0, **early)


def test_flair_is_what_the_pulses_leave():
    tr_s, ti_s, te_s = 4.8, 1.65, 0.1
    mz = np.ones_like(R1_PER_S)
    for _ in range(30):
        at_excitation = relax(-mz, R1_PER_S, ti_s)
        refocused = -relax(0.0, R1_PER_S, te_s / 2)
        mz = relax(refocused, R1_PER_S, tr_s - ti_s - te_s / 2)
    expected = np.abs(PD_PERCENT * at_excitation) * np.exp(-te_s / 0.08)
    signal = flair(R1_PER_S, PD_PERCENT, 0.08, tr_s=tr_s, ti_s=ti_s, te_s=te_s)
    np.testing.assert_allclose(signal, expected, rtol=1e-9)


def test_rician_moments():
    signal, sigma = np.full(200_000, 3.0), 2.0
    noisy = rician(signal, sigma, np.random.default_rng(1))
    assert (noisy >= 0).all()
    # E[M^2] = S^2 + 2 sigma^2, and Var[M^2] = 4 sigma^2 (S^2 + sigma^2): 5 standard errors.
    standard_error = np.sqrt(4 * sigma**2 * (9 + sigma**2) / signal.size)
    assert np.mean(noisy**2) == pytest.approx(9 + 2 * sigma**2, abs=5 * standard_error)
    np.testing.assert_array_equal(noisy, rician(signal, sigma, np.random.default_rng(1)))
    np.testing.assert_array_equal(rician(signal, 0.0, np.random.default_rng(1)), signal)


@pytest.mark.parametrize(
    "simulate",
    [
        lambda r1, b1: flash(r1, 70.0, tr_s=0.018, flip_deg=4, b1=b1, mtsat_percent=1.5),
        lambda r1, b1: echoes(flash(r1, 70.0, tr_s=0.018, flip_deg=4, b1=b1), 20.0 * b1, [0.01]),
        lambda r1, b1: mprage(r1, 70.0, b1=b1, **TRAIN),
        lambda r1, b1: flair(r1, 70.0, 0.08 * b1, tr_s=4.8, ti_s=1.65, te_s=0.1),
    ],
    ids=["flash", "echoes", "mprage", "flair"],
)
def test_float32_stays_float32_and_keeps_its_digits(simulate):
    r1, b1 = np.linspace(0.3, 1.5, 9), np.linspace(0.7, 1.3, 5)[:, None]
    exact = simulate(r1, b1)
    single = simulate(r1.astype(np.float32), b1.astype(np.float32))
    assert exact.shape[:2] == (5, 9) and exact.dtype == np.float64
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, rtol=2e-5)


def test_rician_stays_float32():
    noisy = rician(np.ones(4, dtype=np.float32), 0.1, np.random.default_rng(0))
    assert noisy.dtype == np.float32


@pytest.mark.parametrize(
    ("simulate", "message"),
    [
        (lambda: flash(1, 1, tr_s=0, flip_deg=4), "TR is 0 s"),
        (lambda: flash(1, 1, tr_s=0.02, flip_deg=0), "flip angle is 0 degrees"),
        (lambda: flash(1, 1, tr_s=0.02, flip_deg=4, mt_delay_s=0.03), "MT delay of 0.03 s"),
        (lambda: echoes([1.0], [20.0], [-0.01]), "echo times"),
        (lambda: mprage(1, 1, **TRAIN | {"ti_s": 0.3}), "TI 0.3 s is too short for 50 echoes"),
        (lambda: mprage(1, 1, **TRAIN | {"tr_s": 1.2}), "TR 1.2 s ends before the train of 101"),
        (lambda: mprage(1, 1, **TRAIN | {"n_echoes": 0}), "needs an echo"),
        (lambda: flair(1, 1, 0.1, tr_s=2, ti_s=1.95, te_s=0.1), "do not fit in TR 2 s"),
        (lambda: flair(1, 1, 0.1, tr_s=2, ti_s=0, te_s=0.1), "TI must be positive"),
        (lambda: rician([1.0], -1.0, np.random.default_rng(0)), "must not be negative"),
    ],
)
def test_impossible_sequences_are_refused(simulate, message):
    with pytest.raises(ImageError, match=message):
        simulate()
