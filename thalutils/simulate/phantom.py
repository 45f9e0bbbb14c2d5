"""Simulated scans of heads whose truth is known, as a BIDS dataset with its truth beside."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from thalutils import tables
from thalutils.cohort import Cohort
from thalutils.errors import CohortError
from thalutils.files import hash_bytes, place, write_json, write_text
from thalutils.process import cached, code_hash, parallel_map
from thalutils.simulate import anatomy, people, rater, scanner, tissues
from thalutils.simulate.head import TRUTH_MM, Head, visits
from thalutils.simulate.people import Person, generator
from thalutils.simulate.scanner import Frame

BIDS_VERSION = "1.10.0"
VISIT_MOVEMENT_MM, VISIT_MOVEMENT_DEG = 3.0, 3.0
POSES, FIELDS, NOISE, RATER = 10, 20, 30, 40
MPM_NAMES = {"PDw": "flip-1_mt-off", "T1w": "flip-2_mt-off", "MTw": "flip-1_mt-on"}


@dataclass(frozen=True)
class Order:
    """One person to make, and what their scans depend on."""

    cohort: Cohort
    person: Person
    version: dict[str, object]


def provide(cohort: Cohort) -> str:
    """See that a cohort's scans are there, simulating them where it is a phantom; return where they are from."""
    if cohort.settings.phantom is None:
        return f"The scans are those of the BIDS dataset {cohort.bids.name}."
    return f"The anatomy of the simulated heads is drawn from {make(cohort)}."


def make(cohort: Cohort) -> str:
    """Make the phantom's dataset where it is not there yet; return where its anatomy comes from.

    What is made is kept in the cache by everything it depends on, and the dataset's folder holds
    links to it, so that a change makes anew only whom it concerns.

    Raises
    ------
    CohortError
        Where a person could not be made, naming each and why.
    """
    settings = cohort.settings.phantom
    head = anatomy.load(cohort)
    version = {
        "code": code_hash("thalutils.simulate.phantom"),
        "anatomy": hash_bytes(head.structure.tobytes() + head.values.tobytes()),
        "settings": settings.model_dump(exclude={"participants", "anatomy"}),
    }
    orders = [Order(cohort, person, version) for person in people.draw(settings)]
    outcomes = parallel_map(
        _make_person, orders, describe=lambda order: order.person.participant_id, label="simulated scans"
    )
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        reasons = "; ".join(f"{outcome.item.person.participant_id}: {outcome.error}" for outcome in failed)
        raise CohortError(f"{cohort.bids}: could not be simulated whole. {reasons}")
    for outcome in outcomes:
        _link(outcome.value, cohort.bids)
    _write_dataset(cohort, [order.person for order in orders], head.source)
    return head.source


def _make_person(order: Order) -> Path:
    key = order.version | {"person": order.person.number}
    return cached(order.cohort.cache, "phantom", key, lambda folder: _scan_person(order, folder))


def _scan_person(order: Order, folder: Path) -> None:
    settings, person = order.cohort.settings.phantom, order.person
    shape = anatomy.load(order.cohort)
    root, first = folder / "bids", None
    for number, head in enumerate(visits(person, shape, settings.seed, settings.visits), start=1):
        scanned = _Visit(root, settings, person, number, head).scan(first)
        first = first or scanned
    name = person.participant_id
    clinical = people.sessions_table(person, settings.seed, settings.visits).drop(columns="participant_id")
    clinical.to_csv(root / name / f"{name}_sessions.tsv", sep="\t", index=False, na_rep=tables.MISSING)
    write_json(root / name / f"{name}_sessions.json", tables.dictionary("sessions"))


@dataclass(frozen=True)
class Scanned:
    """What later visits of a person are compared with.

    Attributes
    ----------
    session : str
    pose : ndarray, shape (4, 4)
        From the head's millimetres to the T1w's.
    volumes : dict of float
        ``left_ml``, ``right_ml`` (thalamus) and ``brain_ml``.
    """

    session: str
    pose: np.ndarray
    volumes: dict[str, float]


