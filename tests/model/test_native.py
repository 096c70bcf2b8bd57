from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from masklet.model import layers, native
from masklet.model.attention import attend
from masklet.model.layers import Activation, Linear
from masklet.model.memory_attention import RotaryLinear
from masklet.model.positions import rotary_table

pytestmark = pytest.mark.usefixtures("native_kernels")
some = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 1e-2}
"""Of the sums of absolute values: where much cancels out, little of a result is exact."""
DTYPES = st.sampled_from(list(TOLERANCE))


@pytest.fixture(autouse=True)
def _small_layers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_WORTH_FUSING", 0)


def close(found: Tensor, expected: Tensor, sizes: Tensor) -> bool:
    """Whether all differences are within the tolerance, as a share of the largest sum of `sizes`."""
    assert found.shape == expected.shape
    return bool((found.double() - expected).abs().max() <= TOLERANCE[found.dtype] * sizes.max())


def attended(q: Tensor, k: Tensor, v: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Attention in double precision, and the same of the values' sizes."""
    q, k, v = q.double(), k.double(), v.double()
    weights = (scale * q @ k.transpose(-1, -2)).softmax(dim=-1)
    return weights @ v, weights @ v.abs()


def projected(x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """A linear layer in double precision, and the sums of its sizes."""
    x, weight, bias = x.double(), weight.double(), bias.double()
    return F.linear(x, weight, bias), F.linear(x.abs(), weight.abs(), bias.abs())


def noise(*shape: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(*shape).to(dtype)


@some
@given(
    batch=st.integers(1, 3),
    heads=st.integers(1, 3),
    queries=st.integers(1, 150),
    keys=st.integers(1, 600),
    channels=st.integers(1, 100),
    width=st.integers(1, 400),
    scale=st.floats(0.01, 0.5),
    dtype=DTYPES,
)
@torch.inference_mode()
def test_attention(
    batch: int, heads: int, queries: int, keys: int, channels: int, width: int, scale: float, dtype: torch.dtype
):
    q = noise(batch, queries, heads, channels, dtype=dtype).transpose(1, 2)
    k = noise(batch, heads, keys, channels, dtype=dtype)
    v = noise(batch, heads, keys, channels + width, dtype=dtype)[..., :width]  # rows lie apart
    assert close(native.attend(q, k, v, scale), *attended(q, k, v, scale))


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@torch.inference_mode()
def test_queries_and_keys_in_many_blocks(dtype: torch.dtype):
    torch.manual_seed(0)
    q, k, v = (noise(1, 1, n, c, dtype=dtype) for n, c in ((1100, 256), (3001, 256), (3001, 64)))
    assert close(native.attend(q, k, v, 1 / 16), *attended(q, k, v, 1 / 16))


@torch.inference_mode()
def test_scores_of_any_size():
    """Neither the greatest score, wherever it is, nor very small ones may overflow or vanish."""
    q, v = torch.ones(1, 1, 1, 4), torch.randn(1, 1, 640, 1)
    for scores in (torch.linspace(-900, 900, 640), torch.linspace(900, -900, 640), torch.full((640,), -4096.0)):
        k = (scores / 2)[None, None, :, None].expand(1, 1, 640, 4)
        expected = F.scaled_dot_product_attention(q.double(), k.double(), v.double())
        torch.testing.assert_close(native.attend(q, k, v, 0.5).double(), expected, atol=1e-2, rtol=1e-2)


@some
@given(
    rows=st.integers(1, 200),
    inputs=st.integers(1, 150),
    outputs=st.integers(1, 150),
    activation=st.sampled_from(["none", "relu", "gelu", "residual"]),
    dtype=DTYPES,
)
@torch.inference_mode()
def test_linear_layers(rows: int, inputs: int, outputs: int, activation: str, dtype: torch.dtype):
    x, weight, bias = (noise(*shape, dtype=dtype) for shape in ((rows, inputs), (outputs, inputs), (outputs,)))
    residual = noise(rows, outputs, dtype=dtype) if activation == "residual" else None
    expected, sizes = projected(x, weight, bias)
    if residual is not None:
        expected, sizes, activation = expected + residual.double(), sizes + residual.abs(), "none"
    expected = {"none": expected, "relu": expected.relu(), "gelu": F.gelu(expected)}[activation]
    assert close(native.project(x, weight, bias, activation, residual), expected, sizes)


@torch.inference_mode()
def test_gelu_everywhere():
    x = torch.linspace(-12, 12, 4096)[:, None]
    found = native.project(x, torch.ones(1, 1), torch.zeros(1), "gelu")
    torch.testing.assert_close(found, F.gelu(x.double()).float(), atol=2e-6, rtol=2e-5)


@some
@given(
    objects=st.integers(1, 3),
    maps=st.integers(0, 3),
    unplaced=st.integers(0, 5),
    inputs=st.integers(1, 70),
    pairs=st.integers(1, 12),
    dtype=DTYPES,
)
@torch.inference_mode()
def test_rotary_layers(objects: int, maps: int, unplaced: int, inputs: int, pairs: int, dtype: torch.dtype):
    height, width, channels = 3, 5, 4 * pairs
    if maps + unplaced == 0:
        maps = 1
    table = rotary_table(height, width, channels, torch.device("cpu"), dtype)
    layer = RotaryLinear(inputs, channels).to(dtype)
    x = noise(objects, maps * height * width + unplaced, inputs, dtype=dtype)
    found = layer.rotated(x, table, unplaced)
    y, sizes = projected(x, layer.weight, layer.bias)
    turned, rest = y[:, : y.shape[1] - unplaced], y[:, y.shape[1] - unplaced :]
    cos, sin = (part.double().repeat(maps, 1) for part in table)
    ahead = torch.stack((-turned[..., 1::2], turned[..., 0::2]), dim=-1).flatten(-2)
    assert close(found, torch.cat((turned * cos + ahead * sin, rest), dim=1), 2 * sizes)


@pytest.mark.parametrize("activation", ["none", "relu", "gelu"])
def test_they_stand_aside_for_gradients_and_autocast(activation: Activation, monkeypatch: pytest.MonkeyPatch):
    layer, x = Linear(8, 8, activation), torch.randn(4, 8)
    expected = layer(x)
    refuse = SimpleNamespace(masklet_project=None, masklet_attend=None)  # whoever called these would fail
    monkeypatch.setattr(native, "library", lambda: refuse)
    torch.testing.assert_close(layer(x), expected)
    expected.sum().backward()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16


@torch.inference_mode()
def test_the_model_calls_them(monkeypatch: pytest.MonkeyPatch):
    calls: list[str] = []
    kernels = native.library()

    class Counting:
        def __getattr__(self, name: str) -> object:
            calls.append(name)
            return getattr(kernels, name)

    monkeypatch.setattr(native, "library", Counting)
    q, k, v = torch.randn(3, 1, 1, 4, 8)
    attend(q, k, v)
    Linear(8, 8)(torch.randn(4, 8))
    assert calls == ["masklet_attend", "masklet_project"]


def test_another_interface_is_refused(monkeypatch: pytest.MonkeyPatch):
    native.library.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(masklet_interface=lambda: native.INTERFACE + 1))
    with pytest.raises(RuntimeError, match=f"expected masklet-native with interface {native.INTERFACE}"):
        native.library()


def test_the_environment_turns_them_off(monkeypatch: pytest.MonkeyPatch):
    native.library.cache_clear()
    monkeypatch.setenv("MASKLET_NATIVE", "0")
    assert native.library() is None
