from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from masklet.model import layers
from masklet.model.layers import Activation, ChannelNorm, Kept, Linear, Mlp, convolution, relu6


@pytest.fixture(autouse=True)
def _fuse_small_layers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_WORTH_FUSING", 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("activation", ["none", "relu", "gelu"])
def test_the_fused_layer_is_the_layer(activation: Activation, dtype: torch.dtype):
    torch.manual_seed(0)
    layer = Linear(24, 16, activation).to(dtype)
    x = torch.randn(2, 5, 24, dtype=dtype)
    step_by_step = layer(x)  # with gradients nothing is fused
    assert step_by_step.requires_grad
    with torch.inference_mode():
        torch.testing.assert_close(
            layer(x), step_by_step.detach(), atol=1e-6 if dtype == torch.float32 else 2e-2, rtol=1e-2
        )


@pytest.mark.parametrize("shape", [(3, 7, 16), (1, 1, 16), (0, 4, 16)])
def test_a_residual_is_added_to_the_last_layer(shape: tuple[int, ...]):
    torch.manual_seed(1)
    mlp = Mlp((16, 32, 16), "gelu")
    x, residual = torch.randn(shape), torch.randn(16, *shape[1::-1]).permute(2, 1, 0)[: shape[0]]
    a, b = mlp.layers
    assert isinstance(a, Linear)
    assert isinstance(b, Linear)
    expected = F.linear(F.gelu(F.linear(x, a.weight, a.bias)), b.weight, b.bias) + residual
    torch.testing.assert_close(mlp(x, residual), expected)
    with torch.inference_mode():
        torch.testing.assert_close(mlp(x, residual), expected.detach())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("groups", [1, 8])
def test_fused_convolutions_are_their_steps(groups: int, dtype: torch.dtype):
    torch.manual_seed(2)
    conv = nn.Conv2d(8, 8, 3, padding=1, groups=groups).to(dtype)
    x = (12 * torch.randn(2, 8, 6, 5)).to(dtype)
    cut, added = relu6(conv, x), convolution(conv, x, x)  # with gradients nothing is fused
    assert cut.requires_grad
    torch.testing.assert_close(cut, conv(x).clamp(0, 6))
    assert (cut == 0).any()
    assert (cut == 6).any()
    bound = 1e-5 if dtype == torch.float32 else 4e-2
    with torch.inference_mode():
        torch.testing.assert_close(relu6(conv, x), cut.detach(), atol=bound, rtol=bound)
        torch.testing.assert_close(convolution(conv, x, x), added.detach(), atol=bound, rtol=bound)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("channels", [4, 8, 16])
def test_a_norm_over_channels_is_a_layer_norm_in_either_layout(channels: int, dtype: torch.dtype):
    torch.manual_seed(3)
    norm = ChannelNorm(channels).to(dtype)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = (5 + 3 * torch.randn(2, channels, 6, 7)).to(dtype)
    expected = F.layer_norm(x.movedim(1, -1), (channels,), norm.weight, norm.bias, 1e-6).movedim(-1, 1)
    bound = 1e-5 if dtype == torch.float32 else 4e-2
    for same in (x, x.contiguous(memory_format=torch.channels_last)):
        torch.testing.assert_close(norm(same), expected, atol=bound, rtol=bound)


def test_gradients_pass_through_activation_and_residual():
    mlp = Mlp((4, 8, 4), "relu").double()
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: mlp(x, x), (x,))


@torch.inference_mode()
def test_few_rows_are_the_same(monkeypatch: pytest.MonkeyPatch):
    layer, x = Linear(8, 8, "gelu"), torch.randn(5, 8)
    fused = layer(x)
    monkeypatch.setattr(layers, "_WORTH_FUSING", 1000)
    torch.testing.assert_close(layer(x), fused)


def test_autocast_decides_on_the_type():
    layer, x = Linear(8, 8), torch.randn(2, 8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16


class Doubled:
    """Twice a weight, kept; counts how often it was made."""

    def __init__(self) -> None:
        self.weight = torch.nn.Parameter(torch.ones(3))
        self.kept = Kept()
        self.made = 0

    def __call__(self) -> torch.Tensor:
        return self.kept.get(self._make, self.weight)

    def _make(self) -> torch.Tensor:
        self.made += 1
        return 2 * self.weight


def test_what_is_made_from_weights_is_kept_until_they_change():
    doubled = Doubled()
    with torch.inference_mode():
        assert doubled() is doubled()
    with torch.no_grad():
        doubled.weight.add_(1)
        assert doubled().tolist() == [4, 4, 4]
        doubled.weight.data = torch.full((3,), 5.0)
        assert doubled().tolist() == [10, 10, 10]
        doubled.weight.data = doubled.weight.data.to(torch.bfloat16)
        assert doubled().dtype == torch.bfloat16
    assert doubled.made == 4


def test_with_gradients_nothing_is_kept():
    doubled = Doubled()
    with torch.no_grad():
        doubled()
    doubled().sum().backward()
    assert doubled.weight.grad is not None
    assert doubled.made == 2


def test_a_copy_keeps_nothing():
    doubled = Doubled()
    with torch.inference_mode():
        doubled()
    other = copy.deepcopy(doubled)
    with torch.no_grad():
        other.weight.fill_(7)
        assert other().tolist() == [14, 14, 14]
        assert doubled().tolist() == [2, 2, 2]


def test_another_shape_is_made_anew():
    kept, weight = Kept(), torch.ones(1)
    with torch.no_grad():
        assert [len(kept.get(lambda n=n: weight.expand(n), weight, shape=(n,))) for n in (2, 3, 2)] == [2, 3, 2]
