"""Speed and memory of video segmentation, as SAM 2 reports it (its table of released models; paper, section 6.3).

One video at a time (batch 1), frames in memory, objects given by their masks on the first frame. What is counted are
the frames after the warm-up, that is with a full memory bank, up to masks at the video's size; the figure is the
median over several runs. Another run, not counted, tells which part of the model takes which share of the time.

Speed depends on size and objects, hardly on content: without data it is measured on drawn frames.

Every unit is measured in a process of its own, so that its peak memory is its own and nothing warms its caches.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import torch

from masklet.data.layouts import open_videos
from masklet.data.scene import Scene, held
from masklet.data.sequences import AnnotatedVideo, Clip, Mask
from masklet.metrics.manifest import Job
from masklet.metrics.predictors import Predictor, PredictorSpec, load_predictor, mask_prompt
from masklet.metrics.protocols.base import Unit
from masklet.metrics.results import Figure, Score, figures
from masklet.metrics.run import Evaluation
from masklet.metrics.timing import COMPONENTS, Clock, components, peak_memory

FRAMES_PER_SECOND, MEMORY = "frames_per_second", "memory_mb"
SHARES = {name: f"share_{name.replace(' ', '_')}" for name in COMPONENTS}
METRICS = (FRAMES_PER_SECOND, MEMORY, *SHARES.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedOptions:
    """How long is measured, and with how many objects.

    Attributes
    ----------
    objects: numbers of objects, each measured apart.
    frames: frames of a run that count.
    runs: of which the median is taken.
    warm_up: tracked frames of a run before those that count; 16 fill memories and pointers of every published model.
    height, width: of drawn frames, in pixels.
    """

    objects: tuple[int, ...] = (1, 3)
    frames: int = 30
    runs: int = 3
    warm_up: int = 16
    height: int = 480
    width: int = 854

    def __post_init__(self) -> None:
        for name, least in (("frames", 1), ("runs", 1), ("warm_up", 0), ("height", 16), ("width", 16)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is at least {least}, got {getattr(self, name)}")
        if not self.objects or min(self.objects) < 1 or len(set(self.objects)) < len(self.objects):
            raise ValueError(f"expected different numbers of objects from 1 on, got {list(self.objects)}")

    @property
    def length(self) -> int:
        """Frames of a run, the prompted one among them."""
        return 1 + self.warm_up + self.frames


class SpeedProtocol:
    """Measures predictors on videos, or on drawn frames where there are none; one process at a time.

    Parameters
    ----------
    predictors: who is measured.
    videos: of each the frames from the first target's on are taken, forth and back where there are too few.
    """

    name = "speed"

    def __init__(
        self, predictors: Sequence[PredictorSpec], videos: Sequence[AnnotatedVideo], options: SpeedOptions
    ) -> None:
        self.options = options
        self._predictors = {spec.name: spec for spec in predictors}
        self._videos = {video.name: video for video in videos}

    def units(self) -> Sequence[Unit]:
        """One for each predictor, number of objects and video."""
        drawn = f"drawn-{self.options.width}x{self.options.height}"
        return [
            Unit(predictor=predictor, setting=f"objects-{count}", sequence=sequence)
            for predictor in self._predictors
            for count in self.options.objects
            for sequence in self._videos or (drawn,)
        ]

    def evaluate(self, unit: Unit) -> Sequence[Score]:
        """Frames per second, peak memory in MB, and shares of the time where the predictor is a model.

        Raises
        ------
        ValueError: in one of several workers, which would slow each other down.
        """
        if multiprocessing.parent_process() is not None:
            raise ValueError("speed is measured by one worker, got several")
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as apart:
            found = apart.submit(
                _measure_apart,
                self._predictors[unit.predictor],
                self._videos.get(unit.sequence),
                int(unit.setting.removeprefix("objects-")),
                self.options,
                (torch.get_num_threads(), cv2.getNumThreads()),
            ).result()
        return [unit.score(metric, value) for metric, value in found.items()]

    def figures(self, scores: Sequence[Score]) -> list[Figure]:
        """Means over videos."""
        return figures(scores, METRICS)

    def describe(self) -> dict[str, Any]:
        """The options."""
        return {**asdict(self.options), "objects": list(self.options.objects)}


def build(job: Job, _folder: Path) -> Evaluation:
    """The evaluation of a job; without data it is on drawn frames."""
    options = SpeedOptions(**{**job.options, "objects": tuple(job.options.get("objects", SpeedOptions().objects))})
    videos = [] if job.data is None else open_videos(job.root, job.layout, split=job.split)
    files = {video.name: [*video.frames, *video.annotations.files()] for video in videos}
    protocol = SpeedProtocol(job.predictors, videos, options)
    return Evaluation(protocol=protocol, files=files, timings=frozenset(METRICS))


def measure(
    predictor: Predictor, clip: Callable[[], Clip], masks: Sequence[Mask], options: SpeedOptions
) -> dict[str, float]:
    """Metric -> value of one predictor, on a clip of `options.length` frames with an object for each mask of its first.

    Peak memory is that of this process, so it is of use in a fresh one only.
    """
    speeds = [_seconds(predictor, clip(), masks, options, lambda: None) for _ in range(options.runs)]
    model = getattr(predictor, "model", None)
    found = {
        FRAMES_PER_SECOND: options.frames / statistics.median(speeds),
        MEMORY: peak_memory("cpu" if model is None else model.device),
    }
    if model is not None:
        clock = Clock(components(model))
        total = _seconds(predictor, clip(), masks, options, clock.seconds.clear)
        clock.remove()
        found |= {metric: clock.seconds[name] / total for name, metric in SHARES.items()}
    return found


def _seconds(
    predictor: Predictor, clip: Clip, masks: Sequence[Mask], options: SpeedOptions, warm: Callable[[], None]
) -> float:
    """Time of all frames after the warm-up; `warm` is called at its end."""
    with closing(predictor.open(clip)) as tracking:
        for number, mask in enumerate(masks, start=1):
            tracking.prompt(0, number, mask_prompt(mask))
        begin = 0.0
        for frame, _ in tracking.propagate():  # masks come in the processor's memory: an accelerator is done with them
            if frame == options.warm_up:
                warm()
                begin = time.perf_counter()
        return time.perf_counter() - begin


def _measure_apart(
    spec: PredictorSpec,
    video: AnnotatedVideo | None,
    objects: int,
    options: SpeedOptions,
    threads: tuple[int, int],
) -> Mapping[str, float]:
    torch.set_num_threads(threads[0])
    cv2.setNumThreads(threads[1])
    clip, masks = material(video, objects, options)
    return measure(load_predictor(spec), clip, masks, options)


def material(
    video: AnnotatedVideo | None, objects: int, options: SpeedOptions
) -> tuple[Callable[[], Clip], list[Mask]]:
    """What is tracked: how to make the clip, of `options.length` frames, and the objects' masks on its first one.

    A video with fewer objects has them taken several times; None is a drawn one.
    """
    if video is None:
        scene = Scene(options.length, options.height, options.width, objects)
        return partial(held, scene, options.length), [scene.mask(0, which) > 0 for which in range(objects)]
    start = video.targets[0].frame
    shown = [mask for mask in video.annotations.masks(start).values() if mask.any()]
    masks = [shown[which % len(shown)] for which in range(objects)]
    return partial(held, video.clip(), options.length, start), masks
