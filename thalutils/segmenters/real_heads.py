"""The study's tools on real scans that need no cohort: an average head, and public patients with MS."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy import ndimage

from thalutils import choices, fetch
from thalutils.errors import ImageError, ThalutilsError
from thalutils.files import hash_file
from thalutils.imaging import brain_mask, masks, quality, registration
from thalutils.process import Outcome, cached, code_hash, parallel_map
from thalutils.segmenters.protocol import JOINT, LABELS_FILE, check, method_name
from thalutils.segmenters.registry import ANYWHERE, memory_gb, segmenter
from thalutils.stage import frame

CROSS = "cross_sectional/MNI/patient{0}/{1}_N4_noneck_reduced_winsor_regtoFLAIR_brain_N4_regtoMNI.nii.gz"
LESIONS = "cross_sectional/MNI/patient{0}/GOLD_STANDARD_N4_noneck_reduced_winsor_regtoFLAIR_regtoMNI.nii.gz"
LONG = "longitudinal/raw/patient{0}/study{1}_{2}.nii.gz"


@dataclass(frozen=True)
class Head:
    """One real head at one visit: where its scans come from, and the lesions that raters drew on them."""

    name: str
    visit: str
    t1w: tuple[str, ...]
    flair: tuple[str, ...] = ()
    brain_only: bool = True
    words: str = ""
    lesions: tuple[str, ...] = ()


HEADS = (
    Head("MNI152", "1", ("nilearn",), words="average of 152 people, 1 mm, brain only"),
    Head("MS 07", "1", ("open_ms", CROSS.format("07", "T1")), ("open_ms", CROSS.format("07", "FLAIR")),
         words="patient with MS, 1 mm, brain only", lesions=("open_ms", LESIONS.format("07"))),
    Head("MS 26", "1", ("open_ms", CROSS.format("26", "T1")), ("open_ms", CROSS.format("26", "FLAIR")),
         words="patient with MS, 1 mm, brain only", lesions=("open_ms", LESIONS.format("26"))),
    Head("MS 01", "1", ("open_ms", LONG.format("01", 1, "T1W")), ("open_ms", LONG.format("01", 1, "FLAIR")), False,
         "patient with MS, 3 mm slices, first visit"),
    Head("MS 01", "2", ("open_ms", LONG.format("01", 2, "T1W")), ("open_ms", LONG.format("01", 2, "FLAIR")), False,
         "the same patient, second visit"),
    Head("Colin27", "1", ("installed", "colin27"), brain_only=False, words="one man, mean of 27 scans, 1 mm, with skull"),
)  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """A head's images on the grid of its T1w: paths of T1w and brain mask and, where there are, FLAIR and lesions."""

    head: Head
    t1w: Path
    mask: Path
    flair: Path | None
    lesions: Path | None = None

    def images(self, contrast: str) -> dict[str, Path]:
        """Return the image of a contrast, or all of them; none where what is asked for is not there."""
        there = {"T1": self.t1w} | ({"FLAIR": self.flair} if self.flair else {})
        if contrast == JOINT:
            return there if len(there) > 1 else {}
        return {contrast: there[contrast]} if contrast in there else {}


@dataclass(frozen=True)
class Piece:
    """One tool on one contrast of one head."""

    cache: Path
    prepared: Prepared
    tool: str
    contrast: str
    preset: str

    @property
    def method(self) -> str:
        """What the ``method`` column calls it."""
        return method_name(segmenter(self.tool), self.contrast)


@dataclass(frozen=True)
class Found:
    """What came of the real heads.

    Attributes
    ----------
    prepared : list of Prepared
    masks : dict of (name, visit) to dict of method to Path
    absent : list of str
        A sentence for each head or mask that could not be had.
    asked : tuple of Head
        The heads that were asked for.
    """

    prepared: list[Prepared]
    masks: dict[tuple[str, str], dict[str, Path]]
    absent: list[str]
    asked: tuple[Head, ...] = HEADS


def first(number: int) -> tuple[Head, ...]:
    """Return the first heads, each visit counted as one; all for -1.

    Examples
    --------
    >>> [head.name for head in first(2)], len(first(-1)) == len(HEADS)
    (['MNI152', 'MS 07'], True)
    """
    choices.check({"real_visits": number}, "real-heads")
    return HEADS if number < 0 else HEADS[:number]


def study(cache: Path, preset: str, samseg_scans: int, heads: Iterable[Head] = HEADS) -> Found:
    """Prepare every head that can be had, and run the tools on it that come with a package.

    Parameters
    ----------
    cache : Path
        Where results are kept.
    preset : str
        Of the tools.
    samseg_scans : int
        How many scans SAMSEG segments, in the order of the heads, T1w before FLAIR; -1 for all.
    heads : iterable of Head

    Raises
    ------
    UsageError
        Where there is no such preset.
    """
    choices.check({"preset": preset, "samseg_scans": samseg_scans}, "real-heads")
    asked = tuple(heads)
    items = [(cache, head) for head in asked]
    ready = parallel_map(prepare, items, describe=lambda item: item[1].name, label="real heads")
    absent = _absent(ready, lambda item: f"{item[1].name}, visit {item[1].visit}")
    prepared = [outcome.value for outcome in ready if outcome.value]
    pieces, left = [], samseg_scans
    tools = [segmenter(name) for name in ANYWHERE]
    for tool in (one for one in tools if one.availability().ok):
        for contrast in tool.contrasts:
            for one in prepared:
                if not one.images(contrast) or (tool.slow and left == 0):
                    continue
                left -= tool.slow
                pieces.append(Piece(cache, one, tool.name, contrast, preset))
    done = parallel_map(
        segment,
        pieces,
        describe=lambda piece: f"{piece.prepared.head.name} {piece.method}",
        label="real heads",
        memory_gb=memory_gb(piece.tool for piece in pieces),
    )
    absent += _absent(
        done, lambda piece: f"{piece.prepared.head.name}, visit {piece.prepared.head.visit}, {piece.method}"
    )
    drawn: dict[tuple[str, str], dict[str, Path]] = {}
    for outcome in done:
        if outcome.value:
            head = outcome.item.prepared.head
            drawn.setdefault((head.name, head.visit), {})[outcome.item.method] = outcome.value
    return Found(prepared, drawn, absent, asked)


