"""ThalNet's U-Net against the library that it is built after."""

import pytest
import torch
from monai.networks.nets import DynUNet

from thalutils.segmenters.thalnet.unet import UNet


@pytest.mark.parametrize(("filters", "classes", "channels"), [((4, 8, 16), 3, 1), ((16, 32, 64, 128), 16, 3)])
def test_it_gives_what_monai_gives_from_the_same_weights(filters, classes, channels):
    levels = len(filters)
    peer = DynUNet(
        3, channels, classes, [3] * levels, [1] + [2] * (levels - 1), [2] * (levels - 1), filters=filters,
        norm_name=("INSTANCE", {"affine": True}),
    ).eval()  # fmt: skip
    for layer in peer.modules():
        if isinstance(layer, torch.nn.InstanceNorm3d):
            torch.nn.init.normal_(layer.weight)
            torch.nn.init.normal_(layer.bias)
    ours = UNet(filters, classes, channels).eval()
    state = peer.state_dict()
    ours.load_state_dict({name: state[name] for name in ours.state_dict()})
    image = torch.randn(2, channels, 24, 16, 32)
    with torch.inference_mode():
        assert torch.equal(ours(image), peer(image))


def test_its_first_weights_are_spread_as_those_of_monai():
    ours, peer = UNet((8, 16, 32), 2), DynUNet(3, 1, 2, [3] * 3, [1, 2, 2], [2, 2], filters=(8, 16, 32))
    spread = peer.state_dict()
    for name, weight in ours.named_parameters():
        if weight.ndim == 5 and weight.numel() > 1000:
            assert weight.std().item() == pytest.approx(spread[name].std().item(), rel=0.2)
        if name.endswith("bias"):
            assert not weight.any()
