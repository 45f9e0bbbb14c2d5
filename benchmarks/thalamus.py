"""Both thalami of a 1 mm head, all included: reading, finding, drawing and writing."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from nilearn.datasets import load_mni152_template

from benchmarks.harness import Peer, Work
from thalutils.segmenters.protocol import LABELS_FILE
from thalutils.segmenters.samseg import Samseg
from thalutils.segmenters.thalnet.tool import ThalNet


def works() -> list[Work]:
    """Return the work and its peers."""
    folder = Path(tempfile.mkdtemp(prefix="thalutils-bench-"))
    template = load_mni152_template(resolution=1)
    image, mask = folder / "head.nii.gz", folder / "mask.nii.gz"
    values = (1000 * template.get_fdata()).astype(np.int16)
    head = nib.Nifti1Image(values, template.affine)
    head.header.set_xyzt_units("mm", "sec")
    nib.save(head, image)
    nib.save(nib.Nifti1Image((values > 0).astype(np.uint8), template.affine), mask)

    def run(tool, preset: str) -> np.ndarray:
        target = folder / tool.name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        tool.segment(image, mask, target, preset)
        return np.asarray(nib.load(target / LABELS_FILE).dataobj)

    def dice(ours: np.ndarray, theirs: np.ndarray) -> str:
        both = np.count_nonzero((ours > 0) & (theirs > 0))
        return f"Dice {2 * both / (np.count_nonzero(ours) + np.count_nonzero(theirs)):.3f}"

    def command() -> np.ndarray:
        target = folder / "drawn.nii.gz"
        target.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "thalutils.cli", "segment", image, "--output", target]
        subprocess.run(argv, check=True, capture_output=True)
        return np.asarray(nib.load(target).dataobj)

    def dice_and_memory(ours: np.ndarray, theirs: np.ndarray) -> str:
        return f"{dice(ours, theirs)}; ours took {memory_gb:.1f} GB at most"

    command()
    # before SAMSEG has been a child too, which takes more
    memory_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    cores = os.cpu_count() or 1
    samseg = Samseg().availability()
    fast = "SAMSEG, fast preset"

    def peer(threads: int, agreement) -> Peer:
        if not samseg.ok:
            return Peer(fast, absent=samseg.reason)
        return Peer(fast, lambda: run(Samseg(threads), "fast"), agreement)

    absent = (
        Peer("MindGlide", absent="its weights are a download"),
        Peer("brainchop's MeshNet", absent="it is not a package of Python"),
    )
    loaded = "thalamus of a 1 mm head, weights loaded"
    whole = f"thalamus of a 1 mm head, the whole command on {cores} cores"
    return [
        Work(loaded, lambda: run(ThalNet(), ""), (peer(1, dice), *absent), repeats=2),
        Work(whole, command, (peer(cores, dice_and_memory),), repeats=2),
    ]
