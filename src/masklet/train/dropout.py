"""Dropout in memory attention (arXiv 1207.0580): in training, numbers that its layers give are set to zero at random.

It is where the published model has it: on what self-attention gives, on what cross-attention gives, behind the ReLU of
the MLP, and on what the MLP gives, each before it is added to what it was made from. The published model drops weights
of both attentions as well; that is left out: fused attention draws from no generator but PyTorch's own, and memory's
values are projected after attention here, which takes weights that add up to 1. A read-out has none.

The network knows nothing of it: the layers that it stands behind are wrapped.

Legend: O objects, N tokens of a frame, C channels of a layer's output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from masklet.model.memory_attention import MemoryAttention, MemoryAttentionLayer


class Dropout:
    """Sets numbers to zero, of each object and each frame others; those that stay count for more, so that means stay.

    Every object has a generator, which all its frames and layers draw from in turn: what is dropped follows from it
    alone, whatever objects share its batch and however many go through a layer at once. On a GPU the numbers are
    others than on a CPU.

    Parameters
    ----------
    attention: is changed: from now on it takes only objects that were drawn for, in training mode.
    rate: share of the numbers that are dropped.
    """

    def __init__(self, attention: MemoryAttention, rate: float) -> None:
        self._rate = rate
        self._generators: list[torch.Generator] = []
        ends = dropping(attention)
        self._next = [0] * len(ends)  # the object that each of them sees next
        for place, end in enumerate(ends):
            end.forward = partial(self._pass, end, end.forward, place)

    def draw(self, rngs: Sequence[np.random.Generator], device: torch.device) -> None:
        """Get ready for the next batch, whose objects have one generator each."""
        self._generators = [torch.Generator(device).manual_seed(int(rng.integers(1 << 63))) for rng in rngs]
        self._next = [0] * len(self._next)

    def _pass(
        self, end: nn.Module, forward: Callable[..., Tensor], place: int, x: Tensor, residual: Tensor | None = None
    ) -> Tensor:
        """A layer whose output is dropped from, before it is added to the residual."""
        if not end.training:
            return forward(x) if residual is None else forward(x, residual)
        y = self._drop(forward(x), place)
        return y if residual is None else residual + y

    def _drop(self, y: Tensor, place: int) -> Tensor:
        """[o, N, C] of the next o objects. They come in their order, all O of them before the first comes again."""
        first, objects = self._next[place], len(self._generators)
        assert first + len(y) <= objects, "drawn before every batch, for all its objects"
        self._next[place] = (first + len(y)) % objects
        dropped = torch.empty(y.shape, dtype=torch.bool, device=y.device)
        for row, generator in zip(dropped, self._generators[first : first + len(y)], strict=True):
            row.bernoulli_(self._rate, generator=generator)
        return y.masked_fill(dropped, 0) / (1 - self._rate)


def dropping(attention: MemoryAttention) -> list[nn.Module]:
    """The layers whose output is dropped from, in the order in which they are run."""
    layers = [layer for layer in attention.layers if isinstance(layer, MemoryAttentionLayer)]
    return [
        end
        for layer in layers
        for end in (layer.self_attn.out_proj, layer.cross_attn.out_proj, layer.linear1, layer.linear2)
    ]
