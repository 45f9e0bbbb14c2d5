"""A program that hangs, fails or writes rubbish at one visit: the visit is left out, the rest goes on, --force tries again."""

import pytest
from disturbed_study import PROGRAM_LIMIT_S

from thalutils import tables

pytestmark = pytest.mark.slow
ORDERS = {"sub-01_ses-01": "hang", "sub-02_ses-02": "exit", "sub-03_ses-01": "rubbish"}
WORDS = {
    "hang": f"was stopped after {PROGRAM_LIMIT_S:.0f} s without an end",
    "exit": "ended with code 1. Its last words: measuring sub-02_ses-02 no licence for today",
    "rubbish": "program.py wrote nothing usable",
}


def test_a_program_that_hangs_fails_or_writes_rubbish(study, fault, recovers):
    fault.name = "a program hangs, ends with an error or writes rubbish"
    study.order(ORDERS)
    with fault.attempt(len(ORDERS)):
        told = study.finish()
        excluded = tables.read(study.results / "exclusions.tsv").set_index(["participant_id", "session_id"])
        for visit, order in ORDERS.items():
            assert WORDS[order] in excluded.loc[tuple(visit.split("_")), "reason"]
        fault.show(told, "without an end")
        assert "tried again by the same command with --force" in told
        assert len(tables.read(study.results / "volumes.tsv")) == 8 - len(ORDERS)
        study.order({})
        recovers(study, "--force")
