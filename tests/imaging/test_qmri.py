"""Quantitative maps against ideal signals, hand-computed numbers, lstsq and closed-form biases."""

import numpy as np
import pytest

from thalutils.errors import ImageError
from thalutils.imaging import qmri
from thalutils.imaging.qmri import (
    Contrast,
    estatics,
    mtsat_percent,
    quantitative_maps,
    r1_and_amplitude,
)
from thalutils.simulate.sequences import echoes, flash, rician

# The paper gives echo times and TRs but no flip angles. At TR 18 ms and R1 near 1/s the Ernst angle
# is 11 degrees: 4 lies well below (PD-weighted), 25 well above (T1-weighted), and 6 keeps the longer
# MT-weighted scan PD-like, so that the MT pulse and not T1 makes its contrast.
TE_S = tuple(np.linspace(2.46e-3, 14.78e-3, 6))
PROTOCOL = {"pdw": (0.018, 4.0), "t1w": (0.018, 25.0), "mtw": (0.037, 6.0)}
EXCITATION = {"tr_pd_s": 0.018, "tr_t1_s": 0.018, "flip_pd_deg": 4.0, "flip_t1_deg": 25.0}

TISSUES = ("white", "thalamus", "cortex", "csf")
TRUTH = {
    "r1_per_s": (1.05, 0.80, 0.62, 0.25),
    "pd_percent": (69.0, 76.0, 81.0, 100.0),
    "r2star_per_s": (22.0, 20.0, 15.0, 1.0),
    "mtsat_percent": (1.7, 1.1, 0.8, 0.05),
}
B1 = np.linspace(0.7, 1.3, 7)


def tissue_maps(shape):
    """Ground truth (x, y, z), the tissue running along x."""
    return {name: np.broadcast_to(np.array(values)[:, None, None], shape) for name, values in TRUTH.items()}


def scans(truth, b1, mt_delay_s=0.0, sigma=None):
    """The protocol's ideally spoiled scans."""
    made = {}
    for seed, (name, (tr_s, flip_deg)) in enumerate(PROTOCOL.items()):
        has_pulse = name == "mtw"
        te0 = flash(
            truth["r1_per_s"],
            truth["pd_percent"],
            tr_s=tr_s,
            flip_deg=flip_deg,
            b1=b1,
            mtsat_percent=truth["mtsat_percent"] if has_pulse else 0.0,
            mt_delay_s=mt_delay_s if has_pulse else 0.0,
        )
        signal = echoes(te0, truth["r2star_per_s"], TE_S)
        if sigma is not None:
            signal = rician(signal, sigma, np.random.default_rng(seed))
        made[name] = Contrast(signal, TE_S, tr_s, flip_deg)
    return made


@pytest.fixture(scope="module")
def ideal():
    shape = (len(TISSUES), B1.size, 1)
    truth, b1 = tissue_maps(shape), np.broadcast_to(B1[:, None], shape)
    return truth, b1


@pytest.mark.parametrize("weighting", ["ols", "wls"])
def test_tangent_form_inverts_an_ideal_protocol(ideal, weighting):
    truth, b1 = ideal
    maps = quantitative_maps(**scans(truth, b1), b1_percent=100 * b1, weighting=weighting)
    assert maps.valid.all()
    for name in ("r1_per_s", "pd_percent"):
        assert getattr(maps, name).dtype == np.float32
        np.testing.assert_allclose(getattr(maps, name), truth[name], rtol=1e-3)
    np.testing.assert_allclose(maps.r2star_per_s, truth["r2star_per_s"], atol=1e-3)


