"""Every tool of the study: whether it is here, under which licence, how to get it, and what it fills."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import pandas as pd

from thalutils import programs
from thalutils.errors import ToolError
from thalutils.imaging import flirt, siena
from thalutils.segmenters.protocol import Availability, Segmenter, method_name
from thalutils.segmenters.registry import SEGMENTERS
from thalutils.segmenters.session import methods

COLUMNS = ("name", "available", "version", "where", "licence", "reason", "fills", "columns")
FSL_LICENCE = "FSL licence, free for non-commercial use"


@dataclass(frozen=True)
class Card:
    """What the study knows of a tool beside whether it is here."""

    licence: str
    get: str
    fills: str


CARDS = {
    "FreeSurfer": Card(
        "FreeSurfer software licence; running it needs a free key",
        "FreeSurfer and its key come from surfer.nmr.mgh.harvard.edu; finished subjects are read without it",
        "volumes and masks of FreeSurfer; intracranial volume (eTIV)",
    ),
    "FIRST": Card(
        FSL_LICENCE,
        "FSL comes from fsl.fmrib.ox.ac.uk; finished labels are read without it",
        "volumes and masks of FIRST; the envelope of MindGlide's",
    ),
    "DBSegment": Card(
        "GPL-3.0", "thalutils tools install dbsegment", "volumes and masks of DBSegment; a brain mask"
    ),
    "MindGlide": Card(
        "MIT", "thalutils tools install mindglide", "volumes and masks of MindGlide and of its ensembles"
    ),
    "Template": Card("Apache-2.0 (ANTs), BSD-3-Clause (nilearn)", "comes with the package", "volumes and masks of Template"),
    "SAMSEG": Card(
        "MIT", "thalutils tools install samseg", "volumes and masks of SAMSEG; intracranial volume"
    ),
    "ThalNet": Card("MIT", "comes with the package", "volumes and masks of ThalNet and of its ensembles"),
    "FLIRT": Card(
        FSL_LICENCE,
        "FSL comes from fsl.fmrib.ox.ac.uk",
        "registrations flirt-mi, flirt-ncc-masked and flirt-ncc in place of SimpleITK's",
    ),
    "SIENA": Card(
        FSL_LICENCE,
        "FSL comes from fsl.fmrib.ox.ac.uk; finished reports are read without it",
        "brain volume change of the engine SIENA",
    ),
    "ANTs": Card("Apache-2.0", "comes with the package", "the registration ants-rigid; bias correction"),
    "hMRI toolbox": Card(
        "GPL-2.0; needs MATLAB and SPM",
        "make the maps with it and name their folder in the cohort's YAML (finished: hMRI)",
        "quantitative maps in place of the study's own",
    ),
    "deepbet": Card("MIT", "comes with the package", "brain masks; intracranial volume"),
    "ITK-SNAP": Card(
        "GPL-3.0",
        "draw with it, and save masks as derivatives/<rater>/.../*_desc-thalamus_mask.nii.gz",
        "the reference manual",
    ),
}  # fmt: skip
# What tables call the strategies, engines and sources of tools that draw no thalami.
NAMES = {
    "FLIRT": (*flirt.R1_STRATEGIES, flirt.FLAIR_STRATEGY), "SIENA": (siena.ENGINE,), "ANTs": ("ants-rigid",),
    "hMRI toolbox": ("hMRI",), "deepbet": ("deepbet",), "ITK-SNAP": ("manual",),
}  # fmt: skip
# Programs that make files which the study reads, and that it never runs.
READ_ONLY = ("hMRI toolbox", "ITK-SNAP")


def availability() -> dict[str, Availability]:
    """Return whether each tool can run here, in the order in which they are shown."""
    found = {tool.name: tool.availability() for tool in SEGMENTERS}
    packages = {"ANTs": "antspyx", "deepbet": "deepbet"}
    others: dict[str, Callable[[], Availability]] = {
        "FLIRT": _fsl, "SIENA": _fsl,
        "ANTs": lambda: Availability(True, f"antspyx {version(packages['ANTs'])}", where="this environment"),
        "hMRI toolbox": lambda: Availability(False, reason="runs in MATLAB: its maps are read."),
        "deepbet": lambda: Availability(True, version(packages["deepbet"]), where="this environment"),
        "ITK-SNAP": lambda: Availability(False, reason="is used by hand: its masks are read."),
    }  # fmt: skip
    return found | {name: look() for name, look in others.items()}


def _fsl() -> Availability:
    try:
        place = programs.find(programs.FSL)
    except ToolError as error:
        return Availability(False, reason=str(error))
    return Availability(True, f"FSL {place.version}", where=place.words)


def methods_of(name: str) -> list[str]:
    """Return what the ``method`` column calls the masks that a tool draws; none of another tool.

    Examples
    --------
    >>> methods_of("MindGlide")
    ['MindGlide-T1', 'MindGlide-FLAIR', 'MindGlide-R1']
    """
    tool: Segmenter | None = next((one for one in SEGMENTERS if one.name == name), None)
    return [method_name(tool, contrast) for contrast in tool.contrasts] if tool else []


def columns_of(name: str) -> list[str]:
    """Return under which names the book has what a tool makes: methods of masks, with their ensembles, or those of :data:`NAMES`.

    Examples
    --------
    >>> columns_of("FIRST"), columns_of("SIENA"), "ThalNet-T1-R1-FLAIR" in columns_of("ThalNet")
    (['FIRST'], ['SIENA'], True)
    """
    return [method for method in methods() if method.split("-")[0] == name] + list(NAMES.get(name, ()))


def tools_table() -> pd.DataFrame:
    """List every tool of the study.

    Returns
    -------
    DataFrame
        ``name``; ``available``, yes or no; ``version``; ``where`` it is; ``licence``; ``reason``, why it is
        not here and what to do to get it; ``fills``, what of the book it would fill, in words; ``columns``, the
        same as the names that tables have for it, with commas.
    """
    rows = []
    for name, state in availability().items():
        card = CARDS[name]
        reason = None if state.ok else state.reason
        if reason and card.get not in reason:
            reason = f"{reason} To get it: {card.get}."
        rows.append(
            (name, "yes" if state.ok else "no", state.version or None, state.where or None, card.licence,
             reason, card.fills, ",".join(columns_of(name)))
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))
