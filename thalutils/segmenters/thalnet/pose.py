"""Where a head is and how it is turned: a rigid fit of structures' centres to the frame that ThalNet works in."""

import numpy as np
from scipy.spatial.transform import Rotation

# Centres of small structures lie more exactly than those of the hemispheres, which a cropped scan cuts.
LARGE_WEIGHT = 0.2
LARGE = (0, 1, 10, 11, 14)


def fit_rigid(there_mm: np.ndarray, frame_mm: np.ndarray, thalami: tuple[int, int]) -> np.ndarray:
    """Return the rigid movement that brings centres in a scan to where they lie in the frame.

    The rotation is the least-squares fit of all centres that were found (Kabsch 1976); the shift brings the
    middle of the thalami to the frame's.

    Parameters
    ----------
    there_mm : ndarray, shape (structures, 3)
        Centres in the scan, RAS mm; a row of nan where a structure was not found.
    frame_mm : ndarray, shape (structures, 3)
    thalami : tuple of int
        Rows of the left and the right thalamus.

    Returns
    -------
    ndarray, shape (4, 4)
        From the scan's mm to the frame's.

    Examples
    --------
    >>> frame = np.array([[-10.0, 0, 0], [10, 0, 0], [0, 40, 0], [0, 0, 50]])
    >>> fit_rigid(frame + [5, 0, -2], frame, (0, 1))[:3, 3].round(6).tolist()
    [-5.0, 0.0, 2.0]
    """
    found = ~np.isnan(there_mm[:, 0])
    weights = np.where(np.isin(np.arange(len(there_mm)), LARGE), LARGE_WEIGHT, 1.0)
    middle_there, middle_frame = there_mm[list(thalami)].mean(0), frame_mm[list(thalami)].mean(0)
    turn, _ = Rotation.align_vectors(
        frame_mm[found] - middle_frame, there_mm[found] - middle_there, weights[found]
    )
    movement = np.eye(4)
    movement[:3, :3] = turn.as_matrix()
    movement[:3, 3] = middle_frame - movement[:3, :3] @ middle_there
    return movement


def box_affine(shape: tuple[int, ...], spacing_mm: float) -> np.ndarray:
    """Return the affine of a box of voxels centred on the frame's origin, axes along the frame's."""
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = -spacing_mm * (np.array(shape) - 1) / 2
    return affine
