"""Videos whose objects are out of sight for a while: something comes in front of them, or the camera turns away.

Most sequences of the benchmarks show their objects on every frame, so that nothing says whether a tracker knows when
there is nothing to see. Here pixels and ground truth change together. Every spell hides all objects of the video for
some frames, after which they are there again, where they would have been.

Legend: T frames, H W frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from masklet.data.edited import EditedClip
from masklet.data.sequences import AnnotatedVideo, Annotations, Mask
from masklet.media.clip import Clip

Frame = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels, ends exclusive."""

_RAMP = 4  # frames on which the objects are on the way out of sight, and as many on the way back
_MARGIN = 0.15  # of its sides that an occluder is larger than what it hides, on each side


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenVideo:
    """A changed video: its frames, and `video` with the changed ground truth (whose own frames are the old ones)."""

    clip: Clip
    video: AnnotatedVideo


class Disappearance(Protocol):
    """One way to lose sight of the objects."""

    @property
    def name(self) -> str:
        """Unique, filesystem-safe: "exit-2"."""
        ...

    def apply(self, video: AnnotatedVideo, other: AnnotatedVideo) -> HiddenVideo:
        """Hide the objects of `video`; `other` gives what is seen instead. Its frames repeat where it is shorter.

        No frame up to the last prompted one changes.

        Raises
        ------
        ValueError: the video is too short for a spell.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Spells:
    """When the objects are hidden: so many `times`, for `length` frames each, evenly spread."""

    times: int
    length: int

    def depths(self, video: AnnotatedVideo) -> NDArray[np.float64]:
        """How far the objects are on the way out, [T]: 0 not at all, 1 out of sight.

        Raises
        ------
        ValueError: the video is too short for a spell.
        """
        count = len(video)
        first = max((target.frame for target in video.targets), default=0) + 1
        room = (count - first) / self.times
        length = min(self.length, int(room) - 2 * _RAMP)
        if length < 1:
            raise ValueError(
                f"{video.name}: {self.times} x {2 * _RAMP + 1} frames are needed after frame {first - 1}, on which the"
                f" last object begins, but the video ends after {count}"
            )
        depths = np.zeros(count)
        for spell in range(self.times):
            middle = first + (spell + 0.5) * room
            start = max(first + _RAMP, round(middle - length / 2))
            away = np.maximum(np.maximum(start - np.arange(count), np.arange(count) - (start + length - 1)), 0)
            depths = np.maximum(depths, np.clip(1 - away / (_RAMP + 1), 0, 1))
        depths[:first] = 0
        return depths


@dataclass(frozen=True, slots=True, kw_only=True)
class Occluder:
    """A board with other footage on it slides in front of all objects, goes with them, and on to the other side."""

    name: str
    spells: Spells

    def apply(self, video: AnnotatedVideo, other: AnnotatedVideo) -> HiddenVideo:
        """See `Disappearance`."""
        depths = self.spells.depths(video)
        places = [self._board(video, depths, t) if depths[t] else None for t in range(len(video))]

        def paint(frame: Frame, index: int) -> Frame:
            place = places[index]
            if place is None:
                return frame
            seen = _inside(place, *frame.shape[:2])
            frame = frame.copy()
            x0, y0, x1, y1 = place
            board = _resized(other.frame(index % len(other)), x1 - x0, y1 - y0)
            frame[seen[1] : seen[3], seen[0] : seen[2]] = board[
                seen[1] - y0 : seen[3] - y0, seen[0] - x0 : seen[2] - x0
            ]
            return frame

        def cover(mask: Mask, index: int) -> Mask:
            place = places[index]
            if place is None:
                return mask
            x0, y0, x1, y1 = _inside(place, *mask.shape)
            mask = mask.copy()
            mask[y0:y1, x0:x1] = False
            return mask

        return _changed(video, paint, cover)

    @staticmethod
    def _board(video: AnnotatedVideo, depths: NDArray[np.float64], index: int) -> Box | None:
        """Where the board is on a frame; None where the ground truth shows no object near this frame."""
        found = _around(video.annotations, index)
        if found is None:
            return None
        (x0, y0, x1, y1), width = found
        grown_x, grown_y = round(_MARGIN * (x1 - x0)) + 2, round(_MARGIN * (y1 - y0)) + 2
        x0, y0, x1, y1 = x0 - grown_x, y0 - grown_y, x1 + grown_x, y1 + grown_y
        comes = index + 1 < len(depths) and depths[index + 1] >= depths[index]
        beyond = -x1 if comes else width - x0  # just outside the frame, on the left and on the right
        shift = round((1 - depths[index]) * beyond)
        return x0 + shift, y0, x1 + shift, y1


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """The camera turns to the right until all that is seen is other footage, and back."""

    name: str
    spells: Spells

    def apply(self, video: AnnotatedVideo, other: AnnotatedVideo) -> HiddenVideo:
        """See `Disappearance`."""
        depths = self.spells.depths(video)

        def turn(frame: Frame, index: int) -> Frame:
            if not depths[index]:
                return frame
            height, width = frame.shape[:2]
            beside = _resized(other.frame(index % len(other)), width, height)
            shift = round(depths[index] * width)
            return np.ascontiguousarray(np.concatenate([frame[:, shift:], beside[:, :shift]], axis=1))

        def leave(mask: Mask, index: int) -> Mask:
            shift = round(depths[index] * mask.shape[1])
            return np.concatenate([mask[:, shift:], np.zeros_like(mask[:, :shift])], axis=1) if shift else mask

        return _changed(video, turn, leave)


@dataclass(frozen=True, slots=True)
class _Changed:
    """Annotations, each mask of which goes through a change."""

    original: Annotations
    change: Callable[[Mask, int], Mask]

    @property
    def frames(self) -> tuple[int, ...]:
        return self.original.frames

    @property
    def objects(self) -> tuple[int, ...]:
        return self.original.objects

    def masks(self, frame: int) -> Mapping[int, Mask]:
        return {number: self.change(mask, frame) for number, mask in self.original.masks(frame).items()}

    def files(self) -> Sequence[Path]:
        return self.original.files()


def _changed(
    video: AnnotatedVideo, paint: Callable[[Frame, int], Frame], change: Callable[[Mask, int], Mask]
) -> HiddenVideo:
    clip = video.clip()
    edited = EditedClip(clip, [(clip, index) for index in range(len(video))], paint)
    return HiddenVideo(clip=edited, video=replace(video, annotations=_Changed(video.annotations, change)))


def _around(annotations: Annotations, index: int) -> tuple[Box, int] | None:
    """The box of all objects on the annotated frames next to `index` (itself, if it is one), and the frame's width."""
    before = [frame for frame in annotations.frames if frame <= index][-1:]
    after = [frame for frame in annotations.frames if frame >= index][:1]
    masks = [mask for frame in dict.fromkeys(before + after) for mask in annotations.masks(frame).values()]
    shown = np.logical_or.reduce(masks) if masks else np.zeros((1, 1), bool)
    x, y, width, height = cv2.boundingRect(shown.view(np.uint8))
    return ((x, y, x + width, y + height), shown.shape[1]) if width else None


def _resized(frame: Frame, width: int, height: int) -> Frame:
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _inside(box: Box, height: int, width: int) -> Box:
    x0, y0, x1, y1 = box
    return min(max(x0, 0), width), min(max(y0, 0), height), min(max(x1, 0), width), min(max(y1, 0), height)


_SPELLS = (Spells(times=1, length=8), Spells(times=2, length=12), Spells(times=2, length=24))

DISAPPEARANCES: dict[str, Disappearance] = {
    f"{kind}-{level}": make(name=f"{kind}-{level}", spells=spells)
    for kind, make in (("occluder", Occluder), ("exit", Exit))
    for level, spells in enumerate(_SPELLS, start=1)
}
"""Name -> disappearance; the severities are 1 x 8 frames out of sight, 2 x 12 and 2 x 24 (fewer in short videos)."""
