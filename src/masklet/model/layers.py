"""Small layers that several parts of the model share.

Legend: B batch, C channels, H W grid, .. any leading dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masklet.model import native


def small_random(*shape: int, scale: float = 0.02) -> Tensor:
    """Normally distributed start values of a learned vector.

    On the meta device nothing is drawn: there, normal numbers alone import torch's compiler, which takes a second.
    """
    values = torch.empty(shape)
    return values if values.is_meta else torch.randn(shape) * scale


class ChannelNorm(nn.Module):
    """Layer norm over the channels of [B, C, H, W]."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps)
        return y.permute(0, 3, 1, 2)


Activation = Literal["none", "relu", "gelu"]
_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {"none": lambda x: x, "relu": F.relu, "gelu": F.gelu}
_WORTH_FUSING = 1 << 16
"""Smallest input, in numbers, for which oneDNN's way of preparing its kernels pays."""


def linear(
    x: Tensor, weight: Tensor, bias: Tensor, activation: Activation = "none", residual: Tensor | None = None
) -> Tensor:
    """`activation(weight x + bias)`, or `weight x + bias + residual`, of [.., in] -> [.., out].

    On a CPU and without gradients all of it is one kernel: a native one in float32, where there are such; else
    oneDNN's, the one that torch.compile would choose. Step by step each of them writes and reads the whole output once
    more. Where there is nothing to fuse MKL is as fast as oneDNN, and faster with few rows.
    """
    assert residual is None or activation == "none"
    large = x.numel() >= _WORTH_FUSING
    if large and x.dtype == torch.float32 and native.usable(x, weight, bias):
        return native.project(x, weight, bias, activation, residual)
    alone = x.dtype == torch.float32 and activation == "none" and residual is None
    if alone or not large or not (native.untraced(x, weight) and _has_onednn(x.dtype)):
        y = _ACTIVATIONS[activation](F.linear(x, weight, bias))
        return y if residual is None else y + residual
    if residual is None:
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], "none")
    return torch.ops.mkldnn._linear_pointwise.binary(x, residual.contiguous(), weight, bias, "add")


@cache
def _has_onednn(dtype: torch.dtype) -> bool:
    if not torch.backends.mkldnn.is_available():
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported())


class Linear(nn.Linear):
    """A linear layer with its activation, and with what is added to it (see `linear`)."""

    def __init__(self, inputs: int, outputs: int, activation: Activation = "none") -> None:
        super().__init__(inputs, outputs)  # pyright: ignore[reportUnknownMemberType]  (torch leaves `device` untyped)
        self.activation: Activation = activation

    def forward(self, input: Tensor, residual: Tensor | None = None) -> Tensor:
        return linear(input, self.weight, self.bias, self.activation, residual)


class Mlp(nn.Module):
    """Linear layers with an activation between them: [.., sizes[0]] -> [.., sizes[-1]]."""

    def __init__(self, sizes: tuple[int, ...], activation: Activation = "relu") -> None:
        super().__init__()
        last = len(sizes) - 2
        self.layers = nn.ModuleList(
            Linear(a, b, "none" if i == last else activation) for i, (a, b) in enumerate(pairwise(sizes))
        )

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """The layers one after the other; a `residual` [.., sizes[-1]] is added to the last one's output."""
        *hidden, last = self.layers
        for layer in hidden:
            x = layer(x)
        return last(x, residual)


class Kept:
    """A tensor that is made from weights, kept until one of them changes. With gradients it is always made anew.

    Example
    -------
    >>> weight, kept = torch.ones(2), Kept()
    >>> with torch.no_grad():
    ...     double = [kept.get(lambda: 2 * weight, weight) for _ in range(2)]
    >>> double[0] is double[1]
    True
    """

    def __init__(self) -> None:
        # One tuple, so that threads that share a model see a value with its own stamp. The weights are held, for their
        # addresses to stay theirs.
        self._kept: tuple[object, Tensor, list[Tensor]] | None = None

    def get(self, make: Callable[[], Tensor], *weights: Tensor, shape: tuple[int, ...] = ()) -> Tensor:
        """What `make()` returns, which depends on nothing but `weights` and `shape`."""
        traced = torch.is_grad_enabled() or torch.compiler.is_compiling()
        if traced or any(weight.is_inference() for weight in weights):  # such tensors do not count their changes
            return make()
        stamp = (shape, *((weight.data_ptr(), weight._version, weight.dtype) for weight in weights))
        kept = self._kept
        if kept is None or kept[0] != stamp:
            kept = self._kept = (stamp, make(), [weight.detach() for weight in weights])
        return kept[1]

    def __reduce__(self) -> tuple[type[Kept], tuple[()]]:
        """Copies start empty."""
        return Kept, ()
