"""Rasterise SAMSEG's tetrahedral atlas; run as a program by the Python of SAMSEG's own environment.

Usage: python samseg_atlas.py OUT.npz

OUT.npz holds ``labels`` (x, y, z) uint8, an index of the most probable structure at half the
atlas's 1 mm spacing (probabilities interpolated linearly between its points), ``values`` the
FreeSurfer label of each index, and ``affine`` (4, 4) from voxels to RAS millimetres.
"""

import sys
from pathlib import Path

import numpy as np

SHAPE = (181, 217, 181)
ATLAS = "atlas/20Subjects_smoothing2_down2_smoothingForAffine2"


def main(target: str) -> None:
    """Write the rasterised atlas to `target`."""
    import samseg
    from samseg import gems

    folder = Path(samseg.__file__).parent / ATLAS
    values = [
        (int(words[1]), int(words[0]))
        for words in map(str.split, (folder / "compressionLookupTable.txt").read_text().splitlines())
        if words
    ]
    values = np.array([value for _, value in sorted(values)], dtype=np.int16)
    collection = gems.KvlMeshCollection()
    collection.read(str(folder / "atlas_level2.txt.gz"))
    probabilities = collection.reference_mesh.rasterize(list(SHAPE), -1)
    labels = _finer(probabilities)
    # The atlas's first axis runs from right to left.
    affine = np.array([[-0.5, 0, 0, 90], [0, 0.5, 0, -126], [0, 0, 0.5, -72], [0, 0, 0, 1]])
    np.savez_compressed(target, labels=labels, values=values, affine=affine)


def _finer(probabilities: np.ndarray) -> np.ndarray:
    """Return the most probable structure on a grid twice as fine, endpoints kept."""
    fine = tuple(2 * size - 1 for size in SHAPE)
    labels = np.zeros(fine, dtype=np.uint8)
    slab = np.empty((*fine[:2], 2), dtype=np.float32)
    best = np.empty(slab.shape, dtype=np.float32)
    for z in range(SHAPE[2]):
        here = probabilities[:, :, z : z + 2]
        best.fill(0.0)
        winner = np.zeros(best.shape, dtype=np.uint8)
        for structure in np.flatnonzero(here.any(axis=(0, 1, 2))):
            plane = here[..., structure].astype(np.float32)
            middle = plane.mean(axis=2) if plane.shape[2] == 2 else plane[:, :, 0]
            for side, flat in enumerate((plane[:, :, 0], middle)):
                slab[::2, ::2, side] = flat
                slab[1::2, ::2, side] = 0.5 * (flat[1:] + flat[:-1])
            slab[:, 1::2] = 0.5 * (slab[:, 2::2] + slab[:, :-2:2])
            better = slab > best
            best[better] = slab[better]
            winner[better] = structure
        depth = min(2, fine[2] - 2 * z)
        labels[:, :, 2 * z : 2 * z + depth] = winner[:, :, :depth]
    return labels


if __name__ == "__main__":
    main(sys.argv[1])
