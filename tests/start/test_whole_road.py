"""From a public example's layout to every page of its book: `init`, `check`, all stages, with no edit of the file."""

import json
from pathlib import Path

import nibabel as nib
import notebook_cells
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from thalutils import cli, stages, tables
from thalutils.cohort import Cohort
from thalutils.files import write_json
from thalutils.imaging import brain_mask
from thalutils.report import privacy
from thalutils.segmenters import registry, session
from thalutils.segmenters.first import First
from thalutils.segmenters.protocol import Availability, write_thalamus
from thalutils.simulate.sequences import flash

pytestmark = pytest.mark.slow
STAGES = stages.load(notebook_cells.REPOSITORY)
OF_NOBODY = {"real-heads", "thalnet-model", "performance"}
EDGE, VOXEL_MM = 48, 4.0
AFFINE = np.diag([VOXEL_MM] * 3 + [1.0])
AFFINE[:3, 3] = -VOXEL_MM * (EDGE - 1) / 2
# Radii in mm of head, brain, white matter, ventricle; R1 in 1/s and PD of each.
SHELLS = (
    ((86, 90, 88), 0.45, 60.0),
    ((66, 76, 64), 0.65, 82.0),
    ((56, 66, 54), 1.05, 70.0),
    ((10, 22, 12), 0.25, 100.0),
)
THALAMI = (((-14, -6, 2), 10), ((14, -6, 2), 49))
THALAMUS_MM, THALAMUS_R1_PER_S = (9.0, 14.0, 9.0), 0.8
TR_S = {"PDw": 0.018, "T1w": 0.018, "MTw": 0.037}
FLIPS = {"PDw": 4.0, "T1w": 25.0, "MTw": 6.0}
KINDS = {"PDw": "flip-1_mt-off", "T1w": "flip-2_mt-off", "MTw": "flip-1_mt-on"}
TE_S = (0.0025, 0.005, 0.0075)


def inside(radii, middle=(0.0, 0.0, 0.0)) -> np.ndarray:
    grid = np.stack(np.meshgrid(*[np.arange(EDGE)] * 3, indexing="ij"), axis=-1)
    world = nib.affines.apply_affine(AFFINE, grid)
    return (((world - middle) / radii) ** 2).sum(-1) < 1


def save(path: Path, values: np.ndarray, **said: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(values.astype(np.float32), AFFINE)
    image.set_qform(AFFINE, 1)
    nib.save(image, path)
    if said:
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(said))


def thalami() -> np.ndarray:
    labels = np.zeros((EDGE,) * 3, np.uint8)
    for middle, label in THALAMI:
        labels[inside(THALAMUS_MM, middle)] = label
    return labels


def tissue() -> tuple[np.ndarray, np.ndarray]:
    """Return R1 (1/s) and PD (%) of a head of shells with two thalami."""
    r1, pd = np.full((EDGE,) * 3, 1.0), np.full((EDGE,) * 3, 0.3)
    for radii, rate, density in SHELLS:
        mine = inside(radii)
        r1[mine], pd[mine] = rate, density
    r1[thalami() > 0] = THALAMUS_R1_PER_S
    return r1, pd


class Drawer:
    """A tool that draws the thalami of this head."""

    slow = False

    def __init__(self, name: str, contrasts: tuple[str, ...]) -> None:
        self.name, self.contrasts, self.per_contrast = name, contrasts, len(contrasts) > 1

    def availability(self) -> Availability:
        return Availability(True, "1")

    def options(self, preset: str) -> dict[str, object]:
        return {}

    def segment(self, image: Path, mask: Path, folder: Path, preset: str) -> None:
        like = nib.load(image)
        write_thalamus(nib.Nifti1Image(thalami(), like.affine), like, folder, self.name)


def brain(t1w: Path, folder: Path) -> None:
    mask = inside(SHELLS[1][0])
    nib.save(nib.Nifti1Image(mask.astype(np.uint8), AFFINE), folder / "brain.nii.gz")
    write_json(folder / "volume.json", {"brain_ml": float(mask.sum() * VOXEL_MM**3 / 1000)})


