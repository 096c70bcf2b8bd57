"""Conditions a frame's features on memories: self-attention, cross-attention to memory, MLP, in a few layers.

Legend: O objects, N = h * w tokens of the frame, M memory tokens, P of them pointer tokens, C model channels,
K memory channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masklet.model.configs import ModelConfig
from masklet.model.memory_readout import MemoryReadout
from masklet.model.memory_tokens import MemoryTokens
from masklet.model.positions import rotary_table, rotate, sine_grid


class RotaryAttention(nn.Module):
    """One-head attention with axial rotary positions: x [O, N, C] over keys and values [O, M, K] -> [O, N, C]."""

    def __init__(self, dim: int, memory_dim: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(dim, dim)
        self.k_proj = nn.Linear(memory_dim, dim)
        self.v_proj = nn.Linear(memory_dim, dim)
        self.out_proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, table: tuple[Tensor, Tensor], unrotated: int) -> Tensor:
        """`unrotated` trailing keys (pointers) have no place in the image and keep their projection."""
        q = rotate(self.q_proj(x), table)
        k, v = self.k_proj(keys), self.v_proj(values)
        placed = k.shape[1] - unrotated
        if placed:
            # Map by map: one fits into the processor's cache, all of them do not.
            maps = k[:, :placed].split(table[0].shape[0], dim=1)
            k = torch.cat([*(rotate(one, table) for one in maps), k[:, placed:]], dim=1)
        y = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])
        return self.out_proj(y[:, 0])


class MemoryAttentionLayer(nn.Module):
    """Pre-norm self-attention, cross-attention to memory, and MLP, each residual."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.d_model
        self.self_attn = RotaryAttention(dim, dim)
        self.cross_attn = RotaryAttention(dim, config.memory_dim)
        self.linear1 = nn.Linear(dim, config.memory_ffn)
        self.linear2 = nn.Linear(config.memory_ffn, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.norm3 = nn.LayerNorm(dim)

    def attend_self(self, x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
        y = self.norm1(x)
        return x + self.self_attn(y, y, y, table, 0)

    def attend_memory(self, x: Tensor, keys: Tensor, memory: MemoryTokens, table: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.cross_attn(self.norm2(x), keys, memory.values, table, memory.pointers)
        return x + self.linear2(F.relu(self.linear1(self.norm3(x))))


class MemoryAttention(nn.Module):
    """Frame features [1 or O, C, h, w] and the memory of O objects -> conditioned features [O, C, h, w]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.readout = None if config.readout is None else MemoryReadout(config, config.readout)
        self.layers = nn.ModuleList(MemoryAttentionLayer(config) for _ in range(config.memory_layers))
        self.norm = nn.LayerNorm(config.d_model)

    def forward(self, embedding: Tensor, memory: MemoryTokens) -> Tensor:
        channels, height, width = embedding.shape[1:]
        objects = memory.values.shape[0]
        table = rotary_table(height, width, channels, embedding.device)
        positions = sine_grid(height, width, channels, embedding.device).to(embedding.dtype)
        x = embedding.flatten(2).transpose(1, 2) + 0.1 * positions  # [1 or O, N, C]
        keys = memory.values + memory.positions
        if self.readout is not None:
            x = x + self.readout(embedding, memory)
        for layer in self.layers:
            assert isinstance(layer, MemoryAttentionLayer)
            x = layer.attend_self(x, table)
            # Until here the first layer knows nothing of the object: one frame's work serves all objects.
            x = layer.attend_memory(x.expand(objects, -1, -1), keys, memory, table)
        return self.norm(x).transpose(1, 2).reshape(objects, channels, height, width)
