"""R1 from several flip angles: exact on the signal equation, and as good as a non-linear fit where there is noise."""

import json

import nibabel as nib
import numpy as np
import pytest
from scipy.optimize import least_squares

from thalutils import stage
from thalutils.errors import ImageError
from thalutils.imaging import alignment, inspection, maps, vfa
from thalutils.simulate.sequences import flash

TR_S = 0.015
FLIPS = (3.0, 10.0, 20.0, 30.0)


def signals(r1, amplitude, flips, b1=1.0, tr_s=TR_S):
    return np.stack([flash(r1, amplitude, tr_s=tr_s, flip_deg=flip, b1=b1) for flip in flips], axis=-1)


@pytest.mark.parametrize("flips", [(4.0, 18.0), FLIPS, (20.0, 5.0, 11.0)])
def test_noiseless_signals_are_inverted_exactly_whatever_the_field(flips):
    r1, b1 = np.meshgrid(np.linspace(0.2, 1.9, 30), np.linspace(0.6, 1.4, 9), indexing="ij")
    found, amplitude = vfa.r1_and_amplitude(signals(r1, 700.0, flips, b1), flips, TR_S, b1)
    np.testing.assert_allclose(found, r1, rtol=1e-4)
    np.testing.assert_allclose(amplitude, 700.0, rtol=1e-4)


def test_a_field_left_out_of_account_bends_r1_by_its_square():
    found, _ = vfa.r1_and_amplitude(signals(np.array([0.9]), 700.0, (4.0, 18.0), 1.1), (4.0, 18.0), TR_S)
    assert found[0] == pytest.approx(0.9 / 1.1**2, rel=0.02)


def test_weights_bring_the_line_to_the_non_linear_fit():
    rng = np.random.default_rng(4)
    noisy = signals(np.full(400, 0.8), 1000.0, FLIPS) + rng.normal(0, 1.0, (400, 4))

    def model(values, row):
        return signals(values[0], values[1], FLIPS) - row

    oracle = np.array([least_squares(model, (1.0, 900.0), args=(row,), x_scale=(1, 1000)).x for row in noisy])
    found, amplitude = vfa.r1_and_amplitude(noisy, FLIPS, TR_S)
    spread = oracle.std(axis=0)
    apart = np.abs(np.column_stack([found, amplitude]) - oracle)
    assert (np.median(apart, axis=0) < 0.02 * spread).all() and (apart.max(axis=0) < 0.2 * spread).all()
    assert found.std() < 1.01 * spread[0]
    unweighted = np.polyfit(*(noisy[0] / np.tan(np.radians(FLIPS)), noisy[0] / np.sin(np.radians(FLIPS))), 1)
    assert abs(-np.log(unweighted[0]) / TR_S - oracle[0, 0]) > 10 * apart[0, 0]


@pytest.mark.filterwarnings("error")
def test_air_and_nonsense_have_no_r1():
    values = np.array([[0.0, 0.0, 0.0, 0.0], [5.0, 9.0, 30.0, 80.0], [1.0, -3.0, 2.0, -1.0]])
    found, _ = vfa.r1_and_amplitude(values, FLIPS, TR_S)
    assert np.isnan(found).all()
    none, _ = vfa.r1_and_amplitude(signals(np.array([0.9]), 1.0, FLIPS), FLIPS, TR_S, np.array([0.0]))
    assert np.isnan(none).all()


@pytest.mark.parametrize(
    ("flips", "b1", "words"),
    [
        ((5.0,), 1.0, "two different ones"),
        ((5.0, 5.0), 1.0, "two different ones"),
        ((5.0, 9.0), np.ones(4), "B1 map"),
    ],
)
def test_what_is_no_vfa_scan_is_refused(flips, b1, words):
    with pytest.raises(ImageError, match=words):
        vfa.r1_and_amplitude(np.ones((3, len(flips))), flips, TR_S, b1)


R1_PER_S, B1 = 0.9, 1.15
AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(values.astype(np.float32), AFFINE)
    image.set_qform(AFFINE, 1)
    nib.save(image, path)


