"""Who is who: HOTA, IDF1 and identity switches of several objects of one video, whose masks may trade places.

The measures are those of `trackeval`, an optional package; the likeness of two masks is their IoU.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masklet.data.sequences import Mask
from masklet.metrics.overlap import pairwise_iou

Masks = Mapping[int, Mask]
"""Object id -> [H, W] bool; an empty mask is an object that is not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """How well identities are kept over a video.

    Attributes
    ----------
    hota: higher order tracking accuracy, 0..1: the geometric mean of `detection` and `association` at each of the IoU
        thresholds 0.05, 0.1, .. 0.95, then their mean (Luiten et al., IJCV 2021).
    detection, association: DetA and AssA, means over the same thresholds.
    idf1: F1 of the best one-to-one matching of predicted to true identities at IoU 0.5 (Ristani et al., 2016).
    switches: how often a true object is matched (IoU 0.5) with another predicted one than it was last time.
    """

    hota: float
    detection: float
    association: float
    idf1: float
    switches: int


def identity(frames: Iterable[tuple[Masks, Masks]]) -> Identity:
    """Compare predicted with true masks over the annotated frames of one video.

    Parameters
    ----------
    frames: (predicted, true) masks of each frame in order, read one at a time; object ids of the two need not agree.
        Where no object is ever seen nor predicted, all shares are 1.

    Raises
    ------
    ImportError: `trackeval` is missing; the message says how to install it.
    ValueError: no frame, or masks of different sizes.
    """
    metrics = _trackeval()
    tracks = _Tracks()
    for predicted, truth in frames:
        tracks.add(predicted, truth)
    if not tracks.likeness:
        raise ValueError("expected at least one frame with annotations to compare identities on, got none")
    if not tracks.true_ids and not tracks.predicted_ids:
        return Identity(hota=1.0, detection=1.0, association=1.0, idf1=1.0, switches=0)
    data = tracks.as_trackeval()
    quiet = {"PRINT_CONFIG": False}
    hota = metrics.HOTA().eval_sequence(data)
    return Identity(
        hota=float(np.mean(hota["HOTA"])),
        detection=float(np.mean(hota["DetA"])),
        association=float(np.mean(hota["AssA"])),
        idf1=float(metrics.Identity(quiet).eval_sequence(data)["IDF1"]),
        switches=int(metrics.CLEAR(quiet).eval_sequence(data)["IDSW"]),
    )


@dataclass(slots=True)
class _Tracks:
    """Identities frame by frame, numbered in order of appearance, and how alike their masks are."""

    true_ids: dict[int, int] = field(default_factory=dict)
    predicted_ids: dict[int, int] = field(default_factory=dict)
    true_seen: list[NDArray[np.intp]] = field(default_factory=list)
    predicted_seen: list[NDArray[np.intp]] = field(default_factory=list)
    likeness: list[NDArray[np.float64]] = field(default_factory=list)
    """IoU [true, predicted] of each frame."""

    def add(self, predicted: Masks, truth: Masks) -> None:
        true_seen, true_masks = _seen(truth, self.true_ids)
        predicted_seen, predicted_masks = _seen(predicted, self.predicted_ids)
        self.true_seen.append(true_seen)
        self.predicted_seen.append(predicted_seen)
        if true_masks and predicted_masks:
            self.likeness.append(pairwise_iou(np.stack(true_masks), np.stack(predicted_masks)))
        else:
            self.likeness.append(np.zeros((len(true_masks), len(predicted_masks))))

    def as_trackeval(self) -> dict[str, Any]:
        return {
            "gt_ids": self.true_seen,
            "tracker_ids": self.predicted_seen,
            "similarity_scores": self.likeness,
            "num_gt_ids": len(self.true_ids),
            "num_tracker_ids": len(self.predicted_ids),
            "num_gt_dets": sum(map(len, self.true_seen)),
            "num_tracker_dets": sum(map(len, self.predicted_seen)),
            "num_timesteps": len(self.likeness),
        }


def _seen(masks: Masks, numbers: dict[int, int]) -> tuple[NDArray[np.intp], list[Mask]]:
    """Numbers and masks of the objects that are seen; an object not met before gets the next number."""
    seen = {object_id: mask for object_id, mask in masks.items() if mask.any()}
    found = [numbers.setdefault(object_id, len(numbers)) for object_id in seen]
    return np.array(found, np.intp), list(seen.values())


def _trackeval() -> Any:
    try:
        from trackeval import metrics
    except ImportError:
        raise ImportError("HOTA and IDF1 need trackeval: pip install 'masklet[evaluate]'") from None
    return metrics
