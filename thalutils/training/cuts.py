"""From which probability on a voxel is thalamus: set where volumes of the watched person have no bias.

Cross entropy is least where probabilities are right voxel by voxel. A mask of all that is more likely thalamus than not is smaller
than the thalamus all the same: the less sure the border, the more the probabilities are those of a blurred body, and of a rounded
body that is blurred the half lies within its surface.
``python -m thalutils.training.cuts FOLDER`` measures it on heads of the person who was watched and took no part in the fit,
and leaves ``thalnet_cuts.tsv``. Those kept out for the test take no part in it either.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from thalutils.cohort import Phantom
from thalutils.process import cached
from thalutils.segmenters.protocol import JOINT
from thalutils.segmenters.thalnet import network, segmenting, weight_files
from thalutils.simulate.people import generator
from thalutils.training import evaluation, label_maps
from thalutils.truth import kept, scans
from thalutils.truth.scans import VOXEL_MM

DATA = "thalnet_cuts.tsv"
CUTS = tuple(np.round(np.arange(0.34, 0.601, 0.02), 2).tolist())
SEED = 27
HEADS = 12


@dataclass(frozen=True)
class Cut:
    """One head of the watched person to draw with every cut."""

    cache: Path
    number: int
    anatomy: str = label_maps.WATCHED[0]


def evaluate(case: Cut) -> pd.DataFrame:
    """Scan one head in every contrast and cut ThalNet's probabilities.

    Returns
    -------
    DataFrame
        A row a contrast and cut: ``anatomy``, ``number``, ``contrast``, ``cut``, ``truth_ml``, ``volume_ml`` and ``dice`` (left and
        right together).
    """
    networks = network.load()
    head = evaluation.heads_of(evaluation.Case(case.cache, case.anatomy, case.number, 1), SEED)[0]
    rng = generator(SEED, case.number, 150)
    scanned = scans.scan(head, tuple(evaluation.CONTRASTS), Phantom(structural_mm=VOXEL_MM), rng)
    truth = scanned.truth > 0
    together = {contrast: scanned.images[kind] for kind, contrast in evaluation.CONTRASTS.items()}
    drawn = {contrast: segmenting.segment(image, networks) for contrast, image in together.items()}
    drawn[JOINT] = segmenting.segment_together(together, networks)
    rows = []
    for contrast, found in drawn.items():
        for cut in CUTS:
            mask = found.probability >= cut
            row = {"anatomy": case.anatomy, "number": case.number, "contrast": contrast, "cut": cut}
            row |= {"truth_ml": sum(head.thalamus_ml()), "volume_ml": mask.sum() * VOXEL_MM**3 / 1000}
            row |= {"dice": 2 * (mask & truth).sum() / (mask.sum() + truth.sum())}
            rows.append(row | {"weights": networks.version})
    return pd.DataFrame(rows)


def biases(found: pd.DataFrame) -> pd.DataFrame:
    """Return, by network and cut, the mean bias of volume in percent and the mean Dice over heads and contrasts."""
    percent = 100 * (found["volume_ml"] / found["truth_ml"] - 1)
    part = np.where(found["contrast"] == JOINT, "joint", "draw")
    given = found.assign(bias_percent=percent, network=part)
    means = given.groupby(["network", "cut"])[["bias_percent", "dice"]].mean()
    return means.reset_index()


def best(found: pd.DataFrame) -> dict[str, float]:
    """Return, for each network, the cut at which volumes have no bias, to two digits.

    Examples
    --------
    >>> rows = [("T1", 0.4, 10.4), ("T1", 0.5, 9.6), ("joint", 0.4, 10.1), ("joint", 0.5, 9.7)]
    >>> best(pd.DataFrame(rows, columns=["contrast", "cut", "volume_ml"]).assign(truth_ml=10.0, dice=0.9))
    {'draw': 0.45, 'joint': 0.43}
    """
    table = biases(found)
    return {
        str(name): round(float(np.interp(0, -rows["bias_percent"], rows["cut"])), 2)
        for name, rows in table.groupby("network")
    }


def run(folder: Path, heads: int = HEADS) -> Path:
    """Draw `heads` heads; write the table, and what made it.

    Raises
    ------
    ToolError
        Where a head could not be drawn, with the reason.
    """
    wanted = [Cut(folder / "cache", number) for number in range(1, heads + 1)]
    made = kept.collect(_kept, wanted, folder / DATA, label="cuts of probability")
    kept.sign(made, f"python -m thalutils.training.cuts FOLDER --heads {heads}")
    return made


def _kept(case: Cut) -> Path:
    key = {"anatomy": case.anatomy, "number": case.number, "weights": weight_files.version()}
    key |= kept.ground("thalutils.training.cuts", Phantom(structural_mm=VOXEL_MM))

    def make(to: Path) -> None:
        evaluate(case).to_csv(to / "rows.tsv", sep="\t", index=False)

    return cached(case.cache, "thalnet-cuts", key, make) / "rows.tsv"


def main() -> None:
    """Read the command line, compute, and say which cuts follow."""
    parser = argparse.ArgumentParser(prog="python -m thalutils.training.cuts", description=__doc__.partition("\n")[0])  # fmt: skip
    parser.add_argument("folder", type=Path, help="where the table and what it is made of are kept")
    parser.add_argument("--heads", type=int, default=HEADS, help="of the watched person")
    made = run(**vars(parser.parse_args()))
    print(made, best(pd.read_csv(made, sep="\t", dtype=kept.TEXTS)))


if __name__ == "__main__":
    main()
