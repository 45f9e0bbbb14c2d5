"""Some people of a cohort as a study of their own: what a stage reads of them, and where it writes without touching the whole's."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd

from thalutils.cohort import Cohort
from thalutils.entry import TABLES
from thalutils.files import hash_json
from thalutils.scan_tables import People
from thalutils.schemas import SCHEMAS

PERSON = "participant_id"
LONGEST_LABEL = 80


class Subset(Cohort):
    """Some people of a cohort.

    Rows of people are read from the whole cohort's results. What was computed over people, such as slopes, is of the
    subset alone: it is read where a stage has been run on the same people, and everything a stage makes is written there,
    so that no result of the whole is replaced.

    Parameters
    ----------
    whole : Cohort
    participants : str
        Ids separated by commas.

    Raises
    ------
    CohortError
        Where an id is not in the cohort.
    """

    def __init__(self, whole: Cohort, participants: str) -> None:
        super().__init__(whole.path, whole.root)
        self.whole = whole
        self.chosen = whole.choose(participants)

    @property
    def results(self) -> Path:
        """Where the tables of these people go."""
        return self.root / "build" / "subsets" / self.name / label(self.chosen)

    @property
    def shards(self) -> Path:
        """The rows of people, by stage: the whole cohort's."""
        return self.whole.shards

    def table_path(self, name: str) -> Path:
        """Return where a table is read: rows of people, and what came in ready-made, among the whole's results."""
        own, whole = super().table_path(name), self.whole.table_path(name)
        return whole if whole.exists() and (PERSON in SCHEMAS[name].columns or name in TABLES) else own

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the results: these people's rows, or what was computed over them alone.

        Raises
        ------
        TableError
            Where there is none, or it breaks the contract.
        """
        return self._mine(super().table(name))

    def source_tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables of a cohort of tables, by name, with these people's rows alone."""
        return {name: self._mine(frame) for name, frame in self.whole.source_tables().items()}

    @cached_property
    def _people(self) -> People:
        every = self.whole._people
        frames = (every.participants, every.sessions, every.exclusions, every.told)
        return People(*map(self._mine, frames))

    def _mine(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return these people's rows; all of a table that is not of people."""
        if PERSON not in frame:
            return frame
        return frame[frame[PERSON].isin(self.chosen)].reset_index(drop=True)


def study(cohort: str | Path, participants: str = "all") -> Cohort:
    """Return what a stage works on: a cohort, or some people of it.

    Parameters
    ----------
    cohort : str or Path
        A name in ``cohorts/``, or the path of a YAML.
    participants : str
        ``all``, or ids separated by commas.

    Raises
    ------
    CohortError
        Where there is no such cohort, or an id is not in it.
    """
    whole = Cohort.load(cohort)
    return whole if is_everyone(participants) else Subset(whole, participants)


def is_everyone(participants: str) -> bool:
    """Return whether a `participants` parameter leaves nobody out."""
    return participants.strip() in ("all", "")


def label(people: Sequence[str]) -> str:
    """Return what files of some people are called by: their ids, shortened where there are many.

    Examples
    --------
    >>> label(["sub-01", "sub-02"])
    'sub-01_sub-02'
    >>> label([f"sub-{number:02}" for number in range(30)])
    'sub-00-and-29-more-ffd56bdd7f'
    """
    whole = "_".join(people)
    if len(whole) <= LONGEST_LABEL:
        return whole
    return f"{people[0]}-and-{len(people) - 1}-more-{hash_json(list(people))[:10]}"
