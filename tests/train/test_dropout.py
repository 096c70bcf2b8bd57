"""Dropout in memory attention: where it is, and that nothing else changes."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from masklet.data.samples import Sources
from masklet.model import memory_attention
from masklet.model.configs import ModelConfig
from masklet.model.layers import Linear
from masklet.model.memory_attention import MemoryAttention, MemoryAttentionLayer, Tables
from masklet.model.memory_tokens import MemoryTokens
from masklet.model.positions import rotary_table, sine_grid
from masklet.train.batches import collate
from masklet.train.dropout import Dropout, dropping
from masklet.train.objective import DROPOUT, Draw

CPU = torch.device("cpu")
SIDE, DIM, RATE = 4, 64, 0.4


@pytest.fixture
def attention(hiera: ModelConfig) -> MemoryAttention:
    """As the published model has it, but smaller; in training mode."""
    torch.manual_seed(0)
    return MemoryAttention(replace(hiera, memory_layers=2, memory_ffn=96)).train()


def generators(count: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, number]) for number in range(count)]


def inputs(objects: int) -> tuple[Tensor, MemoryTokens]:
    """Features of a frame, and two memory maps and a pointer of four tokens, of so many objects."""
    torch.manual_seed(1)
    values, positions = torch.randn(2, objects, 2 * SIDE**2 + 4, DIM)
    memory = MemoryTokens(values, positions, times=torch.zeros(objects, 2).long(), pointers=4)
    return torch.randn(objects, DIM, SIDE, SIDE), memory


def published(
    attention: MemoryAttention, embedding: Tensor, memory: MemoryTokens, generator: torch.Generator
) -> Tensor:
    """One object through layers without dropout, with it where the published model has it, but for the weights."""

    def drop(y: Tensor) -> Tensor:
        gone = torch.empty(y.shape[1:], dtype=torch.bool).bernoulli_(RATE, generator=generator)
        return torch.where(gone, 0.0, y / (1 - RATE))

    table = rotary_table(SIDE, SIDE, DIM, CPU, torch.float32)
    x = embedding.flatten(2).transpose(1, 2) + 0.1 * sine_grid(SIDE, SIDE, DIM, CPU)
    nothing, keys = torch.zeros_like(x), memory.values + memory.positions
    for layer in attention.layers:
        assert isinstance(layer, MemoryAttentionLayer)
        x = x + drop(layer.self_attn(layer.norm1(x), table, nothing))
        x = x + drop(layer.cross_attn(layer.norm2(x), keys, memory, Tables(table, table), nothing))
        x = x + drop(layer.linear2(drop(layer.linear1(layer.norm3(x)))))
    return attention.norm(x).transpose(1, 2).reshape(1, DIM, SIDE, SIDE)


@pytest.mark.parametrize("at_once", [1, 2, 99])
def test_it_is_where_the_published_model_has_it(
    attention: MemoryAttention, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each object and each frame on its own, however many objects are worked through at once."""
    changed = deepcopy(attention)
    dropout = Dropout(changed, RATE)
    embedding, memory = inputs(3)
    monkeypatch.setattr(memory_attention, "OBJECT_BYTES", at_once * memory.values.shape[1] * DIM * 4)
    dropout.draw(generators(3), CPU)
    found = [changed(embedding, memory) for _ in range(2)]
    for number, rng in enumerate(generators(3)):
        generator = torch.Generator().manual_seed(int(rng.integers(1 << 63)))
        for frame in found:
            one = slice(number, number + 1)
            expected = published(attention, embedding[one], memory[one], generator)
            torch.testing.assert_close(frame[one], expected, atol=2e-5, rtol=1e-4)
    assert not torch.allclose(found[0], found[1], atol=0.1)


def test_an_object_loses_the_same_in_any_company(attention: MemoryAttention) -> None:
    dropout = Dropout(attention, RATE)
    embedding, memory = inputs(4)
    dropout.draw(generators(4), CPU)
    together = attention(embedding, memory)
    dropout.draw(generators(4)[2:], CPU)
    torch.testing.assert_close(attention(embedding[2:], memory[2:]), together[2:], atol=2e-5, rtol=1e-4)
    dropout.draw(generators(4, seed=1), CPU)
    assert not torch.allclose(attention(embedding, memory), together, atol=0.1)


def test_numbers_are_lost_at_the_rate_and_the_others_count_for_more(attention: MemoryAttention) -> None:
    dropout = Dropout(attention, RATE)
    dropout.draw(generators(50), CPU)
    for end in dropping(attention):
        assert isinstance(end, Linear)
        with torch.no_grad():
            end.weight.zero_()
            end.bias.fill_(3)
        y = end(torch.zeros(50, 20, end.in_features)).detach()
        assert y.unique().tolist() == [0, pytest.approx(3 / (1 - RATE))]
        assert float((y == 0).float().mean()) == pytest.approx(RATE, abs=0.01)
        assert float(y.mean()) == pytest.approx(3, abs=0.06)  # so nothing grows or shrinks in the mean


def test_gradients_flow_through_what_stays(attention: MemoryAttention) -> None:
    dropout = Dropout(attention, RATE)
    dropout.draw(generators(3), CPU)
    end = dropping(attention)[1]
    assert isinstance(end, Linear)
    residual = torch.zeros(3, 5, DIM, requires_grad=True)
    y = end(torch.randn(3, 5, DIM), residual)
    y.sum().backward()
    assert end.bias.grad is not None
    assert residual.grad is not None
    torch.testing.assert_close(end.bias.grad, (y != 0).sum(dim=(0, 1)) / (1 - RATE))
    assert bool((residual.grad == 1).all())  # nothing of what it is added to is lost


def test_it_is_off_when_the_model_is_used_and_at_rate_zero(attention: MemoryAttention) -> None:
    seen = inputs(2)
    changed = deepcopy(attention)
    none = Dropout(changed, 0.0)
    none.draw(generators(2), CPU)
    assert torch.equal(changed(*seen), attention(*seen))
    changed = deepcopy(attention.eval())
    Dropout(changed, 0.9)
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            assert torch.equal(changed(*seen), attention(*seen))
    assert changed.state_dict().keys() == attention.state_dict().keys()


def test_objects_steps_and_seeds_draw_for_themselves(sources: Sources) -> None:
    batch = collate([sources.real.sample(np.random.default_rng(seed), 2, 64, 2) for seed in (1, 2, 3)])
    draws = [Draw(seed, step) for seed in (1, 2) for step in (0, 1)]
    first = [rng.random() for draw in draws for rng in draw.objects(batch, DROPOUT)]
    assert len(set(first)) == len(draws) * len(batch.seats)
    assert first[0] != Draw(1, 0).objects(batch)[0].random()  # what the user does is drawn apart
