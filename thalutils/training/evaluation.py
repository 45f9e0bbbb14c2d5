"""How well ThalNet does on simulated scans of people it has not seen, and on the phantom's anatomy.

``python -m thalutils.training.evaluation FOLDER`` computes it, one head at a time, goes on after a stop, and
leaves ``thalnet_evaluation.tsv`` with a note of what made it. The heads are made by :mod:`thalutils.simulate`, by signal equations,
and not by the images of :mod:`thalutils.training.synthesis` that the networks were fitted to.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from thalutils.cohort import Phantom
from thalutils.imaging import masks
from thalutils.process import cached
from thalutils.segmenters.protocol import JOINT
from thalutils.segmenters.thalnet import network, segmenting, weight_files
from thalutils.simulate import people
from thalutils.simulate.head import Head, visits
from thalutils.simulate.people import generator
from thalutils.truth import kept, scans
from thalutils.truth.judging import attempt, judge, vote
from thalutils.truth.scans import HELD_OUT, PHANTOM, VOXEL_MM

DATA = "thalnet_evaluation.tsv"
CONTRASTS = {"T1w": "T1", "FLAIR": "FLAIR", "R1": "R1"}
# The vote over the masks of the three, and the joint network on all three.
VOTE = "T1-R1-FLAIR"
LABEL = "ThalNet's evaluation"
# Known losses of the thalamus between two visits, in percent; each head gets one of them. With none, the very
# same head is scanned again.
LOSSES = (0.0, 0.3, 0.7, 0.0, 1.0, 2.0, 5.0)
YEARLY_BRAIN_LOSS = 0.3
SEED = 7
DEFORMATIONS, PAIRS = 15, 60


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
        scanned = scans.scan(head, tuple(CONTRASTS), Phantom(structural_mm=VOXEL_MM), rng)
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


def heads_of(case: Case, seed: int) -> list[Head]:
    """Return a head at each visit: a person of the phantom's kind who loses one of :data:`LOSSES` between two."""
    loss = LOSSES[(case.number - 1) % len(LOSSES)]
    drawn = people.draw(Phantom(participants=case.number, seed=seed))[case.number - 1]
    brain = YEARLY_BRAIN_LOSS * loss
    person = replace(drawn, yearly_loss_percent=loss, interval_years=1.0, yearly_brain_loss_percent=brain)
    if loss == 0:
        return visits(person, scans.anatomy_of(case.cache, case.anatomy), seed, 1) * case.visits
    return visits(person, scans.anatomy_of(case.cache, case.anatomy), seed, case.visits)


def run(folder: Path, deformations: int = DEFORMATIONS, pairs: int = PAIRS) -> Path:
    """Evaluate every head that is not there yet; write the table of all of them, and what made it.

    Raises
    ------
    ToolError
        Where a head could not be evaluated, with the reason.
    """
    made = kept.collect(_kept, cases(folder / "cache", deformations, pairs), folder / DATA, label=LABEL)
    given = f"--deformations {deformations} --pairs {pairs}"
    kept.sign(made, f"python -m thalutils.training.evaluation FOLDER {given}")
    return made


def _kept(case: Case) -> Path:
    key = {
        "anatomy": case.anatomy,
        "number": case.number,
        "visits": case.visits,
        "weights": weight_files.version(),
    }
    key |= kept.ground("thalutils.training.evaluation", Phantom(structural_mm=VOXEL_MM))

    def make(to: Path) -> None:
        evaluate(case).to_csv(to / "rows.tsv", sep="\t", index=False)

    return cached(case.cache, "thalnet-evaluation", key, make) / "rows.tsv"


def main() -> None:
    """Read the command line and compute."""
    parser = argparse.ArgumentParser(prog="python -m thalutils.training.evaluation", description=__doc__.partition("\n")[0])  # fmt: skip
    parser.add_argument("folder", type=Path, help="where the table and what it is made of are kept")
    parser.add_argument("--deformations", type=int, default=DEFORMATIONS, help="of each person kept out of training")  # fmt: skip
    parser.add_argument("--pairs", type=int, default=PAIRS, help="of visits of the phantom's anatomy")
    print(run(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
