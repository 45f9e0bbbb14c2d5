"""Whether the echoes of a visit's multi-parameter scans are all there."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from thalutils.bids import CONTRASTS, Session
from thalutils.cohort import Cohort
from thalutils.errors import ImageError
from thalutils.scan_source import entities, suffix

# How many visits have so many echoes of each of CONTRASTS.
Protocols = Mapping[tuple[int, ...], int]


def protocols(cohort: Cohort) -> Protocols:
    """Count how many echoes the visits of a dataset have, contrast by contrast."""
    return Counter(
        tuple(len(session.echoes(contrast)) for contrast in CONTRASTS) for session in cohort.sessions()
    )


def whole(session: Session, scans: Mapping[str, Path], known: Protocols) -> dict[str, list[Path]]:
    """Return each contrast's echoes; every echo that was acquired must be there and usable.

    Parameters
    ----------
    session : Session
    scans : mapping
        The visit's usable scans, by their place in the study.
    known : mapping
        What :func:`protocols` counts in the dataset: a missing last echo may show nowhere else.

    Raises
    ------
    ImageError
        Naming the contrast, and the echo where it is known which.
    """
    found = {}
    for contrast in CONTRASTS:
        acquired = session.echoes(contrast)
        usable = [path for path in acquired if path in scans.values()]
        if len(usable) < len(acquired):
            raise ImageError(
                f"{contrast}: {len(acquired) - len(usable)} of {len(acquired)} echoes are not usable; see above."
            )
        numbers = {name.rsplit("-", 1)[1] for name in scans if name.startswith(f"MPM-{contrast}-")}
        gap = set(map(str, range(1, len(usable) + 1))) - numbers
        gap |= {number for number in _told_of(acquired) if number not in numbers}
        if gap:
            raise ImageError(f"{contrast}: echo {', '.join(sorted(gap, key=int))} is missing.")
        if usable:
            found[contrast] = usable
    lacking = [contrast for contrast in ("PDw", "T1w") if len(found.get(contrast, [])) < 2]
    if lacking:
        raise ImageError(f"no multi-parameter scans of {' and '.join(lacking)} with two echoes or more.")
    mine = tuple(len(found.get(contrast, [])) for contrast in CONTRASTS)
    _check_last(mine, known)
    return found


def _told_of(paths: list[Path]) -> set[str]:
    """Return the numbers of a series' echoes that have a sidecar of their own, whether or not there is a scan."""
    if not paths:
        return set()
    kind, series = suffix(paths[0]), entities(paths[0]) | {"echo": None}
    sidecars = [path for path in paths[0].parent.glob("*.json") if suffix(path) == kind]
    said = [entities(path) for path in sidecars]
    return {one["echo"] for one in said if "echo" in one and one | {"echo": None} == series}


def _check_last(mine: tuple[int, ...], known: Protocols) -> None:
    """Check that no contrast ends earlier than in most visits of the dataset that are alike in the other contrasts.

    Contrasts may differ in their echoes (an MT pulse leaves less time), so that one visit alone does not tell what its
    protocol was.

    Parameters
    ----------
    mine : tuple of int
        A visit's echoes of each of :data:`CONTRASTS`.
    known : mapping
        As :func:`protocols` counts them.

    Raises
    ------
    ImageError
        Naming the contrast that lacks its last echo.

    Examples
    --------
    >>> _check_last((8, 8, 6), {(8, 8, 6): 3})
    >>> _check_last((8, 7, 6), {(8, 8, 6): 3, (8, 7, 6): 1})
    Traceback (most recent call last):
    thalutils.errors.ImageError: T1w: 7 echoes, and 8 in most visits that are alike in the other contrasts: the last is missing.
    """
    for place, contrast in enumerate(CONTRASTS):
        alike = Counter()
        for theirs, visits in known.items():
            if theirs[:place] + theirs[place + 1 :] == mine[:place] + mine[place + 1 :]:
                alike[theirs[place]] += visits
        usual = max(alike, key=lambda number: (alike[number], number), default=0)
        if 0 < mine[place] < usual:
            raise ImageError(
                f"{contrast}: {mine[place]} echoes, and {usual} in most visits that are alike in the other contrasts: the "
                "last is missing."
            )
