"""A U-Net in plain torch.

It is nnU-Net's plain one, as MONAI's ``DynUNet`` builds it, layer by layer and with the same names: it gives the same
values from the same weights. It is here since one network of MONAI cannot be imported alone, and a command that draws one
scan would wait for the import of the whole.
"""

import torch
from torch import nn

SLOPE = 0.01  # of the activation below 0


class UNet(nn.Module):
    """A three-dimensional U-Net that halves the image at each level but the first.

    Parameters
    ----------
    filters : tuple of int
        Channels of each level, from the finest.
    classes : int
        How many logits it gives.
    channels : int
        Of the image.
    """

    def __init__(self, filters: tuple[int, ...], classes: int, channels: int = 1) -> None:
        super().__init__()
        first, *middle, last = filters
        self.input_block = _Block(channels, first)
        self.downsamples = nn.ModuleList(
            _Block(coarse_from, coarse, stride=2)
            for coarse_from, coarse in zip(filters, middle, strict=False)
        )
        self.bottleneck = _Block(filters[-2], last, stride=2)
        self.upsamples = nn.ModuleList(
            _Up(coarse, fine) for coarse, fine in zip(filters[:0:-1], filters[-2::-1], strict=True)
        )
        self.output_block = _Named(_Named(nn.Conv3d(first, classes, 1)))
        self.apply(_begin)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (n, classes, x, y, z), of images (n, channels, x, y, z); sizes suit the halvings."""
        found = self.input_block(image)
        skipped = []
        for block in self.downsamples:
            skipped.append(found)
            found = block(found)
        skipped.append(found)
        found = self.bottleneck(found)
        for block in self.upsamples:
            found = block(found, skipped.pop())
        return self.output_block(found)


class _Named(nn.Module):
    """One layer under the name ``conv``, as the weights have it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.conv = layer

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.conv(image)


class _Block(nn.Module):
    """Two convolutions, each normalised per image and channel; the first may halve the image."""

    def __init__(self, channels: int, filters: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = _Named(nn.Conv3d(channels, filters, 3, stride, padding=1, bias=False))
        self.conv2 = _Named(nn.Conv3d(filters, filters, 3, padding=1, bias=False))
        self.norm1 = nn.InstanceNorm3d(filters, affine=True)
        self.norm2 = nn.InstanceNorm3d(filters, affine=True)
        self.activation = nn.LeakyReLU(SLOPE, inplace=True)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found = self.activation(self.norm1(self.conv1(image)))
        return self.activation(self.norm2(self.conv2(found)))


class _Up(nn.Module):
    """Doubles the image, sets what was skipped beside it, and draws both together."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.transp_conv = _Named(nn.ConvTranspose3d(channels, filters, 2, 2, bias=False))
        self.conv_block = _Block(2 * filters, filters)

    def forward(self, image: torch.Tensor, skipped: torch.Tensor) -> torch.Tensor:
        return self.conv_block(torch.cat((self.transp_conv(image), skipped), dim=1))


def _begin(layer: nn.Module) -> None:
    """Draw a convolution's first weights, as He et al. (2015) for the activation that follows."""
    if isinstance(layer, nn.Conv3d | nn.ConvTranspose3d):
        nn.init.kaiming_normal_(layer.weight, a=SLOPE)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
