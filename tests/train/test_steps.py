"""The loss of whole batches: what is prompted, what is counted, that gradients reach every part."""

from __future__ import annotations

import numpy as np
import torch

from masklet.model.configs import ModelConfig
from masklet.model.sam2 import build
from masklet.train.batches import Sources, collate
from masklet.train.config import LossWeights
from masklet.train.steps import clip_loss, disturb, still_loss


def test_a_still_trains_prompts_and_decoder_but_no_memory(tiny: ModelConfig, sources: Sources) -> None:
    model = build(tiny)
    batch = collate([sources.stills.sample(np.random.default_rng(1), 1, 64, 2)])
    loss = still_loss(model, batch, 3, LossWeights(), np.random.default_rng(0))
    loss.total.backward()
    assert {"loss", "pixel", "dice", "iou", "visible", "still_first", "still_last"} <= loss.figures.keys()
    assert all(p.grad is not None for p in model.encoder.trunk.parameters())
    assert all(p.grad is None for p in model.memory_attention.parameters())


def test_a_clip_trains_memory(tiny: ModelConfig, sources: Sources) -> None:
    model = build(tiny)
    batch = collate([sources.real.sample(np.random.default_rng(seed), 4, 64, 2) for seed in (1, 2)])
    for seed in range(6):  # masks, clicks, boxes and corrections all come up
        clip_loss(model, batch, LossWeights(), np.random.default_rng(seed)).total.backward()
    for part in (model.memory_attention, model.memory_encoder, model.pointer_projection):
        assert all(p.grad is not None and bool(p.grad.any()) for p in part.parameters() if p.ndim > 1)


def test_the_draw_decides_the_loss(tiny: ModelConfig, sources: Sources) -> None:
    torch.manual_seed(0)
    model = build(tiny)
    batch = collate([sources.real.sample(np.random.default_rng(3), 3, 64, 1)])
    first, again, other = (
        clip_loss(model, batch, LossWeights(), np.random.default_rng(seed)).figures["loss"] for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_disturbance_is_smooth_and_keeps_the_shape() -> None:
    logits = torch.zeros(3, 1, 48, 48)
    moved = disturb(np.random.default_rng(1), logits)
    assert moved.shape == logits.shape
    assert moved.std() > 0
    assert (moved[..., 1:] - moved[..., :-1]).abs().mean() < 0.3 * moved.std()
