"""The unit of training data: a short clip with the masks of a few of its objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

# An object is called present in a frame when it covers at least this share of it.
MIN_VISIBLE_SHARE = 0.0002
# An object is usually prompted on the first frame only when it covers at least this share of it; small models learn
# nothing from smaller ones.
MIN_TARGET_SHARE = 0.004
MAX_TARGET_SHARE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A clip of T frames (a still is T = 1) and the masks of O target objects: none in a picture without masks.

    Attributes
    ----------
    frames: [T, S, S, 3] uint8 RGB.
    masks: [O, T, S, S] bool. Pixels outside are "not this object".
    source: name of the data set that it came from, for the log.
    """

    frames: np.ndarray
    masks: np.ndarray
    source: str

    def __post_init__(self) -> None:
        if self.frames.ndim != 4 or self.frames.shape[3] != 3 or self.frames.dtype != np.uint8:
            raise ValueError(f"frames: expected uint8 [T,H,W,3], got {self.frames.dtype} {self.frames.shape}")
        if self.masks.ndim != 4 or self.masks.dtype != np.bool_:
            raise ValueError(f"masks: expected bool [O,T,H,W], got {self.masks.dtype} {self.masks.shape}")
        if self.masks.shape[1:] != self.frames.shape[:3]:
            raise ValueError(f"masks {self.masks.shape} do not fit frames {self.frames.shape}")

    @property
    def present(self) -> np.ndarray:
        """[O, T] bool: whether each object can be seen in each frame."""
        return self.masks.mean(axis=(2, 3)) >= MIN_VISIBLE_SHARE


class Source(Protocol):
    """Something that draws samples; the same generator state gives the same sample."""

    name: str

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        """Draw a clip of `length` frames of `size` x `size` pixels with 1..`objects` target objects.

        From pictures without masks it has none.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where each kind of sample is drawn from: pictures, clips made from pictures, filmed clips."""

    stills: Source
    synthetic: Source
    real: Source


def promptable(masks: np.ndarray, least: float = MIN_TARGET_SHARE) -> np.ndarray:
    """Indices of the masks [N,H,W] whose area suits a first-frame prompt: `least`..0.9 of the frame."""
    share = masks.mean(axis=(1, 2)) if len(masks) else np.zeros(0)
    return np.flatnonzero((share >= least) & (share <= MAX_TARGET_SHARE))
