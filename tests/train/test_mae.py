"""Masked auto-encoding: what is hidden, what is learnt from, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from masklet.data.samples import Sample, Sources
from masklet.model.configs import NANO, ModelConfig
from masklet.model.sam2 import MEAN, STD, build
from masklet.train.batches import Batch, collate
from masklet.train.config import LossWeights, Mae, Optimiser, Prompting, Recipe, Stage
from masklet.train.distributed import World
from masklet.train.learner import Learner, new_state
from masklet.train.mae import MaeModule, standardised
from masklet.train.objective import Draw
from masklet.train.segment import SegmentModule

SMALL = Mae(width=32, depth=1)


def pictures(sources: Sources, size: int, seeds: tuple[int, ...]) -> Batch:
    samples = [sources.stills.sample(np.random.default_rng(seed), 1, size, 2) for seed in seeds]
    return collate(samples, seeds)


def module(config: ModelConfig, options: Mae = SMALL) -> MaeModule:
    torch.manual_seed(0)
    return MaeModule(build(config), options)


@pytest.mark.parametrize(("share", "patch", "hidden"), [(0.75, 32, 12), (0.5, 64, 2), (0.9, 32, 14)])
def test_so_many_whole_patches_are_hidden(sources: Sources, share: float, patch: int, hidden: int) -> None:
    mae = module(NANO.at(128), replace(SMALL, mask_share=share, patch=patch))
    batch = pictures(sources, 128, (1, 2, 3))
    found = mae.hide(Draw(1, 0).pictures(batch), batch.images)
    assert found.shape == (3, 1, 128, 128)
    shares = torch.nn.functional.avg_pool2d(found.float(), patch).flatten(1)
    assert set(shares.unique().tolist()) == {0.0, 1.0}
    assert shares.sum(dim=1).tolist() == [hidden] * 3
    assert not torch.equal(found[0], found[1])


def test_what_is_hidden_cannot_be_seen(sources: Sources) -> None:
    """Pixels under hidden patches change nothing of what is guessed."""
    mae = module(NANO.at(128)).eval()
    batch = pictures(sources, 128, (1,))
    hidden = mae.hide(Draw(1, 0).pictures(batch), batch.images)
    other = torch.where(hidden, torch.randn_like(batch.images), batch.images)
    with torch.no_grad():
        assert torch.equal(mae.reconstruct(batch.images, hidden), mae.reconstruct(other, hidden))
        seen = torch.where(hidden, batch.images, torch.randn_like(batch.images))
        assert not torch.equal(mae.reconstruct(batch.images, hidden), mae.reconstruct(seen, hidden))


def test_targets_are_standardised_patch_by_patch() -> None:
    images = torch.zeros(1, 3, 64, 64)
    images[:, :, :32, :32] = torch.tensor([1.0, 2.0, 3.0])[:, None, None]
    images[:, :, 32:, 32:] = torch.randn(3, 32, 32) * 5 + 9
    targets = standardised(images, 32)
    by_hand = (3 / 2) ** 0.5  # (3 - 2) / sqrt(2 / 3), but for one degree of freedom among 3072
    assert targets[0, :, 0, 0].tolist() == pytest.approx([-by_hand, 0, by_hand], abs=1e-3)
    assert not targets[:, :, :32, 32:].any()  # a plain patch
    assert float(targets[:, :, 32:, 32:].mean()) == pytest.approx(0, abs=1e-5)
    assert float(targets[:, :, 32:, 32:].std()) == pytest.approx(1, abs=1e-4)


def test_only_hidden_pixels_count(sources: Sources) -> None:
    mae = module(NANO.at(128))
    batch, draw = pictures(sources, 128, (1, 2)), Draw(1, 0)
    hidden = mae.hide(draw.pictures(batch), batch.images)
    with torch.no_grad():
        found, targets = mae.reconstruct(batch.images, hidden), standardised(batch.images, 32)
        by_hand = [(f - t)[:, h[0]].square().mean().item() for f, t, h in zip(found, targets, hidden, strict=True)]
        loss = mae(batch, draw)
    assert loss.units == mae.units(batch) == 2
    assert float(loss.total) == pytest.approx(sum(by_hand), rel=1e-5)


def test_sharing_out_a_step_changes_nothing(sources: Sources) -> None:
    mae = module(NANO.at(128)).eval()
    draw = Draw(3, 5)
    with torch.no_grad():
        whole = float(mae(pictures(sources, 128, (0, 1, 2)), draw).total)
        parts = [float(mae(pictures(sources, 128, part), draw).total) for part in ((0, 2), (1,))]
    assert whole == pytest.approx(sum(parts), rel=1e-5)
    with torch.no_grad():
        assert whole != float(mae(pictures(sources, 128, (0, 1, 2)), Draw(3, 6)).total)


def without_masks(batch: Batch, size: int) -> Batch:
    """The same pictures, of which no masks are known."""
    mean, std = (np.array(v) for v in (MEAN, STD))
    frames = (batch.images.permute(0, 2, 3, 1).numpy() * std + mean) * 255
    none = np.zeros((0, 1, size, size), bool)
    samples = [Sample(frames=frame[None].round().astype(np.uint8), masks=none, source="bare") for frame in frames]
    return collate(samples, batch.numbers)


def test_masks_play_no_part(sources: Sources) -> None:
    mae = module(NANO.at(128)).eval()
    masked = pictures(sources, 128, (4, 2))
    bare = without_masks(masked, 128)
    assert (len(bare.owner), bare.seats, bare.numbers) == (0, (), (4, 2))
    assert mae.units(bare) == 2
    with torch.no_grad():
        assert float(mae(bare, Draw(1, 0)).total) == pytest.approx(float(mae(masked, Draw(1, 0)).total), rel=1e-4)


def test_other_objectives_need_them(sources: Sources, tiny: ModelConfig) -> None:
    """In every picture, not just in one."""
    bare = without_masks(pictures(sources, 64, (4,)), 64)
    half = replace(pictures(sources, 64, (4, 2)), numbers=(4, 2, 3))
    segment = SegmentModule(build(tiny), LossWeights(), Prompting())
    for batch in (bare, half):
        with pytest.raises(ValueError, match=r"only masked auto-encoding \(mae\) learns from pictures without them"):
            segment.units(batch)


def test_each_frame_of_a_clip_is_a_picture(sources: Sources) -> None:
    batch = collate([sources.real.sample(np.random.default_rng(seed), 3, 64, 2) for seed in (1, 2)])
    draws = Draw(1, 0).pictures(batch)
    assert len(draws) == 6
    assert len({rng.integers(2**62) for rng in draws}) == 6


@pytest.mark.parametrize("kind", ["convolutional", "hiera"])
def test_gradients_reach_the_whole_trunk_and_nothing_else_of_the_model(
    kind: str, hiera: ModelConfig, sources: Sources
) -> None:
    mae = module(NANO.at(128) if kind == "convolutional" else hiera)
    mae(pictures(sources, 128, (1, 2)), Draw(1, 0)).total.backward()
    reached = {name for name, p in mae.named_parameters() if p.grad is not None}
    assert reached == {name for name, _ in mae.named_parameters() if not name.startswith("model.")} | {
        f"model.encoder.trunk.{name}" for name, _ in mae.model.encoder.trunk.named_parameters()
    }


def recipe(config: ModelConfig, steps: int) -> Recipe:
    stage = Stage(steps=steps, size=64, clip_share=0, real_share=0, clips=2, length=3, stills=4, objects=2)
    rates = Optimiser(rate=2e-3, trunk_rate=2e-3, layer_decay=1.0, clip_norm=1.0)
    return Recipe(name="mae", model=config, stages=(stage,), objective=SMALL, optimiser=rates)


def test_a_step_moves_the_trunk_and_leaves_the_rest(tiny: ModelConfig, sources: Sources) -> None:
    """In the weights, and in their average."""
    plan = recipe(tiny, 3)
    torch.manual_seed(0)
    learner = Learner(plan, plan.stages[0], new_state(plan, build(tiny)), World())
    before = learner.state()
    before = {kind: {name: value.clone() for name, value in before[kind].items()} for kind in ("model", "average")}
    learner.update([pictures(sources, 64, (0, 1))])
    after = learner.state()
    for kind in ("model", "average"):
        moved = {name for name, value in after[kind].items() if not torch.equal(value, before[kind][name])}
        assert moved
        assert all(name.startswith("encoder.trunk.") for name in moved)
    assert {"colour", "enter.weight", "pixels.bias"} <= after["extras"].keys()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Mae(patch=16), "multiple of 32"),
        (Mae(patch=96), "divides 128 px"),
        (Mae(mask_share=1.0), "hides all or none of the 16 patches"),
        (Mae(mask_share=0.02), "hides all or none of the 16 patches"),
    ],
)
def test_impossible_options_are_refused(options: Mae, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MaeModule(build(NANO.at(128)), options)
