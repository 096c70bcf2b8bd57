"""Clips to measure on: textured discs wandering over a drifting background, and any clip at any length."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from masklet.media.clip import ArrayClip, Clip, Frame


class Scene(Clip):
    """`length` frames of `height` x `width` with `objects` discs; nothing but the textures is held in memory.

    Drawn on demand, the same on every reading.
    """

    def __init__(self, length: int, height: int, width: int, objects: int = 1) -> None:
        super().__init__()
        self.name = "scene"
        self.height, self.width, self.fps = height, width, 24.0
        self.objects = objects
        self._length = length
        draw = np.random.default_rng(0)
        self._background = _texture(draw, height, width)
        self._discs = [_texture(draw, height, width) // 2 + 64 * (k % 3) for k in range(objects)]

    def __len__(self) -> int:
        return self._length

    @property
    def timestamps(self) -> Sequence[float]:
        return [index / self.fps for index in range(self._length)]

    def mask(self, index: int, which: int) -> np.ndarray:
        """Where disc `which` is on frame `index`, [H, W] uint8 of {0, 1}; later discs do not hide earlier ones."""
        side = min(self.height, self.width)
        angle = 0.02 * index + 2 * np.pi * which / self.objects
        x = round(self.width * (0.5 + 0.3 * np.cos(angle)))
        y = round(self.height * (0.5 + 0.3 * np.sin(1.3 * angle)))
        return cv2.circle(np.zeros((self.height, self.width), np.uint8), (x, y), side // 9, 1, thickness=-1)

    def _read(self, index: int) -> Frame:
        frame = np.roll(self._background, index, axis=1)
        for which, disc in enumerate(self._discs):
            inside = self.mask(index, which) > 0
            frame[inside] = disc[inside]
        return frame


def held(clip: Clip, length: int, start: int = 0) -> Clip:
    """The clip's frames from `start` on in memory, walked forth and back until there are `length` of them.

    Example
    -------
    >>> [int(frame[0, 0, 0]) for frame in held(ArrayClip([np.full((1, 1), v, np.uint8) for v in range(3)]), 7)]
    [0, 1, 2, 1, 0, 1, 2]
    """
    frames = [clip[index] for index in range(start, min(len(clip), start + length))]
    period = max(2 * len(frames) - 2, 1)
    order = (min(index % period, period - index % period) for index in range(length))
    return ArrayClip([frames[index] for index in order], fps=clip.fps, name=clip.name)


def _texture(draw: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Smooth random colours, [H, W, 3] uint8."""
    coarse = draw.integers(0, 256, (height // 24 + 2, width // 24 + 2, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