def test_tangent_form_errs_by_the_square_of_r1_tr_over_12(ideal):
    """Sharper than the 0.1 %: only R1 TR for 2 tanh(R1 TR / 2) is left, or (R1 TR)^2 / 12."""
    truth, b1 = ideal
    te0 = {
        name: flash(truth["r1_per_s"], 1.0, tr_s=tr_s, flip_deg=flip_deg, b1=b1)
        for name, (tr_s, flip_deg) in PROTOCOL.items()
    }
    r1, amplitude = r1_and_amplitude(te0["pdw"], te0["t1w"], b1=b1, **EXCITATION)
    np.testing.assert_allclose(r1, 2 / 0.018 * np.tanh(0.009 * truth["r1_per_s"]), rtol=1e-10)
    np.testing.assert_allclose(amplitude, 1.0, rtol=1e-10)


def test_small_angle_form_errs_by_its_closed_form(ideal):
    """With rho = 2 tanh(R1 TR / 2), c = 2 tan(a/2) / a, d = c_T1 - c_PD and
    D = c_PD a_PD^2 - c_T1 a_T1^2, putting the ideal signals c a rho / (rho + (c a)^2 / 2) into
    Helms' R1 gives TR R1 = (rho D + c_PD c_T1 a_PD^2 a_T1^2 d / 2) / (2 rho d + c_PD c_T1 D)."""
    truth, b1 = ideal
    a_pd, a_t1 = (b1 * np.deg2rad(deg) for deg in (4.0, 25.0))
    c_pd, c_t1 = (2 * np.tan(a / 2) / a for a in (a_pd, a_t1))
    rho = 2 * np.tanh(0.009 * truth["r1_per_s"])
    d, big_d = c_t1 - c_pd, c_pd * a_pd**2 - c_t1 * a_t1**2
    above = rho * big_d + c_pd * c_t1 * (a_pd * a_t1) ** 2 * d / 2
    expected = above / (2 * rho * d + c_pd * c_t1 * big_d) / 0.018

    maps = quantitative_maps(**scans(truth, b1), b1_percent=100 * b1, form="small-angle")
    np.testing.assert_allclose(maps.r1_per_s, expected, rtol=1e-4)
    nominal = b1[0, :, 0] == 1.0
    bias = 100 * (maps.r1_per_s[:3, nominal] / truth["r1_per_s"][:3, nominal] - 1)
    assert ((bias > -1.9) & (bias < -1.5)).all()


@pytest.mark.parametrize(
    ("mt_delay_s", "low", "high"),
    [(0.0, 0.009, 0.038), (0.0185, -0.010, 0.008), (0.037, -0.038, -0.009)],
    ids=["pulse right before", "pulse half-way", "pulse right after the excitation"],
)
def test_mtsat_error_is_of_second_order_and_flat_in_b1(ideal, mt_delay_s, low, high):
    truth, b1 = ideal
    maps = quantitative_maps(**scans(truth, b1, mt_delay_s), b1_percent=100 * b1)
    error = (maps.mtsat_percent / truth["mtsat_percent"] - 1)[:3]
    assert (error > low).all() and (error < high).all()
    assert (np.ptp(error, axis=1) < 0.022).all()
    csf_error = (maps.mtsat_percent - truth["mtsat_percent"])[3]
    assert (np.abs(csf_error) < 0.002).all()


def test_mtsat_without_its_b1_correction_is_off_by_up_to_a_fifth(ideal):
    truth, b1 = ideal
    made = scans(truth, b1, 0.0185)
    te0, _ = estatics(made)
    r1_app, amplitude_app = r1_and_amplitude(te0["pdw"], te0["t1w"], **EXCITATION)
    uncorrected = mtsat_percent(
        te0["mtw"], amplitude_app=amplitude_app, r1_app_per_s=r1_app, tr_mt_s=0.037, flip_mt_deg=6.0
    )
    ratio = uncorrected / truth["mtsat_percent"]
    np.testing.assert_allclose(ratio[:3], ((1 - 0.4 * b1) / 0.6)[:3], rtol=0.01)
    assert ratio[0, 0] > 1.19 and ratio[0, -1] < 0.81


