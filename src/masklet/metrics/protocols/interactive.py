"""Interactive video segmentation: a user corrects what goes wrong (SAM 2 paper, section 6.1 and its appendix).

Every object gets up to 3 clicks on its first frame. *Offline*, pass after pass: the whole result is looked through, the
object's worst frame (lowest IoU, not prompted before) gets up to 3 correction clicks, and all is propagated again.
*Online*, in one pass: propagation pauses where the IoU is below 0.75, and that frame gets up to 3 clicks, up to so many
frames. Both are measured after 1, 2, .. 8 prompted frames, against what the user's time is put at.

Legend: T frames, H W image, n prompted frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from masklet.data.layouts import open_videos
from masklet.data.sequences import AnnotatedVideo, Mask, Target
from masklet.masks import Rle
from masklet.metrics.jf import region_similarity
from masklet.metrics.judging import Judge
from masklet.metrics.keeping import Keeper
from masklet.metrics.manifest import Job
from masklet.metrics.predictors import Frame, Predicted, Predictor, Tracking, load_predictor
from masklet.metrics.prompting import click, follow, truth_at_start
from masklet.metrics.protocols.base import Unit
from masklet.metrics.protocols.vos import video_files
from masklet.metrics.results import Figure, Score
from masklet.metrics.run import PREDICTIONS, Evaluation
from masklet.metrics.summary import vos_figures
from masklet.metrics.users import AnnotationTime

MODES = ("offline", "online")
TOTALS = ("annotation_seconds", "clicks", "edited_frames", "frames")
"""Rows of each object: the user's time, clicks and edited frames so far, and how many frames the object is followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractiveOptions:
    """What is run.

    Attributes
    ----------
    modes: out of "offline" and "online".
    rounds: most prompted frames of an object.
    clicks: most clicks on one of them.
    threshold: online, the IoU below which the user steps in.
    limit: use only so many first frames of each video: a quick look, not the protocol's figure, and named so.
    keep: whether the predictions after the last round are written.
    """

    modes: tuple[str, ...] = MODES
    rounds: int = 8
    clicks: int = 3
    threshold: float = 0.75
    limit: int | None = None
    keep: bool = True

    def __post_init__(self) -> None:
        unknown = [mode for mode in self.modes if mode not in MODES]
        if unknown or not self.modes:
            raise ValueError(f"expected modes out of {', '.join(MODES)}, got {', '.join(unknown) or 'none'}")
        if min(self.rounds, self.clicks) < 1:
            raise ValueError(f"expected at least one round and one click, got {self.rounds} and {self.clicks}")
        if not 0 < self.threshold <= 1:
            raise ValueError(f"expected a threshold in 0..1, got {self.threshold:g}")
        if self.limit is not None and self.limit < 2:
            raise ValueError(f"expected a limit of at least 2 frames, got {self.limit}")


@dataclass(slots=True)
class _Effort:
    """What the user did for one object."""

    start: int
    clicks: int = 0
    edited: set[int] = field(default_factory=set)
    looks: int = 0
    """How often the object's frames were looked through."""


