"""Prompts as pictures: what a small model obeys after far fewer steps than it needs to learn from tokens alone.

Not part of the published model, which sees clicks and boxes as tokens and an earlier mask at stride 16 only. Here they
are maps side by side, so that a click is never taken for a piece of the mask, and they also reach the decoder at
strides 8 and 4, so that a correction can leave the rest of the mask as it was.

Legend: O objects, P points, C channels, h w = S / 16.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masklet.model.configs import DRAWN_MAPS, ModelConfig
from masklet.model.prompt_encoder import BOX_END, BOX_START, NEGATIVE, POSITIVE, Points

EVIDENCE = 10.0
"""Of a click at its centre and of the outside of a box; mask logits beyond it count as much."""
SPREAD = 3 / 64
"""Standard deviation of a drawn click, as a share of the image's side."""


class Drawing(nn.Module):
    """Draws prompts, and adds what is drawn to the image's features."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.image_size = config.image_size
        self.side = 4 * config.grid
        self.skip4 = _nothing_yet(config.d_model // 8)
        self.skip8 = _nothing_yet(config.d_model // 4)

    def forward(self, points: Points | None, masks: Tensor | None) -> Tensor | None:
        """The maps [O, 4, 4h, 4w], 0 where nothing is known; None without any point or mask.

        `masks` [O, 1, 4h, 4w] are logits.
        """
        if points is None or not bool(points.counts.any()):
            return None if masks is None else F.pad(masks.clamp(-EVIDENCE, EVIDENCE), (0, 0, 0, 0, 0, DRAWN_MAPS - 1))
        labels = points.labels[..., None, None]  # [O, P, 1, 1]
        x, y = offsets(points, self.image_size, self.side)
        outside = ((labels == BOX_START) & ((x < 0) | (y < 0))) | ((labels == BOX_END) & ((x > 0) | (y > 0)))
        near = spots(points, self.image_size, self.side, SPREAD)  # [O, P, 4h, 4w]
        drawn = (near * (labels == POSITIVE), near * (labels == NEGATIVE), outside.float())
        mask = near.new_zeros(len(near), self.side, self.side) if masks is None else masks[:, 0].float()
        return torch.stack([mask.clamp(-EVIDENCE, EVIDENCE), *(EVIDENCE * part.amax(dim=1) for part in drawn)], dim=1)

    def skips(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """What the maps add to the features at stride 4 and 8: [O, C/8, 4h, 4w] and [O, C/4, 2h, 2w]."""
        maps = maps / EVIDENCE
        return self.skip4(maps), self.skip8(F.avg_pool2d(maps, 2))


def offsets(points: Points, image_size: int, side: int) -> tuple[Tensor, Tensor]:
    """How far right and below of each point cells are, in sides of the image: [O, P, 1, side] and [O, P, side, 1]."""
    x, y = ((points.coordinates.float() + 0.5) / image_size)[..., None, None].unbind(dim=2)  # [O, P, 1, 1] each
    cells = (torch.arange(side, device=x.device) + 0.5) / side
    return cells - x, cells[:, None] - y


def spots(points: Points, image_size: int, side: int, spread: float) -> Tensor:
    """A bump of height 1 around each point, [O, P, side, side]; `spread` is its deviation, a share of the side."""
    across, down = (torch.exp(-(part**2) / (2 * spread**2)) for part in offsets(points, image_size, side))
    return across * down


def _nothing_yet(channels: int) -> nn.Conv2d:
    """A convolution of the maps that adds nothing until it is trained."""
    layer = nn.Conv2d(DRAWN_MAPS, channels, 3, padding=1)
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
