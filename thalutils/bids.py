"""One visit in a BIDS dataset, and where its scans lie."""

import re
from dataclasses import dataclass, field
from pathlib import Path

CONTRASTS = ("PDw", "T1w", "MTw")
NOT_MAGNITUDE = {"part-phase", "part-real", "part-imag"}


@dataclass(frozen=True, order=True)
class Session:
    """One visit of one person, and where its scans lie.

    Examples
    --------
    >>> Session("sub-01", "ses-02", Path("data/phantom/sub-01/ses-02")).key
    'sub-01_ses-02'
    """

    participant_id: str
    session_id: str
    folder: Path = field(compare=False)

    @property
    def key(self) -> str:
        """The visit in one word, as BIDS file names begin."""
        return f"{self.participant_id}_{self.session_id}"

    @property
    def stems(self) -> tuple[str, ...]:
        """How the names of its files may begin: of a visit without a folder of its own, the person too.

        Examples
        --------
        >>> Session("sub-01", "ses-02", Path("sub-01/ses-02")).stems
        ('sub-01_ses-02',)
        >>> Session("sub-01", "ses-01", Path("sub-01")).stems
        ('sub-01_ses-01', 'sub-01')
        """
        own = self.folder.name == self.session_id
        return (self.key,) if own else (self.key, self.participant_id)

    def find(self, place: str, *parts: str) -> list[Path]:
        """List the NIfTI files in `place` (``anat``, ``fmap``) whose names have all of `parts`, in order."""
        folder = self.folder / place
        names = sorted(folder.glob("*.nii*")) if folder.is_dir() else []
        wanted, found = set(parts), []
        for name in names:
            entities = set(name.name.split(".")[0].split("_"))
            if wanted <= entities and not entities & NOT_MAGNITUDE:
                found.append(name)
        return found

    def image(self, suffix: str) -> Path | None:
        """Return the visit's one anatomical image of this suffix (``T1w``, ``FLAIR``, ``T2w``), or ``None``."""
        found = self.find("anat", suffix)
        return found[0] if found else None

    def echoes(self, contrast: str) -> list[Path]:
        """List the echoes of one multi-parameter-mapping contrast (``PDw``, ``T1w``, ``MTw``)."""
        found = self.find("anat", "MPM", f"acq-{contrast}")
        return sorted(found, key=lambda path: _entity_number(path, "echo"))

    def b1_map(self) -> Path | None:
        """Return the visit's transmit-field map, or ``None``."""
        found = self.find("fmap", "TB1map")
        return found[0] if found else None

    def scans(self) -> dict[str, Path]:
        """Return every scan the study may use, by its place in it (``T1w``, ``MPM-PDw-1``, ``TB1map``)."""
        places = {suffix: self.image(suffix) for suffix in ("T1w", "FLAIR", "T2w")}
        for contrast in CONTRASTS:
            for path in self.echoes(contrast):
                places[f"MPM-{contrast}-{_entity_number(path, 'echo')}"] = path
        places["TB1map"] = self.b1_map()
        return {place: path for place, path in places.items() if path is not None}


def _entity_number(path: Path, entity: str) -> int:
    found = re.search(rf"_{entity}-(\d+)", path.name)
    return int(found.group(1)) if found else 0
