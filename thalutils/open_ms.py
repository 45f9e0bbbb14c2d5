"""Open MS Data, a public cohort of real patients (Lesjak et al. 2016, 2018), laid out as a BIDS dataset.

Two series of different people: 30 with one visit, prepared by others on a grid of 1 mm without the skull
(``cs01`` to ``cs30``), and 20 with two visits as they came from the scanner (``lg01`` to ``lg20``).
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from thalutils import fetch, tables
from thalutils.cohort import Cohort
from thalutils.errors import ImageError
from thalutils.files import place, write_json, write_text

COLLECTION = "open_ms"
BIDS_VERSION = "1.10.0"
CROSS = "cross_sectional/MNI/patient{0:02}/{1}_N4_noneck_reduced_winsor_regtoFLAIR_{2}regtoMNI.nii.gz"
LONG = "longitudinal/raw/patient{0:02}/study{1}_{2}.nii.gz"
PEOPLE = {"cs": 30, "lg": 20}
CLINICAL = {"cs": "cross_sectional/patient_info.csv", "lg": "longitudinal/patient_info.csv"}
LESIONS = "derivatives/lesions"
# PR, progressive-relapsing, is a progressive course that the criteria since 2013 count with PP.
GROUPS = {"RR": "RRMS", "SP": "PMS", "PP": "PMS", "PR": "PMS", "CIS": "CIS"}
SITES = {"cs": "cross-sectional series", "lg": "longitudinal series"}
DAYS_PER_YEAR = 365.25
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class File:
    """One scan: whose, of which visit, where it is published and where it goes in the dataset."""

    person: str
    visit: str
    source: str
    target: str

    @property
    def is_t1w(self) -> bool:
        """Whether the study starts from it."""
        return self.target.endswith("_T1w.nii.gz")


def files() -> Iterator[File]:
    """Give every scan of the cohort, people in order."""
    for number in range(1, PEOPLE["cs"] + 1):
        person = f"sub-cs{number:02}"
        for name, contrast in (("T1", "T1w"), ("FLAIR", "FLAIR")):
            yield _scan(person, "ses-01", CROSS.format(number, name, "brain_N4_"), f"{contrast}.nii.gz")
        source = CROSS.format(number, "GOLD_STANDARD", "")
        yield _scan(person, "ses-01", source, "desc-lesion_mask.nii.gz", f"{LESIONS}/")
    for number in range(1, PEOPLE["lg"] + 1):
        for visit in (1, 2):
            for name, contrast in (("T1W", "T1w"), ("FLAIR", "FLAIR")):
                source = LONG.format(number, visit, name)
                yield _scan(f"sub-lg{number:02}", f"ses-{visit:02}", source, f"{contrast}.nii.gz")


def _scan(person: str, visit: str, source: str, ending: str, folder: str = "") -> File:
    return File(person, visit, source, f"{folder}{person}/{visit}/anat/{person}_{visit}_{ending}")


def provide(cohort: Cohort, tell: Tell = lambda what, done, total: None) -> str:
    """Lay out as BIDS what can be had, and return a sentence that says how much that is.

    Where ``THALUTILS_DATA`` names a folder that holds some of the collection, what lies there is taken.
    Else all of it is downloaded, each file checked; those that were finished before are not asked for again.

    Parameters
    ----------
    cohort : Cohort
        Whose dataset is made.
    tell : callable
        Told what is being had, how many files are done, and of how many.

    Raises
    ------
    ImageError
        Where a file is not the published one, cannot be downloaded, or no T1w at all is at hand.
    """
    wanted = list(files())
    local = _local()
    if local:
        wanted = [one for one in wanted if (local / one.source).is_file()]
    visits = {(one.person, one.visit) for one in wanted if not one.target.startswith(LESIONS)}
    wanted = [one for one in wanted if (one.person, one.visit) in visits]
    if not any(one.is_t1w for one in wanted):
        raise ImageError(f"{local}: none of the T1w scans of Open MS Data is there.")
    found = {}
    for number, one in enumerate(wanted):
        tell(f"{one.person} {one.visit}", number, len(wanted))
        found[one] = fetch.fetch(COLLECTION, one.source)
    clinical = {series: fetch.fetch(COLLECTION, path) for series, path in CLINICAL.items()}
    tell("tables", len(wanted), len(wanted))
    for one, source in found.items():
        _put(source, cohort.bids / one.target)
        if one.person.startswith("sub-cs") and one.target.endswith(("_T1w.nii.gz", "_FLAIR.nii.gz")):
            write_json(cohort.bids / one.target.replace(".nii.gz", ".json"), {"SkullStripped": True})
    _write_tables(cohort.bids, visits, clinical)
    _write_descriptions(cohort.bids)
    usable = [one for one in wanted if one.is_t1w]
    people = {one.person for one in usable}
    every = [one for one in files() if one.is_t1w]
    return (
        f"The scans are those of Open MS Data. At hand are T1w scans of {len(people)} of its {sum(PEOPLE.values())} "
        f"patients, {len(usable)} of {len(every)} visits."
    )


def _local() -> Path | None:
    """Return the named folder of public data that holds some of the collection."""
    named = os.environ.get(fetch.DATA_VARIABLE)
    folder = Path(named) / COLLECTION if named else None
    return folder if folder and folder.is_dir() else None


def _put(source: Path, target: Path) -> None:
    if not (target.exists() and target.samefile(source)):
        target.unlink(missing_ok=True)
        place(source, target)


def participants(visits: set[tuple[str, str]], clinical: dict[str, Path]) -> pd.DataFrame:
    """Return the contract's table of the people who have any of these visits."""
    people = pd.concat([_published(series, path) for series, path in clinical.items()], ignore_index=True)
    people = people[people["participant_id"].isin({person for person, _ in visits})]
    found = people[["participant_id", "sex"]].assign(
        group=people["ms_type"].map(GROUPS).fillna("unknown"),
        site=people["series"].map(SITES),
        in_ground_truth=False,
    )
    return found.reset_index(drop=True)


