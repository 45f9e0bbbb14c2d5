"""The real main job, small: every notebook by papermill on two simulated people and the twin, then the book."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from remote_assets import remote_assets

from thalutils import reported, tables
from thalutils.files import project_root
from thalutils.result_schemas import RESULT_SCHEMAS

pytestmark = pytest.mark.slow
COHORT, TWIN = "phantom-mini", "twin"


def thalutils(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "thalutils.cli", *arguments]
    return subprocess.run(command, cwd=project_root(), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def results() -> Path:
    done = thalutils("run", COHORT)
    assert done.returncode == 0, done.stdout + done.stderr
    return project_root() / "build" / "results" / COHORT


@pytest.fixture(scope="module")
def twin() -> Path:
    done = thalutils("run", TWIN)
    assert done.returncode == 0, done.stdout + done.stderr
    return project_root() / "build" / "results" / TWIN


def test_every_table_keeps_the_contract(results):
    found = {path.stem for path in results.glob("*.tsv")}
    assert {"participants", "sessions", "volumes", "overlap", "containment", "registration"} <= found
    for path in results.glob("*.tsv"):
        tables.read(path)
        assert json.loads(path.with_suffix(".json").read_text())


def test_maps_are_right_but_for_imperfect_spoiling(results):
    accuracy = tables.read(results / "map_accuracy.tsv").set_index(["map", "tissue", "voxels"])
    r2star = accuracy.loc[("R2starmap", "white matter", "pure"), "bias_percent"]
    r1 = accuracy.loc[("R1map", "white matter", "pure"), "bias_percent"]
    assert (r2star.abs() < 1).all()
    assert r1.between(-8, 0).all()


def test_partial_volume_scatters_the_thalamus_beyond_its_noise(results):
    accuracy = tables.read(results / "map_accuracy.tsv").query("map == 'R1map' and tissue == 'thalamus'")
    by_kind = accuracy.groupby("voxels").mean(numeric_only=True)
    assert by_kind.loc["mixed", "sd_percent"] > by_kind.loc["pure", "sd_percent"]
    assert by_kind.loc["mixed", "n_voxels"] > 0.1 * by_kind.loc["all", "n_voxels"]
    assert by_kind.loc["pure", "share_mean"] == 1 > by_kind.loc["mixed", "share_mean"] > 0.4


def test_registration_finds_the_known_movement(results):
    used = tables.read(results / "registration.tsv").query("selected")
    assert set(used["image"]) == {"R1", "FLAIR"}
    assert used["error_mm"].median() < 0.3
    assert used["error_max_mm"].max() < 1.0


def test_masks_lie_on_the_true_thalamus(results):
    overlap = tables.read(results / "overlap.tsv").query("reference == 'truth'")
    assert overlap.groupby("method")["dice"].median().min() > 0.8
    drawn = overlap.groupby("method")["dice"].median()
    assert {"Template", "ThalNet-T1", "ThalNet-FLAIR", "ThalNet-R1", "ThalNet-T1-R1-FLAIR"} <= set(
        drawn.index
    )
    assert drawn.filter(like="ThalNet").min() > 0.85


def test_manual_is_smaller_than_truth_as_in_the_paper(results):
    numbers = json.loads((results / "numbers.json").read_text())
    assert 0.5 < numbers["volumes.manual_over_truth"] < 0.75


def test_true_loss_lies_within_published_rates(results):
    truth = tables.read(results / "volumes.tsv").query("method == 'truth'")
    wide = truth.pivot_table(index="participant_id", columns="session_id", values="volume_ml")
    loss = 100 * (1 - wide["ses-02"] / wide["ses-01"])
    assert loss.between(0, 2).all()


def test_nothing_runs_twice(results):
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in results.glob("*.tsv")}
    done = thalutils("run", COHORT)
    assert done.returncode == 0
    assert re.search(r"^\d+ unchanged\.$", done.stdout, re.MULTILINE), done.stdout
    assert before == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in results.glob("*.tsv")
    }


def test_the_dataset_is_valid_bids(results):
    program = Path(sys.executable).with_name("bids-validator-deno")
    done = subprocess.run(
        [program, "--format", "json", project_root() / "data" / COHORT],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    issues = json.loads(done.stdout)["issues"]["issues"]
    errors = [issue for issue in issues if issue.get("severity") == "error"]
    assert not errors, errors[:5]


def test_the_twin_fills_every_table_of_the_statistics(twin):
    for name in RESULT_SCHEMAS:
        assert len(tables.read(twin / f"{name}.tsv")), name
    pairs = tables.read(twin / "associations.tsv").query("analysis == 'all'")
    n = reported.values()["cross_sectional"]["n"]
    assert pairs.groupby("outcome")["n"].unique().map(list).to_dict() == {name: [n[name]] for name in n}


def test_the_scorecard_judges_every_reported_result(twin, results):
    card = tables.read(twin / "scorecard.tsv")
    assert len(card) == len(reported.flat())
    assert (card["verdict"] == "agrees").mean() > 0.6
    assert set(card["basis"]) == {"calibrated", "emergent"}
    small = tables.read(results / "scorecard.tsv")
    assert set(small["basis"]) == {"images"}
    assert (small["verdict"] == "cannot be told").mean() > 0.9  # two people decide next to nothing


def test_book_builds_whole_and_needs_no_network(results, twin):
    done = thalutils("book", COHORT, TWIN)
    assert done.returncode == 0, done.stdout + done.stderr
    site = project_root() / "build" / f"html-{COHORT}-{TWIN}"
    pages = [site / "index.html", *site.glob("notebooks/*.html"), *site.glob("book/*.html")]
    assert len(pages) > 40
    remote = {path: found for path in site.rglob("*") if path.is_file() and (found := remote_assets(path))}
    assert not remote, remote
    for page in pages:
        text = page.read_text(encoding="utf-8")
        if page.parent.name == "notebooks" and page.stem != "real-heads":
            assert "Simulated data" in text, page
            assert "How this page was computed" in text, page


def test_a_stale_page_is_not_published(results):
    state = project_root() / "build" / "state" / COHORT / "2-6-3-volumes.json"
    kept = state.read_text()
    try:
        content = json.loads(kept)
        content["key"]["notebook"] = "another"
        state.write_text(json.dumps(content))
        done = thalutils("book", COHORT)
        assert done.returncode == 1
        assert "2-6-3-volumes: its notebook has changed." in done.stdout
    finally:
        state.write_text(kept)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", COHORT, "-p", "nonsense=1"), "no stage has a parameter nonsense"),
        (("run", COHORT, "--stage", "coregistration", "-p", "bins=many"), "bins must be int"),
        (("run", COHORT, "--stage", "dreams"), "no such stage"),
        (("run", "nobody"), "no such cohort"),
        (("run", COHORT, "--participants", "sub-99"), "not in cohort"),
        (("check", "../../etc/passwd"), "no such cohort"),
    ],
)
def test_wrong_use_is_refused_before_anything_runs(arguments, words):
    done = thalutils(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
