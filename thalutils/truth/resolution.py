"""What R1 adds to T1w and FLAIR by how fine its map is, and by how far it sets the thalamus off from white matter.

``python -m thalutils.truth.resolution FOLDER`` computes it on heads of the phantom's anatomy and leaves
``r1_resolution.tsv`` with a note of what made it. The paper's maps had voxels of 1.6 mm, its T1w of 0.8 mm.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.processing import resample_from_to

from thalutils.cohort import Phantom
from thalutils.process import cached
from thalutils.segmenters.thalnet import network, segmenting, weight_files
from thalutils.segmenters.thalnet.network import Networks
from thalutils.simulate.people import generator
from thalutils.simulate.scanner import Frame
from thalutils.truth import judging, kept, scans
from thalutils.truth.scans import PHANTOM, Scanned
from thalutils.truth.visits import Person

DATA = "r1_resolution.tsv"
VOXELS_MM = (0.8, 1.2, 1.6)
# Over the literature's difference between thalamus and white matter.
BORDERS = (0.5, 1.0, 2.0)
WITHOUT, WITH = "T1-FLAIR", "T1-R1-FLAIR"
HEADS = 12
POSITION, STRUCTURAL, MAP = 900, 901, 902


@dataclass(frozen=True)
class Case:
    """One head to scan with R1 maps of every resolution at every contrast."""

    cache: Path
    number: int
    anatomy: str = PHANTOM


def evaluate(case: Case) -> pd.DataFrame:
    """Scan one head; segment it with and without R1, by vote and by the joint network.

    Position, fields and noise of T1w and FLAIR are the same at every contrast, and the map's at every contrast of one
    resolution. Each voxel of a map has the same noise, whatever its size: finer maps take longer to measure.

    Returns
    -------
    DataFrame
        A row a method: ``number``, ``voxel_mm``, ``border_contrast``, ``way``, ``contrasts``, ``truth_ml``,
        ``volume_ml``, ``dice`` and what ThalNet says of its mask.
    """
    person, networks = Person(case.cache, case.anatomy, case.number), network.load()
    frame = scans.new_position(generator(person.seed, case.number, POSITION))
    settings = person.settings
    truth = scans.true_labels(person.head, frame, settings)
    known = {"number": case.number, "weights": networks.version, "truth_ml": sum(person.head.thalamus_ml())}
    rows = []
    for border in BORDERS:
        there = settings.model_copy(update={"border_contrast": border})
        rng = generator(person.seed, case.number, STRUCTURAL)
        scanned = Scanned(scans.images(person.head, frame, ("T1w", "FLAIR"), there, rng), truth, truth > 0)
        base = {name: scanned.images[kind] for kind, name in (("T1w", "T1"), ("FLAIR", "FLAIR"))}
        alone = {name: judging.attempt(segmenting.segment, image, networks) for name, image in base.items()}
        without = {
            ("vote", WITHOUT): judging.vote(*alone.values()),
            ("joint", WITHOUT): judging.attempt(segmenting.segment_together, base, networks),
        }
        for voxel_mm in VOXELS_MM:
            r1 = _map(person, frame, voxel_mm, there)
            found = without | _with(r1, base, alone, networks)
            row = known | {"voxel_mm": voxel_mm, "border_contrast": border}
            rows += [
                row | {"way": way, "contrasts": contrasts} | judging.judge(drawn, scanned)
                for (way, contrasts), drawn in found.items()
            ]
    return pd.DataFrame(rows).drop(columns="dice_manual", errors="ignore")


def _map(person: Person, frame: Frame, voxel_mm: float, settings: Phantom) -> nib.Nifti1Image:
    """Measure R1 in the structural scans' position, on a grid of its own, and bring it to theirs, as the study does."""
    own = Frame.whole_head(voxel_mm, frame.pose)
    rng = generator(person.seed, person.number, MAP + round(10 * voxel_mm))
    found = scans.images(person.head, own, ("R1",), settings, rng)["R1"]
    return resample_from_to(found, (frame.shape, frame.affine), order=1, mode="nearest")


def _with(
    r1: nib.Nifti1Image, base: dict[str, nib.Nifti1Image], alone: dict[str, object], networks: Networks
) -> dict[tuple[str, str], segmenting.Thalami | np.ndarray | str]:
    """Return the mask of the map alone, and with T1w and FLAIR by vote and by the joint network."""
    drawn = judging.attempt(segmenting.segment, r1, networks)
    together = {"T1": base["T1"], "FLAIR": base["FLAIR"], "R1": r1}
    return {
        ("one", "R1"): drawn,
        ("vote", WITH): judging.vote(alone["T1"], drawn, alone["FLAIR"]),
        ("joint", WITH): judging.attempt(segmenting.segment_together, together, networks),
    }


def run(folder: Path, heads: int = HEADS) -> Path:
    """Evaluate `heads` heads; write the table, and what made it.

    Raises
    ------
    ToolError
        Where a head could not be evaluated, with the reason.
    """
    wanted = [Case(folder / "cache", number) for number in range(1, heads + 1)]
    made = kept.collect(keep, wanted, folder / DATA, label="resolutions of R1")
    kept.sign(made, f"python -m thalutils.truth.resolution FOLDER --heads {heads}")
    return made


def keep(case: Case) -> Path:
    """Evaluate a head unless it is there already; return the file of its rows."""
    key = {"number": case.number, "weights": weight_files.version()}
    key |= kept.ground("thalutils.truth.resolution", Person(case.cache, case.anatomy, case.number).settings)

    def make(to: Path) -> None:
        evaluate(case).to_csv(to / "rows.tsv", sep="\t", index=False)

    return cached(case.cache, "r1-resolution", key, make) / "rows.tsv"


def main() -> None:
    """Read the command line and compute."""
    parser = argparse.ArgumentParser(prog="python -m thalutils.truth.resolution", description=__doc__.partition("\n")[0])  # fmt: skip
    parser.add_argument("folder", type=Path, help="where the table and what it is made of are kept")
    parser.add_argument("--heads", type=int, default=HEADS, help="heads of the phantom's anatomy")
    given = parser.parse_args()
    print(run(given.folder, given.heads))


if __name__ == "__main__":
    main()
