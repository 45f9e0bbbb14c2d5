"""Mutual information of two images within a mask."""

import numpy as np

from benchmarks.harness import Peer, Work
from thalutils.imaging.mutual_information import mutual_information

VOXELS, BINS = 1_500_000, 64


def works() -> list[Work]:
    """Return the work and its peer."""
    rng = np.random.default_rng(2)
    one = rng.normal(0, 1, (VOXELS, 1, 1)).astype(np.float32)
    other = (0.7 * one + rng.normal(0, 1, one.shape)).astype(np.float32)
    inside = np.ones(one.shape, dtype=bool)

    def binned(values: np.ndarray) -> np.ndarray:
        low, high = np.percentile(values, [0.5, 99.5])
        return np.clip((values.ravel() - low) / ((high - low) / BINS), 0, BINS - 1).astype(int)

    def sklearn() -> float:
        from sklearn.metrics import mutual_info_score

        return mutual_info_score(binned(one), binned(other))

    return [
        Work(f"mutual information of {VOXELS / 1e6:g} M voxels, {BINS} bins", lambda: mutual_information(one, other, inside, bins=BINS), (
            Peer("scikit-learn", sklearn, lambda a, b: f"difference {abs(a - b):.2g} nat"),
        ))
    ]  # fmt: skip
