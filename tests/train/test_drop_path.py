"""Drop path: what is left out, that nothing else changes, and that it follows from seed and step."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from masklet.data.samples import Sources
from masklet.model.configs import NANO, ModelConfig
from masklet.model.hiera import Hiera
from masklet.model.sam2 import build
from masklet.train.batches import collate
from masklet.train.config import Mae, Optimiser, Recipe, Stage
from masklet.train.distributed import World
from masklet.train.drop_path import DropPath, branch_ends
from masklet.train.learner import Learner, new_state
from masklet.train.loop import train
from masklet.train.objective import PATHS, Draw


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


def recipe(config: ModelConfig, **changes: object) -> Recipe:
    stage = Stage(steps=4, size=64, clip_share=0, real_share=0, clips=2, length=1, stills=4, objects=1)
    plan = Recipe(
        name="mae",
        model=config,
        stages=(stage,),
        objective=Mae(width=32, depth=1),
        optimiser=Optimiser(rate=2e-3, trunk_rate=2e-3, layer_decay=1.0, clip_norm=1.0),
        drop_path=0.5,
    )
    return replace(plan, **changes)


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_goes_on_as_if_it_had_not_stopped(hiera: ModelConfig, sources: Sources, tmp_path: Path) -> None:
    plan = recipe(hiera)
    whole = train(plan, sources, tmp_path / "whole", prepare=lambda _: None)
    train(plan, sources, tmp_path / "parts", prepare=lambda _: None, stop_after=1)
    parts = train(plan, sources, tmp_path / "parts", prepare=lambda _: None)
    a, b = (torch.load(path, weights_only=True)["model"] for path in (whole, parts))
    assert all(torch.equal(value, b[name]) for name, value in a.items())
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts")
    train(replace(plan, drop_path=0.0), sources, tmp_path / "none", prepare=lambda _: None)
    assert losses(tmp_path / "none") != losses(tmp_path / "whole")


@pytest.mark.parametrize("changes", [{"accumulate": 2}, {"checkpointing": True}])
def test_how_a_step_is_worked_through_changes_nothing(
    changes: dict[str, object], hiera: ModelConfig, sources: Sources, tmp_path: Path
) -> None:
    """The branches of a picture follow from its number in the step, and are the same when they are run again."""
    train(recipe(hiera), sources, tmp_path / "plain", prepare=lambda _: None)
    train(recipe(hiera, **changes), sources, tmp_path / "changed", prepare=lambda _: None)
    assert losses(tmp_path / "changed") == pytest.approx(losses(tmp_path / "plain"), abs=3e-4)


def test_frames_and_steps_draw_for_themselves(sources: Sources) -> None:
    batch = collate([sources.real.sample(np.random.default_rng(seed), 3, 64, 2) for seed in (1, 2)])
    first = [rng.random() for step in (0, 1) for rng in Draw(1, step).pictures(batch, PATHS)]
    assert len(set(first)) == 12
    assert first[0] != Draw(1, 0).pictures(batch)[0].random()  # what is hidden from mae is drawn apart


def test_rates_and_trunks_that_do_not_go(hiera: ModelConfig) -> None:
    for rate in (1.0, -0.1):
        with pytest.raises(ValueError, match="drop_path must be a rate of at least 0 and below 1"):
            recipe(hiera, drop_path=rate)
    plan = recipe(NANO.at(64))
    with pytest.raises(ValueError, match=r"drop_path: expected 0 for a trunk that is no Hiera, got 0\.5"):
        Learner(plan, plan.stages[0], new_state(plan, build(plan.model)), World())
