"""Pairs of visits of one simulated head whose true loss is known, and what else differs between the two."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import nibabel as nib

from thalutils.cohort import Phantom
from thalutils.simulate import people
from thalutils.simulate.head import Head, lose, visits
from thalutils.simulate.people import generator
from thalutils.simulate.scanner import STUDY, Conditions, Frame
from thalutils.truth import scans
from thalutils.truth.scans import HELD_OUT, PHANTOM, VOXEL_MM

# True losses of the thalamus between the two visits, in percent, and how much brain goes along with each.
LOSSES = (0.0, 0.3, 0.7, 1.0, 2.0, 5.0)
BRAIN_SHARE = 0.3
SEED = 41
# Always: another position, new noise, new fields. RESCAN has nothing else; UPGRADE another scanner's protocol and
# coil at the second visit; WATER less water in the tissue, which looks like a change and is none.
RESCAN, UPGRADE, WATER = "rescan", "upgrade", "water"
CONDITIONS: Mapping[str, Conditions] = {
    RESCAN: STUDY,
    # the MPRAGE of ADNI's protocol, a FLAIR with a shorter TR, a coil with more elements close to the head
    UPGRADE: Conditions(
        mprage={"tr_s": 2.3, "ti_s": 0.9, "flip_deg": 9.0, "echo_spacing_s": 0.0071, "n_echoes": 176},
        flair={"tr_s": 5.0, "ti_s": 1.8, "te_s": 0.115},
        receive=0.30,
        map_error=0.03,
    ),
    # as where swelling resolves under treatment: most in white matter, some in the thalamus
    WATER: Conditions(water_percent={"white matter": -2.0, "thalamus": -1.0, "lesion": -4.0}),
}
# Under an upgrade fewer losses do for a slope; under a change of water there is none to see.
PLAN: Mapping[str, tuple[float, ...]] = {RESCAN: LOSSES, UPGRADE: (0.0, 1.0, 2.0, 5.0), WATER: (0.0,)}
KINDS = ("T1w", "FLAIR", "R1")


@dataclass(frozen=True)
class Visit:
    """A head as it was scanned once.

    Attributes
    ----------
    head : Head
    frame : Frame
    images : dict of Nifti1Image
        By kind of scan; all on one grid.
    """

    head: Head
    frame: Frame
    images: dict[str, nib.Nifti1Image]

    @property
    def truth_ml(self) -> float:
        """True volume of both thalami."""
        return sum(self.head.thalamus_ml())


@dataclass(frozen=True)
class Person:
    """One simulated person whose second visit is scanned in many ways.

    Attributes
    ----------
    cache : Path
    anatomy : str
        ``phantom``, or a person's name whose label map the networks were not fitted to.
    number : int
        Which deformation of it.
    """

    cache: Path
    anatomy: str
    number: int

    @property
    def seed(self) -> int:
        """Of everything random about the person's anatomy."""
        return SEED + (PHANTOM, *HELD_OUT).index(self.anatomy)

    @property
    def settings(self) -> Phantom:
        """How the scans are made."""
        return Phantom(structural_mm=VOXEL_MM, participants=self.number, seed=self.seed)

    @cached_property
    def head(self) -> Head:
        """The head at the first visit."""
        drawn = people.draw(self.settings)[self.number - 1]
        return visits(drawn, scans.anatomy_of(self.cache, self.anatomy), self.seed, 1)[0]

    def first(self, kinds: tuple[str, ...] = KINDS) -> Visit:
        """Scan the first visit."""
        return self._scan(self.head, 0, STUDY, kinds)

    def second(self, disturbance: str, loss_percent: float, kinds: tuple[str, ...] = KINDS) -> Visit:
        """Scan the second visit, after a loss and under a disturbance.

        The first of `kinds` is the same whatever follows it.
        """
        head = _after(self, loss_percent)
        place = 1 + list(CONDITIONS).index(disturbance) * len(LOSSES) + LOSSES.index(loss_percent)
        return self._scan(head, place, CONDITIONS[disturbance], kinds)

    def _scan(self, head: Head, place: int, conditions: Conditions, kinds: tuple[str, ...]) -> Visit:
        rng = generator(self.seed, self.number, 100 + place)
        frame = scans.new_position(rng)
        return Visit(head, frame, scans.images(head, frame, kinds, self.settings, rng, conditions))


@lru_cache(maxsize=len(LOSSES))
def _after(person: Person, loss_percent: float) -> Head:
    """Return the head after a loss, made once for all that disturbs its scans."""
    return lose(person.head, loss_percent, BRAIN_SHARE * loss_percent)


def people_of(cache: Path, heads: int, deformations: int) -> list[Person]:
    """List the people: `heads` of the phantom's anatomy, and `deformations` of each person kept out of training.

    They take turns, so that the first few are of every anatomy.
    """
    found = []
    for number in range(1, max(heads, deformations) + 1):
        found += [Person(cache, PHANTOM, number)] if number <= heads else []
        found += [Person(cache, name, number) for name in HELD_OUT] if number <= deformations else []
    return found


def pairs(plan: Mapping[str, tuple[float, ...]] = PLAN) -> list[tuple[str, float]]:
    """List the second visits of one person: disturbance and loss."""
    return [(disturbance, loss) for disturbance, losses in plan.items() for loss in losses]
