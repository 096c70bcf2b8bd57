"""Attention without a mask, by the fastest kernel there is for the case.

Legend: B batch, H heads, N queries, M keys, C their channels, V channels of the values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from masklet.model import native

_SCORES_AT_ONCE = 1 << 20
"""As many scores of float32 stay in the processor's cache."""
_ROUNDED_SCORES_AT_ONCE = 1 << 22
"""As many of bfloat16 as there were in the fastest of several trials."""
_LANES = 16
"""Widths that are not a multiple of this slow a product down."""
_MANY = 512
"""From so many queries on, plain products are worth the passes over their scores."""
_FEW_KEYS = 16
"""Rows of scores as short as this leave most of a vector register empty."""


def attend(queries: Tensor, keys: Tensor, values: Tensor, scale: float | None = None) -> Tensor:
    """softmax(scale queries keys^T) values: [B, H, N, C], [B, H, M, C], [B, H, M, V] -> [B, H, N, V].

    The scale is 1 / sqrt(C) where none is given. PyTorch's fused kernels want values as wide as keys, and zeros fill up
    what is narrower. On a CPU the products are what counts: much narrower and wider values keep their width there, and
    so do all of bfloat16 where the fused kernel does not multiply in it. Few keys are taken one by one.
    """
    width, wanted = values.shape[-1], keys.shape[-1]
    scale = 1 / math.sqrt(wanted) if scale is None else scale
    if native.usable(queries, keys, values):
        return native.attend(queries, keys, values, scale)
    if _few_keys(queries, keys):
        # Scores are [B, H, M, N]: the softmax over few keys runs along the many queries.
        scores = (keys * scale) @ queries.transpose(-1, -2)
        return (values.transpose(-1, -2) @ scores.softmax(dim=-2)).transpose(-1, -2)
    by_parts = _parted(queries, keys, values)
    if by_parts is not None and native.untraced(queries, keys, values):
        heads = zip(*(part.flatten(0, 1) for part in (queries, keys, values)), strict=True)
        return torch.stack([by_parts(q, k, v, scale) for q, k, v in heads]).view(*queries.shape[:-1], width)
    if width < wanted:
        values = F.pad(values, (0, wanted - width))
    elif width > wanted:
        queries, keys = (F.pad(part, (0, width - wanted)) for part in (queries, keys))
    return F.scaled_dot_product_attention(queries, keys, values, scale=scale)[..., :width]


def _few_keys(queries: Tensor, keys: Tensor) -> bool:
    on_cpu = queries.device.type == "cpu" and not torch.compiler.is_compiling()
    return on_cpu and keys.shape[2] <= _FEW_KEYS and queries.shape[2] >= _MANY


def _parted(queries: Tensor, keys: Tensor, values: Tensor) -> Callable[[Tensor, Tensor, Tensor, float], Tensor] | None:
    """What does better than PyTorch's fused kernel on a CPU where that would multiply much that is zero, or bfloat16
    as slowly as float32; None: nothing."""
    width, wanted = values.shape[-1], keys.shape[-1]
    if queries.dtype == torch.float32:
        return _by_keys if width <= wanted // 4 or width >= 2 * wanted else None
    many = min(queries.shape[2], keys.shape[2]) >= _MANY
    return _by_queries if many and queries.dtype == torch.bfloat16 and _is_bfloat16_fused_slowly() else None


@cache
def _is_bfloat16_fused_slowly() -> bool:
    """Processors that multiply vectors of bfloat16, not tiles of it."""

    def has(feature: str) -> bool:
        asked = getattr(torch.cpu, f"_is_{feature}_supported", None)
        return asked is not None and asked()

    return has("avx512_bf16") and not has("amx_tile")


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


def _by_queries(queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
    """One head: [N, C], [M, C], [M, V] -> [N, V], some queries at a time. Scores are rounded to the queries' type."""
    queries = queries * scale
    step = max(_ROUNDED_SCORES_AT_ONCE // len(keys), 1)
    starts = range(0, len(queries), step)
    return torch.cat([(queries[start : start + step] @ keys.T).softmax(dim=-1) @ values for start in starts])
