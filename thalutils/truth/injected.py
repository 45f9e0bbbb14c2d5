"""Loss put into scans by someone else's program, real ones among them: does it tell of the methods what ours tells?

``python -m thalutils.truth.injected FOLDER`` computes it and leaves ``injected_pairs.tsv`` with a note of what made it.
Bidsgate (MIT licence) contracts a region about its middle by a known factor, in the image: no signal is simulated anew, and
position and noise stay. One head of the phantom's anatomy gets its loss by both programs, in one position.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from bidsgate import inject_atrophy
from scipy import ndimage

from thalutils.process import cached
from thalutils.segmenters import real_heads
from thalutils.segmenters.protocol import LEFT, RIGHT
from thalutils.segmenters.thalnet import network, segmenting, weight_files
from thalutils.simulate.head import lose
from thalutils.simulate.people import generator
from thalutils.truth import judging, kept, methods, scans
from thalutils.truth.scans import PHANTOM
from thalutils.truth.visits import BRAIN_SHARE, Person, Visit

DATA = "injected_pairs.tsv"
LOSSES = (1.0, 2.0, 5.0)
# How far about a thalamus bidsgate moves tissue; the other one is no farther away, so that sides disturb each other
# and what is lost is measured and not taken from the factor.
FALLOFF_MM = 6.0
OWN, BIDSGATE = "thalutils", "bidsgate"
REAL = ("MNI152", "MS 07", "MS 26")
NOISE = 950


@dataclass(frozen=True)
class Case:
    """One head and the program that injects its loss."""

    cache: Path
    anatomy: str
    number: str


@dataclass(frozen=True)
class Start:
    """A head before its loss: T1w, brain mask, and the labels that are to shrink."""

    t1w: Path
    brain: Path
    labels: nib.Nifti1Image


def evaluate(case: Case, folder: Path) -> pd.DataFrame:
    """Inject every loss into one head; measure it by ThalNet on T1w and by following its mask.

    Returns
    -------
    DataFrame
        A row a loss and method: ``head``, ``injector``, ``true_percent``, ``method``, ``measured_percent``.
    """
    start, injected = _own(case, folder) if case.number == OWN else _by_bidsgate(case, folder)
    networks = network.load()
    before = _drawn(start.t1w, networks)
    frame = nib.load(start.t1w)
    rows = []
    for true_percent, t1w, brain in injected:
        known = {
            "head": case.anatomy,
            "injector": case.number,
            "true_percent": true_percent,
            "weights": networks.version,
        }
        after = _drawn(t1w, networks)
        change = {}
        if not isinstance(before, str) and not isinstance(after, str):
            change = {"measured_percent": 100 * (float((after > 0).sum()) / float((before > 0).sum()) - 1)}
        rows.append(known | {"method": f"{methods.THALNET}-T1"} | change)
        pair = methods.brought_halfway((start.t1w, start.brain), (t1w, brain))
        found = methods.followed(pair, before, frame.affine)
        rows.append(known | {"method": methods.FOLLOW_UP, "measured_percent": found.get("measured_percent")})
    return pd.DataFrame(rows)


def _drawn(t1w: Path, networks) -> np.ndarray | str:
    found = judging.attempt(segmenting.segment, t1w, networks)
    return found if isinstance(found, str) else found.labels


def _phantom(case: Case) -> tuple[Person, Visit]:
    person = Person(case.cache, PHANTOM, 1)
    return person, person.first(("T1w",))


def _own(case: Case, folder: Path) -> tuple[Start, Iterator[tuple[float, Path, Path]]]:
    """Return a head and its losses by our program: scanned anew in the same position, with noise of its own."""
    person, first = _phantom(case)
    start = _start(
        *methods.written(first, folder / "first"), scans.true_labels(first.head, first.frame, person.settings)
    )

    def injected() -> Iterator[tuple[float, Path, Path]]:
        for place, loss in enumerate(LOSSES):
            head = lose(first.head, loss, BRAIN_SHARE * loss)
            rng = generator(person.seed, person.number, NOISE + place)
            images = scans.images(head, first.frame, ("T1w",), person.settings, rng)
            second = Visit(head, first.frame, images)
            yield (
                100 * (second.truth_ml / first.truth_ml - 1),
                *methods.written(second, folder / f"own-{loss}"),
            )

    return start, injected()


def _by_bidsgate(case: Case, folder: Path) -> tuple[Start, Iterator[tuple[float, Path, Path]]]:
    """Return a head and its losses by bidsgate; on a real head what shrinks is what ThalNet drew."""
    if case.anatomy == PHANTOM:
        person, first = _phantom(case)
        start = _start(
            *methods.written(first, folder / "first"),
            scans.true_labels(first.head, first.frame, person.settings),
        )
    else:
        [head] = [one for one in real_heads.HEADS if one.name == case.anatomy]
        ready = real_heads.prepare((case.cache, head))
        labels = segmenting.segment(ready.t1w).labels
        start = _start(ready.t1w, ready.mask, labels)

    def injected() -> Iterator[tuple[float, Path, Path]]:
        for loss in LOSSES:
            yield shrunk(start, loss, folder / f"bidsgate-{loss}")

    return start, injected()


def _start(t1w: Path, brain: Path, labels: np.ndarray) -> Start:
    return Start(t1w, brain, nib.Nifti1Image(labels.astype(np.uint8), nib.load(t1w).affine))


def shrunk(start: Start, loss_percent: float, folder: Path) -> tuple[float, Path, Path]:
    """Contract one thalamus and then the other by bidsgate.

    Returns
    -------
    true_percent : float
        Change of both together, of the labels carried along by bidsgate's own field.
    t1w, brain : Path
    """
    folder.mkdir()
    labels, t1w = folder / "labels.nii.gz", start.t1w
    nib.save(start.labels, labels)
    drawn = np.asarray(start.labels.dataobj)
    carried = (drawn > 0).astype(np.float32)
    before, zooms = carried.sum(), start.labels.header.get_zooms()[:3]
    for side in (LEFT, RIGHT):
        spec = inject_atrophy.AtrophySpec(1 - loss_percent / 100, FALLOFF_MM, region_label=side)
        after = folder / f"t1w-{side}.nii.gz"
        inject_atrophy.inject(
            t1w, None, after, None, folder / f"truth-{side}.json", spec, start.brain, labels
        )
        field = inject_atrophy.displacement(drawn.shape, zooms, drawn == side, spec.volume_factor, FALLOFF_MM)
        carried = ndimage.map_coordinates(carried, np.indices(drawn.shape, dtype=np.float32) + field, order=1)
        t1w = after
    return float(100 * (carried.sum() / before - 1)), t1w, start.brain


def run(folder: Path) -> Path:
    """Evaluate every head; write the table, and what made it.

    Raises
    ------
    ToolError
        Where a head could not be evaluated, with the reason.
    """
    cache = folder / "cache"
    wanted = [
        Case(cache, PHANTOM, OWN),
        Case(cache, PHANTOM, BIDSGATE),
        *(Case(cache, name, BIDSGATE) for name in REAL),
    ]
    made = kept.collect(keep, wanted, folder / DATA, label="injected losses")
    kept.sign(made, "python -m thalutils.truth.injected FOLDER")
    return made


def keep(case: Case) -> Path:
    """Evaluate a head unless it is there already; return the file of its rows."""
    key = {"head": case.anatomy, "injector": case.number, "weights": weight_files.version()}
    key |= kept.ground("thalutils.truth.injected", Person(case.cache, PHANTOM, 1).settings)

    def make(to: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            evaluate(case, Path(scratch)).to_csv(to / "rows.tsv", sep="\t", index=False)

    return cached(case.cache, "injected", key, make) / "rows.tsv"


if __name__ == "__main__":
    print(run(Path(sys.argv[1])))
