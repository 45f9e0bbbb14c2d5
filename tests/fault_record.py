"""What became of each fault that the bench brings about, for the table of the book.

``THALUTILS_FAULTS=benchmarks/faults.tsv`` keeps it; without the variable nothing is written. ``THALUTILS_KILLS`` says
how often a run is killed; from 20 on the whole bench runs, else a short form of it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kept_tables import keep_row

from thalutils.truth.kept import commit, machine

VARIABLE = "THALUTILS_FAULTS"
LONGEST = 300
KILLS = int(os.environ.get("THALUTILS_KILLS", "2"))
WHOLE = KILLS >= 20
whole_bench = pytest.mark.skipif(not WHOLE, reason="belongs to the whole bench: THALUTILS_KILLS=20")


class Fault:
    """One kind of fault: what it is, what a user sees of it, what the rerun does, how often that was good.

    Parameters
    ----------
    folder : Path
        The test's own, which messages are shown without.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = self.seen = self.rerun = ""
        self.tried = self.survived = 0

    @contextmanager
    def attempt(self, times: int = 1) -> Iterator[None]:
        """Count how often the block brings the fault about; all are survived if the block comes to its end."""
        self.tried += times
        yield
        self.survived += times

    def show(self, told: str, words: str) -> None:
        """Keep the line that has `words` in it of what a user is told, and see that there is one."""
        lines = [line.strip() for line in told.splitlines() if words in line]
        assert lines, f"nothing says {words!r}:\n{told}"
        shown = lines[0].replace(f"{self.folder}/checkout/", "").replace(f"{self.folder}/", "")
        shown = "".join(letter if letter.isprintable() else " " for letter in shown)[:LONGEST]
        if not self.seen or len(shown) < len(self.seen):
            self.seen = shown

    def keep(self) -> None:
        """Write the row of this fault into the table that the variable names, in place of an earlier one."""
        row = {
            "fault": self.name, "seen": self.seen or None, "rerun": self.rerun or None, "tried": self.tried,
            "survived": self.survived, "machine": machine(), "commit": commit(),
            "date": datetime.now(UTC).date().isoformat(),
        }  # fmt: skip
        keep_row(VARIABLE, row, ["fault"])
