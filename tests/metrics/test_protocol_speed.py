"""Speed: which frames count, in which process, and what is left out of the time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from masklet.data.layouts import open_videos
from masklet.data.scene import Scene, held
from masklet.data.sequences import Clip
from masklet.media import write_image
from masklet.metrics.manifest import Job
from masklet.metrics.predictors import Predicted, PredictorSpec
from masklet.metrics.protocols import speed
from masklet.metrics.protocols.speed import FRAMES_PER_SECOND, MEMORY, SHARES, SpeedOptions, material, measure
from masklet.metrics.run import build
from masklet.model import checkpoints
from masklet.model.configs import EFFICIENTNET_LITE0, NANO
from masklet.model.sam2 import Sam2
from masklet.session import Prompt

OPTIONS = SpeedOptions(objects=(2,), frames=4, runs=3, warm_up=2, height=48, width=64)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    stages = tuple(replace(stage, depth=1, expand=1) for stage in EFFICIENTNET_LITE0.stages)
    config = replace(NANO.at(64), encoder=replace(EFFICIENTNET_LITE0, stages=stages), memory_layers=1)
    path = tmp_path / "random.safetensors"
    checkpoints.save(Sam2(config), path)
    return path


class Steady:
    """A predictor on a clock of its own: slow while it warms up, then 0.1 s a frame, 0.2 s in its second run."""

    name = "steady"

    def __init__(self) -> None:
        self.now = 0.0
        self.runs: list[list[int]] = []
        self.prompts: list[tuple[int, int]] = []

    def open(self, clip: Clip, *, overlap: bool = True, revisit: bool = False) -> Steady:  # noqa: ARG002
        self.clip = clip
        self.runs.append([])
        return self

    def prompt(self, frame: int, object_id: int, prompt: Prompt) -> Predicted:
        assert prompt.mask is not None
        self.prompts.append((frame, object_id))
        self.now += 50
        return Predicted(mask=prompt.mask.decode())

    def propagate(self) -> Iterator[tuple[int, dict[int, Predicted]]]:
        for frame in range(len(self.clip)):
            self.now += 7 if frame <= OPTIONS.warm_up else 0.2 if len(self.runs) == 2 else 0.1
            self.runs[-1].append(frame)
            yield frame, {}

    def close(self) -> None:
        self.now += 1000


def test_only_frames_after_the_warm_up_count_and_the_median_run_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Steady()
    monkeypatch.setattr(speed, "time", SimpleNamespace(perf_counter=lambda: predictor.now))
    scene = Scene(OPTIONS.length, OPTIONS.height, OPTIONS.width, 2)
    masks = [scene.mask(0, which) > 0 for which in range(2)]
    found = measure(predictor, lambda: held(scene, OPTIONS.length), masks, OPTIONS)
    assert found[FRAMES_PER_SECOND] == pytest.approx(10)
    assert set(found) == {FRAMES_PER_SECOND, MEMORY}  # no model, no parts
    assert predictor.runs == [list(range(7))] * 3
    assert predictor.prompts == [(0, 1), (0, 2)] * 3


def test_a_model_is_measured_in_a_process_of_its_own(weights: Path, tmp_path: Path) -> None:
    job = Job(
        protocol="speed",
        data=None,
        predictors=(PredictorSpec(name="random", model=str(weights), device="cpu"),),
        options={"objects": [1, 2], "frames": 2, "runs": 1, "warm_up": 1, "height": 48, "width": 64},
    )
    evaluation = build(job, tmp_path)
    protocol = evaluation.protocol
    assert protocol.describe() == dict(job.options)
    assert not evaluation.files
    units = list(protocol.units())
    assert [unit.key for unit in units] == ["random/objects-1/drawn-64x48", "random/objects-2/drawn-64x48"]
    scores = list(protocol.evaluate(units[1]))
    values = {score.metric: score.value for score in scores}
    assert evaluation.timings == set(values)
    assert values[FRAMES_PER_SECOND] > 0
    assert 50 < values[MEMORY] < 4000
    shares = [values[metric] for metric in SHARES.values()]
    assert min(shares) > 0
    assert sum(shares) < 1
    assert {figure.metric: figure.value for figure in protocol.figures(scores)} == values


def test_one_of_several_workers_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = PredictorSpec(name="copy", model="copy")
    protocol = build(Job(protocol="speed", data=None, predictors=(spec,), options={}), tmp_path).protocol
    monkeypatch.setattr("multiprocessing.parent_process", lambda: "the first one")
    with pytest.raises(ValueError, match="one worker, got several"):
        protocol.evaluate(protocol.units()[0])


def test_a_video_with_too_few_frames_and_objects_is_used_again(tmp_path: Path) -> None:
    frames = [np.full((48, 64, 3), 40 * index, np.uint8) for index in range(4)]
    mask = np.zeros((48, 64), np.uint8)
    mask[4:20, 8:24] = 1
    for folder, pictures in (("JPEGImages", frames), ("Annotations", [mask] * 4)):
        (tmp_path / folder / "square").mkdir(parents=True)
        for index, picture in enumerate(pictures):
            write_image(tmp_path / folder / "square" / f"{index:05d}.png", picture)
    (video,) = open_videos(tmp_path)
    clip, masks = material(video, 3, OPTIONS)
    assert [int(found.sum()) for found in masks] == [256] * 3
    for _ in range(2):  # every run has a clip of its own
        with clip() as opened:
            assert [int(frame[0, 0, 0]) for frame in opened] == [0, 40, 80, 120, 80, 40, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objects": []}, "numbers of objects"),
        ({"objects": [1, 1]}, "numbers of objects"),
        ({"objects": [0]}, "numbers of objects"),
        ({"frames": 0}, "frames is at least 1, got 0"),
        ({"runs": 0}, "runs is at least 1, got 0"),
        ({"warm_up": -1}, "warm_up is at least 0, got -1"),
    ],
)
def test_options_are_checked(options: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        build(Job(protocol="speed", data=None, predictors=(), options=options), tmp_path)
