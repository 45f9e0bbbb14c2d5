"""A study to disturb, before it has run and after, and the record of what became of each fault."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from disturbed_study import Study, stages_done
from fault_record import Fault


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, head_file: Path) -> Study:
    """The study, run once to its end."""
    study = Study(tmp_path_factory.mktemp("undisturbed") / "checkout")
    study.lay_out(head_file)
    study.finish()
    assert {"scans.tsv", "volumes.tsv", "exclusions.tsv", "numbers.json"} <= set(study.tables())
    return study


@pytest.fixture
def study(undisturbed: Study, tmp_path: Path, no_network: None) -> Study:
    """A copy of the study that has not run."""
    study = Study(tmp_path / "checkout")
    shutil.copytree(
        undisturbed.root, study.root, ignore=shutil.ignore_patterns("build", "cache", "__pycache__")
    )
    return study


@pytest.fixture
def finished(undisturbed: Study, tmp_path: Path, no_network: None) -> Study:
    """A copy of the study that has run; all of it stands."""
    study = Study(tmp_path / "checkout")
    shutil.copytree(undisturbed.root, study.root)
    return study


@pytest.fixture
def wanted(undisturbed: Study) -> dict[str, str]:
    """The tables of a run that nothing disturbed."""
    return undisturbed.tables()


@pytest.fixture
def fault(tmp_path: Path) -> Iterator[Fault]:
    """What the test brings about; kept for the book's table where that is asked for, whether survived or not."""
    fault = Fault(tmp_path)
    yield fault
    assert fault.name and fault.tried, "a test of a fault says which and tries it"
    fault.keep()


@pytest.fixture
def recovers(fault: Fault, wanted: dict[str, str]):
    """Return a function that runs a study again and sees that its tables are those of a run that nothing disturbed."""

    def run_again(study: Study, *words: str) -> list[str]:
        done = stages_done(study.finish(*words))
        assert study.tables() == wanted
        fault.rerun = f"computes {', '.join(done)}" if done else "finds that all stands"
        return done

    return run_again
