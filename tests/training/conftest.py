"""A small made-up head for the tests of training: ellipsoids in the frame."""

import numpy as np
import pytest

from thalutils.segmenters.thalnet.network import STRUCTURES
from thalutils.segmenters.thalnet.pose import box_affine
from thalutils.training.label_maps import Person

CENTRES_MM = np.array(
    [[-28, -5, 8], [28, -5, 8], [-15, -1, 12], [15, -1, 12], [-12.3, 0, 0], [12.3, 0, 0], [-22, 19, 8], [22, 19, 8],
     [-24, 11, -16], [24, 11, -16], [-21, -15, -52], [21, -15, -52], [-11, 9, -12], [11, 9, -12], [0, 7, -34]]
)  # fmt: skip


def _labels(shape, spacing_mm):
    affine = box_affine(shape, spacing_mm)
    axes = np.meshgrid(
        *(np.arange(size) * spacing_mm + affine[k, 3] for k, size in enumerate(shape)), indexing="ij"
    )
    labels = np.zeros(shape, dtype=np.int16)

    def fill(label, centre, radii):
        away = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radii, strict=True))
        labels[away <= 1] = label

    fill(507, (0, -8, 0), (80, 95, 88))
    fill(24, (0, -8, 4), (70, 85, 75))
    for side, label in ((-1, 2), (1, 41)):
        fill(label, (side * 34, -5, 8), (32, 75, 60))
    for place, group in enumerate(STRUCTURES.values()):
        if place >= 2:
            radii = (9.0, 13.0, 12.0) if group in ((10,), (49,)) else (7.0, 9.0, 7.0)
            fill(group[0], CENTRES_MM[place], radii)
    return labels, affine


@pytest.fixture(scope="session")
def toy_person():
    whole, whole_affine = _labels((120, 130, 120), 1.6)
    fine, fine_affine = _labels((180, 170, 150), 0.6)
    values = np.unique(np.concatenate([whole.ravel(), fine.ravel()]))
    place = {value: index for index, value in enumerate(values.tolist())}
    table = np.zeros(values.max() + 1, dtype=np.uint8)
    for value, index in place.items():
        table[value] = index
    return Person("toy", values, table[whole], whole_affine, table[fine], fine_affine)
