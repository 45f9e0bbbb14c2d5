"""Datasets as other laboratories have them, each from `init` over `check` to its first stages."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from thalutils import cli, stage
from thalutils.cohort import Cohort
from thalutils.imaging import alignment, inspection, maps
from thalutils.simulate import sequences

REPOSITORY = Path(__file__).parents[2]
SHAPE, AFFINE = (24, 26, 24), np.diag([5.0, 5.0, 5.0, 1.0])
R1_PER_S, R2STAR_PER_S = 0.9, 20.0
TR_S, FLIPS = 0.025, {"PDw": 6.0, "T1w": 21.0, "MTw": 6.0}
ECHOES_S = {"PDw": [0.002, 0.004, 0.006], "T1w": [0.002, 0.004, 0.006], "MTw": [0.002, 0.004]}
KINDS = {"PDw": "flip-1_mt-off", "T1w": "flip-2_mt-off", "MTw": "flip-1_mt-on"}


def save(path: Path, values: np.ndarray, **said: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(values.astype(np.float32), AFFINE)
    image.set_qform(AFFINE, 1)
    nib.save(image, path)
    if said:
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(said))


def ball(inside: float = 1.0, outside: float = 0.01) -> np.ndarray:
    axes = np.ogrid[tuple(slice(-1, 1, complex(0, edge)) for edge in SHAPE)]
    return np.where(sum(axis**2 for axis in axes) < 0.7, inside, outside * inside)


def save_mpm(anat: Path, stem: str) -> None:
    for contrast, te_s in ECHOES_S.items():
        signal = ball(1000.0) * sequences.flash(R1_PER_S, 1.0, tr_s=TR_S, flip_deg=FLIPS[contrast], b1=1.0)
        for number, te in enumerate(te_s, 1):
            name = f"{stem}_acq-{contrast}_echo-{number}_{KINDS[contrast]}_MPM.nii.gz"
            said = {"RepetitionTimeExcitation": TR_S, "EchoTime": te, "FlipAngle": FLIPS[contrast]}
            save(anat / name, signal * np.exp(-te * R2STAR_PER_S), **said)


def lay_out_mpm(bids: Path, nominal: float = 100) -> None:
    """One person with multi-parameter scans, the map of the transmit field among the derivatives."""
    save_mpm(bids / "sub-01" / "anat", "sub-01")
    save(bids / "derivatives" / "hmri" / "sub-01" / "fmap" / "sub-01_TB1map.nii.gz", ball(1.1 * nominal))
    for flip in (1, 2):
        save(bids / "sub-01" / "fmap" / f"sub-01_echo-1_flip-0{flip}_TB1EPI.nii.gz", ball(5.0))
    described(bids, "MPM example")


def lay_out_single(bids: Path) -> None:
    """Two people without folders of sessions, with ready maps of T1 and a table of their own words."""
    for person in ("sub-A1", "sub-A2"):
        save(bids / person / "anat" / f"{person}_T1w.nii.gz", ball(900.0))
        save(bids / "derivatives" / "mp2rage" / person / "anat" / f"{person}_T1map.nii.gz", ball(1200.0, 0))
    described(bids, "One visit each")
    (bids / "participants.tsv").write_text(
        "participant_id\tage\tgender\tdiagnosis\tEDSS\nsub-A1\t40\tfemale\tRR\t2.5\nsub-A2\t50\t2\tpatient\t-99\n"
    )
    said = {"gender": {"Levels": {"2": "male"}}}
    (bids / "participants.json").write_text(json.dumps(said))


def lay_out_runs(bids: Path) -> None:
    """A person with two visits, of several acquisitions and runs each, one after a contrast agent."""
    for visit in ("ses-1", "ses-2"):
        anat = bids / "sub-01" / visit / "anat"
        stem = f"sub-01_{visit}"
        for name in ("acq-mprage_run-1", "acq-mprage_run-2", "acq-tfl", "acq-mprage_ce-gad"):
            save(anat / f"{stem}_{name}_T1w.nii.gz", ball(900.0))
        save(anat / f"{stem}_run-2_FLAIR.nii.gz", ball(500.0))
    described(bids, "Runs")


def described(bids: Path, name: str) -> None:
    (bids / "dataset_description.json").write_text(json.dumps({"Name": name, "BIDSVersion": "1.8.0"}))


def thalutils(*arguments: object) -> str:
    done = CliRunner().invoke(cli.app, list(map(str, arguments)))
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done.output


def init(checkout: Path, name: str, *more: object) -> tuple[dict, str]:
    """Write the YAML of ``data/<name>``; return what it says, and its text."""
    thalutils("init", name, "--bids", checkout / "data" / name, *more)
    text = (checkout / "cohorts" / f"{name}.yml").read_text()
    return yaml.safe_load(text), text


def questions(text: str) -> list[str]:
    joined = text.replace("\n#     ", " ").splitlines()
    return [line.partition("QUESTION: ")[2] for line in joined if "QUESTION: " in line]


def first_stages(cohort: Cohort):
    inspected = stage.run(cohort, stage.ACQUISITION, "all", inspection.inspect, makes=["scans"])
    options = {"form": "tangent", "weighting": "wls", "unring": False}
    mapped = stage.run(
        cohort, maps.STAGE, "all", maps.make_maps, makes=["map_accuracy", "maps"], options=options
    )
    return inspected["scans"], mapped["exclusions"]


@pytest.fixture(autouse=True)
def stages(checkout):
    """A study of no stages, so that `check` has nothing more to say than what it finds."""
    (checkout / "notebooks" / "stages.yml").write_text("[]\n")


@pytest.mark.parametrize("nominal", [100, 1])
def test_a_multi_parameter_dataset_as_the_public_example_is_laid_out(checkout, in_process, nominal):
    bids = checkout / "data" / "qmri_mpm"
    lay_out_mpm(bids, nominal)
    content, text = init(checkout, "qmri_mpm")
    assert content["title"] == "MPM example"
    assert content["scans"] == {
        "T1w": {"suffix": "MPM", "acq": "T1w", "echo": 1},
        "TB1map": {"suffix": "TB1map", "folder": "derivatives/hmri"},
    }
    (question,) = questions(text)
    assert question.startswith("no visit has a T1w, from which every stage starts.")
    assert "# - PDw (multi-parameter): 3 echoes at 2 to 6 ms, TR 25 ms, 6 degrees." in text
    assert "1 person, 1 visit in" in thalutils("check", "qmri_mpm")
    cohort = Cohort.load("qmri_mpm")
    scans, excluded = first_stages(cohort)
    assert set(scans["image"]) == {"T1w", "TB1map", *(f"MPM-{c}-{n}" for c in ECHOES_S for n in (1, 2))} | {
        "MPM-PDw-3", "MPM-T1w-3",
    }  # fmt: skip
    assert scans["usable"].all() and excluded.empty
    (session,) = cohort.sessions()
    assert alignment.pieces(cohort)(session) == ("R1",)
    r1 = nib.load(stage.derivative(cohort, session, "R1map.nii.gz")).get_fdata()
    # scans made at 100 % and a field said to be 110 %: R1 comes out higher by its square
    assert np.median(r1[ball() == 1]) == pytest.approx(R1_PER_S * 1.1**2, rel=0.02)


def test_a_dataset_of_one_session_without_session_folders(checkout, in_process):
    bids = checkout / "data" / "single"
    lay_out_single(bids)
    content, text = init(checkout, "single")
    assert content["scans"] == {"R1": {"suffix": "T1map", "folder": "derivatives/mp2rage", "unit": "ms"}}
    (table,) = content["clinical"]
    assert table["columns"] == {
        "participant_id": "participant_id", "sex": "gender", "group": "diagnosis", "age_years": "age", "edss": "EDSS",
    }  # fmt: skip
    assert table["values"] == {"sex": {"2": "M"}, "group": {"RR": "RRMS"}}
    assert table["missing"] == ["-99"]
    (question,) = questions(text)
    assert question.startswith("what does 'patient' (1 row) of diagnosis stand for?")
    path = checkout / "cohorts" / "single.yml"
    path.write_text(path.read_text().replace("RR: RRMS", "RR: RRMS, patient: MS"))  # the answer
    told = thalutils("check", "single")
    assert "2 people, 2 visits" in told and "no FLAIR in 2 visits" in told and "left out" not in told
    cohort = Cohort.load("single")
    assert cohort.participants["group"].tolist() == ["RRMS", "MS"]
    assert cohort.participants["sex"].tolist() == ["F", "M"]
    assert cohort.clinical()["edss"].tolist()[0] == 2.5 and cohort.clinical()["session_id"].eq("ses-01").all()
    scans, excluded = first_stages(cohort)
    assert scans["image"].tolist() == ["T1w", "R1"] * 2 and excluded.empty
    r1 = nib.load(stage.derivative(cohort, cohort.sessions()[0], "R1map.nii.gz")).get_fdata()
    assert np.median(r1[ball() == 1]) == pytest.approx(1 / 1.2)


def test_a_dataset_with_runs_and_acquisitions_and_scores_by_visit(checkout, in_process, tmp_path):
    bids = checkout / "data" / "runs"
    lay_out_runs(bids)
    scores = tmp_path / "scores.csv"
    scores.write_text(
        "ID;Visit;Days from baseline;EDSS;Centre;Remarks\n01;1;0;2,5;Kiel;x\n01;2;360;3,0;Kiel;y\n07;1;0;1,0;Ulm;z\n"
    )
    content, text = init(checkout, "runs", "--phenotype", scores)
    assert "scans" not in content
    (question,) = questions(text)
    assert question.startswith(
        "2 visits have several T1w (acq-mprage_run-1_T1w: 2, acq-mprage_run-2_T1w: 2, acq-tfl_T1w: 2)."
    )
    assert "(acq-tfl_T1w: 2)" in question
    assert "T1w: {suffix: T1w, acq: mprage, run: 2}" in question
    (table,) = content["clinical"]
    assert table == {
        "visits": str(scores),
        "columns": {
            "participant_id": "ID", "session_id": "Visit", "site": "Centre", "edss": "EDSS",
            "interval_years": "Days from baseline",
        },
        "units": {"interval": "days"},
        "decimal": ",",
    }  # fmt: skip
    assert "Remarks" in text.partition("columns that are not used: ")[2]
    path = checkout / "cohorts" / "runs.yml"
    path.write_text(path.read_text() + "scans:\n  T1w: {suffix: T1w, acq: mprage, run: 2}\n")  # the answer
    told = thalutils("check", "runs")
    assert "1 person, 2 visits" in told
    assert "scores.csv: sub-07 has no folder" in told
    cohort = Cohort.load("runs")
    visits = cohort.clinical().set_index("session_id")
    assert visits["edss"].to_dict() == {"ses-1": 2.5, "ses-2": 3.0}
    assert visits.loc["ses-2", "interval_years"] == pytest.approx(360 / 365.25)
    assert cohort.participants["site"].tolist() == ["Kiel"]
    scans, excluded = first_stages(cohort)
    assert scans["file"].tolist() == [
        f"sub-01/{visit}/anat/sub-01_{visit}_{name}.nii.gz"
        for visit in ("ses-1", "ses-2")
        for name in ("acq-mprage_run-2_T1w", "run-2_FLAIR")
    ]
    assert excluded.empty
    assert [alignment.pieces(cohort)(session) for session in cohort.sessions()] == [("FLAIR",)] * 2


LAYOUTS = {"qmri_mpm": lay_out_mpm, "single": lay_out_single, "runs": lay_out_runs}
# Of each, what the page of the acquisition has of its scans.
SHOWN = {"qmri_mpm": ("MPM-PDw", "TB1map"), "single": ("T1w", "R1"), "runs": ("T1w", "FLAIR")}


@pytest.mark.slow
def test_every_layout_goes_on_to_a_book_without_an_edit(checkout, monkeypatch):
    """One book of all three, of the one stage that needs nothing but scans; questions stay open."""
    monkeypatch.setenv("THALUTILS_JOBS", "1")
    page = "2-4-acquisition"
    (stage_settings,) = (
        one
        for one in yaml.safe_load((REPOSITORY / "notebooks" / "stages.yml").read_text())
        if one["name"] == page
    )
    (checkout / "notebooks" / "stages.yml").write_text(yaml.safe_dump([stage_settings]))
    contents = {"format": "jb-book", "root": "book/index", "chapters": [{"file": f"notebooks/{page}"}]}
    (checkout / "_toc.yml").write_text(yaml.safe_dump(contents, sort_keys=False))
    for file in (f"notebooks/{page}.ipynb", "_config.yml", "book/references.bib"):
        (checkout / file).parent.mkdir(exist_ok=True)
        shutil.copyfile(REPOSITORY / file, checkout / file)
    shutil.copytree(REPOSITORY / "book" / "_static", checkout / "book" / "_static")
    (checkout / "book" / "index.md").write_text(f"# The book\n\nSee {{doc}}`/notebooks/{page}`.\n")
    for name, lay_out in LAYOUTS.items():
        lay_out(checkout / "data" / name)
        init(checkout, name)
        assert "1 of 1 stages would run" in thalutils("check", name)
        thalutils("run", name)
    thalutils("book", *LAYOUTS)
    html = checkout / "build" / f"html-{'-'.join(LAYOUTS)}" / "notebooks"
    for name, kinds in SHOWN.items():
        text = (html / f"{page}{'' if name == 'qmri_mpm' else f'--{name}'}.html").read_text()
        article = text[text.index("<article") : text.index("</article>")]
        assert all(f">{kind}</td>" in article for kind in kinds), name
