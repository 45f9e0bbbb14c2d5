"""SAMSEG (Puonti et al. 2016): Bayesian segmentation by a deformable atlas, on any contrast."""

import re
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage
from scipy.io import savemat

from thalutils.errors import ToolError
from thalutils.files import hash_file, write_json
from thalutils.process import code_hash, run_program, tool_environment
from thalutils.programs import time_limit_s
from thalutils.segmenters.protocol import (
    INTRACRANIAL_FILE,
    STRUCTURES_FILE,
    Availability,
    load_result,
    onto_grid,
    write_thalamus,
)

ATLAS_SCRIPT = Path(__file__).with_name("samseg_atlas.py")
TIME_LIMIT_S = {"fast": 1800.0, "full": 7200.0}
ATLAS_LIMIT_S = 900.0
COARSE_MM = 3.0
# fast: ANTs finds the affine, and the mesh has one level, at about 3.3 mm and for a few rounds;
# full: SAMSEG as it comes, its own affine and two levels at 2 and 1 mm.
PRESETS = {
    "fast": {
        "multiResolutionSpecification": [
            {"targetDownsampledVoxelSpacing": 3.3, "maximumNumberOfIterations": 8}
        ]
    },
    "full": {},
}


def atlas_code() -> str:
    """Hash the script that rasterises the atlas."""
    return hash_file(ATLAS_SCRIPT)


class Samseg:
    """SAMSEG in an environment of its own, ``.tools/samseg``.

    Parameters
    ----------
    threads : int
        One in the study, where several scans run at a time.
    """

    name = "SAMSEG"
    contrasts = ("T1", "FLAIR", "R1")
    per_contrast = True
    slow = True

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def availability(self) -> Availability:
        """Tell whether SAMSEG is installed in its environment."""
        environment = tool_environment("samseg")
        found = sorted(environment.glob("lib/python*/site-packages/samseg-*.dist-info"))
        if not found or not (environment / "bin" / "run_samseg").exists():
            return Availability(
                False,
                reason="not installed: its wheels are for Python 3.10 and 3.11 on Linux; "
                "where they fit, run thalutils tools install samseg.",
            )
        installed = found[0].name.split("-")[1].removesuffix(".dist")
        return Availability(True, installed, where=str(environment))

    def options(self, preset: str) -> dict[str, object]:
        """Return the preset's options, the code, and the package by which the fast preset begins."""
        if preset not in PRESETS:
            raise ToolError(f"SAMSEG has no preset {preset}; it has {', '.join(PRESETS)}.")
        code = {"code": code_hash(__name__), "antspyx": version("antspyx")}
        return {"preset": preset, "options": PRESETS[preset]} | code

    def segment(self, image: Path, mask: Path, folder: Path, preset: str) -> None:
        """Segment one image on its own grid; also leaves the intracranial volume in ``icv.json``."""
        work = folder / "work"
        work.mkdir()
        write_json(work / "options.json", {"optimizationOptions": PRESETS[preset]})
        start = ["-r", _affine(image, mask, work / "affine.mat")] if preset == "fast" else []
        run_program(
            [tool_environment("samseg") / "bin" / "run_samseg", "-i", image, "-o", work / "out",
             "--threads", str(self.threads), "--options", work / "options.json", *start],
            log=folder / "samseg.log",
            timeout_s=time_limit_s("samseg", TIME_LIMIT_S[preset]),
        )  # fmt: skip
        like, found = nib.load(image), load_result(work / "out" / "seg.mgz", self.name)
        write_thalamus(found, like, folder, self.name)
        nib.save(onto_grid(found, like), folder / STRUCTURES_FILE)
        write_json(folder / INTRACRANIAL_FILE, {"icv_ml": _intracranial(work / "out" / "sbtiv.stats")})
        for leftover in sorted(work.rglob("*"), reverse=True):
            leftover.rmdir() if leftover.is_dir() else leftover.unlink()
        work.rmdir()

    def rasterise_atlas(self, target: Path) -> None:
        """Write SAMSEG's atlas as a label map; see :mod:`thalutils.segmenters.samseg_atlas`."""
        run_program(
            [tool_environment("samseg") / "bin" / "python", "-I", ATLAS_SCRIPT, target],
            log=target.with_suffix(".log"),
            timeout_s=ATLAS_LIMIT_S,
        )


def _affine(image: Path, mask: Path, target: Path) -> Path:
    """Write ANTs' affine from SAMSEG's template to the image as SAMSEG reads it (LPS, template to image).

    Only what lies inside the skull is compared, so that a stripped scan does as well as a whole one.
    SAMSEG's own search takes over a minute; its mesh then deforms away what is left of the difference.
    """
    import ants  # here, since it takes seconds and most stages do without

    template = nib.load(
        next(tool_environment("samseg").glob("lib/python*/site-packages/samseg/atlas/20*/template.nii.gz"))
    )
    head = nib.load(image)
    pairs = (
        (template, _inside_skull(template.get_fdata(dtype=np.float32))),
        (head, np.asarray(nib.load(mask).dataobj) > 0),
    )
    coarse = []
    for whole, inside in pairs:
        values = np.where(inside, whole.get_fdata(dtype=np.float32), 0)
        brain = nib.Nifti1Image(values, whole.affine)
        brain.header.set_xyzt_units("mm", "sec")
        coarse.append(ants.resample_image(ants.from_nibabel_nifti(brain), (COARSE_MM,) * 3, False, 0))
    found = ants.registration(
        *coarse, "Affine", random_seed=1, aff_random_sampling_rate=0.5, aff_iterations=(200, 100, 50),
        aff_shrink_factors=(4, 2, 1), aff_smoothing_sigmas=(2, 1, 0),
    )["fwdtransforms"]  # fmt: skip
    transform = ants.read_transform(found[0])
    centre, numbers = np.array(transform.fixed_parameters), np.array(transform.parameters)
    matrix = np.eye(4)
    matrix[:3, :3] = numbers[:9].reshape(3, 3)
    matrix[:3, 3] = numbers[9:] + centre - matrix[:3, :3] @ centre
    savemat(target, {"worldToWorldTransformMatrix": matrix})
    for leftover in found:
        Path(leftover).unlink(missing_ok=True)
    return target


def _inside_skull(template: np.ndarray) -> np.ndarray:
    """Return what lies inside the skull of SAMSEG's template, whose values are means of tissue classes."""
    tissue = ndimage.binary_erosion((template > 1.95) & (template < 4.4), iterations=2)
    pieces, _ = ndimage.label(tissue)
    largest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    return ndimage.binary_fill_holes(ndimage.binary_dilation(largest, iterations=2))


@lru_cache(maxsize=1)
def _stats_line() -> re.Pattern[str]:
    return re.compile(r"(?:^|,)\s*(\d+(?:\.\d+)?)\s*,\s*mm\^?3", re.MULTILINE)


def _intracranial(path: Path) -> float | None:
    """Read SAMSEG's intracranial volume, in mL, from ``sbtiv.stats``; ``None`` where it is absent."""
    if not path.exists():
        return None
    found = _stats_line().search(path.read_text(encoding="utf-8", errors="replace"))
    return float(found.group(1)) / 1000 if found else None