def sessions(visits: set[tuple[str, str]], clinical: dict[str, Path]) -> pd.DataFrame:
    """Return ages, intervals (years) and EDSS of these visits, the scores as they are published."""
    people = pd.concat([_published(series, path) for series, path in clinical.items()], ignore_index=True)
    later = people[people["series"] == "lg"]
    interval = pd.to_numeric(later["days_between_studies"]) / DAYS_PER_YEAR
    first = people.assign(session_id="ses-01", interval_years=0.0)
    second = later.assign(session_id="ses-02", interval_years=interval, age=later["age"] + interval)
    both = pd.concat([first, second], ignore_index=True).rename(columns={"age": "age_years"})
    there = pd.MultiIndex.from_frame(both[["participant_id", "session_id"]]).isin(list(visits))
    columns = ["participant_id", "session_id", "age_years", "edss", "interval_years"]
    return both.loc[there, columns].sort_values(columns[:2], ignore_index=True)


def _published(series: str, path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path, na_values=["N/A"])
    ids = f"sub-{series}" + frame["patient_id"].astype(str).str.zfill(2)
    return frame.assign(participant_id=ids, series=series)


def _write_tables(bids: Path, visits: set[tuple[str, str]], clinical: dict[str, Path]) -> None:
    _write(participants(visits, clinical), bids / "participants.tsv")
    write_json(bids / "participants.json", tables.dictionary("participants"))
    for person, rows in sessions(visits, clinical).groupby("participant_id"):
        path = bids / str(person) / f"{person}_sessions.tsv"
        _write(rows.drop(columns="participant_id").round(4), path)
        known = tables.dictionary("sessions")
        write_json(path.with_suffix(".json"), {name: known[name] for name in rows if name in known})


def _write(frame: pd.DataFrame, path: Path) -> None:
    write_text(path, frame.to_csv(sep="\t", index=False, na_rep=tables.MISSING, lineterminator="\n"))


def _write_descriptions(bids: Path) -> None:
    source = fetch.COLLECTIONS[COLLECTION]
    url = f"https://github.com/{source['repository']}"
    description = {
        "BIDSVersion": BIDS_VERSION,
        "License": "CC BY",
        "HowToAcknowledge": "Cite Lesjak et al. 2016 (longitudinal series) and 2018 (cross-sectional series).",
        "ReferencesAndLinks": [
            url,
            "https://doi.org/10.1007/s12021-016-9301-1",
            "https://doi.org/10.1007/s12021-017-9348-7",
        ],
        "SourceDatasets": [{"URL": url, "Version": source["commit"]}],
    }
    write_json(
        bids / "dataset_description.json", {"Name": "Open MS Data", "DatasetType": "raw"} | description
    )
    made_by = {"DatasetType": "derivative", "GeneratedBy": [{"Name": "Lesjak et al. 2018"}]}
    write_json(
        bids / LESIONS / "dataset_description.json",
        {"Name": "Lesion masks of Open MS Data"} | made_by | description,
    )
    write_text(
        bids / "README.md",
        "# Open MS Data\n\nReal patients with multiple sclerosis, published under CC BY by the Laboratory of Imaging "
        "Technologies, Ljubljana. Ids that begin with cs are the cross-sectional series (brain only, 1 mm), with lg the "
        "longitudinal one (raw, two visits). They are different people. `site` tells the series apart.\n",
    )
