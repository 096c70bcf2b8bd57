"""The loop: schedules, exact resume, signals, and that it learns at all."""

from __future__ import annotations

import json
import math
import os
import signal
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.multiprocessing.spawn import spawn

from masklet.data.samples import Sample
from masklet.model.checkpoints import load, save
from masklet.model.configs import ModelConfig
from masklet.model.sam2 import Sam2, build
from masklet.train.batches import Part, Sources, draw_batches
from masklet.train.config import (
    Cosine,
    Distill,
    Level,
    Lora,
    LossWeights,
    Mae,
    Optimiser,
    Prompting,
    Recipe,
    ReciprocalSqrt,
    Segment,
    Stage,
    Validation,
)
from masklet.train.distributed import Sharding, world
from masklet.train.loop import save_atomically, train

FEW = Prompting(first_frames=(1, 1), corrections=(0, 1), corrected_clicks=(1, 1))


def nothing(_: object) -> None:
    """Keep the random weights."""


def stage(steps: int, size: int = 64) -> Stage:
    return Stage(
        steps=steps, size=size, clip_share=0.5, real_share=0.5, clips=2, length=3, stills=2, objects=2, prompting=FEW
    )


def recipe(config: ModelConfig, *stages: Stage) -> Recipe:
    return Recipe(
        name="test",
        model=config,
        stages=stages,
        objective=Segment(losses=LossWeights(cross_entropy=1.0, focal=0.0, answers="mean")),
        optimiser=Optimiser(rate=6e-4, trunk_rate=8e-5, clip_norm=1.0, frozen=(r"encoder\.trunk\.stem\..*",)),
        schedule=Level(warm_up=2, cool_down=6),
        save_every=2,
    )


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


