"""Semi-supervised video object segmentation: objects are shown once, where they begin, then followed and scored.

The protocol of DAVIS, YouTube-VOS, MOSE, LVOS and SA-V, from a mask, and of the SAM 2 paper (section 6.1) from a box or
1, 3 or 5 clicks. J and F of each object, mean over its frames, then over all objects. Predictions that other tools
wrote are scored in the same way.

Legend: T frames, H W image.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from masklet.data.layouts import open_videos
from masklet.data.layouts.opening import recognise
from masklet.data.predictions import open_predictions
from masklet.data.sequences import AnnotatedVideo
from masklet.export.info import VideoInfo
from masklet.export.object_png import write_object_pngs
from masklet.export.palette_png import write_palette_pngs
from masklet.masks import FrameMask, Masklet
from masklet.metrics.judging import Judge, without_overlap
from masklet.metrics.manifest import Job
from masklet.metrics.predictors import Frame, Predicted, Predictor, Tracking, load_predictor
from masklet.metrics.prompting import check_prompts, follow
from masklet.metrics.protocols.base import Unit
from masklet.metrics.results import Figure, Score
from masklet.metrics.run import PREDICTIONS, Evaluation
from masklet.metrics.summary import vos_figures
from masklet.session import Prompt

FILES = "files"
"""Setting of predictions that were read from files."""
OVERLAPPING_LAYOUTS = ("sav", "per-object")


@dataclass(frozen=True, slots=True, kw_only=True)
class VosOptions:
    """What is run.

    Attributes
    ----------
    prompts: settings out of `users.PROMPTS`.
    predictions: name -> folder of masks that another tool wrote, to be scored too.
    score_all: score all annotated frames, the first and last too, against the data set's rule.
    limit: use only so many first frames of each video: a quick look, not the protocol's figure, and named so.
    overlap: whether masks of several objects may overlap (SA-V); else each pixel is given to one (DAVIS and others).
    keep: whether predictions are written.
    """

    prompts: tuple[str, ...] = ("mask",)
    predictions: Mapping[str, str] = field(default_factory=dict)
    score_all: bool = False
    limit: int | None = None
    overlap: bool = False
    keep: bool = True

    def __post_init__(self) -> None:
        check_prompts(self.prompts)
        if self.limit is not None and self.limit < 2:
            raise ValueError(f"expected a limit of at least 2 frames, got {self.limit}")


class VosProtocol:
    """Semi-supervised video object segmentation on a set of videos.

    Parameters
    ----------
    videos: names are unique.
    predictors: name -> how to make it; called in each process that needs it.
    folder: where predictions go, `<predictor>/<setting>/<video>/`.
    """

    name = "vos"

    def __init__(
        self,
        videos: Sequence[AnnotatedVideo],
        predictors: Mapping[str, Callable[[], Predictor]],
        options: VosOptions,
        folder: Path,
    ) -> None:
        self.options = options
        self._videos = {video.name: video for video in videos}
        self._predictors = dict(predictors)
        self._folder = folder
        self._files = {name: open_predictions(Path(place), videos) for name, place in options.predictions.items()}

    def units(self) -> Sequence[Unit]:
        """Each video under each setting by each predictor, then the predictions from files."""
        marked = "" if self.options.limit is None else f"-first-{self.options.limit}"
        pairs = [(prompt, predictor) for prompt in self.options.prompts for predictor in self._predictors]
        pairs += [(FILES, name) for name in self._files]
        return [
            Unit(predictor=predictor, setting=setting + marked, sequence=video)
            for setting, predictor in pairs
            for video in self._videos
        ]

    def evaluate(self, unit: Unit) -> Sequence[Score]:
        """Follow and score all objects of one video."""
        video = self._videos[unit.sequence]
        setting = unit.setting.partition("-first-")[0]
        frames = self._scored(video)
        if setting == FILES:
            predictions = self._files[unit.predictor]
            judge = Judge(video, frames, {})
            for frame in frames:
                judge.add(frame, {i: Predicted(mask=mask) for i, mask in predictions.masks(video, frame).items()})
            return judge.scores(unit.predictor, unit.setting)
        return self._track(unit, video, frames, setting)

    def figures(self, scores: Sequence[Score]) -> list[Figure]:
        """J&F and what belongs to it: see `masklet.metrics.summary`."""
        groups = {
            (video.name, object_id): group
            for video in self._videos.values()
            for object_id, group in video.groups.items()
        }
        return vos_figures(scores, groups)

    def describe(self) -> dict[str, Any]:
        """The options."""
        record = asdict(self.options)
        return record | {"prompts": list(self.options.prompts), "predictions": dict(self.options.predictions)}

    def _scored(self, video: AnnotatedVideo) -> list[int]:
        frames = video.annotations.frames if self.options.score_all else video.scored
        length = self._length(video)
        return [frame for frame in frames if frame < length]

    def _length(self, video: AnnotatedVideo) -> int:
        return len(video) if self.options.limit is None else min(len(video), self.options.limit)

    def _track(self, unit: Unit, video: AnnotatedVideo, frames: Iterable[int], setting: str) -> Sequence[Score]:
        length = self._length(video)
        targets = [target for target in video.targets if target.frame < length]
        if not targets:
            raise ValueError(f"{video.name}: no object begins within {length} frames")
        judge = Judge(video, frames, {target.object_id: target.frame for target in targets})
        masklets: dict[int, Masklet] = {}
        predictor = self._predictors[unit.predictor]()
        with closing(Timed(predictor.open(video.clip(), overlap=self.options.overlap))) as tracking:
            for frame, found in follow(tracking, video, targets, setting):
                if frame >= length:
                    break
                apart = found if self.options.overlap else without_overlap(found)
                judge.add(frame, apart)
                if self.options.keep:
                    _collect(masklets, frame, apart)
        if self.options.keep:
            self._write(unit, video, masklets, length)
        speed = Score(
            predictor=unit.predictor,
            setting=unit.setting,
            sequence=unit.sequence,
            object_id=None,
            frame=None,
            metric="frames_per_second",
            value=tracking.frames / tracking.seconds,
        )
        return [*judge.scores(unit.predictor, unit.setting), speed]

    def _write(self, unit: Unit, video: AnnotatedVideo, masklets: Mapping[int, Masklet], length: int) -> None:
        """Masks of all frames from the first on, in the layout of the data set's server."""
        some = next(iter(masklets.values()))
        empty = np.zeros((some.height, some.width), bool)
        for masklet in masklets.values():
            for frame in range(length):
                if frame not in masklet:
                    masklet.add(FrameMask.given(frame, empty))
        info = VideoInfo(
            name=video.name,
            height=some.height,
            width=some.width,
            frame_count=len(video),
            frame_names=video.stems,
        )
        place = self._folder / unit.predictor / unit.setting / video.name
        place.parent.mkdir(parents=True, exist_ok=True)
        write = write_object_pngs if self.options.overlap else write_palette_pngs
        write(place, [masklets[number] for number in sorted(masklets)], info, overwrite=True)