def test_helms_by_hand():
    """R1 = 1/s, A = 100: S = A a x / (x + a^2/2), x = R1 TR. With a = 0.1 and 0.4 rad and
    x = 0.02, S = 0.2 / 0.025 = 0.8 / 0.1 = 8; with a = 0.1, x = 0.04 and 1.5 % saturation,
    S = 0.4 / (0.04 + 0.005 + 0.015) = 20 / 3."""
    hand = {"tr_pd_s": 0.02, "tr_t1_s": 0.02, "form": "small-angle"}
    r1, amplitude = r1_and_amplitude(
        8.0, 8.0, flip_pd_deg=np.rad2deg(0.1), flip_t1_deg=np.rad2deg(0.4), **hand
    )
    assert r1 == pytest.approx(1.0) and amplitude == pytest.approx(100.0)
    halved, _ = r1_and_amplitude(
        8.0, 8.0, flip_pd_deg=np.rad2deg(0.2), flip_t1_deg=np.rad2deg(0.8), b1=0.5, **hand
    )
    assert halved == pytest.approx(1.0)
    apparent = {"amplitude_app": 100.0, "r1_app_per_s": 1.0, "tr_mt_s": 0.04}
    mt = mtsat_percent(20 / 3, flip_mt_deg=np.rad2deg(0.1), **apparent)
    assert mt == pytest.approx(1.5)
    mt = mtsat_percent(20 / 3, flip_mt_deg=np.rad2deg(0.1), b1=1.25, **apparent)
    assert mt == pytest.approx(1.5 * 0.6 / 0.5)


def test_unequal_repetition_times_by_hand():
    """As above, but x = 0.03 in the PD-weighted scan: S = 0.3 / 0.035."""
    angles = {"flip_pd_deg": np.rad2deg(0.1), "flip_t1_deg": np.rad2deg(0.4)}
    r1, amplitude = r1_and_amplitude(
        0.3 / 0.035, 8.0, tr_pd_s=0.03, tr_t1_s=0.02, form="small-angle", **angles
    )
    assert r1 == pytest.approx(1.0) and amplitude == pytest.approx(100.0)


def lstsq_estatics(signals, te_s, weights):
    """Intercept per contrast and shared R2* of one voxel by a plain design matrix."""
    rows = [(c, te, s) for c, line in enumerate(signals) for te, s in zip(te_s, line, strict=True)]
    design = np.array([[*(np.arange(len(signals)) == c), -te] for c, te, _ in rows])
    root = np.sqrt(np.ravel(weights))
    log = np.log([s for *_, s in rows])
    return design, np.linalg.lstsq(design * root[:, None], log * root, rcond=None)[0]


@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_estatics_is_the_least_squares_solution(iterations):
    truth = tissue_maps((4, 1, 1))
    made = scans(truth, 1.0, sigma=0.3)
    te0, r2star = estatics(made, weighting="wls" if iterations else "ols", iterations=max(iterations, 1))
    for voxel in np.ndindex(4, 1, 1):
        signals = [scan.signal[voxel] for scan in made.values()]
        design, solution = lstsq_estatics(signals, TE_S, np.ones((3, 6)))
        for _ in range(iterations):
            _, solution = lstsq_estatics(signals, TE_S, np.exp(2 * design @ solution))
        assert r2star[voxel] == pytest.approx(solution[-1], abs=2e-3)
        fitted = [te0[name][voxel] for name in made]
        np.testing.assert_allclose(fitted, np.exp(solution[:-1]), rtol=1e-5)


def test_weighted_fit_is_the_more_precise():
    shape = (4, 40, 50)
    truth = tissue_maps(shape)
    made = scans(truth, 1.0, sigma=0.15)
    scatter = {
        weighting: estatics(made, weighting=weighting)[1].std(axis=(1, 2)) for weighting in ("ols", "wls")
    }
    gain = scatter["wls"] / scatter["ols"]
    # The SD of an SD over 2000 voxels is 1.6 %, and both fits share their noise.
    assert (gain < 0.99).all()
    assert gain[TISSUES.index("csf")] < 0.75  # whose T1w echoes are the weakest