def _absent(outcomes: list[Outcome], name: Callable[[Any], str]) -> list[str]:
    broken = [outcome for outcome in outcomes if outcome.failed]
    if broken:
        raise ThalutilsError("\n".join(f"{name(outcome.item)}: {outcome.error}" for outcome in broken))
    return [f"{name(outcome.item)}: {outcome.error}" for outcome in outcomes if outcome.error]


def prepare(item: tuple[Path, Head]) -> Prepared:
    """Fetch a head's scans and bring them onto the T1w's grid.

    Raises
    ------
    ImageError
        Where a scan cannot be had.
    """
    cache, head = item
    t1w, flair = _source(cache, head.t1w), _source(cache, head.flair) if head.flair else None
    key = {
        "t1w": hash_file(t1w),
        "flair": hash_file(flair) if flair else None,
        "code": code_hash("thalutils.imaging.registration", "thalutils.imaging.brain_mask"),
    }
    made = cached(cache, "real-heads", key, lambda folder: _bring_together(head, t1w, flair, folder))
    moved = made / "flair.nii.gz"
    return Prepared(
        head, made / "t1w.nii.gz", made / "brain.nii.gz", moved if moved.exists() else None,
        _source(cache, head.lesions) if head.lesions else None,
    )  # fmt: skip


def _source(cache: Path, where: tuple[str, ...]) -> Path:
    if where[0] == "nilearn":
        key = {"nilearn": version("nilearn"), "code": hash_file(__file__)}
        return cached(cache, "mni152", key, _write_mni152) / "t1w.nii.gz"
    if where[0] == "installed":
        path = fetch.INSTALLED[where[1]]
        if not path.is_file():
            raise ImageError(f"{path} is not there. Debian's package mricron-data brings it.")
        return path
    return fetch.fetch(*where)


def _write_mni152(folder: Path) -> None:
    from nilearn.datasets import load_mni152_template

    template = load_mni152_template(resolution=1)
    scaled = np.rint(template.get_fdata(dtype=np.float32) * 1000).astype(np.int16)
    image = nib.Nifti1Image(scaled, template.affine)
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, folder / "t1w.nii.gz")


def _bring_together(head: Head, t1w: Path, flair: Path | None, folder: Path) -> None:
    image = registration.reorient(quality.load(t1w))
    nib.save(image, folder / "t1w.nii.gz")
    if head.brain_only:
        inside = ndimage.binary_fill_holes(image.get_fdata(dtype=np.float32) > 0)
        nib.save(nib.Nifti1Image(inside.astype(np.uint8), image.affine), folder / "brain.nii.gz")
    else:
        brain_mask.extract(folder / "t1w.nii.gz", folder)
    if flair is None:
        return
    moving = quality.load(flair)
    transform = np.eye(4) if head.brain_only else registration.register(image, moving, "sitk-mi-rigid")
    nib.save(registration.resample(moving, image, transform), folder / "flair.nii.gz")


def segment(piece: Piece) -> Path:
    """Run one tool on one contrast of one head; return its mask.

    Raises
    ------
    ToolError
        Where it fails.
    """
    tool = segmenter(piece.tool)
    images = piece.prepared.images(piece.contrast)
    key = {
        "image": [hash_file(image) for image in images.values()],
        "contrast": piece.contrast,
        "mask": hash_file(piece.prepared.mask),
        "tool": [tool.name, tool.availability().version],
        "options": tool.options(piece.preset),
    }

    def draw(folder: Path) -> None:
        if piece.contrast == JOINT:
            tool.segment_together(images, folder)
        else:
            tool.segment(images[piece.contrast], piece.prepared.mask, folder, piece.preset)

    made = cached(piece.cache, f"segment-{tool.name}", key, draw)
    check(made, piece.method, piece.prepared.mask)
    return made / LABELS_FILE


def measure(found: Found, preset: str):
    """Return the volumes of all masks, and the Dice of every pair of them on one head.

    Returns
    -------
    volumes, overlap : DataFrame
        The contract's ``real_volumes`` and ``real_overlap``.
    """
    volumes, pairs = [], []
    for (name, visit), drawn in found.masks.items():
        labels = {method: nib.load(path) for method, path in drawn.items()}
        for method, image in labels.items():
            left, right = masks.sides_ml(np.asarray(image.dataobj), image.affine)
            sides = {"volume_ml": left + right, "left_ml": left, "right_ml": right}
            volumes.append({"head": name, "visit": visit, "method": method, "preset": preset} | sides)
        for one, other in combinations(labels, 2):
            size = tuple(float(edge) for edge in labels[one].header.get_zooms()[:3])
            both = [np.asarray(labels[method].dataobj) > 0 for method in (one, other)]
            dice = masks.overlap(*both, size).dice
            pairs.append({"head": name, "visit": visit, "method_i": one, "method_j": other, "dice": dice})
    return frame("real_volumes", volumes), frame("real_overlap", pairs)
