"""A model small enough to train in a test, and a source of simple samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from masklet.data.samples import Sample
from masklet.model.configs import NANO, HieraConfig, ModelConfig, ReadoutConfig
from masklet.train.batches import Sources


class Squares:
    """A bright square that moves over a dark ground, and sometimes leaves."""

    name = "squares"

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        count = int(rng.integers(1, objects + 1))
        frames = rng.integers(0, 60, (length, size, size, 3), dtype=np.uint8)
        masks = np.zeros((count, length, size, size), bool)
        side = size // 4
        for number in range(count):
            x, y = rng.integers(0, size - side, 2)
            colour = rng.integers(120, 255, 3)
            for t in range(length):
                at = x + t * side // 2
                frames[t, y : y + side, at : at + side] = colour
                masks[: number + 1, t, y : y + side, at : at + side] = False
                masks[number, t, y : y + side, at : at + side] = True
        return Sample(frames=frames, masks=masks, source=self.name)


@pytest.fixture
def sources() -> Sources:
    return Sources(stills=Squares(), synthetic=Squares(), real=Squares())


@pytest.fixture
def tiny() -> ModelConfig:
    return replace(
        NANO,
        memory_stride=1,  # training attends to the last frames
        name="tiny",
        image_size=64,
        d_model=64,
        memory_dim=32,
        mask_channels=(2, 4, 8, 16),
        readout=ReadoutConfig(key_dim=8),
    )


@pytest.fixture
def hiera() -> ModelConfig:
    trunk = HieraConfig(
        embed_dim=16, heads=1, depths=(1, 1, 2, 1), global_blocks=(2,), windows=(8, 4, 14, 7), background_size=2
    )
    return ModelConfig(name="hiera", encoder=trunk, image_size=128, d_model=64)
