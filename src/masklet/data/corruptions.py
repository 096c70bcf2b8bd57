"""Damage that real footage has, for measuring robustness: optics, sensors, encoders, transport, editing.

Every corruption turns a clip into another one, lazily where it can, and says which original frame each new one shows.
Lengths in pixels are given for a short side of 480 and scale with the picture. A corruption's outcome is decided by its
fields, its seed and the clip. The severities 1, 2, 3 of `CORRUPTIONS` are mild, clearly visible and severe.

Legend: H W frame.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from masklet.data.edited import EditedClip, EncodedClip
from masklet.media.clip import Clip

Frame = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrupted:
    """A damaged clip. `origin` has for each of its frames the original one that it shows, None for one of elsewhere."""

    clip: Clip
    origin: tuple[int | None, ...]

    def first(self, original: int) -> int:
        """The first frame that shows an original one. Raises ValueError where it was dropped."""
        if original not in self.origin:
            raise ValueError(f"frame {original} was dropped; name the frames to keep when the clip is corrupted")
        return self.origin.index(original)


class Corruption(Protocol):
    """One kind of damage of one severity."""

    @property
    def name(self) -> str:
        """Unique, filesystem-safe: "blur-2"."""
        ...

    def apply(self, clip: Clip, *, other: Clip | None = None, keep: Collection[int] = ()) -> Corrupted:
        """Damage a clip; closing the result closes `clip` and `other`.

        Parameters
        ----------
        other: footage to cut to; only `ShotCuts` asks for it.
        keep: frames that must not be dropped, such as those to be prompted; the first never is.
        """
        ...


class _PerFrame(ABC):
    """Damage of each frame by itself."""

    def apply(self, clip: Clip, *, other: Clip | None = None, keep: Collection[int] = ()) -> Corrupted:  # noqa: ARG002
        frames = range(len(clip))
        return Corrupted(clip=EditedClip(clip, [(clip, i) for i in frames], self.change), origin=tuple(frames))

    @abstractmethod
    def change(self, frame: Frame, index: int) -> Frame:
        """Frame `index`, [H, W, 3] uint8, damaged."""


@dataclass(frozen=True, kw_only=True)
class GaussianBlur(_PerFrame):
    """Defocus. sigma: pixels."""

    name: str
    sigma: float

    def change(self, frame: Frame, index: int) -> Frame:  # noqa: ARG002
        return np.asarray(cv2.GaussianBlur(frame, (0, 0), self.sigma * _scale(frame)), np.uint8)


@dataclass(frozen=True, kw_only=True)
class MotionBlur(_PerFrame):
    """A camera that moves while the shutter is open. length: pixels; the direction is drawn by the seed, one a clip."""

    name: str
    length: float
    seed: int = 0

    def change(self, frame: Frame, index: int) -> Frame:  # noqa: ARG002
        size = max(3, round(self.length * _scale(frame)) | 1)
        angle = np.random.default_rng(self.seed).uniform(0, np.pi)
        reach = (size - 1) / 2 * np.array([np.cos(angle), np.sin(angle)])
        start, end = (size // 2 + np.rint(sign * reach).astype(int) for sign in (-1, 1))
        kernel = np.zeros((size, size), np.float32)
        cv2.line(kernel, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0)
        return np.asarray(cv2.filter2D(frame, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), np.uint8)


@dataclass(frozen=True, kw_only=True)
class Noise(_PerFrame):
    """A sensor at high gain: independent Gaussian noise. sigma: grey levels of 255."""

    name: str
    sigma: float
    seed: int = 0

    def change(self, frame: Frame, index: int) -> Frame:
        return _with_noise(frame.astype(np.float32), self.sigma, self.seed, index)


@dataclass(frozen=True, kw_only=True)
class LowLight(_PerFrame):
    """Too little light: brightness times gain (0..1), and the sensor's noise, of `sigma` grey levels, stays."""

    name: str
    gain: float
    sigma: float
    seed: int = 0

    def change(self, frame: Frame, index: int) -> Frame:
        return _with_noise(frame.astype(np.float32) * np.float32(self.gain), self.sigma, self.seed, index)