class InteractiveProtocol:
    """Interactive video segmentation of a set of videos.

    Parameters
    ----------
    videos: names are unique.
    predictors: name -> how to make it; called in each process that needs it.
    folder: where predictions go, `<predictor>/<mode>-<n>/<video>/`.
    """

    name = "interactive"

    def __init__(
        self,
        videos: Sequence[AnnotatedVideo],
        predictors: Mapping[str, Callable[[], Predictor]],
        options: InteractiveOptions,
        folder: Path,
        times: AnnotationTime | None = None,
    ) -> None:
        self.options = options
        self._videos = {video.name: video for video in videos}
        self._predictors = dict(predictors)
        self._folder = folder
        self._times = times or AnnotationTime()

    def units(self) -> Sequence[Unit]:
        """Each video in each mode by each predictor; all rounds of it are one unit."""
        return [
            Unit(predictor=predictor, setting=mode, sequence=video)
            for mode in self.options.modes
            for predictor in self._predictors
            for video in self._videos
        ]

    def evaluate(self, unit: Unit) -> Sequence[Score]:
        """All rounds on one video; the setting of a score is its mode and n, as in "offline-3"."""
        sitting = _Sitting(self._videos[unit.sequence], self._predictors[unit.predictor](), self.options)
        scores: list[Score] = []
        keeper = Keeper()
        for count, outcome in enumerate(sitting.rounds(unit.setting), start=1):
            judge, keeper, efforts = outcome
            setting = f"{unit.setting}-{count}{self._mark}"
            scores += judge.scores(unit.predictor, setting)
            for number, effort in efforts.items():
                frames = sitting.length - effort.start
                seconds = self._times.seconds(effort.clicks, len(effort.edited), effort.looks * frames)
                values = seconds, effort.clicks, len(effort.edited), frames
                scores += [
                    unit.score(metric, value, object_id=number, setting=setting)
                    for metric, value in zip(TOTALS, values, strict=True)
                ]
        if self.options.keep:
            video = self._videos[unit.sequence]
            setting = f"{unit.setting}-{self.options.rounds}{self._mark}"
            place = self._folder / unit.predictor / setting / video.name
            keeper.write(place, video, sitting.length)
        return scores

    def figures(self, scores: Sequence[Score]) -> list[Figure]:
        """J&F of each n, the user's effort as in the paper's table of its data engine, and the mean of J&F over n."""
        regions = [figure for figure in vos_figures(scores) if figure.metric in ("J&F", "J", "F")]
        found: list[Figure] = []
        curves: dict[tuple[str, str], list[Figure]] = {}
        for predictor, setting in dict.fromkeys((figure.predictor, figure.setting) for figure in regions):
            mine = [figure for figure in regions if (figure.predictor, figure.setting) == (predictor, setting)]
            found += [*mine, *_effort(scores, predictor, setting)]
            curves.setdefault((predictor, setting.partition("-")[0]), []).append(mine[0])
        for (predictor, mode), curve in curves.items():
            mean = float(np.mean([figure.value for figure in curve]))
            setting = f"{mode}-mean{self._mark}"
            found.append(Figure(predictor=predictor, setting=setting, metric="J&F", value=mean, count=curve[0].count))
        return found

    def describe(self) -> dict[str, Any]:
        """The options."""
        return asdict(self.options) | {"modes": list(self.options.modes)}

    @property
    def _mark(self) -> str:
        return "" if self.options.limit is None else f"-first-{self.options.limit}"


Round = tuple[Judge, Keeper, Mapping[int, _Effort]]


