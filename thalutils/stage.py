"""What every per-session stage does the same: spread tasks, keep going past faults, write shards."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from thalutils import choices, tables
from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import ImageError, ThalutilsError
from thalutils.files import place
from thalutils.process import parallel_map
from thalutils.schemas import SCHEMAS

ACQUISITION = "2-4-acquisition"


class StageFailure(ThalutilsError):
    """Some tasks of a stage failed for a reason that is not the data's; the rest is written."""


@dataclass(frozen=True)
class Task:
    """One piece of a stage's work: a visit and, where a stage has several pieces a visit, which."""

    cohort: Cohort
    session: Session
    what: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The task in a few words."""
        return self.session.key + (f" {self.what}" if self.what else "")

    def row(self, **columns: Any) -> dict[str, Any]:
        """Return a table row of this visit."""
        visit = {"participant_id": self.session.participant_id, "session_id": self.session.session_id}
        return visit | columns

    def derivative(self, ending: str) -> Path:
        """Return the path of an image made from this visit, as ``R1map.nii.gz`` or ``desc-x_mask.nii.gz``."""
        return derivative(self.cohort, self.session, ending)

    def keep(self, made: Path, names: dict[str, str]) -> None:
        """Place files of the folder `made` among the cohort's derivatives, by their endings."""
        for name, ending in names.items():
            target = self.derivative(ending)
            target.unlink(missing_ok=True)
            place(made / name, target)


Rows = dict[str, list[dict[str, Any]]]


def derivative(cohort: Cohort, session: Session, ending: str) -> Path:
    """Return the path of an image made from a visit."""
    folder = cohort.derivatives / session.participant_id / session.session_id / "anat"
    return folder / f"{session.key}_{ending}"


def need(path: Path, what: str) -> Path:
    """Return `path` where it exists.

    Raises
    ------
    ImageError
        Saying what is missing where it does not.
    """
    if not path.exists():
        raise ImageError(f"no {what}: an earlier stage left it out or has not run.")
    return path


def run(
    cohort: Cohort, stage: str, participants: str, function: Callable[[Task], Rows], *,
    makes: Iterable[str], pieces: Callable[[Session], Iterable[str | None]] | None = None,
    options: dict[str, Any] | None = None, memory_gb: float = 1.5,
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """Run `function` on every task of the chosen people, write their shards and merge the tables.

    Parameters
    ----------
    cohort : Cohort
    stage : str
        The stage's name; shards are kept under it.
    participants : str
        ``all``, or ids with commas.
    function : callable
        Module-level; takes a :class:`Task`, returns rows by table. A :class:`ThalutilsError` it raises
        becomes an exclusion of that task.
    makes : iterable of str
        The tables it fills.
    pieces : callable, optional
        From a visit to its tasks; by default one a visit.
    options : dict, optional
        Handed to every task.
    memory_gb : float
        What a task may need; fewer run at a time where the machine has not enough for all.

    Returns
    -------
    dict of DataFrame
        Every merged table of `makes`, and ``exclusions``.

    Raises
    ------
    UsageError
        Before anything is done, where an option has a value that it cannot have.
    StageFailure
        After all the rest is written, where a task failed in an unforeseen way.
    """
    choices.check(options or {}, stage)
    pieces = pieces or (lambda session: [None])
    tasks = [
        Task(cohort, session, what, options or {})
        for session in cohort.sessions(participants)
        for what in pieces(session)
    ]
    outcomes = parallel_map(
        function, tasks, describe=lambda task: task.label, label=stage, memory_gb=memory_gb
    )
    names = [*makes, "exclusions"]
    rows: dict[str, Rows] = {person: {name: [] for name in names} for person in cohort.choose(participants)}
    for task, outcome in zip(tasks, outcomes, strict=True):
        mine = rows[task.session.participant_id]
        for table, found in (outcome.value or {}).items():
            mine[table] += found
        if outcome.error:
            reason = " ".join(outcome.error.strip().splitlines()[-1 if outcome.failed else 0 :])
            mine["exclusions"].append(exclusion(task, stage, reason))
    for person, found in rows.items():
        frames = {name: frame(name, found[name]) for name in names}
        tables.write_shards(cohort.results, stage, person, frames)
    people = list(cohort.participants["participant_id"])
    merged = {name: tables.merge(cohort.results, name, people) for name in names}
    failed = [f"{outcome.item.label}: {outcome.error}" for outcome in outcomes if outcome.failed]
    if failed:
        raise StageFailure(f"{stage}: {len(failed)} of {len(tasks)} tasks failed.\n" + "\n".join(failed))
    return merged


def frame(table: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a table of the contract, what a row leaves out missing."""
    return pd.DataFrame(rows, columns=list(SCHEMAS[table].columns))


def exclusion(task: Task, stage: str, reason: str, what: str | None = None) -> dict[str, Any]:
    """Return the row that says what was left out of a visit, and why; places in the dataset are named from there.

    A reason of several lines, as with the last words of a program, becomes one.
    """
    reason = " ".join(reason.splitlines())
    for folder in (task.cohort.bids, task.cohort.root):
        reason = reason.replace(f"{folder}/", "")
    return task.row(stage=stage, method=what or task.what, reason=reason)


def usable_scans(cohort: Cohort, session: Session) -> dict[str, Path]:
    """Return a visit's scans that passed the checks of the acquisition stage, by their place.

    Raises
    ------
    TableError
        Where that stage has not run.
    """
    shard = cohort.shards / ACQUISITION / session.participant_id / "scans.tsv"
    found = tables.read(shard)
    mine = found[(found["session_id"] == session.session_id) & found["usable"]]
    return {row.image: cohort.bids / row.file for row in mine.itertuples()}
