"""What each method measures of the change between two visits of one simulated person."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from thalutils.errors import ImageError, ToolError
from thalutils.files import read_json
from thalutils.imaging import brain_mask, follow_up, halfway, masks
from thalutils.imaging.halfway import Halfway
from thalutils.segmenters import samseg_long
from thalutils.segmenters.protocol import FAULTS_FILE, JOINT, LABELS_FILE, Segmenter
from thalutils.segmenters.samseg import Samseg
from thalutils.segmenters.template import Template
from thalutils.segmenters.thalnet import network, segmenting
from thalutils.segmenters.thalnet.network import Networks
from thalutils.truth import judging, scans
from thalutils.truth.visits import KINDS, PLAN, RESCAN, UPGRADE, WATER, Person, Visit

# How two visits are brought together before they are measured: not at all; resampled to the space halfway between
# them; or by the tool itself, which fits both at once.
ALONE, HALFWAY, TOGETHER = "independent", "halfway", "longitudinal"
CONTRASTS = {"T1w": "T1", "FLAIR": "FLAIR", "R1": "R1"}
VOTES = (("T1", "FLAIR"), ("T1", "R1"), ("R1", "FLAIR"), ("T1", "R1", "FLAIR"))
THALNET, FOLLOW_UP, TEMPLATE, SAMSEG = "ThalNet", "FollowUp", "Template", "SAMSEG"
PRESET = "fast"
Mask = np.ndarray | str
Row = dict[str, Any]


class Bench:
    """One person on the bench: the first visit and what is drawn on it, made once for all second visits.

    Parameters
    ----------
    person : Person
    kinds : tuple of str
        What is scanned.
    folder : Path
        For the files that programs take.
    """

    def __init__(self, person: Person, kinds: tuple[str, ...], folder: Path) -> None:
        self.person, self.kinds, self.folder = person, kinds, folder
        self._by_program: dict[str, Mask] = {}

    @cached_property
    def networks(self) -> Networks:
        """ThalNet, loaded once."""
        return network.load()

    @cached_property
    def first(self) -> Visit:
        """The first visit."""
        return self.person.first(self.kinds)

    @cached_property
    def truth(self) -> np.ndarray:
        """True labels on the first visit's grid."""
        return scans.true_labels(self.first.head, self.first.frame, self.person.settings)

    @cached_property
    def drawn(self) -> dict[str, Mask]:
        """What ThalNet draws on the first visit, by contrasts."""
        return thalnet_masks(self.first.images, self.networks)

    @cached_property
    def files(self) -> tuple[Path, Path]:
        """The first visit's T1w and brain mask."""
        return written(self.first, self.folder / "first")

    def mask_of(self, tool: Segmenter) -> Mask:
        """Return what a program draws on the first visit's T1w."""
        if tool.name not in self._by_program:
            self._by_program[tool.name] = by_program(tool, self.files, self.folder / f"first-{tool.name}")
        return self._by_program[tool.name]

    def row(self, method: str, contrast: str, processing: str, first: Mask, second: Mask) -> Row:
        """Return the row of a method that drew a mask at both visits."""
        found = {"method": method, "contrast": contrast, "processing": processing}
        if isinstance(first, str) or isinstance(second, str):
            return found | {"note": first if isinstance(first, str) else second}
        volumes = [masks.volume_ml(mask > 0, (scans.VOXEL_MM,) * 3) for mask in (first, second)]
        if 0 in volumes:
            return found | {"note": "an empty mask"}
        found |= {"first_ml": volumes[0], "second_ml": volumes[1]}
        if processing == ALONE:
            found["dice_first"] = judging.dice(first, self.truth)
        return found | {"measured_percent": 100 * (volumes[1] / volumes[0] - 1)}


def by_thalnet(bench: Bench, second: Visit, folder: Path) -> list[Row]:
    """Measure by ThalNet on every contrast, by votes and together, each visit by itself."""
    before, after = bench.drawn, thalnet_masks(second.images, bench.networks)
    return [bench.row(f"{THALNET}-{name}", name, ALONE, before[name], after[name]) for name in before]


def by_halfway(bench: Bench, second: Visit, folder: Path) -> list[Row]:
    """Measure the same after both visits were resampled to the space halfway, and by following the first mask there."""
    try:
        pair = brought_halfway(bench.files, written(second, folder / "second"))
    except ImageError as error:
        note = str(error)
        lost = [bench.row(f"{THALNET}-{name}", name, HALFWAY, note, note) for name in bench.drawn]
        return [*lost, {"method": FOLLOW_UP, "contrast": "T1", "processing": HALFWAY, "note": note}]
    before, after = (
        thalnet_masks(
            {kind: halfway.resampled(image, half) for kind, image in visit.images.items()}, bench.networks
        )
        for visit, half in zip((bench.first, second), halfway.halves(pair.transform), strict=True)
    )
    rows = [bench.row(f"{THALNET}-{name}", name, HALFWAY, before[name], after[name]) for name in before]
    return [*rows, followed(pair, bench.drawn["T1"], bench.first.frame.affine)]


