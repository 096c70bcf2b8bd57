"""A still that the model has looked at, and what the decoder makes of prompts on it.

What the image predictor and everything-mode share; tensors in, tensors out, all prompts already checked.

Legend: B pictures, N prompts, C masks of a prompt (1 or 3), H W picture, S side of the model's image, h w = S / 16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from masklet.masks.components import small_components
from masklet.model.encoder import ImageFeatures
from masklet.model.mask_decoder import Decoded
from masklet.model.prompt_encoder import Points
from masklet.model.sam2 import Sam2
from masklet.session.prepare import still_tensor
from masklet.session.selection import Chosen

CLAMP = 32.0
"""Logits that are handed back as a prompt are cut off at +- this."""

Selector = Callable[[Decoded], Chosen]


@dataclass(frozen=True, slots=True)
class Still:
    """Features of one picture [1, ..], the learned "no memory" already added, and the picture's size in pixels."""

    features: ImageFeatures
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """Masks of N prompts at the decoder's size: `logits` [N, C, 4h, 4w] float32, `iou` [N, C] float32 in 0..1."""

    logits: Tensor
    iou: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleanup:
    """Small faults of the masks to mend at the decoder's size, areas in its pixels, 8-connected; 0 leaves them alone.

    `holes` are background components of at most that many pixels, `sprinkles` foreground components.
    """

    threshold: float = 0.0
    holes: float = 0.0
    sprinkles: float = 0.0

    def __call__(self, logits: Tensor) -> Tensor:
        """[N, C, 4h, 4w] -> the same, holes at threshold + 10 and sprinkles at threshold - 10."""
        if self.holes <= 0 and self.sprinkles <= 0:
            return logits
        foreground = (logits > self.threshold).cpu().numpy()
        mended = logits.clone()
        for index in np.ndindex(foreground.shape[:2]):
            # Both look at the mask as it came, so that what one mends is no fault to the other.
            for binary, area, value in (
                (~foreground[index], self.holes, 10.0),
                (foreground[index], self.sprinkles, -10.0),
            ):
                small = small_components(binary, int(area))
                if small.any():
                    mended[index][torch.as_tensor(small, device=logits.device)] = self.threshold + value
        return mended


def encode(model: Sam2, pictures: Sequence[NDArray[np.uint8]]) -> list[Still]:
    """Pictures [H, W, 3], each of any size, through the image encoder as one batch."""
    side = model.config.image_size
    images = torch.cat([still_tensor(picture, side, model.device) for picture in pictures])
    features = model.encode_image(images)
    features = ImageFeatures(model.without_memory(features.embedding), features.stride4, features.stride8)
    return [Still(features[index], *picture.shape[:2]) for index, picture in enumerate(pictures)]


def decode(
    model: Sam2, still: Still, points: Points | None, masks: Tensor | None, *, multimask: bool, single: Selector
) -> Candidates:
    """N prompts on one still: the three candidates each, or the one mask that `single` takes.

    `points` None means no sparse token at all, `masks` [N, 1, 4h, 4w] are logits.
    """
    decoded = model.decode(still.features.embedding, still.features, points=points, masks=masks)
    if multimask:
        return Candidates(decoded.logits[:, 1:].float(), decoded.iou[:, 1:].float())
    chosen = single(decoded)
    return Candidates(chosen.logits.float(), chosen.iou.float())


def resize(logits: Tensor, height: int, width: int) -> Tensor:
    """[N, C, 4h, 4w] -> [N, C, `height`, `width`], bilinear."""
    return F.interpolate(logits, size=(height, width), mode="bilinear", align_corners=False)


def mask_logits(mask: Tensor, side: int) -> Tensor:
    """A mask [N, 1, H, W] of 0 and 1 as the prompt encoder reads it, [N, 1, S / 4, S / 4]: +-10, softer at its edge."""
    full = F.interpolate(mask.float(), size=(side, side), mode="bilinear", align_corners=False, antialias=True)
    logits = (full >= 0.5).float() * 20 - 10
    quarter = side // 4
    return F.interpolate(logits, size=(quarter, quarter), mode="bilinear", align_corners=False, antialias=True)
