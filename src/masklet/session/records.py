"""The record that one frame leaves behind for one object.

Legend: C model channels, K memory channels, h w = S / 16.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What one frame left behind for one object.

    `logits` [1, 4h, 4w] float32; `pointer` [C] float32; `memory` [K, h, w] bfloat16, None until it is written;
    `score` the object score logit (visible > 0); `iou` the estimated IoU, 0..1.
    """

    logits: Tensor
    pointer: Tensor
    memory: Tensor | None
    score: float
    iou: float
