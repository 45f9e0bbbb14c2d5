"""Which file of a visit is meant, where a dataset has several that would do."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

PLACES = ("T1w", "FLAIR", "R1", "TB1map", "MPM", "VFA")
MAP_UNITS = {"R1map": ("1/s", "1/ms"), "T1map": ("s", "ms")}
NOT_MAGNITUDE = {"phase", "real", "imag"}


class Source(BaseModel):
    """A file of a visit by its suffix and the BIDS entities that its name must have.

    Attributes
    ----------
    suffix : str
        The last part of its name, as ``T1w``.
    folder : Path
        Where in the dataset its people's folders lie, as ``derivatives/hmri``; the dataset itself where empty.
    unit : str
        Of a map of R1 or T1.
    acq, run, rec, ce, echo, inv, flip, mt, part, desc, space : str
        Entities; one that is not given may be anything.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    suffix: str
    folder: Path = Path()
    unit: Literal["1/s", "1/ms", "s", "ms"] | None = None
    acq: str | None = None
    run: str | None = None
    rec: str | None = None
    ce: str | None = None
    echo: str | None = None
    inv: str | None = None
    flip: str | None = None
    mt: str | None = None
    part: str | None = None
    desc: str | None = None
    space: str | None = None

    @model_validator(mode="after")
    def _unit_fits(self) -> "Source":
        known = MAP_UNITS.get(self.suffix, ())
        if self.unit is not None and self.unit not in known:
            raise ValueError(f"a {self.suffix} is in {' or '.join(known) or 'no unit of its own'}")
        return self

    @property
    def entities(self) -> dict[str, str]:
        """The entities that a name must have."""
        found = self.model_dump(exclude={"suffix", "folder", "unit"}, exclude_none=True)
        return {key: bare(value) for key, value in found.items()}

    def names(self, path: Path) -> bool:
        """Return whether a file's name is of this kind."""
        mine = entities(path)
        same = all(mine.get(key) == value for key, value in self.entities.items())
        unasked = mine.get("part") in NOT_MAGNITUDE and self.part is None
        return suffix(path) == self.suffix and same and not unasked


def suffix(path: Path) -> str:
    """Return the last part of a BIDS name.

    Examples
    --------
    >>> suffix(Path("sub-01_run-2_T1w.nii.gz"))
    'T1w'
    """
    return path.name.split(".")[0].rsplit("_", 1)[-1]


def entities(path: Path) -> dict[str, str]:
    """Return the entities of a BIDS name, numbers without zeros before them.

    Examples
    --------
    >>> entities(Path("sub-01_run-02_T1w.nii.gz"))
    {'sub': '1', 'run': '2'}
    """
    parts = (part.partition("-") for part in path.name.split(".")[0].split("_"))
    return {key: bare(value) for key, mark, value in parts if mark}


def bare(value: str) -> str:
    """Return a number without zeros before it, and any other text as it is."""
    return str(int(value)) if value.isdecimal() else value


def plainest(paths: list[Path]) -> list[Path]:
    """Sort files so that the one of the fewest entities and the lowest run comes first."""
    return sorted(paths, key=lambda path: (len(entities(path)), int(entities(path).get("run", 0)), path.name))


def sidecars(path: Path, root: Path) -> list[Path]:
    """List the JSON files that speak of an image by BIDS' rule of inheritance, the nearest last.

    Parameters
    ----------
    path : Path
        The image.
    root : Path
        The dataset; folders from it down to the image are looked through.
    """
    mine, folders = entities(path), [path.parent]
    while folders[-1] != root and root in folders[-1].parents:
        folders.append(folders[-1].parent)
    found = []
    for folder in reversed(folders):
        for one in sorted(folder.glob("*.json")):
            theirs = entities(one)
            if suffix(one) == suffix(path) and theirs.items() <= mine.items():
                found.append(one)
    return sorted(found, key=lambda one: (len(one.parts), len(entities(one))))
