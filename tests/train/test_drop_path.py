"""Drop path: what is left out, and that nothing else changes."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from masklet.data.samples import Sources
from masklet.model.configs import ModelConfig
from masklet.model.hiera import Hiera
from masklet.model.sam2 import build
from masklet.train.batches import collate
from masklet.train.distributed import World
from masklet.train.drop_path import DropPath, branch_ends
from masklet.train.learner import Learner, new_state
from masklet.train.objective import PATHS, Draw
from masklet.train.recipes.mae import mae


def trunk_of(config: ModelConfig) -> Hiera:
    torch.manual_seed(0)
    trunk = build(config).encoder.trunk
    assert isinstance(trunk, Hiera)
    return trunk


def generators(count: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, number]) for number in range(count)]


def scaled(trunk: Hiera, scales: np.ndarray) -> Hiera:
    """A copy in which every branch, attention and MLP by turns, counts so many times."""
    changed = deepcopy(trunk)
    with torch.no_grad():
        for end, scale in zip(branch_ends(changed), scales, strict=True):
            assert isinstance(end, nn.Linear)
            end.weight.mul_(float(scale))
            end.bias.mul_(float(scale))
    return changed


def test_each_picture_loses_branches_of_its_own_and_the_others_count_for_more(hiera: ModelConfig) -> None:
    plain = trunk_of(hiera)
    changed = deepcopy(plain).train()
    drop = DropPath(changed, 0.5)
    images = torch.randn(6, 3, 128, 128)
    drop.draw(generators(6), torch.device("cpu"))
    found = changed(images)
    rates = np.repeat([0, 0.125, 0.25, 0.375, 0.5], 2)  # five blocks
    lost = 0
    for number, rng in enumerate(generators(6)):
        kept = rng.random(10) >= rates
        lost += int((~kept).sum())
        expected = scaled(plain, kept / (1 - rates))(images[number, None])
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours[number, None], theirs, atol=2e-5, rtol=1e-4)
    assert 5 < lost < 30


def test_branches_are_lost_at_their_rates(hiera: ModelConfig) -> None:
    drop = DropPath(trunk_of(hiera), 0.4)
    drop.draw(generators(4000), torch.device("cpu"))
    scales = drop._scales
    assert scales is not None
    assert (scales == 0).float().mean(0).tolist() == pytest.approx(np.repeat([0, 0.1, 0.2, 0.3, 0.4], 2), abs=0.03)
    assert scales.mean(0).tolist() == pytest.approx([1] * 10, abs=0.05)  # so nothing grows or shrinks in the mean


def test_it_is_off_when_the_model_is_used(hiera: ModelConfig) -> None:
    plain = trunk_of(hiera).eval()
    changed = deepcopy(plain)
    DropPath(changed, 0.9)
    images = torch.randn(2, 3, 128, 128)
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            assert all(torch.equal(a, b) for a, b in zip(plain(images), changed(images), strict=True))
    assert changed.state_dict().keys() == plain.state_dict().keys()


def test_frames_and_steps_draw_for_themselves(sources: Sources) -> None:
    batch = collate([sources.real.sample(np.random.default_rng(seed), 3, 64, 2) for seed in (1, 2)])
    first = [rng.random() for step in (0, 1) for rng in Draw(1, step).pictures(batch, PATHS)]
    assert len(set(first)) == 12
    assert first[0] != Draw(1, 0).pictures(batch)[0].random()  # what is hidden from mae is drawn apart


def test_only_a_hiera_has_branches_to_lose() -> None:
    plan = replace(mae(model="nano", size=64, steps=1), drop_path=0.5)
    with pytest.raises(ValueError, match=r"drop_path: expected 0 for a trunk that is no Hiera, got 0\.5"):
        Learner(plan, plan.stages[0], new_state(plan, build(plan.model)), World())
