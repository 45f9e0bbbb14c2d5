"""What a further map adds to T1w and FLAIR, by how far the thalamus stands out from the white matter beside it.

``python -m thalutils.training.borders FOLDER`` computes it on heads of the phantom's anatomy and leaves
``thalnet_borders.tsv`` with a note of what made it. The answer depends on the tissue values that one assumes; so they are varied.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from thalutils.cohort import Phantom
from thalutils.process import cached
from thalutils.segmenters.thalnet import network, segmenting, weight_files
from thalutils.segmenters.thalnet.network import Networks
from thalutils.simulate.people import generator
from thalutils.training import evaluation
from thalutils.truth import judging, kept, scans
from thalutils.truth.scans import PHANTOM, VOXEL_MM, Scanned

DATA = "thalnet_borders.tsv"
# Over the literature's difference between thalamus and white matter, in R1 and MT saturation.
BORDERS = (0.5, 1.0, 2.0)
MAPS = ("R1", "MTsat", "R2star")
SEED = 17
HEADS = 12


@dataclass(frozen=True)
class Border:
    """One head to scan with every contrast at the border."""

    cache: Path
    number: int
    anatomy: str = PHANTOM


def evaluate(case: Border) -> pd.DataFrame:
    """Scan one head at every contrast; segment it with and without a further map, by vote and by the joint network.

    Returns
    -------
    DataFrame
        A row a method: ``number``, ``border_contrast``, ``way`` (``one``, ``vote`` or ``joint``), ``contrasts``,
        ``truth_ml``, ``volume_ml``, ``dice`` and what ThalNet says of its mask.
    """
    networks = network.load()
    head = evaluation.heads_of(evaluation.Case(case.cache, PHANTOM, case.number, 1), SEED)[0]
    rows = []
    for border_contrast in BORDERS:
        settings = Phantom(structural_mm=VOXEL_MM, border_contrast=border_contrast)
        # the same positions, fields and noise at every contrast
        rng = generator(SEED, case.number, 150)
        scanned = scans.scan(head, ("T1w", "FLAIR", *MAPS), settings, rng)
        row = {"number": case.number, "border_contrast": border_contrast, "weights": networks.version}
        row |= {"truth_ml": sum(head.thalamus_ml())}
        for (way, contrasts), found in _drawn(scanned, networks).items():
            rows.append(row | {"way": way, "contrasts": contrasts} | judging.judge(found, scanned))
    return pd.DataFrame(rows)


def _drawn(scanned: Scanned, networks: Networks) -> dict[tuple[str, str], Any]:
    """Return the masks of each scan alone, and of each set of scans by vote and by the joint network."""
    images = {"T1" if kind == "T1w" else kind: image for kind, image in scanned.images.items()}
    single = {name: judging.attempt(segmenting.segment, image, networks) for name, image in images.items()}
    drawn: dict[tuple[str, str], Any] = {("one", name): found for name, found in single.items()}
    for names in [("T1", "FLAIR"), *(("T1", name, "FLAIR") for name in MAPS)]:
        drawn["vote", "-".join(names)] = judging.vote(*(single[name] for name in names))
        # the third of the joint network's places takes any map in which myelin is bright
        placed = {"R1" if name in MAPS else name: images[name] for name in names}
        drawn["joint", "-".join(names)] = judging.attempt(segmenting.segment_together, placed, networks)
    return drawn


def run(folder: Path, heads: int = HEADS) -> Path:
    """Evaluate `heads` heads; write the table, and what made it.

    Raises
    ------
    ToolError
        Where a head could not be evaluated, with the reason.
    """
    wanted = [Border(folder / "cache", number) for number in range(1, heads + 1)]
    made = kept.collect(_kept, wanted, folder / DATA, label="further maps")
    kept.sign(made, f"python -m thalutils.training.borders FOLDER --heads {heads}")
    return made


def _kept(case: Border) -> Path:
    key = {"number": case.number, "weights": weight_files.version()}
    key |= kept.ground("thalutils.training.borders", Phantom(structural_mm=VOXEL_MM))

    def make(to: Path) -> None:
        evaluate(case).to_csv(to / "rows.tsv", sep="\t", index=False)

    return cached(case.cache, "thalnet-borders", key, make) / "rows.tsv"


def main() -> None:
    """Read the command line and compute."""
    parser = argparse.ArgumentParser(prog="python -m thalutils.training.borders", description=__doc__.partition("\n")[0])  # fmt: skip
    parser.add_argument("folder", type=Path, help="where the table and what it is made of are kept")
    parser.add_argument("--heads", type=int, default=HEADS, help="heads of the phantom's anatomy")
    print(run(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
