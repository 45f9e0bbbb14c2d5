"""A study that is disturbed (killed, run twice at once, its tables and cache damaged) ends as one that never was."""

import random
import signal
import time

import psutil
import pytest
from fault_record import KILLS

pytestmark = pytest.mark.slow
LATEST_S = 9.0
# Of another version, which had another column.
OLDER = b"participant_id\tvolume\nsub-01\t12\n"


def test_two_runs_at_once_end_with_the_same_tables(study, wanted, fault, recovers):
    fault.name = "two runs of one cohort at once"
    with fault.attempt():
        both = [study.start() for _ in range(2)]
        for run in both:
            told, _ = run.communicate()
            assert run.returncode == 0, told
        assert study.tables() == wanted
        assert recovers(study) == []


def test_damaged_tables_are_made_anew(finished, fault, recovers):
    fault.name = "tables half written, of an older version or missing"
    scans, volumes, numbers = (
        finished.results / name for name in ("scans.tsv", "volumes.tsv", "numbers.json")
    )
    with fault.attempt(3):
        scans.write_bytes(scans.read_bytes()[:40])
        volumes.write_bytes(OLDER)
        numbers.unlink()
        fault.show(finished.check(), "what it made is missing or was changed: table volumes")
        assert recovers(finished) == ["2-4-acquisition", "2-slow", "3-sum"]


def test_rows_of_one_person_that_are_damaged_are_made_anew(finished, fault, recovers):
    fault.name = "one person's rows cut short or of an older version"
    with fault.attempt(2):
        for stage, person, table, content in (
            ("2-4-acquisition", "sub-02", "exclusions", OLDER), ("2-slow", "sub-03", "volumes", b"participant_id\tses"),
        ):  # fmt: skip
            (finished.shards / stage / person / f"{table}.tsv").write_bytes(content)
        fault.show(finished.check(), "rows of people")
        assert recovers(finished) == ["2-4-acquisition", "2-slow"]


def test_a_cache_that_is_corrupt_is_not_believed(finished, fault, recovers):
    fault.name = "results in the cache cut short, overwritten or missing"
    kept = sorted((finished.cache / "slow").glob("*/found.json"))
    whole = [path.read_bytes() for path in kept]
    with fault.attempt(4):
        kept[0].write_bytes(whole[0][:-3])
        kept[1].write_bytes(whole[1].replace(b"1", b"2"))
        kept[2].unlink()
        (kept[3].parent / "_made.json").write_text("{")
        (finished.results / "volumes.tsv").unlink()
        recovers(finished)
        assert [path.read_bytes() for path in kept] == whole


def test_a_killed_study_ends_as_one_that_never_was(study, fault, recovers):
    fault.name = "a run killed at a random moment"
    draw = random.Random(11)
    with fault.attempt(KILLS):
        for _ in range(KILLS):
            run = study.start()
            time.sleep(draw.uniform(0.2, LATEST_S))
            below = psutil.Process(run.pid).children(recursive=True) if run.poll() is None else []
            run.send_signal(signal.SIGKILL)
            run.communicate()
            _, alive = psutil.wait_procs(below, timeout=15)
            assert not alive, "a process outlives the run that was killed"
        recovers(study)
