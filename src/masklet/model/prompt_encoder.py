"""Clicks, boxes and masks as tokens and as a dense map.

Legend: O objects, P points, C channels, S image side, h w = S / 16.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masklet.model.configs import ModelConfig
from masklet.model.layers import ChannelNorm, Kept, small_random
from masklet.model.positions import fourier, fourier_grid

NEGATIVE, POSITIVE, BOX_START, BOX_END = 0, 1, 2, 3
PADDING = -1


@dataclass(frozen=True, slots=True)
class Points:
    """`coordinates` [O, P, 2] as x, y in pixels of the model's square image; `labels` [O, P].

    Labels: 0 negative, 1 positive, 2 and 3 the corners of a box, -1 padding.
    """

    coordinates: Tensor
    labels: Tensor

    @property
    def counts(self) -> Tensor:
        """How many of each object's points are more than padding, [O]."""
        return (self.labels != PADDING).sum(dim=1)


class PromptEncoder(nn.Module):
    """Points and mask logits -> sparse tokens [O, P + 1, C] and a dense map [O or 1, C, h, w]."""

    frequencies: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.d_model
        self.image_size = config.image_size
        self.grid = config.grid
        self._positions = Kept()
        self.register_buffer("frequencies", small_random(2, dim // 2, scale=1.0))
        self.label_embeddings = nn.Parameter(small_random(4, dim))
        self.not_a_point = nn.Parameter(small_random(1, dim))
        self.no_mask = nn.Parameter(small_random(1, dim))
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(config.dense_maps, 4, 2, stride=2),
            ChannelNorm(4),
            nn.GELU(),
            nn.Conv2d(4, 16, 2, stride=2),
            ChannelNorm(16),
            nn.GELU(),
            nn.Conv2d(16, dim, 1),
        )

    @property
    def mask_size(self) -> int:
        """Side of the mask logits that the encoder reads."""
        return 4 * self.grid

    def positions(self) -> Tensor:
        """Encoding of the stride-16 grid, [1, N, C] float32; the same for every frame."""
        return self._positions.get(
            lambda: fourier_grid(self.grid, self.grid, self.frequencies), self.frequencies, shape=(self.grid,)
        )

    def sparse(self, points: Points) -> Tensor:
        """Tokens [O, P + 1, C]; the last one is a padding point, as the published model always appends."""
        coordinates = F.pad((points.coordinates.float() + 0.5) / self.image_size, (0, 0, 0, 1))
        labels = F.pad(points.labels, (0, 1), value=PADDING)[..., None]
        dtype = self.not_a_point.dtype
        tokens = fourier(coordinates, self.frequencies).to(dtype)
        known = tokens + self.label_embeddings[labels[..., 0].clamp(min=0)]
        return torch.where(labels == PADDING, self.not_a_point, known)

    def dense(self, masks: Tensor | None) -> Tensor:
        """Map [O, C, h, w] of mask logits [O, 1, 4h, 4w] (or a drawing), or the learned "no mask" as [1, C, 1, 1]."""
        if masks is None:
            return self.no_mask[:, :, None, None]
        return self.mask_downscaling(masks)
