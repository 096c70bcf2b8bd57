"""Semi-supervised video object segmentation: the first frame's masks are given, the rest is predicted and scored.

The protocol of DAVIS and SA-V: J and F per object, mean over its frames without the first (given) and the last, then
the mean over all objects. Run it with

    python -m masklet.metrics.vos DATA --predictor copy|flow|MODEL

where DATA has the DAVIS layout and MODEL is a model's name or a checkpoint file.

Legend: T frames, H W image.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from masklet.data.clips import MaskedClip, davis_clips
from masklet.metrics.jf import JF, boundary_accuracy, region_similarity
from masklet.metrics.tracker import SessionTracker

Masks = Mapping[int, np.ndarray]
"""Object id -> [H, W] bool."""


class Predictor(Protocol):
    """Follows objects through a clip."""

    name: str

    def track(self, frames: Sequence[np.ndarray], first: Masks) -> Iterator[Masks]:
        """Yield the masks of frames 1, 2, ... of `frames` ([H,W,3] uint8 RGB), given those of frame 0."""
        ...


class CopyFirst:
    """The trivial baseline: nothing ever moves."""

    name = "copy"

    def track(self, frames: Sequence[np.ndarray], first: Masks) -> Iterator[Masks]:
        """Yield the first masks for every frame."""
        for _ in range(1, len(frames)):
            yield first


class FlowWarp:
    """The first masks carried along by dense optical flow (DIS, medium preset), frame by frame."""

    name = "flow"

    def track(self, frames: Sequence[np.ndarray], first: Masks) -> Iterator[Masks]:
        """Warp every mask backwards along the flow from each frame to the one before it."""
        flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        soft = {object_id: mask.astype(np.float32) for object_id, mask in first.items()}
        before = cv2.cvtColor(frames[0], cv2.COLOR_RGB2GRAY)
        rows, columns = np.indices(before.shape, dtype=np.float32)
        for index in range(1, len(frames)):
            now = cv2.cvtColor(frames[index], cv2.COLOR_RGB2GRAY)
            flow = flow_of.calc(now, before, np.zeros((*now.shape, 2), np.float32))
            x, y = columns + flow[..., 0], rows + flow[..., 1]
            soft = {i: cv2.remap(mask, x, y, cv2.INTER_LINEAR, borderValue=0) for i, mask in soft.items()}
            before = now
            yield {i: mask > 0.5 for i, mask in soft.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipScore:
    """The figures of one clip: mean J and F of each object, frames a second of the predictor alone."""

    name: str
    objects: dict[int, JF]
    frames: int
    frames_per_second: float


def score_clip(predictor: Predictor, clip: MaskedClip, limit: int | None = None) -> ClipScore:
    """Track every object of the clip's first frame and score frames 1 .. T-2.

    Parameters
    ----------
    limit: use only so many first frames (a quick look; not the protocol's figure).

    Raises
    ------
    ValueError: fewer than three frames, no object in the first one, or the predictor stops early.
    """
    length = min(len(clip), limit or len(clip))
    if length < 3:
        raise ValueError(f"{clip.name}: scoring needs at least three frames, got {length}")
    labels = clip.labels(0)
    first = {object_id: labels == object_id for object_id in clip.object_ids(0)}
    if not first:
        raise ValueError(f"{clip.name}: the first frame has no object")
    frames = [clip.frame(index) for index in range(length)]
    regions: dict[int, list[float]] = {object_id: [] for object_id in first}
    outlines: dict[int, list[float]] = {object_id: [] for object_id in first}
    spent = 0.0
    predictions = predictor.track(frames, first)
    for index in range(1, length):
        started = time.perf_counter()
        masks = next(predictions, None)
        spent += time.perf_counter() - started
        if masks is None or masks.keys() != first.keys():
            raise ValueError(f"{predictor.name}: no masks of all objects for frame {index} of {clip.name}")
        if index == length - 1:
            break
        truth = clip.labels(index)
        for object_id, mask in masks.items():
            regions[object_id].append(region_similarity(mask, truth == object_id))
            outlines[object_id].append(boundary_accuracy(mask, truth == object_id))
    objects = {i: JF(j=float(np.mean(regions[i])), f=float(np.mean(outlines[i]))) for i in first}
    return ClipScore(name=clip.name, objects=objects, frames=length, frames_per_second=(length - 1) / spent)


def overall(scores: Iterable[ClipScore]) -> JF:
    """Mean over all objects of all clips.

    Raises
    ------
    ValueError: no clip at all.
    """
    figures = [figure for score in scores for figure in score.objects.values()]
    if not figures:
        raise ValueError("no clip was scored")
    return JF(j=float(np.mean([figure.j for figure in figures])), f=float(np.mean([figure.f for figure in figures])))


def table(name: str, scores: Sequence[ClipScore]) -> Table:
    """The figures of a predictor as a table, in percent."""
    rendered = Table(title=f"{name}: J&F from the first frame's mask")
    for heading in ("clip", "J", "F", "J&F", "frames/s"):
        rendered.add_column(heading, justify="left" if heading == "clip" else "right")
    rows = [(score.name, overall([score]), f"{score.frames_per_second:.1f}") for score in scores]
    seconds = sum((score.frames - 1) / score.frames_per_second for score in scores)
    frames = sum(score.frames - 1 for score in scores)
    for clip, figure, speed in [*rows, ("all", overall(scores), f"{frames / seconds:.1f}")]:
        rendered.add_row(clip, *(f"{100 * value:.1f}" for value in (figure.j, figure.f, figure.mean)), speed)
    return rendered


def predictor_of(name: str) -> Predictor:
    """`copy`, `flow`, or the model of that name or path."""
    if name == "copy":
        return CopyFirst()
    if name == "flow":
        return FlowWarp()
    return SessionTracker(name)


def main() -> None:
    """Command line of the protocol."""
    parser = argparse.ArgumentParser(
        description="Score trackers on a DAVIS-layout folder from the first frame's masks."
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--predictor", default="nano", help="copy, flow, a model's name or a checkpoint file")
    parser.add_argument("--limit", type=int, help="only so many first frames of each clip, for a quick look")
    arguments = parser.parse_args()
    predictor = predictor_of(arguments.predictor)
    scores = [score_clip(predictor, clip, arguments.limit) for clip in davis_clips(arguments.data)]
    Console().print(table(predictor.name, scores))


if __name__ == "__main__":
    main()
