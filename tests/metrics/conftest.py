"""Small annotated videos in which squares move, and a small random model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from masklet.data.layouts import open_videos
from masklet.data.sequences import AnnotatedVideo
from masklet.export.palette_png import write_palette_png
from masklet.media import write_image
from masklet.model import checkpoints
from masklet.model.configs import EFFICIENTNET_LITE0, NANO
from masklet.model.sam2 import Sam2

SIDE = 64
FRAMES = 8


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with random weights, in the manner of `nano` but smaller."""
    torch.manual_seed(0)
    stages = tuple(replace(stage, depth=1, expand=1) for stage in EFFICIENTNET_LITE0.stages)
    encoder = replace(EFFICIENTNET_LITE0, stages=stages)
    config = replace(NANO, encoder=encoder, memory_layers=1, image_size=SIDE)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    checkpoints.save(Sam2(config), path)
    return path


def write_video(root: Path, name: str, squares: Mapping[int, Callable[[int], tuple[int, int] | None]]) -> None:
    """A video of `FRAMES` frames in palette layout: object -> the top left corner of its 20 x 20 square at a frame."""
    rng = np.random.default_rng(len(name))
    ground = cv2.resize(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8), (SIDE, SIDE))
    faces = {number: cv2.resize(rng.integers(0, 255, (5, 5, 3), dtype=np.uint8), (20, 20)) for number in squares}
    for folder in ("JPEGImages", "Annotations"):
        (root / folder / name).mkdir(parents=True)
    for t in range(FRAMES):
        picture, labels = ground.copy(), np.zeros((SIDE, SIDE), np.uint8)
        for number, corner_at in squares.items():
            corner = corner_at(t)
            if corner is not None:
                x, y = corner
                picture[y : y + 20, x : x + 20] = faces[number]
                labels[y : y + 20, x : x + 20] = number
        write_image(root / "JPEGImages" / name / f"{t:05d}.png", picture)
        write_palette_png(root / "Annotations" / name / f"{t:05d}.png", labels)


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos in palette layout: "one" with an object that moves 3 pixels a frame; "two" with object 1 that stands
    still, object 2 that comes on frame 3, and object 5 that is gone from frame 4 on."""
    root = tmp_path_factory.mktemp("squares")
    write_video(root, "one", {1: lambda t: (5 + 3 * t, 20)})
    write_video(
        root,
        "two",
        {
            1: lambda _: (2, 2),
            2: lambda t: (30 + t, 30) if t >= 3 else None,
            5: lambda t: (40, 5) if t < 4 else None,
        },
    )
    return root


@pytest.fixture(scope="session")
def videos(squares: Path) -> dict[str, AnnotatedVideo]:
    return {video.name: video for video in open_videos(squares)}
