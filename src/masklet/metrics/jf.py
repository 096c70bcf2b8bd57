"""Region similarity J and boundary accuracy F, as the DAVIS benchmark defines them (Perazzi et al., CVPR 2016).

J is the IoU of two masks. F is the harmonic mean of boundary precision and recall, where a boundary pixel counts as
matched within a disk whose radius is 0.008 of the image diagonal, rounded up. Where both masks are empty, both
measures are 1. Results are those of davis2017-evaluation to the last bit.

Masks are compared as packed bits, 64 pixels a word, within the box around both: a shift by a few pixels is then a shift
of words, and a row's end has so much room that nothing shifted over it comes back as foreground.

Legend: T frames, H W image, h w crop, n words of a row.
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
WORD = 64

Masks = NDArray[Any]
Words = NDArray[np.uint64]


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
    """Two masks within a box around both that has a margin inside of the image, as bits [2, h * n]."""

    bits: Words
    width: int
    words: int
    radius: int

    def region_similarity(self) -> float:
        predicted, truth = self.bits
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

    def _outlines(self) -> Words:
        """Pixels that differ from their right, lower or lower right neighbour; beyond an edge the image goes on."""
        bits, below = self.bits, slice(self.words, None)
        above = slice(None, -self.words)
        word, bit = divmod(self.width - 1, WORD)
        right = bits >> np.uint64(1)
        right[:, :-1] |= bits[:, 1:] << np.uint64(WORD - 1)
        edge = self._rows(right)[..., word]
        edge |= self._rows(bits)[..., word] & np.uint64(1 << bit)
        outlines = bits ^ right
        outlines[:, above] |= (bits[:, above] ^ bits[:, below]) | (bits[:, above] ^ right[:, below])
        # The room at the end of a row has taken the next row's first pixel.
        rows = self._rows(outlines)
        rows[..., word] &= np.uint64((2 << bit) - 1)
        rows[..., word + 1 :] = 0
        return outlines

    def _dilated(self, edges: Words) -> Words:
        """`edges` dilated by a disk: the union of its rows, of which every one is at least as wide as the one above."""
        near = np.zeros_like(edges)
        half = 0
        for offset in range(self.radius, -1, -1):
            target = math.isqrt(self.radius**2 - offset**2)
            while half < target:
                # Shifts by up to 2 * half + 1 leave no gap between the shifted copies.
                step = min(target - half, 2 * half + 1, WORD - 1)
                edges = _widened(edges, step)
                half += step
            shift = offset * self.words
            if not shift:
                near |= edges
            elif shift < edges.shape[1]:
                near[:, shift:] |= edges[:, :-shift]
                near[:, :-shift] |= edges[:, shift:]
        return near

    def _rows(self, flat: Words) -> Words:
        return flat.reshape(2, -1, self.words)


def _packed(predicted: Masks, truth: Masks, radius: int) -> _Pair | None:
    """The two masks, of which each row is followed by room for `radius` pixels; None where both are empty."""
    if predicted.ndim != 2 or predicted.shape != truth.shape or not truth.size:
        raise ValueError(f"expected two masks [H,W] of one size, got {predicted.shape} and {truth.shape}")
    masks = [np.ascontiguousarray(mask, np.bool_) for mask in (predicted, truth)]
    boxes = [cv2.boundingRect(mask.view(np.uint8)) for mask in masks]
    boxes = [(x, y, x + w, y + h) for x, y, w, h in boxes if w]
    if not boxes:
        return None
    x0, y0 = (max(min(box[axis] for box in boxes) - 1, 0) for axis in (0, 1))
    x1, y1 = (min(max(box[axis + 2] for box in boxes) + 1, truth.shape[1 - axis]) for axis in (0, 1))
    words = -(-(x1 - x0 + radius) // WORD)
    packed = np.zeros((2, y1 - y0, words * WORD // 8), np.uint8)
    for target, mask in zip(packed, masks, strict=True):
        row_bytes = np.packbits(mask[y0:y1, x0:x1], axis=1, bitorder="little")
        target[:, : row_bytes.shape[1]] = row_bytes
    bits = packed.reshape(2, -1).view("<u8").astype(np.uint64, copy=False)
    return _Pair(bits=bits, width=x1 - x0, words=words, radius=radius)


def _widened(bits: Words, step: int) -> Words:
    """Every pixel and those `step` to its left and right."""
    near, far = np.uint64(step), np.uint64(WORD - step)
    wide = bits >> near
    wide |= bits << near
    wide |= bits
    wide[:, :-1] |= bits[:, 1:] << far
    wide[:, 1:] |= bits[:, :-1] >> far
    return wide


def _count(bits: Words) -> int:
    return int(cv2.norm(bits.view(np.uint8), cv2.NORM_HAMMING))


def _radius(shape: tuple[int, ...], share: float) -> int:
    if not 0 < share <= 1:
        raise ValueError(f"expected a share of the image diagonal in 0..1, got {share:g}")
    return math.ceil(share * float(np.linalg.norm(shape)))
