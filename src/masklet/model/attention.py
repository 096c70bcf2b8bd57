"""Attention without a mask, by the fastest kernel there is for the case.

Legend: B batch, H heads, N queries, M keys, C their channels, V channels of the values.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from masklet.model import native

_SCORES_AT_ONCE = 1 << 20
"""As many scores of float32 stay in the processor's cache."""
_LANES = 16
"""Widths that are not a multiple of this slow a product down."""
_FEW_KEYS = 16
"""Rows of scores as short as this leave most of a vector register empty."""


def attend(queries: Tensor, keys: Tensor, values: Tensor, scale: float | None = None) -> Tensor:
    """softmax(scale queries keys^T) values: [B, H, N, C], [B, H, M, C], [B, H, M, V] -> [B, H, N, V].

    The scale is 1 / sqrt(C) where none is given. PyTorch's fused kernels want values as wide as keys. In float32 on a
    CPU the products are what counts: there much narrower values keep their width. Elsewhere the fused kernel is worth
    the zeros that fill up what is narrower. Where a whole image looks at a few tokens, it goes key by key.
    """
    width, wanted = values.shape[-1], keys.shape[-1]
    scale = 1 / math.sqrt(wanted) if scale is None else scale
    if native.usable(queries, keys, values):
        return native.attend(queries, keys, values, scale)
    if queries.dtype == torch.float32 and width <= wanted // 4 and native.untraced(queries, keys, values):
        heads = zip(*(part.flatten(0, 1) for part in (queries, keys, values)), strict=True)
        return torch.stack([_by_keys(q, k, v, scale) for q, k, v in heads]).view(*queries.shape[:-1], width)
    if _few_keys(queries, keys):
        # Scores are [B, H, M, N]: the softmax over few keys runs along the many queries.
        scores = (keys * scale) @ queries.transpose(-1, -2)
        return (values.transpose(-1, -2) @ scores.softmax(dim=-2)).transpose(-1, -2)
    if width < wanted:
        values = F.pad(values, (0, wanted - width))
    elif width > wanted:
        queries, keys = (F.pad(part, (0, width - wanted)) for part in (queries, keys))
    return F.scaled_dot_product_attention(queries, keys, values, scale=scale)[..., :width]


def _few_keys(queries: Tensor, keys: Tensor) -> bool:
    on_cpu = queries.device.type == "cpu" and not torch.compiler.is_compiling()
    return on_cpu and keys.shape[2] <= _FEW_KEYS and queries.shape[2] >= _FEW_KEYS * keys.shape[2]


def _by_keys(queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
    """One head: [N, C], [M, C], [M, V] -> [N, V], some keys at a time, with the running maximum of FlashAttention."""
    count, width = len(queries), values.shape[1]
    queries = queries * scale
    # A channel of ones adds the weights up.
    values = torch.cat((values, torch.ones_like(values[:, :1])), dim=1)
    values = F.pad(values, (0, -values.shape[1] % _LANES))
    step = max(_SCORES_AT_ONCE // count, 1)
    buffer = queries.new_empty(count * min(step, len(keys)))
    total = queries.new_zeros(count, values.shape[1])
    top = queries.new_full((count, 1), -torch.inf)
    for start in range(0, len(keys), step):
        some = keys[start : start + step]
        scores = torch.mm(queries, some.T, out=buffer[: count * len(some)].view(count, len(some)))
        higher = torch.maximum(top, scores.amax(dim=1, keepdim=True))
        scores.sub_(higher).exp_()
        total.mul_((top - higher).exp_()).addmm_(scores, values[start : start + step])
        top = higher
    return total[:, :width] / total[:, width : width + 1]