@pytest.fixture
def dataset(checkout, in_process, monkeypatch, no_tools) -> Path:
    """The layout of the public ``qmri_mpm``: one session, no T1w, the field map among the derivatives."""
    for module in (registry, session):
        monkeypatch.setattr(
            module, "SEGMENTERS", (First(), Drawer("Template", ("T1",)), Drawer("ThalNet", ("T1", "R1")))
        )
    monkeypatch.setattr(brain_mask, "extract", brain)
    (checkout / "notebooks" / "stages.yml").write_text("[]\n")
    bids = checkout / "data" / "qmri_mpm"
    r1, pd = tissue()
    rng = np.random.default_rng(2)
    for person in ("sub-01", "sub-02"):
        for contrast, flip in FLIPS.items():
            signal = flash(
                r1, pd, tr_s=TR_S[contrast], flip_deg=flip, mtsat_percent=1.5 * (contrast == "MTw")
            )
            for number, te in enumerate(TE_S, 1):
                values = np.abs(10 * signal * np.exp(-20 * te) + rng.normal(0, 0.02, signal.shape))
                name = f"{person}_acq-{contrast}_echo-{number}_{KINDS[contrast]}_MPM.nii.gz"
                said = {"RepetitionTimeExcitation": TR_S[contrast], "EchoTime": te, "FlipAngle": flip}
                save(bids / person / "anat" / name, values, **said)
        field = 100 + rng.normal(0, 0.1, (EDGE,) * 3)
        save(bids / "derivatives" / "hMRI" / person / "fmap" / f"{person}_TB1map.nii.gz", field)
    described = {"Name": "MPM example", "BIDSVersion": "1.8.0"}
    (bids / "dataset_description.json").write_text(json.dumps(described))
    (bids / "participants.tsv").write_text("participant_id\tage\tsex\nsub-01\t30\tF\nsub-02\t44\tM\n")
    yield bids
    privacy.open_for(None)


def thalutils(*arguments: object) -> str:
    done = CliRunner().invoke(cli.app, list(map(str, arguments)))
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done.output


def test_the_public_mpm_example_goes_from_init_to_every_page_without_an_edit(dataset, checkout):
    thalutils("init", "qmri_mpm", "--bids", dataset)
    content = yaml.safe_load((checkout / "cohorts" / "qmri_mpm.yml").read_text())
    assert content["scans"]["T1w"] == {"suffix": "MPM", "acq": "T1w", "echo": 1}
    told = thalutils("check", "qmri_mpm")
    assert "2 people, 2 visits" in told and "left out" not in told and "no TB1map" not in told
    cohort = Cohort.load("qmri_mpm")
    pages = {}
    for stage in stages.applicable(STAGES, cohort):
        if stage.name not in OF_NOBODY:
            known = stages.parameters(notebook_cells.REPOSITORY, stage)
            fewer = {"resamples": 20} if "resamples" in known else {}
            pages[stage.name] = notebook_cells.run(cohort, stage.name, **fewer)

    def rows(table: str):
        return tables.read(cohort.results / f"{table}.tsv")

    assert rows("exclusions").empty, rows("exclusions")["reason"].tolist()
    for visit in cohort.sessions():
        made = nib.load(cohort.derivatives / visit.participant_id / visit.session_id / "anat"
                        / f"{visit.key}_space-T1w_R1map.nii.gz").get_fdata()  # fmt: skip
        assert np.median(made[thalami() > 0]) == pytest.approx(THALAMUS_R1_PER_S, rel=0.03)
    used = rows("registration").query("selected")
    assert used["image"].tolist() == ["R1", "R1"] and used["passed"].all()
    volumes = rows("volumes")
    assert set(volumes["method"]) == {"Template", "ThalNet-T1", "ThalNet-R1", "ThalNet-T1-R1"}
    drawn_ml = (thalami() > 0).sum() * VOXEL_MM**3 / 1000
    assert volumes["volume_ml"].to_numpy() == pytest.approx(drawn_ml)
    people = rows("participants").set_index("participant_id")
    assert people["sex"].to_dict() == {"sub-01": "F", "sub-02": "M"}
    assert "Nobody here has a mask drawn by hand" in pages["6-scorecard"]
    assert (rows("scorecard")["verdict"] == "cannot be told").all()