@pytest.fixture
def cohort(make_dataset, in_process):
    """One visit with a T1w, three flip angles of two echoes each, and a transmit field of 115 %."""
    made = make_dataset(people=["sub-01"], visits=["ses-01"])
    axes = np.ogrid[-1:1:30j, -1:1:30j, -1:1:30j]
    head = sum(axis**2 for axis in axes) < 0.7
    anat = made.bids / "sub-01" / "ses-01" / "anat"
    for number, flip in enumerate((4.0, 12.0, 22.0), 1):
        signal = flash(R1_PER_S, 1000.0, tr_s=TR_S, flip_deg=flip, b1=B1) * np.where(head, 1.0, 0.001)
        for echo, te in ((1, 0.003), (2, 0.006)):
            name = f"sub-01_ses-01_echo-{echo}_flip-{number}_VFA"
            save(anat / f"{name}.nii.gz", signal * np.exp(-te * 20))
            said = {"FlipAngle": flip, "EchoTime": te, "RepetitionTimeExcitation": TR_S}
            (anat / f"{name}.json").write_text(json.dumps(said))
    field = np.where(head, 100 * B1, 100.0)
    save(made.bids / "sub-01" / "ses-01" / "fmap" / "sub-01_ses-01_TB1map.nii.gz", field)
    return made


def run(cohort):
    stage.run(cohort, stage.ACQUISITION, "all", inspection.inspect, makes=["scans"])
    options = {"form": "tangent", "weighting": "wls", "unring": False}
    return stage.run(
        cohort, maps.STAGE, "all", maps.make_maps, makes=["map_accuracy", "maps"], options=options
    )


def test_a_visit_with_flip_angles_gets_an_r1_map_of_its_own(cohort):
    found = run(cohort)
    assert found["exclusions"].query("stage == @maps.STAGE").empty
    assert found["maps"][["map", "source"]].to_numpy().tolist() == [["R1map", "study (VFA)"]]
    (session,) = cohort.sessions()
    assert [path.name.split("_")[2] for path in session.flips()] == ["echo-1"] * 3
    assert {"VFA-1", "VFA-2", "VFA-3"} <= set(session.scans())
    r1 = nib.load(stage.derivative(cohort, session, "R1map.nii.gz")).get_fdata()
    assert r1[15, 15, 15] == pytest.approx(R1_PER_S, rel=1e-3)
    assert alignment.pieces(cohort)(session) == ("R1",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda bids: (bids / "fmap" / "sub-01_ses-01_TB1map.nii.gz").unlink(), "no usable transmit-field map"),
        (lambda bids: rewrite(bids, RepetitionTimeExcitation=0.02), "RepetitionTimeExcitation differs"),
        (lambda bids: rewrite(bids, EchoTime=0.004), "EchoTime differs"),
        (lambda bids: rewrite(bids, FlipAngle=None), "lacks FlipAngle"),
        (lambda bids: (bids / "anat" / "sub-01_ses-01_echo-1_flip-1_VFA.nii.gz").write_bytes(b"x"), "1 of 3 scans"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_an_exclusion_with_its_reason(cohort, change, words):
    change(cohort.bids / "sub-01" / "ses-01")
    (reason,) = run(cohort)["exclusions"].query("stage == @maps.STAGE")["reason"]
    assert words in reason


def rewrite(visit, **changed):
    path = visit / "anat" / "sub-01_ses-01_echo-1_flip-2_VFA.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def test_multi_parameter_scans_and_ready_maps_go_before(cohort):
    values = np.full((30, 30, 30), 1.25)
    values[:9] = 0
    save(cohort.bids / "sub-01" / "ses-01" / "anat" / "sub-01_ses-01_T1map.nii.gz", values)
    assert run(cohort)["maps"]["source"].tolist() == ["dataset"]


def test_a_map_of_an_earlier_run_does_not_stay_where_none_can_be_made(cohort):
    run(cohort)
    (session,) = cohort.sessions()
    made = stage.derivative(cohort, session, "R1map.nii.gz")
    assert made.exists()
    session.b1_map().unlink()
    run(cohort)
    assert not made.exists()
    assert not stage.derivative(cohort, session, "desc-valid_mask.nii.gz").exists()
