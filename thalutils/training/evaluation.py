"""How well ThalNet does on simulated scans of people it has not seen, and on the phantom's anatomy.

``python -m thalutils.training.evaluation FOLDER`` computes it, one head at a time, goes on after a stop, and
leaves ``thalnet_evaluation.tsv``. The heads are made by :mod:`thalutils.simulate`, by signal equations,
and not by the images of :mod:`thalutils.training.synthesis` that the networks were fitted to.
"""

import sys
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

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
from thalutils.segmenters.protocol import LEFT, RIGHT
from thalutils.segmenters.thalnet import network, segmenting, weight_files
from thalutils.simulate import anatomy, people, rater, scanner
from thalutils.simulate.anatomy import Anatomy
from thalutils.simulate.head import Head, visits
from thalutils.simulate.people import generator
from thalutils.simulate.scanner import Frame
from thalutils.training.label_maps import HELD_OUT

DATA = "thalnet_evaluation.tsv"
CONTRASTS = {"T1w": "T1", "FLAIR": "FLAIR", "R1": "R1"}
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
        A row a visit and contrast: ``anatomy``, ``number``, ``visit``, ``contrast``, ``truth_ml``,
        ``volume_ml``, ``dice``, ``manual_ml`` (a simulated rater's drawing), ``dice_manual``, ``certainty``,
        ``flip_dice``, ``warned``, ``weights`` and ``loss_percent``, the true one since the visit before.
    """
    seed = SEED + [PHANTOM, *HELD_OUT].index(case.anatomy)
    heads = _heads(case, seed)
    settings = Phantom(structural_mm=VOXEL_MM)
    networks = network.load()
    rows, before = [], np.nan
    for visit, head in enumerate(heads, start=1):
        rng = generator(seed, case.number, 100 * visit + 50)
        frame = Frame.whole_head(VOXEL_MM, scanner.movement(rng, MOVEMENT_MM, MOVEMENT_DEG))
        truth, manual = _references(head, frame, settings, rng)
        volume = sum(head.thalamus_ml())
        scans = scanner.together(head, frame, tuple(CONTRASTS), settings, rng)
        for kind, contrast in CONTRASTS.items():
            row = {"anatomy": case.anatomy, "number": case.number, "visit": visit, "contrast": contrast}
            row |= {"truth_ml": volume, "loss_percent": 100 * (1 - volume / before)}
            row |= {"weights": networks.version, "manual_ml": masks.volume_ml(manual > 0, (VOXEL_MM,) * 3)}
            rows.append(row | _judge(scans[kind], frame, truth, manual, networks))
        before = volume
    return pd.DataFrame(rows)


def _heads(case: Case, seed: int) -> list[Head]:
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


def _judge(
    data: np.ndarray, frame: Frame, truth: np.ndarray, manual: np.ndarray, networks: network.Networks
) -> dict[str, float]:
    try:
        found = segmenting.segment(nib.Nifti1Image(data.astype(np.float32), frame.affine), networks)
    except ToolError as error:
        return {"note": str(error)}
    size = (VOXEL_MM,) * 3
    # sides count: a mask of the wrong side overlaps with nothing
    both = sum(int(((found.labels == side) & (truth == side)).sum()) for side in (LEFT, RIGHT))
    return {
        "volume_ml": found.volume_ml,
        "dice": 2 * both / int((found.labels > 0).sum() + (truth > 0).sum()),
        "dice_manual": masks.overlap(found.labels > 0, manual > 0, size).dice,
        "certainty": found.certainty,
        "flip_dice": found.flip_dice,
        "warned": bool(found.warnings),
    }


def run(folder: Path, deformations: int = 15, pairs: int = 60) -> Path:
    """Evaluate every head that is not there yet; write the table of all of them.

    Raises
    ------
    ToolError
        Where a head could not be evaluated, with the reason.
    """
    wanted = cases(folder / "cache", deformations, pairs)
    outcomes = parallel_map(
        _kept,
        wanted,
        describe=lambda case: f"{case.anatomy} {case.number}",
        label="ThalNet's evaluation",
        memory_gb=4.0,
    )
    broken = [f"{one.item.anatomy} {one.item.number}: {one.error}" for one in outcomes if one.error]
    if broken:
        raise ToolError("\n".join(broken))
    table = pd.concat([pd.read_csv(one.value, sep="\t", dtype={"anatomy": str}) for one in outcomes])
    target = folder / DATA
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
