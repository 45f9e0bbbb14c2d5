"""Looks at the scans of a BIDS dataset: which there are, which would be used, and what cannot be told."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from thalutils.bids import CONTRASTS, Session
from thalutils.errors import CohortError, ImageError
from thalutils.imaging import maps, quality, vfa
from thalutils.scan_source import MAP_UNITS, Source, entities, plainest, suffix
from thalutils.scan_tables import visits
from thalutils.schemas import PARTICIPANT
from thalutils.start.finding import Finding, times

WEIGHTED = ("T1w", "FLAIR")
NOT_FITTED = {
    "IRT1": "inversion times",
    "MP2RAGE": "the inversions of MP2RAGE",
}
RAW_B1 = ("TB1EPI", "TB1AFI", "TB1TFL", "TB1RFM", "TB1SRGE", "TB1DAM")
SHOWN = 4
LEAST_ECHOES = 2
PERSONAL = ("sub", "ses")


def sessions(bids: Path) -> list[Session]:
    """List the visits of a dataset by its folders.

    Raises
    ------
    CohortError
        Where the dataset is not there, or has nobody in it.
    """
    if not bids.is_dir():
        raise CohortError(f"{bids}: no such folder.")
    people = sorted(path for path in bids.glob("sub-*") if path.is_dir())
    known = [path for path in people if re.match(PARTICIPANT, path.name)]
    if not known:
        raise CohortError(
            f"{bids}: no folder of a person (sub- and then letters and digits). Is it a BIDS dataset?"
        )
    found = []
    for folder in known:
        for name in visits(folder):
            inner = folder / name
            place = inner if inner.is_dir() else folder
            found.append(Session(folder.name, name, place, bids))
    return found


def look(bids: Path) -> Finding:
    """Look at every visit's scans; return what to write under ``scans``.

    Raises
    ------
    CohortError
        Where the dataset is not there, or has nobody in it.
    """
    every = sessions(bids)
    found = Finding(settings={})
    people = {one.participant_id for one in every}
    several = len(every) > len(people)
    found.remarks.append(
        f"{times(len(people), 'person').replace('persons', 'people')}, {times(len(every), 'visit')}"
        f"{'' if several else ', one each: nothing can be said of change over time'}."
    )
    for name in WEIGHTED:
        _weighted(name, every, found)
    _maps(bids, every, found)
    _multi_parameter(every, found)
    _flip_angles(every, found)
    return found


def _files(session: Session, kind: str) -> list[Path]:
    return session.find(Source(suffix=kind))


def _weighted(name: str, every: list[Session], found: Finding) -> None:
    """Say which file of a weighting is used."""
    mine = {one: _files(one, name) for one in every}
    there = [one for one in every if one.image(name) is not None]
    if not there:
        if name == "T1w":
            _no_t1w(every, found)
        else:
            found.remarks.append("No FLAIR: no mask is drawn on FLAIR.")
        if any(mine.values()):
            found.questions.append(
                f"every {name} was made after a contrast agent. To use them: {name}: {{suffix: {name}, ce: "
                f"{entities(next(path for paths in mine.values() for path in paths)).get('ce')}}}"
            )
        return
    found.remarks.append(f"{name} in {times(len(there), 'visit')} of {len(every)}{_size(there, name)}.")
    lacking = [one.key for one in every if one not in there]
    if name == "T1w" and lacking:
        found.remarks.append(f"Without T1w, and so left out: {_few(lacking)}.")
    many = [one for one in there if len(_no_contrast(mine[one])) > 1]
    if many:
        kinds = Counter(_variant(path) for one in many for path in _no_contrast(mine[one]))
        taken = Counter(_variant(one.image(name)) for one in many)
        found.questions.append(
            f"{times(len(many), 'visit')} have several {name} ({_counts(kinds)}). Used is the one of the plainest name and "
            f"the lowest run ({_counts(taken)}). Where another is meant, name its entities: {_example(name, kinds)}"
        )


def _no_contrast(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if "ce" not in entities(path)]


def _variant(path: Path) -> str:
    """Return a name without the person and the visit, as ``acq-hires_run-2_T1w``."""
    parts = path.name.split(".")[0].split("_")
    return "_".join(part for part in parts if part.partition("-")[0] not in PERSONAL)


def _counts(counted: Counter) -> str:
    shown = [f"{name}: {count}" for name, count in sorted(counted.items(), key=lambda one: (-one[1], one[0]))]
    shown = shown[:SHOWN]
    return ", ".join(shown) + (", ..." if len(counted) > SHOWN else "")


def _example(name: str, kinds: Counter) -> str:
    """Return the line that chooses the last of the variants."""
    last = plainest([Path(kind) for kind in kinds])[-1]
    return f"{name}: {flow({'suffix': suffix(last)} | entities(last))}"


def flow(content: dict[str, Any]) -> str:
    """Return a dict as one line of YAML.

    Examples
    --------
    >>> flow({"suffix": "T1w", "run": "2"})
    '{suffix: T1w, run: 2}'
    """
    return "{" + ", ".join(f"{key}: {value}" for key, value in content.items()) + "}"


def _few(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _size(there: list[Session], name: str) -> str:
    """Return the voxel size of the first image, where it can be read."""
    try:
        image = quality.load(there[0].image(name))
    except ImageError as error:
        return f" (the first cannot be read: {error})"
    edges = " x ".join(f"{float(edge):.2g}" for edge in image.header.get_zooms()[:3])
    return f" (the first has voxels of {edges} mm)"


def _no_t1w(every: list[Session], found: Finding) -> None:
    """Propose what may stand in for a T1w, on which the whole study rests."""
    for kind, more, words in (
        ("UNIT1", {}, "the uniform image of MP2RAGE, whose air is noise"),
        ("MPM", {"acq": "T1w", "echo": 1}, "the first echo of the T1-weighted multi-parameter scan"),
        ("VFA", _largest_flip(every), "the scan of the largest flip angle"),
    ):
        source = Source(suffix=kind, **more)
        there = [one for one in every if one.find(source)]
        if there:
            found.settings["T1w"] = {"suffix": kind} | more
            found.questions.append(
                f"no visit has a T1w, from which every stage starts. In its place stands {words}, in "
                f"{times(len(there), 'visit')}. The tools have not been tried on it: is there a T1w elsewhere?"
            )
            return
    found.questions.append("no visit has a T1w, and nothing stands in for it: no stage can start.")


def _largest_flip(every: list[Session]) -> dict[str, int]:
    """Return the entities of the scan of the largest flip angle, as the first visit's sidecars have it."""
    first = next((one for one in every if one.flips()), None)
    if first is None:
        return {}
    angles = {path: first.sidecar(path).get("FlipAngle") for path in first.flips()}
    known = {path: angle for path, angle in angles.items() if isinstance(angle, int | float)}
    if not known:
        return {}
    mine = entities(max(known, key=lambda path: known[path]))
    return {key: int(mine[key]) for key in ("flip", "echo") if key in mine}


