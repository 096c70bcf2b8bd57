"""Position encodings: sine (2-D and 1-D), random Fourier features, rotary.

Legend: B batch, H W grid, N = H * W tokens, C channels.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

TEMPERATURE = 10_000.0


def _frequencies(count: int, device: torch.device) -> Tensor:
    index = torch.arange(count, dtype=torch.float32, device=device)
    return TEMPERATURE ** (2 * torch.div(index, 2, rounding_mode="floor") / count)


@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)
def sine_grid(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Sine encoding of a grid, [1, H*W, C] float32: y in the first half of the channels, x in the second.

    Positions run from 1 and are normalised to 2 pi by the last one; sine and cosine alternate.
    """
    half = channels // 2
    scale, eps = 2 * math.pi, 1e-6

    def axis(length: int) -> Tensor:
        position = torch.arange(1, length + 1, dtype=torch.float32, device=device)
        position = position / (position[-1:] + eps) * scale
        angle = position[:, None] / _frequencies(half, device)  # [L, half]
        return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=-1).flatten(1)

    y = axis(height)[:, None].expand(height, width, half)
    x = axis(width)[None].expand(height, width, half)
    return torch.cat((y, x), dim=-1).reshape(1, height * width, channels).contiguous()


def sine_steps(steps: Tensor, channels: int) -> Tensor:
    """Sine encoding of scalars: [..] -> [.., C]; all sines first, then all cosines."""
    angle = steps[..., None] / _frequencies(channels // 2, steps.device)
    return torch.cat((angle.sin(), angle.cos()), dim=-1)


def fourier(coordinates: Tensor, matrix: Tensor) -> Tensor:
    """Random Fourier features of points in [0, 1]: [.., 2] with matrix [2, C/2] -> [.., C] (float32)."""
    angle = 2 * math.pi * ((2 * coordinates.float() - 1) @ matrix.float())
    return torch.cat((angle.sin(), angle.cos()), dim=-1)


def fourier_grid(height: int, width: int, matrix: Tensor) -> Tensor:
    """Random Fourier features of the cell centres of a grid: [1, H*W, C] float32."""
    y = (torch.arange(height, dtype=torch.float32, device=matrix.device) + 0.5) / height
    x = (torch.arange(width, dtype=torch.float32, device=matrix.device) + 0.5) / width
    points = torch.stack((x[None].expand(height, width), y[:, None].expand(height, width)), dim=-1)
    return fourier(points, matrix).reshape(1, height * width, -1)


@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)
def rotary_table(
    height: int, width: int, channels: int, device: torch.device, dtype: torch.dtype = torch.float32, pool: int = 1
) -> tuple[Tensor, Tensor]:
    """Cosine and sine of axial rotary angles, each [H*W, C], every angle repeated for its pair of channels.

    The first half of the channels turns with x, the second with y (RoFormer, extended to two axes). With `pool`, each
    of the H x W places is the middle of a square of so many cells a side.
    """
    quarter = channels // 4
    rate = 1.0 / TEMPERATURE ** (torch.arange(quarter, dtype=torch.float32, device=device) * 4 / channels)
    cell = torch.arange(height * width, dtype=torch.float32, device=device)
    middle = (pool - 1) / 2
    x = torch.outer((cell % width) * pool + middle, rate)
    y = torch.outer(torch.div(cell, width, rounding_mode="floor") * pool + middle, rate)
    angle = torch.cat((x, y), dim=-1).repeat_interleave(2, dim=-1)
    return angle.cos().to(dtype), angle.sin().to(dtype)


def quarter_turned(rows: Tensor) -> Tensor:
    """Rows (a, b) of each pair -> (-b, a): [C, ..] -> [C, ..]."""
    return torch.stack((-rows[1::2], rows[0::2]), dim=1).flatten(0, 1)
