"""The tools of the study that draw thalami, in the order in which they are shown."""

from collections.abc import Iterable

from thalutils.segmenters.dbsegment import DBSegment
from thalutils.segmenters.first import First
from thalutils.segmenters.freesurfer import FreeSurfer
from thalutils.segmenters.mindglide import MindGlide
from thalutils.segmenters.protocol import Segmenter
from thalutils.segmenters.samseg import Samseg
from thalutils.segmenters.template import Template
from thalutils.segmenters.thalnet.tool import ThalNet

SEGMENTERS: tuple[Segmenter | MindGlide, ...] = (
    FreeSurfer(), First(), DBSegment(), MindGlide(), Template(), Samseg(), ThalNet(),
)  # fmt: skip

# Those that come with a package and take any head, whole or stripped: they run on public scans too.
ANYWHERE = ("Template", "SAMSEG", "ThalNet")
LEAST_MEMORY_GB = 1.5
# Peak memory of a process that runs a tool on a 1 mm head, with some room.
MEMORY_GB = {
    "FreeSurfer": 8.0, "FIRST": 2.0, "DBSegment": 12.0, "MindGlide": 6.0, "Template": 2.5, "SAMSEG": 4.5,
    "ThalNet": 2.0,
}  # fmt: skip


def memory_gb(names: Iterable[str]) -> float:
    """Return what one process may need that runs any of the tools of these names."""
    return max((MEMORY_GB[name] for name in names), default=LEAST_MEMORY_GB)


def segmenter(name: str) -> Segmenter | MindGlide:
    """Return the tool of this name."""
    return next(tool for tool in SEGMENTERS if tool.name == name)
