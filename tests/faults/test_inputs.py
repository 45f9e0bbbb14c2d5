"""Scans that vanish or are replaced while the study looks at them, and files whose times cannot be right."""

import os
import time

import pytest
from fault_record import whole_bench

pytestmark = pytest.mark.slow
TEN_YEARS_S = 10 * 365 * 86400


def test_a_scan_that_vanishes_between_check_and_run(study, fault, recovers):
    fault.name = "a scan vanishes between check and run"
    scan = study.scan("sub-03", "ses-02")
    with fault.attempt():
        assert "no T1w" not in study.check()
        kept = scan.rename(study.root / "kept.nii.gz")
        fault.show(study.finish(), "sub-03 ses-02")
        kept.rename(scan)
        assert recovers(study) == ["2-4-acquisition", "2-slow", "3-sum"]


def test_a_scan_that_is_replaced_while_a_stage_reads_it(study, fault, recovers):
    """The state said that the new scan had been read, and the table of the old one stood."""
    fault.name = "a scan is replaced by another while a stage reads it"
    scan = study.scan("sub-01", "ses-01")
    right = scan.read_bytes()
    scan.write_bytes(right[:-8] + bytes(8))  # another, broken scan is read first
    with fault.attempt():
        run = study.start()
        shard = study.shards / "2-4-acquisition" / "sub-04" / "scans.tsv"
        while not shard.exists() and run.poll() is None:
            time.sleep(0.02)
        scan.write_bytes(right)
        told, _ = run.communicate()
        assert run.returncode == 0 and "Traceback" not in told
        fault.show(study.check(), "the cohort's scans changed")
        assert "2-4-acquisition" in recovers(study)


@pytest.mark.parametrize("years", [10, pytest.param(-10, marks=whole_bench)])
def test_files_of_another_time(years, finished, fault, recovers):
    """Clocks that are wrong date scans and results to the future or to long ago; what was made stays right."""
    fault.name = f"the clock is {abs(years)} years {'fast' if years > 0 else 'slow'}"
    with fault.attempt():
        then = time.time() + years / 10 * TEN_YEARS_S
        for path in finished.root.rglob("*"):
            os.utime(path, (then, then))
        fault.show(finished.check(), "0 of 3 stages would run")
        assert recovers(finished) == []
