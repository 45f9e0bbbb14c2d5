"""Multi-parameter scans of which one was lost: the visit has no maps and says why, and the others go on."""

import json

import nibabel as nib
import numpy as np
import pytest

from thalutils import stage
from thalutils.imaging import inspection, maps
from thalutils.simulate.sequences import flash

TR_S, FLIPS = 0.025, {"PDw": 6.0, "T1w": 21.0, "MTw": 6.0}
AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
OPTIONS = {"form": "tangent", "weighting": "ols", "unring": False}
# An MT pulse leaves less time.
ECHOES = {"PDw": 4, "T1w": 4, "MTw": 3}


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(values.astype(np.float32), AFFINE)
    image.set_qform(AFFINE, 1)
    nib.save(image, path)


def scan(cohort, person, contrast="T1w", echo=4):
    return cohort.bids / person / "ses-01" / "anat" / f"{person}_ses-01_acq-{contrast}_echo-{echo}_MPM.nii.gz"


def sidecar(path):
    return path.with_name(path.name.replace(".nii.gz", ".json"))


def lose(path):
    path.unlink()
    sidecar(path).unlink()


@pytest.fixture
def make(make_dataset, in_process):
    """Return a function that makes people of one visit with all their multi-parameter scans."""

    def made(people):
        cohort = make_dataset(people=people, visits=["ses-01"])
        axes = np.ogrid[-1:1:20j, -1:1:20j, -1:1:20j]
        head = np.where(sum(axis**2 for axis in axes) < 0.7, 1000.0, 1.0)
        for person in people:
            for contrast, flip in FLIPS.items():
                for echo in range(1, ECHOES[contrast] + 1):
                    path = scan(cohort, person, contrast, echo)
                    signal = head * flash(0.9, 1.0, tr_s=TR_S, flip_deg=flip, b1=1.0)
                    save(path, signal * np.exp(-0.003 * echo * 20))
                    said = {"FlipAngle": flip, "EchoTime": 0.003 * echo, "RepetitionTimeExcitation": TR_S}
                    sidecar(path).write_text(json.dumps(said))
            field = cohort.bids / person / "ses-01" / "fmap" / f"{person}_ses-01_TB1map.nii.gz"
            save(field, np.where(head > 1, 100.0, 101.0))
        return cohort

    return made


def run(cohort):
    """Return who has maps, and why the others have none."""
    stage.run(cohort, stage.ACQUISITION, "all", inspection.inspect, makes=["scans"])
    found = maps.run(cohort, "all", OPTIONS)
    reasons = found["exclusions"].query("stage == @maps.STAGE")
    mapped = {path.name.split("_")[0] for path in cohort.derivatives.rglob("*_R1map.nii.gz")}
    return mapped, dict(zip(reasons["participant_id"], reasons["reason"], strict=True))


LOST = {
    "the last": (lambda cohort: lose(scan(cohort, "sub-02")), "T1w: 3 echoes, and 4 in most visits that are alike"),
    "the last of MTw": (lambda cohort: lose(scan(cohort, "sub-02", "MTw", 3)), "MTw: 2 echoes, and 3 in most visits"),
    "one between": (lambda cohort: lose(scan(cohort, "sub-02", echo=2)), "T1w: echo 2 is missing"),
    "the last but its sidecar": (lambda cohort: scan(cohort, "sub-02").unlink(), "T1w: echo 4 is missing"),
    "the transmit field": (
        lambda cohort: next((cohort.bids / "sub-02").rglob("*_TB1map.nii.gz")).unlink(),
        "no usable transmit-field map (TB1map)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), LOST.values(), ids=LOST)
def test_a_visit_that_lost_a_scan_has_no_maps_and_the_other_has(make, change, words):
    cohort = make(["sub-01", "sub-02"])
    assert run(cohort) == ({"sub-01", "sub-02"}, {})
    change(cohort)
    mapped, reasons = run(cohort)
    assert mapped == {"sub-01"}
    assert list(reasons) == ["sub-02"] and reasons["sub-02"].startswith(words)


def test_a_visit_alone_is_believed_but_for_sidecars_that_have_no_scan(make):
    cohort = make(["sub-01"])
    scan(cohort, "sub-01").unlink()
    assert run(cohort) == (set(), {"sub-01": "T1w: echo 4 is missing."})
    sidecar(scan(cohort, "sub-01")).unlink()
    assert run(cohort) == ({"sub-01"}, {})


def test_a_protocol_that_most_visits_have_is_no_fault(make):
    cohort = make(["sub-01", "sub-02", "sub-03"])
    for person in ("sub-01", "sub-02"):
        lose(scan(cohort, person))
    assert run(cohort) == ({"sub-01", "sub-02", "sub-03"}, {})
