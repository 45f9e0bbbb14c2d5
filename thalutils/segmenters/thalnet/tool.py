"""ThalNet as a tool of the study: what the segmentation stage runs."""

from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from thalutils.errors import ToolError
from thalutils.files import read_json, write_json
from thalutils.process import code_hash
from thalutils.segmenters.protocol import JOINT, WARNINGS_FILE, Availability, write_thalamus
from thalutils.segmenters.thalnet import weight_files

# Packages whose numbers are in the weights and in the masks.
PACKAGES = ("numpy", "scipy", "torch")


class ThalNet:
    """The study's own network; it takes any contrast as it is, and has no presets."""

    name = "ThalNet"
    contrasts = ("T1", "FLAIR", "R1", JOINT)
    per_contrast = True
    slow = False

    def availability(self) -> Availability:
        """Tell whether the weights are in the package, and which they are."""
        try:
            return Availability(True, version=weight_files.version())
        except ToolError as error:
            return Availability(False, reason=str(error))

    def options(self, preset: str) -> dict[str, object]:
        """Return the weights' checksums, and the code and packages that apply them."""
        return {
            "weights": read_json(weight_files.FOLDER / weight_files.CHECKSUMS),
            "code": code_hash("thalutils.segmenters.thalnet.tool"),
            "packages": packages(),
        }

    def segment(self, image: Path, mask: Path, folder: Path, preset: str) -> None:
        """Segment one image; also leaves the network's certainty and warnings in ``warnings.json``."""
        from thalutils.imaging import quality
        from thalutils.segmenters.thalnet.segmenting import segment

        like = quality.load(image)
        drawn = segment(like, _networks())
        _write(drawn, like, folder)

    def segment_together(self, images: Mapping[str, Path], folder: Path) -> None:
        """Segment several images of one visit by the joint network, on the grid of the first, as :meth:`segment`."""
        from thalutils.imaging import quality
        from thalutils.segmenters.thalnet.segmenting import segment_together

        drawn = segment_together(images, _networks())
        _write(drawn, quality.load(next(iter(images.values()))), folder)


def packages() -> dict[str, str]:
    """Return the versions of the packages on which weights and masks rest."""
    return {name: version(name) for name in PACKAGES}


def _write(drawn, like, folder: Path) -> None:
    write_thalamus(drawn.image(), like, folder, ThalNet.name)
    sure = {"certainty": drawn.certainty, "flip_dice": drawn.flip_dice, "warnings": list(drawn.warnings)}
    write_json(folder / WARNINGS_FILE, sure)


@lru_cache(maxsize=1)
def _networks():
    # here, since torch takes a second and most commands do without
    from thalutils.segmenters.thalnet import network

    return network.load()
