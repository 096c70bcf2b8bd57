"""Small layers that several parts of the model share.

Legend: B batch, C channels, H W grid, .. any leading dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def small_random(*shape: int, scale: float = 0.02) -> Tensor:
    """Normally distributed start values of a learned vector.

    On the meta device nothing is drawn: there, normal numbers alone import torch's compiler, which takes a second.
    """
    values = torch.empty(shape)
    return values if values.is_meta else torch.randn(shape) * scale


class ChannelNorm(nn.Module):
    """Layer norm over the channels of [B, C, H, W]."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps)
        return y.permute(0, 3, 1, 2)


class Mlp(nn.Module):
    """Linear layers with an activation between them: [.., sizes[0]] -> [.., sizes[-1]]."""

    def __init__(self, sizes: tuple[int, ...], activation: Callable[[Tensor], Tensor] = F.relu) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return last(x)