def test_the_rate_rises_is_level_and_falls_to_zero() -> None:
    factors = [Level(warm_up=2, cool_down=6).factor(step, 12) for step in range(13)]
    assert factors[:7] == [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert factors[9] == pytest.approx(0.5)
    assert factors[12] == pytest.approx(0.0)
    assert factors[2:] == sorted(factors[2:], reverse=True)


def test_cosine_ends_at_its_floor() -> None:
    schedule = Cosine(warm_up=0, floor=0.1)
    assert schedule.factor(0, 100) == 1
    assert schedule.factor(50, 100) == pytest.approx(0.55)
    assert schedule.factor(100, 100) == pytest.approx(0.1)


def test_reciprocal_root_by_hand() -> None:
    schedule = ReciprocalSqrt(warm_up=100, cool_down=500, timescale=1000)
    assert schedule.factor(49, 10_000) == pytest.approx(0.5)
    assert schedule.factor(100, 10_000) == 1
    assert schedule.factor(3100, 10_000) == pytest.approx(0.5)  # sqrt(1000 / 4000)
    assert schedule.factor(9750, 10_000) == pytest.approx(0.5 * (1000 / 10_650) ** 0.5)


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


def test_samples_follow_from_seed_step_and_number(sources: Sources) -> None:
    [whole] = draw_batches(sources, stage(1), 7, 3)
    [again] = draw_batches(sources, stage(1), 7, 3)
    assert torch.equal(whole.images, again.images)
    [other] = draw_batches(sources, stage(1), 8, 3)
    assert whole.images.shape != other.images.shape or not torch.equal(whole.images, other.images)
    shares = [draw_batches(sources, stage(1), 7, 3, Part(rank, 2))[0] for rank in range(2)]
    assert torch.equal(torch.cat([share.images for share in shares]), whole.images)
    assert [seat for share in shares for seat in share.seats] == list(whole.seats)
    parts = draw_batches(sources, stage(1), 7, 3, Part(accumulate=2))
    assert torch.equal(torch.cat([part.images for part in parts]), whole.images)
    with pytest.raises(ValueError, match="do not go round 3 processes"):
        draw_batches(sources, stage(1), 7, 3, Part(0, 3))


def test_pictures_may_have_more_objects_than_clips(sources: Sources) -> None:
    rules = {"steps": 1, "size": 64, "real_share": 0.5, "clips": 2, "length": 3, "stills": 2, "objects": 1}

    def counts(clip_share: float, still_objects: int | None) -> set[int]:
        plan = Stage(clip_share=clip_share, still_objects=still_objects, prompting=FEW, **rules)
        [batch] = draw_batches(sources, plan, 7, 0)
        return set(batch.owner.bincount().tolist())

    assert counts(1.0, 9) == {1}
    assert counts(0.0, None) == {1}
    assert 1 < max(counts(0.0, 9)) <= 9


def test_working_a_step_through_in_parts_changes_nothing(tiny: ModelConfig, sources: Sources, tmp_path: Path) -> None:
    plan = recipe(tiny, stage(3))
    train(plan, sources, tmp_path / "whole", prepare=nothing)
    train(replace(plan, accumulate=2), sources, tmp_path / "parts", prepare=nothing)
    whole, parts = ([line["loss"] for line in lines(tmp_path / name)] for name in ("whole", "parts"))
    assert parts == pytest.approx(whole, rel=2e-3)


def test_the_best_weights_are_kept_and_patience_ends(tiny: ModelConfig, sources: Sources, tmp_path: Path) -> None:
    plan = replace(recipe(tiny, stage(12)), validation=Validation(every=2, watch="score", patience=2))
    given = iter([0.2, 0.6, 0.5, 0.4, 0.9])
    judged: list[Sam2] = []

    def validate(model: Sam2) -> dict[str, float]:
        judged.append(model)
        return {"score": next(given)}

    train(plan, sources, tmp_path, prepare=nothing, validate=validate)
    assert len(judged) == 4  # two after the best without a better one
    best = load(tmp_path / "best.safetensors")
    assert all(torch.equal(value, best.state_dict()[name]) for name, value in judged[1].state_dict().items())
    found = [line["validation"]["score"] for line in lines(tmp_path) if "validation" in line]
    assert found == [0.2, 0.6, 0.5, 0.4]
    assert torch.load(tmp_path / "last.pt", weights_only=True)["step"] == 8


@pytest.mark.parametrize("objective", ["segment", "mae", "distill"])
def test_bfloat16_learns_what_float32_learns(
    objective: str, tiny: ModelConfig, hiera: ModelConfig, sources: Sources, tmp_path: Path
) -> None:
    plan = learning(objective, tiny, hiera, tmp_path)
    for name, precision in (("plain", "float32"), ("changed", "bfloat16")):
        train(replace(plan, precision=precision), sources, tmp_path / name, prepare=nothing)
    plain, changed = ([line["loss"] for line in lines(tmp_path / name)] for name in ("plain", "changed"))
    assert changed == pytest.approx(plain, rel=0.05)


@pytest.mark.parametrize("changes", [{"checkpointing": True}, {"lora": Lora(rank=2)}])
def test_checkpointing_and_low_rank_updates_train(
    tiny: ModelConfig, sources: Sources, tmp_path: Path, changes: dict
) -> None:
    plan = recipe(tiny, stage(2))
    if "lora" in changes:
        changes = {"optimiser": replace(plan.optimiser, frozen=(), **changes)}
    train(plan, sources, tmp_path / "plain", prepare=nothing)
    train(replace(plan, **changes), sources, tmp_path / "changed", prepare=nothing)
    plain, changed = ([line["loss"] for line in lines(tmp_path / name)] for name in ("plain", "changed"))
    assert changed == pytest.approx(plain, rel=0.05)
    assert load(tmp_path / "changed" / "weights.safetensors").state_dict().keys() == build(tiny).state_dict().keys()


def learning(objective: str, tiny: ModelConfig, hiera: ModelConfig, folder: Path) -> Recipe:
    """Three steps of each objective; mae on a Hiera trunk with drop path, the others with dropout."""
    if objective == "mae":
        rates = Optimiser(rate=1e-3, trunk_rate=1e-3, layer_decay=1.0, clip_norm=1.0)
        return replace(recipe(hiera, stage(3)), objective=Mae(width=32, depth=1), optimiser=rates, drop_path=0.3)
    plan = replace(recipe(tiny, stage(3)), dropout=0.3)
    if objective == "distill":
        torch.manual_seed(5)
        save(build(replace(tiny, name="teacher", image_size=96)), folder / "teacher.safetensors")
        taught = LossWeights(cross_entropy=1.0, focal=0.0, answers="mean")
        return replace(plan, objective=Distill(teacher=str(folder / "teacher.safetensors"), losses=taught))
    return plan


@pytest.mark.parametrize(
    ("objective", "sharding"), [("segment", "ddp"), ("segment", "fsdp"), ("mae", "ddp"), ("distill", "ddp")]
)
def test_two_processes_learn_what_one_learns(
    tiny: ModelConfig, hiera: ModelConfig, sources: Sources, tmp_path: Path, objective: str, sharding: Sharding
) -> None:
    plan = learning(objective, tiny, hiera, tmp_path)
    train(plan, sources, tmp_path / "one", prepare=nothing)
    spawn(_one_of_two, (plan, sources, tmp_path / "two", sharding), nprocs=2)
    one, two = ([line["loss"] for line in lines(tmp_path / name)] for name in ("one", "two"))
    assert len(one) == 3
    assert two == pytest.approx(one, rel=2e-3)
    a, b = (torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("one", "two"))
    for kind in ("model", "extras"):
        assert a[kind].keys() == b[kind].keys()
        for name, value in a[kind].items():
            torch.testing.assert_close(b[kind][name], value, atol=5e-3, rtol=1e-2)


def _one_of_two(rank: int, plan: Recipe, sources: Sources, folder: Path, sharding: Sharding) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29533"}
    torch.set_num_threads(1)
    with world(torch.device("cpu"), sharding) as joined:
        train(plan, sources, folder, prepare=nothing, world=joined)


@pytest.mark.slow
def test_it_learns_to_follow_squares(tiny: ModelConfig, sources: Sources, tmp_path: Path) -> None:
    torch.manual_seed(0)
    train(recipe(tiny, stage(120)), sources, tmp_path, prepare=nothing)
    losses = [line["loss"] for line in lines(tmp_path)]
    assert statistics.median(losses[-20:]) < 0.7 * statistics.median(losses[:20])  # some batches are far harder
