"""Brain volume change of known size, put into simulated heads and a real one, and measured by both engines.

``python -m thalutils.truth.brain_change FOLDER`` computes it, one pair at a time, goes on after a stop, and leaves
``brain_change_truth.tsv``. ``--real T1W`` adds a real head with its skull: SAMSEG labels it, its brain shrinks
as the phantom's does, and it is scanned anew, with another position, bias field and noise.
"""

import tempfile
from argparse import ArgumentParser
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from scipy import ndimage

from thalutils.cohort import Phantom
from thalutils.errors import ToolError
from thalutils.files import hash_file
from thalutils.imaging import brain_mask, halfway, jacobian, pbvc
from thalutils.process import cached
from thalutils.segmenters import protocol, samseg
from thalutils.simulate import anatomy, people, scanner, sequences, tissues
from thalutils.simulate import deformation as warp
from thalutils.simulate.head import FIELD_MM, Head, anatomy_grid, lose, visits
from thalutils.simulate.people import generator
from thalutils.simulate.scanner import Frame
from thalutils.truth import kept
from thalutils.truth.scans import PHANTOM, VOXEL_MM

MODULE = "thalutils.truth.brain_change"
DATA = "brain_change_truth.tsv"
REAL = "real"
MOVEMENT_MM, MOVEMENT_DEG = 3.0, 3.0
# What is asked of the deformation, in percent of white matter and cortex; about two thirds of it is lost, since at
# the brain's rim tissue and fluid share the deformation's grid. The truth is what is counted.
LOSSES = (0.0, 0.7, 0.0, 1.5, 3.0, 4.5)
SEED = 23
SETTINGS = Phantom(structural_mm=VOXEL_MM, seed=SEED)


@dataclass(frozen=True)
class Case:
    """A pair of scans of one head.

    Attributes
    ----------
    cache : Path
    anatomy : str
        ``phantom`` or ``real``.
    number : int
        Which pair; a head of its own on the phantom's anatomy.
    real : Path or None
        The T1w of the real head.
    """

    cache: Path
    anatomy: str
    number: int
    real: Path | None = None

    @property
    def loss_percent(self) -> float:
        """What is asked of the deformation."""
        return LOSSES[(self.number - 1) % len(LOSSES)]


def evaluate(case: Case) -> pd.DataFrame:
    """Scan a head twice, with a known loss of brain between, and measure the change by both engines.

    Returns
    -------
    DataFrame
        A row an engine: ``anatomy``, ``number``, ``engine``, ``true_percent`` (counted), ``measured_percent``,
        ``forward_percent`` and ``backward_percent``, all in percent of the first visit's brain.
    """
    scans = _real_pair(case) if case.anatomy == REAL else _phantom_pair(case)
    (first, brain), (second, brain_later) = scans
    with tempfile.TemporaryDirectory() as folder:
        masks = tuple(_mask(Path(folder) / str(number), scan) for number, scan in enumerate((first, second)))
    pair = halfway.bring_halfway(first, second, masks)
    edges, grown = pbvc.of_pair(pair), jacobian.brain_change(pair)
    row = {
        "anatomy": case.anatomy,
        "number": case.number,
        "true_percent": 100 * (brain_later / brain - 1),
    }
    by_edges = {
        "forward_percent": edges.forward.percent,
        "backward_percent": pbvc.of_first(edges.backward.percent),
    }
    by_growth = {"forward_percent": grown.forward_percent, "backward_percent": grown.backward_percent}
    return pd.DataFrame(
        [
            row | {"engine": edges.engine, "measured_percent": edges.percent} | by_edges,
            row | {"engine": grown.engine, "measured_percent": grown.percent} | by_growth,
        ]
    )


