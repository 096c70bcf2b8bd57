"""Region similarity J and boundary accuracy F, as the DAVIS benchmark defines them (Perazzi et al., CVPR 2016).

J is the IoU of two masks. F is the harmonic mean of boundary precision and recall, where a boundary pixel counts as
matched within a disk whose radius is 0.008 of the image diagonal, rounded up. Where both masks are empty, both
measures are 1. Results are those of davis2017-evaluation to the last bit.

Masks are compared within the box around both, cut into eight strips of rows that lie behind each other as the bits of
bytes: a shift by any number of pixels is then a shift of bytes, and only what crosses from strip to strip moves bits. A
row's end has so much room that nothing shifted over it comes back inside of the box.

Legend: T frames, H W image, p rows of a strip, s bytes of a row with its room.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

BOUNDARY_SHARE = 0.008
"""Tolerance of F as a share of the image diagonal."""

RECALL_THRESHOLD = 0.5
STRIPS = 8
WORD = 8  # bytes

Masks = NDArray[Any]
Strips = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class JF:
    """J and F of a frame, or their means over frames or objects, 0..1."""

    j: float
    f: float

    @property
    def mean(self) -> float:
        """J&F, the number that benchmarks report."""
        return (self.j + self.f) / 2


def frame_jf(predicted: Masks, truth: Masks, share: float = BOUNDARY_SHARE) -> JF:
    """J and F of two masks [H,W] (non-zero is inside): quicker than one after the other.

    Parameters
    ----------
    share: tolerance of F as a share of the image diagonal, 0..1; rounded up to whole pixels.

    Raises
    ------
    ValueError: the shapes differ, or a mask is not [H,W].

    Example
    -------
    >>> frame_jf(np.eye(4), np.eye(4)).mean
    1.0
    """
    pair = _packed(predicted, truth, _radius(truth.shape, share))
    return JF(j=1.0, f=1.0) if pair is None else JF(j=pair.region_similarity(), f=pair.boundary_accuracy())


def region_similarity(predicted: Masks, truth: Masks) -> float:
    """J: IoU of two masks [H,W] (non-zero is inside), 1 where both are empty.

    Raises
    ------
    ValueError: the shapes differ, or a mask is not [H,W].

    Example
    -------
    >>> region_similarity(np.eye(2), np.ones((2, 2)))
    0.5
    """
    pair = _packed(predicted, truth, 0)
    return 1.0 if pair is None else pair.region_similarity()


def boundary_accuracy(predicted: Masks, truth: Masks, share: float = BOUNDARY_SHARE) -> float:
    """F: how well the outlines of two masks [H,W] (non-zero is inside) agree, 0..1; see `frame_jf`.

    An outline is the pixels that differ from their right, lower or lower right neighbour; a mask of the whole image has
    none, like an empty one.
    """
    pair = _packed(predicted, truth, _radius(truth.shape, share))
    return 1.0 if pair is None else pair.boundary_accuracy()


def sequence_jf(predicted: Masks, truth: Masks) -> JF:
    """Mean J and F of one object over its frames: two arrays [T,H,W] of equal shape, T >= 1.

    Raises
    ------
    ValueError: the shapes differ or there is no frame.
    """
    if predicted.shape != truth.shape or predicted.ndim != 3 or not len(truth):
        raise ValueError(f"expected two mask sequences [T,H,W] of one shape, got {predicted.shape} and {truth.shape}")
    frames = [frame_jf(a, b) for a, b in zip(predicted, truth, strict=True)]
    return JF(j=float(np.mean([frame.j for frame in frames])), f=float(np.mean([frame.f for frame in frames])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """How J or F of one object runs over its frames.

    Attributes
    ----------
    mean: mean over frames.
    recall: share of the frames above 0.5.
    decay: mean of the first quarter of the frames minus mean of the last: what is lost over time, -1..1.
    """

    mean: float
    recall: float
    decay: float


def statistics(values: Sequence[float]) -> Statistics:
    """Mean, recall and decay of J or F of successive frames, as `db_statistics` of davis2017-evaluation has them.

    Neighbouring quarters share a frame. A sequence has any length: the benchmark's frame numbers of eight bits, which
    start anew after 256 frames, are not repeated here.

    Raises
    ------
    ValueError: no frame.
    """
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not len(found):
        raise ValueError(f"expected the values of at least one frame, got the shape {list(found.shape)}")
    # Rounded half up, as the benchmark does by the same small number.
    ends = np.round(np.linspace(1, len(found), 5) + 1e-10).astype(int) - 1
    first, last = found[ends[0] : ends[1] + 1], found[ends[3] : ends[4] + 1]
    return Statistics(
        mean=float(found.mean()),
        recall=float(np.mean(found > RECALL_THRESHOLD)),
        decay=float(first.mean() - last.mean()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Two masks within a box around both, in strips: [2, p, s] bytes, of which bit k is the row k * p + its own."""

    strips: Strips
    height: int
    width: int
    radius: int

    def region_similarity(self) -> float:
        predicted, truth = self._inside(self.strips.copy())
        return _count(predicted & truth) / _count(predicted | truth)

    def boundary_accuracy(self) -> float:
        outlines = self._outlines()
        (found, wanted), (near_found, near_wanted) = outlines, self._dilated(outlines)
        found_count, wanted_count = _count(found), _count(wanted)
        if not found_count or not wanted_count:
            return 1.0 if found_count == wanted_count else 0.0
        precision = _count(found & near_wanted) / found_count
        recall = _count(wanted & near_found) / wanted_count
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    def _outlines(self) -> Strips:
        """Pixels that differ from their right, lower or lower right neighbour."""
        here = self.strips
        below = self._framed(here, 1)[:, 2:]
        outlines = here ^ below
        outlines[..., :-1] |= (here[..., :-1] ^ here[..., 1:]) | (here[..., :-1] ^ below[..., 1:])
        return self._inside(outlines)

    def _dilated(self, edges: Strips) -> Strips:
        """`edges` dilated by a disk, row by row of it, from the outermost and narrowest to the middle."""
        _, rows, stride = edges.shape
        # Runs of `length` pixels that begin at an edge pixel: what is to its left is reached by shifting them.
        runs = self._framed(edges, self.radius).reshape(2, -1)
        spare = np.empty_like(runs)
        near = np.zeros((2, rows * stride), np.uint8)
        length = 1
        for offset in range(self.radius, -1, -1):
            half = math.isqrt(self.radius**2 - offset**2)
            while length < 2 * half + 1:
                step = min(2 * half + 1 - length, length)
                np.bitwise_or(runs[:, step:], runs[:, :-step], out=spare[:, step:])
                spare[:, :step] = runs[:, :step]
                runs, spare = spare, runs
                length += step
            for row in {self.radius - offset, self.radius + offset}:
                start = row * stride + half
                near |= runs[:, start : start + near.shape[1]]
        return near.reshape(edges.shape)

    def _framed(self, strips: Strips, rows: int) -> Strips:
        """Each strip between the last `rows` rows of the strip above it and the first of the strip below."""
        length = strips.shape[1]
        framed = np.empty((2, length + 2 * rows, strips.shape[2]), np.uint8)
        framed[:, rows:-rows] = strips
        np.left_shift(strips[:, length - rows :], 1, out=framed[:, :rows])
        np.right_shift(strips[:, :rows], 1, out=framed[:, -rows:])
        return framed

    def _inside(self, strips: Strips) -> Strips:
        """`strips` itself, cleared of the repeated edges of the image."""
        strip, row = divmod(self.height, strips.shape[1])
        strips[:, row] &= 255 - (1 << strip)
        strips[:, :, self.width :] = 0
        return strips