def test_samples_without_a_logarithm_weigh_nothing():
    truth = tissue_maps((4, 1, 1))
    made = scans(truth, 1.0)
    for echo, bad in ((0, 0.0), (2, -3.0), (4, np.nan), (5, np.inf)):
        made["t1w"].signal[1, 0, 0, echo] = bad
    for weighting in ("ols", "wls"):
        te0, r2star = estatics(made, weighting=weighting)
        np.testing.assert_allclose(r2star, truth["r2star_per_s"], atol=1e-3)
        ideal_t1w = flash(truth["r1_per_s"], truth["pd_percent"], tr_s=0.018, flip_deg=25.0)
        np.testing.assert_allclose(te0["t1w"], ideal_t1w, rtol=1e-5)


@pytest.mark.parametrize("weighting", ["ols", "wls"])
def test_voxels_without_a_slope_or_a_contrast_hold_zero(weighting):
    made = scans(tissue_maps((4, 1, 1)), 1.0)
    for scan in made.values():
        scan.signal[0, 0, 0, 1:] = 0  # one echo left in each contrast
    made["mtw"].signal[1] = 0  # one contrast gone
    te0, r2star = estatics(made, weighting=weighting)
    assert r2star[0] == 0 and all(signal[0] == 0 for signal in te0.values())
    assert te0["mtw"][1] == 0
    assert r2star[1] == pytest.approx(TRUTH["r2star_per_s"][1], abs=1e-3)


def test_maps_hold_zero_where_not_valid():
    shape = (4, 7, 1)
    truth = {name: values.copy() for name, values in tissue_maps(shape).items()}
    truth["r1_per_s"][:, 5] = 2.1  # beyond the range
    made = scans(truth, 1.0)
    made["pdw"].signal[:, 0] = 0
    made["t1w"].signal[:, 1] = np.nan
    made["mtw"].signal[:, 2] = -1
    for scan in made.values():
        scan.signal[:, 6] *= 1e25  # whose products are beyond float32
    b1_percent = np.full(shape, 100.0)
    b1_percent[:2, 3] = 0
    b1_percent[2:, 3] = np.nan
    maps = quantitative_maps(**made, b1_percent=b1_percent)
    expected = np.zeros(shape, dtype=bool)
    expected[:, 4] = True
    np.testing.assert_array_equal(maps.valid, expected)
    for name in TRUTH:
        values = getattr(maps, name)
        assert values.dtype == np.float32 and np.isfinite(values).all()
        assert (values[~expected] == 0).all()
        np.testing.assert_allclose(values[:, 4], truth[name][:, 4], rtol=0.05, atol=2e-3)
    wider = quantitative_maps(**made, b1_percent=b1_percent, r1_range_per_s=(0.0, 3.0))
    assert wider.valid[:, 5].all()
    narrower = quantitative_maps(**made, b1_percent=b1_percent, r1_range_per_s=(0.3, 2.0))
    assert list(narrower.valid[:, 4, 0]) == [True, True, True, False]  # all but CSF


@pytest.mark.parametrize(
    ("scale_pdw", "scale_t1w", "b1_percent"),
    [(1.0, 0.01, 100.0), (1e25, 1e25, 100.0), (1.0, 1.0, -100.0)],
    ids=["negative R1", "amplitude beyond float32", "negative amplitude"],
)
def test_each_doubt_alone_makes_a_voxel_invalid(scale_pdw, scale_t1w, b1_percent):
    made = scans(tissue_maps((4, 1, 1)), 1.0)
    made["pdw"].signal[:] *= scale_pdw
    made["t1w"].signal[:] *= scale_t1w
    maps = quantitative_maps(made["pdw"], made["t1w"], b1_percent=b1_percent)
    assert not maps.valid.any() and not maps.r1_per_s.any() and not maps.pd_percent.any()


