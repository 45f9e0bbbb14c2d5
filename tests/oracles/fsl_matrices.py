"""Record how fslpy and nitransforms carry FLIRT's matrices into the world (RAS, mm).

Run it in an environment with ``pip install fslpy==3.29.1 nitransforms==25.1.0``:

    python tests/oracles/fsl_matrices.py > tests/oracles/fsl_matrices.json
"""

import json
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from fsl.data.image import Image
from fsl.transform.flirt import fromFlirt
from nibabel.affines import from_matvec
from nibabel.eulerangles import euler2mat
from nitransforms.io.fsl import FSLLinearTransform

# Grids as headers give them: their sizes, and axes with determinants of either sign, one oblique.
GRIDS = {
    "neurological": ((40, 50, 30), np.diag([0.8, 0.9, 1.2]), (-10.0, 20.0, -5.0)),
    "radiological": ((44, 36, 52), np.diag([-1.6, 1.6, 1.6]), (35.0, -28.0, 9.0)),
    "permuted": ((32, 40, 48), np.array([[0, 0, 1.1], [-1.0, 0, 0], [0, 0.9, 0]]), (-22.0, 17.0, -30.0)),
    "oblique": ((36, 42, 38), euler2mat(0.2, -0.1, 0.3) @ np.diag([-1.0, 1.0, 1.3]), (12.0, -31.0, -8.0)),
}
FLIRT = from_matvec(euler2mat(0.05, -0.04, 0.08) @ np.diag([1.01, 0.98, 1.0]), [3.2, -1.7, 4.4])


def image(name: str) -> nib.Nifti1Image:
    """Return an empty image on one of the grids, its sform and qform alike."""
    shape, matrix, origin = GRIDS[name]
    affine = from_matvec(matrix, origin)
    made = nib.Nifti1Image(np.zeros(shape, np.uint8), affine)
    made.set_qform(affine, 1)
    made.set_sform(affine, 1)
    return made


def main() -> None:
    """Write, of every pair of grids, the transform from fixed to moving world."""
    found = {"matrix": FLIRT.tolist(), "pairs": []}
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name in GRIDS:
            paths[name] = Path(folder) / f"{name}.nii.gz"
            image(name).to_filename(paths[name])
        mat = Path(folder) / "flirt.mat"
        np.savetxt(mat, FLIRT)
        for fixed in GRIDS:
            for moving in GRIDS:
                by_fslpy = np.linalg.inv(
                    fromFlirt(FLIRT, Image(str(paths[moving])), Image(str(paths[fixed])), "world", "world")
                )
                by_nitransforms = FSLLinearTransform.from_filename(mat).to_ras(
                    moving=str(paths[moving]), reference=str(paths[fixed])
                )
                found["pairs"].append(
                    {
                        "fixed": fixed, "moving": moving, "fslpy": by_fslpy.round(6).tolist(),
                        "nitransforms": by_nitransforms.round(6).tolist(),
                    }
                )  # fmt: skip
    found["grids"] = {
        name: {"shape": grid[0], "affine": from_matvec(*grid[1:]).tolist()} for name, grid in GRIDS.items()
    }
    json.dump(found, sys.stdout)
    print()


if __name__ == "__main__":
    main()
