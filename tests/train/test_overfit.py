"""Every recipe, scaled down to a small model, learns four clips by heart."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from masklet.data.samples import Sample, Sources
from masklet.metrics.jf import frame_jf
from masklet.metrics.users import first_click
from masklet.model.checkpoints import load
from masklet.model.configs import NANO, ConvConfig, ConvStage, ReadoutConfig
from masklet.model.sam2 import Sam2, build
from masklet.session import ImagePredictor, VideoSession
from masklet.train.config import Level, Mae, Recipe
from masklet.train.initial import start_from, tie_memory
from masklet.train.loop import train
from masklet.train.recipes import distill, finetune, image, long, mae, nano, video

SIDE = 96
LENGTH = 8
ENOUGH = 0.95
TRUNK = ConvConfig(
    stem=16,
    stages=(
        ConvStage(channels=16, depth=1, stride=1, kernel=3, expand=1),
        ConvStage(channels=24, depth=1, stride=2, kernel=3, expand=3),
        ConvStage(channels=32, depth=1, stride=2, kernel=3, expand=3),
        ConvStage(channels=48, depth=1, stride=2, kernel=3, expand=3),
        ConvStage(channels=64, depth=1, stride=2, kernel=3, expand=3),
    ),
    taps=(1, 2, 3, 4),
)
MODEL = replace(
    NANO,
    name="small",
    encoder=TRUNK,
    image_size=SIDE,
    d_model=64,
    memory_dim=32,
    memory_layers=1,
    memory_ffn=128,
    decoder_ffn=128,
    mask_channels=(2, 4, 8, 16),
    readout=ReadoutConfig(key_dim=8),
)


class FourClips:
    """Four scenes, or their negatives, with a disc or a square that travels through each."""

    name = "four clips"

    def __init__(self, *, negative: bool = False) -> None:
        self.clips = [self._draw(number) for number in range(4)]
        if negative:
            self.clips = [replace(clip, frames=255 - clip.frames) for clip in self.clips]

    def _draw(self, number: int) -> Sample:
        rng = np.random.default_rng(number)
        ground = np.kron(rng.integers(0, 110, (8, 8, 3)), np.ones((SIDE // 8, SIDE // 8, 1))).astype(np.uint8)
        frames = np.repeat(ground[None], LENGTH, axis=0)
        masks = np.zeros((1, LENGTH, SIDE, SIDE), bool)
        rows, columns = np.indices((SIDE, SIDE))
        for t in range(LENGTH):
            along = 24 + 6 * t
            x, y = ((along, 40), (88 - along, 56), (50, along), (along, along))[number]
            distance = np.abs(rows - y), np.abs(columns - x)
            masks[0, t] = np.maximum(*distance) < 16 if number % 2 else np.hypot(*distance) < 18
            frames[t][masks[0, t]] = np.roll((235, 200, 90), number)
        return Sample(frames=frames, masks=masks, source=self.name)

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        assert size == SIDE
        clip = self.clips[int(rng.integers(4))]
        start = int(rng.integers(LENGTH - length + 1))
        part = slice(start, start + length)
        return Sample(frames=clip.frames[part], masks=clip.masks[:objects, part], source=self.name)


CLIPS, NEGATIVES = FourClips(), FourClips(negative=True)


def overfit(
    recipe: Recipe, folder: Path, *, clips: FourClips = CLIPS, prepare: Callable[[Sam2], None] = tie_memory
) -> Path:
    """The weights that a recipe comes to on the four clips."""
    train(recipe, Sources(stills=clips, synthetic=clips, real=clips), folder, prepare=prepare)
    return folder / "weights.safetensors"


def tracked(weights: Path, clips: FourClips = CLIPS) -> float:
    """J&F of the four clips, followed from the masks of their first frame, which does not count."""
    model = load(weights).eval()
    found: list[float] = []
    for clip in clips.clips:
        with VideoSession(model, clip.frames) as session:
            for number, masks in enumerate(clip.masks):
                session.prompt(0, number, mask=masks[0])
            for result in session.propagate():
                if result.frame:
                    pairs = ((result.objects[i].mask, masks[result.frame]) for i, masks in enumerate(clip.masks))
                    found += [frame_jf(mask, truth).mean for mask, truth in pairs]
    return float(np.mean(found))


def clicked(weights: Path, clips: FourClips = CLIPS) -> float:
    """J&F of all frames on their own, from one click."""
    predictor = ImagePredictor(load(weights).eval())
    found: list[float] = []
    for clip in clips.clips:
        for frame, masks in zip(clip.frames, clip.masks.swapaxes(0, 1), strict=True):
            predictor.set_image(frame)
            for truth in masks:
                answer = predictor.predict(points=[first_click(truth)], labels=[1])
                found.append(frame_jf(answer.masks[int(answer.iou.argmax())], truth).mean)
    return float(np.mean(found))


def scaled(recipe: Recipe, rate: float, **changes: int) -> Recipe:
    """A recipe's last stage with a few small samples a step, and rates for a small model.

    What is frozen because it was trained before is not: here it was not. Nothing is dropped: overfitting is the aim.
    float32: CPUs are slow at depthwise convolutions in bfloat16.
    """
    stage = replace(recipe.stages[-1], size=SIDE, objects=1, **changes)
    rates = replace(recipe.optimiser, rate=rate, trunk_rate=rate, clip_norm=1.0)
    if recipe.name == "nano":
        rates = replace(rates, frozen=())
    return replace(
        recipe,
        model=MODEL,
        stages=(stage,),
        optimiser=rates,
        ema=0.98,
        drop_path=0.0,
        dropout=0.0,
        precision="float32",
        save_every=10_000,
    )


def small_nano(steps: int) -> Recipe:
    schedule = Level(warm_up=steps // 10, cool_down=steps // 3)
    return replace(scaled(nano(), 2e-3, steps=steps, clips=4, stills=4, length=3), schedule=schedule)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows the four clips."""
    torch.manual_seed(0)
    return overfit(small_nano(90), tmp_path_factory.mktemp("taught"))


