"""Masked auto-encoding (arXiv 2111.06377; of hierarchical trunks: arXiv 2306.00989): the trunk learns to see.

Hidden patches are painted over, not left out as in the papers: windows, pooling and convolutions need the whole grid,
and the trunk that is learnt is used as it is. It costs the time that dropping tokens would save.

Legend: B pictures, S image side, P patch side, N = (S / P)^2 patches, h w = S / 32, C channels of the last map,
D channels of the decoder.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masklet.model.positions import sine_grid
from masklet.model.sam2 import Sam2
from masklet.train.batches import Batch
from masklet.train.config import Mae
from masklet.train.objective import BatchLoss, Draw, ObjectiveModule

STRIDE = 32
"""Of the trunk's last map, which all its layers feed: the pixels are guessed from it, a cell of 32 x 32 a token."""
EPS = 1e-6


class MaeModule(ObjectiveModule):
    """Guesses the pixels of hidden patches of every picture; masks and prompts play no part.

    Gradients reach the trunk and the decoder, no other part of the model.

    Raises
    ------
    ValueError: a patch that is no multiple of 32 px or does not divide the image, or a share that hides all or nothing.
    """

    def __init__(self, model: Sam2, options: Mae) -> None:
        super().__init__(model)
        size = model.config.image_size
        if options.patch % STRIDE or size % options.patch:
            raise ValueError(f"mae: patch must be a multiple of {STRIDE} that divides {size} px, got {options.patch}")
        if not 0 < round(options.mask_share * (size // options.patch) ** 2) < (size // options.patch) ** 2:
            raise ValueError(
                f"mae: mask_share {options.mask_share:g} hides all or none of the {(size // options.patch) ** 2} "
                f"patches of {options.patch} px in a picture of {size} px"
            )
        self._options = options
        self.colour = nn.Parameter(torch.zeros(3))  # of hidden pixels, on the scale of the normalised input
        self.enter = nn.Linear(model.config.encoder.channels[3], options.width)
        self.blocks = nn.ModuleList(_block(options.width) for _ in range(options.depth))
        self.norm = nn.LayerNorm(options.width)
        self.pixels = nn.Linear(options.width, 3 * STRIDE**2)

    def units(self, batch: Batch) -> int:
        """The number of pictures."""
        return len(batch.images)

    def forward(self, batch: Batch, draw: Draw) -> BatchLoss:
        hidden = self.hide(draw.pictures(batch), batch.images)
        found = self.reconstruct(batch.images, hidden)
        errors = (found.float() - standardised(batch.images, self._options.patch)).square().mean(dim=1, keepdim=True)
        losses = (errors * hidden).sum(dim=(1, 2, 3)) / hidden.sum(dim=(1, 2, 3))
        return BatchLoss(losses.sum(), len(losses), {"loss": (float(losses.detach().sum()), len(losses))})

    def hide(self, rngs: Sequence[np.random.Generator], images: Tensor) -> Tensor:
        """Which pixels are hidden: [B, 1, S, S] bool, the same number of whole patches in each picture."""
        side = images.shape[2] // self._options.patch
        count = round(self._options.mask_share * side**2)
        patches = np.zeros((len(images), side**2), bool)
        for rng, row in zip(rngs, patches, strict=True):
            row[rng.permutation(side**2)[:count]] = True
        grid = torch.from_numpy(patches).to(images.device).view(-1, 1, side, side)
        return grid.repeat_interleave(self._options.patch, 2).repeat_interleave(self._options.patch, 3)

    def reconstruct(self, images: Tensor, hidden: Tensor) -> Tensor:
        """All pixels [B, 3, S, S], standardised patch by patch, as guessed from those that are not `hidden`."""
        seen = torch.where(hidden, self.colour[:, None, None], images)
        last = self.model.encoder.trunk(seen)[3]  # [B, C, h, w]
        height, width = last.shape[2:]
        x = self.enter(last.flatten(2).transpose(1, 2))  # [B, h * w, D]
        x = x + sine_grid(height, width, self._options.width, x.device)
        for block in self.blocks:
            x = block(x)
        cells = self.pixels(self.norm(x)).transpose(1, 2).unflatten(2, (height, width))  # [B, 3 * 32 * 32, h, w]
        return F.pixel_shuffle(cells, STRIDE)


def standardised(images: Tensor, patch: int) -> Tensor:
    """Images [B, 3, S, S], each patch of `patch` px less its mean and by its deviation, over all its channels."""
    side = images.shape[2] // patch
    patches = images.reshape(-1, 3, side, patch, side, patch)
    variance, mean = torch.var_mean(patches, dim=(1, 3, 5), keepdim=True)
    return ((patches - mean) / (variance + EPS).sqrt()).reshape(images.shape)


def _block(width: int) -> nn.TransformerEncoderLayer:
    heads = math.gcd(width, 8)
    return nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
