"""Which kept files a stage's code names: none is forgotten, and none is taken for another."""

from pathlib import Path

import pytest

from thalutils import stages
from thalutils.named_files import kept, named

REPOSITORY = Path(__file__).parents[1]
STAGES = stages.load(REPOSITORY)


@pytest.fixture(scope="module")
def by_stage() -> dict[str, set[str]]:
    """Which files each stage of the study counts."""
    modules = {
        stage.name: stages.imported_modules(stages.notebook_path(REPOSITORY, stage)) for stage in STAGES
    }
    return {name: set(named(REPOSITORY, found)) for name, found in modules.items()}


def test_every_kept_file_is_counted_by_a_stage(by_stage):
    """A new table whose reader hides its name in another way fails here."""
    assert set().union(*by_stage.values()) == set(kept(REPOSITORY))


@pytest.mark.parametrize(
    ("stage", "files"),
    [
        ("6-scorecard", {"reported.yml"}),
        ("3-7-true-change", {"recovery_pairs.tsv", "recovery_pairs.json", "r1_resolution.tsv", "r1_resolution.json"}),
        ("2-6-4-brain-change", {"brain_change_truth.tsv", "brain_change_truth.json"}),
        ("thalnet-model", {"thalnet_draw_log.tsv", "thalnet_evaluation.tsv", "thalnet_borders.tsv", "checksums.json"}),
        ("twin-model", {"coverage.tsv", "coverage.json"}),
        ("performance", {"results.tsv", "faults.tsv", "books.tsv"}),
        ("plan", {"planning.tsv", "workflow.tsv"}),
        ("real-heads", {"open_ms.blobs.tsv"}),
    ],
)  # fmt: skip
def test_stages_count_what_they_read(by_stage, stage, files):
    assert files <= by_stage[stage]


def test_a_stage_does_not_count_what_only_others_read(by_stage):
    assert not {"recovery_pairs.tsv", "results.tsv", "thalnet_draw_log.tsv"} & by_stage["2-6-3-volumes"]
    assert by_stage["2-6-tables"] <= {"reported.yml"}