pytestmark = pytest.mark.slow


def start_with_fresh_memory(model: Sam2, taught: Path) -> None:
    start_from(model, taught)
    fresh = build(model.config)
    model.memory_attention.load_state_dict(fresh.memory_attention.state_dict())
    model.memory_encoder.load_state_dict(fresh.memory_encoder.state_dict())


def test_nano(taught: Path) -> None:
    assert tracked(taught) > ENOUGH
    assert clicked(taught) > ENOUGH


def test_image(tmp_path: Path) -> None:
    assert clicked(overfit(scaled(image(steps=160), 1e-3, stills=4), tmp_path)) > ENOUGH


def test_video(tmp_path: Path) -> None:
    weights = overfit(scaled(video(steps=200), 1e-3, clips=2, stills=4, length=4), tmp_path)
    assert tracked(weights) > ENOUGH
    assert clicked(weights) > ENOUGH


def test_long_keeps_the_encoder_and_learns_to_remember_anew(taught: Path, tmp_path: Path) -> None:
    plan = scaled(long(steps=60), 1e-3, clips=2, length=6)
    weights = overfit(plan, tmp_path, prepare=lambda model: start_with_fresh_memory(model, taught))
    assert tracked(weights) > ENOUGH
    before, after = load(taught).encoder.state_dict(), load(weights).encoder.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_finetuning_learns_another_kind_of_clip(taught: Path, tmp_path: Path) -> None:
    plan = scaled(finetune(model=str(taught), steps=90), 2e-3, clips=4, stills=4, length=3)
    weights = overfit(plan, tmp_path, clips=NEGATIVES, prepare=lambda model: start_from(model, taught))
    assert tracked(taught, NEGATIVES) < ENOUGH - 0.1
    assert tracked(weights, NEGATIVES) > ENOUGH
    assert clicked(weights, NEGATIVES) > ENOUGH


def test_distillation(taught: Path, tmp_path: Path) -> None:
    plan = scaled(distill(teacher=str(taught), steps=120), 1e-3, clips=4, stills=4, length=3)
    weights = overfit(plan, tmp_path)
    assert tracked(weights) > ENOUGH
    assert clicked(weights) > ENOUGH


def test_mae_guesses_what_is_hidden(tmp_path: Path) -> None:
    """A guess without a look at the picture, the mean of every patch, has a loss of 1."""
    plan = replace(scaled(mae(steps=150), 2e-3, stills=8), objective=Mae(width=64, depth=1))
    overfit(plan, tmp_path, prepare=lambda _: None)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert np.mean(losses[-15:]) < 0.9 < np.mean(losses[:15])
