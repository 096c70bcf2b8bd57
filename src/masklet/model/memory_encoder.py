"""Turns a frame's features and an object's mask into a memory.

Legend: O objects, C model channels, K memory channels, S image side, h w = S / 16.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from masklet.model.configs import ModelConfig
from masklet.model.layers import ChannelNorm, Linear


class FuserBlock(nn.Module):
    """ConvNeXt block: 7x7 depthwise convolution, layer norm, MLP over channels, layer scale, residual."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = Linear(dim, 4 * dim, "gelu")
        self.pwconv2 = Linear(4 * dim, dim)
        self.gamma = nn.Parameter(torch.full((dim,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.pwconv2(self.pwconv1(y))
        return x + y.permute(0, 3, 1, 2)


class MemoryEncoder(nn.Module):
    """Features [1 or O, C, h, w] and scaled masks [O, 1, S, S] -> memories [O, K, h, w].

    With a read-out, only the channels that it leaves.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.d_model
        steps: list[nn.Module] = []
        previous = 1
        for channels in config.mask_channels:
            steps += [nn.Conv2d(previous, channels, 3, stride=2, padding=1), ChannelNorm(channels), nn.GELU()]
            previous = channels
        self.mask_downsampler = nn.Sequential(*steps, nn.Conv2d(previous, dim, 1))
        self.pix_feat_proj = nn.Conv2d(dim, dim, 1)
        self.fuser = nn.Sequential(FuserBlock(dim), FuserBlock(dim))
        self.out_proj = nn.Conv2d(dim, config.encoded_dim, 1)

    def forward(self, embedding: Tensor, masks: Tensor) -> Tensor:
        x = self.pix_feat_proj(embedding) + self.mask_downsampler(masks)
        return self.out_proj(self.fuser(x))