def _packed(predicted: Masks, truth: Masks, radius: int) -> _Pair | None:
    """The two masks in the box around both; None where both are empty.

    The box has a margin of a pixel, or ends at the edge of the image. After its last row and column these are repeated,
    as beyond an edge the image is taken to go on; then follows room for `radius` pixels.
    """
    if predicted.ndim != 2 or predicted.shape != truth.shape or not truth.size:
        raise ValueError(f"expected two masks [H,W] of one size, got {predicted.shape} and {truth.shape}")
    masks = [np.ascontiguousarray(mask, np.bool_) for mask in (predicted, truth)]
    rows = np.flatnonzero(masks[0].any(axis=1) | masks[1].any(axis=1))
    if not len(rows):
        return None
    y0, y1 = _grown(rows, truth.shape[0])
    columns = np.flatnonzero(masks[0][y0:y1].any(axis=0) | masks[1][y0:y1].any(axis=0))
    x0, x1 = _grown(columns, truth.shape[1])
    height, width = y1 - y0, x1 - x0
    length = max(-(-(height + 1) // STRIPS), radius, 1)
    stride = -(-(width + 1 + radius) // WORD) * WORD
    room = np.zeros((2, STRIPS * length, stride), np.uint8)
    for target, mask in zip(room, masks, strict=True):
        target[:height, :width] = mask[y0:y1, x0:x1]
    room[:, height] = room[:, height - 1]
    room[:, :, width] = room[:, :, width - 1]
    return _Pair(strips=_folded(room.reshape(2, STRIPS, length, stride)), height=height, width=width, radius=radius)


def _folded(strips: Strips) -> Strips:
    """Strips [2, 8, p, s] of zeros and ones -> [2, p, s] bytes, halving them in place.

    Eight pixels at a time: a word's bytes never run into each other. Along this axis `packbits` is ten times slower.
    """
    words = strips.view(np.uint64)
    for half in (4, 2, 1):
        later = words[:, half : 2 * half]
        np.left_shift(later, np.uint64(half), out=later)
        words[:, :half] |= later
    return strips[:, 0]


def _grown(places: NDArray[np.intp], size: int) -> tuple[int, int]:
    """Range of ascending places with a margin of one, within 0..size."""
    return max(int(places[0]) - 1, 0), min(int(places[-1]) + 2, size)


def _count(strips: Strips) -> int:
    return int(cv2.norm(strips, cv2.NORM_HAMMING))


def _radius(shape: tuple[int, ...], share: float) -> int:
    if not 0 < share <= 1:
        raise ValueError(f"expected a share of the image diagonal in 0..1, got {share:g}")
    return math.ceil(share * float(np.linalg.norm(shape)))
