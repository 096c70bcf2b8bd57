"""Region similarity J and boundary accuracy F, as the DAVIS benchmark defines them (Perazzi et al., CVPR 2016).

J is the IoU of two masks. F is the harmonic mean of boundary precision and recall, where a boundary pixel counts as
matched within a disk whose radius is 0.008 of the image diagonal, rounded up. Where both masks are empty, both
measures are 1.

Legend: T frames, H W image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

BOUNDARY_SHARE = 0.008


def _pair(predicted: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if predicted.ndim != 2 or predicted.shape != truth.shape:
        raise ValueError(f"expected two masks [H,W] of one size, got {predicted.shape} and {truth.shape}")
    return predicted.astype(bool), truth.astype(bool)


def region_similarity(predicted: np.ndarray, truth: np.ndarray) -> float:
    """J: IoU of two masks [H,W] (non-zero is inside), 1 where both are empty.

    Raises
    ------
    ValueError: the shapes differ.

    Example
    -------
    >>> region_similarity(np.eye(2), np.ones((2, 2)))
    0.5
    """
    predicted, truth = _pair(predicted, truth)
    union = np.count_nonzero(predicted | truth)
    return np.count_nonzero(predicted & truth) / union if union else 1.0


def boundary(mask: np.ndarray) -> np.ndarray:
    """One-pixel boundary of a mask [H,W] bool: pixels that differ from their right, lower or lower right neighbour.

    The last row looks only right and the last column only down, as in the benchmark's `seg2bmap`.
    """
    edge = np.zeros(mask.shape, bool)
    here = mask[:-1, :-1]
    edge[:-1, :-1] = (here ^ mask[:-1, 1:]) | (here ^ mask[1:, :-1]) | (here ^ mask[1:, 1:])
    edge[-1, :-1] = mask[-1, :-1] ^ mask[-1, 1:]
    edge[:-1, -1] = mask[:-1, -1] ^ mask[1:, -1]
    return edge


def _near(edge: np.ndarray, radius: int) -> np.ndarray:
    """Pixels within `radius` of an edge pixel: the edge dilated by a disk."""
    distance = cv2.distanceTransform((~edge).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return distance < radius + 1e-3


def boundary_accuracy(predicted: np.ndarray, truth: np.ndarray, share: float = BOUNDARY_SHARE) -> float:
    """F: how well the outlines of two masks [H,W] agree, 0..1.

    Parameters
    ----------
    share: tolerance as a share of the image diagonal, rounded up to whole pixels; from 1 on, pixels.

    Raises
    ------
    ValueError: the shapes differ.
    """
    predicted, truth = _pair(predicted, truth)
    radius = int(share) if share >= 1 else math.ceil(share * math.hypot(*truth.shape))
    found, wanted = boundary(predicted), boundary(truth)
    found_count, wanted_count = np.count_nonzero(found), np.count_nonzero(wanted)
    if not found_count or not wanted_count:
        return 1.0 if found_count == wanted_count else 0.0
    precision = np.count_nonzero(found & _near(wanted, radius)) / found_count
    recall = np.count_nonzero(wanted & _near(found, radius)) / wanted_count
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JF:
    """Mean J and F over frames or objects, 0..1."""

    j: float
    f: float

    @property
    def mean(self) -> float:
        """J&F, the number that benchmarks report."""
        return (self.j + self.f) / 2


def sequence_jf(predicted: np.ndarray, truth: np.ndarray) -> JF:
    """Mean J and F of one object over its frames: two arrays [T,H,W] of equal shape, T >= 1.

    Raises
    ------
    ValueError: the shapes differ or there is no frame.
    """
    if predicted.shape != truth.shape or predicted.ndim != 3 or not len(truth):
        raise ValueError(f"expected two mask sequences [T,H,W] of one shape, got {predicted.shape} and {truth.shape}")
    pairs = list(zip(predicted, truth, strict=True))
    return JF(
        j=float(np.mean([region_similarity(a, b) for a, b in pairs])),
        f=float(np.mean([boundary_accuracy(a, b) for a, b in pairs])),
    )
