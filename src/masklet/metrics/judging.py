"""Scores of the objects of one video, frame by frame, by the rules of the video object segmentation benchmarks.

An object counts from the first scored frame on which truth or prediction shows it; one that the truth never shows on a
scored frame does not count. So do vos-benchmark and SA-V's evaluator, and davis2017-evaluation agrees where the objects
of the first frame are still there on the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from masklet.data.sequences import AnnotatedVideo, Mask
from masklet.metrics.jf import frame_jf
from masklet.metrics.predictors import Frame, Predicted
from masklet.metrics.results import Score


@dataclass(slots=True)
class _Object:
    """Rows of one object: (frame, metric, value)."""

    rows: list[tuple[int, str, float]] = field(default_factory=list)
    shown: bool = False


class Judge:
    """Takes the predictions of a video's frames, ascending, and gives rows.

    Parameters
    ----------
    frames: the scored frames, all annotated; others may be given and do not count.
    starts: object id -> its prompted frame, on which and before which the predictor's own figures do not count.
    """

    def __init__(self, video: AnnotatedVideo, frames: Iterable[int], starts: Mapping[int, int]) -> None:
        self._video = video
        self._frames = frozenset(frames)
        self._starts = starts
        self._read: tuple[int, Mapping[int, Mask]] | None = None
        self._objects = {number: _Object() for number in video.annotations.objects}

    def add(self, frame: int, found: Frame) -> None:
        """J, F and the predictor's own figures of every object that counts on `frame`; absent ones are empty."""
        if frame not in self._frames:
            return
        for number, truth in self.truth(frame).items():
            entry = self._objects[number]
            predicted = found.get(number) or Predicted(mask=np.zeros(truth.shape, bool))
            visible = bool(truth.any())
            entry.shown |= visible
            if not (entry.rows or visible or predicted.mask.any()):
                continue
            measured = frame_jf(predicted.mask, truth)
            values: dict[str, float | None] = {"J": measured.j, "F": measured.f}
            if frame > self._starts.get(number, frame):
                values |= {
                    "predicted_iou": predicted.iou,
                    "object_score": predicted.score,
                    "visible": float(visible),
                    "presence": float(predicted.visible == visible),
                }
            entry.rows += [(frame, metric, value) for metric, value in values.items() if value is not None]

    def truth(self, frame: int) -> Mapping[int, Mask]:
        """The true masks of an annotated frame; those of the last one asked for are at hand."""
        if self._read is None or self._read[0] != frame:
            self._read = frame, self._video.annotations.masks(frame)
        return self._read[1]

    def scores(self, predictor: str, setting: str) -> list[Score]:
        """All rows, by object and frame."""
        return [
            Score(
                predictor=predictor,
                setting=setting,
                sequence=self._video.name,
                object_id=number,
                frame=frame,
                metric=metric,
                value=value,
            )
            for number, entry in self._objects.items()
            if entry.shown
            for frame, metric, value in entry.rows
        ]


def without_overlap(found: Frame) -> Frame:
    """Each pixel to the lowest id that claims it, as palette pictures are written."""
    taken: Mask | None = None
    apart: Frame = {}
    for number in sorted(found):
        predicted = found[number]
        mask = predicted.mask if taken is None else predicted.mask & ~taken
        taken = mask if taken is None else taken | mask
        apart[number] = Predicted(mask=mask, iou=predicted.iou, score=predicted.score)
    return apart
