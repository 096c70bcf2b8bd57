"""The loop: schedules, exact resume, signals, and that it learns at all."""

from __future__ import annotations

import json
import math
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from masklet.data.samples import Sample
from masklet.model.configs import ModelConfig
from masklet.train.batches import Batch, Sources, ahead, draw_batch
from masklet.train.config import Recipe, Stage
from masklet.train.loop import learning_rate_factor, save_atomically, train


def nothing(_: object) -> None:
    """Keep the random weights."""


def stage(steps: int, size: int = 64) -> Stage:
    return Stage(
        steps=steps, size=size, clip_share=0.5, real_share=0.5, clips=1, length=3, stills=2, objects=2, rounds=2
    )


def recipe(config: ModelConfig, *stages: Stage) -> Recipe:
    return Recipe(name="test", model=config, stages=stages, warm_up=2, cool_down=6, frozen_stages=1, save_every=2)


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_stages_follow_each_other(tiny: ModelConfig) -> None:
    plan = recipe(tiny, stage(3), stage(2, size=96))
    assert plan.steps == 5
    assert [plan.stage_at(step).size for step in range(5)] == [64, 64, 64, 96, 96]
    assert [plan.stage_end(step) for step in range(5)] == [3, 3, 3, 5, 5]
    with pytest.raises(ValueError, match="past the end"):
        plan.stage_at(5)
    with pytest.raises(ValueError, match="at least one stage"):
        recipe(tiny)


def test_learning_rate_rises_then_falls_to_zero(tiny: ModelConfig) -> None:
    plan = recipe(tiny, stage(12))
    factors = [learning_rate_factor(step, plan) for step in range(13)]
    assert factors[:7] == [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert factors[9] == pytest.approx(0.5)
    assert factors[12] == pytest.approx(0.0)
    assert factors[2:] == sorted(factors[2:], reverse=True)


def test_an_interrupted_run_ends_where_an_unbroken_one_does(
    tiny: ModelConfig, sources: Sources, tmp_path: Path
) -> None:
    plan = recipe(tiny, stage(3), stage(2, size=96))
    whole = train(plan, sources, tmp_path / "whole", prepare=nothing)
    train(plan, sources, tmp_path / "parts", prepare=nothing, stop_after=2)
    parts = train(plan, sources, tmp_path / "parts", prepare=nothing)
    a, b = (torch.load(path, weights_only=True) for path in (whole, parts))
    assert a["step"] == b["step"] == 5
    for kind in ("model", "average"):
        assert all(torch.equal(value, b[kind][name]) for name, value in a[kind].items())
    losses = [[line["loss"] for line in lines(tmp_path / name)] for name in ("whole", "parts")]
    assert losses[0] == losses[1]
    assert all(math.isfinite(loss) for loss in losses[0])


def test_sigterm_saves_and_leaves(tiny: ModelConfig, sources: Sources, tmp_path: Path) -> None:
    class Interrupting:
        name = "interrupting"

        def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
            os.kill(os.getpid(), signal.SIGTERM)
            return sources.real.sample(rng, length, size, objects)

    noisy = Sources(stills=Interrupting(), synthetic=Interrupting(), real=Interrupting())
    handler = signal.getsignal(signal.SIGTERM)
    checkpoint = train(recipe(tiny, stage(50)), noisy, tmp_path, prepare=nothing)
    assert 1 <= torch.load(checkpoint, weights_only=True)["step"] < 50
    assert signal.getsignal(signal.SIGTERM) == handler


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_atomically({"step": 1}, path)
    with pytest.raises(Exception, match="pickle"):
        save_atomically({"step": lambda: 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}


def test_batches_follow_from_seed_and_step(sources: Sources) -> None:
    first, again = (draw_batch(sources, stage(1), 7, 3) for _ in range(2))
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, draw_batch(sources, stage(1), 8, 3).images)


def test_the_loader_hands_over_batches_in_order_and_its_errors(sources: Sources) -> None:
    made: list[int] = []

    def make(step: int) -> Batch:
        if step == 4:
            raise OSError("the disk is gone")
        made.append(step)
        return draw_batch(sources, stage(1), 1, step)

    batches = ahead(make, 2, 6, depth=1)
    next(batches)
    next(batches)
    with pytest.raises(OSError, match="disk is gone"):
        next(batches)
    assert made == [2, 3]


@pytest.mark.slow
def test_it_learns_to_follow_squares(tiny: ModelConfig, sources: Sources, tmp_path: Path) -> None:
    torch.manual_seed(0)
    train(recipe(tiny, stage(120)), sources, tmp_path, prepare=nothing)
    losses = [line["loss"] for line in lines(tmp_path)]
    assert sum(losses[-20:]) < 0.7 * sum(losses[:20])
