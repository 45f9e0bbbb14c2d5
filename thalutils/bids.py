"""One visit in a BIDS dataset, and where its scans lie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thalutils.files import read_json
from thalutils.scan_source import MAP_UNITS, Source, entities, plainest, sidecars, suffix

CONTRASTS = ("PDw", "T1w", "MTw")
FOLDERS = ("anat", "fmap")


@dataclass(frozen=True, order=True)
class Session:
    """One visit of one person, and where its scans lie.

    Attributes
    ----------
    participant_id, session_id : str
    folder : Path
        Of the visit's scans, with ``anat`` in it.
    bids : Path
        The dataset; where none is given, the folder itself.
    sources : mapping of Source
        Which file is meant, by the scan's place in the study, where the dataset's owner says it.

    Examples
    --------
    >>> Session("sub-01", "ses-02", Path("data/phantom/sub-01/ses-02")).key
    'sub-01_ses-02'
    """

    participant_id: str
    session_id: str
    folder: Path = field(compare=False)
    bids: Path | None = field(default=None, compare=False)
    sources: Mapping[str, Source] = field(default_factory=dict, compare=False)

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

    def unreadable(self) -> dict[Path, str]:
        """Return which of the visit's folders are there and cannot be listed, and what the system says of each.

        A search for scans passes over such a folder as if it were empty.
        """
        found: dict[Path, str] = {}
        for folder in (self.folder, *(self.folder / name for name in FOLDERS)):
            try:
                list(folder.iterdir())
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                found[folder] = error.strerror or str(error)
                if folder == self.folder:
                    break
        return found

    def find(self, source: Source) -> list[Path]:
        """List the visit's NIfTI files that a source means, the plainest name first."""
        folder = self.folder
        if source.folder.parts and self.bids is not None:
            folder = self.bids / source.folder / self.folder.relative_to(self.bids)
        names = [path for inner in FOLDERS for path in (folder / inner).glob("*.nii*")]
        return plainest([path for path in names if source.names(path)])

    def image(self, name: str) -> Path | None:
        """Return the visit's one image of this place (``T1w``, ``FLAIR``, ``T2w``, ``TB1map``), or ``None``.

        Where nobody says which is meant, it is the one of the plainest name; scans after a contrast agent
        are passed over.
        """
        chosen = self.sources.get(name)
        found = self.find(chosen or Source(suffix=name))
        if chosen is None:
            found = [path for path in found if "ce" not in entities(path)]
        return found[0] if found else None

    def ready_r1(self) -> Path | None:
        """Return the visit's finished map of R1 or T1, or ``None``."""
        if "R1" in self.sources:
            return self.image("R1")
        found = [path for name in MAP_UNITS for path in self.find(Source(suffix=name))]
        return found[0] if found else None

    def echoes(self, contrast: str) -> list[Path]:
        """List the echoes of one multi-parameter-mapping contrast (``PDw``, ``T1w``, ``MTw``), in order.

        The contrast is told by ``acq-``. Where no name has one of the three, a scan with ``mt-on`` is MTw, and of
        those without, the ones of the smallest flip angle are PDw and of the largest T1w.
        """
        every = self.find(self.sources.get("MPM") or Source(suffix="MPM"))
        named = {path: entities(path).get("acq", "") for path in every}
        if set(named.values()) & set(CONTRASTS):
            mine = [path for path in every if named[path] == contrast]
        else:
            mine = self._by_flip(every, contrast)
        first = min((_series(path) for path in mine), default=())
        return sorted((path for path in mine if _series(path) == first), key=_echo)

    def _by_flip(self, every: list[Path], contrast: str) -> list[Path]:
        if contrast == "MTw":
            return [path for path in every if entities(path).get("mt") == "on"]
        angles = {
            path: self.sidecar(path).get("FlipAngle") for path in every if entities(path).get("mt") != "on"
        }
        known = {angle for angle in angles.values() if isinstance(angle, int | float)}
        if len(known) < 2:
            return []
        wanted = min(known) if contrast == "PDw" else max(known)
        return [path for path, angle in angles.items() if angle == wanted]

    def flips(self) -> list[Path]:
        """List the scans of variable flip angle (VFA), in the order of their numbers; of several echoes the first."""
        every = self.find(self.sources.get("VFA") or Source(suffix="VFA"))
        first = min((_series(path, "flip", "echo") for path in every), default=())
        mine = sorted((path for path in every if _series(path, "flip", "echo") == first), key=_echo)
        by_flip: dict[int, Path] = {}
        for path in mine:
            by_flip.setdefault(_flip(path), path)
        return [by_flip[number] for number in sorted(by_flip)]

    def sidecar(self, path: Path) -> dict[str, Any]:
        """Return what the JSON files say of an image, those of folders above inherited."""
        found: dict[str, Any] = {}
        for one in sidecars(path, self.bids or self.folder):
            content = read_json(one)
            found |= content if isinstance(content, dict) else {}
        return found

    def b1_map(self) -> Path | None:
        """Return the visit's transmit-field map, or ``None``."""
        return self.image("TB1map")

    def scans(self) -> dict[str, Path]:
        """Return every scan the study may use, by its place (``T1w``, ``R1``, ``MPM-PDw-1``, ``VFA-1``, ``TB1map``)."""
        places = {name: self.image(name) for name in ("T1w", "FLAIR", "T2w")}
        places["R1"] = self.ready_r1()
        for contrast in CONTRASTS:
            for path in self.echoes(contrast):
                places[f"MPM-{contrast}-{_echo(path)}"] = path
        places |= {f"VFA-{_flip(path)}": path for path in self.flips()}
        places["TB1map"] = self.b1_map()
        return {place: path for place, path in places.items() if path is not None}


def _echo(path: Path) -> int:
    return int(entities(path).get("echo", 0))


def _flip(path: Path) -> int:
    return int(entities(path).get("flip", 0))


def _series(path: Path, *but: str) -> tuple[Any, ...]:
    """Return what the scans of one series have in common, so that the plainest and first run sorts first."""
    mine = {key: value for key, value in entities(path).items() if key not in (but or ("echo",))}
    return len(mine), int(mine.get("run", 0)), suffix(path), *sorted(mine.items())
