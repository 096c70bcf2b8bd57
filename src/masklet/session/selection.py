"""Which of the decoder's masks to take (SAM 2, section 4 and appendix D; published defaults).

Legend: O objects, M = 4 masks (0 the single one, 1..3 the candidates of an ambiguous prompt), h w mask grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from masklet.model.mask_decoder import Decoded

STABILITY_DELTA = 0.05
STABILITY_THRESHOLD = 0.98


@dataclass(frozen=True, slots=True)
class Chosen:
    """One mask for each of O objects: `logits` [O, 1, h, w], `iou` [O, 1], `token` [O, C]."""

    logits: Tensor
    iou: Tensor
    token: Tensor


def stability(logits: Tensor, threshold: float = 0.0, offset: float = 1.0) -> Tensor:
    """IoU of the masks at `threshold` +- `offset`: [.., h, w] -> [..]; 1 where both are empty."""
    # int64, the default, takes half as long again, and everything-mode does little else.
    inner = (logits > threshold + offset).sum((-1, -2), dtype=torch.int32).float()
    outer = (logits > threshold - offset).sum((-1, -2), dtype=torch.int32).float()
    return torch.where(outer > 0, inner / outer.clamp(min=1), 1.0)


def take_candidate(decoded: Decoded) -> Chosen:
    """The candidate of highest estimated IoU, with its own token: for an ambiguous prompt, and while tracking."""
    best = 1 + decoded.iou[:, 1:].argmax(dim=1)
    rows = torch.arange(len(best), device=best.device)
    return Chosen(decoded.logits[rows, best][:, None], decoded.iou[rows, best][:, None], decoded.tokens[rows, best])


def take_single(decoded: Decoded) -> Chosen:
    """The single mask; where it is not stable, the best candidate. The token is always the single one's."""
    single, candidate = decoded.logits[:, :1], take_candidate(decoded)
    stable = stability(single, offset=STABILITY_DELTA) >= STABILITY_THRESHOLD  # [O, 1]
    return Chosen(
        torch.where(stable[..., None, None], single, candidate.logits),
        torch.where(stable, decoded.iou[:, :1], candidate.iou),
        decoded.tokens[:, 0],
    )


def take_plain(decoded: Decoded) -> Chosen:
    """The single mask as it is."""
    return Chosen(decoded.logits[:, :1], decoded.iou[:, :1], decoded.tokens[:, 0])
