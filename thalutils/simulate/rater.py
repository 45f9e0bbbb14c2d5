"""A simulated rater who draws the thalamus by the protocol of the paper's section 2.6.1."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from thalutils.cohort import Phantom


@dataclass(frozen=True)
class Protocol:
    """How the rater draws.

    Attributes
    ----------
    lateral_margin_mm : float
        How far the border stays away from white matter and the other solid tissue at the thalamus's
        lateral and ventral sides.
    fluid_share : float
        Largest share of fluid in a voxel that is still drawn: the protocol leaves every one with CSF out.
    wobble_mm : float
        Standard deviation of the border's error, smooth along it.
    habit_mm : float
        Standard deviation of the whole drawing's error, one for each drawing.
    """

    lateral_margin_mm: float = 1.6
    fluid_share: float = 0.0
    wobble_mm: float = 0.35
    habit_mm: float = 0.15

    @classmethod
    def of(cls, settings: Phantom) -> "Protocol":
        """Return the protocol that a phantom's YAML asks for."""
        return cls(
            lateral_margin_mm=settings.manual_lateral_mm,
            fluid_share=settings.manual_csf_fraction,
            wobble_mm=settings.manual_noise_mm,
            habit_mm=settings.manual_habit_mm,
        )


def draw(
    left: np.ndarray, right: np.ndarray, fluid: np.ndarray, voxel_mm: float, rng: np.random.Generator,
    protocol: Protocol | None = None,
) -> np.ndarray:  # fmt: skip
    """Draw both thalami: what the tissue shares in each voxel would lead a careful rater to.

    Parameters
    ----------
    left, right, fluid : ndarray, shape (x, y, z)
        Share of each voxel that is left thalamus, right thalamus, fluid.
    voxel_mm : float
        Edge of the (cubic) voxels.
    rng : numpy.random.Generator
    protocol : Protocol

    Returns
    -------
    ndarray of uint8, shape (x, y, z)
        10 left, 49 right, 0 elsewhere.
    """
    protocol = protocol or Protocol()
    thalamus = (left + right) >= 0.5
    outside = ~thalamus & (fluid <= 0.5)
    # Distance from the border, not from the centre of the first voxel beyond it.
    distance = ndimage.distance_transform_edt(~outside) * voxel_mm - voxel_mm / 2
    wobble = ndimage.gaussian_filter(rng.standard_normal(left.shape), 4.0 / voxel_mm)
    wobble *= protocol.wobble_mm / wobble.std()
    margin = protocol.lateral_margin_mm + rng.normal(0, protocol.habit_mm) + wobble
    drawn = thalamus & (fluid <= protocol.fluid_share) & (distance >= margin)
    return np.where(drawn, np.where(left >= right, 10, 49), 0).astype(np.uint8)
