from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from masklet.model import hiera
from masklet.model.configs import HieraConfig, ModelConfig
from masklet.model.encoder import ImageEncoder
from masklet.model.hiera import Hiera, HieraAttention, HieraBlock, _from_windows, _pool, _to_windows

SMALL = HieraConfig(embed_dim=16, heads=1, depths=(1, 2, 3, 1), global_blocks=(4,))


@pytest.fixture(scope="module")
def trunk() -> Hiera:
    torch.manual_seed(0)
    trunk = Hiera(SMALL).eval()
    torch.nn.init.normal_(trunk.pos_embed)
    torch.nn.init.normal_(trunk.pos_embed_window)
    return trunk


@pytest.mark.parametrize("side", [64, 96, 160, 512])
def test_any_multiple_of_32(trunk: Hiera, side: int):
    with torch.inference_mode():
        maps = trunk(torch.randn(1, 3, side, side))
    assert [tuple(m.shape) for m in maps] == [
        (1, 16 * 2**i, side // stride, side // stride) for i, stride in enumerate((4, 8, 16, 32))
    ]
    assert all(m.isfinite().all() for m in maps)


def test_images_of_a_batch_do_not_see_each_other():
    torch.manual_seed(1)
    encoder = ImageEncoder(ModelConfig(name="small", encoder=SMALL, image_size=96, d_model=64)).eval()
    images = torch.randn(3, 3, 96, 96)
    with torch.inference_mode():
        together = encoder(images)
        for index in range(3):
            alone = encoder(images[index : index + 1])
            for name in ("embedding", "stride4", "stride8"):
                torch.testing.assert_close(getattr(together[index], name), getattr(alone, name), atol=1e-5, rtol=1e-4)


def test_features_have_the_strides_and_widths_they_say():
    encoder = ImageEncoder(ModelConfig(name="small", encoder=SMALL, image_size=64, d_model=64)).eval()
    with torch.inference_mode():
        features = encoder(torch.randn(2, 3, 64, 64))
    assert features.embedding.shape == (2, 64, 4, 4)
    assert features.stride8.shape == (2, 16, 8, 8)
    assert features.stride4.shape == (2, 8, 16, 16)


@pytest.mark.parametrize(("height", "width", "side"), [(16, 16, 8), (10, 13, 4), (7, 7, 14)])
def test_windows_go_there_and_back(height: int, width: int, side: int):
    x = torch.randn(2, height, width, 3)
    windows, padded = _to_windows(x, side)
    rows, columns = -(-height // side), -(-width // side)
    assert windows.shape == (2 * rows * columns, side, side, 3)
    assert padded == (rows * side, columns * side)
    assert torch.equal(_from_windows(windows, padded, (height, width)), x)


def test_pooling_is_the_same_for_training():
    x = torch.randn(2, 6, 8, 5, requires_grad=True)
    pooled = _pool(x)
    assert pooled.shape == (2, 3, 4, 5)
    assert torch.equal(pooled, _pool(x.detach()))
    pooled.sum().backward()
    largest = pooled.detach().repeat_interleave(2, 1).repeat_interleave(2, 2) == x
    assert x.grad is not None
    assert torch.equal(x.grad, largest.float())


def test_attention_is_softmax_of_products():
    torch.manual_seed(2)
    attention = HieraAttention(12, 8, 2, pool=False).eval()
    x = torch.randn(1, 3, 4, 12)
    q, k, v = attention.qkv(x).reshape(12, 3, 2, 4).unbind(1)  # [N, heads, D] each

    def head(index: int) -> Tensor:
        weights = ((q[:, index] @ k[:, index].T) / 2.0).softmax(dim=-1)
        return weights @ v[:, index]

    expected = torch.cat([head(0), head(1)], dim=-1).reshape(1, 3, 4, 8)
    torch.testing.assert_close(attention(x), expected)


def test_positions_are_a_resized_background_and_tiled_windows(trunk: Hiera):
    positions = trunk.positions(24, 16)
    background = F.interpolate(trunk.pos_embed, size=(24, 16), mode="bicubic")[0]
    for y, x in ((0, 0), (7, 7), (8, 15), (23, 3)):
        expected = background[:, y, x] + trunk.pos_embed_window[0, :, y % 8, x % 8]
        torch.testing.assert_close(positions[0, y, x], expected)


def test_padding_takes_part_in_the_attention():
    """A window that reaches over the edge attends to zeros too, as in the published model."""
    torch.manual_seed(3)
    block = HieraBlock(8, 8, 1, window=8, pool=False).eval()
    x = torch.randn(1, 5, 5, 8)
    padded = F.pad(block.norm1(x), (0, 0, 0, 3, 0, 3))
    y = x + block.attn.proj(block.attn(padded))[:, :5, :5]
    torch.testing.assert_close(block(x), y + block.mlp(block.norm2(y)))


@pytest.mark.parametrize("pool", [True, False])
@torch.inference_mode()
def test_bands_of_windows_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch, pool: bool):
    torch.manual_seed(4)
    block = HieraBlock(8, 16, 1, window=4, pool=pool).eval()
    x = torch.randn(2, 18, 10, 8)
    whole = block(x)
    runs = 0

    def count(*_: object) -> None:
        nonlocal runs
        runs += 1

    block.norm1.register_forward_hook(count)
    monkeypatch.setattr(hiera, "BAND_BYTES", 1)
    torch.testing.assert_close(block(x), whole)
    assert runs == 5
