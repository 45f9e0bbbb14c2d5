"""Maps of R1 and T1 that came ready, units of sidecars, and visits that have nothing to map."""

import json

import nibabel as nib
import numpy as np
import pytest

from thalutils import stage
from thalutils.errors import ImageError
from thalutils.imaging import alignment, inspection, maps

T1_S = 1.25


def save_map(cohort, values, name="T1map", visit="ses-01"):
    path = cohort.bids / "sub-01" / visit / "anat" / f"sub-01_{visit}_{name}.nii.gz"
    image = nib.Nifti1Image(values.astype(np.float32), np.diag([4.0, 4.0, 4.0, 1.0]))
    image.set_qform(image.affine, 1)
    nib.save(image, path)


def run(cohort):
    stage.run(cohort, stage.ACQUISITION, "all", inspection.inspect, makes=["scans"])
    options = {"form": "tangent", "weighting": "wls", "unring": False}
    found = stage.run(
        cohort, maps.STAGE, "all", maps.make_maps, makes=["map_accuracy", "maps"], options=options
    )
    return found["exclusions"].query("stage == @maps.STAGE")


def head_of(value):
    values = np.full((30, 30, 30), value)
    values[:5], values[5:7], values[7] = 0, np.nan, 8 * value
    return values


@pytest.mark.parametrize(
    ("name", "value"), [("T1map", T1_S), ("T1map", 1000 * T1_S), ("R1map", 1 / T1_S), ("R1map", 0.001 / T1_S)]
)
def test_a_ready_map_of_any_unit_becomes_r1(make_dataset, in_process, name, value):
    cohort = make_dataset(people=["sub-01"], visits=["ses-01"])
    save_map(cohort, head_of(value), name)
    assert run(cohort).empty
    (session,) = cohort.sessions()
    r1 = nib.load(stage.derivative(cohort, session, "R1map.nii.gz")).get_fdata()
    valid = np.asarray(nib.load(stage.derivative(cohort, session, "desc-valid_mask.nii.gz")).dataobj)
    assert np.unique(r1[8:]) == pytest.approx(1 / T1_S)
    assert not r1[:7].any()
    expected = (
        0 if name == "R1map" else 1 / (8 * T1_S)
    )  # eight times R1 is no tissue's, eight times T1 is fluid's
    assert r1[7].max() == pytest.approx(expected)
    assert np.array_equal(valid > 0, r1 > 0)
    assert alignment.pieces(cohort)(session) == ("R1",)


@pytest.mark.parametrize(
    ("value", "kind", "unit", "words"),
    [
        (1250.0, "T1map", "s", "half its values lie below 1.25e+03, which no head has in s"),
        (30.0, "T1map", None, "in s or ms"),
        (0.8, "R1map", "1/ms", "in 1/ms"),
        (-1.0, "R1map", None, "no value above 0"),
    ],
)
def test_a_map_of_another_unit_is_refused(value, kind, unit, words):
    with pytest.raises(ImageError, match=words.replace("+", r"\+")):
        maps.r1_per_s(np.array([value]), kind, unit, "a map")


@pytest.mark.parametrize(
    ("value", "kind", "unit"),
    [
        (T1_S, "T1map", None), (T1_S, "T1map", "s"), (1000 * T1_S, "T1map", None), (1000 * T1_S, "T1map", "ms"),
        (1 / T1_S, "R1map", None), (0.001 / T1_S, "R1map", None), (0.001 / T1_S, "R1map", "1/ms"),
    ],
)  # fmt: skip
def test_every_unit_gives_the_same_r1(value, kind, unit):
    assert maps.r1_per_s(np.array([value, 0.0]), kind, unit, "") == pytest.approx([1 / T1_S, 0])


def test_a_visit_with_nothing_to_map_is_no_exclusion(make_dataset, in_process):
    cohort = make_dataset(people=["sub-01"], visits=["ses-01"])
    assert run(cohort).empty
    assert alignment.pieces(cohort)(cohort.sessions()[0]) == ()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("EchoTime", 2.3, "EchoTime is 2.3 in its JSON sidecar, and BIDS has it in seconds"),
        ("RepetitionTimeExcitation", 25, "BIDS has it in seconds"),
        ("FlipAngle", 0.1, "BIDS has it in degrees"),
        ("FlipAngle", None, "lacks FlipAngle"),
    ],
)
def test_a_sidecar_in_other_units_is_refused(make_dataset, key, value, words):
    scans = ("anat/T1w", "anat/acq-PDw_echo-1_MPM")
    cohort = make_dataset(people=["sub-01"], visits=["ses-01"], scans=scans)
    said = {"RepetitionTimeExcitation": 0.025, "EchoTime": 0.0023, "FlipAngle": 6}
    (cohort.bids / "acq-PDw_MPM.json").write_text(json.dumps(said))
    (session,) = cohort.sessions()
    (path,) = session.echoes("PDw")
    assert maps.entries(session, path) == said
    (cohort.bids / "acq-PDw_MPM.json").write_text(json.dumps(said | {key: value}))
    with pytest.raises(ImageError, match=words):
        maps.entries(session, path)


def test_an_image_that_a_visit_has_no_more_leaves_nothing_aligned(make_dataset, in_process):
    cohort = make_dataset(people=["sub-01"], visits=["ses-01"])
    (session,) = cohort.sessions()
    old = [
        stage.derivative(cohort, session, one) for one in (*alignment.ENDINGS.values(), alignment.RESCALED)
    ]
    for path in old:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    run(cohort)
    assert alignment.run(cohort, "all", {})["registration"].empty
    assert not any(path.exists() for path in old)
