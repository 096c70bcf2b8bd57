"""A small random model and a short clip, so that commands run as a person would run them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from masklet.cli.main import main
from masklet.media import write_image
from masklet.model import checkpoints
from masklet.model.configs import EFFICIENTNET_LITE0, NANO
from masklet.model.sam2 import build

FRAMES, HEIGHT, WIDTH = 8, 48, 64


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with random weights, in the manner of `nano` but smaller."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    stages = tuple(replace(stage, depth=1, expand=1) for stage in EFFICIENTNET_LITE0.stages)
    encoder = replace(EFFICIENTNET_LITE0, stages=stages)
    config = replace(NANO, name="random", encoder=encoder, memory_layers=1, image_size=64)
    checkpoints.save(build(config), path)
    return path


@pytest.fixture(scope="session")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures: a bright square that moves to the right."""
    folder = tmp_path_factory.mktemp("clip") / "square"
    folder.mkdir()
    random = np.random.default_rng(0)
    ground = random.integers(0, 90, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for i in range(FRAMES):
        picture = ground.copy()
        picture[16:32, 8 + 4 * i : 24 + 4 * i] = (230, 200, 60)
        write_image(folder / f"shot {i}.png", picture)
    return folder


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs `masklet WORDS...` in this process: exit code, stdout, stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