@dataclass(frozen=True, kw_only=True)
class Jpeg(_PerFrame):
    """Frames stored as JPEG. quality: 1..100, libjpeg's scale."""

    name: str
    quality: int

    def change(self, frame: Frame, index: int) -> Frame:  # noqa: ARG002
        _, data = cv2.imencode(".jpg", np.ascontiguousarray(frame[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


@dataclass(frozen=True, kw_only=True)
class H264:
    """A clip sent as H.264 and decoded again. crf: x264's constant rate factor, 0..51; 23 is its default.

    All of the clip is encoded, to a temporary file, when the first frame is asked for.
    """

    name: str
    crf: int

    def apply(self, clip: Clip, *, other: Clip | None = None, keep: Collection[int] = ()) -> Corrupted:  # noqa: ARG002
        return Corrupted(clip=EncodedClip(clip, self.crf), origin=tuple(range(len(clip))))


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """Frames that never arrive. share: of the frames that may be dropped, 0..1; which ones is drawn by the seed."""

    name: str
    share: float
    seed: int = 0

    def apply(self, clip: Clip, *, other: Clip | None = None, keep: Collection[int] = ()) -> Corrupted:  # noqa: ARG002
        free = [i for i in range(1, len(clip)) if i not in keep]
        lost = np.random.default_rng(self.seed).permutation(len(free))[: round(self.share * len(free))]
        gone = {free[i] for i in lost}
        return _rearranged(clip, [i for i in range(len(clip)) if i not in gone])


@dataclass(frozen=True, kw_only=True)
class Duplicated:
    """Frames that are shown twice. share: of the frames, 0..1; which ones is drawn by the seed."""

    name: str
    share: float
    seed: int = 0

    def apply(self, clip: Clip, *, other: Clip | None = None, keep: Collection[int] = ()) -> Corrupted:  # noqa: ARG002
        twice = np.random.default_rng(self.seed).permutation(len(clip))[: round(self.share * len(clip))]
        return _rearranged(clip, sorted([*range(len(clip)), *map(int, twice)]))


@dataclass(frozen=True, kw_only=True)
class ShotCuts:
    """The clip is cut in `shots` + 1 equal parts, and between two of them `length` frames of other footage are shown,
    stretched to the clip's size; that footage goes on from shot to shot, and starts over where it ends."""

    name: str
    shots: int
    length: int = 12

    def apply(self, clip: Clip, *, other: Clip | None = None, keep: Collection[int] = ()) -> Corrupted:  # noqa: ARG002
        """Raises ValueError without `other`, or for a clip of fewer frames than parts."""
        if other is None:
            raise ValueError(f"{self.name} needs other footage to cut to")
        if len(clip) <= self.shots:
            raise ValueError(f"{clip.name}: {self.name} needs more than {self.shots} frames, got {len(clip)}")
        starts = [round(part * len(clip) / (self.shots + 1)) for part in range(1, self.shots + 1)]
        shown: list[tuple[Clip, int]] = []
        origin: list[int | None] = []
        for i in range(len(clip)):
            if i in starts:
                away = starts.index(i) * self.length
                shown += [(other, (away + step) % len(other)) for step in range(self.length)]
                origin += [None] * self.length
            shown.append((clip, i))
            origin.append(i)
        return Corrupted(clip=EditedClip(clip, shown), origin=tuple(origin))


def _severities(make: Callable[..., Corruption], name: str, **fields: Sequence[float]) -> dict[str, Corruption]:
    """Three corruptions `name`-1..3 with the n-th value of each field."""
    return {
        f"{name}-{level}": make(name=f"{name}-{level}", **{key: values[level - 1] for key, values in fields.items()})
        for level in (1, 2, 3)
    }


CORRUPTIONS: dict[str, Corruption] = {
    **_severities(GaussianBlur, "blur", sigma=(1.5, 3.0, 6.0)),
    **_severities(MotionBlur, "motion-blur", length=(9, 19, 37)),
    **_severities(Noise, "noise", sigma=(10, 25, 50)),
    **_severities(Jpeg, "jpeg", quality=(25, 12, 6)),
    **_severities(H264, "h264", crf=(32, 40, 48)),
    **_severities(LowLight, "low-light", gain=(0.3, 0.15, 0.07), sigma=(2, 3, 4)),
    **_severities(Dropped, "dropped", share=(0.25, 0.5, 0.75)),
    **_severities(Duplicated, "duplicated", share=(0.25, 0.5, 1.0)),
    **_severities(ShotCuts, "shot-cuts", shots=(1, 2, 3)),
}
"""Name -> corruption."""


def _rearranged(clip: Clip, order: Sequence[int]) -> Corrupted:
    return Corrupted(clip=EditedClip(clip, [(clip, i) for i in order]), origin=tuple(order))


def _with_noise(frame: NDArray[np.float32], sigma: float, seed: int, index: int) -> Frame:
    noise = np.random.default_rng([seed, index]).standard_normal(frame.shape, np.float32)
    return np.clip(np.rint(frame + noise * np.float32(sigma)), 0, 255).astype(np.uint8)


def _scale(frame: Frame) -> float:
    return min(frame.shape[:2]) / 480
