"""What a cohort is: its YAML, its people and visits, where its scans lie and its results go."""

import re
from functools import cached_property
from pathlib import Path

import pandas as pd

from thalutils import scan_tables, spreadsheet, table_folder, tables
from thalutils.bids import Session
from thalutils.cohort_file import Phantom as Phantom
from thalutils.cohort_file import read_settings
from thalutils.entry import STAGE, Entry
from thalutils.errors import CohortError, TableError
from thalutils.files import project_root
from thalutils.scan_tables import People
from thalutils.spreadsheet_settings import Clinical

# Who drew a reference whose folder names nobody.
FIRST_RATER = "rater-1"
NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,40}$")


class Cohort:
    """A cohort: what its YAML says, and where everything of it is.

    Parameters
    ----------
    path : Path
        The YAML file; its name is the cohort's name.
    root : Path
        The checkout.

    Raises
    ------
    CohortError
        Where the YAML is absent, broken, or has a key that is not known.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self.path, self.root, self.name = path, root, path.stem
        if not NAME.match(self.name):
            raise CohortError(f"{path}: a cohort's name is lower-case letters, digits, - and _.")
        self.settings = read_settings(path)

    @classmethod
    def load(cls, name: str | Path) -> "Cohort":
        """Load a cohort by its name in ``cohorts/`` or by the path of its YAML."""
        root = project_root()
        path = Path(name)
        if path.suffix not in (".yml", ".yaml"):
            path = root / "cohorts" / f"{name}.yml"
        if not path.is_file():
            known = ", ".join(sorted(file.stem for file in (root / "cohorts").glob("*.yml")))
            raise CohortError(f"{name}: no such cohort. cohorts/ has {known}.")
        return cls(path.resolve(), root)

    @property
    def kind(self) -> str:
        """How the cohort comes: as ``scans`` or as ``tables``."""
        return "scans" if self.settings.tables is None else "tables"

    @property
    def bids(self) -> Path:
        """The BIDS dataset of a cohort of scans."""
        if self.settings.bids is None:
            raise CohortError(f"{self.path}: the cohort comes as tables and has no scans.")
        return self.root / self.settings.bids

    @property
    def tables_path(self) -> Path:
        """The spreadsheet of a cohort of tables, or the folder of its tables."""
        settings = self.settings.tables
        if settings is None:
            raise CohortError(f"{self.path}: the cohort comes as scans and has no tables of its own.")
        return self.root / (settings if isinstance(settings, Path) else settings.visits)

    @property
    def table_files(self) -> list[Path]:
        """The files that decide what a cohort of tables holds, those that are there."""
        path = self.tables_path
        return table_folder.files(path) if isinstance(self.settings.tables, Path) else [path] * path.is_file()

    @cached_property
    def entry(self) -> Entry:
        """What comes in with a cohort of tables, faults and all."""
        if isinstance(self.settings.tables, Path):
            return table_folder.read(self.tables_path)
        return spreadsheet.read(self.tables_path, self.settings.tables)

    def source_tables(self) -> dict[str, pd.DataFrame]:
        """Return the contract's tables of a cohort of tables, by name; rows and cells at fault are left out.

        Raises
        ------
        TableError
            Saying all that is wrong, where the spreadsheet or the folder cannot be used.
        """
        if self.settings.twin and not self.table_files:
            raise TableError(f"{self.tables_path}: its tables are not drawn yet. Run the stage {STAGE}.")
        if self.entry.refusals:
            raise TableError(f"{self.tables_path} cannot be used:\n  " + "\n  ".join(self.entry.refusals))
        return dict(self.entry.tables)

    @property
    def simulated(self) -> bool:
        """Whether the scans or the tables are simulated."""
        return self.settings.phantom is not None or self.settings.twin is not None

    @property
    def publishes_individuals(self) -> bool:
        """Whether pages may show single people: where nobody is real, or where the YAML says so."""
        return self.simulated or self.settings.publish_individuals

    @property
    def results(self) -> Path:
        """Where the tables go."""
        return self.root / "build" / "results" / self.name

    @property
    def shards(self) -> Path:
        """Where the rows of people are, by the stage that found them."""
        return self.results / tables.SHARDS

    def table_path(self, name: str) -> Path:
        """Return where a table of the results is read, whether a stage has made it yet or not."""
        return self.results / f"{name}.tsv"

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the results.

        Raises
        ------
        TableError
            Where no stage has made it yet, or it breaks the contract.
        """
        return tables.read(self.table_path(name))

    def table_or_empty(self, name: str) -> pd.DataFrame:
        """Return a table that a cohort may not have, empty where it has none."""
        return self.table(name) if self.table_path(name).exists() else tables.empty(name)

    @property
    def derivatives(self) -> Path:
        """Where the images made from the scans go, laid out as BIDS derivatives."""
        return self.root / "build" / "derivatives" / self.name

    @property
    def cache(self) -> Path:
        """Where results are kept by content, for every cohort."""
        return self.root / "data" / "cache"

    @property
    def verdicts(self) -> Path:
        """The table in which a reviewer enters verdicts; it lives beside the YAML."""
        return self.path.with_suffix(".verdicts.tsv")

    @property
    def blinded_verdicts(self) -> Path:
        """The table in which a reviewer enters verdicts on sheets by their codes; beside the YAML too."""
        return self.path.with_suffix(".review.tsv")

    @property
    def review(self) -> Path:
        """Where the sheets for review by eye go."""
        return self.derivatives / "review"

    def raters(self, name: str) -> dict[str | None, Path]:
        """Return the folders of a reference by who drew it, by name: that of the folder; nobody drew the truth."""
        given = self.settings.references.get(name)
        if given is None:
            return {}
        if isinstance(given, list):
            return {path.name: self.bids / path for path in sorted(given, key=lambda path: path.name)}
        if name == "truth":
            return {None: self.bids / given}
        return {FIRST_RATER if given.name == name else given.name: self.bids / given}

    def reference(self, name: str, session: Session, rater: str | None = None) -> Path | None:
        """Return a reference map of one visit, or ``None``; of several raters, the first who drew it.

        A map has 10 in the left and 49 in the right thalamus; a mask (``_mask``) has 1 in both.
        """
        for who, folder in self.raters(name).items():
            person = folder / session.participant_id
            for stem in session.stems if rater in (None, who) else ():
                for place in (person / session.session_id, person):
                    found = sorted((place / "anat").glob(f"{stem}_*desc-thalamus_*.nii*"))
                    if found:
                        return found[0]
        return None

    @cached_property
    def _people(self) -> People:
        if self.kind == "tables":
            found = self.source_tables()
            return People(found["participants"], found["sessions"], self.entry.exclusions, self.entry.told)
        if not self.bids.is_dir():
            raise CohortError(f"{self.bids}: no such folder. Set `bids` in {self.path}.")
        return scan_tables.read(self.bids, self.clinical_tables)

    @property
    def clinical_tables(self) -> list[tuple[Path, Clinical]]:
        """The clinical tables of a cohort of scans, beside those of its dataset, and how each is read."""
        return [(self.root / one.visits, one) for one in self.settings.clinical]

    @property
    def participants(self) -> pd.DataFrame:
        """The people, as the contract's table has them, in order; rows at fault are left out."""
        return self._people.participants

    @property
    def row_exclusions(self) -> pd.DataFrame:
        """The rows and cells of tables, and the folders, that were left out, and why."""
        return self._people.exclusions

    @property
    def told_exclusions(self) -> pd.DataFrame:
        """The same with the cells' own words in the reasons: for the command line, and for no page."""
        return self._people.told

    def choose(self, participants: str = "all") -> list[str]:
        """Return the ids that a `participants` parameter names: ``all``, or ids with commas.

        Raises
        ------
        CohortError
            Where an id is not in the cohort.
        """
        known = list(self.participants["participant_id"])
        if participants.strip() in ("all", ""):
            return known
        wanted = [name.strip() for name in participants.split(",") if name.strip()]
        wanted = [name if name.startswith("sub-") else f"sub-{name}" for name in wanted]
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise CohortError(f"{', '.join(unknown)}: not in cohort {self.name}, which has {shorten(known)}.")
        return [name for name in known if name in wanted]

    def sessions(self, participants: str = "all") -> list[Session]:
        """List the visits of the chosen people, in order; a person without ``ses-`` folders has one.

        The visits of a cohort of tables have no scans.
        """
        if self.kind == "tables":
            keys = self.clinical()[["participant_id", "session_id"]]
            mine = keys[keys["participant_id"].isin(self.choose(participants))]
            return [Session(*key, self.tables_path) for key in mine.itertuples(index=False)]
        found = []
        for person in self.choose(participants):
            folder = self.bids / person
            for name in scan_tables.visits(folder):
                inner = folder / name
                place = inner if inner.is_dir() else folder
                found.append(Session(person, name, place, self.bids, self.settings.scans))
        return found

    def clinical(self) -> pd.DataFrame:
        """Return the sessions table."""
        return self._people.sessions


def shorten(names: list[str], most: int = 8) -> str:
    """Join names for a message, the middle left out where there are many.

    Examples
    --------
    >>> shorten(["a", "b", "c", "d"], most=3)
    'a, b, ..., d'
    """
    if len(names) > most:
        names = [*names[: most - 1], "...", names[-1]]
    return ", ".join(names)
