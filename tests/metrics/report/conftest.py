"""Finished runs of two small videos, as `masklet evaluate` leaves them, from scores that a test gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from masklet.data.predictions import prediction_path
from masklet.data.sequences import AnnotatedVideo, Mask, Target
from masklet.export.palette_png import write_palette_png
from masklet.metrics.manifest import Checksum, Job, Manifest
from masklet.metrics.predictors import PredictorSpec
from masklet.metrics.protocols.base import Unit
from masklet.metrics.results import Figure, Score
from masklet.metrics.run import Evaluation, run
from masklet.metrics.summary import vos_figures

HEIGHT, WIDTH, FRAMES = 48, 64, 6
HOSTILE = '<script>alert("x")<img src=y>'


@dataclass(frozen=True)
class Squares:
    """A square that moves to the right."""

    frames: tuple[int, ...] = tuple(range(FRAMES))
    objects: tuple[int, ...] = (1,)

    def masks(self, frame: int) -> Mapping[int, Mask]:
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[16:32, 8 + 4 * frame : 24 + 4 * frame] = True
        return {1: mask}

    def files(self) -> Sequence[Path]:
        return []


@dataclass
class Told:
    """A protocol whose scores are known beforehand."""

    scores: Sequence[Score]
    means: Callable[[Sequence[Score]], list[Figure]]
    name: str = "vos"

    def units(self) -> Sequence[Unit]:
        keys = dict.fromkeys((score.predictor, score.setting, score.sequence) for score in self.scores)
        return [Unit(predictor=p, setting=s, sequence=v) for p, s, v in keys]

    def evaluate(self, unit: Unit) -> Sequence[Score]:
        key = (unit.predictor, unit.setting, unit.sequence)
        return [score for score in self.scores if (score.predictor, score.setting, score.sequence) == key]

    def figures(self, scores: Sequence[Score]) -> list[Figure]:
        return self.means(scores)

    def describe(self) -> dict[str, Any]:
        return {"prompts": ["mask"]}


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[AnnotatedVideo]:
    """One video with a plain name, one whose name is markup."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = tuple(folder / f"{frame:05d}.jpg" for frame in range(FRAMES))
    for frame, path in enumerate(paths):
        picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        picture[Squares().masks(frame)[1]] = (60, 200, 230)
        cv2.imwrite(str(path), picture)
    return [
        AnnotatedVideo(
            name=name,
            frames=paths,
            annotations=Squares(),
            targets=(Target(object_id=1, frame=0),),
            scored=tuple(range(1, FRAMES)),
            groups={},
        )
        for name in ("bear", HOSTILE)
    ]


def vos_scores(videos: Sequence[AnnotatedVideo], gain: float = 0.0) -> list[Score]:
    """Of a model and a baseline, from a mask and from 1 and 3 clicks; all better by `gain`."""
    settings = {"mask": 0.8, "click-1": 0.5, "click-3": 0.6}
    return [
        Score(
            predictor=predictor,
            setting=setting,
            sequence=video.name,
            object_id=1,
            frame=frame,
            metric=metric,
            value=value,
        )
        for setting, start in settings.items()
        for predictor, less in (("model", 0.0), ("copy", 0.3))
        for place, video in enumerate(videos)
        for frame in video.scored
        for metric, value in {
            "J": start - less - 0.02 * frame - 0.1 * place + gain,
            "F": start - less - 0.01 * frame + gain,
            **({"predicted_iou": 0.9, "object_score": 3.0 - frame, "visible": 1.0} if predictor == "model" else {}),
        }.items()
    ]


MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path, videos: list[AnnotatedVideo]) -> MakeRun:
    """`make_run("name", gain=.., scores=.., protocol=.., means=.., models=..)` -> the folder of a finished run."""

    def make(
        name: str,
        *,
        gain: float = 0.0,
        scores: Sequence[Score] | None = None,
        protocol: str = "vos",
        means: Callable[[Sequence[Score]], list[Figure]] = vos_figures,
        checksum: str = "00",
    ) -> Path:
        told = Told(scores=vos_scores(videos, gain) if scores is None else scores, means=means, name=protocol)
        job = Job(
            protocol=protocol,
            data=str(tmp_path / "data set"),
            predictors=(
                PredictorSpec(name="copy", model="copy", device="cpu"),
                PredictorSpec(name="model", model="nano", device="cpu"),
            ),
            options=told.describe(),
        )
        manifest = Manifest(
            job=job,
            sequences={video.name: Checksum(files=FRAMES, sha256=checksum) for video in videos},
            models={"nano": "0123456789abcdef"},
            threads=1,
            workers=1,
            versions={"masklet": "1.2.3"},
            machine={"cpu": "a processor"},
        )
        folder = tmp_path / name
        run(Evaluation(protocol=told, files={}), folder, manifest)
        return folder

    return make


@pytest.fixture
def kept_run(make_run: MakeRun, videos: list[AnnotatedVideo]) -> Path:
    """A run that kept the model's predictions, the same on all frames."""
    folder = make_run("kept")
    labels = Squares().masks(0)[1].astype(np.uint8)
    for setting in ("mask", "click-1", "click-3"):
        for video in videos:
            for frame in video.scored:
                path = prediction_path(folder / "predictions" / "model" / setting, video, frame)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_palette_png(path, labels)
    return folder
