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


_FEW_CHANNELS = 8
"""Up to so many a norm over channels goes plane by plane."""


class ChannelNorm(nn.Module):
    """Layer norm over the channels of [B, C, H, W]."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        if len(self.weight) <= _FEW_CHANNELS:
            return torch.stack([self._by_planes(picture) for picture in x.contiguous()])
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps)
        return y.permute(0, 3, 1, 2)

    def _by_planes(self, picture: Tensor) -> Tensor:
        """[C, H, W] plane by plane: a layer norm that takes the few numbers of each row by themselves is far slower.

        One picture at a time, which stays in the processor's cache.
        """
        y = picture.float()
        y = y - y.mean(dim=0, keepdim=True)
        y = y * torch.rsqrt(y.square().mean(dim=0, keepdim=True) + self.eps)
        weight, bias = (part.float()[:, None, None] for part in (self.weight, self.bias))
        return torch.addcmul(bias, y, weight).to(picture.dtype)


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


def relu6(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """`conv(x)`, cut off below 0 and above 6: [B, C, H, W] -> [B, C', H', W'].

    On a CPU and without gradients it is one kernel of oneDNN's, as in `linear`: by itself the cut takes as long as most
    convolutions of a small model.
    """
    if not _fusable(conv, x):
        return F.relu6(conv(x), inplace=True)
    return torch.ops.mkldnn._convolution_pointwise(x, *_described(conv), "hardtanh", [0.0, 6.0], "")


def convolution(conv: nn.Conv2d, x: Tensor, residual: Tensor) -> Tensor:
    """`conv(x) + residual`, in one kernel where there is one (see `relu6`)."""
    if not _fusable(conv, x):
        return conv(x) + residual
    return torch.ops.mkldnn._convolution_pointwise.binary(x, residual, *_described(conv), "add", 1.0, None, [], None)


def _fusable(conv: nn.Conv2d, x: Tensor) -> bool:
    return native.untraced(x, conv.weight) and _has_onednn(x.dtype)


def _described(conv: nn.Conv2d) -> tuple[object, ...]:
    return conv.weight, conv.bias, conv.padding, conv.stride, conv.dilation, conv.groups


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
