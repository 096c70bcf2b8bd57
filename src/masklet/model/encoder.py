"""From images to the features that everything else reads: a trunk, a feature pyramid, high-resolution skips.

To add an encoder: a config with `channels` (strides 4, 8, 16, 32), a trunk that returns the four maps, one line in
`build_trunk`.

Legend: B batch, C channels of the model, S image side, h w = S / 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from masklet.model.configs import HieraConfig, ModelConfig, NeckConfig
from masklet.model.convnet import ConvTrunk
from masklet.model.hiera import Hiera
from masklet.model.layers import ChannelNorm


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """Features of B images: `embedding` [B, C, h, w]; `stride4` [B, C/8, 4h, 4w] and `stride8` [B, C/4, 2h, 2w]."""

    embedding: Tensor
    stride4: Tensor
    stride8: Tensor

    def __getitem__(self, index: int) -> ImageFeatures:
        """The features of one image, batch dimension kept."""
        one = slice(index, index + 1)
        return ImageFeatures(self.embedding[one], self.stride4[one], self.stride8[one])


def build_trunk(config: ModelConfig) -> Hiera | ConvTrunk:
    """The trunk that a configuration names."""
    encoder = config.encoder
    return Hiera(encoder) if isinstance(encoder, HieraConfig) else ConvTrunk(encoder)


class Neck(nn.Module):
    """Four maps (strides 4..32) -> pyramid maps of equal width at strides 4, 8, 16, each [B, C, H, W]."""

    def __init__(self, channels: tuple[int, int, int, int], dim: int, config: NeckConfig) -> None:
        super().__init__()
        self.top_down = config.top_down
        self.laterals = nn.ModuleList(nn.Conv2d(c, dim, 1) for c in channels)
        self.norms = nn.ModuleList(ChannelNorm(dim) for _ in range(3)) if config.normalize else None

    def forward(self, maps: list[Tensor], skips: Sequence[nn.Conv2d] = ()) -> list[Tensor]:
        """The pyramid, strides 4, 8, 16; its first levels through the 1x1 convolutions `skips`."""
        pyramid: list[Tensor] = []
        above: Tensor | None = None
        for level in (3, 2, 1, 0):
            lateral = self.laterals[level]
            assert isinstance(lateral, nn.Conv2d)
            if level < len(skips) and self._alone(level):
                pyramid.insert(0, _composed(lateral, skips[level], maps[level]))
                continue
            x = lateral(maps[level])
            if above is not None and level in self.top_down:
                x = x + F.interpolate(above, scale_factor=2.0, mode="nearest")
            above = x
            if level == 3:
                continue  # stride 32 only feeds the top-down path
            if self.norms is not None:
                x = self.norms[level](x)
            pyramid.insert(0, skips[level](x) if level < len(skips) else x)
        return pyramid

    def _alone(self, level: int) -> bool:
        """Whether a level is its lateral and nothing else, and no other level reads it."""
        return self.norms is None and level not in self.top_down and level - 1 not in self.top_down


def _composed(first: nn.Conv2d, second: nn.Conv2d, x: Tensor) -> Tensor:
    """`second(first(x))` of two 1x1 convolutions as one: the wide map between them is never made."""
    assert first.bias is not None
    assert second.bias is not None
    inner, outer = first.weight.flatten(1).float(), second.weight.flatten(1).float()
    weight = (outer @ inner)[..., None, None]
    bias = outer @ first.bias.float() + second.bias.float()
    return F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype))


class ImageEncoder(nn.Module):
    """Normalised images [B, 3, S, S] -> ImageFeatures."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.d_model
        self.trunk = build_trunk(config)
        self.neck = Neck(config.encoder.channels, dim, config.neck)
        self.skip4 = nn.Conv2d(dim, dim // 8, 1)
        self.skip8 = nn.Conv2d(dim, dim // 4, 1)

    def forward(self, images: Tensor) -> ImageFeatures:
        stride4, stride8, stride16 = self.neck(self.trunk(images), (self.skip4, self.skip8))
        return ImageFeatures(stride16, stride4, stride8)
