from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from masklet.model import attention
from masklet.model.attention import attend


@pytest.mark.parametrize("at_once", [1, 70, 1 << 20])
@torch.inference_mode()
def test_narrow_values(monkeypatch: pytest.MonkeyPatch, at_once: int):
    monkeypatch.setattr(attention, "_SCORES_AT_ONCE", at_once)
    torch.manual_seed(2)
    q, k, v = torch.randn(2, 3, 7, 16), torch.randn(2, 3, 33, 16), torch.randn(2, 3, 33, 4)
    torch.testing.assert_close(attend(q, k, v), F.scaled_dot_product_attention(q, k, v))


@torch.inference_mode()
def test_scores_of_any_size(monkeypatch: pytest.MonkeyPatch):
    """Neither the greatest score, wherever it is, nor very small ones may overflow or vanish."""
    monkeypatch.setattr(attention, "_SCORES_AT_ONCE", 8)
    q, v = torch.ones(1, 1, 1, 4), torch.randn(1, 1, 64, 1)
    for scores in (torch.linspace(-900, 900, 64), torch.linspace(900, -900, 64), torch.full((64,), -5e3)):
        k = (scores / 2)[None, None, :, None].expand(1, 1, 64, 4)
        torch.testing.assert_close(attend(q, k, v), F.scaled_dot_product_attention(q, k, v))


@pytest.mark.parametrize("width", [2, 8, 30])
def test_a_scale_of_ones_own_and_values_of_any_width(width: int):
    torch.manual_seed(3)
    q, k, v = torch.randn(2, 3, 7, 8), torch.randn(2, 3, 21, 8), torch.randn(2, 3, 21, width)
    expected = (0.7 * q @ k.transpose(-1, -2)).softmax(dim=-1) @ v
    torch.testing.assert_close(attend(q, k, v, scale=0.7), expected)
    with torch.inference_mode():
        torch.testing.assert_close(attend(q, k, v, scale=0.7), expected)


@pytest.mark.parametrize("at_once", [1, 100, 1 << 20])
@torch.inference_mode()
def test_bfloat16_in_products(monkeypatch: pytest.MonkeyPatch, at_once: int):
    """What processors do that multiply vectors of bfloat16: about as exact as the fused kernel, whatever is done at
    once, with values of any width."""
    monkeypatch.setattr(attention, "_is_bfloat16_fused_slowly", lambda: True)
    monkeypatch.setattr(attention, "_ROUNDED_SCORES_AT_ONCE", at_once)
    monkeypatch.setattr(attention, "_MANY", 30)
    monkeypatch.setattr(attention.native, "usable", lambda *_: False)
    torch.manual_seed(5)
    for width in (4, 16, 40):
        q, k, v = torch.randn(2, 3, 31, 16), 2 * torch.randn(2, 3, 33, 16), torch.randn(2, 3, 33, width)
        exact = (q @ k.transpose(-1, -2) / 4).softmax(dim=-1) @ v
        found = attend(q.bfloat16(), k.bfloat16(), v.bfloat16())
        assert found.dtype == torch.bfloat16
        assert found.shape == exact.shape
        assert (found.float() - exact).norm() < 0.02 * exact.norm()


@torch.inference_mode()
def test_wide_values():
    """Wider than keys, as where the masks of many objects are read side by side."""
    torch.manual_seed(6)
    q, k, v = torch.randn(1, 2, 70, 8), torch.randn(1, 2, 90, 8), torch.randn(1, 2, 90, 50)
    torch.testing.assert_close(attend(q, k, v), (q @ k.transpose(-1, -2) / 8**0.5).softmax(dim=-1) @ v)


@pytest.mark.parametrize("queries", [32, 600])
def test_few_keys(queries: int):
    """Three tokens that an image looks at: 32 queries are answered one by one, 600 key by key."""
    torch.manual_seed(4)
    q, k, v = torch.randn(2, 3, queries, 8), 5 * torch.randn(2, 3, 3, 8), torch.randn(2, 3, 3, 8)
    expected = F.scaled_dot_product_attention(q, k, v, scale=0.7)
    torch.testing.assert_close(attend(q, k, v, scale=0.7), expected, atol=1e-5, rtol=1e-5)
    half = attend(q.bfloat16(), k.bfloat16(), v.bfloat16(), scale=0.7)
    assert half.dtype == torch.bfloat16
    assert (half.float() - expected).abs().mean() < 0.02


@pytest.mark.parametrize("queries", [3, 600])
def test_gradients(queries: int):
    sizes = (queries, 8), (5, 8), (5, 2)
    q, k, v = (torch.randn(1, 1, n, c, dtype=torch.float64, requires_grad=True) for n, c in sizes)
    assert torch.autograd.gradcheck(attend, (q, k, v))