class _Sitting:
    """One video and its simulated user."""

    def __init__(self, video: AnnotatedVideo, predictor: Predictor, options: InteractiveOptions) -> None:
        self.length = len(video) if options.limit is None else min(len(video), options.limit)
        self._video = video
        self._predictor = predictor
        self._options = options
        self._annotated = frozenset(frame for frame in video.annotations.frames if frame < self.length)
        self._targets = [target for target in video.targets if target.frame < self.length]
        if not self._targets:
            raise ValueError(f"{video.name}: no object begins within {self.length} frames")

    def rounds(self, mode: str) -> Iterator[Round]:
        """What there is after 1, 2, .. n prompted frames."""
        return self._offline() if mode == "offline" else self._online()

    def _offline(self) -> Iterator[Round]:
        efforts = {target.object_id: _Effort(target.frame) for target in self._targets}
        with closing(self._predictor.open(self._video.clip(), revisit=True)) as tracking:
            for count in range(1, self._options.rounds + 1):
                judge, keeper = self._judge(), Keeper()
                worst: dict[int, tuple[float, int, Rle]] = {}
                for frame, found in self._pass(tracking, efforts):
                    judge.add(frame, found)
                    keeper.add(frame, found)
                    for number, (iou, predicted) in self._ious(judge, frame, found).items():
                        if frame not in efforts[number].edited and (number not in worst or iou < worst[number][0]):
                            worst[number] = iou, frame, Rle.encode(predicted.mask)
                for effort in efforts.values():
                    effort.looks += 1
                yield judge, keeper, efforts
                if count == self._options.rounds:
                    return
                for number, (iou, frame, shown) in worst.items():
                    if iou < 1:
                        self._correct(tracking, frame, number, shown.decode(), efforts[number])

    def _online(self) -> Iterator[Round]:
        for budget in range(1, self._options.rounds + 1):
            # A user with more frames to spend does the same until they are spent, so that each budget is a run.
            efforts = {target.object_id: _Effort(target.frame, looks=1) for target in self._targets}
            judge, keeper = self._judge(), Keeper()
            with closing(self._predictor.open(self._video.clip())) as tracking:
                for frame, found in self._pass(tracking, efforts):
                    shown = dict(found)
                    for number, (iou, predicted) in self._ious(judge, frame, found).items():
                        effort = efforts[number]
                        if iou < self._options.threshold and len(effort.edited) < budget and frame != effort.start:
                            mask = self._correct(tracking, frame, number, predicted.mask, effort)
                            shown[number] = Predicted(mask=mask)
                    judge.add(frame, shown)
                    keeper.add(frame, shown)
            yield judge, keeper, efforts
            if all(len(effort.edited) < budget for effort in efforts.values()):
                for _ in range(budget, self._options.rounds):  # nobody would step in again
                    yield judge, keeper, efforts
                return

    def _pass(self, tracking: Tracking, efforts: Mapping[int, _Effort]) -> Iterator[tuple[int, Frame]]:
        """Every frame once; objects get their first clicks if they have none."""

        def show(target: Target) -> None:
            truth = truth_at_start(self._video, target)
            effort = efforts[target.object_id]
            made, _ = click(tracking, target.frame, target.object_id, truth, self._options.clicks, None)
            effort.clicks += made
            effort.edited.add(target.frame)

        new = [target for target in self._targets if not efforts[target.object_id].edited]
        for frame, found in follow(tracking, new, show):
            if frame >= self.length:
                return
            yield frame, found

    def _correct(self, tracking: Tracking, frame: int, number: int, shown: Mask, effort: _Effort) -> Mask:
        truth = self._video.annotations.masks(frame)[number]
        made, mask = click(tracking, frame, number, truth, self._options.clicks, shown)
        assert mask is not None
        effort.clicks += made
        effort.edited.add(frame)
        return mask

    def _ious(self, judge: Judge, frame: int, found: Frame) -> dict[int, tuple[float, Predicted]]:
        """Object -> IoU and prediction, on an annotated frame; none on others."""
        if frame not in self._annotated:
            return {}
        truth = judge.truth(frame)
        return {
            number: (region_similarity(predicted.mask, truth[number]), predicted) for number, predicted in found.items()
        }

    def _judge(self) -> Judge:
        frames = [frame for frame in self._video.scored if frame < self.length]
        return Judge(self._video, frames, {target.object_id: target.frame for target in self._targets})


def _effort(scores: Sequence[Score], predictor: str, setting: str) -> list[Figure]:
    """The user's effort: seconds of the mean object, and per frame, clicks and edited frames as shares of all."""
    totals = dict.fromkeys(TOTALS, 0.0)
    count = 0
    for score in scores:
        if score.metric in totals and (score.predictor, score.setting) == (predictor, setting):
            totals[score.metric] += score.value
            count += score.metric == "frames"
    values = {
        "annotation_seconds": totals["annotation_seconds"] / count,
        "seconds_per_frame": totals["annotation_seconds"] / totals["frames"],
        "edited_share": totals["edited_frames"] / totals["frames"],
        "clicks_per_edited_frame": totals["clicks"] / totals["edited_frames"],
    }
    return [
        Figure(predictor=predictor, setting=setting, metric=metric, value=value, count=count)
        for metric, value in values.items()
    ]


def build(job: Job, folder: Path) -> Evaluation:
    """The evaluation of a job, whose options are those of `InteractiveOptions`.

    Raises
    ------
    ValueError: unknown or impossible options. FileNotFoundError: no such data.
    """
    options = InteractiveOptions(**{**job.options, "modes": tuple(job.options["modes"])})
    videos = open_videos(job.root, job.layout, split=job.split)
    predictors = {spec.name: partial(load_predictor, spec) for spec in job.predictors}
    protocol = InteractiveProtocol(videos, predictors, options, folder / PREDICTIONS)
    return Evaluation(protocol=protocol, files=video_files(videos))
