"""The loss of whole batches: what is prompted, what is counted, that gradients reach every part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from masklet.model.configs import ModelConfig
from masklet.model.sam2 import build
from masklet.train.batches import Batch, Sources, collate
from masklet.train.config import LossWeights, Prompting
from masklet.train.objective import BatchLoss, Draw
from masklet.train.segment import SegmentModule, disturb

WEIGHTS = LossWeights()
FEW = Prompting(corrections=(0, 2), corrected_clicks=(1, 2), disturbed_share=0.5, far_share=0.5)


def clips(sources: Sources, length: int, seeds: tuple[int, ...], objects: int = 2) -> Batch:
    return collate([sources.real.sample(np.random.default_rng(seed), length, 64, objects) for seed in seeds])


def loss_of(module: SegmentModule, batch: Batch, step: int = 0) -> BatchLoss:
    return module(batch, Draw(7, step))


def test_a_still_trains_prompts_and_decoder_but_no_memory(tiny: ModelConfig, sources: Sources) -> None:
    model = build(tiny)
    batch = collate([sources.stills.sample(np.random.default_rng(1), 1, 64, 2)])
    loss = loss_of(SegmentModule(model, WEIGHTS, FEW), batch)
    loss.total.backward()
    assert {"loss", "pixel", "dice", "iou", "visible", "still_first", "still_last"} == loss.figures.keys()
    assert all(p.grad is not None for p in model.encoder.trunk.parameters())
    assert all(p.grad is None for p in model.memory_attention.parameters())


def test_a_clip_trains_memory(tiny: ModelConfig, sources: Sources) -> None:
    torch.manual_seed(1)  # a model that happens to see no object at all trains no pointer
    model = build(tiny)
    module, batch = SegmentModule(model, WEIGHTS, FEW), clips(sources, 4, (1, 2))
    for step in range(6):  # masks, clicks, boxes and corrections all come up
        loss_of(module, batch, step).total.backward()
    for part in (model.memory_attention, model.memory_encoder, model.pointer_projection):
        assert all(p.grad is not None and bool(p.grad.any()) for p in part.parameters() if p.ndim > 1)


def test_the_draw_decides_the_loss(tiny: ModelConfig, sources: Sources) -> None:
    torch.manual_seed(0)
    module, batch = SegmentModule(build(tiny), WEIGHTS, FEW), clips(sources, 3, (3,), objects=1)
    first, again, other = (loss_of(module, batch, step).figures["loss"] for step in (5, 5, 6))
    assert first == again
    assert first != other


def test_the_loss_of_a_batch_is_the_sum_of_its_clips(tiny: ModelConfig, sources: Sources) -> None:
    """So that a step can be shared out over processes, or worked through in parts."""
    torch.manual_seed(0)
    module = SegmentModule(build(tiny), WEIGHTS, FEW).eval()
    both = clips(sources, 3, (1, 2))
    samples = [sources.real.sample(np.random.default_rng(seed), 3, 64, 2) for seed in (1, 2)]
    for step in range(4):
        whole = loss_of(module, both, step)
        parts = [loss_of(module, collate([sample], [number]), step) for number, sample in enumerate(samples)]
        assert whole.units == sum(part.units for part in parts)
        assert float(whole.total) == pytest.approx(sum(float(part.total) for part in parts), rel=1e-4)


def answers(module: SegmentModule, batch: Batch) -> int:
    return len(module.interaction(batch, Draw(1, 0)).answers)


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        # 4 frames; every answer of the decoder counts
        ({"mask_share": 1.0, "box_share": 0.0, "first_frames": (1, 1), "corrected_share": 0.0}, 3),
        ({"mask_share": 0.0, "first_frames": (1, 1), "corrections": (7, 7), "corrected_share": 0.0}, 8 + 3),
        ({"mask_share": 1.0, "box_share": 0.0, "first_frames": (1, 1), "corrected_share": 1.0}, 3 + 7),
    ],
)
def test_as_many_answers_as_the_rules_say(tiny: ModelConfig, sources: Sources, changes: dict, count: int) -> None:
    module = SegmentModule(build(tiny), WEIGHTS, replace(Prompting(), **changes))
    assert answers(module, clips(sources, 4, (5,), objects=1)) == count


def test_the_mean_over_answers_is_the_sum_over_their_number(tiny: ModelConfig, sources: Sources) -> None:
    torch.manual_seed(0)
    model, batch = build(tiny).eval(), clips(sources, 4, (5,), objects=1)
    rules = Prompting(mask_share=1.0, box_share=0.0, first_frames=(1, 1), corrected_share=0.0)
    total, mean = (
        float(loss_of(SegmentModule(model, LossWeights(answers=how), rules), batch).total) for how in ("sum", "mean")
    )
    assert total == pytest.approx(3 * mean, rel=1e-5)


@pytest.mark.parametrize(
    "changes", [{"mask_share": 0.8, "box_share": 0.3}, {"first_frames": (0, 1)}, {"corrections": (3, 2)}]
)
def test_impossible_rules_are_refused(changes: dict) -> None:
    with pytest.raises(ValueError, match=r"share|range"):
        replace(Prompting(), **changes)


def test_disturbance_is_smooth_and_keeps_the_shape() -> None:
    logits = torch.zeros(3, 1, 48, 48)
    moved = disturb([np.random.default_rng(seed) for seed in range(3)], logits)
    assert moved.shape == logits.shape
    assert moved.std() > 0
    assert (moved[..., 1:] - moved[..., :-1]).abs().mean() < 0.3 * moved.std()
