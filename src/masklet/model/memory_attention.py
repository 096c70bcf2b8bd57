"""Conditions a frame's features on memories: self-attention, cross-attention to memory, MLP, in a few layers.

Legend: O objects, N = h * w tokens of the frame, M memory tokens, P of them pointer tokens, C model channels,
K memory channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from masklet.model import native
from masklet.model.attention import attend
from masklet.model.configs import ModelConfig
from masklet.model.layers import Linear, linear
from masklet.model.memory_readout import MemoryReadout
from masklet.model.memory_tokens import MemoryTokens
from masklet.model.positions import quarter_turned, rotary_table, sine_grid

OBJECT_BYTES = 16 << 20
"""Keys of as many objects at once: what the processor's cache and the allocator keep at hand."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Cosine and sine (see `rotary_table`) of the places of the frame's tokens, and of a memory map's."""

    frame: tuple[Tensor, Tensor]
    memory: tuple[Tensor, Tensor]


class RotaryLinear(Linear):
    """A projection whose channels turn with the place of their token: pairs (a, b) by the angles of a table."""

    def rotated(self, x: Tensor, table: tuple[Tensor, Tensor], unplaced: int = 0) -> Tensor:
        """Tokens [O, R * N + P, in], R maps of the N places of a `table` and P = `unplaced` without -> [O, .., C].

        Turning is linear: (a cos - b sin, b cos + a sin) is cos times the projection plus sin times that by weights
        whose rows are a quarter turn ahead. In PyTorch a second product is far cheaper than shuffling neighbours.
        """
        cos, sin = table
        placed = x.shape[1] - unplaced
        assert placed % len(cos) == 0
        if native.usable(x, self.weight, self.bias, cos, sin):
            y = x.new_empty(*x.shape[:2], len(self.weight))
            for one, out in zip(x, y, strict=True):
                native.project(one[:placed], self.weight, self.bias, table=table, out=out[:placed])
                native.project(one[placed:], self.weight, self.bias, out=out[placed:])
            return y
        ahead, bias = quarter_turned(self.weight), quarter_turned(self.bias)
        # Map by map: one fits into the processor's cache, all of them do not.
        maps = (x[:, start : start + len(cos)] for start in range(0, placed, len(cos)))
        turned = [
            torch.addcmul(linear(one, self.weight, self.bias) * cos, linear(one, ahead, bias), sin) for one in maps
        ]
        parts = [*turned, self(x[:, placed:])] if unplaced else turned
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


class SelfAttention(nn.Module):
    """One-head attention of a frame's tokens to each other, with axial rotary positions: [O, N, C] -> [O, N, C]."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.q_proj = RotaryLinear(dim, dim)
        self.k_proj = RotaryLinear(dim, dim)
        self.v_proj = Linear(dim, dim)
        self.out_proj = Linear(dim, dim)

    def forward(self, x: Tensor, table: tuple[Tensor, Tensor], residual: Tensor) -> Tensor:
        q, k = self.q_proj.rotated(x, table), self.k_proj.rotated(x, table)
        y = attend(q[:, None], k[:, None], self.v_proj(x)[:, None])
        return self.out_proj(y[:, 0], residual)


class MemoryCrossAttention(nn.Module):
    """One-head attention of a frame's tokens to memory, with axial rotary positions: [O, N, C] -> [O, N, C].

    The values' projection is linear and the weights of a query add up to 1, so that it comes after attention, where
    there are fewer tokens: P (m W + b) = (P m) W + b. Memories have K channels, a quarter of the model's.
    """

    def __init__(self, dim: int, memory_dim: int) -> None:
        super().__init__()
        self.q_proj = RotaryLinear(dim, dim)
        self.k_proj = RotaryLinear(memory_dim, dim)
        self.v_proj = Linear(memory_dim, dim)
        self.out_proj = Linear(dim, dim)

    def forward(self, x: Tensor, keys: Tensor, memory: MemoryTokens, tables: Tables, residual: Tensor) -> Tensor:
        """`keys` [O, M, K] are the memory's values with their positions. Pointers have no place and do not turn."""
        q, k = self.q_proj.rotated(x, tables.frame), self.k_proj.rotated(keys, tables.memory, memory.pointers)
        y = attend(q[:, None], k[:, None], memory.values[:, None])
        return self.out_proj(self.v_proj(y[:, 0]), residual)


class MemoryAttentionLayer(nn.Module):
    """Pre-norm self-attention, cross-attention to memory, and MLP, each residual."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.d_model
        self.self_attn = SelfAttention(dim)
        self.cross_attn = MemoryCrossAttention(dim, config.memory_dim)
        self.linear1 = Linear(dim, config.memory_ffn, "relu")
        self.linear2 = Linear(config.memory_ffn, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.norm3 = nn.LayerNorm(dim)

    def attend_self(self, x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
        return self.self_attn(self.norm1(x), table, x)

    def attend_memory(self, x: Tensor, keys: Tensor, memory: MemoryTokens, tables: Tables) -> Tensor:
        x = self.cross_attn(self.norm2(x), keys, memory, tables, x)
        return self.linear2(self.linear1(self.norm3(x)), x)


class MemoryAttention(nn.Module):
    """Frame features [1 or O, C, h, w] and the memory of O objects -> conditioned features [O, C, h, w]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.readout = None if config.readout is None else MemoryReadout(config, config.readout)
        self.layers = nn.ModuleList(MemoryAttentionLayer(config) for _ in range(config.memory_layers))
        self.norm = nn.LayerNorm(config.d_model)

    def forward(self, embedding: Tensor, memory: MemoryTokens) -> Tensor:
        channels, height, width = embedding.shape[1:]
        objects, count, _ = memory.values.shape
        placed = (channels, embedding.device, embedding.dtype)
        tables = Tables(
            rotary_table(height, width, *placed),
            rotary_table(height // memory.pool, width // memory.pool, *placed, memory.pool),
        )
        positions = sine_grid(height, width, channels, embedding.device).to(embedding.dtype)
        x = embedding.flatten(2).transpose(1, 2) + 0.1 * positions  # [1 or O, N, C]
        if self.readout is not None:
            x = x + self.readout(embedding, memory)
        first = self.layers[0]
        assert isinstance(first, MemoryAttentionLayer)
        # Without a read-out nothing knows of the object until here: one frame's work serves all objects.
        x = first.attend_self(x, tables.frame).expand(objects, -1, -1)
        at_once = max(OBJECT_BYTES // (count * channels * x.element_size()), 1)
        groups = range(0, objects, at_once)
        x = torch.cat([self._condition(x[i : i + at_once], memory[i : i + at_once], tables) for i in groups])
        return x.transpose(1, 2).reshape(objects, channels, height, width)

    def _condition(self, x: Tensor, memory: MemoryTokens, tables: Tables) -> Tensor:
        """Tokens [O, N, C] after the first self-attention -> the same after all layers."""
        keys = memory.values + memory.positions
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, MemoryAttentionLayer)
            if index:
                x = layer.attend_self(x, tables.frame)
            x = layer.attend_memory(x, keys, memory, tables)
        return self.norm(x)