def _maps(bids: Path, every: list[Session], found: Finding) -> None:
    """Find ready maps of R1 or T1 and transmit fields, in the dataset or among its derivatives."""
    offers = list(_offers(bids, every, tuple(MAP_UNITS)))
    if offers:
        best = max(offers, key=lambda offer: len(offer[1]))
        kind, there, folder, example = best
        unit = _unit(example, kind)
        found.settings["R1"] = _entry(kind, folder) | ({"unit": unit} if unit else {})
        found.remarks.append(
            f"A ready {kind} in {times(len(there), 'visit')} ({folder or 'in the dataset'}): it is used, and nothing is "
            "reconstructed from multi-parameter scans."
        )
        if unit is None:
            found.questions.append(
                f"the unit of {example.name} cannot be told from its values: unit is 1/s, 1/ms, s or ms."
            )
        others = {f"{one[0]} of {one[2] or 'the dataset'}" for one in offers if one is not best}
        if others:
            found.remarks.append(f"Not used, since one map is enough: {', '.join(sorted(others))}.")
    fields = list(_offers(bids, every, ("TB1map",)))
    if fields and not any(folder == "" for _, _, folder, _ in fields):
        kind, there, folder, _ = max(fields, key=lambda offer: len(offer[1]))
        found.settings["TB1map"] = _entry(kind, folder)
        found.remarks.append(f"Transmit-field maps of {times(len(there), 'visit')} lie in {folder}.")
    raw = sorted({kind for kind in RAW_B1 for one in every if _files(one, kind)})
    if raw and not fields and not offers:
        found.questions.append(
            f"there are raw scans of the transmit field ({', '.join(raw)}) and no map. Make a TB1map with the hMRI-toolbox "
            "or qMRLab; without it there is no R1."
        )
    for kind, words in NOT_FITTED.items():
        there = [one for one in every if _files(one, kind)]
        if there and not offers:
            found.questions.append(
                f"{times(len(there), 'visit')} have {words} ({kind}), which this study does not fit. Fit a T1map, for "
                "example with qMRLab, put it among the derivatives and run init again."
            )


def _entry(kind: str, folder: str) -> dict[str, Any]:
    return {"suffix": kind} | ({"folder": folder} if folder else {})


