"""Images on other grids: values stay where they are in the world, however the image is stored."""

import nibabel as nib
import numpy as np
import pytest
import torch

from thalutils.segmenters.thalnet.pose import box_affine
from thalutils.segmenters.thalnet.sampling import onto_grid, scale

GRID = (20, 24, 16)


def ramp(axes="RAS", mm=(1.0, 1.0, 1.0), side_mm=80):
    """Return an image of x + 2y + 3z in mm on a grid whose axes point as asked, and its affine."""
    order = nib.orientations.axcodes2ornt(axes)
    shape = [round(side_mm / size) for size in mm]
    affine = np.eye(4)
    for axis, (world, sign) in enumerate(order):
        affine[:3, axis] = 0
        affine[int(world), axis] = sign * mm[axis]
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    points = nib.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))
    return torch.from_numpy((points @ [1.0, 2.0, 3.0]).astype(np.float32))[None], affine


@pytest.mark.parametrize("axes", ["RAS", "LAS", "LPS", "PIR"])
@pytest.mark.parametrize("mm", [(1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (0.9, 0.9, 3.0)])
def test_a_ramp_stays_a_ramp(axes, mm):
    image, affine = ramp(axes, mm)
    grid = box_affine(GRID, 1.0)
    found = onto_grid(image, affine, GRID, grid)[0].numpy()
    expected = nib.affines.apply_affine(grid, np.moveaxis(np.indices(GRID), 0, -1)) @ [1.0, 2.0, 3.0]
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_a_turned_grid_reads_turned_places():
    image, affine = ramp()
    grid = box_affine(GRID, 1.0)
    angle = np.radians(25)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    found = onto_grid(image, affine, GRID, turn @ grid)[0].numpy()
    expected = nib.affines.apply_affine(turn @ grid, np.moveaxis(np.indices(GRID), 0, -1)) @ [1.0, 2.0, 3.0]
    np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.parametrize("voxel_mm", [3.0, 6.0])
def test_a_coarse_grid_keeps_the_sum_and_the_centre_of_a_ball(voxel_mm):
    shape = (90, 90, 90)
    affine = box_affine(shape, 1.0)
    points = nib.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))
    ball = torch.from_numpy((np.linalg.norm(points - [4, -6, 9], axis=-1) < 14).astype(np.float32))[None]
    coarse = (int(90 / voxel_mm),) * 3
    grid = box_affine(coarse, voxel_mm)
    found = onto_grid(ball, affine, coarse, grid)[0].numpy()
    assert found.sum() * voxel_mm**3 == pytest.approx(float(ball.sum()), rel=0.02)
    places = nib.affines.apply_affine(grid, np.moveaxis(np.indices(coarse), 0, -1))
    centre = (places * found[..., None]).sum((0, 1, 2)) / found.sum()
    np.testing.assert_allclose(centre, [4, -6, 9], atol=0.15)


def test_outside_the_image_there_is_nothing():
    image, affine = ramp(side_mm=20)
    far = box_affine(GRID, 1.0)
    far[:3, 3] += 200
    assert not onto_grid(image + 500, affine, GRID, far).any()


def test_a_brightness_or_an_offset_does_not_change_what_the_network_sees():
    image = torch.rand(20, 20, 20, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(scale(7 * image + 30), scale(image), atol=1e-4, rtol=0)


def test_an_image_of_one_value_is_no_division_by_zero():
    assert torch.isfinite(scale(torch.full((5, 5, 5), 3.0))).all()
