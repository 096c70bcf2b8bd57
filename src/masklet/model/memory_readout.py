"""Carries masks from memory to a frame by likeness: what looked like this place, and lay near it, was it the object?

Space-time memory reading (arXiv 1904.00607) with the squared distance of tied keys (STCN, arXiv 2106.05210) and a
learned reach in space: a small model tracks with it from the first steps, and memory attention refines what it says.

Legend: O objects, R memory maps, N = h * w tokens of a map, C model channels, K memory channels, D key channels,
V = K - D value channels, H heads.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masklet.model import native
from masklet.model.attention import attend
from masklet.model.configs import MASK_CELLS, ModelConfig, ReadoutConfig
from masklet.model.memory_tokens import MemoryTokens

MASK_SCALE = 2.0
"""Stored masks run from minus to plus this, about the size of the features beside them."""
FAR, NEAR = 1.0, 12.0
"""Initial reach of the first head and of the others, as 1 / (2 sigma^2) with sigma in shares of the image's side."""
DOUBT = -2.0
"""Initial weight of tracked frames against prompted ones in the first head, as a logit."""


class MemoryReadout(nn.Module):
    """Frame features [1 or O, C, h, w] and the memory of O objects -> what to add to the features, [O, N, C]."""

    def __init__(self, config: ModelConfig, readout: ReadoutConfig) -> None:
        super().__init__()
        dim, heads = config.d_model, readout.heads
        self.key = nn.Conv2d(dim, readout.key_dim, 1)
        self.sharpness = nn.Parameter(torch.full((heads,), -0.5 * math.log(readout.key_dim)))
        locality = torch.full((heads, config.memories), math.log(NEAR))
        locality[0] = math.log(FAR)
        self.locality = nn.Parameter(locality)
        trust = torch.zeros(heads, config.memories)
        trust[0, :-1] = DOUBT
        self.trust = nn.Parameter(trust)
        read = heads * (config.memory_dim - readout.key_dim)
        self.merge = nn.Sequential(
            nn.Conv2d(dim + read, dim, 3, padding=1), nn.GELU(), nn.Conv2d(dim, dim, 3, padding=1)
        )

    def store(self, embedding: Tensor, mask_probability: Tensor, encoded: Tensor) -> Tensor:
        """Memories [O, K, h, w]: keys of features [1 or O, C, h, w], masks [O, 1, S, S] in 0..1, what was `encoded`."""
        side = math.isqrt(MASK_CELLS)
        parts = F.adaptive_avg_pool2d(mask_probability, (side * encoded.shape[2], side * encoded.shape[3]))
        cells = F.pixel_unshuffle((2 * parts - 1) * MASK_SCALE, side).to(encoded.dtype)
        keys = self.key(embedding).expand(len(encoded), -1, -1, -1)
        return torch.cat((keys, cells, encoded), dim=1)

    def forward(self, embedding: Tensor, memory: MemoryTokens) -> Tensor:
        objects, maps = memory.times.shape
        height, width = embedding.shape[2:]
        key_dim = self.key.out_channels
        stored = memory.values[:, : maps * (height * width // memory.pool**2)]
        keys, values = stored[..., :key_dim], stored[..., key_dim:]
        if maps:
            queries = self.key(embedding).flatten(2).transpose(1, 2)  # [1 or O, N, D]
            read = self._look(queries, keys, values, memory.times, (height, width), memory.pool)
        else:
            read = values.new_zeros(objects, len(self.sharpness), height * width, values.shape[2])
        read = read.transpose(2, 3).reshape(objects, -1, height, width)  # [O, H * V, h, w]
        both = torch.cat((embedding.expand(objects, -1, -1, -1), read), dim=1)
        return self.merge(both).flatten(2).transpose(1, 2)

    def _look(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        times: Tensor,
        grid: tuple[int, int],
        pool: int = 1,
    ) -> Tensor:
        """Values [O, H, N, V], averaged with softmax(trust - sharpness |q - k|^2 - locality |p_q - p_k|^2) as weights.

        Both squared distances are inner products with a few channels more, so that one fused attention does it all:
        what depends on the query alone cancels in the softmax. `grid` are the rows and columns of the queries; a
        memory map has one place for `pool` x `pool` of them.
        """
        objects, heads = len(times), len(self.sharpness)
        asked, place = (_centres(grid[0] // n, grid[1] // n, keys.device).to(keys) for n in (1, pool))  # [N, 2] each
        sharpness = self.sharpness.exp().to(keys)[None, :, None, None]
        near = self.locality.exp().to(keys)[:, times].transpose(0, 1)  # [O, H, R]
        trust = self.trust.to(keys)[:, times].transpose(0, 1)
        ones = torch.ones_like(asked[:, :1])
        where = torch.cat((2 * asked, asked.square().sum(dim=1, keepdim=True), ones), dim=1)  # [N, 4]
        q = torch.cat(
            (
                2 * sharpness * queries[:, None].expand(objects, heads, -1, -1),
                where.expand(objects, heads, -1, -1),
            ),
            dim=-1,
        )
        near = near[..., None, None]  # [O, H, R, 1, 1]
        offset = trust[..., None, None] - near * place.square().sum(dim=1, keepdim=True)  # [O, H, R, N, 1]
        offset = offset.flatten(2, 3) - sharpness * keys[:, None].square().sum(dim=-1, keepdim=True)
        k = torch.cat(
            (
                keys[:, None].expand(-1, heads, -1, -1),
                (near * place).flatten(2, 3),
                -near.expand(-1, -1, -1, len(place), -1).flatten(2, 3),
                offset,
            ),
            dim=-1,
        )
        if objects > 1 and len(queries) == 1 and native.untraced(k) and torch.equal(k, k[:1].expand_as(k)):
            # All have the same frames in mind: one look serves them all.
            side_by_side = values.transpose(0, 1).flatten(1).expand(1, heads, -1, -1)  # [1, H, M, O * V]
            read = attend(q[:1], k[:1], side_by_side, scale=1.0)  # [1, H, N, O * V]
            return read.view(heads, read.shape[2], objects, -1).permute(2, 0, 1, 3)
        return attend(q, k, values[:, None].expand(-1, heads, -1, -1), scale=1.0)


def _centres(height: int, width: int, device: torch.device) -> Tensor:
    """Cell centres as y, x in shares of the image: [h * w, 2]."""
    rows, columns = ((torch.arange(side, device=device) + 0.5) / side for side in (height, width))
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack((y, x), dim=-1).reshape(-1, 2)