class _Visit:
    """One visit: its head is scanned by every sequence, and the truth is written beside."""

    def __init__(self, root: Path, settings, person: Person, number: int, head: Head) -> None:
        self.settings, self.person, self.number, self.head = settings, person, number, head
        self.session = f"ses-{number:02d}"
        self.stem = f"{person.participant_id}_{self.session}"
        place = Path(person.participant_id) / self.session
        self.anat, self.fmap = root / place / "anat", root / place / "fmap"
        self.truth = root / "derivatives" / "truth" / place / "anat"
        self.manual = root / "derivatives" / "manual" / place / "anat"
        for path in (self.anat, self.fmap, self.truth):
            path.mkdir(parents=True)

    def random(self, purpose: int, image: int = 0) -> np.random.Generator:
        return generator(self.settings.seed, self.person.number, 1000 * self.number + purpose + image)

    def scan(self, first: Scanned | None) -> Scanned:
        """Write all of the visit; what changed since the first visit is part of the truth of a later one."""
        settings, rng = self.settings, self.random(POSES)
        pose = scanner.movement(rng, VISIT_MOVEMENT_MM, VISIT_MOVEMENT_DEG)
        moved = [scanner.movement(rng, settings.movement_mm, settings.movement_deg) @ pose for _ in range(2)]
        reference = Frame.whole_head(settings.structural_mm, pose)
        flair = Frame.whole_head(settings.structural_mm, moved[0])
        mpm = Frame.whole_head(settings.mpm_mm, moved[1])
        self._structural("T1w", reference, _t1w_sidecar(), 0)
        self._structural("FLAIR", flair, _flair_sidecar(), 1)
        self._multi_parameter(mpm)
        self._truth(reference)
        self._transform("T1w", pose, "FLAIR", flair.pose)
        self._transform("T1w", pose, "MPM", mpm.pose)
        if first is not None:
            self._transform(f"{first.session.replace('-', '')}T1w", first.pose, "T1w", pose)
        return Scanned(self.session, pose, self._volumes(first))

    def _transform(self, name: str, pose: np.ndarray, other: str, other_pose: np.ndarray) -> None:
        """Write the movement from one scan's world to another's."""
        path = self.truth / f"{self.stem}_from-{name}_to-{other}_xfm.txt"
        np.savetxt(path, other_pose @ np.linalg.inv(pose), fmt="%.9f")

    def _volumes(self, first: Scanned | None) -> dict[str, float]:
        """Write the exact volumes, and how much of the first visit's is gained or lost."""
        left, right = self.head.thalamus_ml()
        volumes = {"left_ml": left, "right_ml": right, "brain_ml": self.head.brain_ml(TRUTH_MM)}
        kept = volumes | {"counted_mm": TRUTH_MM}
        if first is not None:
            thalamus = (left + right) / (first.volumes["left_ml"] + first.volumes["right_ml"])
            brain = volumes["brain_ml"] / first.volumes["brain_ml"]
            changes = {"thalamus_change_percent": thalamus, "brain_change_percent": brain}
            kept |= {"since": first.session, **{name: 100 * (ratio - 1) for name, ratio in changes.items()}}
        write_json(f"{self.truth / self.stem}_volumes.json", kept)
        return volumes

    def _structural(self, kind: str, frame: Frame, sidecar: dict, image: int) -> None:
        data = scanner.structural(self.head, frame, kind, self.settings, self.random(NOISE, image))
        self._save(self.anat / f"{self.stem}_{kind}", data, frame, sidecar)

    def _multi_parameter(self, frame: Frame) -> None:
        scans, _, truth = scanner.multi_parameter(self.head, frame, self.settings, self.random(FIELDS))
        for contrast, data in scans.items():
            protocol = scanner.MPM[contrast]
            for echo, te_s in enumerate(scanner.MPM_TE_S, start=1):
                name = f"{self.stem}_acq-{contrast}_echo-{echo}_{MPM_NAMES[contrast]}_MPM"
                sidecar = {
                    "RepetitionTimeExcitation": protocol["tr_s"],
                    "EchoTime": te_s,
                    "FlipAngle": protocol["flip_deg"],
                    "MTState": protocol["mt"],
                }
                self._save(self.anat / name, data[..., echo - 1], frame, sidecar)
        coarse = Frame.whole_head(scanner.B1_MAP_MM, frame.pose)
        field = scanner.b1_map(self.random(FIELDS), coarse, self.random(NOISE, 5))
        sidecar = {"Units": "percent", "Description": "Transmit field, percent of nominal"}
        self._save(self.fmap / f"{self.stem}_TB1map", field, coarse, sidecar)
        for name in ("R1", "PD", "MTsat", "R2star"):
            suffix = name if name == "MTsat" else f"{name}map"
            self._save(self.truth / f"{self.stem}_space-MPM_{suffix}", truth[name], frame, {})
        names = {str(place): tissue.name for place, tissue in enumerate(tissues.TISSUES, start=1)}
        brain = {place: name for place, name in names.items() if name not in ("air", "skull", "scalp")}
        majority = f"{self.truth / self.stem}_space-MPM_desc-majority"
        self._save(Path(f"{majority}_dseg"), truth["tissue"], frame, brain)
        points = {
            "Description": "Share of a voxel's points that lie in the tissue of most of them",
            "PointsPerVoxel": self.settings.supersampling**3,
        }
        self._save(Path(f"{majority}_probseg"), truth["share"], frame, points)

    def _truth(self, frame: Frame) -> None:
        shares, labels = scanner.tissue_shares(self.head, frame, self.settings.supersampling)
        thalamus = shares["left"] + shares["right"] >= 0.5
        sides = np.where(shares["left"] >= shares["right"], 10, 49)
        whole = np.where(thalamus, sides, 0).astype(np.uint8)
        stem = self.truth / self.stem
        self._save(Path(f"{stem}_desc-thalamus_dseg"), whole, frame, {})
        self._save(Path(f"{stem}_desc-structures_dseg"), labels, frame, {})
        self._save(Path(f"{stem}_desc-brain_mask"), (shares["inside"] >= 0.5).astype(np.uint8), frame, {})
        if self.number == 1:
            self.manual.mkdir(parents=True)
            drawn = rater.draw(
                shares["left"], shares["right"], shares["fluid"], self.settings.structural_mm,
                self.random(RATER), rater.Protocol.of(self.settings),
            )  # fmt: skip
            self._save(self.manual / f"{self.stem}_desc-thalamus_dseg", drawn, frame, {})

    def _save(self, stem: Path, data: np.ndarray, frame: Frame, sidecar: dict) -> None:
        image = nib.Nifti1Image(data, frame.affine)
        image.header.set_xyzt_units("mm", "sec")
        image.set_sform(frame.affine, 1)
        image.set_qform(frame.affine, 1)
        nib.save(image, f"{stem}.nii.gz")
        if sidecar:
            write_json(f"{stem}.json", sidecar)


