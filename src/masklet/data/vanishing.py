"""Clips that lose sight of their objects for a while, so that a tracker learns to say "not there".

Filmed clips rarely do, and annotators choose those that do not. Here something passes in front of an object, the
camera turns away from it, or another scene is cut to; it comes back, or the clip ends first.

Legend: O objects, T frames, S side of the square frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from masklet.data.samples import Sample, Source

_RETURNS = 0.65
"""Share of the absences that end before the clip does, where it is long enough."""
_SEAM = 0.15
"""Width of the cross-fade between a scene and the one that the camera turns to, at most; a share of the side."""
_TRIES = 8
"""Draws of another scene after which there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Absence:
    """Object `target` is out of sight in the frames `start` <= t < `stop`.

    It is on the way out, and back, in `ramp` frames on either side.
    """

    target: int
    start: int
    stop: int
    ramp: int

    def depth(self, length: int) -> np.ndarray:
        """How far each frame is on the way out: [T], 0 not at all, 1 out of sight; the first frame is never."""
        times = np.arange(length)
        away = np.maximum(np.maximum(self.start - times, times - self.stop + 1), 0)
        depth = np.clip(1 - away / (self.ramp + 1), 0, 1)
        depth[0] = 0
        return depth


class Vanishing:
    """Samples of a source, some of which lose sight of their objects.

    Parameters
    ----------
    source: of clips; stills and clips of two frames stay as they are.
    scenery: stills: other scenes, and what passes in front. A clip stays as it is where none but its own is found.
    share: of the clips that are changed.
    """

    def __init__(self, source: Source, scenery: Source, share: float) -> None:
        self._source = source
        self._scenery = scenery
        self._share = share
        self.name = source.name

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        """Draw, and perhaps hide the objects for a while; objects that the first frame shows stay in it."""
        sample = self._source.sample(rng, length, size, objects)
        if length < 3 or rng.random() >= self._share:
            return sample
        shown = np.flatnonzero(sample.present[:, 0])
        scenery = self._elsewhere(rng, sample)
        if not len(shown) or scenery is None:
            return sample
        start = int(rng.integers(1, length - 1))
        stop = int(rng.integers(start + 1, length)) if rng.random() < _RETURNS else length
        absence = _Absence(target=int(rng.choice(shown)), start=start, stop=stop, ramp=int(rng.integers(0, 3)))
        return _WAYS[int(rng.choice(len(_WAYS), p=_WEIGHTS))](rng, sample, absence, scenery)

    def _elsewhere(self, rng: np.random.Generator, sample: Sample) -> np.ndarray | None:
        """Another scene [S, S, 3]: one that shares no picture with the sample, whose objects it would show unmasked."""
        own = set(sample.source.split(" + "))
        for _ in range(_TRIES):
            other = self._scenery.sample(rng, 1, sample.frames.shape[1], 1)
            if own.isdisjoint(other.source.split(" + ")):
                return other.frames[0]
        return None


def _cut(rng: np.random.Generator, sample: Sample, absence: _Absence, scenery: np.ndarray) -> Sample:
    """Another scene, over which the camera drifts."""
    frames, masks = sample.frames.copy(), sample.masks.copy()
    size = frames.shape[1]
    drift = rng.uniform(-0.03, 0.03, 2) * size
    for t in range(absence.start, absence.stop):
        shift = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
        shift[:, 2] = drift * (t - absence.start)
        frames[t] = cv2.warpAffine(scenery, shift, (size, size), borderMode=cv2.BORDER_REFLECT_101)
        masks[:, t] = False
    return replace(sample, frames=frames, masks=masks)


def _turn(rng: np.random.Generator, sample: Sample, absence: _Absence, scenery: np.ndarray) -> Sample:
    """The camera turns to a scene beside, above or below this one."""
    length, size = sample.frames.shape[:2]
    axis, backward = int(rng.integers(2)), rng.random() < 0.5
    seam = 1 + rng.uniform(0, _SEAM) * size
    across = (slice(None), None) if axis == 0 else (None, slice(None))
    frames, masks = np.empty_like(sample.frames), np.zeros_like(sample.masks)
    beside = _flip(scenery, axis, backward)
    for t, depth in enumerate(absence.depth(length)):
        shift = round(depth * size)
        if not shift:
            frames[t], masks[:, t] = sample.frames[t], sample.masks[:, t]
            continue
        here = np.arange(size) + shift  # along the axis: below `size` lies this scene, behind it the other one
        there = np.maximum(here - round(size - seam), 0)
        there = size - 1 - np.abs(size - 1 - there)  # its far edge is mirrored
        fade = np.clip((here - size + seam) / seam, 0, 1).astype(np.float32)[across]
        scene = _flip(sample.frames[t], axis, backward).take(np.minimum(here, size - 1), axis)
        blend = scene * (1 - fade[..., None]) + beside.take(there, axis) * fade[..., None]
        frames[t] = _flip((blend + 0.5).astype(np.uint8), axis, backward)
        for seen, mask in zip(masks[:, t], sample.masks[:, t], strict=True):
            turned = _flip(mask, axis, backward).take(np.minimum(here, size - 1), axis)
            seen[:] = _flip(turned & (fade < 0.5), axis, backward)
    return replace(sample, frames=frames, masks=masks)


