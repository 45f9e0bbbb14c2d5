"""The tools of the study, in the order in which they are shown."""

from thalutils.segmenters.protocol import Segmenter
from thalutils.segmenters.samseg import Samseg
from thalutils.segmenters.template import Template
from thalutils.segmenters.thalnet.tool import ThalNet

SEGMENTERS: tuple[Segmenter, ...] = (Template(), Samseg(), ThalNet())
# Tools of the paper that this version does not run; the book names them beside those it does.
NOT_RUN = {
    "FreeSurfer": "needs a licence and an installation; this version of the study does not run or read it yet.",
    "FIRST": "part of FSL, under a licence for non-commercial use; not run or read yet.",
    "DBSegment": "its weights are a download and its pins clash with ours; not run yet.",
    "MindGlide": "its weights are a download; not run yet.",
}

# Peak memory of a process that runs a tool on a 1 mm head, with some room.
MEMORY_GB = {"Template": 2.5, "SAMSEG": 4.5, "ThalNet": 2.0}


def memory_gb() -> float:
    """Return what one process of the segmentation may need, by the tools that run here."""
    return max(MEMORY_GB[tool.name] for tool in SEGMENTERS if tool.availability().ok)


def segmenter(name: str) -> Segmenter:
    """Return the tool of this name."""
    return next(tool for tool in SEGMENTERS if tool.name == name)
