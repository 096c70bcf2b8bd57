"""The Hiera trunk of SAM 2: windowed and global attention over four stages (arXiv 2306.00989).

Legend: B batch, H W grid, N tokens, C channels, D head dimension, w window side, B' = B * windows.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masklet.model.attention import attend
from masklet.model.configs import HieraConfig
from masklet.model.layers import Kept, Linear, Mlp

BAND_BYTES = 8 << 20
"""Largest intermediate of a windowed block: what stays in the cache is neither written to memory nor faulted in."""


def _pool(x: Tensor) -> Tensor:
    """[B, H, W, C] -> [B, H/2, W/2, C], maximum of 2x2."""
    if x.requires_grad:  # the other way is up to three times as fast forward, and as slow backward
        return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
    rows = torch.maximum(x[:, 0::2], x[:, 1::2])
    return torch.maximum(rows[:, :, 0::2], rows[:, :, 1::2])


@lru_cache(maxsize=8)
@torch.inference_mode(mode=False)
def _bicubic(size: int, source: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Bicubic resizing of one axis as a matrix [size, source]: an image is resized several times as fast by two."""
    basis = torch.eye(source, device=device)[None, None]
    return F.interpolate(basis, size=(size, source), mode="bicubic")[0, 0].to(dtype)


def _to_windows(x: Tensor, side: int) -> tuple[Tensor, tuple[int, int]]:
    """[B, H, W, C] -> [B', w, w, C], padded with zeros at the bottom and right; also returns the padded (H, W)."""
    batch, height, width, channels = x.shape
    if height % side or width % side:  # nothing to pad would be a copy, too
        x = F.pad(x, (0, 0, 0, -width % side, 0, -height % side))
        height, width = x.shape[1:3]
    x = x.reshape(batch, height // side, side, width // side, side, channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, side, side, channels), (height, width)


def _from_windows(x: Tensor, padded: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """[B', w, w, C] -> [B, H, W, C], the padding cut off."""
    side, channels = x.shape[1], x.shape[3]
    rows, columns = padded[0] // side, padded[1] // side
    x = x.reshape(-1, rows, columns, side, side, channels).permute(0, 1, 3, 2, 4, 5)
    x = x.reshape(-1, *padded, channels)
    return x if padded == size else x[:, : size[0], : size[1]].contiguous()


class HieraAttention(nn.Module):
    """Self-attention over all tokens of [B', H, W, C], before its projection; where `pool`, the queries are maxima."""

    def __init__(self, dim: int, dim_out: int, heads: int, *, pool: bool) -> None:
        super().__init__()
        self.heads = heads
        self.pool = pool
        self.qkv = Linear(dim, 3 * dim_out)
        self.proj = Linear(dim_out, dim_out)

    def forward(self, x: Tensor) -> Tensor:
        batch, height, width, _ = x.shape
        q, k, v = self.qkv(x).chunk(3, dim=-1)  # each [B', H, W, C]
        if self.pool:
            q = _pool(q)
            height, width = q.shape[1:3]
        q, k, v = (t.reshape(batch, -1, self.heads, t.shape[-1] // self.heads).transpose(1, 2) for t in (q, k, v))
        x = attend(q, k, v)  # [B', heads, N, D]
        return x.transpose(1, 2).reshape(batch, height, width, -1)


class HieraBlock(nn.Module):
    """Attention within windows of side `window` (0: over the whole grid) and an MLP, both residual."""

    def __init__(self, dim: int, dim_out: int, heads: int, *, window: int, pool: bool) -> None:
        super().__init__()
        self.window = window
        self.pool = pool
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = HieraAttention(dim, dim_out, heads, pool=pool)
        self.norm2 = nn.LayerNorm(dim_out, eps=1e-6)
        self.mlp = Mlp((dim_out, 4 * dim_out, dim_out), "gelu")
        self.proj = Linear(dim, dim_out) if dim != dim_out else None

    def forward(self, x: Tensor) -> Tensor:
        """[B, H, W, C] -> the same, or half as high and wide. Rows of windows know nothing of each other."""
        rows = self._rows_at_once(x)
        if rows >= x.shape[1]:
            return self._run(x)
        return torch.cat([self._run(x[:, start : start + rows]) for start in range(0, x.shape[1], rows)], dim=1)

    def _rows_at_once(self, x: Tensor) -> int:
        """Whole windows of rows whose widest intermediate, that of the MLP, has at most BAND_BYTES."""
        if self.window == 0 or torch.is_grad_enabled():
            return x.shape[1]
        batch, _, width, _ = x.shape
        row = batch * width * 4 * len(self.norm2.weight) * x.element_size() // (4 if self.pool else 1)
        return max(BAND_BYTES // (row * self.window), 1) * self.window

    def _run(self, x: Tensor) -> Tensor:
        shortcut = x
        x = self.norm1(x)
        if self.proj is not None:
            shortcut = self.proj(x)
            if self.pool:
                shortcut = _pool(shortcut)
        if self.window:
            # Padding counts as tokens: it takes part in the attention, as in the published model.
            x, (rows, columns) = _to_windows(x, self.window)
            x = self.attn(x)
            scale = 2 if self.pool else 1
            x = _from_windows(x, (rows // scale, columns // scale), (shortcut.shape[1], shortcut.shape[2]))
        else:
            x = self.attn(x)
        x = self.attn.proj(x, shortcut)
        return self.mlp(self.norm2(x), x)


class Hiera(nn.Module):
    """Images [B, 3, S, S] -> feature maps at strides 4, 8, 16, 32, each [B, C, H, W]."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        dim, heads = config.embed_dim, config.heads
        self.patch_embed = nn.Conv2d(3, dim, 7, stride=4, padding=3)
        self.pos_embed = nn.Parameter(torch.zeros(1, dim, config.background_size, config.background_size))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, dim, config.windows[0], config.windows[0]))
        self._positions = Kept()
        self.ends = tuple(sum(config.depths[: i + 1]) - 1 for i in range(4))
        blocks: list[HieraBlock] = []
        stage = 0
        for index in range(sum(config.depths)):
            # The window lags one block behind at a change of stage: the pooling block still uses the old one.
            window = 0 if index in config.global_blocks else config.windows[stage]
            pool = index - 1 in self.ends[:3]
            dim_out = 2 * dim if pool else dim
            if pool:
                stage += 1
                heads *= 2
            blocks.append(HieraBlock(dim, dim_out, heads, window=window, pool=pool))
            dim = dim_out
        self.blocks = nn.ModuleList(blocks)

    def positions(self, height: int, width: int) -> Tensor:
        """Absolute position embedding of a stride-4 grid, [1, H, W, C]: a resized background plus tiled windows."""
        weights = self.pos_embed, self.pos_embed_window
        return self._positions.get(lambda: self._make_positions(height, width), *weights, shape=(height, width))

    def _make_positions(self, height: int, width: int) -> Tensor:
        coarse, tile = (embedding.permute(0, 2, 3, 1) for embedding in (self.pos_embed, self.pos_embed_window))
        channels, side = tile.shape[-1], tile.shape[1]
        rows, columns = (_bicubic(n, coarse.shape[1], coarse.dtype, coarse.device) for n in (height, width))
        stretched = torch.einsum("wx,byxc->bywc", columns, coarse)  # [1, 7, W, C]
        background = (rows @ stretched.flatten(2)).reshape(1, height // side, side, width // side, side, channels)
        return (background + tile[:, None, :, None]).reshape(1, height, width, channels)

    def forward(self, images: Tensor) -> list[Tensor]:
        images = images.contiguous(memory_format=torch.channels_last)  # then so is all that follows, without copies
        x = self.patch_embed(images).permute(0, 2, 3, 1)
        x = x + self.positions(x.shape[1], x.shape[2])
        maps: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.ends:
                maps.append(x.permute(0, 3, 1, 2))
        return maps
