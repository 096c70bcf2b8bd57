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
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from masklet.data.layouts import open_videos
from masklet.data.predictions import open_predictions
from masklet.data.sequences import AnnotatedVideo, Mask, Target
from masklet.metrics.identity import identity
from masklet.metrics.judging import Judge, without_overlap
from masklet.metrics.keeping import Keeper, overlapping
from masklet.metrics.manifest import Job
from masklet.metrics.predictors import Frame, Predicted, Predictor, Tracking, load_predictor
from masklet.metrics.prompting import check_prompts, follow, point_at, truth_at_start
from masklet.metrics.protocols.base import Unit
from masklet.metrics.results import Figure, Score
from masklet.metrics.run import PREDICTIONS, Evaluation
from masklet.metrics.summary import vos_figures
from masklet.session import Prompt

FILES = "files"
"""Setting of predictions that were read from files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VosOptions:
    """What is run.

    Attributes
    ----------
    prompts: settings out of `users.PROMPTS`.
    predictions: name -> folder of masks that another tool wrote, to be scored too.
    score_all: score all annotated frames, the first and last too, against the data set's rule.
    limit: use only so many first frames of each video: a quick look, not the protocol's figure, and named so.
    keep: whether predictions are written.
    """

    prompts: tuple[str, ...] = ("mask",)
    predictions: Mapping[str, str] = field(default_factory=dict)
    score_all: bool = False
    limit: int | None = None
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
            judge = Judge(video, frames, {target.object_id: target.frame for target in video.targets})
            for frame in frames:
                judge.add(frame, {i: Predicted(mask=mask) for i, mask in predictions.masks(video, frame).items()})
            whole = _identities(video, frames, lambda frame: predictions.masks(video, frame))
            return [
                *judge.scores(unit.predictor, unit.setting),
                *(unit.score(metric, value) for metric, value in whole.items()),
            ]
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

    def _track(self, unit: Unit, video: AnnotatedVideo, frames: Sequence[int], setting: str) -> Sequence[Score]:
        length = self._length(video)
        targets = [target for target in video.targets if target.frame < length]
        if not targets:
            raise ValueError(f"{video.name}: no object begins within {length} frames")
        judge = Judge(video, frames, {target.object_id: target.frame for target in targets})
        overlap = overlapping(video)
        keeper = Keeper()
        predictor = self._predictors[unit.predictor]()
        with closing(Timed(predictor.open(video.clip(), overlap=overlap))) as tracking:

            def show(target: Target) -> None:
                truth = truth_at_start(video, target)
                point_at(tracking, target.frame, target.object_id, truth, setting)

            for frame, found in follow(tracking, targets, show):
                if frame >= length:
                    break
                apart = found if overlap else without_overlap(found)
                judge.add(frame, apart)
                keeper.add(frame, apart)
        if self.options.keep:
            keeper.write(self._folder / unit.predictor / unit.setting / video.name, video, length)
        whole = _identities(video, frames, keeper.masks) | {"frames_per_second": tracking.frames / tracking.seconds}
        return [
            *judge.scores(unit.predictor, unit.setting),
            *(unit.score(metric, value) for metric, value in whole.items()),
        ]


def _identities(
    video: AnnotatedVideo, frames: Sequence[int], masks: Callable[[int], Mapping[int, Mask]]
) -> dict[str, float]:
    """Metric -> value, of a video with several objects where trackeval is installed."""
    if len(video.annotations.objects) < 2 or not frames or find_spec("trackeval") is None:
        return {}
    found = identity((masks(frame), video.annotations.masks(frame)) for frame in frames)
    return {"HOTA": found.hota, "IDF1": found.idf1, "id_switches": float(found.switches)}


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
    """The evaluation of a job, whose options are those of `VosOptions`.

    Raises
    ------
    ValueError: unknown or impossible options. FileNotFoundError: no such data or predictions.
    """
    options = VosOptions(**{**job.options, "prompts": tuple(job.options["prompts"])})
    videos = open_videos(job.root, job.layout, split=job.split)
    predictors = {spec.name: partial(load_predictor, spec) for spec in job.predictors}
    both = next((name for name in options.predictions if name in predictors), None)
    if both is not None:
        raise ValueError(f"a predictor and a folder of predictions are both called {both!r}")
    protocol = VosProtocol(videos, predictors, options, folder / PREDICTIONS)
    files = video_files(videos)
    for name, place in options.predictions.items():
        files[f"predictions/{name}"] = sorted(Path(place).rglob("*.png"))
    return Evaluation(protocol=protocol, files=files, timings=frozenset({"frames_per_second"}))


def video_files(videos: Iterable[AnnotatedVideo]) -> dict[str, list[Path]]:
    """All files of each video, for checksums."""
    return {video.name: [*video.frames, *video.annotations.files()] for video in videos}