def _t1w_sidecar() -> dict[str, object]:
    protocol = scanner.MPRAGE
    return {
        "MagneticFieldStrength": 3.0,
        "RepetitionTime": protocol["tr_s"],
        "InversionTime": protocol["ti_s"],
        "FlipAngle": protocol["flip_deg"],
        "EchoTime": 0.00222,
        "PulseSequenceType": "MPRAGE (simulated)",
    }


def _flair_sidecar() -> dict[str, object]:
    protocol = scanner.FLAIR
    return {
        "MagneticFieldStrength": 3.0,
        "RepetitionTime": protocol["tr_s"],
        "InversionTime": protocol["ti_s"],
        "EchoTime": 0.387,
        "EffectiveEchoTime": protocol["te_s"],
        "PulseSequenceType": "SPACE FLAIR (simulated as a spin echo at the effective echo time)",
    }


def _link(made: Path, bids: Path) -> None:
    """Put links to everything made for one person into the dataset."""
    root = made / "bids"
    for source in sorted(path for path in root.rglob("*") if path.is_file()):
        target = bids / source.relative_to(root)
        if not (target.exists() and target.samefile(source)):
            target.unlink(missing_ok=True)
            place(source, target)


def _write_dataset(cohort: Cohort, crowd: list[Person], source: str) -> None:
    bids, names = cohort.bids, {person.participant_id for person in crowd}
    for folder in (bids, *(bids / "derivatives").iterdir()):
        for old in folder.glob("sub-*"):
            if old.name not in names:
                shutil.rmtree(old)
    description = {"BIDSVersion": BIDS_VERSION, "License": "CC0"}
    generated = [{"Name": "thalutils", "Description": "Simulated; see thalutils.simulate"}]
    write_json(
        bids / "dataset_description.json",
        description | {"Name": cohort.settings.title, "DatasetType": "raw", "GeneratedBy": generated},
    )
    for name, title in (("truth", "The simulation's truth"), ("manual", "A simulated rater's drawings")):
        write_json(
            bids / "derivatives" / name / "dataset_description.json",
            description | {"Name": title, "DatasetType": "derivative", "GeneratedBy": generated},
        )
    write_text(
        bids / "README.md",
        f"# {cohort.settings.title}\n\nNobody was scanned: every image here was computed from {source}, deformed, "
        "by signal equations, with known truth in derivatives/truth.\n",
    )
    write_text(bids / ".bidsignore", "")
    table = people.participants_table(crowd)
    table.to_csv(bids / "participants.tsv", sep="\t", index=False, na_rep=tables.MISSING)
    write_json(bids / "participants.json", tables.dictionary("participants"))
