"""A second look at what is corrected: close to the picture, at its finer strides.

Not part of the published model, whose decoder sees prompts at stride 16, and finer features only through one sum each.
A small one learns slowly there to follow a border, or to take away just what was clicked on; a few plain convolutions
over features, answers and drawn prompts side by side do. Tracked frames and lone clicks never come here.

Legend: O objects, M masks, C channels of the model, W channels of the refinement, h w = S / 16.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masklet.model.configs import DRAWN_MAPS, ModelConfig, RefinementConfig
from masklet.model.drawing import EVIDENCE, spots
from masklet.model.encoder import ImageFeatures
from masklet.model.layers import ChannelNorm
from masklet.model.mask_decoder import MASKS
from masklet.model.prompt_encoder import NEGATIVE, POSITIVE, Points

POINTED = (POSITIVE, NEGATIVE)
"""Labels of the clicks that have a map of where exactly they are."""
SPREAD = 1.5
"""Standard deviation of such a click, in cells of the logits."""


class Refinement(nn.Module):
    """What is to be added to the logits of a prompted frame.

    All is computed at stride 8, where squares of 2 x 2 cells of the logits are channels, with a look at stride 16.
    """

    def __init__(self, config: ModelConfig, options: RefinementConfig) -> None:
        super().__init__()
        dim, width = config.d_model, options.width
        self.image_size = config.image_size
        finest = 4 * (MASKS + DRAWN_MAPS + len(POINTED) + dim // 8)  # maps at stride 4, as channels at stride 8
        self.inputs = nn.Conv2d(finest + dim // 4, width, 1)
        self.norm = ChannelNorm(width)
        self.down = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.context = nn.Conv2d(dim, 2 * width, 1)
        self.wide = nn.ModuleList(WideBlock(2 * width) for _ in range(options.wide_blocks))
        self.up = nn.Conv2d(2 * width, width, 1)
        self.fine = nn.ModuleList(FineBlock(width) for _ in range(options.fine_blocks))
        self.outputs = nn.Conv2d(width, 4 * MASKS, 1)
        for parameter in self.outputs.parameters():  # nothing is added until it is trained
            nn.init.zeros_(parameter)

    def forward(
        self, embedding: Tensor, features: ImageFeatures, logits: Tensor, points: Points, drawn: Tensor
    ) -> Tensor:
        """What the masks lack, [O, M, 4h, 4w].

        `embedding` [O or 1, C, h, w] is conditioned on memory, `features` have O or 1 entries, `logits` [O, M, 4h, 4w]
        are the decoder's answer, `points` and `drawn` [O, DRAWN_MAPS, 4h, 4w] what was asked.
        """
        objects = len(logits)
        answer = logits.clamp(-EVIDENCE, EVIDENCE) / EVIDENCE
        pointed = self._pointed(points, logits.shape[-1])
        stride4, stride8 = (part.expand(objects, -1, -1, -1) for part in (features.stride4, features.stride8))
        finest = torch.cat((answer, (drawn / EVIDENCE).to(answer.dtype), pointed.to(answer.dtype), stride4), dim=1)
        x = torch.cat((F.pixel_unshuffle(finest, 2), stride8), dim=1)
        x = F.gelu(self.norm(self.inputs(x)))  # [O, W, 2h, 2w]
        y = self.down(x) + self.context(embedding)  # [O, 2W, h, w]
        for block in self.wide:
            y = block(y)
        x = x + F.interpolate(self.up(y), scale_factor=2.0, mode="nearest")
        for block in self.fine:
            x = block(x)
        return F.pixel_shuffle(self.outputs(x), 2)

    def _pointed(self, points: Points, side: int) -> Tensor:
        """Clicks of each kind, drawn sharply: [O, len(POINTED), 4h, 4w]."""
        near = spots(points, self.image_size, side, SPREAD / side)
        kinds = points.labels[..., None, None]
        return torch.stack([(near * (kinds == kind)).amax(dim=1) for kind in POINTED], dim=1)


class WideBlock(nn.Module):
    """ConvNeXt's block: each channel looks 7 x 7 cells wide, then channels meet: [O, C, h, w] -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = ChannelNorm(channels)
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.project = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(F.gelu(self.expand(self.norm(self.depthwise(x)))))


class FineBlock(nn.Module):
    """Two 3 x 3 convolutions and what came in: [O, C, H, W] -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.gelu(self.first(self.norm(x))))