def followed(pair: Halfway, mask: Mask, affine: np.ndarray) -> Row:
    """Return the row of the first visit's ThalNet mask, followed by registration."""
    row = {"method": FOLLOW_UP, "contrast": "T1", "processing": HALFWAY}
    if isinstance(mask, str):
        return row | {"note": mask}
    try:
        percent = follow_up.structure_change(pair, nib.Nifti1Image(mask, affine))
    except ImageError as error:
        return row | {"note": str(error)}
    volume = sum(masks.sides_ml(mask, affine))
    return row | {"first_ml": volume, "second_ml": volume * (1 + percent / 100), "measured_percent": percent}


def by_template(bench: Bench, second: Visit, folder: Path) -> list[Row]:
    """Measure by propagating a template's labels to each visit."""
    tool = Template()
    after = by_program(tool, written(second, folder / "second"), folder / "template")
    return [bench.row(TEMPLATE, "T1", ALONE, bench.mask_of(tool), after)]


def by_samseg(bench: Bench, second: Visit, folder: Path) -> list[Row]:
    """Measure by SAMSEG on each visit."""
    tool = Samseg()
    after = by_program(tool, written(second, folder / "second"), folder / "samseg")
    return [bench.row(f"{SAMSEG}-T1", "T1", ALONE, bench.mask_of(tool), after)]


def by_samseg_long(bench: Bench, second: Visit, folder: Path) -> list[Row]:
    """Measure by SAMSEG's longitudinal model of both visits, which wants them in one space."""
    method = f"{SAMSEG}-T1-long"
    later = written(second, folder / "second")
    try:
        pair = brought_halfway(bench.files, later)
        images = []
        for place, (files, half) in enumerate(zip((bench.files, later), halfway.halves(pair.transform), strict=True)):  # fmt: skip
            images.append(folder / f"halfway-{place}.nii.gz")
            nib.save(halfway.resampled(files[0], half), images[-1])
        before, after = samseg_long.segment_pair((images[0], images[1]), folder, PRESET)
    except (ImageError, ToolError) as error:
        return [{"method": method, "contrast": "T1", "processing": TOGETHER, "note": str(error)}]
    return [bench.row(method, "T1", TOGETHER, before, after)]


@dataclass(frozen=True)
class Group:
    """Methods that are run together.

    Attributes
    ----------
    measure : callable
        From the bench, a second visit and an empty folder to rows.
    plan : mapping
        Which second visits, by disturbance.
    kinds : tuple of str
        What they need to be scanned.
    """

    measure: Callable[[Bench, Visit, Path], list[Row]]
    plan: Mapping[str, tuple[float, ...]]
    kinds: tuple[str, ...] = ("T1w",)


# What takes a minute a pair or more gets fewer losses: as many as a line takes.
FEWER = {RESCAN: (0.0, 1.0, 5.0), UPGRADE: (0.0, 1.0, 5.0), WATER: (0.0,)}
GROUPS: Mapping[str, Group] = {
    "thalnet": Group(by_thalnet, PLAN, KINDS),
    "halfway": Group(by_halfway, FEWER, KINDS),
    "template": Group(by_template, FEWER),
    "samseg": Group(by_samseg, FEWER),
    "samseg-long": Group(by_samseg_long, FEWER),
}


def thalnet_masks(images: Mapping[str, nib.Nifti1Image], networks: Networks) -> dict[str, Mask]:
    """Return what ThalNet draws on each scan, by votes over them, and on all of them together."""
    given = {CONTRASTS[kind]: image for kind, image in images.items()}
    drawn: dict[str, Mask] = {
        contrast: _labels(judging.attempt(segmenting.segment, image, networks))
        for contrast, image in given.items()
    }
    for names in VOTES:
        if set(names) <= set(given):
            lacking = [drawn[name] for name in names if isinstance(drawn[name], str)]
            drawn["-".join(names)] = (
                lacking[0] if lacking else masks.ensemble([drawn[name] for name in names])
            )
    if len(given) > 1:
        drawn[JOINT] = _labels(judging.attempt(segmenting.segment_together, given, networks))
    return drawn


def _labels(found: segmenting.Thalami | str) -> Mask:
    return found if isinstance(found, str) else found.labels


def written(visit: Visit, folder: Path) -> tuple[Path, Path]:
    """Write a visit's T1w and its brain mask, by deepbet as in the study; return both paths."""
    folder.mkdir(exist_ok=True)
    image, brain = folder / "t1w.nii.gz", folder / "brain.nii.gz"
    if not brain.exists():
        nib.save(visit.images["T1w"], image)
        brain_mask.extract(image, folder)
    return image, brain


def brought_halfway(first: tuple[Path, Path], second: tuple[Path, Path]) -> Halfway:
    """Register a pair, each given as T1w and brain mask, to the space halfway.

    Raises
    ------
    ImageError
        Where they do not match.
    """
    # rigid: the simulated scanners do not stretch a head
    return halfway.bring_halfway(first[0], second[0], (first[1], second[1]), skull=False)


def by_program(tool: Segmenter, files: tuple[Path, Path], folder: Path) -> Mask:
    """Return the labels that a program draws on a T1w, or its sentence."""
    folder.mkdir()
    try:
        tool.segment(*files, folder, PRESET)
    except ToolError as error:
        return str(error)
    faults = read_json(folder / FAULTS_FILE)
    return " ".join(faults) if faults else np.asarray(nib.load(folder / LABELS_FILE).dataobj)