def _offers(
    bids: Path, every: list[Session], kinds: tuple[str, ...]
) -> Iterator[tuple[str, list[Session], str, Path]]:
    """Give each kind of map in each place: kind, visits, folder and one file."""
    derived = sorted(path for path in (bids / "derivatives").glob("*") if path.is_dir())
    for folder in ["", *(str(path.relative_to(bids)) for path in derived)]:
        for kind in kinds:
            files = {one: one.find(Source(suffix=kind, folder=Path(folder))) for one in every}
            there = [one for one, paths in files.items() if paths]
            if there:
                yield kind, there, folder, files[there[0]][0]


def _unit(path: Path, kind: str) -> str | None:
    """Return the unit in which a map's values are a head's."""
    try:
        values = quality.load(path, holes=True).get_fdata()
    except ImageError:
        return None
    for unit in MAP_UNITS[kind]:
        try:
            maps.r1_per_s(values, kind, unit, path.name)
            return unit
        except ImageError:
            continue
    return None


def _multi_parameter(every: list[Session], found: Finding) -> None:
    """Say what the multi-parameter scans are, and what their sidecars lack."""
    there = [one for one in every if _files(one, "MPM")]
    if not there:
        if "R1" not in found.settings and not any(one.flips() for one in every):
            found.remarks.append(
                "No multi-parameter scans, no variable flip angles and no map of R1 or T1: pages on R1 say so."
            )
        return
    told: dict[str, Counter] = defaultdict(Counter)
    faults: Counter = Counter()
    for session in there:
        for contrast in CONTRASTS:
            paths = session.echoes(contrast)
            try:
                entries = [maps.entries(session, path) for path in paths]
            except ImageError as error:
                faults[str(error).partition(": ")[2]] += 1
                continue
            if entries:
                first, last = (1000 * one["EchoTime"] for one in (entries[0], entries[-1]))
                told[contrast][
                    f"{times(len(paths), 'echo').replace('echos', 'echoes')} at {first:.3g} to {last:.3g} ms, TR "
                    f"{1000 * entries[0]['RepetitionTimeExcitation']:.3g} ms, {entries[0]['FlipAngle']:g} degrees"
                ] += 1
    for contrast, kinds in told.items():
        found.remarks.append(f"{contrast} (multi-parameter): {'; '.join(kinds)}.")
    for fault, count in faults.items():
        found.questions.append(f"of {times(count, 'multi-parameter contrast')}: {fault}")
    whole = [one for one in there if all(len(one.echoes(name)) >= LEAST_ECHOES for name in ("PDw", "T1w"))]
    if len(whole) < len(there):
        found.questions.append(
            f"{times(len(there) - len(whole), 'visit')} have multi-parameter scans and not two echoes of both PDw and T1w, "
            "told apart by acq-PDw and acq-T1w, or by flip angle. They get no map."
        )
    lacking = [one.key for one in whole if one.b1_map() is None]
    if lacking and not {"R1", "TB1map"} & set(found.settings):
        found.questions.append(
            f"{times(len(lacking), 'visit')} have multi-parameter scans and no TB1map ({_few(lacking)}): no R1 there."
        )


def _flip_angles(every: list[Session], found: Finding) -> None:
    """Say what the scans of variable flip angle are, and what they lack for a fit of R1."""
    there = [one for one in every if one.flips()]
    if not there:
        return
    if "R1" in found.settings or any(_files(one, "MPM") for one in there):
        found.remarks.append("Variable flip angles (VFA) are not used: R1 comes from what is named above.")
        return
    told: Counter = Counter()
    faults: Counter = Counter()
    for session in there:
        try:
            entries = [maps.entries(session, path) for path in session.flips()]
        except ImageError as error:
            faults[str(error).partition(": ")[2]] += 1
            continue
        angles = ", ".join(f"{one['FlipAngle']:g}" for one in entries)
        if len({one["FlipAngle"] for one in entries}) < vfa.FEWEST:
            faults[
                f"{vfa.FEWEST} different flip angles at least are needed, and there is one ({angles} degrees)."
            ] += 1
        else:
            told[f"{angles} degrees, TR {1000 * entries[0]['RepetitionTimeExcitation']:.3g} ms"] += 1
    found.remarks += [
        f"Variable flip angles (VFA) in {times(n, 'visit')}: {words}. R1 is fitted."
        for words, n in told.items()
    ]
    found.questions += [
        f"of the variable flip angles of {times(count, 'visit')}: {fault}" for fault, count in faults.items()
    ]
    lacking = [one.key for one in there if one.b1_map() is None]
    if lacking and "TB1map" not in found.settings:
        found.questions.append(
            f"{times(len(lacking), 'visit')} have variable flip angles and no TB1map ({_few(lacking)}): no R1 there."
        )
