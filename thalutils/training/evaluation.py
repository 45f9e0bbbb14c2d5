"""How well ThalNet does on simulated scans of people it has not seen, and on the phantom's anatomy.

``python -m thalutils.training.evaluation FOLDER`` computes it, one head at a time, goes on after a stop, and
leaves ``thalnet_evaluation.tsv``. The heads are made by :mod:`thalutils.simulate`, by signal equations,
and not by the images of :mod:`thalutils.training.synthesis` that the networks were fitted to.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.affines import apply_affine

from thalutils import fetch
from thalutils.cohort import Phantom
from thalutils.errors import ToolError
from thalutils.files import atomic_path
from thalutils.imaging import masks
from thalutils.process import cached, code_hash, parallel_map
from thalutils.segmenters.protocol import JOINT, LEFT, RIGHT
from thalutils.segmenters.thalnet import network, segmenting, weight_files
from thalutils.segmenters.thalnet.segmenting import Thalami
from thalutils.simulate import anatomy, people, rater, scanner
from thalutils.simulate.anatomy import Anatomy
from thalutils.simulate.head import Head, visits
from thalutils.simulate.people import generator
from thalutils.simulate.scanner import Frame
from thalutils.training.label_maps import HELD_OUT

DATA = "thalnet_evaluation.tsv"
CONTRASTS = {"T1w": "T1", "FLAIR": "FLAIR", "R1": "R1"}
# The vote over the masks of the three, and the joint network on all three.
VOTE = "T1-R1-FLAIR"
PHANTOM = "phantom"
VOXEL_MM = 1.0
# Half the edge of the box that holds the thalami, wherever a head was moved.
REACH_VOXELS = 48
MOVEMENT_MM, MOVEMENT_DEG = 4.0, 5.0
# Known losses of the thalamus between two visits, in percent; each head gets one of them. With none, the very
# same head is scanned again.
LOSSES = (0.0, 0.3, 0.7, 0.0, 1.0, 2.0, 5.0)
YEARLY_BRAIN_LOSS = 0.3
SEED = 7


@dataclass(frozen=True)
class Case:
    """One head to scan and segment at one or two visits.

    Attributes
    ----------
    cache : Path
    anatomy : str
        A held-out person's name, or ``phantom``.
    number : int
        Which deformation.
    visits : int
    """

    cache: Path
    anatomy: str
    number: int
    visits: int


def cases(cache: Path, deformations: int, pairs: int) -> list[Case]:
    """List the heads: `deformations` of each held-out person, and `pairs` of visits of the phantom's anatomy."""
    held_out = [Case(cache, name, number, 1) for name in HELD_OUT for number in range(1, deformations + 1)]
    return held_out + [Case(cache, PHANTOM, number, 2) for number in range(1, pairs + 1)]


def evaluate(case: Case) -> pd.DataFrame:
    """Scan one head in every contrast, segment the scans and hold the masks against the truth.

    Returns
    -------
    DataFrame
        A row a visit and contrast, with their vote and the joint network: ``anatomy``, ``number``, ``visit``,
        ``contrast``, ``truth_ml``,
        ``volume_ml``, ``dice``, ``manual_ml`` (a simulated rater's drawing), ``dice_manual``, ``certainty``,
        ``flip_dice``, ``warned``, ``weights`` and ``loss_percent``, the true one since the visit before.
    """
    seed = SEED + [PHANTOM, *HELD_OUT].index(case.anatomy)
    networks = network.load()
    rows, before = [], np.nan
    for visit, head in enumerate(heads_of(case, seed), start=1):
        rng = generator(seed, case.number, 100 * visit + 50)
        scanned = scan(head, tuple(CONTRASTS), Phantom(structural_mm=VOXEL_MM), rng)
        volume = sum(head.thalamus_ml())
        row = {"anatomy": case.anatomy, "number": case.number, "visit": visit}
        row |= {"truth_ml": volume, "loss_percent": 100 * (1 - volume / before), "weights": networks.version}
        row |= {"manual_ml": masks.volume_ml(scanned.manual > 0, (VOXEL_MM,) * 3)}
        drawn = {contrast: attempt(segmenting.segment, scanned.images[kind], networks) for kind, contrast in CONTRASTS.items()}  # fmt: skip
        drawn[VOTE] = vote(*(drawn[contrast] for contrast in CONTRASTS.values()))
        together = {contrast: scanned.images[kind] for kind, contrast in CONTRASTS.items()}
        drawn[JOINT] = attempt(segmenting.segment_together, together, networks)
        rows += [row | {"contrast": contrast} | judge(found, scanned) for contrast, found in drawn.items()]
        before = volume
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Scanned:
    """The scans of one head on one grid, and what is true of them.

    Attributes
    ----------
    images : dict of Nifti1Image
        By kind of scan.
    truth : ndarray of uint8
        10 and 49 where most of a voxel is thalamus.
    manual : ndarray of uint8
        1 where a simulated rater draws it.
    """

    images: dict[str, nib.Nifti1Image]
    truth: np.ndarray
    manual: np.ndarray


def scan(head: Head, kinds: tuple[str, ...], settings: Phantom, rng: np.random.Generator) -> Scanned:
    """Scan a head in a new position."""
    frame = Frame.whole_head(VOXEL_MM, scanner.movement(rng, MOVEMENT_MM, MOVEMENT_DEG))
    truth, manual = _references(head, frame, settings, rng)
    scans = scanner.together(head, frame, kinds, settings, rng)
    images = {kind: nib.Nifti1Image(data.astype(np.float32), frame.affine) for kind, data in scans.items()}
    return Scanned(images, truth, manual)


def attempt(function: Callable, *arguments) -> Thalami | str:
    """Return what ThalNet draws, or its sentence where it finds no thalamus."""
    try:
        return function(*arguments)
    except ToolError as error:
        return str(error)