def _mask(folder: Path, scan: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return the brain as the study finds it; not the true one."""
    folder.mkdir()
    nib.save(scan, folder / "t1w.nii.gz")
    brain_mask.extract(folder / "t1w.nii.gz", folder)
    mask = nib.load(folder / "brain.nii.gz")
    return nib.Nifti1Image(np.asarray(mask.dataobj), mask.affine)


def _phantom_pair(case: Case) -> list[tuple[nib.Nifti1Image, float]]:
    """Return two scans of a person of the phantom's kind, and the volume of brain in each."""
    drawn = people.draw(SETTINGS.model_copy(update={"participants": case.number}))[case.number - 1]
    head = visits(drawn, anatomy.atlas(case.cache), SEED, 1)[0]
    heads = (head, lose(head, case.loss_percent, case.loss_percent))
    scans = []
    for visit, head in enumerate(heads, start=1):
        rng = generator(SEED, case.number, 100 * visit + 50)
        frame = Frame.whole_head(VOXEL_MM, scanner.movement(rng, MOVEMENT_MM, MOVEMENT_DEG))
        data = scanner.structural(head, frame, "T1w", SETTINGS, rng)
        scans.append((nib.Nifti1Image(data, frame.affine), head.brain_ml()))
    return scans


def _real_pair(case: Case) -> list[tuple[nib.Nifti1Image, float]]:
    """Return a real scan twice in new positions, the second time with a smaller brain, and the volumes."""
    scan = nib.as_closest_canonical(nib.load(case.real))
    head = _real_head(case.cache, case.real)
    heads = (head, lose(head, 0.0, case.loss_percent))
    scans = []
    for visit, one in enumerate(heads, start=1):
        rng = generator(SEED + 1, case.number, 100 * visit + 50)
        scans.append((_scanned_again(scan, one, rng), one.brain_ml()))
    return scans


@lru_cache(maxsize=1)
def _real_head(cache: Path, t1w: Path) -> Head:
    """Return a real head as SAMSEG labels it, not deformed yet."""
    key = {"scan": hash_file(t1w), "options": samseg.Samseg().options("fast")} | kept.ground(MODULE, SETTINGS)
    folder = cached(cache, "real-head", key, lambda to: _label(t1w, to))
    image = nib.as_closest_canonical(nib.load(folder / protocol.STRUCTURES_FILE))
    values, structure = np.unique(np.asarray(image.dataobj).astype(np.int16), return_inverse=True)
    fine, affine = anatomy.finer(structure.reshape(image.shape).astype(np.uint8), image.affine)
    shape = anatomy.Anatomy(fine, values, affine, t1w.name)
    grid = anatomy_grid(shape, FIELD_MM)
    still = np.zeros((*grid.shape, 3), dtype=np.float32)
    return Head(shape, warp.Field(grid, still), still[..., :1], grid)


def _label(t1w: Path, folder: Path) -> None:
    brain_mask.extract(t1w, folder)
    samseg.Samseg().segment(t1w, folder / "brain.nii.gz", folder, "fast")


def _scanned_again(scan: nib.Nifti1Image, head: Head, rng: np.random.Generator) -> nib.Nifti1Image:
    """Return the scan with the head deformed and moved, under a new bias field and with noise added."""
    frame = Frame(scan.shape, scan.affine, scanner.movement(rng, MOVEMENT_MM, MOVEMENT_DEG))
    world = apply_affine(frame.affine, np.moveaxis(np.indices(scan.shape, dtype=np.float32), 0, -1))
    there = head.field.move(apply_affine(np.linalg.inv(frame.pose), world).astype(np.float32))
    where = np.moveaxis(apply_affine(np.linalg.inv(scan.affine), there), -1, 0)
    data = ndimage.map_coordinates(scan.get_fdata(dtype=np.float32), where, order=3, mode="constant")
    structure, _ = head.structure_at(apply_affine(frame.to_head, np.argwhere(data > 0)))
    white = np.isin(head.anatomy.values, tissues.WHITE_MATTER)[structure]
    level = scanner.WHITE_MATTER_LEVEL / float(np.median(data[data > 0][white]))
    clean = np.clip(level * data, 0, None) * scanner.receive_field(world.astype(np.float32), rng, 0.15)
    noisy = sequences.rician(clean, scanner.WHITE_MATTER_LEVEL / SETTINGS.snr, rng)
    return nib.Nifti1Image(np.clip(noisy, 0, 32000).astype(np.int16), scan.affine)


def keep(case: Case) -> Path:
    """Measure a pair that is not there yet; return the file of its rows."""
    key = {"anatomy": case.anatomy, "number": case.number} | kept.ground(MODULE, SETTINGS)
    key |= {"real": hash_file(case.real) if case.anatomy == REAL else None}

    def make(to: Path) -> None:
        evaluate(case).to_csv(to / "rows.tsv", sep="\t", index=False)

    return cached(case.cache, "brain-change-truth", key, make) / "rows.tsv"


def run(folder: Path, pairs: int = 24, real: Path | None = None, real_pairs: int = 12) -> Path:
    """Do every pair that is not there yet; write the table of all of them.

    Raises
    ------
    ToolError
        Where a pair could not be done, with the reason.
    """
    if real and not real.exists():
        raise ToolError(f"{real}: not there. Give the T1w of a head with its skull.")
    cases = [Case(folder / "cache", PHANTOM, number) for number in range(1, pairs + 1)]
    cases += [Case(folder / "cache", REAL, number, real) for number in range(1, real_pairs + 1) if real]
    made = kept.collect(keep, cases, folder / DATA, label="pairs with a known loss of brain")
    given = f"--pairs {pairs}" + (f" --real {real.name} --real-pairs {real_pairs}" if real else "")
    kept.sign(made, f"python -m {MODULE} FOLDER {given}")
    return made


def main() -> None:
    """Read the command line and compute."""
    parser = ArgumentParser(prog=f"python -m {MODULE}", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the table and what it is made of are kept")
    parser.add_argument("--pairs", type=int, default=24, help="of the phantom's anatomy")
    parser.add_argument("--real", type=Path, help="T1w of a real head with its skull")
    parser.add_argument("--real-pairs", type=int, default=12)
    print(run(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