class Timed:
    """A tracking whose own time is taken.

    Attributes
    ----------
    seconds: spent in it, decoding of pictures included as far as it waits for that; frames: that it yielded.
    """

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking
        self.seconds = 0.0
        self.frames = 0

    def prompt(self, frame: int, object_id: int, prompt: Prompt) -> Predicted:
        started = time.perf_counter()
        answer = self._tracking.prompt(frame, object_id, prompt)
        self.seconds += time.perf_counter() - started
        return answer

    def propagate(self) -> Iterator[tuple[int, Frame]]:
        frames = self._tracking.propagate()
        while True:
            started = time.perf_counter()
            result = next(frames, None)
            self.seconds += time.perf_counter() - started
            if result is None:
                return
            self.frames += 1
            yield result

    def close(self) -> None:
        self._tracking.close()


def build(job: Job, folder: Path) -> Evaluation:
    """The evaluation of a job, whose options are those of `VosOptions`; whether masks may overlap is the layout's.

    Raises
    ------
    ValueError: unknown or impossible options. FileNotFoundError: no such data or predictions.
    """
    layout = recognise(job.root) if job.layout == "auto" else job.layout
    options = VosOptions(
        **{**job.options, "prompts": tuple(job.options["prompts"]), "overlap": layout in OVERLAPPING_LAYOUTS}
    )
    videos = open_videos(job.root, layout, split=job.split)
    predictors = {spec.name: partial(load_predictor, spec) for spec in job.predictors}
    both = next((name for name in options.predictions if name in predictors), None)
    if both is not None:
        raise ValueError(f"a predictor and a folder of predictions are both called {both!r}")
    protocol = VosProtocol(videos, predictors, options, folder / PREDICTIONS)
    files = {video.name: [*video.frames, *video.annotations.files()] for video in videos}
    for name, place in options.predictions.items():
        files[f"predictions/{name}"] = sorted(Path(place).rglob("*.png"))
    return Evaluation(protocol=protocol, files=files, timings=frozenset({"frames_per_second"}))


def _collect(masklets: dict[int, Masklet], frame: int, found: Frame) -> None:
    for number, predicted in found.items():
        if number not in masklets:
            masklets[number] = Masklet(number, *predicted.mask.shape)
        masklets[number].add(FrameMask.given(frame, predicted.mask))
