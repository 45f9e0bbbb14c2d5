"""SAMSEG's longitudinal model (Cerri et al. 2023): the visits of one person are fitted at once, each from a common atlas.

A module of its own, so that what is kept of single visits does not depend on it.
"""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np

from thalutils.files import write_json
from thalutils.process import run_program, tool_environment
from thalutils.programs import time_limit_s
from thalutils.segmenters.protocol import LEFT, RIGHT, load_result, onto_grid
from thalutils.segmenters.samseg import PRESETS, TIME_LIMIT_S, Samseg

NAME = "SAMSEG's longitudinal model"
# It fits the mean of the visits and then, in turns, every visit.
LONGER = 3


def segment_pair(images: tuple[Path, Path], folder: Path, preset: str) -> tuple[np.ndarray, np.ndarray]:
    """Segment both visits of one person.

    Parameters
    ----------
    images : tuple of Path
        In one space and on one grid.
    folder : Path
        Where the log is left.
    preset : str
        Of :class:`~thalutils.segmenters.samseg.Samseg`.

    Returns
    -------
    tuple of ndarray of uint8, shape of the images
        10 and 49, else 0.

    Raises
    ------
    ToolError
        Where it fails.
    """
    Samseg().options(preset)
    work = folder / "work-long"
    work.mkdir()
    write_json(work / "options.json", {"optimizationOptions": PRESETS[preset]})
    timepoints = [part for image in images for part in ("-t", image)]
    run_program(
        [tool_environment("samseg") / "bin" / "run_samseg_long", *timepoints, "-o", work / "out",
         "--threads", "1", "--options", work / "options.json"],
        log=folder / "samseg-long.log",
        timeout_s=time_limit_s("samseg", LONGER * TIME_LIMIT_S[preset]),
    )  # fmt: skip
    drawn = []
    for place, image in enumerate(images, start=1):
        found = onto_grid(load_result(work / "out" / f"tp{place:03d}" / "seg.mgz", NAME), nib.load(image))
        labels = np.asarray(found.dataobj)
        drawn.append(np.where(np.isin(labels, (LEFT, RIGHT)), labels, 0).astype(np.uint8))
    shutil.rmtree(work)
    return drawn[0], drawn[1]