def vote(*drawn: Thalami | str) -> np.ndarray | str:
    """Return the vote over masks, as the study fuses them; the sentence of one that is missing."""
    missing = [one for one in drawn if isinstance(one, str)]
    return missing[0] if missing else masks.ensemble([one.labels for one in drawn])


def judge(drawn: Thalami | np.ndarray | str, scanned: Scanned) -> dict[str, float]:
    """Hold a mask against the truth: volume and Dice, and what ThalNet itself says of it."""
    if isinstance(drawn, str):
        return {"note": drawn}
    labels = drawn if isinstance(drawn, np.ndarray) else drawn.labels
    size, truth = (VOXEL_MM,) * 3, scanned.truth
    # sides count: a mask of the wrong side overlaps with nothing
    both = sum(int(((labels == side) & (truth == side)).sum()) for side in (LEFT, RIGHT))
    row = {
        "volume_ml": masks.volume_ml(labels > 0, size),
        "dice": 2 * both / int((labels > 0).sum() + (truth > 0).sum()),
        "dice_manual": masks.overlap(labels > 0, scanned.manual > 0, size).dice,
    }
    if isinstance(drawn, Thalami):
        row |= {"certainty": drawn.certainty, "flip_dice": drawn.flip_dice, "warned": bool(drawn.warnings)}
    return row


def heads_of(case: Case, seed: int) -> list[Head]:
    """Return a head at each visit: a person of the phantom's kind who loses one of :data:`LOSSES` between two."""
    loss = LOSSES[(case.number - 1) % len(LOSSES)]
    drawn = people.draw(Phantom(participants=case.number, seed=seed))[case.number - 1]
    brain = YEARLY_BRAIN_LOSS * loss
    person = replace(drawn, yearly_loss_percent=loss, interval_years=1.0, yearly_brain_loss_percent=brain)
    if loss == 0:
        return visits(person, _anatomy(case), seed, 1) * case.visits
    return visits(person, _anatomy(case), seed, case.visits)


def _anatomy(case: Case) -> Anatomy:
    """Load the anatomy; SAMSEG's atlas, or a person's label map made fine."""
    if case.anatomy == PHANTOM:
        return anatomy.atlas(case.cache)
    return anatomy.of_label_map(case.cache, fetch.label_map(case.anatomy))


def _references(
    head: Head, frame: Frame, settings: Phantom, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the true labels and a rater's mask on the scan's grid; only the box about the thalami is counted."""
    middle = apply_affine(np.linalg.inv(frame.affine) @ frame.pose, anatomy.THALAMI_MM)
    low = np.round(middle).astype(int) - REACH_VOXELS
    affine = frame.affine.copy()
    affine[:3, 3] = apply_affine(frame.affine, low)
    box = Frame((2 * REACH_VOXELS,) * 3, affine, frame.pose)
    shares, _ = scanner.tissue_shares(head, box, settings.supersampling)
    whole = shares["left"] + shares["right"] >= 0.5
    parts = (
        np.where(whole, np.where(shares["left"] >= shares["right"], LEFT, RIGHT), 0),
        rater.draw(shares["left"], shares["right"], shares["fluid"], VOXEL_MM, rng) > 0,
    )
    found = tuple(np.zeros(frame.shape, dtype=np.uint8) for _ in parts)
    for target, part in zip(found, parts, strict=True):
        target[tuple(slice(start, start + 2 * REACH_VOXELS) for start in low)] = part
    return found


def run(folder: Path, deformations: int = 15, pairs: int = 60) -> Path:
    """Evaluate every head that is not there yet; write the table of all of them.

    Raises
    ------
    ToolError
        Where a head could not be evaluated, with the reason.
    """
    return collect(_kept, cases(folder / "cache", deformations, pairs), folder / DATA)


def collect(kept: Callable[[Any], Path], wanted: list[Any], target: Path) -> Path:
    """Do every case that is not there yet, and write the rows of all of them as one table.

    Parameters
    ----------
    kept : callable
        Module-level; from a case, which has an ``anatomy`` and a ``number``, to the file of its rows.
    wanted : list
    target : Path

    Raises
    ------
    ToolError
        Where a case could not be done, with the reason.
    """
    outcomes = parallel_map(
        kept,
        wanted,
        describe=lambda case: f"{case.anatomy} {case.number}",
        label="ThalNet's evaluation",
        memory_gb=4.0,
    )
    broken = [f"{one.item.anatomy} {one.item.number}: {one.error}" for one in outcomes if one.error]
    if broken:
        raise ToolError("\n".join(broken))
    table = pd.concat([pd.read_csv(one.value, sep="\t", dtype={"anatomy": str}) for one in outcomes])
    with atomic_path(target) as draft:
        table.to_csv(draft, sep="\t", index=False, float_format="%.5g", lineterminator="\n")
    return target


def read(name: str) -> pd.DataFrame:
    """Return one of the tables that are kept with the package: the evaluation, or a log of the fit."""
    with files("thalutils").joinpath("data", name).open(encoding="utf-8") as text:
        return pd.read_csv(text, sep="\t", dtype={"anatomy": str})


def _kept(case: Case) -> Path:
    key = {
        "anatomy": case.anatomy,
        "number": case.number,
        "visits": case.visits,
        "weights": weight_files.version(),
    }
    key |= {"code": code_hash("thalutils.training.evaluation")}

    def make(to: Path) -> None:
        evaluate(case).to_csv(to / "rows.tsv", sep="\t", index=False)

    return cached(case.cache, "thalnet-evaluation", key, make) / "rows.tsv"


if __name__ == "__main__":
    print(run(Path(sys.argv[1]), *map(int, sys.argv[2:])))
