"""Robustness: semi-supervised video object segmentation on damaged footage, beside the same footage as it is.

Each video is damaged in one way (`masklet.data.corruptions`), its objects are shown on the damaged frame where they
begin, and J and F count on the original frames that are left, each where it first appears. Objects that are followed
over a cut to other footage should be gone there (false alarms are counted) and found again after it.

Objects can also be put out of sight (`masklet.data.disappearance`); the changed ground truth counts then, and
"presence" is the share of frames on which they are rightly said to be seen or not.

What damage costs is the drop of J&F, over the frames that were scored with and without it.

Legend: T frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from masklet.data.corruptions import CORRUPTIONS, Corrupted, ShotCuts
from masklet.data.disappearance import DISAPPEARANCES
from masklet.data.layouts import open_videos
from masklet.data.sequences import AnnotatedVideo, Target
from masklet.metrics.judging import Judge, without_overlap
from masklet.metrics.keeping import overlapping
from masklet.metrics.manifest import Job
from masklet.metrics.predictors import Frame, Predictor, load_predictor
from masklet.metrics.prompting import check_prompts, follow, point_at, truth_at_start
from masklet.metrics.protocols.base import Unit
from masklet.metrics.protocols.vos import video_files
from masklet.metrics.results import Figure, Score, figures
from masklet.metrics.run import Evaluation
from masklet.metrics.summary import vos_figures

CLEAN = "clean"
SCORED = ("J&F", "J", "F", "presence", "presence_auroc")
"""Figures of the VOS protocol that are shown of each damage."""
AFTER_CUT, FALSE_ALARM, ELSEWHERE = "J&F_after_cut", "false_alarm", "object_score_elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessOptions:
    """What is run.

    Attributes
    ----------
    corruptions: names out of `CORRUPTIONS` and `DISAPPEARANCES`; each is a setting, beside "clean".
    prompt: how objects are shown, one of `users.PROMPTS`.
    limit: use only so many first frames of each video: a quick look, and named so.
    """

    corruptions: tuple[str, ...]
    prompt: str = "mask"
    limit: int | None = None

    def __post_init__(self) -> None:
        check_prompts([self.prompt])
        known = (*CORRUPTIONS, *DISAPPEARANCES)
        unknown = next((name for name in self.corruptions if name not in known), None)
        if unknown is not None:
            raise ValueError(f"expected corruptions out of {', '.join(known)}, got {unknown!r}")
        if not self.corruptions or len(set(self.corruptions)) < len(self.corruptions):
            raise ValueError(f"expected at least one corruption and each once, got {list(self.corruptions)}")
        if self.limit is not None and self.limit < 2:
            raise ValueError(f"expected a limit of at least 2 frames, got {self.limit}")

    @property
    def needs_other(self) -> str | None:
        """The first corruption that shows another video, if there is one."""
        return next((name for name in self.corruptions if _shows_other(name)), None)


class RobustnessProtocol:
    """Video object segmentation of damaged videos.

    Parameters
    ----------
    videos: names are unique; cuts go to the next one of the list.
    predictors: name -> how to make it; called in each process that needs it.

    Raises
    ------
    ValueError: a damage that shows another video, and only one video.
    """

    name = "robustness"

    def __init__(
        self,
        videos: Sequence[AnnotatedVideo],
        predictors: Mapping[str, Callable[[], Predictor]],
        options: RobustnessOptions,
    ) -> None:
        if len(videos) < 2 and options.needs_other is not None:
            raise ValueError(
                f"{options.needs_other} shows another video, but there is only {videos[0].name}: choose the other"
                " corruptions"
            )
        self.options = options
        self._videos = {video.name: _first(video, options.limit) for video in videos}
        self._predictors = dict(predictors)
        self._mark = "" if options.limit is None else f"-first-{options.limit}"

    def units(self) -> Sequence[Unit]:
        """Each video, as it is and under each damage, by each predictor."""
        return [
            Unit(predictor=predictor, setting=setting + self._mark, sequence=video)
            for setting in (CLEAN, *self.options.corruptions)
            for predictor in self._predictors
            for video in self._videos
        ]

    def evaluate(self, unit: Unit) -> Sequence[Score]:
        """Follow and score all objects of one damaged video.

        Rows of J, F and the predictor's own figures carry the original frame. Of footage from elsewhere there are
        false alarms (1 where an object is said to be seen) and object scores, by frame of the damaged clip.
        """
        video, corrupted = self._damaged(self._videos[unit.sequence], unit.setting.removesuffix(self._mark))
        starts = {target.object_id: corrupted.first(target.frame) for target in video.targets}
        targets = [Target(object_id=number, frame=frame) for number, frame in starts.items()]
        shown = {target.object_id: target for target in video.targets}
        left = [frame for frame in video.scored if frame in corrupted.origin]
        judge = Judge(video, left, {number: target.frame for number, target in shown.items()})
        judged: set[int] = set()
        elsewhere: list[tuple[int, int, str, float]] = []
        overlap = overlapping(video)
        with closing(self._predictors[unit.predictor]().open(corrupted.clip, overlap=overlap)) as tracking:

            def show(target: Target) -> None:
                truth = truth_at_start(video, shown[target.object_id])
                point_at(tracking, target.frame, target.object_id, truth, self.options.prompt)

            for frame, found in follow(tracking, targets, show):
                original = corrupted.origin[frame]
                if original is None:
                    elsewhere += _alarms(frame, found)
                elif original not in judged:
                    judged.add(original)
                    judge.add(original, found if overlap else without_overlap(found))
        scores = judge.scores(unit.predictor, unit.setting)
        row = partial(Score, predictor=unit.predictor, setting=unit.setting, sequence=unit.sequence)
        found = [row(object_id=number, frame=frame, metric=m, value=v) for number, frame, m, v in elsewhere]
        return [*scores, *_after_cut(scores, corrupted), *found]

    def figures(self, scores: Sequence[Score]) -> list[Figure]:
        """J&F and its drop against the clean footage, of each damage; after cuts, the same of what comes after them."""
        table = [figure for figure in vos_figures(scores) if figure.metric in SCORED]
        by_place = _frames(scores)
        for predictor, setting in dict.fromkeys((score.predictor, score.setting) for score in scores):
            reference = by_place.get((predictor, CLEAN + self._mark), {})
            mine = by_place[predictor, setting]
            if mine is reference:
                continue
            behind = {
                (score.sequence, score.object_id, score.frame)
                for score in scores
                if score.metric == AFTER_CUT and (score.predictor, score.setting) == (predictor, setting)
            }
            for metric, places in (("drop", mine.keys()), ("drop_after_cut", behind)):
                drops = _drops(reference, mine, places)
                if drops:
                    mean, count = float(np.mean(drops)), len(drops)
                    table.append(Figure(predictor=predictor, setting=setting, metric=metric, value=mean, count=count))
        return [*table, *figures(scores, (AFTER_CUT, FALSE_ALARM))]

    def describe(self) -> dict[str, Any]:
        """The options."""
        return asdict(self.options) | {"corruptions": list(self.options.corruptions)}

    def _damaged(self, video: AnnotatedVideo, name: str) -> tuple[AnnotatedVideo, Corrupted]:
        """The video with the ground truth that counts, and the clip that is shown."""
        everything = tuple(range(len(video)))
        if name == CLEAN:
            return video, Corrupted(clip=video.clip(), origin=everything)
        names = list(self._videos)
        other = self._videos[names[(names.index(video.name) + 1) % len(names)]]
        if name in DISAPPEARANCES:
            hidden = DISAPPEARANCES[name].apply(video, other)
            return hidden.video, Corrupted(clip=hidden.clip, origin=everything)
        corruption = CORRUPTIONS[name]
        needed = other.clip() if isinstance(corruption, ShotCuts) else None
        kept = [target.frame for target in video.targets]
        return video, corruption.apply(video.clip(), other=needed, keep=kept)


def _shows_other(name: str) -> bool:
    return name in DISAPPEARANCES or isinstance(CORRUPTIONS[name], ShotCuts)


Place = tuple[str, int | None, int | None]
"""Sequence, object, frame."""


def _frames(scores: Iterable[Score]) -> dict[tuple[str, str], dict[Place, float]]:
    """(predictor, setting) -> place -> J&F."""
    found: dict[tuple[str, str], dict[Place, float]] = {}
    for score in scores:
        if score.metric in ("J", "F"):
            values = found.setdefault((score.predictor, score.setting), {})
            place = score.sequence, score.object_id, score.frame
            values[place] = values.get(place, 0.0) + score.value / 2
    return found


def _drops(clean: Mapping[Place, float], damaged: Mapping[Place, float], places: Iterable[Place]) -> list[float]:
    """How much lower J&F is, for each object, over those places that both have."""
    of_objects: dict[tuple[str, int | None], list[float]] = {}
    for place in places:
        if place in clean:
            of_objects.setdefault(place[:2], []).append(clean[place] - damaged[place])
    return [float(np.mean(values)) for values in of_objects.values()]


def _alarms(frame: int, found: Frame) -> Iterator[tuple[int, int, str, float]]:
    """(object, frame, metric, value) on footage from elsewhere."""
    for number, predicted in found.items():
        yield number, frame, FALSE_ALARM, float(predicted.visible)
        if predicted.score is not None:
            yield number, frame, ELSEWHERE, predicted.score


def _after_cut(scores: Sequence[Score], corrupted: Corrupted) -> list[Score]:
    """J&F of frames behind the first footage from elsewhere; none where there is none."""
    if None not in corrupted.origin:
        return []
    back = corrupted.origin.index(None)
    behind = {original for original in corrupted.origin[back:] if original is not None}
    values = next(iter(_frames(scores).values()), {})
    return [
        replace(score, metric=AFTER_CUT, value=values[score.sequence, score.object_id, score.frame])
        for score in scores
        if score.metric == "J" and score.frame in behind
    ]


def _first(video: AnnotatedVideo, limit: int | None) -> AnnotatedVideo:
    """The video's first frames; all of them for None."""
    if limit is None or limit >= len(video):
        return video
    targets = tuple(target for target in video.targets if target.frame < limit)
    if not targets:
        raise ValueError(f"{video.name}: no object begins within {limit} frames")
    scored = tuple(frame for frame in video.scored if frame < limit)
    return replace(video, frames=video.frames[:limit], targets=targets, scored=scored)


def build(job: Job, _folder: Path) -> Evaluation:
    """The evaluation of a job, whose options are those of `RobustnessOptions`.

    Raises
    ------
    ValueError: unknown or impossible options. FileNotFoundError: no such data.
    """
    options = RobustnessOptions(**{**job.options, "corruptions": tuple(job.options["corruptions"])})
    videos = open_videos(job.root, job.layout, split=job.split)
    predictors = {spec.name: partial(load_predictor, spec) for spec in job.predictors}
    return Evaluation(protocol=RobustnessProtocol(videos, predictors, options), files=video_files(videos))
