"""Masklets and clips that the tests of the formats share."""

from __future__ import annotations

import numpy as np
import pytest

from masklet.export import VideoInfo
from masklet.masks import FrameMask, Masklet, Rle
from masklet.media import ArrayClip

HEIGHT, WIDTH, COUNT = 30, 46, 9


def block(y: int, x: int, height: int = 8, width: int = 10) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y : y + height, x : x + width] = True
    return mask


@pytest.fixture
def masklets() -> list[Masklet]:
    """Three objects: one in every frame, one that vanishes for a while, one that overlaps it and comes later."""
    whole = [
        FrameMask(
            frame=i,
            rle=Rle.encode(block(2 + i, 1 + 2 * i)),
            score=3.25 + i,
            iou=0.5 + i / 20,
            visible=True,
            prompted=i == 0,
        )
        for i in range(COUNT)
    ]
    absent = np.zeros((HEIGHT, WIDTH), bool)
    gap = [
        FrameMask(
            frame=i,
            rle=Rle.encode(absent if 3 <= i < 6 else block(15, 20)),
            score=-4.5 if 3 <= i < 6 else 2.0,
            iou=0.75,
            visible=not 3 <= i < 6,
        )
        for i in range(COUNT)
    ]
    later = [FrameMask.given(i, block(18, 24, 9, 12)) for i in range(COUNT)]
    prompts = [{"object": 1, "frame": 0, "points": [[4.0, 5.0]], "labels": [1]}]
    return [
        Masklet(1, HEIGHT, WIDTH, whole, name="ball", prompts=prompts),
        Masklet(2, HEIGHT, WIDTH, gap),
        Masklet(7, HEIGHT, WIDTH, later, name="Öl & \"x\""),
    ]  # fmt: skip


@pytest.fixture
def clip() -> ArrayClip:
    """Nine frames of smooth colours that video codecs keep well."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    frames = [
        np.stack([60 + 3 * y, 200 - 3 * x, np.full_like(x, 40 + 20 * i)], axis=2).clip(0, 255).astype(np.uint8)
        for i in range(COUNT)
    ]
    return ArrayClip(frames, fps=12, name="smooth.mp4")


@pytest.fixture
def info() -> VideoInfo:
    return VideoInfo(
        name="smooth.mp4",
        height=HEIGHT,
        width=WIDTH,
        frame_count=COUNT,
        fps=12.0,
        timestamps=tuple(i / 12 for i in range(COUNT)),
        model="nano",
    )
