"""Stochastic depth (arXiv 1603.09382): in training, residual branches of a Hiera trunk are left out at random.

The network knows nothing of it: the last layer of each branch is wrapped.

Legend: B pictures, R branches (attention and MLP of every block, in their order).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from masklet.model.hiera import Hiera, HieraBlock


class DropPath:
    """Leaves out branches of a trunk, of each picture others; those that stay count for more, so that means stay.

    Parameters
    ----------
    trunk: is changed: from now on it takes only batches that were drawn for, in training mode.
    rate: share of pictures that go without a branch of the last block; the first block has 0, the rate rises linearly.
    """

    def __init__(self, trunk: nn.Module, rate: float) -> None:
        if not isinstance(trunk, Hiera):
            raise ValueError(f"drop_path: expected 0 for a trunk that is no Hiera, got {rate:g}")
        ends = branch_ends(trunk)
        self._rates = np.repeat(np.linspace(0, rate, len(ends) // 2), 2)
        self._scales: Tensor | None = None  # [B, R]
        for branch, end in enumerate(ends):
            end.forward = partial(self._pass, end, end.forward, branch)

    def draw(self, rngs: Sequence[np.random.Generator], device: torch.device) -> None:
        """Choose the branches for the next batch, whose pictures have one generator each."""
        kept = np.stack([rng.random(len(self._rates)) for rng in rngs]) >= self._rates
        self._scales = torch.from_numpy((kept / (1 - self._rates)).astype(np.float32)).to(device)

    def _pass(
        self, end: nn.Module, forward: Callable[..., Tensor], branch: int, x: Tensor, residual: Tensor | None = None
    ) -> Tensor:
        """The branch's last layer; x and what it is added to have the pictures, or windows of one after the other."""
        if not end.training:
            return forward(x) if residual is None else forward(x, residual)
        assert self._scales is not None, "drawn before every batch"
        y = forward(x)
        scales = self._scales[:, branch].to(y.dtype).repeat_interleave(len(y) // len(self._scales))
        y = y * scales.view(-1, *[1] * (y.ndim - 1))
        return y if residual is None else residual + y


def branch_ends(trunk: Hiera) -> list[nn.Module]:
    """The last layers of the R branches."""
    blocks = (block for block in trunk.blocks if isinstance(block, HieraBlock))
    return [end for block in blocks for end in (block.attn.proj, block.mlp.layers[-1])]
