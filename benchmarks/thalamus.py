"""Both thalami of a 1 mm head, all included: reading, finding, drawing and writing."""

import shutil
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

    samseg = Samseg().availability()
    fast = Peer("SAMSEG, fast preset", lambda: run(Samseg(), "fast"), dice)
    peers = (
        fast if samseg.ok else Peer(fast.name, absent=samseg.reason),
        Peer("MindGlide", absent="its weights are a download"),
        Peer("brainchop's MeshNet", absent="it is not a package of Python"),
    )
    return [Work("thalamus of a 1 mm head, weights loaded", lambda: run(ThalNet(), ""), peers, repeats=2)]