def test_mt_weighted_scan_is_optional_and_b1_a_number():
    truth = tissue_maps((4, 1, 1))
    made = scans(truth, 1.1)
    maps = quantitative_maps(made["pdw"], made["t1w"], b1_percent=110.0)
    assert maps.mtsat_percent is None
    np.testing.assert_allclose(maps.r1_per_s, truth["r1_per_s"], rtol=1e-3)


def test_result_depends_on_neither_threads_nor_slabs(monkeypatch):
    made = scans(tissue_maps((4, 3, 5)), 1.0, sigma=0.2)
    whole = quantitative_maps(**made)
    monkeypatch.setattr(qmri, "_SLAB_VOXELS", 15)
    for threads in (1, 3):
        sliced = quantitative_maps(**made, threads=threads)
        for name in (*TRUTH, "valid"):
            np.testing.assert_array_equal(getattr(sliced, name), getattr(whole, name))


def test_integer_scans_and_scans_in_fortran_order():
    truth = tissue_maps((4, 2, 2))
    made = scans({**truth, "pd_percent": truth["pd_percent"] * 100}, 1.0)
    stored = {
        name: Contrast(
            np.asfortranarray(np.round(scan.signal).astype(np.int16)),
            scan.te_s,
            scan.tr_s,
            scan.flip_deg,
        )
        for name, scan in made.items()
    }
    maps = quantitative_maps(**stored)
    np.testing.assert_allclose(maps.r1_per_s, truth["r1_per_s"], rtol=0.01)


ONE = np.ones((2, 2, 2))
SCAN = Contrast(np.ones((2, 2, 2, 6)), TE_S, 0.018, 4.0)
STRONG = Contrast(np.ones((2, 2, 2, 6)), TE_S, 0.018, 25.0)
SINGLE = Contrast(np.ones((2, 2, 2, 1)), (0.003,), 0.018, 4.0)
OTHER = Contrast(np.ones((2, 2, 3, 6)), TE_S, 0.018, 25.0)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: Contrast(ONE, TE_S, 0.018, 4), r"shape \(2, 2, 2\)"),
        (lambda: Contrast(np.ones((2, 2, 2, 2), complex), (1e-3, 2e-3), 0.018, 4), "not real"),
        (lambda: Contrast(np.ones((2, 2, 2, 5)), TE_S, 0.018, 4), "6 echo times for 5 echoes"),
        (lambda: Contrast(np.ones((2, 2, 2, 0)), (), 0.018, 4), "no echo"),
        (lambda: Contrast(np.ones((2, 2, 2, 2)), (2e-3, 1e-3), 0.018, 4), "do not rise"),
        (lambda: Contrast(np.ones((2, 2, 2, 2)), (2.46, 4.92), 0.018, 4), "mind units"),
        (lambda: Contrast(np.ones((2, 2, 2, 6)), TE_S, 0.018, 0), "flip angle 0 degrees"),
        (lambda: estatics({"a": SCAN}, weighting="gls"), "weighting is 'gls'"),
        (lambda: estatics({"a": SCAN}, iterations=0), "at least 1"),
        (lambda: estatics({"a": SINGLE}), "at least two echoes"),
        (lambda: estatics({"a": SCAN, "b": OTHER}), "differ in shape"),
        (lambda: quantitative_maps(SCAN, STRONG, form="exact"), "form 'exact'"),
        (lambda: quantitative_maps(SCAN, SCAN), "same weighting"),
        (lambda: quantitative_maps(SCAN, STRONG, b1_percent=np.ones((2, 2))), "B1 map has shape"),
        (lambda: quantitative_maps(SCAN, STRONG, r1_range_per_s=(2, 0)), "range .* is empty"),
    ],
)
def test_what_cannot_be_fitted_is_refused(attempt, message):
    with pytest.raises(ImageError, match=message):
        attempt()