def _slide(rng: np.random.Generator, sample: Sample, absence: _Absence, scenery: np.ndarray) -> Sample:
    """A window on part of the frame slides away from an object; where none can, the camera turns."""
    length, size = sample.frames.shape[:2]
    target = sample.masks[absence.target]
    side = int(rng.uniform(0.45, 0.7) * size)
    rows, columns = np.nonzero(target[0])
    room = size - side
    shown = np.clip([np.median(columns) - side / 2, np.median(rows) - side / 2], 0, room)
    gone = target[absence.start : absence.stop].any(axis=0)
    corners = [(x, y) for x in (0, room // 2, room) for y in (0, room // 2, room)]
    free = [(x, y) for x, y in corners if not gone[y : y + side, x : x + side].any()]
    if not free:
        return _turn(rng, sample, absence, scenery)
    hidden = np.array(free[int(rng.integers(len(free)))], np.float64)
    frames, masks = np.empty_like(sample.frames), np.empty_like(sample.masks)
    for t, depth in enumerate(absence.depth(length)):
        x, y = np.rint((1 - depth) * shown + depth * hidden).astype(int)
        window = np.s_[y : y + side, x : x + side]
        frames[t] = cv2.resize(sample.frames[t][window], (size, size), interpolation=cv2.INTER_LINEAR)
        for seen, mask in zip(masks[:, t], sample.masks[:, t], strict=True):
            part = np.ascontiguousarray(mask[window]).view(np.uint8)
            seen[:] = cv2.resize(part, (size, size), interpolation=cv2.INTER_NEAREST) > 0
    changed = replace(sample, frames=frames, masks=masks)
    kept = changed.present[:, 0]
    return replace(changed, masks=masks[kept]) if kept.any() else _turn(rng, sample, absence, scenery)


def _occlude(rng: np.random.Generator, sample: Sample, absence: _Absence, scenery: np.ndarray) -> Sample:
    """Something passes in front of an object and stays there for a while."""
    length, size = sample.frames.shape[:2]
    target = sample.masks[absence.target]
    shape = _opacity(rng, size)
    direction = rng.uniform(0, 2 * np.pi)
    heading = np.array([np.cos(direction), np.sin(direction)])
    margin = rng.uniform(1.0, 1.6)
    frames, masks = sample.frames.copy(), sample.masks.copy()
    box = cv2.boundingRect(target[0].astype(np.uint8))
    for t, depth in enumerate(absence.depth(length)):
        seen = cv2.boundingRect(target[t].astype(np.uint8))
        box = seen if seen[2] else box  # where it went out of sight by itself, the last place counts
        if depth == 0:
            continue
        x, y, width, height = box
        # The shape's middle covers the object's box; on the way it comes from one side and leaves to the other.
        scale = margin * np.array([width, height])
        away = (1 - depth) * heading * (2 * scale.max() + 0.2 * size) * (-1 if t < absence.start else 1)
        centre = np.array([x + width / 2, y + height / 2]) + away
        reach = 1.5 * scale + 0.02 * size
        corner = centre - reach / 2
        to_frame = np.array([[reach[0] / size, 0, corner[0]], [0, reach[1] / size, corner[1]]], np.float32)
        solid = cv2.warpAffine(shape, to_frame, (size, size), flags=cv2.INTER_LINEAR)[..., None]
        painted = cv2.warpAffine(scenery, to_frame, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        frames[t] = (frames[t] * (1 - solid) + painted * solid + 0.5).astype(np.uint8)
        masks[:, t] &= solid[..., 0] < 0.5
    return replace(sample, frames=frames, masks=masks)


def _opacity(rng: np.random.Generator, size: int) -> np.ndarray:
    """The shape of something that passes in front: [S, S] float32, 0..1, its middle two thirds solid."""
    rows, columns = (np.mgrid[:size, :size] + 0.5) / size * 2 - 1
    power = rng.choice([4.0, 8.0, 64.0])  # from a rounded shape to a box
    wobble = 1 + 0.08 * np.sin(rng.integers(2, 6) * np.arctan2(rows, columns) + rng.uniform(0, 6))
    radius = (np.abs(rows) ** power + np.abs(columns) ** power) ** (1 / power)
    opacity = np.clip((0.9 * wobble - radius) * size / 4, 0, 1)
    opacity[(np.abs(rows) < 2 / 3) & (np.abs(columns) < 2 / 3)] = 1
    return opacity.astype(np.float32)


def _flip(array: np.ndarray, axis: int, backward: bool) -> np.ndarray:
    return np.flip(array, axis) if backward else array


_WAYS: tuple[Callable[[np.random.Generator, Sample, _Absence, np.ndarray], Sample], ...] = (
    _cut,
    _turn,
    _slide,
    _occlude,
)
_WEIGHTS = (0.15, 0.25, 0.2, 0.4)
"""How often each of them is drawn."""
