from __future__ import annotations

import cmath
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from masklet.model import memory_attention
from masklet.model.configs import NANO
from masklet.model.memory_attention import MemoryAttention, MemoryCrossAttention, RotaryLinear, Tables
from masklet.model.memory_tokens import MemoryTokens
from masklet.model.positions import rotary_table

CPU = torch.device("cpu")


def plain(channels: int) -> RotaryLinear:
    """Nothing but the rotation."""
    layer = RotaryLinear(channels, channels).requires_grad_(requires_grad=False)
    layer.weight.copy_(torch.eye(channels))
    layer.bias.zero_()
    return layer


def test_rotation_is_multiplication_of_complex_numbers():
    height, width, channels = 3, 4, 16
    tokens = torch.randn(1, height * width, channels)
    turned = plain(channels).rotated(tokens, rotary_table(height, width, channels, CPU))
    for cell in (0, 5, 11):
        for pair in range(channels // 2):
            place = cell % width if pair < channels // 4 else cell // width
            rate = 10_000 ** (-4 * (pair % (channels // 4)) / channels)
            value = complex(*tokens[0, cell, 2 * pair : 2 * pair + 2].tolist()) * cmath.exp(1j * place * rate)
            expected = torch.tensor([value.real, value.imag])
            torch.testing.assert_close(turned[0, cell, 2 * pair : 2 * pair + 2], expected, atol=1e-5, rtol=1e-4)


def test_the_projection_is_rotated_with_its_bias():
    torch.manual_seed(0)
    layer, table = RotaryLinear(6, 8), rotary_table(2, 3, 8, CPU)
    x = torch.randn(2, 6, 6)
    torch.testing.assert_close(layer.rotated(x, table), plain(8).rotated(layer(x), table))


def test_rotation_repeats_over_maps_and_keeps_the_dtype():
    table = rotary_table(2, 3, 8, CPU)
    maps = torch.randn(2, 3, 6, 8)  # objects, maps, cells, channels
    together = plain(8).rotated(maps.flatten(1, 2), table)
    for i in range(3):
        torch.testing.assert_close(together[:, 6 * i : 6 * (i + 1)], plain(8).rotated(maps[:, i], table))
    half = rotary_table(2, 3, 8, CPU, torch.bfloat16)
    assert plain(8).bfloat16().rotated(maps.bfloat16()[:, 0], half).dtype == torch.bfloat16


def test_rotation_depends_on_distance_only():
    table = rotary_table(8, 8, 32, CPU)
    q, k = torch.randn(32), torch.randn(32)
    queries, keys = (plain(32).rotated(v.expand(1, 64, 32), table)[0] for v in (q, k))
    a = queries[1 * 8 + 1] @ keys[3 * 8 + 4]
    b = queries[4 * 8 + 3] @ keys[6 * 8 + 6]
    torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_values_may_be_projected_after_attention():
    """The published order: project the values, then average them."""
    torch.manual_seed(1)
    layer = MemoryCrossAttention(16, 4)
    table = rotary_table(2, 2, 16, CPU)
    x, keys = torch.randn(2, 4, 16), torch.randn(2, 10, 4)
    memory = MemoryTokens(torch.randn(2, 10, 4), torch.zeros(2, 10, 4), torch.zeros(2, 2, dtype=torch.long), 2)
    q = layer.q_proj.rotated(x, table)
    k = torch.cat((layer.k_proj.rotated(keys[:, :8], table), layer.k_proj(keys[:, 8:])), dim=1)
    expected = x + layer.out_proj(F.scaled_dot_product_attention(q, k, layer.v_proj(memory.values)))
    torch.testing.assert_close(layer(x, keys, memory, Tables(table, table), x), expected)


@pytest.mark.parametrize("gradients", [False, True])
def test_objects_in_groups_are_the_same_objects(monkeypatch: pytest.MonkeyPatch, gradients: bool):
    torch.manual_seed(3)
    attention = MemoryAttention(replace(NANO.at(64), readout=None)).eval()
    values, positions = torch.randn(3, 40, 64), torch.randn(3, 40, 64)
    memory = MemoryTokens(values, positions, torch.zeros(3, 2, dtype=torch.long), 8)
    embedding = torch.randn(1, 128, 4, 4)

    def run() -> Tensor:
        with torch.set_grad_enabled(gradients):
            return attention(embedding, memory)

    whole = run()
    monkeypatch.setattr(memory_attention, "OBJECT_BYTES", 1)
    torch.testing.assert_close(run(), whole)
